"""`cube load` from netCDF-4, HDF5 and classic netCDF: pixels against GDAL's warper over the arrays that netCDF4-python reads."""

from __future__ import annotations

import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from affine import Affine
from support import scenes as sc
from support.opening import open_zarr
from support.specs import box, spec_of, write_spec
from support.truth import Grid, is_nodata, warped

DAYS = ["2024-06-01", "2024-06-02", "2024-06-03"]
NODATA = -32768


def granule(path: Path, seed: int, *, form: str = "NETCDF4", to_360: bool = False, projected: bool = False) -> None:
    """Sea surface temperature on a global grid of one degree (or some kilometres of Europe), packed in 16 bits."""
    random = np.random.default_rng(seed)
    d = netCDF4.Dataset(path, "w", format=form)
    d.createDimension("time", None)
    names = ("y", "x") if projected else ("lat", "lon")
    y = np.arange(3_400_000, 3_000_000, -4000.0) - 2000 if projected else np.arange(89.5, -90, -1)
    x = np.arange(4_000_000, 4_400_000, 4000.0) + 2000 if projected else np.arange(0.5, 360, 1) - (0 if to_360 else 180)
    for name, values, standard, units in (
        (names[0], y, "projection_y_coordinate" if projected else "latitude", "m" if projected else "degrees_north"),
        (names[1], x, "projection_x_coordinate" if projected else "longitude", "m" if projected else "degrees_east"),
    ):
        d.createDimension(name, len(values))
        v = d.createVariable(name, "f8" if projected else "f4", (name,))
        v.standard_name, v.units = standard, units
        v[:] = values
    t = d.createVariable("time", "i4", ("time",))
    t.units = "days since 2024-06-01"
    t[:] = [seed]
    options = {"zlib": True, "chunksizes": (1, 50, 70), "fletcher32": True} if form == "NETCDF4" else {}
    v = d.createVariable("sst", "i2", ("time", *names), fill_value=NODATA, **options)
    v.set_auto_maskandscale(False)
    v.scale_factor, v.add_offset, v.units = 0.01, 20.0, "degree_Celsius"
    values = np.add.outer(np.arange(len(y)) * 7, np.arange(len(x)) * 3) % 4000 + random.integers(0, 50, (len(y), len(x)))
    values[10:20, 30:60] = NODATA
    v[0] = values
    if projected:
        v.grid_mapping = "crs"
        d.createVariable("crs", "i4", ()).setncatts(
            {
                "grid_mapping_name": "lambert_azimuthal_equal_area",
                "latitude_of_projection_origin": 52.0,
                "longitude_of_projection_origin": 10.0,
                "false_easting": 4321000.0,
                "false_northing": 3210000.0,
                "semi_major_axis": 6378137.0,
                "inverse_flattening": 298.257222101,
                "horizontal_datum_name": "European_Terrestrial_Reference_System_1989",
            }
        )
    d.close()


def pixels(path: Path) -> sc.Band:
    with netCDF4.Dataset(path) as d:
        d.set_auto_maskandscale(False)
        return sc.Band(np.asarray(d["sst"][0]), NODATA)


def items(directory: Path, hrefs: dict[str, str], bbox: list[float]) -> Path:
    west, south, east, north = bbox
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    features = [
        {
            "type": "Feature",
            "stac_version": "1.0.0",
            "stac_extensions": [],
            "id": day,
            "collection": "scenes",
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "bbox": bbox,
            "properties": {"datetime": f"{day}T12:00:00Z"},
            "links": [],
            "assets": {"data": {"href": href, "type": "application/x-netcdf", "roles": ["data"]}},
        }
        for day, href in hrefs.items()
    ]
    path = directory / "items.json"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def load(cube, work: Path, source: Path, grid: dict, extent: list[float], bands: dict):
    spec = write_spec(work / "cube.toml", spec_of(source, grid, bands, time={"step": "P1D"}, chunks={"y": 60, "x": 70}))
    cube.run("load", work / "cube", "--spec", spec, "--roi", box(tuple(extent)), "--roi-crs", grid["crs"], "--toi", "2024-06")
    dataset = open_zarr(work / "cube")
    transform = Affine.from_gdal(*map(float, dataset.spatial_ref.attrs["GeoTransform"].split()))
    return dataset, Grid(grid["crs"], transform, (dataset.sizes["y"], dataset.sizes["x"]))


WORLD = Grid("EPSG:4326", Affine(1, 0, -180, 0, -1, 90), (180, 360))
BANDS = {"sst": {"asset": "data#sst"}, "smooth": {"asset": "data#sst", "resampling": "bilinear"}}


@pytest.mark.parametrize("kind", ["netcdf4", "classic", "to-360"])
@pytest.mark.parametrize("crs, resolution, extent", [("EPSG:4326", 1.0, [-30.0, 20.0, 40.0, 70.0]), ("EPSG:3035", 50000.0, [2e6, 1e6, 7e6, 5.5e6])])
def test_latitude_and_longitude(cube, tmp_path, kind: str, crs: str, resolution: float, extent: list[float]):
    form = "NETCDF3_64BIT_OFFSET" if kind == "classic" else "NETCDF4"
    for n, day in enumerate(DAYS):
        granule(tmp_path / f"{day}.nc", n, form=form, to_360=kind == "to-360")
    source = items(tmp_path, {day: f"./{day}.nc" for day in DAYS}, [-180, -90, 180, 90])
    dataset, grid = load(cube, tmp_path, source, {"crs": crs, "resolution": resolution, "extent": extent}, extent, BANDS)
    assert dataset.sizes["time"] == 3
    assert dataset.sst.attrs["scale_factor"] == 0.01 and dataset.sst.attrs["add_offset"] == 20.0
    for n, day in enumerate(DAYS):
        band = pixels(tmp_path / f"{day}.nc")
        if kind == "to-360":
            band = sc.Band(np.roll(band.pixels, 180, axis=1), NODATA)
        for name, method in (("sst", "nearest"), ("smooth", "bilinear")):
            ours, theirs = dataset[name].values[n], warped(band, WORLD, grid, method, NODATA)
            assert (is_nodata(ours, NODATA) == is_nodata(theirs, NODATA)).all()
            assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= (0 if method == "nearest" else 1)
            assert (ours != NODATA).mean() > 0.9


def test_a_projection(cube, tmp_path):
    granule(tmp_path / "a.nc", 1, projected=True)
    source = items(tmp_path, {DAYS[0]: "./a.nc"}, [5.0, 48.0, 13.0, 54.0])
    extent = [4_000_000.0, 3_000_000.0, 4_400_000.0, 3_400_000.0]
    dataset, grid = load(cube, tmp_path, source, {"crs": "EPSG:3035", "resolution": 4000.0, "extent": extent}, extent, BANDS)
    ours, theirs = dataset.sst.values[0], pixels(tmp_path / "a.nc").pixels
    assert (ours == theirs).all(), "on its own grid, nothing is resampled"


def test_only_the_chunks_needed_are_fetched(cube, tmp_path):
    granule(tmp_path / "a.nc", 1)
    asked: list[tuple[str, int]] = []

    class Ranges(SimpleHTTPRequestHandler):
        """Python's file server with byte ranges."""

        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            body = (tmp_path / self.path.strip("/")).read_bytes()
            wanted = self.headers.get("Range")
            first, last = 0, len(body) - 1
            if wanted:
                start, end = wanted.removeprefix("bytes=").split("-")
                first, last = int(start), min(int(end) if end else last, last)
            asked.append((self.path, last - first + 1))
            self.send_response(206 if wanted else 200)
            if wanted:
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(body)}")
            self.send_header("Content-Length", str(last - first + 1))
            self.send_header("Last-Modified", "Sat, 01 Jun 2024 00:00:00 GMT")
            self.end_headers()
            self.wfile.write(body[first : last + 1])

    # Noise does not compress: chunks are worth counting.
    with netCDF4.Dataset(tmp_path / "a.nc", "a") as d:
        d.set_auto_maskandscale(False)
        more = d.createVariable("noise", "f8", ("lat", "lon"), zlib=True, chunksizes=(20, 30))
        more[:] = np.random.default_rng(1).normal(size=more.shape)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Ranges, directory=tmp_path))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        source = items(tmp_path, {DAYS[0]: f"http://127.0.0.1:{server.server_port}/a.nc"}, [-180, -90, 180, 90])
        extent = [0.0, 40.0, 20.0, 50.0]
        grid = {"crs": "EPSG:4326", "resolution": 1.0, "extent": extent}
        dataset, _ = load(cube, tmp_path, source, grid, extent, {"noise": {"asset": "data#noise"}})
        with netCDF4.Dataset(tmp_path / "a.nc") as d:
            assert np.array_equal(dataset.noise.values[0], d["noise"][40:50, 180:200])
        size = (tmp_path / "a.nc").stat().st_size
        assert sum(length for _, length in asked) < size / 2, (asked, size)
        before = len(asked)
        cube.run("load", tmp_path / "cube", "--roi", box(tuple(extent)), "--toi", "2024-06")
        assert len(asked) == before, "the second request costs nothing"
    finally:
        server.shutdown()


@pytest.mark.parametrize(
    "asset, message",
    [
        ("data", "holds 2 variables, and none was named"),
        ("data#sea", "has no variable `sea`"),
        ("data#depths", "has 3 layers (depth 3)"),
        ("data#depths.4", "has 3 layers; layer 4 was asked for"),
    ],
)
def test_what_is_not_said_is_asked_for(cube, tmp_path, asset: str, message: str):
    granule(tmp_path / "a.nc", 1)
    with netCDF4.Dataset(tmp_path / "a.nc", "a") as d:
        d.createDimension("depth", 3)
        d.createVariable("depths", "f4", ("depth", "lat", "lon"))[:] = np.arange(3)[:, None, None]
    source = items(tmp_path, {DAYS[0]: "./a.nc"}, [-180, -90, 180, 90])
    extent = [0.0, 40.0, 20.0, 50.0]
    grid = {"crs": "EPSG:4326", "resolution": 1.0, "extent": extent}
    spec = write_spec(tmp_path / "cube.toml", spec_of(source, grid, {"sst": {"asset": asset}}, time={"step": "P1D"}))
    failed = cube.run("load", tmp_path / "cube", "--spec", spec, "--roi", box(tuple(extent)), "--toi", "2024-06", exit_code=None)
    assert failed.returncode in (1, 2)
    assert message in failed.stderr and "asset#" in failed.stderr, failed.stderr


def test_a_layer_is_named_by_number(cube, tmp_path):
    granule(tmp_path / "a.nc", 1)
    with netCDF4.Dataset(tmp_path / "a.nc", "a") as d:
        d.createDimension("depth", 3)
        d.createVariable("depths", "f4", ("depth", "lat", "lon"), zlib=True, chunksizes=(2, 30, 40))[:] = np.arange(3)[:, None, None]
    source = items(tmp_path, {DAYS[0]: "./a.nc"}, [-180, -90, 180, 90])
    extent = [0.0, 40.0, 20.0, 50.0]
    bands = {f"d{n}": {"asset": f"data#depths.{n}"} for n in (1, 2, 3)}
    dataset, _ = load(cube, tmp_path, source, {"crs": "EPSG:4326", "resolution": 1.0, "extent": extent}, extent, bands)
    assert [float(dataset[f"d{n}"].min()) for n in (1, 2, 3)] == [0.0, 1.0, 2.0]


def test_one_of_several_times_is_refused(cube, tmp_path):
    """An item has one time: the second day of a file would stand at the first."""
    granule(tmp_path / "a.nc", 0)
    with netCDF4.Dataset(tmp_path / "a.nc", "a") as d:
        d["time"][:] = np.arange(3)
        d["sst"][1:] = 1
    cube.run("index", tmp_path / "a.nc", "--out", tmp_path / "items.json")
    extent = [0.0, 40.0, 20.0, 50.0]
    grid = {"crs": "EPSG:4326", "resolution": 1.0, "extent": extent}
    spec = write_spec(tmp_path / "cube.toml", spec_of(tmp_path / "items.json", grid, {"sst": {"asset": "data#sst.2"}}, collection="rasters", time={"step": "P1D"}))
    failed = cube.run("load", tmp_path / "cube", "--spec", spec, "--roi", box(tuple(extent)), "--toi", "2024-06", exit_code=None)
    assert failed.returncode in (1, 2)
    assert "is time 2 of 3 of its file" in failed.stderr and "cube virtualize" in failed.stderr, failed.stderr


def test_a_folder_of_granules_is_a_source(cube, tmp_path):
    folder = tmp_path / "granules"
    folder.mkdir()
    for n, day in enumerate(DAYS):
        granule(folder / f"sst_{day}.nc", n)
    cube.run("index", folder, "--out", tmp_path / "items.json")
    (item, *_), asset = (features := json.loads((tmp_path / "items.json").read_text())["features"]), features[0]["assets"]["data"]
    assert [f["id"] for f in features] == [f"sst_{day}" for day in DAYS]
    assert asset["type"] == "application/x-netcdf" and asset["proj:code"] == "EPSG:4326" and "data_type" not in asset
    assert item["bbox"] == [-180.0, -90.0, 180.0, 90.0]
    extent = [-30.0, 20.0, 40.0, 70.0]
    spec = spec_of(tmp_path / "items.json", {"crs": "EPSG:4326", "resolution": 1.0, "extent": extent}, BANDS, collection="granules", time={"step": "P1D"})
    spec["source"].pop("collections")
    write_spec(tmp_path / "cube.toml", spec)
    cube.run("load", tmp_path / "cube", "--spec", tmp_path / "cube.toml", "--roi", box(tuple(extent)), "--toi", "2024-06")
    dataset = open_zarr(tmp_path / "cube")
    for n, day in enumerate(DAYS):
        assert np.array_equal(dataset.sst.values[n], pixels(folder / f"sst_{day}.nc").pixels[20:70, 150:220])
