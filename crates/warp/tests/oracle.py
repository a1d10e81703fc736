"""What GDAL makes of warps, for the tests of this crate: `rasterio.warp.reproject` with an exact transformer.

    python oracle.py OUT [--golden] [--only PART_OF_A_NAME]

Writes OUT.json (the cases) and OUT.bin (their pixels). `--golden` writes the few small cases that are kept beside the tests.
"""

import json
import sys

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.warp import reproject, transform as transform_points

METHODS = ["nearest", "bilinear", "cubic", "cubic_spline", "lanczos", "average", "mode", "min", "max", "med", "q1", "q3", "sum", "rms"]
SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"

# source CRS, its pixel, the longitude and latitude of its middle, destination CRS, its pixel of about the same size
PAIRS = [
    ("EPSG:32632", 20.0, (11.7, 46.8), "EPSG:32633", 20.0),
    ("EPSG:32633", 10.0, (12.5, 47.9), "EPSG:3035", 10.0),
    ("EPSG:32633", 10.0, (14.0, 52.1), "EPSG:3857", 16.3),
    ("EPSG:32718", 30.0, (-76.2, -12.0), "EPSG:4326", 0.00027),
    ("EPSG:4326", 0.001, (-48.0, 78.0), "EPSG:3413", 60.0),
    ("EPSG:4326", 0.002, (37.0, -77.0), "EPSG:3031", 120.0),
    ("EPSG:3031", 500.0, (170.0, -71.0), "EPSG:4326", 0.01),
    ("EPSG:3035", 100.0, (9.0, 50.0), "EPSG:6933", 100.0),
    ("EPSG:32636", 250.0, (33.0, 10.0), SINUSOIDAL, 250.0),
    (SINUSOIDAL, 463.3127, (-55.0, -12.0), "EPSG:4326", 0.0042),
    ("EPSG:4326", 0.0003, (18.0, -33.5), "EPSG:32734", 30.0),
    ("EPSG:32632", 10.0, (9.0, 45.0), "EPSG:32632", 10.0),
    ("EPSG:4326", 0.01, (10.0, 50.0), "EPSG:4326", 0.01),
]
# Over the antimeridian and the poles: source CRS, its affine and shape, destination CRS, its affine and shape.
EDGES_OF_THE_EARTH = [
    ("EPSG:32601", (2000, 0, 150000, 0, -2000, 7000000), (140, 161), "EPSG:4326", (0.03, 0, -182.0, 0, -0.03, 63.5), (100, 150)),
    ("EPSG:32660", (2000, 0, 600000, 0, -2000, 1500000), (140, 161), "EPSG:4326", (0.02, 0, 178.5, 0, -0.02, 13.0), (100, 150)),
    ("EPSG:32660", (2000, 0, 600000, 0, -2000, 1500000), (140, 161), "EPSG:32601", (1800, 0, 100000, 0, -1800, 1480000), (100, 120)),
    ("EPSG:4326", (0.02, 0, 178.6, 0, -0.02, -10.0), (140, 161), "EPSG:32701", (2000, 0, 40000, 0, -2000, 8880000), (110, 140)),
    ("EPSG:4326", (0.02, 0, -181.4, 0, -0.02, -10.0), (140, 161), "EPSG:32701", (2000, 0, 40000, 0, -2000, 8880000), (110, 140)),
    ("EPSG:4326", (2.0, 0, -180.0, 0, -0.25, 90.0), (80, 180), "EPSG:3413", (25000, 0, -1500000, 0, -25000, 1500000), (120, 120)),
    ("EPSG:4326", (2.0, 0, 0.0, 0, -0.25, -70.0), (80, 180), "EPSG:3031", (30000, 0, -1800000, 0, -30000, 1800000), (120, 120)),
    ("EPSG:3413", (12500, 0, -1000000, 0, -12500, 1000000), (160, 160), "EPSG:4326", (1.5, 0, -180.0, 0, -0.1, 90.0), (100, 240)),
    ("EPSG:3031", (12500, 0, -1000000, 0, -12500, 1000000), (160, 160), "EPSG:6933", (100000, 0, -17000000, 0, -20000, -7000000), (18, 340)),
    ("EPSG:6933", (100089, 0, -17367530, 0, -100089, 7307375), (146, 347), "EPSG:4326", (1.0, 0, -180.0, 0, -1.0, 85.0), (170, 360)),
    ("EPSG:4326", (1.0, 0, -180.0, 0, -1.0, 90.0), (180, 360), "EPSG:3857", (100000, 0, -20000000, 0, -100000, 20000000), (400, 400)),
    ("EPSG:4326", (1.0, 0, 0.0, 0, -1.0, 90.0), (180, 360), "EPSG:4326", (0.7, 0, -180.0, 0, -0.7, 84.0), (240, 514)),
]
FACTORS = [0.37, 1.0, 1.04, 1.7, 2.0, 5.3]
LAYOUTS = ["inside", "around", "across"]
# dtype, nodata, kind of pixels
TYPES = [
    ("uint16", 0, "noise"),
    ("float32", None, "noise"),
    ("uint8", None, "classes"),
    ("int16", -9999, "noise"),
    ("float32", -9999.0, "noise"),
    ("uint8", 255, "classes"),
    ("uint16", None, "noise"),
    ("float32", float("nan"), "classes"),
    ("int32", -1, "classes"),
    ("float64", None, "noise"),
]


def grid_around(crs, lonlat, pixel, shape):
    """A grid of whole multiples of nothing: its middle near a place, off by a fraction of a pixel."""
    (x,), (y,) = transform_points("EPSG:4326", crs, [lonlat[0]], [lonlat[1]])
    rows, cols = shape
    return Affine(pixel, 0, x - (cols / 2 + 0.237) * pixel, 0, -pixel, y + (rows / 2 + 0.411) * pixel)


def pixels(rng, kind, dtype, shape):
    if kind == "classes":
        data = rng.integers(1, 7, shape).astype(dtype)
    elif dtype.startswith("float"):
        data = (rng.normal(size=shape) * 100 + 300).astype(dtype)
    else:
        data = rng.integers(1, {"uint8": 255, "int16": 3000}.get(dtype, 10000), shape).astype(dtype)
        if dtype == "int16":
            data -= 1000
    return data


def holes(rng, data, nodata):
    """A quarter of the area in a few rectangles, and single pixels."""
    mask = rng.random(data.shape) < 0.03
    rows, cols = data.shape
    for _ in range(3):
        r, c = rng.integers(0, rows), rng.integers(0, cols)
        mask[r : r + rows // 4, c : c + cols // 4] = True
    data[mask] = nodata
    return data


def destination(source, shape, pair, factor, layout, size):
    src_crs, _, lonlat, dst_crs, pixel = pair
    pixel = pixel * factor
    rows, cols = shape
    if size is None:
        share = {"inside": 0.6, "around": 1.25, "across": 0.8}[layout]
        size = (max(3, int(rows * share / factor)), max(3, int(cols * share / factor)))
    grid = grid_around(dst_crs, lonlat, pixel, size)
    if layout == "across":
        grid = grid * Affine.translation(size[1] * 0.55, -size[0] * 0.45)
    if src_crs == dst_crs and factor in (1.0, 2.0):
        # Grids that lie on each other.
        inverse = ~source * (grid.c, grid.f)
        c, r = round(inverse[0]), round(inverse[1])
        x, y = source * (c, r)
        grid = Affine(pixel, 0, x, 0, -pixel, y)
    return grid, size


def cases(golden):
    rng = np.random.default_rng(20250131)
    number = 0
    for p, pair in enumerate(PAIRS):
        for f, factor in enumerate(FACTORS):
            for l, layout in enumerate(LAYOUTS):
                number += 1
                if golden:
                    if (p + f * 5 + l) % 6:
                        continue
                    shape, size = (14, 17), {"inside": (6, 7), "around": (9, 9), "across": (8, 7)}[layout]
                    kinds = [TYPES[(p + f + l) % len(TYPES)]]
                else:
                    shape, size = (140, 161), None
                    kinds = [TYPES[(number * 3 + k) % len(TYPES)] for k in range(2)]
                for dtype, nodata, kind in kinds:
                    source = grid_around(pair[0], pair[2], pair[1], shape)
                    data = pixels(rng, kind, dtype, shape)
                    if nodata is not None:
                        data = holes(rng, data, nodata)
                    grid, out = destination(source, shape, pair, factor, layout, size)
                    name = f"{pair[0][:11]} to {pair[3][:11]}, x{factor}, {layout}, {dtype}, nodata {nodata}, {kind}"
                    yield name, pair, source, data, nodata, grid, out


    if golden:
        return
    for number, (src_crs, source, shape, dst_crs, grid, size) in enumerate(EDGES_OF_THE_EARTH):
        for k in range(2):
            dtype, nodata, kind = TYPES[(number * 3 + k) % len(TYPES)]
            data = pixels(rng, kind, dtype, shape)
            if nodata is not None:
                data = holes(rng, data, nodata)
            name = f"edge {number}: {src_crs} to {dst_crs}, {dtype}, nodata {nodata}, {kind}"
            yield name, (src_crs, 0, 0, dst_crs, 0), Affine(*source), data, nodata, Affine(*grid), size


def number(v):
    return None if v is None else "nan" if v != v else v


def main():
    out, golden = sys.argv[1], "--golden" in sys.argv
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    found, offset = [], 0
    with open(out + ".bin", "wb") as pixels_file:

        def put(a):
            nonlocal offset
            at = offset
            offset += pixels_file.write(np.ascontiguousarray(a).tobytes())
            return at

        for name, pair, source, data, nodata, grid, size in cases(golden):
            if only not in name:
                continue
            results = {}
            at = put(data)
            for method in METHODS:
                result = np.zeros(size, data.dtype)
                reproject(
                    data,
                    result,
                    src_transform=source,
                    src_crs=pair[0],
                    dst_transform=grid,
                    dst_crs=pair[3],
                    src_nodata=nodata,
                    dst_nodata=nodata,
                    resampling=Resampling[method],
                    tolerance=0,
                    num_threads=1,
                )
                results[method] = put(result)
            found.append(
                {
                    "name": name,
                    "dtype": data.dtype.name,
                    "nodata": number(nodata),
                    "source": {"crs": pair[0], "affine": list(source)[:6], "shape": data.shape, "at": at},
                    "destination": {"crs": pair[3], "affine": list(grid)[:6], "shape": size},
                    "results": results,
                }
            )
    with open(out + ".json", "w") as f:
        json.dump({"gdal": rasterio.__gdal_version__, "cases": found}, f, indent=1)


main()
