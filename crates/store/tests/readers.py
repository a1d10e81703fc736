"""Opens cubes with the packages that their users have, and compares values, CRS, transform and times.

Started by tests/it/readers.rs with a list of cubes and what each must hold. Warnings are errors, so a cube that opens must do so silently.
"""

import json
import sys
import warnings

import numpy as np

for noisy in (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ImportWarning):
    warnings.simplefilter("ignore", noisy)

import icechunk
import odc.geo.xr  # noqa: F401
import rasterio
import rioxarray  # noqa: F401
import xarray as xr
import zarr
from affine import Affine


def expected(cube, group, band):
    """The whole array as stored numbers."""
    fill = np.nan if band["fill"] is None else band["fill"]
    steps = cube["steps"] if cube["has_time"] else [0]
    array = np.full((len(steps), group["rows"], group["cols"]), fill, band["dtype"])
    n, rows, cols = cube["unit"]
    for cell in cube["written"]:
        if (cell["group"], cell["band"]) != (group["name"], band["name"]):
            continue
        unit = np.full((n, rows, cols), cell["value"], band["dtype"])
        if band["name"] != "scaled":
            unit.reshape(-1)[:2] = cell["row"] + 1, cell["col"] + 1
        t = steps.index(cell["step"]) if cube["has_time"] else 0
        view = array[t : t + n, cell["row"] * rows : (cell["row"] + 1) * rows, cell["col"] * cols : (cell["col"] + 1) * cols]
        view[...] = unit[: view.shape[0], : view.shape[1], : view.shape[2]]
    return array if cube["has_time"] else array[0]


def same(found, wanted, what):
    assert found.dtype == wanted.dtype, (what, found.dtype, wanted.dtype)
    assert found.shape == wanted.shape, (what, found.shape, wanted.shape)
    np.testing.assert_array_equal(found, wanted, err_msg=str(what))


def check_grid(variable, group, what):
    affine = Affine(*group["affine"])
    assert variable.rio.crs == rasterio.crs.CRS.from_string(group["crs"]), (what, variable.rio.crs)
    assert variable.rio.transform() == affine, (what, variable.rio.transform())
    box = variable.odc.geobox
    assert box is not None and box.crs == group["crs"], (what, box)
    assert box.shape == (group["rows"], group["cols"]) and box.affine.almost_equals(affine), (what, box)


def check_dataset(cube, group, dataset, what):
    assert set(dataset.data_vars) == {b["name"] for b in cube["bands"]}, (what, set(dataset.data_vars))
    if cube["has_time"]:
        times = dataset.time.values.astype("datetime64[us]").astype("int64")
        assert times.tolist() == cube["steps"], (what, times)
    for band in cube["bands"]:
        raw = expected(cube, group, band)
        variable = dataset[band["name"]]
        if band["scale"] is None:
            same(variable.values, raw, (what, band["name"]))
            if band["fill"] is not None:
                assert variable.rio.nodata == band["fill"], (what, variable.rio.nodata)
        else:
            scaled = np.where(raw == band["fill"], np.nan, raw * band["scale"] + band["offset"])
            np.testing.assert_allclose(variable.values, scaled, rtol=1e-6, err_msg=str(what))
        check_grid(variable, group, (what, band["name"]))


def check_gdal(cube, group, band):
    path = f"{cube['path']}/{group['name']}".rstrip("/")
    raw = expected(cube, group, band)
    for i, plane in enumerate(raw if cube["has_time"] else [raw]):
        suffix = f":{i}" if cube["has_time"] else ""
        inner = f"/{group['name']}/{band['name']}".replace("//", "/")
        with rasterio.open(f'ZARR:"{cube["path"]}":{inner}{suffix}') as opened:
            same(opened.read(1), plane, ("gdal", path, band["name"], i))
            assert opened.transform.almost_equals(Affine(*group["affine"])), (path, opened.transform)
            assert opened.crs == rasterio.crs.CRS.from_string(group["crs"]), (path, opened.crs)


def check(cube):
    plain = cube["path"].endswith(".zarr")
    if plain:
        store = cube["path"]
        options = {}
    else:
        storage = icechunk.local_filesystem_storage(cube["path"])
        store = icechunk.Repository.open(storage).readonly_session("main").store
        options = {"consolidated": False}
    root = zarr.open_group(store, mode="r")
    for group in cube["groups"]:
        name = group["name"]
        for band in cube["bands"]:
            found = root[f"{name}/{band['name']}".strip("/")][...]
            same(found, expected(cube, group, band), ("zarr", cube["path"], name, band["name"]))
        with xr.open_zarr(store, group=name or None, chunks=None, **options) as dataset:
            check_dataset(cube, group, dataset, (cube["path"], name))
        with xr.open_zarr(store, group=name or None, consolidated=False, mask_and_scale=False) as dataset:
            for band in cube["bands"]:
                same(dataset[band["name"]].values, expected(cube, group, band), ("dask", cube["path"], name, band["name"]))
        if plain and not cube["sharded"] and cube["steps"]:
            for band in cube["bands"]:
                check_gdal(cube, group, band)
    with xr.open_datatree(store, engine="zarr", chunks=None, **options) as tree:
        for group in cube["groups"]:
            check_dataset(cube, group, tree[group["name"] or "/"].to_dataset(), ("tree", cube["path"], group["name"]))
        patches = tree["_cube/patches"]
        documents = [json.loads(text) for text in patches["json"].values]
        assert len(documents) == len({cell["step"] for cell in cube["written"]}), (cube["path"], documents)
        for cell in cube["written"]:
            ledger = tree[f"{cell['group']}/_cube/{cell['band']}".strip("/")]
            at = (cell["row"], cell["col"])
            if cube["has_time"]:
                at = (cube["steps"].index(cell["step"]) // cube["unit"][0], *at)
            assert int(ledger["state"].values[at]) == 1 and int(ledger["fingerprint"].values[at]) == cell["value"], (cube["path"], cell)
    return f"{cube['path'].rsplit('/', 1)[1]}: {len(cube['written'])} units, {len(cube['groups'])} grids"


if __name__ == "__main__":
    print("GDAL", rasterio.__gdal_version__, "zarr", zarr.__version__, "xarray", xr.__version__, "icechunk", icechunk.__version__)
    with open(sys.argv[1]) as file:
        for cube in json.load(file):
            print(check(cube))
