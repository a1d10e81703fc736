#!/usr/bin/env bash
# Makes .venv with the pinned packages of tests/python/requirements.txt; only when they changed.
set -euo pipefail
cd "$(dirname "$0")/.."

requirements=tests/python/requirements.txt
stamp=.venv/requirements.stamp

if [ -x .venv/bin/python ] && .venv/bin/python -c '' 2>/dev/null && cmp -s "$requirements" "$stamp"; then
    echo "python: .venv is up to date ($(.venv/bin/python --version))"
    exit 0
fi

python=$(tools/find-python.sh)
echo "python: making .venv with $python ($("$python" --version))"
rm -rf .venv
"$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input -r "$requirements"
cp "$requirements" "$stamp"
echo "python: .venv is ready"
