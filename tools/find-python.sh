#!/usr/bin/env bash
# Prints the path of a Python of 3.12 or newer that can make virtual environments.
# Every candidate is run, because a version manager's shim may exist and refuse.
# CUBE_SYSTEM_PYTHON names one and is then the only candidate.
set -euo pipefail

say() { printf 'python: %s\n' "$*" >&2; }

# The wheels that the tests pin exist for these versions; a newer Python may have to compile them.
names=(python3.14 python3.13 python3.12 python3)

usable() {
    "$1" -c 'import sys, venv, ensurepip, ssl; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}

real_path() { "$1" -c 'import sys; print(sys.executable)'; }

offer() {
    if usable "$1"; then
        real_path "$1"
        exit 0
    fi
}

if [ -n "${CUBE_SYSTEM_PYTHON:-}" ]; then
    offer "$CUBE_SYSTEM_PYTHON"
    say "error: CUBE_SYSTEM_PYTHON=$CUBE_SYSTEM_PYTHON is not a Python of 3.12 or newer with venv and ssl"
    exit 1
fi

for name in "${names[@]}"; do
    # All of them on PATH: the first may be a shim that fails.
    while read -r candidate; do offer "$candidate"; done < <(type -ap "$name" || true)
done

for root in "${PYENV_ROOT:-$HOME/.pyenv}" /opt/pyenv; do
    for name in python3.14 python3.13 python3.12; do
        for candidate in "$root"/versions/*/bin/"$name"; do
            [ -x "$candidate" ] && offer "$candidate"
        done
    done
done

if command -v uv >/dev/null; then
    for version in 3.14 3.13 3.12; do
        candidate=$(uv python find --no-project "$version" 2>/dev/null || true)
        [ -n "$candidate" ] && offer "$candidate"
    done
    say "asking uv for Python 3.13"
    if uv python install 3.13 >&2; then
        candidate=$(uv python find --no-project 3.13 2>/dev/null || true)
        [ -n "$candidate" ] && offer "$candidate"
    fi
fi

as_root() {
    if [ "$(id -u)" -eq 0 ]; then env DEBIAN_FRONTEND=noninteractive "$@"; elif command -v sudo >/dev/null; then sudo env DEBIAN_FRONTEND=noninteractive "$@"; else return 1; fi
}

if command -v apt-get >/dev/null; then
    for name in python3.14 python3.13 python3.12; do
        apt-cache show "$name-venv" >/dev/null 2>&1 || continue
        say "installing $name and $name-venv with apt"
        as_root apt-get install -y -qq --no-install-recommends "$name" "$name-venv" </dev/null >&2 && offer "/usr/bin/$name"
    done
    # Newer Debian and Ubuntu: python3 is new enough, and only its venv package is missing.
    if python3 -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; then
        say "installing python3-venv with apt"
        as_root apt-get install -y -qq --no-install-recommends python3 python3-venv </dev/null >&2 && offer /usr/bin/python3
    fi
fi

built="${CUBE_PYTHON_PREFIX:-$HOME/.local/share/cube-python}"
offer "$built/bin/python3"
if command -v apt-get >/dev/null && "$(dirname "$0")/build-python.sh" "$built" >&2; then offer "$built/bin/python3"; fi

say "error: no Python of 3.12 or newer with venv was found"
say "hint: install one, for example: uv python install 3.13 (https://docs.astral.sh/uv), pyenv install 3.13,"
say "hint: or on Debian 13, Ubuntu 24.04 and newer: apt install python3 python3-venv; then run make again,"
say "hint: or name one: make python CUBE_SYSTEM_PYTHON=/path/to/python3.13"
exit 1
