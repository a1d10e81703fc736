"""What rasterio (GDAL) says of raster files. Reads a JSON list of requests from standard input, writes one JSON answer a line.

{"read": path}                    -> grid, CRS, bands, overviews, and for every band of every level the MD5 of its pixels and of its mask
{"crs": path, "text": text}       -> whether a CRS text means the same as the CRS of the file: by comparison, or for points of the image
{"dump": path, "level": n, "into": path} -> writes the pixels of a level, band by band
"""
import hashlib
import json
import sys
import warnings

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.warp import transform

warnings.filterwarnings("ignore")


def opened(path, level):
    return rasterio.open(path) if level == 0 else rasterio.open(path, overview_level=level - 1)


def number(value):
    return None if value is None else repr(value)


def read(path):
    with rasterio.open(path) as src:
        if src.driver != "GTiff":
            return {"error": f"rasterio opens it as {src.driver}"}
        answer = {
            "crs": src.crs.to_wkt() if src.crs else None,
            "transform": list(src.transform)[:6],
            "gcps": len(src.gcps[0]),
            "dtypes": list(src.dtypes),
            "nodata": [number(v) for v in src.nodatavals],
            "scaling": [[s, o] for s, o in zip(src.scales, src.offsets)],
            "mask_flags": [[f.name for f in flags] for flags in src.mask_flag_enums],
            "levels": [],
        }
        count = len(src.overviews(1))
    for level in range(count + 1):
        with opened(path, level) as src:
            pixels, masks = [], []
            for band in src.indexes:
                array = src.read(band)
                pixels.append(hashlib.md5(np.ascontiguousarray(array).tobytes()).hexdigest())
                masks.append(hashlib.md5((src.read_masks(band) != 0).tobytes()).hexdigest())
            answer["levels"].append({"shape": [src.height, src.width], "pixels": pixels, "masks": masks})
    return answer


def same_crs(path, text):
    with rasterio.open(path) as src:
        theirs, ours = src.crs, CRS.from_user_input(text)
        if theirs == ours:
            return {"same": True, "how": "equal"}
        cols, rows = np.meshgrid(np.linspace(0, src.width, 9), np.linspace(0, src.height, 9))
        xs, ys = src.transform * (cols.ravel(), rows.ravel())
    wgs84 = CRS.from_epsg(4326)
    a = np.array(transform(theirs, wgs84, xs, ys))
    b = np.array(transform(ours, wgs84, xs, ys))
    both = np.isfinite(a) & np.isfinite(b)
    if (np.isfinite(a) != np.isfinite(b)).any() or not both.any():
        return {"same": False, "how": "the points that can be transformed differ", "theirs": theirs.to_wkt()}
    worst = float(np.abs(a[both] - b[both]).max())
    return {"same": worst < 1e-9, "how": f"{worst:.1e} degrees apart", "theirs": theirs.to_wkt()}


def dump(path, level, into):
    with opened(path, level) as src, open(into, "wb") as out:
        for band in src.indexes:
            out.write(np.ascontiguousarray(src.read(band)).tobytes())
    return {}


def main():
    for request in json.load(sys.stdin):
        try:
            if "read" in request:
                answer = read(request["read"])
            elif "crs" in request:
                answer = same_crs(request["crs"], request["text"])
            else:
                answer = dump(request["dump"], request["level"], request["into"])
        except Exception as error:  # a file that GDAL refuses is an answer as well
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
