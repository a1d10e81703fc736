#!/usr/bin/env bash
# Tries the program that was built without default features (no GDAL): tools/try-plain.sh PROGRAM
set -euo pipefail

cube=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if command -v ldd >/dev/null && ldd "$cube" | grep -qi libgdal; then
    echo "error: $cube links GDAL" >&2
    exit 1
fi

"$(dirname "$cube")/cube-testkit" archive "$work/archive" --resolution 400
cat >"$work/cube.toml" <<'TOML'
title = "Without GDAL"
[source]
backend = "stac"
url = "archive/items.json"
collections = ["sentinel-2-l2a"]
[grid]
crs = "EPSG:32632"
resolution = 400.0
extent = [700000.0, 4990000.0, 930000.0, 5200000.0]
[time]
step = "solar_day"
[bands.red]
dtype = "uint16"
nodata = 0
TOML

"$cube" --version
"$cube" --help >/dev/null
"$cube" create "$work/cube" --spec "$work/cube.toml"
"$cube" status "$work/cube" --json >/dev/null
"$cube" create "$work/plain.zarr" --spec "$work/cube.toml"
test -f "$work/plain.zarr/zarr.json"
# The archive lies in two UTM zones, so this reprojects.
"$cube" load "$work/cube" --roi 11,46,14,46.5 --toi 2024-06
"$cube" status "$work/cube" --check

# A CRS with a datum shift cannot be computed exactly without PROJ: refused by name, and nothing is left behind.
sed 's/EPSG:32632/EPSG:27700/; s/^extent.*/extent = [400000.0, 300000.0, 420000.0, 320000.0]/' "$work/cube.toml" >"$work/shift.toml"
if "$cube" create "$work/shift" --spec "$work/shift.toml" 2>"$work/refusal"; then
    echo "error: a CRS that needs PROJ was accepted" >&2
    exit 1
fi
grep -q '27700' "$work/refusal" || { echo "error: the refusal does not name the CRS:" >&2; cat "$work/refusal" >&2; exit 1; }
grep -qi 'gdal' "$work/refusal" || { echo "error: the refusal does not name the feature to switch on:" >&2; cat "$work/refusal" >&2; exit 1; }
echo "without default features: creates cubes, refuses by name what needs PROJ"
