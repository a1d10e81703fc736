"""Searching any STAC and CMR: what other programs make of the results and of the queries."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import subprocess

import geopandas
import pandas
import pystac
import pystac_client
import pytest
import requests
import shapely
from support.earthdata import Earthdata
from support.programs import DONE, USAGE, Program
from support.searching import assert_valid, ids, items

JUNE = ("--toi", "2024-06")
# Touches some of the twelve scenes of the demo, not all.
CORNER = "12.9,46.5,13.4,46.8"


@pytest.fixture(scope="module")
def api(serve, demo_archive) -> str:
    return serve(demo_archive).stac


@pytest.fixture(scope="module")
def nasa(start_earthdata) -> Earthdata:
    return start_earthdata("--granules", "300")


@pytest.fixture
def client(cube, nasa, tmp_path) -> Program:
    return cube.with_environment(**nasa.environment(tmp_path))


# Collections that are named in different ways


@pytest.fixture(scope="module")
def concept_id(cube, nasa, tmp_path_factory) -> str:
    asked = cube.with_environment(**nasa.environment(tmp_path_factory.mktemp("asked")))
    return asked.json("describe", "HLSS30.v2.0")["concept_id"]


def test_collections_may_be_named_in_different_ways(client, concept_id):
    hls, ice = (ids(items(client, "--cmr", "-c", name)) for name in ("HLSS30", "ATL08"))
    for names in ("HLSS30.v2.0,ATL08", f"{concept_id},ATL08", f"HLSS30.v2.0,{concept_id},HLSS30,ATL08"):
        asked = ("search", "--cmr", "-c", names)
        assert ids(items(client, "--cmr", "-c", names)) == sorted(hls + ice), names
        assert len(client.json(*asked)) == len(hls + ice)
        for form, found in (("ndjson", str.splitlines), ("umm", lambda text: json.loads(text)["items"]), ("stac", lambda text: json.loads(text)["features"])):
            assert len(found(client.run(*asked, "--format", form).stdout)) == len(hls + ice), form
        for form in ("geojson", "csv", "urls"):
            text = client.run(*asked, "--format", form).stdout
            assert all(name in text for name in hls + ice), form
        assert len(client.run(*asked).stdout.splitlines()) == len(hls + ice) + 1, "a line for each, below a head"
        limited = items(client, "--cmr", "-c", names, "--limit", str(len(ice) + 1))
        assert len(set(ids(limited))) == len(ice) + 1


def test_counts_of_collections_named_in_different_ways(client, concept_id):
    hls, ice = (client.json("search", "--cmr", "-c", name, "--count")["count"] for name in ("HLSS30", "ATL08"))
    exact = client.run("search", "--cmr", "-c", "HLSS30.v2.0,ATL08", "--count")
    assert int(exact.stdout) == hls + ice and "warning" not in exact.stderr
    twice = client.run("search", "--cmr", "-c", f"HLSS30.v2.0,{concept_id},ATL08", "--count")
    assert int(twice.stdout) == 2 * hls + ice and "counted once for each" in twice.stderr and "concept id" in twice.stderr, twice.stderr
    # Filtered on this side, they are counted one by one.
    filtered = client.run("search", "--cmr", "-c", f"HLSS30.v2.0,{concept_id}", "--assets", "B04", "--count")
    assert int(filtered.stdout) == hls and "warning" not in filtered.stderr
    found = json.loads(client.run("search", "--cmr", "-c", f"HLSS30.v2.0,{concept_id}", "--format", "stac").stdout)
    assert found.get("numberMatched", len(found["features"])) == len(found["features"]) == hls


def test_each_way_of_naming_is_a_query_of_its_own(client, nasa):
    addresses = client.run("search", "--cmr", "-c", "HLSS30.v2.0,ATL08", *JUNE, "--to-cmr").stdout.splitlines()
    assert len(addresses) == 2 and all("temporal" in address for address in addresses)
    hits = sum(int(requests.get(address, timeout=60).headers["CMR-Hits"]) for address in addresses)
    assert hits == client.json("search", "--cmr", "-c", "HLSS30.v2.0,ATL08", *JUNE, "--count")["count"] > 0
    first, second = json.loads(client.run("search", "--cmr", "-c", "HLSS30.v2.0,ATL08", "--to-cmr", "--json").stdout)
    assert ["version[]", "2.0"] in first and ["short_name[]", "ATL08"] in second
    wrong = client.run("search", "--cmr", "-c", "HLSS30.v2.0,ATL08", "--cloud-cover", "50,20", "--count", exit_code=USAGE).stderr
    assert wrong.count("cloud_cover") == 1, wrong


# The forms of results


def test_item_collections_are_read_by_pystac(cube, api):
    found = json.loads(cube.run("search", "--stac", api, *JUNE, "--format", "stac").stdout)
    collection = pystac.ItemCollection.from_dict(found)
    assert len(collection) == found["numberMatched"] == 12
    for item in found["features"]:
        assert_valid(item)


@pytest.mark.parametrize("form", ["table", "json", "ndjson", "stac", "items", "urls", None])
def test_fields_are_refused_where_they_say_nothing(cube, api, form):
    refused = cube.run("search", "--stac", api, "--fields", "id", *(["--format", form] if form else []), exit_code=USAGE)
    assert "hint:" in refused.stderr and "--format csv" in refused.stderr, refused.stderr


def test_granules_of_cmr_are_valid_items(client):
    for version in ("1.1.0", "1.0.0"):
        found = json.loads(client.run("search", "--cmr", "-c", "HLSS30", "--format", "stac", "--stac-version", version).stdout)
        assert {item["stac_version"] for item in found["features"]} == {version}
        for item in found["features"]:
            assert_valid(item)


def test_geoparquet_opens_in_geopandas(cube, api, client, tmp_path):
    for search in (["--stac", api], ["--cmr", "-c", "HLSS30"]):
        path = tmp_path / "found.parquet"
        client.run("search", *search, *JUNE, "--out", path)
        frame = geopandas.read_parquet(path)
        found = items(client, *search, *JUNE)
        assert sorted(frame["id"]) == ids(found)
        by_id = {item["id"]: shapely.from_geojson(json.dumps(item["geometry"])) for item in found}
        assert all(shapely.equals_exact(row.geometry, by_id[row.id], 1e-12, normalize=True) for row in frame.itertuples())
        assert str(frame["datetime"].dtype).startswith("datetime64")


def test_geojson_has_the_fields_that_were_asked_for(client):
    fields = "id,cloud_cover,eo:cloud_cover,assets.B04.href,umm.GranuleUR,meta.provider-id"
    text = client.run("search", "--cmr", "-c", "HLSS30", "--format", "geojson", "--fields", fields).stdout
    frame = geopandas.read_file(io.StringIO(text))
    assert list(frame["id"]) == list(frame["umm.GranuleUR"]) and set(frame["meta.provider-id"]) == {"LPCLOUD"}
    assert (frame["cloud_cover"] == frame["eo:cloud_cover"]).all()
    assert frame["assets.B04.href"].str.endswith(".B04.tif").all()
    assert frame.geometry.is_valid.all()


def test_csv_opens_in_pandas(cube, api):
    text = cube.run("search", "--stac", api, *JUNE, "--format", "csv").stdout
    frame = pandas.read_csv(io.StringIO(text), parse_dates=["start", "end"])
    assert len(frame) == 12 and frame["start"].dt.month.eq(6).all()
    assert (frame["west"] < frame["east"]).all() and frame["href"].str.startswith("http").all()
    some = cube.run("search", "--stac", api, *JUNE, "--format", "csv", "--fields", "id,platform,geometry").stdout
    rows = list(csv.DictReader(io.StringIO(some)))
    assert set(rows[0]) == {"id", "platform", "geometry"} and json.loads(rows[0]["geometry"])["type"] == "Polygon"


def test_facts_have_the_same_keys_from_everywhere(client, api):
    keys = {"id", "collection", "concept_id", "start", "end", "cloud_cover", "size", "bbox", "files"}
    file_keys = {"key", "href", "s3", "roles", "type", "size"}
    for search in (["--stac", api], ["--cmr", "-c", "HLSS30"]):
        facts = client.json("search", *search, "--limit", "3")
        lines = [json.loads(line) for line in client.run("search", *search, "--limit", "3", "--format", "ndjson").stdout.splitlines()]
        assert facts == lines and len(facts) == 3
        assert all(set(one) == keys and set(one["files"][0]) == file_keys for one in facts)


def test_umm_is_as_it_was_received(client, nasa):
    answer = requests.get(f"{nasa.search}/granules.umm_json", params={"short_name": "HLSS30", "page_size": 2000}, timeout=30).json()
    found = json.loads(client.run("search", "--cmr", "-c", "HLSS30", "--format", "umm").stdout)
    assert found["items"] == answer["items"] and found["hits"] == answer["hits"]
    refused = client.run("search", "--stac", f"{nasa.urls['cmr']}/stac/LPCLOUD", "-c", "HLSS30_2.0", "--format", "umm", exit_code=USAGE)
    assert "hint:" in refused.stderr


def test_urls_are_those_of_the_files_that_are_wanted(client):
    everything = client.run("search", "--cmr", "-c", "HLSS30", "--limit", "2", "--format", "urls").stdout.split()
    assert len(everything) == 8 and all(url.endswith(".tif") for url in everything)
    red = client.run("search", "--cmr", "-c", "HLSS30", "--limit", "2", "--format", "urls", "--assets", "B04").stdout.split()
    assert red == [url for url in everything if url.endswith(".B04.tif")]
    direct = client.run("search", "--cmr", "-c", "HLSS30", "--limit", "2", "--format", "urls", "--include", "B04", "--access", "direct").stdout.split()
    assert [url.split("/")[2] for url in direct] == ["lp-prod-protected"] * 2 and all(url.startswith("s3://") for url in direct)
    none = client.run("search", "--cmr", "-c", "HLSS30", "--assets", "*.nc", "--count")
    assert none.stdout.strip() == "0"


def test_a_table_is_for_people(client):
    shown = client.run("search", "--cmr", "-c", "HLSS30", "--limit", "3")
    lines = shown.stdout.splitlines()
    assert lines[0].split() == ["name", "time", "cloud", "size", "files"] and len(lines) == 4
    assert "kB" in lines[1] and "2024-06-" in lines[1] and "T10:" not in lines[1]
    assert "3 records of 12" in shown.stderr
    assert client.run("search", "--cmr", "-c", "HLSS30", "--toi", "1999").stdout == ""


def test_results_appear_page_by_page_and_a_closed_pipe_is_no_error(client):
    for form in ("table", "ndjson", "items", "csv", "urls", "geojson", "stac"):
        process = subprocess.Popen(
            client.command("search", "--cmr", "-c", "ATL08", "--page-size", "20", "--format", form),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **client.environment},
        )
        assert process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(timeout=60) == DONE, said
        assert "error" not in said and "panicked" not in said, said


def test_files_appear_whole_or_not_at_all(client, nasa, tmp_path):
    nasa.plan(pages=[])
    out = tmp_path / "found.ndjson"
    summary = client.json("search", "--cmr", "-c", "ATL08", "--out", out)
    assert summary["records"] == 300 == len(out.read_text().splitlines()) and summary["bytes"] == out.stat().st_size
    client.run("search", "--cmr", "-c", "ATL08", "--out", tmp_path / "found.xyz", exit_code=USAGE)
    client.run("search", "--cmr", "-c", "ATL08", "--format", "parquet", exit_code=USAGE)
    assert not list(tmp_path.glob("found.xyz")) and not list(tmp_path.glob(".results*"))


def test_results_are_sources(client, tmp_path):
    """A search that was kept is a source of a cube, as the service itself is."""
    out = tmp_path / "found.parquet"
    client.run("search", "--cmr", "-c", "HLSS30", *JUNE, "--out", out)
    spec = tmp_path / "cube.toml"
    spec.write_text(
        f'[source]\nbackend = "stac"\nurl = "{out}"\n[grid]\ncrs = "EPSG:32632"\nresolution = 300.0\n'
        "extent = [600000.0, 5090000.0, 800000.0, 5200000.0]\n[bands.B04]\n"
    )
    loaded = client.with_environment(CUBE_ACCESS="indirect").json("load", tmp_path / "cube", "--spec", spec, "--roi", "11.8,46.2,12.2,46.4", *JUNE)
    assert loaded["written"] > 0 and loaded["failed"] == 0


# Queries


def test_to_stac_drives_pystac_client_unchanged(cube, api, tmp_path):
    conditions = ["-c", "sentinel-2-l2a", "--roi", CORNER, "--toi", "2024-06-01/2024-06-10", "--cloud-cover", "0,70", "--name", "S2*", "--limit", "10"]
    arguments = json.loads(cube.run("search", *conditions, "--to-stac").stdout)
    theirs = [item.to_dict() for item in pystac_client.Client.open(api).search(**arguments).items()]
    ours = items(cube, "--stac", api, *conditions)
    assert ids(theirs) == ids(ours) and ours
    for filter_ in ("eo:cloud_cover < 30", "eo:cloud_cover < 30 OR eo:cloud_cover > 60"):
        arguments = json.loads(cube.run("search", *JUNE, "--filter", filter_, "--sort", "-start_date", "--to-stac").stdout)
        theirs = [item.to_dict() for item in pystac_client.Client.open(api).search(**arguments).items()]
        assert ids(theirs) == ids(items(cube, "--stac", api, *JUNE, "--filter", filter_))


def test_to_cmr_is_what_cmr_answers(client):
    conditions = ["-c", "HLSS30.v2.0", "--roi", "11.8,46.2,12.2,46.4", "--toi", "2024-06-01/2024-06-10", "--cloud-cover", "0,40", "--name", "HLS.S30.T32*"]
    url = client.run("search", "--cmr", *conditions, "--to-cmr").stdout.strip()
    found = [item["umm"]["GranuleUR"] for item in requests.get(url, timeout=30).json()["items"]]
    pairs = json.loads(client.run("search", "--cmr", *conditions, "--to-cmr", "--json").stdout)
    same = [item["umm"]["GranuleUR"] for item in requests.get(url.split("?")[0], params=pairs, timeout=30).json()["items"]]
    assert sorted(found) == sorted(same) == ids(items(client, "--cmr", *conditions)) and found


def test_one_query_speaks_both(client, api, nasa):
    """The same conditions through CMR, and through CMR-STAC."""
    conditions = [*JUNE, "--roi", "11.8,46.2,12.2,46.4", "--cloud-cover", "0,60"]
    cmr = items(client, "--cmr", "-c", "HLSS30.v2.0", *conditions)
    stac = items(client, "--stac", f"{nasa.urls['cmr']}/stac/LPCLOUD", "-c", "HLSS30_2.0", *conditions)
    assert ids(cmr) == ids(stac) and cmr


def test_a_query_of_a_file(client, api, tmp_path):
    query = tmp_path / "query.json"
    query.write_text(json.dumps({"collections": ["HLSS30.v2.0"], "temporal": "2024-06-01/2024-06-10", "cloud_cover": [0, 60]}))
    found = items(client, "--cmr", "--query", query)
    assert ids(found) == ids(items(client, "--cmr", "-c", "HLSS30.v2.0", "--toi", "2024-06-01/2024-06-10", "--cloud-cover", "0,60"))
    fewer = items(client, "--cmr", "--query", query, "--cloud-cover", "0,10")
    assert set(ids(fewer)) < set(ids(found)), "what is typed replaces"
    stac = tmp_path / "stac.json"
    stac.write_text(json.dumps({"type": "items", "collections": ["sentinel-2-l2a"], "query": {"eo:cloud_cover": {"lt": 30}}, "max_items": 3}))
    assert len(items(client, "--stac", api, "--query", stac)) == 3
    toml = tmp_path / "query.toml"
    toml.write_text('collections = ["HLSS30.v2.0"]\ntemporal = "2024-06-01/2024-06-10"\ncloud_cover = [0, 60]\n')
    assert ids(items(client, "--cmr", "--query", toml)) == ids(found)


def test_conditions_that_cmr_has_no_words_for_are_held_here(client):
    every = items(client, "--cmr", "-c", "HLSS30")
    clear = [item["id"] for item in every if item["properties"]["eo:cloud_cover"] < 30]
    for filter_ in ("eo:cloud_cover < 30", json.dumps({"op": "<", "args": [{"property": "eo:cloud_cover"}, 30]})):
        assert ids(items(client, "--cmr", "-c", "HLSS30", "--filter", filter_)) == sorted(clear)
        assert client.json("search", "--cmr", "-c", "HLSS30", "--filter", filter_, "--count")["count"] == len(clear)
    either = items(client, "--cmr", "-c", "HLSS30", "--filter", "eo:cloud_cover < 10 OR eo:cloud_cover > 60")
    assert ids(either) == sorted(item["id"] for item in every if not 10 <= item["properties"]["eo:cloud_cover"] <= 60)


def test_seasons_are_filtered_here(cube, client, nasa, api, tmp_path):
    """Days of the year, both inclusive, also over the turn of the year: where the service has no words for them, and where CMR counts otherwise."""

    def day(item: dict) -> int:
        time = item["properties"]["datetime"] or item["properties"]["start_datetime"]
        return pandas.Timestamp(time).dayofyear

    kept = tmp_path / "kept.json"
    cube.run("search", "--stac", api, "--out", kept)
    services = [
        ["--stac", api],
        ["--stac", kept],
        ["--stac", f"{nasa.urls['cmr']}/stac/LPCLOUD", "-c", "HLSS30_2.0"],
        ["--cmr", "-c", "HLSS30"],
    ]
    for service in services:
        everything = items(client, *service)
        days = sorted({day(item) for item in everything})
        assert len(days) > 2
        inner, last = (days[1], days[-2]), days[-1]
        for first, end, holds in [
            (*inner, lambda d: inner[0] <= d <= inner[1]),
            (last, last, lambda d: d == last),
            (last, days[0], lambda d: d >= last or d <= days[0]),
        ]:
            found = client.run("search", *service, "--toi", "2023/2025", "--days", f"{first},{end}", "--format", "items", "-v")
            assert ids([json.loads(line) for line in found.stdout.splitlines()]) == sorted(item["id"] for item in everything if holds(day(item)))
            assert "filtered here" in found.stderr and "warning" not in found.stderr, found.stderr
            counted = client.json("search", *service, "--toi", "2023/2025", "--days", f"{first},{end}", "--count")["count"]
            assert counted == len(found.stdout.splitlines()) > 0
    two = items(client, "--stac", api, "--toi", "2023/2025", "--days", f"{days[0]},366", "--limit", "2")
    assert len(two) == 2
    told = client.run("search", "--stac", api, "--toi", "2024-06", "--days", "1,31", exit_code=USAGE)
    assert "1 to 31" in told.stderr and "hint:" in told.stderr
    shown = client.run("search", "--toi", "2024", "--days", "335,59", "--to-stac")
    assert "warning" in shown.stderr, "who takes the query alone has to filter"


def test_a_filter_narrows_what_is_asked_beside_it(client, tmp_path):
    """Every condition holds, whichever way it was given, and whatever CMR can be told of it."""
    every = items(client, "--cmr", "-c", "HLSS30")
    cloud = {item["id"]: item["properties"]["eo:cloud_cover"] for item in every}
    days = sorted({item["properties"]["start_datetime"][:10] for item in every})
    kept = tmp_path / "kept.json"
    client.run("search", "--cmr", "-c", "HLSS30", "--out", kept)
    some = sorted(cloud)[0].split(".")[2]
    late = f"T_INTERSECTS(datetime, INTERVAL('{days[-1]}T00:00:00Z', '{days[-1]}T23:59:59Z'))"
    early = ("--toi", f"{days[0]}/{days[-2]}")
    for typed, condition, holds in [
        (("--cloud-cover", "30,60"), "eo:cloud_cover <= 90", lambda i: 30 <= cloud[i] <= 60),
        (("--cloud-cover", "30,60"), "eo:cloud_cover <= 45", lambda i: 30 <= cloud[i] <= 45),
        (("--name", f"*{some}*"), f"id LIKE '%{some}%'", lambda i: some in i),
        (("--name", f"*{some}*"), "id LIKE '%no such%'", lambda _: False),
        (early, late, lambda _: False),
    ]:
        expected = sorted(i for i in cloud if holds(i))
        assert ids(items(client, "--cmr", "-c", "HLSS30", *typed, "--filter", condition)) == expected, (typed, condition)
        if typed[0] != "--name":
            assert ids(items(client, "--stac", kept, *typed, "--filter", condition)) == expected, (typed, condition)
    both = client.run("search", "--cmr", "-c", "HLSS30", "--filter", "collection = 'ATL08'", exit_code=USAGE)
    assert "ATL08" in both.stderr and "hint:" in both.stderr
    assert ids(items(client, "--cmr", "-c", "HLSS30", "--filter", "collection = 'HLSS30'")) == sorted(cloud)
    saved = tmp_path / "query.json"
    saved.write_text(json.dumps({"type": "items", "query": {"eo:cloud_cover": {"lt": 20}}, "datetime": f"{days[0]}/{days[-2]}"}))
    for service in (("--cmr", "-c", "HLSS30"), ("--stac", kept)):
        found = items(client, *service, "--query", saved, "--cloud-cover", "30,60", "--toi", days[-1])
        assert ids(found) == sorted(i["id"] for i in every if 30 <= cloud[i["id"]] <= 60 and i["properties"]["start_datetime"][:10] == days[-1])


def test_a_search_keeps_every_processing(cube, tmp_path):
    """A cube is filled from the newest of them; who searches sees them all."""
    item = {"type": "Feature", "stac_version": "1.1.0", "collection": "c", "geometry": None, "links": [], "assets": {}}
    scenes = [{**item, "id": f"S2A_32TNS_20240601_{n}_L2A", "properties": {"datetime": "2024-06-01T10:00:00Z", "s2:sequence": str(n)}} for n in range(3)]
    file = tmp_path / "items.json"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [*scenes, scenes[0]]}))
    assert ids(items(cube, "--stac", file)) == sorted(s["id"] for s in [*scenes, scenes[0]])


def test_results_go_where_a_name_points(cube, demo_archive, tmp_path):
    """Links keep their target, and devices and pipes stay what they are."""
    source = ("search", "--stac", demo_archive / "items.json", "--format", "csv", "--fields", "eo:cloud_cover,nothing")
    file, link, pipe = (tmp_path / name for name in ("file", "link", "pipe"))
    link.symlink_to(file)
    file.write_text("before")
    cube.run(*source, "--out", link)
    assert link.is_symlink() and file.read_text() == cube.run(*source).stdout
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True)
    cube.run(*source, "--out", pipe)
    assert reader.communicate(timeout=60)[0] == file.read_text() and pipe.is_fifo()
    # A line on which nothing stands would be skipped.
    alone = cube.run(*source[:-1], "nothing").stdout
    assert len(list(csv.DictReader(io.StringIO(alone)))) == len(alone.splitlines()) - 1 == 12


def test_regions_are_repaired_told_and_filtered_again(client, tmp_path):
    """A region of many points that winds: asked with few, and what only those few touch is left out."""
    every = items(client, "--cmr", "-c", "HLSS30")
    ring = [
        [12.4 + 0.5 * (1 + 0.3 * math.sin(40 * a)) * math.cos(a), 46.0 + 0.35 * (1 + 0.3 * math.sin(40 * a)) * math.sin(a)]
        for a in (2 * math.pi * k / 5000 for k in range(5000))
    ]
    ring.append(ring[0])
    region = tmp_path / "region.geojson"
    region.write_text(json.dumps({"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring[::-1]]}}))
    shape = shapely.from_geojson(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    result = client.run("search", "--cmr", "-c", "HLSS30", "--roi", region, "--max-points", "60", "--format", "items")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert "5,001 points" in result.stderr or "5001 points" in result.stderr, result.stderr
    assert "reversed" in result.stderr, result.stderr
    touching = [item["id"] for item in every if shapely.from_geojson(json.dumps(item["geometry"])).intersects(shape)]
    assert ids(found) == sorted(touching)
    assert client.json("search", "--cmr", "-c", "HLSS30", "--roi", region, "--max-points", "60", "--count")["count"] == len(touching)


def test_all_mistakes_of_a_query_are_told_at_once(cube, tmp_path):
    query = tmp_path / "query.json"
    query.write_text(json.dumps({"colections": ["X"], "temporal": "June", "cloud_cover": [20, 120], "bbox": [10, 50, 20, 40], "limit": 0}))
    told = cube.run("validate", query, exit_code=USAGE)
    for word in ("colections", "collections", "June", "120", "limit"):
        assert word in told.stdout, told.stdout
    answer = json.loads(cube.run("validate", query, "--json", exit_code=USAGE).stdout)
    assert not answer["valid"] and len(answer["problems"]) >= 5
    assert all(set(problem) == {"field", "value", "message", "hint", "kind"} for problem in answer["problems"])
    query.write_text(json.dumps({"collections": ["HLSL30.v2.0"], "day_night": "day"}))
    assert "is valid" in cube.run("validate", query).stdout
    assert "day_night" in cube.run("validate", query, "--for", "stac").stdout


def test_what_was_typed_wrong_is_told_with_a_hint(client, api):
    for arguments, words in [
        (["--toi", "2024"], ["cube search --cmr", "cube search --stac https://"]),
        (["--cmr"], ["-c"]),
        (["--cmr", "-c", "HLSS30", "--cloud-cover", "200,10", "--day-night", "noon", "--sort", "colour"], ["200", "noon", "colour"]),
        (["--stac", api, "--filter", "eo:cloud_cover <"], ["filter"]),
        (["--cmr", "-c", "HLSS30", "--where", "nothing"], ["nothing", "FIELD=VALUE"]),
        (["--cmr", "-c", "HLSS30", "--where", "sensr=OLI"], ["sensr", "sensor"]),
        (["--cmr", "-c", "HLSS30", "--assets", "size<"], ["size"]),
        (["--cmr", "-c", "HLSS30", "--roi", "1,2,3"], ["1,2,3"]),
        (["--cmr", "-c", "HLSS30", "--query", "absent.json"], ["absent.json"]),
    ]:
        told = client.run("search", *arguments, exit_code=USAGE)
        assert told.stdout == "" and "hint:" in told.stderr, told.stderr
        assert all(word in told.stderr for word in words), told.stderr


def test_a_collection_that_is_not_there_is_told(client, nasa):
    told = client.run("search", "--cmr", "-c", "HLSS3O")
    assert told.stdout == "" and "HLSS3O" in told.stderr and "HLSS30" in told.stderr, told.stderr
    for form in ("urls", "ndjson"):
        silent = client.run("search", "--cmr", "-c", "HLSS3O", "--format", form)
        assert silent.stdout == "" and "nothing was found" in silent.stderr and "HLSS30" in silent.stderr, silent.stderr
    assert "HLSS30" in client.run("search", "--cmr", "-c", "HLSS3O", "--count").stderr
    # Of several, one that is misspelt is told although the others have granules.
    told = client.run("search", "--cmr", "-c", "HLSS30.v2.0,HLSL3O.v2.0")
    assert told.stdout and "HLSL3O" in told.stderr and "no collection `HLSS30" not in told.stderr, told.stderr
    of_stac = client.run("search", "--stac", f"{nasa.urls['cmr']}/stac/LPCLOUD", "-c", "HLSS30.v2.0")
    assert "nothing was found" in of_stac.stderr and "HLSS30_2.0" in of_stac.stderr, of_stac.stderr


def test_names_of_cmr_stac_are_known_to_cmr(client, tmp_path):
    names = ids(items(client, "--cmr", "-c", "HLSS30.v2.0"))
    assert len(names) == 12 and ids(items(client, "--cmr", "-c", "HLSS30_2.0")) == names
    assert client.json("search", "--cmr", "-c", "HLSS30_2.0", "--count")["count"] == 12
    query = tmp_path / "query.json"
    query.write_text(json.dumps({"type": "granules", "collections": ["HLSS30_2.0"]}))
    assert ids(items(client, "--cmr", "--query", query)) == names


# Collections


def test_collections_are_found_by_words(client, nasa, api):
    table = client.run("collections", "--cmr", "--keyword", "sea surface temperature").stdout
    assert "MUR-JPL-L4-GLOB-v4.1" in table and "HLSS30" not in table
    facts = client.json("collections", "--cmr", "-c", "HLSS30.v2.0")
    assert [one["id"] for one in facts] == ["HLSS30.v2.0"] and facts[0]["direct"]["prefixes"]
    stac = json.loads(client.run("collections", "--cmr", "--format", "stac").stdout)["collections"]
    assert len(stac) >= 4
    for collection in stac:
        assert_valid(collection)
    of_api = client.json("collections", "--stac", api)
    assert [one["id"] for one in of_api] == ["sentinel-2-l2a"]
    assert client.json("collections", "--stac", api, "--keyword", "radar") == []


def test_a_collection_is_described(client, api):
    told = client.run("describe", "HLSS30.v2.0", "--cmr").stdout
    for word in ("C2021957295-LPCLOUD", "LPCLOUD", "lp-prod-protected", "B04", "12"):
        assert word in told, told
    assert client.run("describe", "HLSS30.v2.0").stdout == told, "CMR is asked unless another service is named"
    unknown = client.run("describe", "sentinel-2-l2a", exit_code=USAGE)
    assert "cmr" in unknown.stderr.lower() and "--stac" in unknown.stderr
    assert client.json("describe", "sentinel-2-l2a", "--stac", api)["granules"] == 12
    unknown = client.run("describe", "HLSS3O", "--cmr", exit_code=USAGE)
    assert "--stac" not in unknown.stderr and "HLSS30" in unknown.stderr
    unknown = client.run("describe", "sentinel-3", "--stac", api, exit_code=USAGE)
    assert "sentinel-2-l2a" in unknown.stderr
    # Addresses of services and of pages are no files.
    told = client.run("describe", "MUR-JPL-L4-GLOB-v4.1").stdout
    files, links = told.split(" files of ")[0].splitlines()[-1], told.splitlines()[-1]
    assert files == "3" and links == "links: s3_credentials, service", told
