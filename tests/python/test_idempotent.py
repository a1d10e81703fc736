"""What was loaded does not depend on how it was asked for, and nothing is fetched twice."""

from __future__ import annotations

import dataclasses
import random
from datetime import datetime, timedelta
from pathlib import Path

import pystac_client
import pytest
from support import samples
from support import scenes as sc
from support.opening import assert_same_contents, chunk_files, contents, is_plain
from support.specs import box, spec_of, write_spec


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("archive")
    sc.write_archive(directory, samples.scenes())
    return directory


@pytest.fixture(scope="module")
def server(serve, archive):
    return serve(archive)


@pytest.mark.parametrize("store", ["cube", "cube.zarr"])
def test_second_load_asks_nobody(cube, server, tmp_path, store):
    spec = samples.write(tmp_path, f"{server.url}/items.json")
    load = ["load", tmp_path / store, "--spec", spec, *samples.ROI, *samples.TOI]
    server.reset_log()
    cube.run(*load)
    assert server.log()["requests"] > 0
    before = contents(tmp_path / store)

    server.reset_log()
    cube.run(*load)
    # The spec is in the cube, and a part of what was searched was searched.
    cube.run("load", tmp_path / store, *samples.ROI, *samples.TOI)
    cube.run("load", tmp_path / store, "--roi", box((645000, 5195000, 647000, 5197000)), "--roi-crs", samples.CRS, "--toi", samples.DAYS[1])
    assert server.log() == {"requests": 0, "bytes": 0, "paths": {}}
    assert_same_contents(contents(tmp_path / store), before)


def test_demo_archive_through_the_api(cube, serve, demo_archive, tmp_path):
    """The same with a STAC API: the second search is answered from the ledger."""
    server = serve(demo_archive)
    item = next(pystac_client.Client.open(server.stac).search(limit=1).items())
    west, south, east, north = item.bbox
    x, y = (west + east) / 2, (south + north) / 2
    band = "red" if "red" in item.assets else next(name for name, asset in item.assets.items() if "data" in (asset.roles or []))
    code = item.properties.get("proj:code") or f"EPSG:{item.properties['proj:epsg']}"
    grid = {"crs": code, "resolution": 20.0}
    spec = write_spec(tmp_path / "cube.toml", spec_of(server.stac, grid, {band: {}}, collection=item.collection_id, time={"step": "solar_day"}))
    load = [
        "load",
        tmp_path / "cube",
        "--spec",
        spec,
        "--roi",
        box((x - 0.005, y - 0.005, x + 0.005, y + 0.005)),
        "--toi",
        item.datetime.date().isoformat(),
    ]
    server.reset_log()
    cube.run(*load)
    assert server.log()["requests"] > 0
    server.reset_log()
    cube.run(*load)
    assert server.log()["requests"] == 0


def test_each_file_s_header_is_read_once_and_ranges_are_coalesced(cube, server, tmp_path):
    spec = samples.write(tmp_path, f"{server.url}/items.json")
    server.reset_log()
    cube.run("load", tmp_path / "cube", "--spec", spec, *samples.ROI, *samples.TOI)
    files = {path: record for path, record in server.log()["paths"].items() if path.endswith(".tif")}
    assert len(files) == len(samples.scenes()) * len(samples.BANDS)
    for path, record in files.items():
        assert record["methods"].keys() == {"GET"}, f"{path}: {record}"
        # These files are smaller than one header read with its read-ahead, or need one more for the tiles.
        assert record["requests"] <= 3, f"{path}: {record}"


def small_rois(seed: int, count: int = 100) -> list[tuple[float, float, float, float]]:
    """Small rectangles in random order which together cover the extent."""
    west, south, east, north = samples.EXTENT
    chooser = random.Random(seed)
    columns = sorted({west, east, *(chooser.uniform(west, east) for _ in range(9))})
    rows = sorted({south, north, *(chooser.uniform(south, north) for _ in range(9))})
    cells = [(a, c, b, d) for a, b in zip(columns, columns[1:]) for c, d in zip(rows, rows[1:])]
    assert len(cells) == count
    chooser.shuffle(cells)
    return cells


def declared(step: str) -> dict:
    """A declared axis: on plain Zarr a growing one takes only later steps."""
    if step == "instant":
        return {"step": step, "values": sorted(scene.time for scene in samples.scenes())}
    return {"step": step, "range": "2024-06-01/2024-06-30"}


def load_whole(cube, path: Path, spec: Path) -> Path:
    cube.run("load", path, "--spec", spec, *samples.ROI, *samples.TOI)
    return path


def assert_same_cube(one: Path, other: Path) -> None:
    assert_same_contents(contents(one), contents(other))
    if is_plain(one):
        ours, theirs = chunk_files(one), chunk_files(other)
        assert ours.keys() == theirs.keys()
        assert [name for name in ours if ours[name] != theirs[name]] == []


@pytest.mark.parametrize("store", ["cube", "cube.zarr"])
def test_a_hundred_small_rois_equal_the_whole(cube, archive, tmp_path, store):
    time = declared("solar_day") if is_plain(store) else {"step": "solar_day"}
    spec = samples.write(tmp_path, archive / "items.json", time=time)
    whole = load_whole(cube, tmp_path / "whole" / store, spec)
    parts = tmp_path / "parts" / store
    for roi in small_rois(seed=7):
        cube.run("load", parts, "--spec", spec, "--roi", box(roi), "--roi-crs", samples.CRS, *samples.TOI)
    assert_same_cube(parts, whole)


def slices(seed: int, pieces: int = 14) -> list[str]:
    """Intervals in random order which together cover June; they cut days, and with them months."""
    chooser = random.Random(seed)
    start, end = datetime(2024, 6, 1), datetime(2024, 7, 1)
    cuts = sorted(start + timedelta(seconds=chooser.uniform(0, (end - start).total_seconds())) for _ in range(pieces - 3))
    # Two cuts inside days on which there are scenes, one between the scenes of one day.
    cuts += [datetime(2024, 6, 8, 5), datetime(2024, 6, 11, 10, 0, 1)]
    edges = [start, *sorted(cuts), end]
    found = [f"{a.isoformat(timespec='seconds')}Z/{b.isoformat(timespec='seconds')}Z" for a, b in zip(edges, edges[1:])]
    chooser.shuffle(found)
    return found


@pytest.mark.parametrize("step", ["solar_day", "P1D", "P1M", "instant"])
@pytest.mark.parametrize("store", ["cube", "cube.zarr"])
def test_slices_of_time_equal_the_whole(cube, archive, tmp_path, store, step):
    time = declared(step) if is_plain(store) else {"step": step}
    spec = samples.write(tmp_path, archive / "items.json", time=time)
    whole = load_whole(cube, tmp_path / "whole" / store, spec)
    parts = tmp_path / "parts" / store
    for toi in slices(seed=11):
        # A slice before the first or after the last step of a declared axis asks for nothing that could be there, and is refused by name.
        result = cube.run("load", parts, "--spec", spec, *samples.ROI, "--toi", toi, exit_code=None)
        assert result.returncode == 0 or "off the declared time axis" in result.stderr, result.stderr
    assert_same_cube(parts, whole)


@pytest.mark.parametrize("workers", [1, 4])
def test_number_of_workers_does_not_matter(cube, archive, tmp_path, workers):
    spec = samples.write(tmp_path, archive / "items.json", time=declared("solar_day"))
    whole = load_whole(cube, tmp_path / "whole" / "cube.zarr", spec)
    other = tmp_path / "other" / "cube.zarr"
    cube.run("load", other, "--spec", spec, *samples.ROI, *samples.TOI, "--workers", workers)
    assert_same_cube(other, whole)


def test_plain_zarr_says_that_an_earlier_step_does_not_fit(cube, archive, tmp_path):
    spec = samples.write(tmp_path, archive / "items.json")
    path = tmp_path / "cube.zarr"
    cube.run("load", path, "--spec", spec, *samples.ROI, "--toi", samples.DAYS[2])
    before = contents(path)
    refused = cube.run("load", path, *samples.ROI, "--toi", samples.DAYS[0], exit_code=1)
    assert samples.DAYS[0] in refused.stderr and "hint" in refused.stderr.lower(), refused.stderr
    assert_same_contents(contents(path), before)
    cube.run("load", path, *samples.ROI, "--toi", samples.DAYS[4])


def test_refresh_rewrites_only_what_changed(cube, archive, tmp_path):
    """One of the scenes is published anew; the chunks that it does not touch stay the same files."""
    own = tmp_path / "archive"
    scenes = samples.scenes()
    items = sc.write_archive(own, scenes)
    spec = samples.write(tmp_path, items, time=declared("solar_day"))
    path = load_whole(cube, tmp_path / "cube.zarr", spec)
    before = {name: (path / name).stat().st_mtime_ns for name in chunk_files(path)}

    changed = scenes[4]
    assert changed.id.startswith("b-")
    replaced = sc.at_time(changed, changed.time, changed.id, {name: sc.counts(changed.shape, ("new", name)) for name in samples.BANDS})
    replaced = dataclasses.replace(replaced, properties={"updated": "2024-07-15T00:00:00Z"})
    scenes[4] = replaced
    sc.write_archive(own, scenes)
    cube.run("load", path, *samples.ROI, *samples.TOI)
    assert {name: (path / name).stat().st_mtime_ns for name in chunk_files(path)} == before, "a load without --refresh rewrote chunks"

    cube.run("load", path, *samples.ROI, *samples.TOI, "--refresh")
    after = {name: (path / name).stat().st_mtime_ns for name in chunk_files(path)}
    rewritten = {name for name in after if after[name] != before.get(name)}
    assert rewritten
    step = "/c/7/"  # 8 June on an axis that begins on the first
    assert all(step in f"/{name}" for name in rewritten), sorted(rewritten)
    fresh = load_whole(cube, tmp_path / "fresh" / "cube.zarr", spec)
    assert chunk_files(path) == chunk_files(fresh)
