"""The emulated STAC API as the official clients see it, and our pixels as odc-stac loads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import odc.stac
import pystac
import pystac_client
import pytest
from odc.geo.geobox import GeoBox
from support import scenes as sc
from support.opening import open_zarr
from support.specs import box, spec_of, write_spec
from test_opens import DAYS, EXTENT, RESOLUTION, scenes


@pytest.fixture(scope="module")
def server(serve, demo_archive):
    return serve(demo_archive)


@pytest.fixture(scope="module")
def client(server) -> pystac_client.Client:
    return pystac_client.Client.open(server.stac)


@pytest.fixture(scope="module")
def items(client) -> list[pystac.Item]:
    found = list(client.search(collections=[c.id for c in client.get_collections()]).items())
    assert found
    return found


def test_landing_page_conforms(client):
    for name in ("CORE", "ITEM_SEARCH"):
        assert client.conforms_to(name), client.get_conforms_to()
    assert list(client.get_collections())


def test_items_are_complete(items):
    for item in items:
        assert item.datetime is not None
        assert item.bbox and item.geometry
        assert item.assets
        assert (
            item.properties.get("proj:code") or item.properties.get("proj:epsg") or any("proj:code" in a.extra_fields for a in item.assets.values())
        )


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_paging_gives_every_item_once(client, items, method):
    paged = [item.id for item in client.search(method=method, limit=2).items()]
    assert sorted(paged) == sorted(item.id for item in items)
    assert len(paged) == len(set(paged))


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_search_by_place_and_time(client, items, method):
    wanted = items[0]
    west, south, east, north = wanted.bbox
    x, y = (west + east) / 2, (south + north) / 2
    found = list(client.search(method=method, bbox=[x - 1e-4, y - 1e-4, x + 1e-4, y + 1e-4], datetime=wanted.datetime).items())
    assert wanted.id in {item.id for item in found}
    assert {item.datetime for item in found} == {wanted.datetime}
    assert not list(client.search(method=method, bbox=[-60, -60, -59, -59]).items())
    assert not list(client.search(method=method, datetime="1999-01-01/1999-12-31").items())


def test_files_have_ranges(server, items):
    import requests

    item = items[0]
    href = next(iter(item.assets.values())).get_absolute_href() or next(iter(item.assets.values())).href
    whole = requests.get(href, timeout=30)
    part = requests.get(href, headers={"Range": "bytes=16-47"}, timeout=30)
    assert (whole.status_code, part.status_code) == (200, 206)
    assert part.content == whole.content[16:48]
    assert part.headers["Content-Range"] == f"bytes 16-47/{len(whole.content)}"
    assert part.headers.get("ETag")


def static_items(path: Path) -> list[pystac.Item]:
    items = list(pystac.ItemCollection.from_file(str(path)))
    for item in items:
        for asset in item.assets.values():
            asset.href = str((path.parent / asset.href).resolve())
    return items


def test_nearest_equals_odc_stac(cube, tmp_path):
    """Reprojected from two zones to a third grid; odc-stac's own approximation of coordinates allows for a few pixels."""
    archive = sc.write_archive(tmp_path / "archive", scenes())
    grid = {"crs": "EPSG:32632", "resolution": RESOLUTION, "extent": list(EXTENT)}
    bands = {"red": {"dtype": "uint16", "nodata": 0, "resampling": "nearest"}}
    spec = write_spec(tmp_path / "cube.toml", spec_of(archive, grid, bands, time={"step": "solar_day"}, chunks={"time": 1, "y": 256, "x": 256}))
    cube.run("load", tmp_path / "cube", "--spec", spec, "--roi", box(EXTENT), "--roi-crs", "EPSG:32632", "--toi", "2024-06")
    ours = open_zarr(tmp_path / "cube")

    theirs = odc.stac.load(
        static_items(archive),
        bands=["red"],
        geobox=GeoBox.from_bbox(EXTENT, crs="EPSG:32632", resolution=RESOLUTION),
        groupby="solar_day",
        resampling="nearest",
    )
    assert [str(t)[:10] for t in theirs.time.values] == [str(t)[:10] for t in ours.time.values] == DAYS
    np.testing.assert_array_equal(ours.x.values, theirs.x.values)
    np.testing.assert_array_equal(ours.y.values, theirs.y.values)
    for step, day in enumerate(DAYS):
        differ = ours.red.values[step] != theirs.red.values[step]
        # One zone only on that day: pasted, so equal. Two zones: GDAL's default moves coordinates by up to an eighth of a pixel.
        same_zone = not any(scene.crs == "EPSG:32633" and scene.date == day for scene in scenes())
        assert differ.sum() == 0 if same_zone else differ.mean() < 0.01, f"{day}: {differ.sum()} pixels differ"


def test_demo_archive_through_the_api_equals_odc_stac(cube, server, client, items, tmp_path):
    """The same search, the same scenes over HTTP, pasted onto the grid of the first scene."""
    # The earliest wins wherever scenes overlap.
    first = min(items, key=lambda item: (item.datetime, item.id))
    data = {name: asset for name, asset in first.assets.items() if "data" in (asset.roles or ["data"])}
    band = "red" if "red" in data else next(iter(data))
    projection = {**first.properties, **first.assets[band].extra_fields}
    crs = projection.get("proj:code") or f"EPSG:{projection['proj:epsg']}"
    a, _, west, _, e, north = projection["proj:transform"][:6]
    extent = (float(west), north + 400 * e, west + 400 * a, float(north))

    grid = {"crs": crs, "resolution": float(a), "extent": list(extent)}
    spec = write_spec(
        tmp_path / "cube.toml",
        spec_of(
            server.stac,
            grid,
            {band: {"resampling": "nearest"}},
            collection=first.collection_id,
            time={"step": "solar_day"},
            chunks={"y": 200, "x": 200},
        ),
    )
    day = first.datetime.date().isoformat()
    cube.run("load", tmp_path / "cube", "--spec", spec, "--roi", box(extent), "--roi-crs", crs, "--toi", day)
    ours = open_zarr(tmp_path / "cube")

    # Only scenes of that zone are pasted by both; take the pixels where no other scene can have won.
    geobox = GeoBox.from_bbox(extent, crs=crs, resolution=float(a))
    found = [
        item
        for item in client.search(
            collections=[first.collection_id], bbox=geobox.geographic_extent.boundingbox, datetime=f"{day}T00:00:00Z/{day}T23:59:59Z"
        ).items()
        if ({**item.properties, **item.assets[band].extra_fields}.get("proj:code") or f"EPSG:{item.properties.get('proj:epsg')}") == crs
    ]
    theirs = odc.stac.load(found, bands=[band], geobox=geobox, groupby="solar_day", resampling="nearest")
    mine, other = ours[band].values[0], theirs[band].values[0]
    valid = other != (theirs[band].odc.nodata or 0)
    assert valid.any()
    assert (mine[valid] == other[valid]).mean() > 0.99
