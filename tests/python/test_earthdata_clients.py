"""The emulated Earthdata services are accepted by the official Python clients, which believe that they talk to the real ones."""

from __future__ import annotations

import hashlib
import io
import json
import time

import numpy as np
import pytest
import rasterio
import requests

from support.corpus import corpus
from support.earthdata import HOSTS, Earthdata, TrueNames, assert_no_leak, html_200, status

earthaccess = pytest.importorskip("earthaccess")
cmr = pytest.importorskip("cmr")


@pytest.fixture(scope="module")
def running(testkit, tmp_path_factory):
    work = tmp_path_factory.mktemp("earthdata")
    earthdata = Earthdata.start(testkit, work, "--granules", 2500, "--archive", work / "archive", "--true-names")
    names = TrueNames(earthdata.urls, work)
    yield earthdata, names
    names.close()
    earthdata.stop()


@pytest.fixture
def nasa(running, monkeypatch, tmp_path):
    """The emulator under the names of the real hosts, as at its start; nobody is logged in."""
    earthdata, names = running
    earthdata.reset()
    for variable in ("EARTHDATA_TOKEN", "EARTHDATA_USERNAME", "EARTHDATA_PASSWORD"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(names.authority))
    monkeypatch.setenv("NO_PROXY", ",".join([*HOSTS.values(), "localhost", *(f"127.0.0.{number}" for number in range(1, 9))]))
    monkeypatch.setattr("earthaccess.store.Store._running_in_us_west_2", lambda self: False)
    monkeypatch.setattr(earthaccess, "_auth", earthaccess.auth.Auth())
    monkeypatch.setattr(earthaccess, "_store", None)
    with names.installed():
        yield earthdata


@pytest.fixture
def by_password(nasa, monkeypatch):
    monkeypatch.setenv("EARTHDATA_USERNAME", nasa.user)
    monkeypatch.setenv("EARTHDATA_PASSWORD", nasa.password)
    return nasa


# Search


def test_search_data_pages_through_everything(nasa):
    granules = earthaccess.search_data(short_name="HLSL30")
    assert len(granules) == 2500
    assert len({granule["meta"]["concept-id"] for granule in granules}) == 2500
    starts = [granule["umm"]["TemporalExtent"]["RangeDateTime"]["BeginningDateTime"] for granule in granules]
    assert starts == sorted(starts)
    assert nasa.counts()["searches"]["statuses"] == {"200": 4}, "hits twice, two pages"


def test_granules_are_as_the_client_reads_them(nasa):
    (granule,) = earthaccess.search_data(short_name="MUR-JPL-L4-GLOB-v4.1", temporal=("2002-06-02", "2002-06-02T12:00:00"), count=1)
    host = HOSTS["podaac"]
    assert granule.data_links() == [f"https://{host}/podaac-ops-cumulus-protected/MUR-JPL-L4-GLOB-v4.1/{granule['umm']['GranuleUR']}.nc"]
    assert granule.data_links(access="direct")[0].startswith("s3://podaac-ops-cumulus-protected/")
    assert granule.get_s3_credentials_endpoint() == f"https://{host}/s3credentials"
    assert granule.size > 0
    assert granule.__geo_interface__["type"] == "MultiPolygon"
    assert "Collection" in repr(granule)


def test_outlines_with_holes_and_across_the_antimeridian(nasa):
    granules = earthaccess.search_data(short_name="ATL08", count=2000)
    outlines = [granule.__geo_interface__ for granule in granules if "Geometry" in granule["umm"]["SpatialExtent"]["HorizontalSpatialDomain"]]
    assert len(outlines) == 1960, "the others have an orbit only"
    assert any(len(outline["coordinates"][0]) == 2 for outline in outlines)
    spans = [np.ptp([x for x, _ in outline["coordinates"][0][0]]) for outline in outlines]
    assert any(span > 300 for span in spans) and any(span < 20 for span in spans)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"bounding_box": (11.8, 45.8, 12.2, 46.5)}, {"T32TQT", "T32TQS"}),
        ({"bounding_box": (11.8, 45.8, 12.2, 46.5), "cloud_cover": (0, 3)}, {"T32TQT"}),
        ({"point": (13.2, 46.5)}, {"T33TUN"}),
        ({"polygon": [(11.8, 45.8), (12.2, 45.8), (12.2, 46.5), (11.8, 46.5), (11.8, 45.8)]}, {"T32TQT", "T32TQS"}),
        ({"line": [(11.5, 46.6), (14.0, 46.6)]}, {"T32TQT", "T33TUN"}),
        ({"circle": (13.2, 46.5, 1000)}, {"T33TUN"}),
        ({"granule_name": "HLS.S30.T33*"}, {"T33TUN", "T33TUM"}),
        ({"temporal": ("2024-06-08", "2024-06-08")}, {"T32TQT", "T32TQS", "T33TUN", "T33TUM"}),
        ({"day_night_flag": "night"}, set()),
    ],
)
def test_what_a_search_can_ask(nasa, query, expected):
    found = earthaccess.search_data(short_name="HLSS30", version="2.0", **query)
    assert {granule["umm"]["GranuleUR"].split(".")[2] for granule in found} == expected


def test_search_datasets(nasa):
    (by_name,) = earthaccess.search_datasets(short_name="ATL08", count=1)
    assert by_name.concept_id == "C2613553260-NSIDC_CPRD" and by_name.s3_bucket["Region"] == "us-west-2"
    assert {dataset["umm"]["ShortName"] for dataset in earthaccess.search_datasets(keyword="reflectance")} == {"HLSL30", "HLSS30"}
    assert [dataset["umm"]["ShortName"] for dataset in earthaccess.search_datasets(doi="10.5067/GHGMR-4FJ04")] == ["MUR-JPL-L4-GLOB-v4.1"]
    assert len(earthaccess.search_datasets(keyword="sea surface temperature", cloud_hosted=True)) == 1


def test_granules_by_doi(nasa):
    granules = earthaccess.search_data(doi="10.5067/HLS/HLSS30.002")
    assert len(granules) == 12


def test_errors_reach_the_caller_in_the_words_of_the_cmr(nasa):
    with pytest.raises(RuntimeError, match="counter-clockwise"):
        earthaccess.search_data(short_name="HLSS30", polygon=[(0, 0), (0, 1), (1, 1), (1, 0), (0, 0)])


def test_python_cmr_reads_the_feed(nasa):
    query = cmr.GranuleQuery().short_name("HLSS30").bounding_box(11.8, 45.8, 12.2, 46.5)
    assert query.hits() == 6
    entries = query.get_all()
    assert len(entries) == 6 and entries[0]["links"][0]["href"].startswith(f"https://{HOSTS['lpdaac']}/")
    assert {"time_start", "polygons", "cloud_cover", "day_night_flag"} <= entries[0].keys()
    titles = [entry["title"] for entry in cmr.CollectionQuery().keyword("reflectance").get()]
    assert len(titles) == 2 and all(title.startswith("HLS") for title in titles)


def test_pystac_client_reads_cmr_stac(nasa):
    import pystac_client

    root = pystac_client.Client.open(f"https://{HOSTS['cmr']}/stac/LPCLOUD")
    assert {collection.id for collection in root.get_collections()} == {"HLSL30_2.0", "HLSS30_2.0"}
    search = root.search(collections=["HLSS30_2.0"], bbox=[11.8, 45.8, 12.2, 46.5], datetime="2024-06-01T00:00:00Z/2024-06-30T23:59:59Z", limit=4)
    items = list(search.items())
    assert len(items) == 6 and {item.stac_extensions[0].split("/")[3] for item in items} == {"eo"}
    assert items[0].assets["B04"].href.startswith(f"https://{HOSTS['lpdaac']}/lp-prod-protected/")
    # The client writes dates out; whoever does not is refused.
    answer = requests.get(f"https://{HOSTS['cmr']}/stac/LPCLOUD/search?collections=HLSS30_2.0&datetime=2024-06-01", timeout=9)
    assert answer.status_code == 400 and "valid date" in answer.text


# Login


def test_login_with_user_and_password_from_the_environment(by_password):
    auth = earthaccess.login(strategy="environment")
    assert auth.authenticated
    assert auth.token["access_token"] == by_password.token()
    counts = by_password.counts()
    assert counts["token_requests"]["statuses"]["200"] == 2, "the client's and the test's"
    assert_no_leak(by_password)


def test_login_with_a_token_from_the_environment(nasa, monkeypatch):
    token = nasa.token()
    monkeypatch.setenv("EARTHDATA_TOKEN", token)
    assert earthaccess.login(strategy="environment").token["access_token"] == token
    assert nasa.counts()["token_requests"]["requests"] == 1


def test_login_with_a_netrc(nasa, monkeypatch, tmp_path):
    monkeypatch.setenv("NETRC", str(nasa.netrc(tmp_path, HOSTS["login"])))
    assert earthaccess.login(strategy="netrc").authenticated


def test_wrong_passwords_are_refused_as_the_real_one_does(nasa, monkeypatch):
    monkeypatch.setenv("EARTHDATA_USERNAME", nasa.user)
    monkeypatch.setenv("EARTHDATA_PASSWORD", "wrong")
    with pytest.raises(earthaccess.exceptions.LoginAttemptFailure, match="invalid_credentials"):
        earthaccess.login(strategy="environment")


def test_searching_with_a_token_that_was_revoked_is_refused(by_password):
    earthaccess.login(strategy="environment")
    by_password.revoke()
    with pytest.raises(RuntimeError, match="expired"):
        earthaccess.search_data(short_name="HLSS30")


def test_two_tokens_and_no_more(nasa):
    auth = (nasa.user, nasa.password)
    login = f"https://{HOSTS['login']}/api/users"
    tokens = [requests.post(f"{login}/token", auth=auth, timeout=9) for _ in range(3)]
    assert [answer.status_code for answer in tokens] == [200, 200, 403]
    assert tokens[2].json()["error"] == "max_token_limit"
    listed = requests.get(f"{login}/tokens", auth=auth, timeout=9).json()
    assert [entry["access_token"] for entry in listed] == [answer.json()["access_token"] for answer in tokens[:2]]
    assert requests.post(f"{login}/revoke_token", params={"token": listed[0]["access_token"]}, auth=auth, timeout=9).ok
    assert len(requests.get(f"{login}/tokens", auth=auth, timeout=9).json()) == 1


# Keys and data


@pytest.mark.parametrize("by", ["provider", "daac", "results"])
def test_s3_credentials(by_password, by):
    earthaccess.login(strategy="environment")
    results = earthaccess.search_data(short_name="HLSS30", count=1)
    keys = earthaccess.get_s3_credentials(**{by: {"provider": "LPCLOUD", "daac": "LPDAAC", "results": results}[by]})
    assert keys["accessKeyId"].startswith("ASIA") and keys["sessionToken"] and keys["expiration"].endswith("+00:00")
    assert by_password.counts()["key_requests"]["lpdaac"] == {"requests": 1, "statuses": {"200": 1}}
    assert_no_leak(by_password)


def test_s3_credentials_through_the_login_where_bearer_tokens_are_unknown(by_password):
    earthaccess.login(strategy="environment")
    by_password.plan(no_bearer=["lpdaac"])
    assert earthaccess.get_s3_credentials(provider="LPCLOUD")["accessKeyId"].startswith("ASIA")
    assert by_password.counts()["key_requests"]["lpdaac"]["statuses"] == {"200": 1, "307": 1}
    assert by_password.counts()["logins"] == 1


def test_a_refused_token_is_redirected_to_the_login(nasa, monkeypatch):
    monkeypatch.setenv("EARTHDATA_TOKEN", "not.a.token")
    earthaccess.login(strategy="environment")
    assert earthaccess.get_s3_credentials(provider="LPCLOUD") == {}
    assert nasa.counts()["key_requests"]["lpdaac"]["statuses"] == {"307": 1}


def test_keys_open_s3_files_in_the_region(by_password, s3, monkeypatch, tmp_path):
    import boto3

    client = boto3.client("s3", endpoint_url=s3.endpoint, aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1")
    client.create_bucket(Bucket="nsidc-cumulus-prod-protected")
    earthaccess.login(strategy="environment")
    (granule,) = earthaccess.search_data(short_name="ATL08", count=1)
    bucket, key = granule.data_links(access="direct")[0].removeprefix("s3://").split("/", 1)
    client.put_object(Bucket=bucket, Key=key, Body=b"bytes in a bucket")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    earthaccess.__store__.in_region = True
    granule.cloud_hosted = True
    (path,) = earthaccess.download([granule], tmp_path)
    assert path.read_bytes() == b"bytes in a bucket"


def test_download_of_many_files_logs_in_once(by_password, tmp_path):
    earthaccess.login(strategy="environment")
    granules = earthaccess.search_data(short_name="ATL08", count=40)
    files = earthaccess.download(granules, tmp_path)
    assert len(files) == 40
    for granule, path in zip(granules, sorted(files)):
        assert path.name == granule["umm"]["GranuleUR"]
        assert path.stat().st_size == granule["umm"]["DataGranule"]["ArchiveAndDistributionInformation"][0]["SizeInBytes"]
        assert path.name.encode() in path.read_bytes()
    counts = by_password.counts()
    assert counts["token_requests"]["statuses"].get("200") == 1
    assert counts["presigned_requests"]["statuses"] == {"200": 40}
    assert_no_leak(by_password)


def test_download_through_the_login_where_bearer_tokens_are_unknown(by_password, tmp_path):
    by_password.plan(no_bearer=["nsidc"])
    earthaccess.login(strategy="environment")
    files = earthaccess.download(earthaccess.search_data(short_name="ATL08", count=8), tmp_path, threads=2)
    assert len(files) == 8
    counts = by_password.counts()
    assert 1 <= counts["logins"] <= 2, "one for each thread at most"
    assert_no_leak(by_password)


def test_downloaded_files_are_those_of_the_records(by_password, tmp_path):
    earthaccess.login(strategy="environment")
    (granule,) = earthaccess.search_data(short_name="HLSS30", granule_name="HLS.S30.T33TUN.2024155*")
    files = {path.name: path for path in earthaccess.download([granule], tmp_path)}
    listed = granule["umm"]["DataGranule"]["ArchiveAndDistributionInformation"]
    assert len(listed) == 4
    for entry in listed:
        content = files[entry["Name"]].read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["SizeInBytes"], entry["Checksum"]["Value"])


def test_open_reads_ranges(by_password, tmp_path):
    earthaccess.login(strategy="environment")
    (granule,) = earthaccess.search_data(short_name="HLSS30", granule_name="HLS.S30.T33TUN.2024155*")
    (file,) = earthaccess.open([link for link in granule.data_links() if link.endswith(".B04.tif")])
    with rasterio.open(io.BytesIO(file.read())) as image:
        assert (image.dtypes[0], image.nodata, image.crs.to_epsg()) == ("int16", -9999, 32633)
        pixels = image.read(1)
    assert (pixels == -9999).any() and 0 < pixels[pixels != -9999].mean() < 5000


def test_licences_that_are_not_accepted(by_password, tmp_path):
    earthaccess.login(strategy="environment")
    by_password.plan(eula=["nsidc"])
    granules = earthaccess.search_data(short_name="ATL08", count=1)
    with pytest.raises(earthaccess.exceptions.EulaNotAccepted):
        earthaccess.__store__._download_file.__wrapped__(earthaccess.__store__, granules[0].data_links()[0], tmp_path)
    answer = requests.get(granules[0].data_links()[0], headers={"Authorization": f"Bearer {by_password.token()}"}, timeout=9)
    assert answer.status_code == 403 and "/accept_eula" in answer.json()["resolution_url"]
    assert requests.get(answer.json()["resolution_url"], timeout=9).ok


# The transport, without a client


def test_presigned_urls_refuse_a_second_authorization(nasa):
    bearer = {"Authorization": f"Bearer {nasa.token()}"}
    link = f"https://{HOSTS['lpdaac']}/lp-prod-protected/HLSS30.020/HLS.S30.T33TUN.2024155T101059.v2.0/HLS.S30.T33TUN.2024155T101059.v2.0.B04.tif"
    redirect = requests.get(link, headers=bearer, allow_redirects=False, timeout=9)
    assert redirect.status_code == 303
    presigned = redirect.headers["location"]
    assert presigned.startswith(f"https://{HOSTS['presigned']}/")
    assert requests.get(presigned, headers=bearer, timeout=9).status_code == 400
    assert requests.head(presigned, timeout=9).status_code == 403, "it was signed for GET"
    part = requests.get(presigned, headers={"Range": "bytes=0-3"}, timeout=9)
    assert (part.status_code, part.content[:2]) == (206, b"II")
    assert requests.head(link, headers=bearer, allow_redirects=True, timeout=9).headers["content-length"] == part.headers["content-range"].split("/")[1]


def test_plans_bring_faults(nasa):
    nasa.plan(
        pages=[{"first": 2, "items": 3}, {"first": 3, "items": 1, "timed_out": "CMR-Time-Out"}, {"first": 4, "hits": -5}],
        end="empty_with_header",
        rules={"cmr": [status("/search/granules.umm_json", 429, 7, first=6)], "lpdaac": [html_200("/lp-prod*")]},
    )
    search = f"https://{HOSTS['cmr']}/search/granules.umm_json"
    query = {"short_name": "HLSS30", "page_size": 5}
    pages, header = [], {}
    for _ in range(5):
        answer = requests.get(search, params=query, headers=header, timeout=9)
        pages.append((len(answer.json()["items"]), answer.headers["CMR-Hits"], answer.headers.get("CMR-Time-Out")))
        header = {"CMR-Search-After": answer.headers["CMR-Search-After"]}
    assert pages == [(5, "12", None), (3, "12", None), (1, "12", "true"), (0, "7", None), (0, "12", None)]
    limited = requests.get(search, params=query, timeout=9)
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "7")
    page = requests.get(f"https://{HOSTS['lpdaac']}/lp-prod-protected/x.tif", timeout=9)
    assert page.status_code == 200 and "Earthdata Login" in page.text


def test_tokens_expire_after_seconds_and_after_uses(nasa):
    search = f"https://{HOSTS['cmr']}/search/granules.umm_json?short_name=HLSS30&page_size=0"

    def statuses(count):
        bearer = {"Authorization": f"Bearer {nasa.token()}"}
        return [requests.get(search, headers=bearer, timeout=9).status_code for _ in range(count)]

    nasa.plan(token_uses=2)
    assert statuses(4) == [200, 200, 401, 401]
    nasa.plan(token_seconds=0)
    assert statuses(1) == [401]
    nasa.plan()
    assert statuses(1) == [200]


def test_form_posts_and_search_after(nasa):
    form = {"short_name": "HLSL30", "page_size": "2000"}
    first = requests.post(f"https://{HOSTS['cmr']}/search/granules.umm_json", data=form, timeout=9)
    assert len(first.json()["items"]) == 2000 and first.headers["CMR-Hits"] == "2500"
    header = {"CMR-Search-After": first.headers["CMR-Search-After"]}
    second = requests.post(f"https://{HOSTS['cmr']}/search/granules.umm_json", data=form, headers=header, timeout=9)
    third = requests.post(
        f"https://{HOSTS['cmr']}/search/granules.umm_json", data=form, headers={"CMR-Search-After": second.headers["CMR-Search-After"]}, timeout=9
    )
    assert (len(second.json()["items"]), len(third.json()["items"])) == (500, 0)
    assert "CMR-Search-After" not in third.headers


def test_a_page_costs_little(nasa):
    """No figure is asserted: it is printed for whoever compares clients over the emulator."""
    began = time.perf_counter()
    size = len(requests.get(f"https://{HOSTS['cmr']}/search/granules.umm_json?short_name=HLSL30&page_size=2000", timeout=60).content)
    print(f"{size / 1e6:.1f} MB in {time.perf_counter() - began:.3f} s")
    assert size > 1_000_000


# Records


def test_granules_are_valid_by_the_official_schema(nasa):
    import jsonschema

    schema = json.loads((corpus("cmr") / "cmr-repo" / "umm-g-json-schema.json").read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    for name in ("HLSL30", "HLSS30", "MUR-JPL-L4-GLOB-v4.1", "ATL08"):
        granules = earthaccess.search_data(short_name=name, count=60)
        assert granules
        for granule in granules:
            problems = [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(dict(granule["umm"]))]
            assert not problems, (granule["umm"]["GranuleUR"], problems[:3])


def test_recorded_answers_are_served(testkit, tmp_path):
    recorded = corpus("cmr") / "earthaccess" / "bodies" / "TestResults.test_get_all_less_than_2k.01.body.json"
    earthdata = Earthdata.start(testkit, tmp_path, "--records", recorded)
    try:
        expected = json.loads(recorded.read_text())["items"]
        answer = requests.get(f"{earthdata.search}/granules.umm_json?collection_concept_id=C2077042612-POCLOUD&page_size=2000", timeout=30)
        found = {item["meta"]["concept-id"]: item for item in answer.json()["items"]}
        assert answer.headers["CMR-Hits"] == str(len(expected))
        assert found == {item["meta"]["concept-id"]: item for item in expected}
    finally:
        earthdata.stop()


def test_headers_are_those_of_recorded_answers(testkit, tmp_path):
    """All but those of the network around the service, of what checks the body, and of the chunks it comes in."""
    meta = json.loads((corpus("cmr") / "earthaccess" / "bodies" / "TestResults.test_get_all_less_than_2k.01.meta.json").read_text())
    around = {"connection", "transfer-encoding", "content-length", "content-md5", "content-sha1", "date", "via", "x-cache"}
    recorded = {name for name in meta["headers"] if not name.startswith("x-amz-")} - around
    earthdata = Earthdata.start(testkit, tmp_path)
    try:
        answer = requests.get(f"{earthdata.search}/granules.umm_json?short_name=ATL08&page_size=5", timeout=30)
        assert {name for name in answer.raw.headers if name not in around} == recorded
        wanted = ["access-control-allow-origin", "access-control-expose-headers", "server", "vary", "x-frame-options", "x-xss-protection"]
        assert {name: answer.headers[name] for name in wanted} == {name: meta["headers"][name][0] for name in wanted}
    finally:
        earthdata.stop()
