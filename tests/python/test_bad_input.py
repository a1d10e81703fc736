"""Mistakes of users and of machines: a clear message with a hint, exit code 2 or 1, and the cube as it was."""

from __future__ import annotations

import copy
import json
import os
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from support import samples
from support import scenes as sc
from support.opening import assert_same_contents, contents, open_zarr
from support.programs import FAILED, USAGE
from support.specs import box, spec_of, write_spec


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    return sc.write_archive(tmp_path_factory.mktemp("archive"), samples.scenes())


@pytest.fixture(scope="module")
def spec(archive, tmp_path_factory) -> Path:
    return samples.write(tmp_path_factory.mktemp("spec"), archive)


@pytest.fixture(scope="module", params=["cube", "cube.zarr"])
def loaded(request, cube, spec, tmp_path_factory) -> Path:
    """A cube with one day."""
    path = tmp_path_factory.mktemp("loaded") / request.param
    cube.run("load", path, "--spec", spec, *samples.ROI, "--toi", samples.DAYS[1])
    return path


def tables(archive: Path) -> dict:
    return spec_of(
        archive, samples.grid(), copy.deepcopy(samples.BANDS), time={"step": "solar_day"}, chunks={"time": 1, "y": samples.CHUNK, "x": samples.CHUNK}
    )


def refused(program, *arguments, exit_codes=(USAGE, FAILED), names=(), **options):
    """Runs it, and checks that it refuses in words that help."""
    result = program.run(*arguments, exit_code=None, **options)
    said = result.stderr
    assert result.returncode in exit_codes, f"exit code {result.returncode}\n{result.stdout}\n{said}"
    for name in names:
        assert str(name).lower() in said.lower(), f"`{name}` is not in:\n{said}"
    assert "hint" in said.lower() or "usage:" in said.lower(), f"no hint:\n{said}"
    assert "panicked" not in said and "RUST_BACKTRACE" not in said, said
    return said


def test_unknown_command_and_option(cube):
    refused(cube, "lead", exit_codes=[USAGE], names=["lead"])
    refused(cube, "load", "x", "--roii", "1,2,3,4", exit_codes=[USAGE], names=["--roii"])


@pytest.mark.parametrize(
    "change, names",
    [
        (lambda t: t["bands"].update(purple={}), ["purple", "red"]),
        (lambda t: t["grid"].update(crs="EPSG:999999"), ["EPSG:999999"]),
        (lambda t: t["grid"].update(crs="somewhere"), ["somewhere"]),
        (lambda t: t["source"].update(collections=["nothing-like-it"]), ["nothing-like-it"]),
        (lambda t: t.update(encoding={"codec": "zip"}), ["zip", "blosc"]),
        (lambda t: t["time"].update(step="P7D"), ["P7D", "P1D"]),
        (lambda t: t["mosaic"].update(method="best") if "mosaic" in t else t.update(mosaic={"method": "best"}), ["best", "first"]),
        (lambda t: t["bands"]["red"].update(resampling="bicubic"), ["bicubic", "cubic"]),
        (lambda t: t["bands"]["red"].update(dtype="u16"), ["u16", "uint16"]),
        (lambda t: t["bands"]["red"].update(nodata=-1), ["-1", "red"]),
        (lambda t: t["grid"].update(resolution=-20.0), ["resolution"]),
        (lambda t: t["grid"].update(extent=[652000.0, 5192000.0, 640000.0, 5202000.0]), ["extent"]),
        (lambda t: t["chunks"].update(x=0), ["chunk"]),
        (lambda t: t["chunks"].update(time=4), ["time"]),
        (lambda t: t["source"].update(backend="ftp"), ["ftp", "stac"]),
        (lambda t: t["source"].update(url="/nowhere/items.json"), ["/nowhere/items.json"]),
        (lambda t: t["source"].update(url="http://127.0.0.1:9/stac"), ["127.0.0.1:9"]),
        (lambda t: t["grid"].update(resolutoin=20.0), ["resolutoin", "resolution"]),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, list) else None,
)
def test_mistake_in_the_spec(cube, archive, tmp_path, change, names):
    mistaken = tables(archive)
    change(mistaken)
    path = tmp_path / "cube"
    refused(cube, "load", path, "--spec", write_spec(tmp_path / "cube.toml", mistaken), *samples.ROI, *samples.TOI, names=names)
    left = [entry for entry in path.rglob("*") if entry.is_file()] if path.exists() else []
    # A cube may have been created before the source was asked; then it opens and is empty.
    if left:
        assert not contents(path).get("time", []).__len__()


def test_five_mistakes_are_told_at_once(cube, archive, tmp_path):
    mistaken = tables(archive)
    mistaken["grid"]["crs"] = "EPSG:999999"
    mistaken["time"]["step"] = "P7D"
    mistaken["bands"]["red"]["dtype"] = "u16"
    mistaken["bands"]["nir"]["resampling"] = "bicubic"
    mistaken["encoding"] = {"codec": "zip"}
    said = refused(
        cube, "create", tmp_path / "cube", "--spec", write_spec(tmp_path / "cube.toml", mistaken), names=["999999", "P7D", "u16", "bicubic", "zip"]
    )
    assert said.lower().count("hint") >= 1
    assert not (tmp_path / "cube").exists() or not any((tmp_path / "cube").iterdir())


def test_spec_that_is_no_toml(cube, tmp_path):
    (tmp_path / "cube.toml").write_text("[grid\ncrs = ")
    refused(cube, "create", tmp_path / "cube", "--spec", tmp_path / "cube.toml", names=["cube.toml"])
    refused(cube, "create", tmp_path / "cube", "--spec", tmp_path / "absent.toml", names=["absent.toml"])


@pytest.mark.parametrize(
    "arguments, names",
    [
        (["--roi", "100,10,101,11", "--toi", "2024-06"], ["100", "extent"]),
        (["--roi", "11,46.9,10.9,46.8", "--toi", "2024-06"], ["46.9"]),
        (["--roi", "eleven", "--toi", "2024-06"], ["eleven"]),
        (["--roi", "@absent.tif", "--toi", "2024-06"], ["absent.tif"]),
        (["--roi", "absent.geojson", "--toi", "2024-06"], ["absent.geojson"]),
        (["--roi", "10.9,46.91,10.95,46.93", "--roi-crs", "EPSG:999999", "--toi", "2024-06"], ["999999"]),
        ([*samples.ROI, "--toi", ""], ["toi"]),
        ([*samples.ROI, "--toi", "yesterday"], ["yesterday"]),
        ([*samples.ROI, "--toi", "2024-06-30/2024-06-01"], ["2024-06-30"]),
        ([*samples.ROI, "--toi", "2024-13"], ["2024-13"]),
        ([*samples.ROI, *samples.TOI, "--bands", "purple"], ["purple", "red"]),
        (["--toi", "2024-06"], ["--roi"]),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) and value[0].startswith("--") else None,
)
def test_mistake_in_the_request(cube, loaded, arguments, names):
    before = contents(loaded)
    refused(cube, "load", loaded, *arguments, names=names)
    assert_same_contents(contents(loaded), before)


def test_time_off_a_declared_axis(cube, archive, tmp_path):
    spec = samples.write(tmp_path, archive, time={"step": "solar_day", "range": "2024-06-01/2024-06-30"})
    cube.run("create", tmp_path / "cube", "--spec", spec)
    before = contents(tmp_path / "cube")
    refused(cube, "load", tmp_path / "cube", *samples.ROI, "--toi", "2023-01", names=["2023-01", "2024-06"])
    assert_same_contents(contents(tmp_path / "cube"), before)


def test_another_spec_for_the_same_cube(cube, loaded, archive, tmp_path):
    before = contents(loaded)
    other = samples.write(tmp_path, archive, grid={**samples.grid(), "resolution": 10.0})
    refused(cube, "load", loaded, "--spec", other, *samples.ROI, *samples.TOI, names=["resolution"])
    refused(cube, "create", loaded, "--spec", other, names=[loaded.name])
    assert_same_contents(contents(loaded), before)


def test_no_cube_there(cube, tmp_path):
    refused(cube, "load", tmp_path / "absent", *samples.ROI, *samples.TOI, names=["absent", "--spec"])
    refused(cube, "status", tmp_path / "absent", names=["absent"])
    refused(cube, "patches", tmp_path / "absent.zarr", names=["absent.zarr"])


def test_zarr_of_another_program(cube, spec, tmp_path):
    import zarr

    path = tmp_path / "other.zarr"
    group = zarr.create_group(str(path), zarr_format=3)
    group.create_array("red", shape=(4, 4), chunks=(2, 2), dtype="u2")[...] = 7
    files = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    refused(cube, "load", path, "--spec", spec, *samples.ROI, *samples.TOI, names=["other.zarr"])
    refused(cube, "status", path, names=["other.zarr"])
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == files


def test_folder_of_another_program(cube, spec, tmp_path):
    path = tmp_path / "photos"
    path.mkdir()
    (path / "cat.jpg").write_bytes(b"meow")
    refused(cube, "load", path, "--spec", spec, *samples.ROI, *samples.TOI, names=["photos"])
    assert [file.name for file in path.rglob("*")] == ["cat.jpg"]


def test_cube_of_a_newer_version(cube, spec, tmp_path):
    """The version that the cube states is raised; our program must not touch what it does not understand."""
    path = tmp_path / "cube.zarr"
    cube.run("load", path, "--spec", spec, *samples.ROI, "--toi", samples.DAYS[1])
    raised = 0
    for file in (path / "zarr.json", path / "_cube" / "zarr.json"):
        metadata = json.loads(file.read_text())
        raised += raise_versions(metadata)
        file.write_text(json.dumps(metadata))
    assert raised, "the cube states no version"
    files = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    refused(cube, "load", path, *samples.ROI, *samples.TOI, names=["version"])
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file() and "lock" not in file.name} == {
        file: content for file, content in files.items() if "lock" not in file.name
    }


def raise_versions(metadata: dict) -> int:
    """Adds 1000 to every whole number that is called format or version; returns how many there were."""
    raised = 0
    for key, value in metadata.items():
        if isinstance(value, dict):
            raised += raise_versions(value)
        elif key in ("format", "version", "format_version") and isinstance(value, int):
            metadata[key] = value + 1000
            raised += 1
    return raised


NOBODY = {"user": 65534, "group": 65534, "extra_groups": []}


@pytest.fixture
def somebody_else(cube, tmp_path_factory) -> dict:
    """Options that run a program as somebody who may read the tests' files and write none; root may write anything."""
    if os.getuid() != 0:
        return {}
    base = tmp_path_factory.getbasetemp()
    for directory in [base.parent, base, *(entry for entry in base.rglob("*") if entry.is_dir())]:
        directory.chmod(0o755)
    try:
        cube.run("--version", **NOBODY)
    except (PermissionError, AssertionError):
        pytest.skip("another user cannot run the program from where it lies")
    return NOBODY


def test_no_permission(cube, loaded, somebody_else, tmp_path):
    copied = tmp_path / loaded.name
    shutil.copytree(loaded, copied)
    before = contents(copied)
    entries = [copied, *copied.rglob("*")]
    for entry in entries:
        entry.chmod(0o555 if entry.is_dir() else 0o444)
    tmp_path.chmod(0o755)
    refused(cube, "load", copied, *samples.ROI, *samples.TOI, exit_codes=[FAILED], names=["permission"], **somebody_else)
    for entry in entries:
        entry.chmod(0o755 if entry.is_dir() else 0o644)
    assert_same_contents(contents(copied), before)


def limited(size: int):
    """For the child: no file may grow beyond `size` bytes, and writing more is an error rather than a signal."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.parametrize("size", [0, 300, 3000])
def test_disk_full(cube, spec, loaded, tmp_path, size):
    """A limit on the size of files stands for a full disk: what was loaded stays, and the load goes on once there is room."""
    copied = tmp_path / loaded.name
    shutil.copytree(loaded, copied)
    before = open_zarr(copied).load()
    refused(cube, "load", copied, *samples.ROI, "--toi", samples.DAYS[3], exit_codes=[FAILED], preexec_fn=limited(size))
    after = open_zarr(copied).sel(time=before.time)
    assert after.red.equals(before.red) and after.nir.equals(before.nir)
    cube.run("load", copied, *samples.ROI, "--toi", samples.DAYS[3])
    fresh = tmp_path / "fresh" / loaded.name
    for day in (samples.DAYS[1], samples.DAYS[3]):
        cube.run("load", fresh, "--spec", spec, *samples.ROI, "--toi", day)
    assert_same_contents(contents(copied), contents(fresh))


def test_a_tile_that_does_not_fit_on_the_disk_is_no_tile(cube, loaded, tmp_path):
    """GDAL writes blocks behind the caller's back, and finishes a file as it is closed: both may fail."""
    tile, picture = tmp_path / "tile.tif", tmp_path / "view.png"
    tile.write_text("mine")
    day = ("--toi", samples.DAYS[1])
    for size in (0, 100, 400):
        refused(cube, "load", loaded, *samples.ROI, *day, "--out", tile, exit_codes=[FAILED], names=["tile.tif"], preexec_fn=limited(size))
        refused(cube, "preview", loaded, "--out", picture, exit_codes=[FAILED], names=["view.png"], preexec_fn=limited(min(size, 100)))
        assert tile.read_text() == "mine", "what was there stays"
        assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["tile.tif"]
    assert ".png" in refused(cube, "preview", loaded, "--out", tmp_path / "view.jpg", names=["view.jpg"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_an_answer_that_cannot_be_written_is_no_success(cube, loaded):
    for command in (["status", loaded], ["status", loaded, "--json"], ["patches", loaded], ["completions", "bash"]):
        with open("/dev/full", "wb") as full:
            run = subprocess.run(cube.command(*command), stdout=full, stderr=subprocess.PIPE, text=True)
        assert run.returncode == FAILED and "stdout" in run.stderr, (command, run)


def test_scenes_that_do_not_agree_are_refused_by_name(cube, tmp_path):
    """Two scenes with different scale and offset cannot share a variable of raw numbers."""
    scenes = samples.scenes()[:2]
    path = sc.write_archive(tmp_path / "archive", scenes)
    items = json.loads(path.read_text())
    for index, item in enumerate(items["features"]):
        for asset in item["assets"].values():
            asset["raster:bands"][0].update(scale=0.0001, offset=-0.1 * index)
    path.write_text(json.dumps(items))
    said = refused(
        cube, "load", tmp_path / "cube", "--spec", samples.write(tmp_path, path), *samples.ROI, *samples.TOI, names=["offset", "harmonized"]
    )
    assert any(scene.id in said for scene in scenes), said


def test_hints_are_not_in_json_output(cube, loaded):
    """`--json` gives one JSON value on stdout, whatever is said on stderr."""
    json.loads(cube.run("status", loaded, "--json").stdout)
    json.loads(cube.run("plan", loaded, "--roi", box(samples.EXTENT), "--roi-crs", samples.CRS, *samples.TOI, "--json").stdout)


def test_native_pixels_that_have_no_place_are_refused(cube, tmp_path):
    """A CRS that does not say where it is used: its group would be as large as the earth, or cut somewhere."""
    import numpy as np
    import rasterio
    from affine import Affine

    pixels = np.arange(60 * 50, dtype="uint16").reshape(60, 50)
    crs = "+proj=utm +zone=52 +ellps=GRS80 +units=m +no_defs"
    (tmp_path / "scenes").mkdir()
    with rasterio.open(
        tmp_path / "scenes/korea.tif", "w", driver="GTiff", width=50, height=60, count=1, dtype="uint16", crs=crs, transform=Affine(1000, 0, 300000, 0, -1000, 4_100_000)
    ) as file:
        file.write(pixels, 1)
    cube.run("index", tmp_path / "scenes", "--out", tmp_path / "items.json")
    spec = {"source": {"backend": "stac", "url": str(tmp_path / "items.json")}, "grid": {"crs": "native"}, "time": {"step": "none"}, "bands": {"korea": {}}}
    arguments = ["--roi=126,36,128,38"]
    refused(cube, "load", tmp_path / "cube", "--spec", write_spec(tmp_path / "s.toml", spec), *arguments, names=["area of use", "extent"])
    spec["grid"]["extent"] = [126.0, 36.0, 128.0, 38.0]
    cube.run("load", tmp_path / "with-extent", "--spec", write_spec(tmp_path / "s.toml", spec), *arguments)
    import icechunk
    import xarray as xr

    repository = icechunk.Repository.open(icechunk.local_filesystem_storage(str(tmp_path / "with-extent")))
    tree = xr.open_datatree(repository.readonly_session("main").store, engine="zarr", consolidated=False, mask_and_scale=False)
    (group,) = [node for node in tree.subtree if "korea" in node.data_vars]
    part = group.to_dataset().sel(x=slice(300_000, 350_000), y=slice(4_100_000, 4_040_000))
    np.testing.assert_array_equal(part.korea.values, pixels)


@pytest.mark.parametrize("crs, shape", [("EPSG:4326", (180, 360)), ("EPSG:6933", None)])
def test_a_grid_without_an_extent_ends_where_the_earth_does(cube, archive, tmp_path, crs, shape):
    made = tables(archive)
    made["grid"] = {"crs": crs, "resolution": 1.0 if shape else 100_000.0}
    cube.run("create", tmp_path / "cube", "--spec", write_spec(tmp_path / "s.toml", made))
    status = cube.json("status", tmp_path / "cube")
    group = status["groups"][0]
    if shape:
        assert (group["shape"], group["extent"]) == (list(shape), [-180.0, -90.0, 180.0, 90.0])
    else:
        assert group["extent"][0] <= -17_367_530.0 and group["extent"][2] >= 17_367_530.0


def test_files_that_hold_no_region_are_mistakes_of_who_named_them(cube, tmp_path):
    broken = {"a.geojson": b'{"type":', "b.kml": b"<kml><Document", "c.wkt": b"\xff\xfe\x00", "d.zip": b"PK nothing", "e.gpkg": b"SQLite"}
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
        said = refused(cube, "search", "--cmr", "-c", "HLSS30", "--roi", tmp_path / name, exit_codes=[USAGE], names=[name])
        assert "hint:" in said
    for command in (("search", "--cmr", "--roi", "none.geojson"), ("validate", "none.json")):
        said = refused(cube, *command, exit_codes=[USAGE])
        assert "No such file or directory" in said and "entity" not in said, said


def test_a_spec_that_is_no_toml_is_quoted(cube, tmp_path):
    (tmp_path / "spec.toml").write_text("[source\n")
    said = refused(cube, "create", tmp_path / "cube", "--spec", tmp_path / "spec.toml", exit_codes=[USAGE], names=["[source", "line 1"])
    assert "brackets" in said and "--help" not in said, said


def test_points_and_boxes_that_are_swapped(cube, loaded):
    """The cube lies at about 10.9 E, 46.9 N."""
    said = refused(cube, "patches", loaded, "--point", "46.9,10.9", exit_codes=[USAGE], names=["point `46.9, 10.9`", "swapped"])
    assert "ROI" not in said
    refused(cube, "load", loaded, "--roi", "46.85,10.85,46.9,10.9", "--toi", "2024-06", exit_codes=[USAGE], names=["swapped"])
    said = refused(cube, "patches", loaded, "--point", "100,10", exit_codes=[USAGE])
    assert "swapped" not in said


def await_file(folder: Path) -> None:
    deadline = time.monotonic() + 30
    while not any(folder.iterdir()):
        assert time.monotonic() < deadline, "nothing is written"
        time.sleep(0.01)


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_no_unfinished_file(cube, tmp_path, number, code):
    for name in ("out.json", "out.ndjson"):
        process = cube.start("convert", "--to", "stac", "-", "--out", tmp_path / name, stdin=subprocess.PIPE)
        await_file(tmp_path)
        process.send_signal(number)
        process.wait(timeout=30)
        assert process.returncode == code and list(tmp_path.iterdir()) == [], name


def test_a_signal_during_a_search_leaves_no_unfinished_file(cube, serve, archive, tmp_path):
    """A later page does not come."""
    server = serve(archive.parent)
    for name in ("found.json", "found.csv", "found.parquet"):
        server.set_faults({"path": "*/search*", "first": 4, "count": None, "fault": {"kind": "slow", "millis": 60_000}})
        process = cube.start("search", "--stac", server.stac, "--page-size", "2", "--prefetch-pages", "0", "--out", tmp_path / name)
        if name.endswith("parquet"):
            time.sleep(1)  # What is set down before it is packed has no name.
        else:
            await_file(tmp_path)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        assert process.returncode == 130 and list(tmp_path.iterdir()) == [], name
    server.set_faults()


def test_a_talkative_run_keeps_the_warnings_of_icechunk_to_itself(cube, loaded):
    said = cube.run("status", loaded, "-v").stderr
    assert "icechunk" not in said and "WARN" not in said, said


def test_status_says_numbers_and_a_crs_in_short(cube, archive, tmp_path):
    """Edges that are computed in binary, and a CRS that has no code."""
    wkt = 'GEOGCRS["mine",DATUM["mine",ELLIPSOID["mine",6378000,298]],CS[ellipsoidal,2],AXIS["lat",north],AXIS["lon",east],ANGLEUNIT["degree",0.0174532925199433]]'
    grid = {"crs": wkt, "resolution": 0.01, "extent": [10.8, 46.8, 11.005, 47.0]}
    spec = samples.write(tmp_path, archive, grid=grid)
    created = cube.run("create", tmp_path / "cube", "--spec", spec)
    line = next(line for line in cube.run("status", tmp_path / "cube").stdout.splitlines() if line.startswith("  grid"))
    assert " mine, " in line and "GEOGCRS" not in line + created.stdout, line
    numbers = line.split("[")[1].rstrip("]").split(", ")
    assert len(numbers) == 4 and all(len(number) <= 12 for number in numbers), line
    assert cube.json("status", tmp_path / "cube")["groups"][0]["crs"].startswith("GEOGCRS")
