"""Conditions that a service is not told, or told otherwise: what is found is what shapely finds, and what was not filtered is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import shapely
from support.earthdata import Earthdata
from support.programs import USAGE, Program

COLLECTION = "HLSL30.v2.0"
RING, HOLE = [[0, 40], [10, 40], [10, 50], [0, 50], [0, 40]], [[1, 41], [1, 49], [9, 49], [9, 41], [1, 41]]
WITH_HOLE = {"type": "Polygon", "coordinates": [RING, HOLE]}
STRIP = [[0, 40], [2, 40], [2, 50], [0, 50], [0, 40]]
PARTS = "MULTIPOLYGON(((0 40,1 40,1 42,0 41,0 40)),((6 45,7 45,7 47,6 46,6 45)))"


@pytest.fixture(scope="module")
def nasa(start_earthdata) -> Earthdata:
    return start_earthdata("--granules", "600")


@pytest.fixture(scope="module")
def client(cube, nasa, tmp_path_factory) -> Program:
    return cube.with_environment(**nasa.environment(tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="module")
def everything(client, tmp_path_factory) -> Path:
    """All granules of the collection, as items of a file."""
    path = tmp_path_factory.mktemp("items") / "all.json"
    client.run("search", "--cmr", "-c", COLLECTION, "--out", path)
    return path


@pytest.fixture(scope="module")
def features(everything) -> list[dict]:
    return json.loads(everything.read_text())["features"]


@pytest.fixture
def written(tmp_path):
    def write(query: dict) -> Path:
        path = tmp_path / "query.json"
        path.write_text(json.dumps(query))
        return path

    return write


def outline(item: dict) -> shapely.Geometry:
    return shapely.from_geojson(json.dumps(item["geometry"]))


def count(client: Program, *arguments: object) -> tuple[int, str]:
    run = client.run("search", *arguments, "--count")
    return int(run.stdout), run.stderr


@pytest.mark.parametrize(
    "query",
    [
        {"collections": COLLECTION, "polygon": WITH_HOLE},
        {"collections": COLLECTION, "intersects": WITH_HOLE},
        {"type": "items", "collections": [COLLECTION], "intersects": WITH_HOLE},
        {"type": "items", "collections": [COLLECTION], "filter": {"op": "s_intersects", "args": [{"property": "geometry"}, WITH_HOLE]}},
    ],
    ids=["polygon", "intersects", "items", "filter"],
)
def test_holes_of_a_query_are_holes(client, everything, features, written, query):
    region = shapely.Polygon(RING, [HOLE])
    expected = sum(outline(item).intersects(region) for item in features)
    assert 0 < expected < sum(outline(item).intersects(shapely.Polygon(RING)) for item in features), "the hole matters"
    for service in (["--cmr"], ["--stac", everything]):
        assert count(client, "--query", written(query), *service)[0] == expected, service


def test_holes_of_conditions_are_holes(client, features):
    expected = sum(outline(item).intersects(shapely.Polygon(RING, [HOLE])) for item in features)
    assert count(client, "--cmr", "-c", COLLECTION, "--where", f"polygon={json.dumps(WITH_HOLE)}")[0] == expected


@pytest.mark.parametrize("options", [{}, {"polygon": {"or": True}}], ids=["all", "any"])
def test_a_polygon_beside_a_region_of_several_parts_must_be_met_too(client, everything, features, written, options):
    query = written({"collections": COLLECTION, "polygon": STRIP, "options": options})
    region, strip = shapely.from_wkt(PARTS), shapely.Polygon(STRIP)
    expected = sum(outline(item).intersects(region) and outline(item).intersects(strip) for item in features)
    assert 0 < expected < sum(outline(item).intersects(region) for item in features)
    for service in (["--cmr"], ["--stac", everything]):
        assert count(client, "--query", query, "--roi", PARTS, *service)[0] == expected, service
    for words in ("--to-cmr", "--to-stac"):
        said = client.run("search", "--query", query, "--roi", PARTS, words)
        assert "polygon" in said.stderr or "s_intersects" in said.stdout


def test_a_name_and_a_version_are_one_collection(client, everything, features, written):
    for given in (["-c", "HLSL30", "--collection-version", "2.0"], ["--query", written({"collections": "HLSL30", "version": "2.0"})]):
        for service in (["--cmr"], ["--stac", everything]):
            assert count(client, *given, *service)[0] == len(features), (given, service)
    other = ["-c", "HLSL30", "--collection-version", "1.5"]
    assert count(client, *other, "--cmr")[0] == 0 and count(client, *other, "--stac", everything)[0] == 0
    refused = client.run("search", "-c", COLLECTION, "--collection-version", "2.0", "--cmr", "--count", exit_code=USAGE)
    assert "version" in refused.stderr


def test_times_of_records_keep_their_strictness(client, everything, features):
    created = sorted(item["properties"]["created"] for item in features)
    middle = created[len(created) // 2]
    for operator, meets in ((">", lambda t: t > middle), (">=", lambda t: t >= middle), ("<", lambda t: t < middle), ("<=", lambda t: t <= middle)):
        expected = sum(map(meets, created))
        for service in (["--cmr"], ["--stac", everything]):
            found, _ = count(client, *service, "-c", COLLECTION, "--filter", f"created {operator} TIMESTAMP('{middle}')")
            assert found == expected, (operator, service)


def test_files_that_were_named_have_their_addresses_printed(client, everything, features):
    def urls(*choice: str) -> list[str]:
        return client.run("search", "--stac", everything, "--limit", "1", "--format", "urls", *choice).stdout.split()

    data = urls()
    assert data and urls("--assets", "browse") and not set(urls("--assets", "browse")) & set(data)
    assert urls("--assets", "role:metadata") == urls("--include", "role:metadata") != []
    assert len(urls("--assets", "B04,browse")) == len(urls("--assets", "B04")) + len(urls("--assets", "browse"))
    assert urls("--exclude", "B04") == [url for url in data if "B04" not in url], "of what is left, the data"


def test_sizes_that_nobody_states_are_told(client, everything):
    one = ["--stac", everything, "--limit", "1", "--format", "json"]
    files = json.loads(client.run("search", *one).stdout)[0]["files"]
    unknown = sum(file["size"] is None for file in files)
    run = client.run("search", *one, "--assets", "size>1TB", exit_code=None)
    assert unknown and f"the size of {unknown} files is not stated: they are kept" in run.stderr
    assert "not stated" not in client.run("search", *one, "--assets", "B04").stderr


@pytest.mark.parametrize(
    ("query", "service", "said"),
    [
        ({"type": "items", "filter": "eo:cloud_cover <"}, None, "ends too early"),
        ({"type": "items", "filter": {"op": "<<", "args": []}}, None, "not an operator"),
        ({"collections": COLLECTION, "polygon": [[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]}, "cmr", "cross themselves"),
        ({"collections": COLLECTION, "cloud_cover": [120, -5]}, None, "lies between 0 and 100"),
    ],
    ids=["text", "operator", "bow-tie", "cloud cover"],
)
def test_validate_finds_what_a_search_would(client, written, query, service, said):
    file = written(query)
    wrong = client.run("validate", file, *(["--for", service] if service else []), exit_code=USAGE)
    assert said in wrong.stdout and "[-5, 120]" not in wrong.stdout
    if "filter" not in query or isinstance(query["filter"], str):
        assert client.run("search", "--query", file, "--cmr", "--count", exit_code=USAGE).stderr


def test_validate_reads_filters_in_text(client, features, written):
    file = written({"type": "items", "collections": [COLLECTION], "filter": "eo:cloud_cover < 5"})
    said = client.run("validate", file, "--for", "cmr").stdout
    assert "is valid" in said and "CQL2 text" not in said
    assert count(client, "--query", file, "--cmr")[0] == sum(item["properties"]["eo:cloud_cover"] < 5 for item in features)
