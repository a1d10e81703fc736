"""All four kinds of cube, on both kinds of store, opened by the tools that people use: same values, CRS, transform and times."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import odc.geo.xr  # noqa: F401  (adds the .odc accessor)
import pytest
import rasterio
import rioxarray  # noqa: F401  (adds the .rio accessor)
import xarray as xr
import zarr
from affine import Affine
from support import scenes as sc
from support.opening import arrays, data_arrays, is_chunk_ledger, is_plain, open_tree, open_zarr, store_of
from support.specs import box, spec_of, write_spec
from support.truth import Grid, first_wins

RESOLUTION = 20.0
EXTENT = (640000.0, 5190000.0, 656000.0, 5202000.0)
# The same place in longitude and latitude, with room to spare.
LONGITUDE_LATITUDE = (10.7, 46.7, 11.3, 47.1)
DAYS = ["2024-06-03", "2024-06-05", "2024-06-06"]
BANDS = {"red": "counts", "veg": "smooth"}


def scenes() -> list[sc.Scene]:
    """Three days; on each two overlapping scenes of zone 32, and on two of them one of zone 33."""
    shape = (250, 300)
    # 20 m pixels; the corner of the zone 33 scene lies where the grid of zone 32 has its eastern part.
    places = {
        "west": ("EPSG:32632", Affine(20, 0, 640000, 0, -20, 5202000)),
        "east": ("EPSG:32632", Affine(20, 0, 644000, 0, -20, 5199000)),
        "zone33": ("EPSG:32633", Affine(20, 0, 190000, 0, -20, 5206000)),
    }
    made = []
    for day in DAYS:
        for minute, (place, (crs, transform)) in enumerate(places.items()):
            if place == "zone33" and day == DAYS[1]:
                continue
            bands = {"red": sc.counts(shape, (day, place)), "veg": sc.smooth(shape, (day, place))}
            made.append(sc.Scene(f"{place}-{day}", f"{day}T10:1{minute}:00Z", crs, transform, bands))
    return made


@dataclass(frozen=True)
class Kind:
    name: str
    native: bool
    timed: bool


KINDS = [Kind("spatial", False, False), Kind("spatial-native", True, False), Kind("timed", False, True), Kind("timed-native", True, True)]


@dataclass(frozen=True)
class Loaded:
    kind: Kind
    path: Path

    @property
    def groups(self) -> list[str | None]:
        return ["EPSG_32632", "EPSG_32633"] if self.kind.native else [None]

    def dataset(self, group: str | None, **options) -> xr.Dataset:
        return open_zarr(self.path, group, **options)

    def grid(self, group: str | None) -> Grid:
        """As the cube states it, in GDAL's order of terms."""
        dataset = self.dataset(group)
        crs = rasterio.CRS.from_wkt(dataset.spatial_ref.attrs["crs_wkt"])
        transform = Affine.from_gdal(*map(float, dataset.spatial_ref.attrs["GeoTransform"].split()))
        return Grid(f"EPSG:{crs.to_epsg()}", transform, (dataset.sizes["y"], dataset.sizes["x"]))

    def truth(self, group: str | None, variable: str) -> np.ndarray:
        grid = self.grid(group)
        chosen = [scene for scene in scenes() if not self.kind.native or scene.crs == grid.crs]
        if not self.kind.timed:
            return first_wins(chosen, variable, grid)
        whole = first_wins(chosen, variable, grid)
        nothing = np.full_like(whole, chosen[0].bands[variable].nodata)
        by_day = {day: [scene for scene in chosen if scene.date == day] for day in self.steps(group)}
        return np.stack([first_wins(of_day, variable, grid) if of_day else nothing for of_day in by_day.values()])

    def steps(self, group: str | None) -> list[str]:
        """The days of the axis, as the cube states them."""
        return [str(time)[:10] for time in self.dataset(group).time.values]

    def days(self, group: str | None) -> list[str]:
        """The days of the group's scenes."""
        crs = group and group.replace("_", ":")
        return sorted({scene.date for scene in scenes() if crs is None or scene.crs == crs})


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    return sc.write_archive(tmp_path_factory.mktemp("archive"), scenes())


@pytest.fixture(scope="module", params=[(kind, store) for kind in KINDS for store in ("icechunk", "zarr")], ids=lambda p: f"{p[0].name}-{p[1]}")
def loaded(request, cube, archive, tmp_path_factory) -> Loaded:
    kind, store = request.param
    work = tmp_path_factory.mktemp(f"{kind.name}-{store}")
    path = work / ("cube.zarr" if store == "zarr" else "cube")
    if kind.native:
        grid = {"crs": "native", "extent": list(LONGITUDE_LATITUDE)}
        roi = ["--roi", box(LONGITUDE_LATITUDE)]
    else:
        grid = {"crs": "EPSG:32632", "resolution": RESOLUTION, "extent": list(EXTENT)}
        roi = ["--roi", box(EXTENT), "--roi-crs", "EPSG:32632"]
    bands = {"red": {"dtype": "uint16", "nodata": 0, "resampling": "nearest"}, "veg": {"resampling": "nearest"}}
    step = "solar_day" if kind.timed else "none"
    spec = write_spec(work / "cube.toml", spec_of(archive, grid, bands, time={"step": step}, chunks={"time": 1, "y": 256, "x": 256}))
    cube.run("load", path, "--spec", spec, *roi, "--toi", "2024-06")
    return Loaded(kind, path)


def test_groups_are_those_of_the_sources(loaded: Loaded):
    names = {path.rpartition("/")[0] for path in data_arrays(loaded.path)}
    assert names == {group or "" for group in loaded.groups}


def test_values_are_the_first_valid_of_each_step(loaded: Loaded):
    for group in loaded.groups:
        dataset = loaded.dataset(group)
        for variable in BANDS:
            truth = loaded.truth(group, variable)
            assert dataset[variable].dims == (("time", "y", "x") if loaded.kind.timed else ("y", "x"))
            assert dataset[variable].dtype == truth.dtype
            assert np.any(truth != 0)
            np.testing.assert_array_equal(dataset[variable].values, truth, err_msg=f"{group} {variable}")


def test_grid_is_the_declared_or_the_source_s(loaded: Loaded):
    for group in loaded.groups:
        grid = loaded.grid(group)
        if loaded.kind.native:
            source = next(scene for scene in scenes() if scene.crs == grid.crs)
            assert (grid.transform.a, grid.transform.e) == (source.transform.a, source.transform.e)
            offset = ~source.transform * (grid.transform.c, grid.transform.f)
            assert offset == pytest.approx(np.round(offset), abs=1e-9), "not on the pixels of the source"
        else:
            assert grid == Grid("EPSG:32632", Affine(RESOLUTION, 0, EXTENT[0], 0, -RESOLUTION, EXTENT[3]), (600, 800))


def test_times(loaded: Loaded):
    for group in loaded.groups:
        dataset = loaded.dataset(group)
        if loaded.kind.timed:
            steps = loaded.steps(group)
            # A group may have the steps of the whole cube; its own must be among them, once and in order.
            assert steps == sorted(set(steps)) and set(loaded.days(group)) <= set(steps) <= set(DAYS)
            assert np.issubdtype(dataset.time.dtype, np.datetime64)
        else:
            assert "time" not in dataset.dims


def test_coordinates_are_pixel_centres(loaded: Loaded):
    for group in loaded.groups:
        dataset, grid = loaded.dataset(group), loaded.grid(group)
        rows, columns = grid.shape
        x, _ = grid.transform * (np.arange(columns) + 0.5, 0)
        _, y = grid.transform * (0, np.arange(rows) + 0.5)
        np.testing.assert_allclose(dataset.x.values, x, rtol=0, atol=1e-9)
        np.testing.assert_allclose(dataset.y.values, y, rtol=0, atol=1e-9)


@pytest.mark.parametrize("decode", [{}, {"decode_coords": "all"}], ids=["plain", "decode_coords"])
def test_rioxarray_and_odc_geo_find_crs_and_transform(loaded: Loaded, decode: dict):
    for group in loaded.groups:
        grid = loaded.grid(group)
        dataset = loaded.dataset(group, **decode)
        # The dataset, and one variable alone: what people do after selecting a band.
        for target in (dataset, dataset["red"], dataset["veg"]):
            assert target.rio.crs == rasterio.CRS.from_string(grid.crs)
            assert target.rio.transform() == pytest.approx(grid.transform)
            geobox = target.odc.geobox
            assert geobox is not None and geobox.crs == grid.crs
            assert geobox.affine == pytest.approx(grid.transform)
            assert tuple(geobox.shape) == grid.shape


def test_one_variable_by_zarr_alone(loaded: Loaded):
    for group in loaded.groups:
        name = "/".join(filter(None, [group, "red"]))
        array = zarr.open_array(store_of(loaded.path), path=name, mode="r", zarr_format=3)
        np.testing.assert_array_equal(array[...], loaded.truth(group, "red"))
        assert array.metadata.dimension_names == (("time", "y", "x") if loaded.kind.timed else ("y", "x"))
        assert array.fill_value == 0
        assert array.attrs["grid_mapping"] == "spatial_ref"
        assert array.attrs["coordinates"] == "spatial_ref"
        assert array.attrs["proj:code"] == group.replace("_", ":") if group else "EPSG:32632"
        assert list(array.attrs["spatial:transform"]) == pytest.approx(list(loaded.grid(group).transform)[:6])


def test_masking_gives_nan_where_nothing_is(loaded: Loaded):
    for group in loaded.groups:
        masked = loaded.dataset(group, mask_and_scale=True)["veg"].values
        np.testing.assert_array_equal(np.isnan(masked), np.isnan(loaded.truth(group, "veg")))


def test_tree(loaded: Loaded):
    tree = open_tree(loaded.path)
    for group in loaded.groups:
        node = tree[group] if group else tree
        np.testing.assert_array_equal(node["red"].values, loaded.truth(group, "red"))


def test_ledger_opens_like_anything_else(loaded: Loaded):
    states = {path: array for path, array in arrays(loaded.path).items() if is_chunk_ledger(path) and path.endswith("state")}
    assert len(states) == len(loaded.groups) * len(BANDS)
    for path, array in states.items():
        assert array.metadata.dimension_names is not None, path
        assert set(np.unique(array[...])) <= {0, 1, 2, 3}, path


def test_gdal_reads_plain_zarr(loaded: Loaded):
    if not is_plain(loaded.path):
        pytest.skip("GDAL cannot open Icechunk repositories")
    assert tuple(map(int, rasterio.__gdal_version__.split(".")[:2])) >= (3, 12)
    for group in loaded.groups:
        grid = loaded.grid(group)
        for variable in BANDS:
            truth = loaded.truth(group, variable)
            name = "/".join(filter(None, [str(group or ""), variable]))
            for step in range(len(truth)) if loaded.kind.timed else [None]:
                address = f'ZARR:"{loaded.path}":/{name}' + ("" if step is None else f":{step}")
                with rasterio.open(address) as file:
                    assert file.crs == rasterio.CRS.from_string(grid.crs)
                    assert tuple(file.transform)[:6] == pytest.approx(tuple(grid.transform)[:6])
                    np.testing.assert_array_equal(file.read(1), truth if step is None else truth[step], err_msg=address)
                    if variable == "red":
                        assert file.nodata == 0


CODECS = [
    {"codec": "blosc"},
    {"codec": "blosc", "compressor": "lz4", "shuffle": "byte"},
    {"codec": "zstd", "level": 3},
    {"codec": "gzip", "level": 5},
    {"codec": "none"},
    {"codec": "blosc", "shard": [1, 512, 512]},
]


@pytest.mark.parametrize("encoding", CODECS, ids=lambda encoding: "-".join(map(str, encoding.values())))
@pytest.mark.parametrize("store", ["cube", "cube.zarr"])
def test_codecs(cube, archive, tmp_path, encoding: dict, store: str):
    bands = {"red": {"dtype": "uint16", "nodata": 0}, "veg": {}}
    grid = {"crs": "EPSG:32632", "resolution": RESOLUTION, "extent": list(EXTENT)}
    spec = write_spec(
        tmp_path / "cube.toml", spec_of(archive, grid, bands, time={"step": "solar_day"}, chunks={"time": 1, "y": 256, "x": 256}, encoding=encoding)
    )
    path = tmp_path / store
    cube.run("load", path, "--spec", spec, "--roi", box(EXTENT), "--roi-crs", "EPSG:32632", "--toi", "2024-06")
    loaded = Loaded(KINDS[2], path)
    for variable in BANDS:
        truth = loaded.truth(None, variable)
        np.testing.assert_array_equal(loaded.dataset(None)[variable].values, truth)
        if is_plain(path) and "shard" not in encoding:
            with rasterio.open(f'ZARR:"{path}":/{variable}:1') as file:
                np.testing.assert_array_equal(file.read(1), truth[1])


def test_chunks_that_were_not_asked_for_are_nodata(cube, archive, tmp_path):
    """A request fills the chunks that it touches, whole, and no other."""
    bands = {"red": {"dtype": "uint16", "nodata": 0}}
    grid = {"crs": "EPSG:32632", "resolution": RESOLUTION, "extent": list(EXTENT)}
    spec = write_spec(tmp_path / "cube.toml", spec_of(archive, grid, bands, time={"step": "solar_day"}, chunks={"time": 1, "y": 100, "x": 100}))
    west, north = EXTENT[0], EXTENT[3]
    # Inside the chunk of rows 100 to 199 and columns 200 to 299, and one pixel into the chunk to the right.
    roi = (west + 210 * RESOLUTION, north - 190 * RESOLUTION, west + 301 * RESOLUTION, north - 110 * RESOLUTION)
    cube.run("load", tmp_path / "cube", "--spec", spec, "--roi", box(roi), "--roi-crs", "EPSG:32632", "--toi", DAYS[0])
    loaded = Loaded(KINDS[2], tmp_path / "cube")
    dataset = loaded.dataset(None)
    assert [str(time)[:10] for time in dataset.time.values] == [DAYS[0]]
    expected = np.zeros((600, 800), "uint16")
    touched = (slice(100, 200), slice(200, 400))
    expected[touched] = first_wins([scene for scene in scenes() if scene.date == DAYS[0]], "red", loaded.grid(None))[touched]
    np.testing.assert_array_equal(dataset.red.values[0], expected)
