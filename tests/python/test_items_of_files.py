"""Items of files, indexes and small APIs: what is found in them is what they state, no more and no less."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import shapely
from support.programs import USAGE
from support.searching import ids, items

# Touches some of the twelve scenes of the demo, not all.
CORNER = "12.9,46.5,13.4,46.8"


@pytest.fixture(scope="module")
def api(serve, demo_archive) -> str:
    return serve(demo_archive).stac


def test_files_of_items_are_searched_alike(cube, api, tmp_path):
    everything = tmp_path / "all.parquet"
    cube.run("search", "--stac", api, "--toi", "2024-06", "--out", everything)
    cube.run("search", "--stac", api, "--toi", "2024-06", "--out", tmp_path / "all.json")
    cube.run("search", "--stac", api, "--toi", "2024-06", "--out", tmp_path / "all.ndjson")
    conditions = ["--toi", "2024-06-01/2024-06-10", "--roi", CORNER, "--cloud-cover", "0,80"]
    wanted = ids(items(cube, "--stac", api, *conditions))
    assert wanted
    for name in ("all.parquet", "all.json", "all.ndjson"):
        assert ids(items(cube, "--stac", tmp_path / name, *conditions)) == wanted, name
    triangle = "POLYGON((12.9 46.5, 13.4 46.5, 13.4 46.8, 12.9 46.5))"
    assert ids(items(cube, "--stac", everything, "--roi", triangle)) == ids(items(cube, "--stac", api, "--roi", triangle))
    one = items(cube, "--stac", everything, "--id", wanted[0])
    assert ids(one) == [wanted[0]]


def test_what_results_do_not_say_is_told(cube, demo_archive, tmp_path):
    """Names that no result has, and items that a time leaves out because they state none."""
    for form in ("csv", "geojson"):
        told = cube.run("search", "--stac", demo_archive / "items.json", "--format", form, "--fields", "id,eo:cloud_cover,eo:clod_cover").stderr
        assert "`eo:clod_cover`" in told and "did you mean `eo:cloud_cover`?" in told and told.count("no result has") == 1, told
    item = {"type": "Feature", "stac_version": "1.1.0", "collection": "c", "geometry": None, "links": [], "assets": {}}
    every = [{**item, "id": f"i{day}", "properties": {"datetime": day and f"2024-06-{day:02}T10:00:00Z"}} for day in (None, 1, 2, None)]
    every[3]["id"] = "another"
    file, index = tmp_path / "items.json", tmp_path / "items.parquet"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": every}))
    cube.run("search", "--stac", file, "--out", index)
    for source in (file, index):
        found = cube.run("search", "--stac", source, "--toi", "2024-06-02", "--format", "items")
        assert "2 items state no time" in found.stderr and [json.loads(line)["id"] for line in found.stdout.splitlines()] == ["i2"], found
        assert "no time" not in cube.run("search", "--stac", source, "--format", "items").stderr


def test_files_of_items_describe_no_collections(cube, demo_archive, tmp_path):
    index = tmp_path / "items.parquet"
    cube.run("search", "--stac", demo_archive / "items.json", "--out", index)
    for source, said in ((demo_archive / "items.json", "holds items"), (index, "is not a STAC document")):
        told = cube.run("collections", "--stac", source, exit_code=USAGE).stderr
        assert said in told and "cube search --stac" in told, told
    assert "no description" in cube.run("describe", "sentinel-2-l2a", "--stac", demo_archive / "items.json", exit_code=USAGE).stderr


def square(west: float, south: float, east: float, north: float) -> dict:
    return json.loads(shapely.to_geojson(shapely.box(west, south, east, north)))


def test_what_items_do_not_state_is_not_made_up(cube, tmp_path):
    """A place and a collection: a region finds neither in a file nor in an index what states no place, and says how many there are."""
    item = {"type": "Feature", "stac_version": "1.1.0", "links": [], "assets": {}, "properties": {"datetime": "2024-06-01T10:00:00Z"}}
    every = [{**item, "id": name, "geometry": None} for name in ("nowhere", "elsewhere")]
    every.append({**item, "id": "there", "geometry": square(24, 24, 26, 26), "bbox": [24, 24, 26, 26]})
    file, index = tmp_path / "items.json", tmp_path / "items.parquet"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": every}))
    cube.run("search", "--stac", file, "--out", index)
    for source in (file, index):
        for region in ("24.5,24.5,25,25", "25,25,25,25", "POLYGON((24 24, 25 24, 25 25, 24 24))"):
            found = cube.run("search", "--stac", source, "--roi", region, "--format", "items")
            assert "2 items state no place" in found.stderr and [json.loads(line)["id"] for line in found.stdout.splitlines()] == ["there"], found
        everything = cube.run("search", "--stac", source, "--format", "items")
        assert "no place" not in everything.stderr
        assert [json.loads(line).get("collection") for line in everything.stdout.splitlines()] == [None] * 3


def test_platforms_instruments_and_lists_are_conditions_of_items(cube, tmp_path):
    """Of items as services write them: in small letters, in capitals, without any."""
    item = {"type": "Feature", "stac_version": "1.1.0", "links": [], "assets": {}, "geometry": square(24, 24, 26, 26), "bbox": [24, 24, 26, 26]}
    stated = [("a", "sentinel-2a", ["msi"]), ("b", "Sentinel-2A", ["MSI", "x"]), ("c", "sentinel-2b", ["msi"]), ("d", None, None)]
    every = []
    for name, platform, instruments in stated:
        said = {"platform": platform, "instruments": instruments} if platform else {}
        every.append({**item, "id": name, "properties": {"datetime": "2024-06-01T10:00:00Z", **said}})
    file, index = tmp_path / "items.json", tmp_path / "items.parquet"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": every}))
    cube.run("search", "--stac", file, "--out", index)
    for source in (file, index):
        for conditions, wanted in [
            (["--platform", "SENTINEL-2A"], ["a", "b"]),
            (["--instrument", "msi"], ["a", "b", "c"]),
            (["--platform", "sentinel-2*", "--instrument", "X"], ["b"]),
            (["--filter", "A_CONTAINS(instruments, ('msi')) AND S_WITHIN(geometry, BBOX(20, 20, 30, 30))"], ["a", "c"]),
            (["--filter", "A_OVERLAPS(instruments, ('x', 'y')) OR S_TOUCHES(geometry, BBOX(26, 26, 30, 30)) AND instruments IS NULL"], ["b", "d"]),
        ]:
            found = cube.run("search", "--stac", source, *conditions, "--format", "items")
            assert [json.loads(line)["id"] for line in found.stdout.splitlines()] == wanted, (source, conditions)
            assert "left out" not in found.stderr


def test_wide_items_and_crossings_are_told_apart(cube, tmp_path):
    """The extent of the United States with the Aleutians, and an item that crosses, with the box that `bounds` gives it."""
    wide = (-179.148909, -14.548699, 179.77847, 71.365162)
    crossing = {"type": "Polygon", "coordinates": [[[179.2, 60], [-179.3, 60.1], [-179.4, 61], [179.1, 60.9], [179.2, 60]]]}
    item = {"type": "Feature", "stac_version": "1.1.0", "collection": "c", "links": [], "assets": {}, "properties": {"datetime": "2024-06-01T10:00:00Z"}}
    every = [
        {**item, "id": "wide", "geometry": square(*wide), "bbox": list(wide)},
        {**item, "id": "crossing", "geometry": crossing, "bbox": list(shapely.geometry.shape(crossing).bounds)},
    ]
    file, index = tmp_path / "items.json", tmp_path / "items.parquet"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": every}))
    cube.run("search", "--stac", file, "--out", index)
    for source in (file, index):
        for region, wanted in [
            ("-100,40,-99,41", ["wide"]),
            ("-179.9,60,-179.8,61", ["crossing"]),
            ("179.5,60.3,179.6,60.5", ["crossing", "wide"]),
            ("-179.9,0,-179.8,1", []),
        ]:
            assert ids(items(cube, "--stac", source, "--roi", region)) == wanted, (source, region)


@pytest.fixture
def plain_api() -> Iterator[tuple[str, list, list]]:
    """An API of three items that knows no extension but those that are put into a list, and what it was asked."""
    conforms, asked = ["https://api.stacspec.org/v1.0.0/item-search"], []
    item = {"type": "Feature", "stac_version": "1.1.0", "collection": "c", "links": [], "assets": {}, "geometry": square(0, 0, 1, 1), "bbox": [0, 0, 1, 1]}
    features = [{**item, "id": f"i{day}", "properties": {"datetime": f"2024-06-0{day}T10:00:00Z"}} for day in (1, 2, 3)]

    class Api(BaseHTTPRequestHandler):
        def answer(self, body: dict) -> None:
            content = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            search = {"rel": "search", "href": f"{root}/search", "method": "POST"}
            self.answer({"type": "Catalog", "id": "a", "stac_version": "1.1.0", "description": "a", "conformsTo": conforms, "links": [search]})

        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            found = sorted(features, key=lambda f: f["id"], reverse="sortby" in asked[-1])
            self.answer({"type": "FeatureCollection", "features": found, "links": []})

        def log_message(self, *_) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        root = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, daemon=True).start()
        yield root, conforms, asked
        server.shutdown()


def test_an_api_that_does_not_sort_is_told(cube, plain_api):
    root, conforms, asked = plain_api
    newest = ("search", "--stac", root, "--sort", "-properties.datetime", "--limit", "1", "--format", "items")
    unsorted = cube.run(*newest)
    assert "`sort` = `properties.datetime` was left out: the service does not say that it sorts" in unsorted.stderr, unsorted.stderr
    assert "sortby" not in asked[-1]
    conforms.append("https://api.stacspec.org/v1.0.0/item-search#sort")
    in_order = cube.run(*newest)
    assert "sort" not in in_order.stderr and json.loads(in_order.stdout)["id"] == "i3"
    for field in ("properties.datetime", "datetime", "eo:cloud_cover", "id", "view:sun_azimuth"):
        cube.run("search", "--stac", root, "--sort", f"-{field}")
        assert asked[-1]["sortby"] == [{"field": field, "direction": "desc"}]
