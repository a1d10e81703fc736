"""What items, files and the spec say of pixels, and whose word counts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from rasterio.transform import from_origin
from support.specs import write_spec

TRANSFORM = from_origin(600_000, 5_000_000, 10, 10)
SENTINEL2 = {"constellation": "sentinel-2", "platform": "sentinel-2b", "s2:processing_baseline": "05.00"}


def tif(path: Path, value: float, dtype: str = "uint16", nodata: float | None = 0, scaling: tuple[float, float] | None = None) -> None:
    """One value, and 0 in the first row."""
    with rasterio.open(
        path, "w", driver="GTiff", width=64, height=64, count=1, dtype=dtype, crs="EPSG:32632", transform=TRANSFORM, nodata=nodata
    ) as file:
        pixels = np.full((64, 64), value, dtype)
        pixels[0] = 0
        file.write(pixels, 1)
        if scaling:
            file.scales, file.offsets = [scaling[0]], [scaling[1]]


def item(name: str, raster: dict | None = None, collection: str = "c", hour: int = 10, **properties: object) -> dict:
    west, south, east, north = 10.2, 45.0, 10.4, 45.3
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    asset = {"href": f"{name}.tif", "type": "image/tiff; application=geotiff", "roles": ["data"]}
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": collection,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, south, east, north],
        "properties": {"datetime": f"2024-06-01T{hour}:00:00Z", **properties},
        "links": [],
        "assets": {"red": {**asset, **({"raster:bands": [raster]} if raster is not None else {})}},
    }


def load(cube, folder: Path, items: list[dict], band: dict, **tables: dict) -> tuple[xr.DataArray, str]:
    """The band as it is stored, and what was said."""
    (folder / "items.json").write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    spec = {
        "source": {"backend": "stac", "url": str(folder / "items.json")},
        "grid": {"crs": "EPSG:32632", "resolution": 10.0, "extent": [600_000.0, 4_999_360.0, 600_640.0, 5_000_000.0]},
        "time": {"step": "none"},
        "bands": {"red": band},
        **tables,
    }
    said = cube.run(
        "load", folder / "cube.zarr", "--spec", write_spec(folder / "s.toml", spec), "--roi", "600000,4999360,600640,5000000", "--roi-crs", "EPSG:32632"
    ).stderr
    return xr.open_zarr(folder / "cube.zarr", consolidated=False, mask_and_scale=False).red.load(), said


def pixel(red: xr.DataArray) -> float:
    return float(red.values[5, 5])


def stored(red: xr.DataArray) -> tuple[float, float, float]:
    return pixel(red), red.attrs.get("scale_factor", 1.0), red.attrs.get("add_offset", 0.0)


@pytest.mark.parametrize("values, expected", [("raw", (100, 0.5, 1)), ("harmonized", (100, 0.5, 1)), ("scaled", (51, 1, 0))])
def test_the_spec_stands_in_for_a_silent_source(cube, tmp_path, values, expected):
    tif(tmp_path / "i.tif", 100)
    red, said = load(cube, tmp_path, [item("i")], {"values": values, "scale": 0.5, "offset": 1.0})
    assert stored(red) == expected
    assert "WARN" not in said.upper(), said


def test_the_spec_overrules_the_source_where_values_are_made(cube, tmp_path):
    tif(tmp_path / "i.tif", 100, scaling=(0.01, 5.0))
    red, said = load(cube, tmp_path, [item("i")], {"values": "scaled", "scale": 0.5, "offset": 1.0})
    assert pixel(red) == 51
    assert "c/i states scale 0.01 and offset 5" in said, said


@pytest.mark.parametrize("raster, expected", [({"scale": 0.01}, (100, 0.01, 0)), ({"offset": 7}, (100, 1, 7))])
def test_scale_and_offset_come_from_one_hand(cube, tmp_path, raster, expected):
    tif(tmp_path / "i.tif", 100, scaling=(0.01, 5.0))
    red, said = load(cube, tmp_path, [item("i", {"data_type": "uint16", "nodata": 0, **raster})], {"values": "raw"})
    assert stored(red) == expected
    assert said.count("states scale 0.01 and offset 5") == 1, said


def test_a_file_knows_its_nodata(cube, tmp_path):
    tif(tmp_path / "i.tif", 100)
    red, said = load(cube, tmp_path, [item("i", {"nodata": 100, "data_type": "uint16"})], {"values": "scaled"})
    assert np.isnan(red.values[0]).all() and pixel(red) == 100
    assert "states nodata 0" in said and "its item 100" in said, said


@pytest.mark.parametrize("collection", ["my-reflectance", "sentinel-2-l2a"])
@pytest.mark.parametrize("raster", [None, {"data_type": "float32", "scale": 1, "offset": 0}])
def test_floating_point_has_no_offset_of_sentinel_2(cube, tmp_path, collection, raster):
    tif(tmp_path / "i.tif", 0.25, dtype="float32", nodata=np.nan)
    red, _ = load(cube, tmp_path, [item("i", raster, collection, **SENTINEL2)], {"values": "scaled"})
    assert pixel(red) == 0.25


@pytest.mark.parametrize(
    "collection, scaling, raster, expected",
    [
        ("my-l2a", (0.0001, 0.0), None, 0.25),
        ("my-l2a", None, {"data_type": "uint16", "nodata": 0, "scale": 0.0001, "offset": 0}, 0.25),
        ("my-l2a", None, None, 0.15),
        ("sentinel-2-l2a", None, {"data_type": "uint16", "nodata": 0, "scale": 0.0001, "offset": 0}, 0.15),
    ],
)
def test_ones_own_sentinel_2_is_believed(cube, tmp_path, collection, scaling, raster, expected):
    tif(tmp_path / "i.tif", 2500, scaling=scaling)
    red, _ = load(cube, tmp_path, [item("i", raster, collection, **SENTINEL2)], {"values": "scaled"})
    assert pixel(red) == pytest.approx(expected)


@pytest.mark.parametrize("order, first, warned", [("time", 1, False), ("-time", 2, False), ("-datetime", 2, False), ("datetme", 1, True)])
def test_the_order_of_time_goes_both_ways(cube, tmp_path, order, first, warned):
    for value in (1, 2):
        tif(tmp_path / f"{value}.tif", value)
    items = [item(str(value), hour=10 + value) for value in (1, 2)]
    red, said = load(cube, tmp_path, items, {}, mosaic={"order": order})
    assert pixel(red) == first
    assert said.count("none of the 2 images found has the property `datetme`") == int(warned), said
