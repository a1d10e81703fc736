"""What else the program writes and accepts: tiles, indexes, pictures, regions in files; checked with the tools that users open them with."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas
import numpy as np
import pyarrow.parquet
import pystac
import pytest
import rasterio
import rasterio.features
import rioxarray  # noqa: F401  (adds the .rio accessor)
import stac_geoparquet.arrow
import xarray as xr
from PIL import Image
from pyproj import Transformer
from shapely.geometry import Polygon, mapping
from shapely.geometry import box as rectangle
from support import samples
from support import scenes as sc
from support.opening import assert_same_contents, contents, open_zarr
from support.specs import box, write_spec

# On pixel edges of the grid, and not on edges of chunks.
PLACE = (643000.0, 5195000.0, 646400.0, 5198200.0)
DAY = samples.DAYS[1]


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    return sc.write_archive(tmp_path_factory.mktemp("archive"), samples.scenes())


@pytest.fixture(scope="module")
def spec(archive, tmp_path_factory) -> Path:
    return samples.write(tmp_path_factory.mktemp("spec"), archive)


@pytest.fixture(scope="module")
def whole(cube, spec, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "cube"
    cube.run("load", path, "--spec", spec, *samples.ROI, *samples.TOI)
    return path


def lonlat(polygon: Polygon) -> Polygon:
    transformer = Transformer.from_crs(samples.CRS, 4326, always_xy=True)
    return Polygon(zip(*transformer.transform(*np.array(polygon.segmentize(200).exterior.coords).T)))


def window(whole: Path, extent: tuple[float, float, float, float]) -> xr.Dataset:
    west, south, east, north = extent
    return open_zarr(whole).sel(time=DAY, x=slice(west, east), y=slice(north, south))


def test_tile_as_tiff(cube, spec, whole, tmp_path):
    cube.run(
        "load",
        tmp_path / "cube",
        "--spec",
        spec,
        "--roi",
        box(PLACE),
        "--roi-crs",
        samples.CRS,
        "--toi",
        DAY,
        "--bands",
        "red",
        "--out",
        tmp_path / "tile.tif",
    )
    expected = window(whole, PLACE).red.squeeze()
    with rasterio.open(tmp_path / "tile.tif") as tile:
        assert tile.crs == rasterio.CRS.from_string(samples.CRS)
        assert tuple(tile.bounds) == PLACE
        assert tile.nodata == 0
        np.testing.assert_array_equal(tile.read(1), expected.values)


@pytest.mark.parametrize("bands, order", [([], ["red", "nir"]), (["--bands", "nir,red"], ["nir", "red"])])
def test_bands_of_a_tile_come_as_declared_or_as_asked_for(cube, spec, tmp_path, bands, order):
    cube.run("load", tmp_path / "cube", "--spec", spec, "--roi", box(PLACE), "--roi-crs", samples.CRS, "--toi", DAY, *bands, "--out", tmp_path / "tile.tif")
    with rasterio.open(tmp_path / "tile.tif") as tile:
        assert list(tile.descriptions) == order
    assert [band["name"] for band in cube.json("status", tmp_path / "cube")["groups"][0]["bands"]] == ["red", "nir"]


def test_units_and_names_of_rasters_are_kept(cube, tmp_path):
    path = tmp_path / "scenes" / "t.tif"
    path.parent.mkdir()
    with rasterio.open(path, "w", driver="GTiff", width=8, height=8, count=1, dtype="int16", crs="EPSG:32632", transform=rasterio.Affine(10, 0, 6e5, 0, -10, 5e6)) as file:
        file.write(np.ones((1, 8, 8), "int16"))
        file.units, file.descriptions = ("°C",), ("temperature & more",)
    cube.run("index", path.parent, "--out", tmp_path / "items.json")
    grid = {"crs": "EPSG:32632", "resolution": 10.0, "extent": [6e5, 5e6 - 80, 6e5 + 80, 5e6]}
    made = {"source": {"backend": "stac", "url": str(tmp_path / "items.json")}, "grid": grid, "time": {"step": "none"}, "bands": {"t": {}}}
    cube.run("load", tmp_path / "cube", "--spec", write_spec(tmp_path / "s.toml", made), "--roi", "6e5,4999920,600080,5e6", "--roi-crs", "EPSG:32632")
    attributes = open_zarr(tmp_path / "cube").t.attrs
    assert (attributes["units"], attributes["long_name"]) == ("°C", "temperature & more")


def test_a_region_that_reaches_beyond_the_cube_is_told(cube, spec, tmp_path):
    west, south, east, north = samples.EXTENT
    beyond = box((west, south, east + (east - west) / 2, north))
    said = cube.run("load", tmp_path / "cube", "--spec", spec, "--roi", beyond, "--roi-crs", samples.CRS, "--toi", DAY).stderr
    assert "33 % of the region lies beyond" in said, said
    assert "beyond" not in cube.run("plan", tmp_path / "cube", *samples.ROI, "--toi", DAY).stderr


def test_tile_clipped_to_a_polygon(cube, spec, whole, tmp_path):
    west, south, east, north = PLACE
    polygon = Polygon([(west, south), (east, south), ((west + east) / 2, north)])
    (tmp_path / "roi.geojson").write_text(json.dumps(mapping(lonlat(polygon))))
    cube.run(
        "load",
        tmp_path / "cube",
        "--spec",
        spec,
        "--roi",
        tmp_path / "roi.geojson",
        "--toi",
        DAY,
        "--bands",
        "red",
        "--out",
        tmp_path / "tile.tif",
        "--clip",
    )
    with rasterio.open(tmp_path / "tile.tif") as tile:
        pixels, transform = tile.read(1), tile.transform
    rows, columns = pixels.shape
    x, _ = transform * (np.arange(columns) + 0.5, 0)
    _, y = transform * (0, np.arange(rows) + 0.5)
    unclipped = open_zarr(whole).red.sel(time=DAY).squeeze().reindex(x=x, y=y, fill_value=0).values
    # Pixels well inside and well outside; at the border the rule for half-covered pixels decides.
    inside = rasterio.features.rasterize([polygon.buffer(-40)], pixels.shape, transform=transform, all_touched=False).astype(bool)
    outside = ~rasterio.features.rasterize([polygon.buffer(40)], pixels.shape, transform=transform, all_touched=True).astype(bool)
    assert inside.any() and outside.any()
    np.testing.assert_array_equal(pixels[inside], unclipped[inside])
    assert not pixels[outside].any()


def test_tile_as_zarr(cube, spec, whole, tmp_path):
    out = tmp_path / "tile.zarr"
    cube.run(
        "load", tmp_path / "cube", "--spec", spec, "--roi", box(PLACE), "--roi-crs", samples.CRS, "--toi", f"{samples.DAYS[0]}/{DAY}", "--out", out
    )
    tile = open_zarr(out)
    assert [str(time)[:10] for time in tile.time.values] == samples.DAYS[:2]
    expected = open_zarr(whole).sel(x=tile.x, y=tile.y, time=tile.time)
    for band in samples.BANDS:
        np.testing.assert_array_equal(tile[band].values, expected[band].values)
    assert tuple(tile.rio.bounds()) == PLACE


@pytest.mark.parametrize("form", ["wkt", "geojson text", "geojson file", "geopackage", "kml", "shapefile", "tif"])
def test_forms_of_a_region(cube, spec, tmp_path, form):
    """Each form of the same rectangle loads the same chunks as `west,south,east,north`."""
    polygon = lonlat(rectangle(*PLACE).buffer(-10))
    frame = geopandas.GeoDataFrame({"name": ["place"]}, geometry=[polygon], crs=4326)
    if form == "wkt":
        roi = polygon.wkt
    elif form == "geojson text":
        roi = json.dumps(mapping(polygon))
    elif form == "geojson file":
        roi = tmp_path / "roi.geojson"
        roi.write_text(frame.to_json())
    elif form == "tif":
        west, _, _, north = PLACE
        sc.write_cog(tmp_path / "like.tif", sc.counts((160, 170), "like"), samples.CRS, rasterio.Affine(20, 0, west, 0, -20, north))
        roi = f"@{tmp_path / 'like.tif'}"
    else:
        driver, suffix = {"geopackage": ("GPKG", "gpkg"), "kml": ("LIBKML", "kml"), "shapefile": ("ESRI Shapefile", "shp")}[form]
        roi = tmp_path / f"roi.{suffix}"
        if form == "kml":
            roi.write_text(
                '<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark><Polygon><outerBoundaryIs><LinearRing><coordinates>'
                + " ".join(f"{x},{y}" for x, y in polygon.exterior.coords)
                + "</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark></Document></kml>"
            )
        else:
            frame.to_file(roi, driver=driver)
    cube.run("load", tmp_path / "a", "--spec", spec, "--roi", roi, "--toi", DAY)
    inner = tuple(side + inset for side, inset in zip(PLACE, (10, 10, -10, -10)))
    cube.run("load", tmp_path / "b", "--spec", spec, "--roi", box(inner), "--roi-crs", samples.CRS, "--toi", DAY)
    assert_same_contents(contents(tmp_path / "a"), contents(tmp_path / "b"))


def test_region_that_begins_with_a_minus(cube, spec, tmp_path):
    """`--roi -10,40,…` is a region, not an option; here one that lies outside."""
    refused = cube.run("load", tmp_path / "cube", "--spec", spec, "--roi", "-10,40,-9,41", "--toi", DAY, exit_code=None)
    assert refused.returncode in (1, 2)
    assert "unexpected argument" not in refused.stderr, refused.stderr


def test_times_in_all_forms(cube, spec, whole, tmp_path):
    path = tmp_path / "cube"
    for toi in [f"{DAY}T10:20:01Z", f"{samples.DAYS[3]}/..", f"../{samples.DAYS[0]}", f"{samples.DAYS[2]},{samples.DAYS[3]}", "2024"]:
        cube.run("load", path, "--spec", spec, *samples.ROI, "--toi", toi)
        spec_now = open_zarr(path)
        assert [str(time)[:10] for time in spec_now.time.values] == sorted({str(time)[:10] for time in spec_now.time.values})
    assert_same_contents(contents(path), contents(whole))


@pytest.mark.parametrize("kind", ["items.json", "index.parquet"])
def test_index_of_a_folder_is_a_source(cube, archive, tmp_path, kind):
    """Rasters without any catalogue; what the index says of them is what rasterio says."""
    out = tmp_path / kind
    cube.run("index", archive.parent / "a-2024-06-03", archive.parent / "b-2024-06-03", "--out", out)
    if kind == "items.json":
        items = [item.to_dict() for item in pystac.ItemCollection.from_file(str(out))]
    else:
        items = list(stac_geoparquet.arrow.stac_table_to_items(pyarrow.parquet.read_table(out)))
    assert items
    footprints = []
    for item in items:
        for name, asset in item["assets"].items():
            path = Path(asset["href"].removeprefix("file://"))
            path = path if path.is_absolute() else out.parent / path
            with rasterio.open(path) as file:
                stated = {**item["properties"], **asset}
                assert stated.get("proj:code", f"EPSG:{stated.get('proj:epsg')}") == f"EPSG:{file.crs.to_epsg()}"
                assert list(stated["proj:transform"])[:6] == pytest.approx(list(file.transform)[:6])
                assert list(stated["proj:shape"]) == list(file.shape)
                footprints.append((item["id"], name))
    assert len(footprints) == 4


def test_no_file_of_a_folder_is_lost_to_another_of_its_name(cube, tmp_path):
    folder = tmp_path / "scenes"
    folder.mkdir()
    names = ["A_20240601_red.tif", "A_20240601-red.tif", "A_20240601.red.tif", "B_20240601_red.tif", "B_20240601_red.tiff", "C_20240601_red.tif", "C_20240601_nir.tif"]
    for name in names:
        with rasterio.open(folder / name, "w", driver="GTiff", width=8, height=8, count=1, dtype="int16", crs="EPSG:32632", transform=rasterio.Affine(10, 0, 6e5, 0, -10, 5e6)) as file:
            file.write(np.ones((1, 8, 8), "int16"))
    cube.run("index", folder, "--out", tmp_path / "items.json")
    items = json.loads((tmp_path / "items.json").read_text())["features"]
    assert sorted(Path(asset["href"]).name for item in items for asset in item["assets"].values()) == sorted(names)
    assert {item["id"] for item in items} == {"A_20240601_red", "A_20240601-red", "A_20240601.red", "B_20240601_red.tif", "B_20240601_red.tiff", "C_20240601"}
    assert all(item["properties"]["datetime"].startswith("2024-06-01") for item in items)


def test_index_of_a_search_gives_the_same_cube(cube, spec, archive, whole, tmp_path):
    for name in ("items.json", "index.parquet"):
        out = tmp_path / name
        cube.run("index", "--spec", spec, *samples.ROI, *samples.TOI, "--out", out)
        own = samples.write(tmp_path, out, name=f"{name}.toml")
        path = tmp_path / f"cube-{name}"
        cube.run("load", path, "--spec", own, *samples.ROI, *samples.TOI)
        ours, theirs = open_zarr(path), open_zarr(whole)
        assert ours.identical(theirs) or all((ours[band].values == theirs[band].values).all() for band in samples.BANDS)
    found = list(stac_geoparquet.arrow.stac_table_to_items(pyarrow.parquet.read_table(tmp_path / "index.parquet")))
    assert {item["id"] for item in found} == {scene.id for scene in samples.scenes()}
    for item in found:
        pystac.Item.from_dict(json.loads(json.dumps(item, default=str)))


def test_preview_and_map_are_pictures(cube, whole, tmp_path):
    cube.run("preview", whole, "--out", tmp_path / "view.png", "--time", DAY, "--bands", "red,nir,red")
    cube.run("status", whole, "--map", tmp_path / "state.png", "--time", DAY)
    for name in ("view.png", "state.png"):
        with Image.open(tmp_path / name) as picture:
            picture.load()
            assert picture.format == "PNG" and min(picture.size) > 1
    with Image.open(tmp_path / "view.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 0


def test_patches_tell_what_made_a_place(cube, whole):
    said = cube.run("patches", whole, "--time", DAY).stdout
    for scene in samples.scenes():
        assert (scene.id in said) == (scene.date == DAY), scene.id
    answer = json.dumps(cube.json("patches", whole, "--time", DAY))
    assert all(scene.id in answer for scene in samples.scenes() if scene.date == DAY)


def test_plan_writes_nothing_and_tells_what_a_load_would(cube, spec, tmp_path):
    path = tmp_path / "cube"
    cube.run("create", path, "--spec", spec)
    before = sorted(entry for entry in path.rglob("*") if "lock" not in entry.name)
    plan = cube.json("plan", path, *samples.ROI, *samples.TOI)
    assert plan
    assert sorted(entry for entry in path.rglob("*") if "lock" not in entry.name) == before
    assert any(scene.id in json.dumps(plan) for scene in samples.scenes())


def test_status_in_json(cube, whole):
    status = cube.json("status", whole)
    assert "EPSG:32632" in json.dumps(status)
    cube.run("status", whole, "--check")


def test_completions_and_help(cube):
    help_text = cube.run("--help").stdout
    for command in ("create", "load", "plan", "status", "patches", "preview", "gc", "index"):
        assert command in help_text
        assert "cube " in cube.run(command, "--help").stdout


def test_gc_keeps_the_cube(cube, spec, tmp_path):
    path = tmp_path / "cube"
    for day in samples.DAYS:
        cube.run("load", path, "--spec", spec, *samples.ROI, "--toi", day)
    before = contents(path)
    cube.run("gc", path)
    assert_same_contents(contents(path), before)
    cube.run("load", path, *samples.ROI, *samples.TOI)
    assert_same_contents(contents(path), before)
