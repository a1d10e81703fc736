#!/usr/bin/env bash
# The last resort on a Debian whose own Python is older than 3.12: builds CPython from the source package
# of Debian 13, under PREFIX, without touching the system's package lists: tools/build-python.sh PREFIX
set -euo pipefail

prefix=$1
mirror=${CUBE_DEBIAN_MIRROR:-http://deb.debian.org/debian}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# ssl for pip; ctypes, zlib, bz2, lzma and sqlite3 for the packages of the tests.
headers=(build-essential pkg-config libssl-dev libffi-dev zlib1g-dev libbz2-dev liblzma-dev libsqlite3-dev xz-utils)

as_root() {
    if [ "$(id -u)" -eq 0 ]; then env DEBIAN_FRONTEND=noninteractive "$@"; else sudo env DEBIAN_FRONTEND=noninteractive "$@"; fi
}

[ -f "$keyring" ] || { echo "python: not a Debian system; cannot build Python from Debian's sources"; exit 1; }
echo "python: building Python 3.13 from Debian's sources into $prefix (about five minutes on two cores)"
as_root apt-get update -qq || true
as_root apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "${headers[@]}" </dev/null >/dev/null

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/parts" "$work/source"
echo "deb-src [signed-by=$keyring] $mirror trixie main" >"$work/sources.list"
touch "$work/status"
apt_private() {
    apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts="$work/parts" -o Dir::State="$work" \
        -o Dir::State::Lists="$work/lists" -o Dir::State::Status="$work/status" -o Dir::Cache="$work/cache" -o APT::Sandbox::User="$(id -un)" "$@"
}
cd "$work/source"
apt_private update
apt_private --download-only source python3.13
mkdir unpacked
tar -xf python3.13_*.orig.tar.xz -C unpacked --strip-components=1
cd unpacked
log="$work/build.log"
{ ./configure --prefix="$prefix" --with-ensurepip=upgrade && make -j"$(nproc)" && make install; } >"$log" 2>&1 </dev/null \
    || { tail -n 30 "$log"; echo "python: the build failed"; exit 1; }
"$prefix/bin/python3" -c 'import ssl, venv, ensurepip, ctypes, sqlite3, lzma, bz2, zlib; print("python: built", ssl.OPENSSL_VERSION)'
