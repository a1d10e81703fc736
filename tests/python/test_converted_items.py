"""Granules of CMR that `cube search` turned into STAC items: opened by odc-stac, and as the source of a cube."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import numpy as np
import odc.stac
import pystac
import pytest
import rasterio
import requests
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from support.earthdata import LOOPBACK, Earthdata
from support.opening import open_zarr
from support.programs import DONE, Program
from support.specs import write_spec

BANDS = ["B04", "B02"]
# Records of CMR say nothing of pixels.
PIXELS = {"dtype": "int16", "nodata": -9999}
BUCKET = "lp-prod-protected"
# Inside the tile 32TQT.
VALLEY = "11.8,46.2,12.2,46.4"


@pytest.fixture(scope="module")
def nasa(testkit, tmp_path_factory) -> Iterator[Earthdata]:
    """Twelve scenes twice: as `HLSS30`, and as `HLSS30-GRID`, whose records state the grid in the way of LP DAAC's own."""
    work = tmp_path_factory.mktemp("nasa")
    first = Earthdata.start(testkit, work, "--archive", work / "archive")
    found = requests.get(f"{first.search}/granules.umm_json", params={"short_name": "HLSS30", "page_size": 100}, timeout=60).json()["items"]
    first.stop()
    (work / "records").mkdir()
    for item in found:
        text = json.dumps(with_grid(work, item["umm"])).replace(first.urls["lpdaac"], "{lpdaac}")
        (work / "records" / f"{item['umm']['GranuleUR']}.json").write_text(text)
    earthdata = Earthdata.start(testkit, work, "--archive", work / "archive", "--records", work / "records")
    yield earthdata
    earthdata.stop()


def with_grid(work: Path, umm: dict) -> dict:
    with rasterio.open(image_path(work, umm["GranuleUR"], "B04")) as image:
        zone = image.crs.to_epsg() - 32600
        grid = {
            "HORIZONTAL_CS_NAME": f"UTM, WGS84, UTM ZONE {zone}",
            "HORIZONTAL_CS_CODE": f"EPSG:{image.crs.to_epsg()}",
            "ULX": image.transform.c,
            "ULY": image.transform.f,
            "NROWS": image.height,
            "NCOLS": image.width,
            "SPATIAL_RESOLUTION": image.transform.a,
        }
    attributes = [{"Name": name, "Values": [str(value)]} for name, value in grid.items()]
    return {
        **umm,
        "CollectionReference": {"ShortName": "HLSS30-GRID", "Version": "2.0"},
        "AdditionalAttributes": [*umm["AdditionalAttributes"], *attributes],
    }


def image_path(work: Path, granule: str, band: str) -> Path:
    return work / "archive" / BUCKET / "HLSS30.020" / granule / f"{granule}.{band}.tif"


@pytest.fixture
def client(cube, nasa, tmp_path) -> Program:
    nasa.reset()
    return cube.with_environment(**nasa.environment(tmp_path))


@pytest.fixture
def gdal_logs_in(nasa, monkeypatch) -> None:
    """GDAL sends the token to the data host, and, as curl does, to none that it is redirected to."""
    nasa.reset()
    for name, value in {
        "GDAL_HTTP_AUTH": "BEARER",
        "GDAL_HTTP_BEARER": nasa.token(),
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "NO_PROXY": LOOPBACK,
        "no_proxy": LOOPBACK,
    }.items():
        monkeypatch.setenv(name, value)


def search(client: Program, collection: str, *arguments: object) -> list[pystac.Item]:
    found = json.loads(client.run("search", "--cmr", "-c", collection, *arguments, "--format", "stac").stdout)
    return list(pystac.ItemCollection.from_dict(found))


def assert_pixels(loaded, path: Path, band: str) -> None:
    """Grid and pixels are those that rasterio reads from the file."""
    with rasterio.open(path) as image:
        assert loaded.odc.geobox == GeoBox(image.shape, image.transform, image.crs)
        pixels = image.read(1)
    assert len(np.unique(pixels)) > 100, "pixels tell places apart"
    assert loaded[band].dtype == pixels.dtype
    np.testing.assert_array_equal(loaded[band].values, pixels)


@pytest.mark.parametrize("version", ["1.1.0", "1.0.0"])
def test_items_that_state_their_grid_open_in_odc_stac(client, nasa, gdal_logs_in, version):
    """As they were found, behind the login, and without a word about the grid."""
    items = search(client, "HLSS30-GRID.v2.0", "--toi", "2024-06", "--stac-version", version)
    assert len(items) == 12
    for item in items:
        loaded = odc.stac.load([item], bands=BANDS, **PIXELS)
        assert loaded.time.values == [np.datetime64(item.datetime.replace(tzinfo=None))]
        for band in BANDS:
            assert_pixels(loaded.isel(time=0), image_path(nasa.work, item.id, band), band)


def test_items_without_a_grid_open_in_odc_stac_on_one(client, nasa, gdal_logs_in):
    """Three dates of one tile in one array."""
    items = search(client, "HLSS30.v2.0", "--roi", VALLEY, "--name", "*T32TQT*")
    assert len(items) == 3
    with rasterio.open(image_path(nasa.work, items[0].id, "B04")) as image:
        grid = GeoBox(image.shape, image.transform, image.crs)
    loaded = odc.stac.load(items, bands=BANDS, geobox=grid, **PIXELS)
    assert loaded.sizes["time"] == 3
    by_time = {np.datetime64(item.datetime.replace(tzinfo=None)): item for item in items}
    for time in loaded.time.values:
        for band in BANDS:
            assert_pixels(loaded.sel(time=time), image_path(nasa.work, by_time[time].id, band), band)


@pytest.mark.parametrize("kept", ["found.json", "found.parquet"])
@pytest.mark.parametrize("access", ["direct", "indirect"])
def test_a_kept_search_is_a_source_by_either_address(client, nasa, s3, tmp_path, kept, access):
    """Items name the bucket as `alternate`: `--access` chooses it, as for CMR itself."""
    search_arguments = ("-c", "HLSS30-GRID.v2.0", "--roi", VALLEY, "--name", "*T32TQT*")
    client.run("search", "--cmr", *search_arguments, "--out", tmp_path / kept)
    put_into_bucket(nasa, s3)
    spec = {
        "title": "A cube of the tests",
        "source": {"backend": "stac", "url": str(tmp_path / kept)},
        "grid": {"crs": "EPSG:32632", "resolution": 300.0, "extent": [699900.0, 5090400.0, 809700.0, 5200200.0]},
        "time": {"step": "instant"},
        "chunks": {"time": 1, "y": 64, "x": 64},
        "bands": {band: {} for band in BANDS},
    }
    endpoint = f"{BUCKET}={nasa.urls['lpdaac']}/s3credentials"
    keys = {"AWS_ENDPOINT_URL": s3.endpoint, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1", "CUBE_S3_CREDENTIALS": endpoint}
    nasa.reset()
    path = write_spec(tmp_path / "cube.toml", spec)
    client.with_environment(**keys).run(
        "load", tmp_path / "cube", "--spec", path, "--roi", VALLEY, "--toi", "2024-06", "--access", access, exit_code=DONE
    )
    asked = [record["path"] for record in nasa.requests("lpdaac")]
    assert any(name.endswith(".tif") for name in asked) == (access == "indirect")
    assert any(name == "/s3credentials" for name in asked) == (access == "direct")
    ds = open_zarr(tmp_path / "cube")
    (west, east), (south, north) = Transformer.from_crs(4326, 32632, always_xy=True).transform([11.9, 12.1], [46.25, 46.35])
    part = ds.sel(x=slice(west, east), y=slice(north, south))
    assert part.sizes["time"] == 3 and part.sizes["x"] > 40 and part.sizes["y"] > 30
    for item in search(client, *search_arguments[1:]):
        with rasterio.open(image_path(nasa.work, item.id, "B04")) as image:
            column, row = (int(v) for v in ~image.transform * (float(part.x[0]), float(part.y[0])))
            expected = image.read(1)[row : row + part.sizes["y"], column : column + part.sizes["x"]]
        np.testing.assert_array_equal(part.B04.sel(time=item.datetime.replace(tzinfo=None)).values, expected)


def put_into_bucket(nasa: Earthdata, s3) -> None:
    bucket = boto3.client("s3", endpoint_url=s3.endpoint, aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1")
    if BUCKET in [entry["Name"] for entry in bucket.list_buckets()["Buckets"]]:
        return
    bucket.create_bucket(Bucket=BUCKET)
    root = nasa.work / "archive" / BUCKET
    for path in root.rglob("*.tif"):
        bucket.put_object(Bucket=BUCKET, Key=str(path.relative_to(root)), Body=path.read_bytes())
