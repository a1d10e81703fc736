"""`cube` and NASA's Earthdata services, as the emulator plays them: searches, logins, keys and loads, and everything that goes wrong on the way."""

from __future__ import annotations

import datetime
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
import requests
from affine import Affine
from pyproj import Transformer
from support import granules as gr
from support.corpus import corpus
from support.earthdata import Earthdata, assert_no_leak, find_secrets, granule_of, html_200, rule, status
from support.opening import open_zarr
from support.programs import DONE, USAGE, Program
from support.specs import write_spec
from support.terminal import converse

# West, south, east, north of an area inside the tile 32TQT.
VALLEY = "11.8,46.2,12.2,46.4"
DAYS = 200
NETCDF = ("DAILY-SST", "1.0")
BUCKET = "podaac-ops-cumulus-protected"


@pytest.fixture(scope="module")
def running(testkit, tmp_path_factory) -> Iterator[Earthdata]:
    work = tmp_path_factory.mktemp("nasa")
    folder, records = work / "files" / BUCKET / NETCDF[0], work / "records"
    records.mkdir()
    for number in range(DAYS):
        path = gr.Day(number).write(folder)
        day = (datetime.date(2024, 1, 1) + datetime.timedelta(days=number)).isoformat()
        record = granule_of(path, f"{BUCKET}/{NETCDF[0]}/{path.name}", day, (9.95, 39.95, 13.95, 41.95), NETCDF)
        (records / f"{number:03}.json").write_text(json.dumps(record))
    earthdata = Earthdata.start(testkit, work, "--archive", work / "archive", "--files", work / "files", "--records", records)
    yield earthdata
    earthdata.stop()


@pytest.fixture
def nasa(running) -> Earthdata:
    running.reset()
    return running


@pytest.fixture
def client(cube, nasa, tmp_path) -> Program:
    """`cube` with the user's name and password."""
    return cube.with_environment(**nasa.environment(tmp_path))


@pytest.fixture
def without_login(cube, nasa, tmp_path) -> Program:
    environment = nasa.environment(tmp_path)
    return cube.with_environment(**environment | {"EARTHDATA_USERNAME": "", "EARTHDATA_PASSWORD": ""})


def names(client: Program, *arguments: object) -> list[str]:
    """Ids of what a search finds."""
    lines = client.run("search", "--cmr", *arguments, "--format", "items").stdout.splitlines()
    return [json.loads(line)["id"] for line in lines]


def all_names(nasa: Earthdata, collection: str) -> list[str]:
    """As the emulator lists them in one page."""
    answer = requests.get(f"{nasa.search}/granules.umm_json", params={"short_name": collection, "page_size": 2000}, timeout=60)
    return [item["umm"]["GranuleUR"] for item in answer.json()["items"]]


# Search


def test_what_a_search_finds(client, nasa):
    assert names(client, "-c", "HLSS30.v2.0") == all_names(nasa, "HLSS30")
    found = names(client, "-c", "HLSS30.v2.0", "--roi", VALLEY, "--toi", "2024-06-08")
    assert found == ["HLS.S30.T32TQT.2024160T101031.v2.0"]
    assert {name.split(".")[2] for name in names(client, "-c", "HLSS30.v2.0", "--name", "*T33*")} == {"T33TUN", "T33TUM"}
    assert client.json("search", "--cmr", "-c", "ATL08", "--count")["count"] == 200


@pytest.mark.parametrize("end", ["empty", "empty_with_header", "last_without_header"])
@pytest.mark.parametrize("pages", [[], [{"first": 2, "count": 2, "items": 7}], [{"first": 1, "count": None, "items": 30}]])
def test_short_pages_end_nothing(client, nasa, pages, end):
    expected = all_names(nasa, "ATL08")
    nasa.plan(pages=pages, end=end)
    assert names(client, "-c", "ATL08", "--page-size", 50) == expected


@pytest.mark.parametrize("header", ["CMR-Time-Out", "CMR-Timed-Out"])
def test_a_page_that_ran_out_of_time_is_asked_for_again(client, nasa, header):
    expected = all_names(nasa, "ATL08")
    nasa.plan(pages=[{"first": 2, "items": 7, "timed_out": header}])
    assert names(client, "-c", "ATL08", "--page-size", 50) == expected


@pytest.mark.parametrize("pattern, collections", [("HLSS*", ["HLSS30"]), ("HLSS3?", ["HLSS30"]), ("HLS?30.v2.0", ["HLSS30", "HLSL30"])])
def test_collections_by_pattern(client, nasa, pattern, collections):
    assert sorted(names(client, "-c", pattern)) == sorted(name for collection in collections for name in all_names(nasa, collection))


def test_granules_of_all_collections(client):
    """CMR pages such a search by number only."""
    found = client.run("search", "--cmr", "--toi", "2024-06-08", "--page-size", 2, "--format", "items")
    everything = [json.loads(line)["id"] for line in found.stdout.splitlines()]
    assert len(everything) == len(set(everything)) > 4 and "10,000" in found.stderr
    assert client.json("search", "--cmr", "--toi", "2024-06-08", "--count")["count"] == len(everything)


def test_results_that_stay_incomplete_are_an_error(client, nasa):
    nasa.plan(pages=[{"first": 2, "count": None, "items": 7, "timed_out": "CMR-Timed-Out"}])
    failed = client.run("search", "--cmr", "-c", "ATL08", "--page-size", "50", "--format", "items", exit_code=None)
    assert failed.returncode != DONE and "time" in failed.stderr, failed.stderr


def test_fewer_results_than_every_page_announced_are_an_error(client, nasa):
    nasa.plan(pages=[{"first": 1, "count": None, "hits": 3}])
    failed = client.run("search", "--cmr", "-c", "ATL08", "--page-size", "50", "--format", "items", exit_code=None)
    assert failed.returncode != DONE and "203" in failed.stderr and "200" in failed.stderr, failed.stderr


def test_hits_that_change_on_the_way_are_no_error(client, nasa):
    """Granules come and go while pages are read."""
    expected = all_names(nasa, "ATL08")
    nasa.plan(pages=[{"first": 2, "count": 2, "hits": 3}, {"first": 3, "hits": -3}])
    assert names(client, "-c", "ATL08", "--page-size", 50) == expected


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_service_that_is_busy_is_asked_again(client, nasa, code):
    expected = all_names(nasa, "ATL08")
    nasa.plan(rules={"cmr": [status("/search/*", code, 1, first=2, count=2)]})
    assert names(client, "-c", "ATL08", "--page-size", 50) == expected
    assert nasa.counts()["searches"]["statuses"][str(code)] == 2


def test_compressed_answers(client, nasa):
    expected = all_names(nasa, "ATL08")
    nasa.plan(gzip=True)
    assert names(client, "-c", "ATL08") == expected


def test_long_outlines_are_posted(client, nasa, tmp_path):
    turns = np.linspace(0, 2 * np.pi, 290, endpoint=False)
    ring = [[12 + 0.3 * np.cos(turn), 46.3 + 0.2 * np.sin(turn)] for turn in turns]
    area = tmp_path / "area.geojson"
    area.write_text(json.dumps({"type": "Polygon", "coordinates": [[*ring, ring[0]]]}))
    assert len(names(client, "-c", "HLSS30.v2.0", "--roi", area)) == 3
    asked = [record for record in nasa.requests("cmr") if record["path"].endswith("granules.umm_json")]
    assert {record["method"] for record in asked} == {"POST"} and "polygon" in asked[0]["body"]


def test_what_the_service_says_is_passed_on(client, nasa):
    answer = {"kind": "answer", "status": 400, "headers": {"content-type": "application/json"}, "body": '{"errors":["The moon is full."]}'}
    nasa.plan(rules={"cmr": [rule("/search/*", answer)]})
    assert "The moon is full." in client.run("search", "--cmr", "-c", "ATL08", exit_code=None).stderr


def test_cmr_stac_is_a_stac_api(client, nasa):
    found = client.run("search", "--stac", f"{nasa.urls['cmr']}/stac/LPCLOUD", "-c", "HLSS30_2.0", "--toi", "2024-06-08", "--format", "items").stdout
    assert len(found.splitlines()) == 4


# Login


def load(client: Program, nasa: Earthdata, work: Path, *options: object, source: dict | None = None, exit_code: int | None = DONE, **tables: object):
    """Loads the valley from HLS scenes in their own grid."""
    spec = {
        "title": "A cube of the tests",
        "source": {"backend": "cmr", "collections": ["HLSS30.v2.0"], "url": nasa.search, **(source or {})},
        "grid": {"crs": "EPSG:32632", "resolution": 300.0, "extent": [699900.0, 5090400.0, 809700.0, 5200200.0]},
        "time": {"step": "instant"},
        "chunks": {"time": 1, "y": 64, "x": 64},
        "bands": {"B04": {}, "B02": {}},
        **tables,
    }
    return client.run("load", work / "cube", "--spec", write_spec(work / "cube.toml", spec), "--roi", VALLEY, "--toi", "2024-06", *options, exit_code=exit_code)


def assert_hls_pixels(nasa: Earthdata, cube_path: Path) -> None:
    """Every loaded pixel of the valley is that of the scene's file."""
    ds = open_zarr(cube_path)
    xs, ys = Transformer.from_crs(4326, 32632, always_xy=True).transform([11.8, 12.2], [46.2, 46.4])
    part = ds.sel(x=slice(xs[0] + 600, xs[1] - 600), y=slice(ys[1] - 2400, ys[0] + 2400))
    assert part.sizes["time"] == 3 and part.sizes["x"] > 80 and part.sizes["y"] > 50
    for step, folder in zip(part.time.values, sorted((nasa.work / "archive/lp-prod-protected/HLSS30.020").glob("HLS.S30.T32TQT.*"))):
        stamp = np.datetime64(step, "s").astype(datetime.datetime).strftime("%Y%jT%H%M%S")
        assert stamp in folder.name
        for band in ("B04", "B02"):
            with rasterio.open(folder / f"{folder.name}.{band}.tif") as image:
                column, row = ~image.transform * (float(part.x[0]), float(part.y[0]))
                assert isinstance(image.transform, Affine) and column % 1 == row % 1 == 0.5, "the grid is the scene's own"
                expected = image.read(1)[int(row) :, int(column) :][: part.sizes["y"], : part.sizes["x"]]
            np.testing.assert_array_equal(part[band].sel(time=step).values, expected)
            assert (expected != -9999).any()


def test_load_from_hls(client, nasa, tmp_path):
    load(client, nasa, tmp_path)
    assert_hls_pixels(nasa, tmp_path / "cube")
    counts = nasa.counts()
    assert counts["token_requests"] == {"requests": 1, "statuses": {"200": 1}}
    assert_no_leak(nasa)
    before = nasa.counts()
    client.run("load", tmp_path / "cube", "--roi", VALLEY, "--toi", "2024-06")
    assert nasa.counts() == before, "a second load asks nobody"


def test_a_source_whose_collections_are_named_in_different_ways(client, nasa, tmp_path):
    concept_id = client.json("describe", "HLSL30.v2.0")["concept_id"]
    spec = {"source": {"backend": "cmr", "collections": ["HLSS30.v2.0", concept_id]}, "grid": {"crs": "EPSG:32632", "resolution": 300.0}, "bands": {"B04": {}}}
    spec["grid"]["extent"] = [690000.0, 4980000.0, 900000.0, 5210000.0]
    path = write_spec(tmp_path / "cube.toml", spec)
    client.run("index", "--spec", path, "--roi", VALLEY, "--toi", "2024-06", "--out", tmp_path / "index.ndjson")
    found = [json.loads(line)["id"] for line in (tmp_path / "index.ndjson").read_text().splitlines()]
    expected = [name for collection in ("HLSS30", "HLSL30") for name in names(client, "-c", collection, "--roi", VALLEY, "--toi", "2024-06")]
    assert sorted(found) == sorted(expected) and found
    client.run("load", tmp_path / "cube", "--spec", path, "--roi", VALLEY, "--toi", "2024-06-03")


def test_a_source_that_names_no_cmr_is_the_one_of_the_environment(client, nasa, tmp_path):
    """As searches have it. A source that names one is read from there."""
    spec = {"source": {"backend": "cmr", "collections": ["HLSS30.v2.0"]}, "grid": {"crs": "EPSG:32632", "resolution": 300.0}, "bands": {"B04": {}}}
    spec["grid"]["extent"] = [690000.0, 4980000.0, 900000.0, 5210000.0]
    path = write_spec(tmp_path / "cube.toml", spec)
    client.run("create", tmp_path / "cube", "--spec", path)
    client.run("load", tmp_path / "cube", "--roi", VALLEY, "--toi", "2024-06-03")
    client.run("index", "--spec", path, "--roi", VALLEY, "--toi", "2024-06", "--out", tmp_path / "index.ndjson")
    assert (tmp_path / "index.ndjson").read_text().count("HLS.S30") > 0
    for command in (["create", tmp_path / "none"], ["index", "--roi", VALLEY, "--out", tmp_path / "none.json"]):
        spec["source"]["collections"] = ["HLSS3O.v2.0"]
        unknown = client.run(*command, "--spec", write_spec(tmp_path / "none.toml", spec), exit_code=USAGE)
        assert "HLSS30" in unknown.stderr, unknown.stderr
    assert not (tmp_path / "none.json").exists()
    nowhere = client.with_environment(CUBE_CMR_URL="http://127.0.0.1:1", CUBE_HTTP_RETRIES="0")
    spec["source"] |= {"url": nasa.urls["cmr"], "collections": ["HLSS30.v2.0"]}
    nowhere.run("create", tmp_path / "named", "--spec", write_spec(tmp_path / "named.toml", spec))


def test_a_token_of_the_environment_needs_no_login(without_login, nasa, tmp_path):
    token = nasa.token()
    load(without_login.with_environment(EARTHDATA_TOKEN=token, EARTHDATA_USERNAME="x", EARTHDATA_PASSWORD="y"), nasa, tmp_path)
    counts = nasa.counts()
    assert counts["token_requests"]["requests"] == 1, "that of the test"
    assert_no_leak(nasa)


def test_a_netrc_is_read(without_login, nasa, tmp_path):
    load(without_login.with_environment(NETRC=str(nasa.netrc(tmp_path))), nasa, tmp_path)
    assert nasa.counts()["token_requests"]["statuses"] == {"200": 1}


def test_without_a_login_every_way_is_named(without_login, nasa, tmp_path):
    failed = load(without_login, nasa, tmp_path, exit_code=None)
    assert failed.returncode not in (DONE, None)
    assert "EARTHDATA_TOKEN" in failed.stderr and "netrc" in failed.stderr and "cube auth login" in failed.stderr, failed.stderr
    assert "operation lacked" not in failed.stderr, failed.stderr
    assert failed.stderr.count("needs a login") == 1, failed.stderr


def test_a_wrong_password_is_said_once(without_login, nasa, tmp_path):
    failed = load(without_login.with_environment(EARTHDATA_USERNAME=nasa.user, EARTHDATA_PASSWORD="not-this-one"), nasa, tmp_path, exit_code=None)
    assert failed.returncode not in (DONE, None) and "not-this-one" not in failed.stderr + failed.stdout
    assert "password" in failed.stderr.lower() or "credentials" in failed.stderr.lower(), failed.stderr
    assert nasa.counts()["token_requests"]["requests"] == 1, "accounts are locked after a few wrong passwords"


USER, PASSWORD, SAVE = "user: ", "password (not shown): ", "[y/N] "


def test_a_person_is_asked(without_login, nasa, tmp_path):
    said = converse(without_login, "auth", "login", answers=[(USER, f"{nasa.user}\n"), (PASSWORD, f"{nasa.password}\n"), (SAVE, "n")])
    assert said.exit_code == DONE and nasa.user in said.shown and nasa.password not in said.shown and said.echoes, said.shown
    assert not Path(without_login.environment["NETRC"]).exists()
    load(without_login, nasa, tmp_path)
    assert nasa.counts()["token_requests"]["requests"] == 1, "the login was kept"
    without_login.run("auth", "logout")
    assert without_login.run("auth", "status", exit_code=None).returncode != DONE


@pytest.mark.parametrize("option", [[], ["--save"]])
def test_user_and_password_are_saved_for_the_user_alone(without_login, nasa, option):
    answers = [(USER, f"{nasa.user}\n"), (PASSWORD, f"{nasa.password}\n")] + ([] if option else [(SAVE, "y")])
    assert converse(without_login, "auth", "login", *option, answers=answers).exit_code == DONE
    path = Path(without_login.environment["NETRC"])
    assert nasa.password in path.read_text() and path.stat().st_mode & 0o777 == 0o600
    assert "netrc" in without_login.run("auth", "status").stdout


def test_a_wrong_password_is_asked_for_again(without_login, nasa):
    wrong = [(USER, f"{nasa.user}\n"), (PASSWORD, "not-this-one\n")]
    right = [(USER, f"{nasa.user}\n"), (PASSWORD, f"{nasa.password}\n"), (SAVE, "n")]
    said = converse(without_login, "auth", "login", answers=wrong + right)
    assert said.exit_code == DONE and "refuses" in said.shown and "not-this-one" not in said.shown, said.shown
    assert said.shown.count(SAVE) == 1, "asked once the password is known to be right"
    without_login.run("auth", "logout")
    said = converse(without_login, "auth", "login", answers=wrong * 3)
    assert said.exit_code == 1 and "hint:" in said.shown, said.shown


@pytest.mark.parametrize("typed", [[(USER, "\x03")], [(USER, "someone\n"), (PASSWORD, "half\x03")]])
def test_ctrl_c_at_a_question_leaves_the_terminal_as_it_was(without_login, nasa, typed):
    said = converse(without_login, "auth", "login", answers=typed)
    assert said.exit_code == 130 and said.echoes, said.shown
    assert nasa.counts()["token_requests"]["requests"] == 0
    assert not Path(without_login.environment["NETRC"]).exists()


def test_ctrl_c_at_the_last_question_saves_nothing(without_login, nasa):
    said = converse(without_login, "auth", "login", answers=[(USER, f"{nasa.user}\n"), (PASSWORD, f"{nasa.password}\n"), (SAVE, "\x03")])
    assert said.exit_code == 130 and said.echoes, said.shown
    assert not Path(without_login.environment["NETRC"]).exists()


def test_a_given_token_is_not_said_to_be_checked(without_login, nasa):
    given = without_login.with_environment(EARTHDATA_TOKEN="abc")
    for command in ("login", "status"):
        said = given.run("auth", command).stdout
        assert "not checked" in said and "EARTHDATA_TOKEN" in said and "kept" not in said, said
    assert given.json("auth", "login")["is_given"] and nasa.counts()["token_requests"]["requests"] == 0


def test_a_login_that_fails_does_not_hint_at_itself(without_login):
    for strategy in ("all", "netrc", "interactive"):
        failed = without_login.run("auth", "login", "--strategy", strategy, exit_code=1).stderr
        assert "hint:" in failed and "cube auth login" not in failed, failed


@pytest.mark.parametrize("uses, direct", [(1, []), (3, []), (1, ["lpdaac"]), (3, ["lpdaac"]), (6, ["lpdaac"])])
def test_tokens_that_expire_in_the_middle_of_a_run(client, nasa, tmp_path, uses, direct):
    """Also those that are good for less requests than there are readers at once."""
    nasa.plan(token_uses=uses, direct=direct)
    load(client, nasa, tmp_path, "--access", "indirect")
    assert_hls_pixels(nasa, tmp_path / "cube")
    assert nasa.counts()["token_requests"]["statuses"]["200"] > 1
    assert_no_leak(nasa)


def test_a_file_is_signed_for_once(client, nasa, tmp_path):
    """Its ranges are read where the archive redirected to, without asking it again."""
    load(client, nasa, tmp_path, "--access", "indirect")
    signed = [record["path"] for record in nasa.requests("lpdaac") if record["status"] == 303]
    ranges = nasa.requests("presigned")
    assert len(ranges) > len(signed)
    assert all({"authorization", "cookie"}.isdisjoint(name for name, _ in record["headers"]) for record in ranges)


def test_a_kept_token_that_was_revoked(client, nasa, tmp_path):
    client.run("auth", "login")
    nasa.revoke()
    load(client, nasa, tmp_path)
    assert nasa.counts()["token_requests"]["statuses"] == {"200": 2}


def test_a_host_that_knows_no_bearer_tokens(client, nasa, tmp_path):
    nasa.plan(no_bearer=["lpdaac"])
    load(client, nasa, tmp_path, "--access", "indirect")
    assert_hls_pixels(nasa, tmp_path / "cube")
    assert nasa.counts()["logins"] == 1, "cookies are kept"
    assert_no_leak(nasa)


def test_a_host_that_sends_the_bytes_itself(client, nasa, tmp_path):
    nasa.plan(direct=["lpdaac"])
    load(client, nasa, tmp_path, "--access", "indirect")
    assert_hls_pixels(nasa, tmp_path / "cube")
    assert nasa.counts()["presigned_requests"]["requests"] == 0


@pytest.mark.parametrize("what, page", [("eula", "/accept_eula"), ("unapproved", "/approve_app")])
def test_what_the_user_has_to_agree_to_is_a_page_to_open(client, nasa, tmp_path, what, page):
    nasa.plan(**{what: ["lpdaac"]})
    failed = load(client, nasa, tmp_path, "--access", "indirect", exit_code=None)
    assert failed.returncode not in (DONE, None)
    assert f"{nasa.urls['login']}{page}" in failed.stderr, failed.stderr


def test_a_login_page_is_not_data(client, nasa, tmp_path):
    nasa.plan(rules={"lpdaac": [html_200("/lp-prod-protected/*", count=None)]})
    failed = load(client, nasa, tmp_path, "--access", "indirect", exit_code=None)
    assert failed.returncode not in (DONE, None)
    assert "html" in failed.stderr.lower() or "web page" in failed.stderr.lower(), failed.stderr
    if (tmp_path / "cube").exists():
        assert open_zarr(tmp_path / "cube").sizes["time"] == 0, "nothing of it was taken for data"


@pytest.mark.parametrize("host, path", [("lpdaac", "/lp-prod-protected/*"), ("login", "/api/users/*"), ("cmr", "/search/*"), ("presigned", "*"), ("lpdaac", "/s3credentials")])
def test_a_redirect_to_a_stranger_takes_no_secret_along(client, nasa, tmp_path, host, path):
    """Everything that the run writes is searched, at the most talkative level."""
    strange = [rule(path, {"kind": "answer", "status": code, "headers": {"location": "{hostile}/collect"}}, first=first, count=1) for first, code in [(1, 302), (2, 307), (3, 303)]]
    nasa.plan(rules={host: [*strange, rule(path, {"kind": "redirect", "location": "{hostile}/collect?more"}, first=4, count=None)]})
    run = load(client.with_environment(CUBE_LOG="trace", CUBE_HTTP_RETRIES="2"), nasa, tmp_path, exit_code=None)
    assert_no_leak(nasa)
    written = [place for place in tmp_path.iterdir() if place.name != "credentials"]
    assert find_secrets(nasa, run.stdout, run.stderr, *written) == []
    if host == "lpdaac" and path != "/s3credentials":
        assert run.returncode != DONE and nasa.counts()["hostile_requests"] > 0, "the redirect was followed, without anything secret"


@pytest.mark.parametrize("level", ["trace", "debug"])
def test_nothing_secret_is_written_anywhere(client, nasa, tmp_path, level):
    client = client.with_environment(CUBE_LOG=level)
    said = [load(client, nasa, tmp_path), client.run("auth", "status"), client.run("plan", tmp_path / "cube", "--roi", VALLEY, "--toi", "2024-06", exit_code=None)]
    kept = tmp_path / "credentials"
    written = [place for place in tmp_path.iterdir() if place != kept]
    assert find_secrets(nasa, *(run.stdout + run.stderr for run in said), *written) == []
    assert all(path.stat().st_mode & 0o077 == 0 for path in [kept, *kept.rglob("*")])


# Keys


def test_keys_in_every_form(client, nasa):
    endpoint = ["--credentials-endpoint", f"{nasa.urls['podaac']}/s3credentials"]
    keys = json.loads(client.run("auth", "s3", *endpoint).stdout)
    assert set(keys) >= {"accessKeyId", "secretAccessKey", "sessionToken", "expiration"}
    boto = json.loads(client.run("auth", "s3", *endpoint, "--format", "boto3").stdout)
    assert boto["aws_session_token"] == keys["sessionToken"]
    shell = client.run("auth", "s3", *endpoint, "--format", "env").stdout
    printed = subprocess.run(["bash", "-c", f"{shell}\necho $AWS_SECRET_ACCESS_KEY"], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == keys["secretAccessKey"]
    assert nasa.counts()["key_requests"]["podaac"] == {"requests": 1, "statuses": {"200": 1}}, "asked for once, by three processes"


def test_keys_that_are_about_to_expire_are_asked_for_again(client, nasa):
    endpoint = ["--credentials-endpoint", f"{nasa.urls['podaac']}/s3credentials"]
    nasa.plan(keys_seconds=2)
    first = json.loads(client.run("auth", "s3", *endpoint).stdout)
    time.sleep(1.2)
    second = json.loads(client.run("auth", "s3", *endpoint).stdout)
    assert first["accessKeyId"] != second["accessKeyId"], "more than half of a short life is over"


def test_an_unknown_bucket_is_told_what_to_give(client, nasa):
    failed = client.run("auth", "s3", "s3://a-bucket-of-nobody/key.tif", exit_code=None)
    assert failed.returncode not in (DONE, None)
    assert "--provider" in failed.stderr and "POCLOUD" in failed.stderr, failed.stderr


def test_what_a_search_found_is_a_source(client, nasa, tmp_path):
    """HLS names its collection by title alone; items name it as the query does."""
    found = tmp_path / "found.parquet"
    client.run("search", "--cmr", "-c", "HLSS30.v2.0", "--toi", "2024-06", "--out", found)
    (one,) = client.json("search", "--cmr", "-c", "HLSS30.v2.0", "--toi", "2024-06", "--limit", 1)
    assert one["collection"] == "HLSS30.v2.0"
    load(client, nasa, tmp_path, source={"backend": "stac", "url": str(found)})
    assert_hls_pixels(nasa, tmp_path / "cube")


def test_bands_are_not_called_by_one_file(client, nasa, tmp_path):
    load(client, nasa, tmp_path)
    assert "long_name" not in open_zarr(tmp_path / "cube").B04.attrs


# Grids in netCDF


def grid_spec(nasa: Earthdata, work: Path) -> Path:
    spec = {
        "title": "Daily sea surface temperature",
        "source": {"backend": "cmr", "collections": ["DAILY-SST"], "url": nasa.search},
        "grid": {"crs": "EPSG:4326", "extent": [9.95, 39.95, 13.95, 41.95], "shape": [20, 40]},
        "time": {"step": "P1D"},
        "chunks": {"time": 1, "y": 20, "x": 40},
        "bands": {"sst": {"asset": "data#sst"}},
    }
    return write_spec(work / "grid.toml", spec)


def truth(nasa: Earthdata, days: range) -> np.ndarray:
    """Raw numbers, north up."""
    paths = [nasa.work / "files" / BUCKET / NETCDF[0] / f"day{day}.nc" for day in days]
    return gr.netcdf(paths, "sst", raw=True)[:, ::-1, :]


def test_load_from_netcdf(client, nasa, tmp_path):
    client.run("load", tmp_path / "cube", "--spec", grid_spec(nasa, tmp_path), "--roi", "9.95,39.95,13.95,41.95", "--toi", "2024-01-03/2024-01-07")
    ds = open_zarr(tmp_path / "cube")
    np.testing.assert_array_equal(ds.sst.values, truth(nasa, range(2, 7)))
    assert ds.sst.attrs["scale_factor"] == 0.01 and ds.sst.attrs["units"] == "kelvin"
    assert_no_leak(nasa)


@pytest.mark.parametrize("access", ["indirect", "direct"])
def test_eight_processes_ask_for_one_token_and_one_set_of_keys(client, nasa, s3, tmp_path, access):
    if access == "direct":
        put_into_bucket(nasa, s3)
        keys = f"{BUCKET}={nasa.urls['podaac']}/s3credentials"
        client = client.with_environment(AWS_ENDPOINT_URL=s3.endpoint, AWS_ALLOW_HTTP="true", AWS_REGION="us-east-1", CUBE_S3_CREDENTIALS=keys)
    spec = grid_spec(nasa, tmp_path)
    arguments = ["--spec", spec, "--roi", "9.95,39.95,13.95,41.95", "--toi", "2024", "--access", access]
    processes = [client.start("load", tmp_path / f"cube{number}", *arguments) for number in range(8)]
    for process in processes:
        said = process.communicate(timeout=600)[0]
        assert process.returncode == DONE, said
    counts = nasa.counts()
    assert counts["token_requests"] == {"requests": 1, "statuses": {"200": 1}}
    if access == "direct":
        assert counts["key_requests"]["podaac"] == {"requests": 1, "statuses": {"200": 1}}
        assert counts["presigned_requests"]["requests"] == 0
    for number in (0, 7):
        np.testing.assert_array_equal(open_zarr(tmp_path / f"cube{number}").sst.values, truth(nasa, range(DAYS)))
    assert_no_leak(nasa)


@pytest.mark.parametrize("ways", [("direct", "indirect"), ("indirect", "direct")])
def test_a_cube_that_moves_takes_the_way_that_is_open(client, nasa, s3, tmp_path, ways):
    """What a cube remembers of a file is all its addresses, not the one that was read first."""
    put_into_bucket(nasa, s3)
    spec = grid_spec(nasa, tmp_path)
    spec.write_text(spec.read_text() + '[bands.flag]\nasset = "data#flag"\n')
    keys = f"{BUCKET}={nasa.urls['podaac']}/s3credentials"
    places = {
        "direct": client.with_environment(AWS_ENDPOINT_URL=s3.endpoint, AWS_ALLOW_HTTP="true", AWS_REGION="us-east-1", CUBE_S3_CREDENTIALS=keys),
        "indirect": client,
    }
    for band, way in zip(["sst", "flag"], ways, strict=True):
        nasa.reset()
        arguments = ["--roi", "9.95,39.95,13.95,41.95", "--toi", "2024-01-01/2024-01-03", "--bands", band, "--access", way]
        places[way].run("load", tmp_path / "cube", "--spec", spec, *arguments)
        assert (nasa.counts()["presigned_requests"]["requests"] == 0) == (way == "direct")
    ds = open_zarr(tmp_path / "cube")
    np.testing.assert_array_equal(ds.sst.values, truth(nasa, range(3)))
    assert (ds.flag.values == np.arange(3)[:, None, None]).all()


def put_into_bucket(nasa: Earthdata, s3) -> None:
    import boto3

    bucket = boto3.client("s3", endpoint_url=s3.endpoint, aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1")
    if BUCKET not in [entry["Name"] for entry in bucket.list_buckets()["Buckets"]]:
        bucket.create_bucket(Bucket=BUCKET)
    for path in (nasa.work / "files" / BUCKET).rglob("*.nc"):
        bucket.put_object(Bucket=BUCKET, Key=str(path.relative_to(nasa.work / "files" / BUCKET)), Body=path.read_bytes())


def test_virtualize_from_a_search(client, nasa, tmp_path):
    done = json.loads(
        client.run(
            "virtualize", "--cmr", "-c", "DAILY-SST", "--toi", "2024-01-01/2024-01-10", "--concat-dim", "time", "--out", tmp_path / "sst.json", "--json"
        ).stdout
    )
    assert done["granules"] == 10 and done["refused"] == []
    references = json.loads((tmp_path / "sst.json").read_text())
    addresses = {ref[0] for ref in references["refs"].values() if isinstance(ref, list)}
    assert all(address.startswith((nasa.urls["podaac"], "s3://", "{{")) for address in addresses)
    assert find_secrets(nasa, tmp_path / "sst.json") == []
    paths = [nasa.work / "files" / BUCKET / NETCDF[0] / f"day{day}.nc" for day in range(10)]
    ranges = [(ref, key) for key, ref in references["refs"].items() if key.startswith("sst/") and isinstance(ref, list) and len(ref) == 3]
    assert len(ranges) == 40
    for (address, offset, length), key in ranges[:8]:
        day = int(key.split("/")[1].split(".")[0])
        assert address.endswith(paths[day].name) and offset + length <= paths[day].stat().st_size


def test_sidecars_that_records_name_are_read_behind_the_login(cube, testkit, tmp_path):
    """A real DMR++ beside its file: the file itself is not opened."""
    sidecar = corpus("dmrpp") / "pairs" / "chunked_shufzip_twoD" / "chunked_shufzip_twoD.h5.dmrpp"
    folder, records = tmp_path / "files" / BUCKET / "DMR", tmp_path / "records"
    folder.mkdir(parents=True)
    records.mkdir()
    for path in (sidecar, sidecar.with_suffix("")):
        shutil.copy(path, folder)
    data = folder / "chunked_shufzip_twoD.h5"
    record = granule_of(data, f"{BUCKET}/DMR/{data.name}", "2024-01-01", (-180, -90, 180, 90), ("DMR", "1"))
    record["RelatedUrls"].append({"URL": f"{{podaac}}/{BUCKET}/DMR/{sidecar.name}", "Type": "EXTENDED METADATA"})
    (records / "one.json").write_text(json.dumps(record))
    nasa = Earthdata.start(testkit, tmp_path, "--files", tmp_path / "files", "--records", records)
    try:
        client = cube.with_environment(**nasa.environment(tmp_path))
        done = json.loads(client.run("virtualize", "--cmr", "-c", "DMR", "--out", tmp_path / "dmr.json", "--dmrpp", "only", "--json").stdout)
        assert done["granules"] == 1 and list(done["read_from"].values()) == [1] and "hdf5" not in done["read_from"]
        asked = {record["path"] for record in nasa.requests("podaac") if record["path"].startswith(f"/{BUCKET}")}
        assert f"/{BUCKET}/DMR/{sidecar.name}" in asked
        assert_no_leak(nasa)
    finally:
        nasa.stop()
