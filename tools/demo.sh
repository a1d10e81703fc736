#!/usr/bin/env bash
# Fills a cube on demand from a STAC API on this machine, twice, and opens it. Called by `make demo`.
set -euo pipefail
cd "$(dirname "$0")/.."

cube=target/release/cube
testkit=target/release/cube-testkit
roi=${DEMO_ROI:-12.0,45.4,13.4,46.7}
toi=${DEMO_TOI:-2024-06}

server=
stop_server() { if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi; }
trap stop_server EXIT

heading() { printf '\n== %s\n' "$*"; }
shown() { printf '$ %s\n' "$*"; "$@"; }

rm -rf demo
mkdir demo

heading "Synthetic scenes in two UTM zones, as cloud-optimised GeoTIFFs"
shown "$testkit" archive demo/archive

heading "A server with a STAC API and range requests"
"$testkit" serve demo/archive --port-file demo/port >demo/server.log 2>&1 </dev/null &
server=$!
for _ in $(seq 100); do
    [ -s demo/port ] && break
    kill -0 "$server" 2>/dev/null || { cat demo/server.log >&2; echo "error: the server ended" >&2; exit 1; }
    sleep 0.1
done
[ -s demo/port ] || { echo "error: the server did not start within 10 s; see demo/server.log" >&2; exit 1; }
port=$(<demo/port)
echo "http://127.0.0.1:$port/stac"
sed "s/PORT/$port/" examples/demo.toml >demo/cube.toml

heading "Load a region and a month: fetches what is missing"
time shown "$cube" load demo/cube --spec demo/cube.toml --roi "$roi" --toi "$toi"

heading "The same again: nothing to do, nobody is asked"
time shown "$cube" load demo/cube --spec demo/cube.toml --roi "$roi" --toi "$toi"

heading "What the cube holds"
shown "$cube" status demo/cube
shown "$cube" preview demo/cube --out demo/preview.png

heading "The same store in Python: icechunk and xarray"
shown .venv/bin/python tools/open_cube.py demo/cube demo/view.png

printf '\nPictures: demo/view.png, demo/preview.png. The cube: demo/cube.\n'
