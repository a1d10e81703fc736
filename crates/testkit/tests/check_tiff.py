"""Reads every file of a folder with rasterio and compares it with what the writer was given (manifest.json)."""

import json
import sys
from pathlib import Path

import numpy as np
import rasterio

folder = Path(sys.argv[1])
failures = []


def planes(entry, prefix):
    count, rows, cols = entry["shape"]
    raw = np.fromfile(folder / f"{entry['name']}.{prefix}.raw", dtype=np.dtype(entry["dtype"]).newbyteorder("<"))
    return raw.reshape(count, rows, cols)


def check(entry):
    with rasterio.open(folder / f"{entry['name']}.tif") as file:
        assert set(file.dtypes) == {entry["dtype"]}, file.dtypes
        expected = planes(entry, "full")
        np.testing.assert_array_equal(file.read(), expected)
        assert file.crs.to_epsg() == entry["epsg"], file.crs
        assert list(file.transform)[:6] == entry["affine"], (list(file.transform)[:6], entry["affine"])
        assert file.tags().get("AREA_OR_POINT") == ("Point" if entry["point"] else "Area")
        if entry["nodata"] is None:
            assert file.nodata is None
        else:
            assert file.nodata == entry["nodata"] or (np.isnan(file.nodata) and np.isnan(float(entry["nodata"]))), file.nodata
        if entry["scale_offset"]:
            assert [list(pair) for pair in zip(file.scales, file.offsets)] == entry["scale_offset"]
        if entry["mask"]:
            mask = np.fromfile(folder / f"{entry['name']}.mask.raw", dtype="u1").reshape(expected.shape[1:])
            np.testing.assert_array_equal(file.read_masks(1), mask * 255)
        assert file.interleaving.value.lower() == entry["interleave"] or len(file.indexes) == 1, file.interleaving
        compression = file.compression.value.lower() if file.compression else "none"
        assert compression == entry["compression"], compression
        factors = file.overviews(1)
        assert len(factors) == len(entry["overviews"]), factors
    for level, overview in enumerate(entry["overviews"]):
        with rasterio.open(folder / f"{entry['name']}.tif", overview_level=level) as file:
            sub = {**entry, "shape": overview["shape"]}
            np.testing.assert_array_equal(file.read(), planes(sub, f"overview{overview['factor']}"))


manifest = json.loads((folder / "manifest.json").read_text())
for entry in manifest:
    try:
        check(entry)
    except Exception as error:  # every file is tried, so that one run shows all faults
        failures.append(f"{entry['name']}: {type(error).__name__}: {str(error)[:400]}")
print(f"{len(manifest)} files read by rasterio {rasterio.__version__} (GDAL {rasterio.__gdal_version__}), {len(failures)} wrong")
sys.exit("\n".join(failures) if failures else 0)
