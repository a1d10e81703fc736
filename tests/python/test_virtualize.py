"""Virtual cubes from end to end: what `cube virtualize` writes opens with the lines that it prints, and holds what netCDF4, h5py and rasterio read."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
import xarray as xr
from support import granules as gr
from support.granules import Day
from support.programs import DONE, FAILED, PARTLY, USAGE

STORES = ["store", "store.json", "store.parquet"]
ALONG = ["--concat-dim", "time"]


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "granules"


@pytest.fixture
def three(folder) -> list[Path]:
    return gr.days(folder)


def virtualize(cube, *arguments, exit_code=DONE) -> dict:
    return json.loads(cube.run("virtualize", *arguments, "--json", exit_code=exit_code).stdout)


def refused(cube, *arguments, exit_codes=(USAGE,), names=()) -> str:
    """It refuses in words that help, and writes nothing."""
    out = Path(arguments[arguments.index("--out") + 1])
    before = sorted(out.rglob("*")) if out.exists() else None
    result = cube.run("virtualize", *arguments, exit_code=None)
    assert result.returncode in exit_codes, f"exit code {result.returncode}\n{result.stdout}\n{result.stderr}"
    for name in names:
        assert str(name) in result.stderr, f"`{name}` is not in:\n{result.stderr}"
    assert any(word in result.stderr for word in ["hint", "Usage:", "--help"]), result.stderr
    after = sorted(out.rglob("*")) if out.exists() else None
    assert after == before, f"left behind: {after}"
    assert not list(out.parent.glob(".*partial*"))
    return result.stderr


def assert_days(ds: xr.Dataset, paths: list[Path]) -> None:
    np.testing.assert_allclose(ds.sst.values, gr.netcdf(paths, "sst"), rtol=1e-6)
    np.testing.assert_array_equal(ds.flag.values, gr.netcdf(paths, "flag"))
    np.testing.assert_array_equal(ds.lat.values, gr.netcdf(paths[:1], "lat"))
    days = [np.datetime64(f"2024-01-{number + 1:02d}") for number in range(len(paths))]
    np.testing.assert_array_equal(ds.time.values.astype("M8[D]"), days)
    assert ds.sst.dims == ("time", "lat", "lon") and ds.sst.attrs["units"] == "kelvin"


@pytest.mark.parametrize("store", STORES)
def test_granules_become_one_array(cube, three, folder, tmp_path, store):
    # The order of names does not matter: coordinates say where granules go.
    done = virtualize(cube, three[2], three[0], three[1], "--out", tmp_path / store, *ALONG)
    assert (done["granules"], done["references"], done["refused"]) == (3, 24, [])
    assert done["containers"] == [f"file://{folder}/"]
    ds = gr.run(done["python"])
    assert_days(ds, three)
    assert ds.attrs["title"] == "sea surface temperature" and "date_created" not in ds.attrs


def test_what_is_printed_is_what_is_said_as_json(cube, three, folder, tmp_path):
    said = cube.run("virtualize", f"{folder}/*.nc", "--out", tmp_path / "store", *ALONG).stdout
    python = "\n".join(line[4:] for line in said.split("open it in Python:")[1].splitlines())
    assert_days(gr.run(python), three)
    assert f"file://{folder}/" in said and "/sst" in said


def test_keys_of_the_answer(cube, three, tmp_path):
    done = virtualize(cube, *three, "--out", tmp_path / "store", *ALONG)
    expected = {
        "store", "format", "zarr_format", "version", "granules", "already_there", "named_twice", "read_from", "ignored_sidecars", "groups_left_out",
        "arrays", "references", "stored_chunks", "referenced_bytes", "refused", "mismatches", "parts", "failed", "containers", "python", "requests",
        "bytes_received", "seconds",
    }  # fmt: skip
    assert expected <= done.keys()
    sst = next(array for array in done["arrays"] if array["path"] == "/sst")
    assert sst == {
        "path": "/sst", "dtype": "int16", "dimensions": ["time", "lat", "lon"], "shape": [3, 20, 40], "chunk_shape": [1, 10, 20],
        "references": 12, "stored": 0, "absent": 0,
    }  # fmt: skip
    assert done["format"] == "icechunk" and done["read_from"] == {"hdf5": 3} and done["parts"] == 1


@pytest.mark.parametrize("store", ["store", "store.json"])
def test_every_layout_reads_as_h5py_reads_it(cube, tmp_path, store):
    path = gr.layouts(tmp_path / "layouts.h5")
    done = virtualize(cube, path, "--out", tmp_path / store)
    ds = gr.run(done["python"])
    with h5py.File(path) as file:
        for name in ["contiguous", "big_endian", "deflated", "summed", "partial_edges", "scalar", "sparse", "x"]:
            np.testing.assert_array_equal(ds[name].values, file[name][...], err_msg=name)
        assert ds["text"].item() == file["text"].asstr()[()]
    reasons = {r["variable"]: r["reason"] for r in done["refused"]}
    assert reasons == {"/lzf": "codec", "/compound": "element-type"}
    assert done["groups_left_out"] == ["/inner"]


def test_refused_variables_are_named_and_strict_refuses_all(cube, tmp_path):
    path = gr.layouts(tmp_path / "layouts.h5")
    result = cube.run("virtualize", path, "--out", tmp_path / "store")
    assert "`/lzf` is left out: codec" in result.stderr and "/compound" in result.stderr
    refused(cube, path, "--out", tmp_path / "other", "--strict", exit_codes=[FAILED], names=["/lzf", "/compound", "--drop"])
    virtualize(cube, path, "--out", tmp_path / "other", "--strict", "--drop", "lzf,/compound")


def test_codecs_that_zarr_does_not_know_can_be_decoded(cube, tmp_path):
    path = gr.layouts(tmp_path / "layouts.h5")
    done = virtualize(cube, path, "--out", tmp_path / "store", "--materialize-unsupported")
    assert [r["variable"] for r in done["refused"]] == ["/compound"]
    with h5py.File(path) as file:
        np.testing.assert_array_equal(gr.run(done["python"]).lzf.values, file["lzf"][...])


@pytest.mark.parametrize("store", ["store", "store.json"])
def test_groups(cube, tmp_path, store):
    path = gr.layouts(tmp_path / "layouts.h5")
    one = gr.run(virtualize(cube, path, "--out", tmp_path / f"one-{store}", "--group", "/inner")["python"])
    np.testing.assert_array_equal(one.v.values, np.arange(5))
    tree = virtualize(cube, path, "--out", tmp_path / f"tree-{store}", "--tree", "--drop", "lzf,compound")
    assert {"/inner/v", "/contiguous"} <= {array["path"] for array in tree["arrays"]}
    both = virtualize(cube, path, "--out", tmp_path / f"both-{store}", "--group", "inner", "--group", "/")
    assert len(both["arrays"]) == len(tree["arrays"])
    refused(cube, path, "--out", tmp_path / "no", "--group", "/outer", names=["/outer", "/inner"])
    refused(cube, path, "--out", tmp_path / "no", "--group", "/inner", "--tree")


def test_sidecars_are_found_and_preferred(cube, three, folder, tmp_path):
    sidecar = folder / "day0.nc.dmrpp"
    sidecar.write_text(dmrpp("day0.nc", three[0]))
    done = virtualize(cube, three[0], "--out", tmp_path / "auto")
    assert done["read_from"] == {"dmrpp": 1}
    assert virtualize(cube, three[0], "--out", tmp_path / "never", "--dmrpp", "never")["read_from"] == {"hdf5": 1}
    # The sidecar alone describes the file beside it; with its file it is one granule.
    assert virtualize(cube, sidecar, "--out", tmp_path / "sidecar")["containers"] == [f"file://{folder}/"]
    assert virtualize(cube, f"{folder}/day0*", "--out", tmp_path / "both")["granules"] == 1
    refused(cube, three[1], "--out", tmp_path / "only", "--dmrpp", "only", names=["day1.nc", "--dmrpp auto"])
    # A damaged one is passed over with a warning, or an error where nothing else may be read.
    sidecar.write_text("<html>log in</html>")
    damaged = virtualize(cube, three[0], "--out", tmp_path / "damaged")
    assert damaged["read_from"] == {"hdf5": 1} and "day0.nc.dmrpp" in damaged["ignored_sidecars"][0]
    refused(cube, three[0], "--out", tmp_path / "only", "--dmrpp", "only", exit_codes=[FAILED], names=["day0.nc.dmrpp"])
    values = gr.run(done["python"]).flag.values
    np.testing.assert_array_equal(values, gr.netcdf(three[:1], "flag"))


def dmrpp(name: str, path: Path) -> str:
    """A sidecar of the flags of a day, with offsets as h5py tells them."""
    with h5py.File(path) as file:
        chunks = [file["flag"].id.get_chunk_info(i) for i in range(file["flag"].id.get_num_chunks())]
    listed = "".join(
        f'<dmrpp:chunk offset="{c.byte_offset}" nBytes="{c.size}" chunkPositionInArray="[{",".join(map(str, c.chunk_offset))}]"/>' for c in chunks
    )
    dims = "".join(f'<Dimension name="{n}" size="{s}"/>' for n, s in [("time", 1), ("lat", 20), ("lon", 40)])
    return f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<Dataset xmlns="http://xml.opendap.org/ns/DAP/4.0#" xmlns:dmrpp="http://xml.opendap.org/dap/dmrpp/1.0.0#" dapVersion="4.0" dmrVersion="1.0"
 name="{name}" dmrpp:href="OPeNDAP_DMRpp_DATA_ACCESS_URL" dmrpp:version="3.21.0">{dims}
<Int8 name="flag"><Dim name="/time"/><Dim name="/lat"/><Dim name="/lon"/>
<dmrpp:chunks fillValue="0" byteOrder="LE"><dmrpp:chunkDimensionSizes>1 10 20</dmrpp:chunkDimensionSizes>{listed}</dmrpp:chunks></Int8></Dataset>"""


@pytest.mark.parametrize(
    "odd, names",
    [
        (Day(3, scale=0.02), ["/sst", "scale_factor"]),
        (Day(3, chunks=(1, 20, 40)), ["/sst", "chunks"]),
        (Day(3, shuffle=False), ["/sst", "codecs"]),
        (Day(3, dtype="i4"), ["/sst", "elements"]),
        (Day(3, first_latitude=40.05), ["/lat", "values"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_granules_that_do_not_fit_are_refused_by_name(cube, three, folder, tmp_path, odd, names):
    odd.write(folder)
    refused(cube, f"{folder}/*.nc", "--out", tmp_path / "store", *ALONG, exit_codes=[FAILED], names=["day3.nc", *names])


def test_granules_that_do_not_fit_can_be_split_or_decoded(cube, three, folder, tmp_path):
    other = Day(3, chunks=(1, 20, 40)).write(folder)
    split = virtualize(cube, f"{folder}/*.nc", "--out", tmp_path / "split", *ALONG, "--split-on-mismatch")
    assert split["parts"] == 2 and split["mismatches"]
    tree = gr.run(split["python"])
    np.testing.assert_allclose(tree["part_0"].sst.values, gr.netcdf(three, "sst"), rtol=1e-6)
    np.testing.assert_allclose(tree["part_1"].sst.values, gr.netcdf([other], "sst"), rtol=1e-6)
    whole = virtualize(cube, f"{folder}/*.nc", "--out", tmp_path / "decoded", *ALONG, "--materialize-mismatch")
    assert_days(gr.run(whole["python"]), [*three, other])


def test_times_are_said_from_one_epoch(cube, folder, tmp_path):
    paths = [Day(0).write(folder), Day(1, epoch="2024-01-02").write(folder), Day(2, epoch="2023-12-31").write(folder)]
    assert_days(gr.run(virtualize(cube, *paths, "--out", tmp_path / "store", *ALONG)["python"]), paths)


def test_the_same_time_twice_is_found(cube, three, folder, tmp_path):
    shutil.copy(three[1], folder / "copy.nc")
    refused(cube, f"{folder}/*.nc", "--out", tmp_path / "store", *ALONG, exit_codes=[FAILED], names=["copy.nc", "day1.nc"])
    done = virtualize(cube, three[0], three[0], "--out", tmp_path / "store", *ALONG)
    assert done["granules"] == 1 and done["named_twice"] == [str(three[0])]


def test_axes_are_joined_by_their_values(cube, folder, tmp_path):
    paths = [Day(0, chunks=(1, 10, 40)).write(folder), Day(1, chunks=(1, 10, 40), first_latitude=41.0).write(folder)]
    refused(cube, *paths, "--out", tmp_path / "store", *ALONG, exit_codes=[FAILED], names=["/lat"])
    opened = [xr.open_dataset(path) for path in paths]
    for join in ["outer", "inner"]:
        ours = gr.run(virtualize(cube, *paths, "--out", tmp_path / join, *ALONG, "--join", join, "--drop", "flag")["python"])
        theirs = xr.concat(opened, "time", join=join, data_vars="all", coords="minimal", compat="override")
        np.testing.assert_allclose(ours.sst.values, theirs.sst.values, rtol=1e-6)
        np.testing.assert_array_equal(ours.lat.values, theirs.lat.values)


def test_granules_side_by_side_need_a_dimension(cube, three, tmp_path):
    refused(cube, *three, "--out", tmp_path / "store", names=["/sst", "--concat-dim"])
    # A new dimension: granules in the order in which they were named.
    refused(cube, three[1], three[0], "--out", tmp_path / "store", "--concat-dim", "granule", exit_codes=[FAILED], names=["/time"])
    ds = gr.run(virtualize(cube, three[1], three[0], "--out", tmp_path / "store", "--concat-dim", "granule", "--drop", "time")["python"])
    assert ds.sst.dims == ("granule", "time", "lat", "lon")
    np.testing.assert_array_equal(ds.flag.values[:, 0, 0, 0], [1, 0])


def test_variables_of_several_files_are_merged(cube, folder, tmp_path):
    paths = [Day(0).write(folder / "a"), Day(0).write(folder / "b")]
    ours = virtualize(cube, paths[0], "--out", tmp_path / "sst", "--drop", "flag")
    assert [a["path"] for a in ours["arrays"]] == ["/time", "/lat", "/lon", "/sst"]
    with xr.open_dataset(paths[1]) as ds:
        ds[["flag"]].to_netcdf(folder / "flag.nc")
    with xr.open_dataset(paths[0]) as ds:
        ds.drop_vars("flag").to_netcdf(folder / "sst.nc")
    both = gr.run(virtualize(cube, folder / "sst.nc", folder / "flag.nc", "--out", tmp_path / "both")["python"])
    assert {"sst", "flag"} <= set(both.data_vars)


def test_appending_twice_is_as_appending_once(cube, three, folder, tmp_path):
    store = tmp_path / "store"
    virtualize(cube, *three[:2], "--out", store, *ALONG)
    first = virtualize(cube, f"{folder}/*.nc", "--out", store, "--append", "time")
    assert (first["granules"], first["already_there"]) == (1, 2)
    again = virtualize(cube, f"{folder}/*.nc", "--out", store, "--append", "time")
    assert (again["granules"], again["already_there"], again["references"]) == (0, 3, 0)
    assert_days(gr.run(first["python"]), three)
    Day(3, scale=0.02).write(folder)
    refused(cube, f"{folder}/*.nc", "--out", store, "--append", "time", exit_codes=[FAILED], names=["day3.nc", "scale_factor"])
    assert_days(gr.run(first["python"]), three)


def test_a_store_that_is_there_is_not_overwritten(cube, three, tmp_path):
    for name in STORES:
        store = tmp_path / name
        virtualize(cube, three[0], "--out", store)
        refused(cube, three[1], "--out", store, names=[name])
    for name in ["store.json", "absent", "absent.json"]:
        refused(cube, three[1], "--out", tmp_path / name, "--append", "time")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("mine")
    refused(cube, three[1], "--out", tmp_path / "other", names=["other"])


@pytest.mark.parametrize(
    "arguments, names",
    [
        (["absent.nc"], ["absent.nc"]),
        (["*.h5"], ["*.h5"]),
        (["."], ["folder"]),
        (["@absent.txt"], ["absent.txt"]),
        (["https://example.org/*.nc"], ["pattern"]),
        (["https://example.org/a.nc?sig=SECRET"], ["query"]),
        (["ftp://example.org/a.nc"], ["ftp"]),
        (["day0.nc", "--drop", "colour"], ["colour"]),
        (["day0.nc", "--load", "colour"], ["colour"]),
        (["day0.nc", "--join", "left"], ["left", "exact"]),
        (["day0.nc", "--load", ""], ["--load"]),
        (["day0.nc", "--zarr-format", "2"], ["v3"]),
        (["day0.nc", "--record-size", "5"], ["record"]),
        (["day0.nc", "--format", "zarr"], ["zarr", "icechunk"]),
        (["day0.nc", "--rewrite-prefix", "a"], ["--rewrite-prefix"]),
        (["text.txt"], ["text.txt"]),
        (["empty.nc"], ["empty.nc"]),
        (["cut.nc"], ["cut.nc"]),
        (["items.json"], ["items.json"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_mistakes_are_named(cube, three, folder, tmp_path, arguments, names, monkeypatch):
    monkeypatch.chdir(folder)
    Path("text.txt").write_text("not a granule")
    Path("empty.nc").write_bytes(b"")
    Path("cut.nc").write_bytes(three[0].read_bytes()[:600])
    Path("items.json").write_text('{"features": 3}')
    said = refused(cube, *arguments, "--out", tmp_path / "store", exit_codes=[USAGE, FAILED], names=names)
    assert "SECRET" not in said and "panicked" not in said


def test_one_bad_granule_among_many(cube, three, folder, tmp_path):
    (folder / "bad.nc").write_bytes(three[0].read_bytes()[:600])
    refused(cube, *three, folder / "bad.nc", "--out", tmp_path / "store", *ALONG, exit_codes=[FAILED], names=["bad.nc", "--skip-failed"])
    done = virtualize(cube, *three, folder / "bad.nc", "--out", tmp_path / "store", *ALONG, "--skip-failed", exit_code=PARTLY)
    assert [f["granule"] for f in done["failed"]] == [str(folder / "bad.nc")]
    assert_days(gr.run(done["python"]), three)


def test_lists_and_items(cube, three, folder, tmp_path):
    (tmp_path / "list.txt").write_text("# days\n" + "\n".join(map(str, three)) + "\n")
    assert virtualize(cube, f"@{tmp_path}/list.txt", "--out", tmp_path / "list", *ALONG)["granules"] == 3
    items = [
        {
            "type": "Feature",
            "id": path.stem,
            "assets": {
                path.name: {"href": f"granules/{path.name}", "roles": ["data"]},
                f"s3_{path.name}": {"href": f"s3://somewhere/{path.name}", "roles": ["data"]},
                "browse": {"href": "browse.png", "roles": ["browse"]},
            },
        }
        for path in three
    ]
    (tmp_path / "items.json").write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    done = virtualize(cube, tmp_path / "items.json", "--out", tmp_path / "items", *ALONG, "--access", "indirect")
    assert_days(gr.run(done["python"]), three)


def test_prefixes_are_rewritten(cube, three, folder, tmp_path):
    moved = tmp_path / "moved"
    options = ["--rewrite-prefix", f"{folder}/", f"{moved}/"]
    done = virtualize(cube, *three, "--out", tmp_path / "store", *ALONG, *options)
    assert done["containers"] == [f"file://{moved}/"]
    shutil.copytree(folder, moved)
    assert_days(gr.run(done["python"]), three)
    elsewhere = virtualize(cube, *three, "--out", tmp_path / "s3", *ALONG, "--rewrite-prefix", f"{folder}/", "s3://bucket/days/")
    assert elsewhere["containers"] == ["s3://bucket/days/"] and "s3_" in elsewhere["python"]


def test_values_can_be_stored(cube, three, folder, tmp_path):
    everything = virtualize(cube, *three, "--out", tmp_path / "all", *ALONG, "--load", "all")
    assert everything["references"] == 0 and everything["containers"] == []
    nothing = virtualize(cube, *three, "--out", tmp_path / "none.json", *ALONG, "--load", "time")
    assert {a["path"]: a["stored"] for a in nothing["arrays"]} == {"/time": 1, "/lat": 0, "/lon": 0, "/sst": 0, "/flag": 0}
    # The times of each granule are the first of a chunk of 1024, which no Zarr array can say.
    refused(cube, *three, "--out", tmp_path / "none", *ALONG, "--load", "none", exit_codes=[FAILED], names=["/time", "1024"])
    small = virtualize(cube, *three, "--out", tmp_path / "small", *ALONG, "--inline-threshold", "1000")
    assert {a["path"]: a["references"] for a in small["arrays"]}["/flag"] == 0
    named = virtualize(cube, *three, "--out", tmp_path / "named", *ALONG, "--load", "flag,time,lat,lon")
    truth = {name: gr.netcdf(three, name, raw=True) for name in ["sst", "flag"]}
    expected = gr.netcdf(three, "sst")
    before = gr.run(small["python"])
    np.testing.assert_array_equal(before.flag.values, truth["flag"])
    shutil.rmtree(folder)
    np.testing.assert_allclose(gr.run(everything["python"]).sst.values, expected, rtol=1e-6)
    np.testing.assert_array_equal(gr.run(named["python"]).flag.values, truth["flag"])


def test_a_file_that_changed_is_noticed(cube, three, tmp_path):
    done = virtualize(cube, *three, "--out", tmp_path / "store", *ALONG)
    later = three[1].stat().st_mtime + 10
    subprocess.run(["touch", "-d", f"@{later:.0f}", three[1]], check=True)
    ds = gr.run(done["python"])
    np.testing.assert_array_equal(ds.flag[0].values, 0)
    with pytest.raises(Exception, match="changed"):
        ds.flag[1].load()


def test_over_http_with_few_requests(cube, serve, three, folder, tmp_path):
    (tmp_path / "items.json").write_text('{"type": "FeatureCollection", "features": []}')
    server = serve(tmp_path)
    urls = [f"{server.url}/granules/{path.name}" for path in three]
    for store in STORES:
        done = virtualize(cube, *urls, "--out", tmp_path / store, *ALONG)
        assert done["containers"] == [f"{server.url}/granules/"] and done["requests"] > 0
        assert_days(gr.run(done["python"]), three)
    refused(cube, urls[0], f"{server.url}/granules/absent.nc", "--out", tmp_path / "no", *ALONG, exit_codes=[FAILED], names=["absent.nc"])


def test_a_run_that_is_stopped_leaves_nothing(cube, serve, three, tmp_path):
    (tmp_path / "items.json").write_text('{"type": "FeatureCollection", "features": []}')
    server = serve(tmp_path)
    server.set_faults({"path": "*day1.nc", "count": None, "fault": {"kind": "slow", "millis": 60000}})
    out = tmp_path / "store"
    process = cube.start("virtualize", *(f"{server.url}/granules/{path.name}" for path in three), "--out", out, *ALONG)
    deadline = time.monotonic() + 30
    while not any("day1" in path for path in server.log()["paths"]) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=30)[0]
    assert process.returncode == FAILED and "stopped: nothing was written" in said
    assert not out.exists()


def test_from_and_to_object_storage(cube, s3, three, tmp_path, monkeypatch):
    import boto3

    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=s3.endpoint, region_name="us-east-1")
    for path in three:
        client.upload_file(str(path), s3.bucket, f"days/{path.name}")
    program = cube.with_environment(**s3.environment())
    for store in [tmp_path / "store", f"s3://{s3.bucket}/virtual"]:
        done = virtualize(program, f"s3://{s3.bucket}/days/*.nc", "--out", store, *ALONG)
        assert done["containers"] == [f"s3://{s3.bucket}/days/"]
        assert_days(gr.run(done["python"]), three)
    again = cube.with_environment(**s3.environment()).run("virtualize", f"s3://{s3.bucket}/days/day0.nc", "--out", f"s3://{s3.bucket}/virtual", exit_code=USAGE)
    assert "virtual" in again.stderr and "hint" in again.stderr


def test_references_of_each_granule_are_kept_and_used(cube, three, tmp_path):
    keep = ["--reference-dir", tmp_path / "refs"]
    virtualize(cube, *three, "--out", tmp_path / "store", *ALONG, *keep)
    kept = sorted((tmp_path / "refs").iterdir())
    assert len(kept) == 3
    again = virtualize(cube, *three, "--out", tmp_path / "again", *ALONG, *keep)
    assert again["read_from"] == {"kerchunk": 3}
    assert_days(gr.run(again["python"]), three)
    # They are granules like any other; what belongs to a file that changed is not used.
    assert_days(gr.run(virtualize(cube, *kept, "--out", tmp_path / "of-references", *ALONG)["python"]), three)
    Day(1, scale=0.02).write(three[1].parent)
    subprocess.run(["touch", "-d", "@4000000000", three[1]], check=True)
    refused(cube, *three, "--out", tmp_path / "changed", *ALONG, *keep, exit_codes=[FAILED], names=["scale_factor"])


@pytest.mark.parametrize("store", ["store", "store.json"])
@pytest.mark.parametrize(
    "options",
    [
        {"compress": "deflate", "tiled": True, "blockxsize": 16, "blockysize": 16},
        {"compress": "zstd", "tiled": True, "blockxsize": 16, "blockysize": 16, "interleave": "pixel", "count": 3},
        {"compress": "deflate", "tiled": True, "blockxsize": 16, "blockysize": 16, "interleave": "band", "count": 3},
        {"compress": "deflate", "blockysize": 7, "count": 1},
        {"count": 2, "interleave": "pixel"},
        {"tiled": True, "blockxsize": 16, "blockysize": 16, "sparse_ok": True, "compress": "deflate", "sparse": True},
        {"compress": "deflate", "endianness": "big", "tiled": True, "blockxsize": 16, "blockysize": 16},
    ],
    ids=lambda o: " ".join(map(str, o.values())),
)
def test_tiff_blocks(cube, tmp_path, store, options):
    options = dict(options)
    sparse, count = options.pop("sparse", False), options.pop("count", 1)
    pixels = np.arange(count * 50 * 70, dtype="u2").reshape(count, 50, 70) + 1
    transform = rasterio.transform.from_origin(600000, 5200000, 20, 20)
    path = tmp_path / "scene.tif"
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint16", count=count, height=50, width=70, crs="EPSG:32632", transform=transform, nodata=0, **options
    ) as file:
        if sparse:
            pixels[:, :, 16:] = 0
            file.write(pixels[:, :, :16], window=rasterio.windows.Window(0, 0, 16, 50))
        else:
            file.write(pixels)
    done = virtualize(cube, path, "--out", tmp_path / store)
    assert done["refused"] == [] and done["read_from"] == {"tiff": 1}
    ds = gr.run(done["python"])
    data = ds.band_data.transpose("band", "y", "x") if count > 1 else ds.band_data.expand_dims("band")
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(data.values, file.read())
        xs, _ = rasterio.transform.xy(transform, [0] * 70, range(70))
    assert data.dtype == "uint16"
    np.testing.assert_allclose(ds.x.values, xs)
    assert ds.rio.crs.to_epsg() == 32632 if hasattr(ds, "rio") else "EPSG" in ds.spatial_ref.attrs["crs_wkt"]


@pytest.mark.parametrize("options, reason", [({"compress": "lzw"}, "LZW"), ({"compress": "deflate", "predictor": 2}, "Predictor 2"), ({"nbits": 1}, "1 bits")])
def test_tiff_that_cannot_be_virtual(cube, tmp_path, options, reason):
    path = tmp_path / "scene.tif"
    transform = rasterio.transform.from_origin(0, 0, 1, 1)
    with rasterio.open(path, "w", driver="GTiff", dtype="uint8", count=1, height=32, width=32, crs="EPSG:32632", transform=transform, **options) as file:
        file.write(np.ones((1, 32, 32), "u1"))
    refused(cube, path, "--out", tmp_path / "store", exit_codes=[FAILED], names=["/band_data", reason, "nothing but coordinates"])
    assert not (tmp_path / "store").exists()


def test_inspect(cube, three, tmp_path):
    said = cube.run("inspect", three[0]).stdout
    assert "shuffle(2), deflate(4)" in said and "5 virtual, 0 refused" in said
    found = cube.json("inspect", gr.layouts(tmp_path / "layouts.h5"))
    assert found["read_from"] == "hdf5" and [g["path"] for g in found["groups"]] == ["/", "/inner"]
    variables = {v["path"]: v for g in found["groups"] for v in g["variables"]}
    assert variables["/lzf"]["fate"] == "refused" and variables["/lzf"]["reason"] == "codec"
    assert variables["/big_endian"]["byte_order"] == "big" and variables["/contiguous"]["layout"] == "contiguous"
    sparse = variables["/sparse"]
    assert (sparse["chunks"], sparse["in_file"], sparse["absent"], sparse["fill"]) == (4, 1, 3, "-5")
    said = cube.run("inspect", tmp_path / "layouts.h5").stdout
    assert "refused: codec: `lzf`" in said and "dimensions" in said
    for path in ["absent.nc", tmp_path]:
        result = cube.run("inspect", path, exit_code=USAGE)
        assert str(path) in result.stderr and "hint" in result.stderr
