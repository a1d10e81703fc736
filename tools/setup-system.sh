#!/usr/bin/env bash
# Installs the system packages that building and testing need, and checks Rust.
# Does nothing, quickly, when everything is there.
set -euo pipefail

RUST_NEEDED=1.95

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: error: %s\n' "$1" >&2; printf 'hint: %s\n' "$2" >&2; exit 1; }

# libgdal-dev brings PROJ; libclang-dev is for the bindings of the LERC decoder.
packages=(build-essential pkg-config libgdal-dev libclang-dev ca-certificates)

missing_packages() {
    local package
    for package in "${packages[@]}"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || printf '%s\n' "$package"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    elif command -v sudo >/dev/null; then
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    else
        fail "installing packages needs root, and sudo is not here" "as root: apt-get install ${packages[*]}"
    fi
}

install_packages() {
    local missing
    mapfile -t missing < <(missing_packages)
    if [ "${#missing[@]}" -eq 0 ]; then
        say "system packages: all there (${packages[*]})"
        return
    fi
    say "installing system packages: ${missing[*]}"
    local log
    log=$(mktemp)
    # A machine may carry a broken third-party package list that has nothing to do with us.
    as_root apt-get update -qq || say "apt-get update reported errors; trying to go on"
    as_root apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "${missing[@]}" </dev/null >"$log" 2>&1 \
        || { tail -n 20 "$log" >&2; fail "apt-get install failed" "the whole output is in $log"; }
    rm -f "$log"
    say "installed"
}

check_other_system() {
    say "no apt-get here; checking for GDAL, a C++ compiler and libclang"
    command -v c++ >/dev/null || fail "no C++ compiler" "macOS: xcode-select --install; Fedora: dnf install gcc-c++"
    command -v pkg-config >/dev/null || fail "no pkg-config" "macOS: brew install pkg-config; Fedora: dnf install pkgconf"
    pkg-config --exists gdal || fail "GDAL is not found by pkg-config" "macOS: brew install gdal; Fedora: dnf install gdal-devel clang-devel"
}

check_rust() {
    local hint="install Rust from https://rustup.rs, or: rustup update stable"
    command -v cargo >/dev/null && command -v rustc >/dev/null || fail "cargo and rustc are not found" "$hint"
    local version
    version=$(rustc --version | cut -d' ' -f2)
    [ "$(printf '%s\n%s\n' "$RUST_NEEDED" "$version" | sort -V | head -n1)" = "$RUST_NEEDED" ] \
        || fail "rustc is $version, and $RUST_NEEDED or newer is needed" "$hint"
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 \
        || say "cargo fmt or clippy is missing; make test needs both: rustup component add rustfmt clippy"
    say "rustc $version"
}

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then install_packages; else check_other_system; fi
check_rust
