"""`cube index` of netCDF and HDF5 files: the times of items against those that xarray reads."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

CORPUS = Path(os.environ.get("CUBE_CORPUS", Path(__file__).parents[3] / "shared" / "corpus"))

# Gridded files of the corpus that have a time coordinate.
GRIDDED = [
    "20171025_2056.Cloud_Top_Height.nc",
    "2020_01_01_7f00ff_global.nc",
    "20241011120000-ABOM-L4_GHRSST-SSTfnd-GAMSSA_28km-GLOB-v02.0-fv01.0.nc",
    "ABoVE_TVPRM_bbox.nc4",
    "M2T1NXSLV_geo_temporal.nc4",
    "OR_ABI-L2-LSTM2-M6_G16_s20211381700538_e20211381700595_c20211381701211.nc",
    "PLANET_SCOPE_3D.nc",
    "air.nc",
    "era5_2t_1.nc",
    "f16_ssmis_20210426v7.nc",
    "h07v03_Terra_20220415.v2023.1.nc",
    "multi_doc.nc",
    "pre.nc",
    "ref_nccopy3_subset.nc",
    "sample_tile.nc",
    "sentinel_2_L1C_geographic.nc",
    "test6.nc",
    "tpw_v07r01_201910.nc",
]


def item_of(cube, path: Path, out: Path) -> dict:
    cube.run("index", path, "--out", out)
    (item,) = json.loads(out.read_text())["features"]
    return item["properties"]


def times_of(path: Path) -> list[pd.Timestamp]:
    """First and last of what the time coordinate covers, with its bounds; the end of a cell belongs to the next one."""
    with xr.open_dataset(path, decode_timedelta=False) as d:
        time = d["time"] if "time" in d.variables else d["t"]
        if bounds := time.attrs.get("bounds", time.encoding.get("bounds")):
            ends = d[bounds].values
            return [pd.Timestamp(ends.min()), max(pd.Timestamp(time.values.max()), pd.Timestamp(ends.max()) - pd.Timedelta(1, "us"))]
        return [pd.Timestamp(np.min(time.values)), pd.Timestamp(np.max(time.values))]


def said(properties: dict) -> list[pd.Timestamp]:
    first, last = properties.get("start_datetime") or properties["datetime"], properties.get("end_datetime") or properties["datetime"]
    return [pd.Timestamp(first).tz_localize(None), pd.Timestamp(last).tz_localize(None)]


@pytest.mark.parametrize("name", GRIDDED)
def test_times_of_files_are_those_of_xarray(cube, tmp_path, name):
    if not CORPUS.exists():
        pytest.skip("corpus not found")
    (path,) = list(CORPUS.rglob(name))[:1]
    found = said(item_of(cube, path, tmp_path / "items.json"))
    assert all(abs(a - b) <= pd.Timedelta(1, "us") for a, b in zip(found, times_of(path), strict=True)), (found, times_of(path))


def grid(time: xr.DataArray | None = None, **attributes: str) -> xr.Dataset:
    lat, lon = np.arange(50.5, 46, -1), np.arange(5.5, 11)
    coords = {
        "lat": ("lat", lat, {"units": "degrees_north", "standard_name": "latitude"}),
        "lon": ("lon", lon, {"units": "degrees_east", "standard_name": "longitude"}),
    }
    sst = xr.DataArray(np.zeros((5, 6), "f4"), dims=("lat", "lon"), coords=coords, name="sst")
    data = sst.to_dataset()
    if time is not None:
        data["time"] = time
    data.attrs = attributes
    return data


def test_what_attributes_state_comes_before_the_name(cube, tmp_path):
    cases = {
        "coverage": ({"time_coverage_start": "20240601T060000Z", "time_coverage_end": "20240602T055959Z"}, "2024-06-01T06:00", "2024-06-02T05:59:59"),
        "range": (
            {"RangeBeginningDate": "2024-06-01", "RangeBeginningTime": "06:00:00.5", "RangeEndingDate": "2024-06-01", "RangeEndingTime": "07:00:00"},
            "2024-06-01T06:00:00.5",
            "2024-06-01T07:00",
        ),
        "day": ({"time_coverage_start": "2024-06-01", "time_coverage_end": "2024-06-30"}, "2024-06-01", "2024-06-30T23:59:59.999999"),
        "start": ({"time_coverage_start": "2024-06-01T06:00:00Z"}, "2024-06-01T06:00", "2024-06-01T06:00"),
        "unreadable": ({"time_coverage_start": "last summer"}, "2001-02-03T12:00", "2001-02-03T12:00"),
        "none": ({}, "2001-02-03T12:00", "2001-02-03T12:00"),
    }
    for name, (attributes, first, last) in cases.items():
        path = tmp_path / f"{name}_20010203.nc"
        grid(**attributes).to_netcdf(path)
        assert said(item_of(cube, path, tmp_path / "items.json")) == [pd.Timestamp(first), pd.Timestamp(last)], name


def test_calendars_and_fill_values(cube, tmp_path):
    """A day of a calendar of 360 days is the same date, or the last of the month; missing times are left out."""
    for values, attributes, first, last in (
        ([0.5, 59.0], {"units": "days since 2023-01-01", "calendar": "360_day"}, "2023-01-01T12:00", "2023-02-28"),
        ([-1.0, 31.0, -1.0], {"units": "days since 2023-01-01", "calendar": "noleap", "missing_value": -1.0}, "2023-02-01", "2023-02-01"),
    ):
        data = grid(xr.DataArray(np.array(values), dims=("time",), attrs=attributes), time_coverage_start="1999-01-01")
        path = tmp_path / "calendar.nc"
        data.to_netcdf(path, encoding={"time": {"_FillValue": None}})
        assert said(item_of(cube, path, tmp_path / "items.json")) == [pd.Timestamp(first), pd.Timestamp(last)]


def test_items_without_a_time_are_told(cube, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("a", "b", "c", "d"):
        grid().to_netcdf(folder / f"{name}.nc")
    grid(time_coverage_start="2024-06-01").to_netcdf(folder / "e.nc")
    told = cube.run("index", folder, "--out", tmp_path / "items.json", "--json")
    assert "4 items have no time" in told.stderr and "`a`, `b`, `c`, …" in told.stderr and "--datetime" in told.stderr, told.stderr
    assert json.loads(told.stdout)["without_time"] == ["a", "b", "c", "d"]
    given = cube.run("index", folder, "--out", tmp_path / "items.json", "--datetime", "2024-06-01T06:00")
    assert "no time" not in given.stderr
