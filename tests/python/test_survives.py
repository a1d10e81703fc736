"""Kills, several processes at once, and servers that misbehave: right pixels or a named failure, and never a lie in the ledger."""

from __future__ import annotations

import concurrent.futures
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import boto3
import numpy as np
import pytest
from support import samples
from support import scenes as sc
from support.opening import arrays, assert_same_contents, contents, data_arrays, is_chunk_ledger, is_plain
from support.programs import DONE, FAILED
from support.specs import box

KILLS = int(os.environ.get("CUBE_KILLS", "12"))
LOADED, EMPTY = 1, 2


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("archive")
    sc.write_archive(directory, samples.scenes())
    return directory


@pytest.fixture(scope="module")
def server(serve, archive):
    return serve(archive)


def load(path: object, spec: Path) -> list:
    return ["load", path, "--spec", spec, *samples.ROI, *samples.TOI]


@pytest.fixture(scope="module", params=["cube", "cube.zarr"])
def undisturbed(request, cube, archive, tmp_path_factory) -> tuple[str, Path, dict[str, np.ndarray], float]:
    """Name of the store, spec, contents and seconds of a load that nothing disturbed."""
    work = tmp_path_factory.mktemp("undisturbed")
    spec = samples.write(work, archive / "items.json")
    began = time.monotonic()
    cube.run(*load(work / request.param, spec))
    return request.param, spec, contents(work / request.param), time.monotonic() - began


def assert_true_ledger(path: Path, whole: dict[str, np.ndarray]) -> int:
    """Every chunk marked as loaded or empty holds what an undisturbed run put there; returns how many are marked."""
    now = contents(path)
    if "time" not in now or now["time"].size == 0:
        return 0
    steps = [int(np.flatnonzero(whole["time"] == value)[0]) for value in now["time"]]
    marked = 0
    for name in samples.BANDS:
        state = next(values for ledger, values in now.items() if is_chunk_ledger(ledger) and "state" in ledger and name in ledger)
        for step, row, column in np.argwhere((state == LOADED) | (state == EMPTY)):
            window = (slice(row * samples.CHUNK, (row + 1) * samples.CHUNK), slice(column * samples.CHUNK, (column + 1) * samples.CHUNK))
            ours, theirs = now[name][step][window], whole[name][steps[step]][window]
            np.testing.assert_array_equal(ours, theirs, err_msg=f"{name} step {step} chunk {row},{column} is marked and differs")
            assert state[step, row, column] != EMPTY or not theirs.any()
            marked += 1
    return marked


def exists(path: Path) -> bool:
    """Whether there is a cube yet: a kill may come before."""
    try:
        return bool(data_arrays(path))
    except Exception as error:
        assert not is_plain(path) or not (path / "zarr.json").exists(), f"a cube that does not open: {error}"
        return False


def test_killed_and_resumed(cube, undisturbed, tmp_path):
    """Each cube is killed up to three times; the time between a start and its kill is random and up to a whole load."""
    store, spec, whole, seconds = undisturbed
    chooser = random.Random(f"{store} {KILLS}")
    kills = opened = partial = 0
    cubes = 0
    while kills < KILLS:
        cubes += 1
        assert cubes <= 20 * KILLS, "the loads end before they can be killed"
        path = tmp_path / str(cubes) / store
        for _ in range(3):
            process = cube.start(*load(path, spec))
            try:
                process.communicate(timeout=chooser.uniform(0, seconds))
                break
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
            kills += 1
            if exists(path):
                opened += 1
                partial += assert_true_ledger(path, whole) > 0
        cube.run(*load(path, spec))
        assert_same_contents(contents(path), whole)
    print(f"{store}: {kills} kills of {cubes} cubes; {opened} opened at once, {partial} of them with chunks")
    assert opened, "no kill came late enough for a cube to exist"


def parts(processes: int) -> list[tuple[list, list]]:
    """Overlapping regions, each with its own order of steps: together the whole."""
    west, south, east, north = samples.EXTENT
    width = (east - west) / processes
    margin = 0.3 * width
    return [
        (
            [
                "--roi",
                box((max(west, west + n * width - margin), south, min(east, west + (n + 1) * width + margin), north)),
                "--roi-crs",
                samples.CRS,
            ],
            random.Random(n).sample(samples.DAYS, len(samples.DAYS)),
        )
        for n in range(processes)
    ]


def run_at_once(cube, path: object, *options: object, processes: int = 4) -> None:
    """Each process loads its region day by day, so that steps are inserted and ledger chunks shared all the time."""

    def one(part: tuple[list, list]) -> None:
        roi, days = part
        for day in days:
            cube.run("load", path, *options, *roi, "--toi", day)

    with concurrent.futures.ThreadPoolExecutor(processes) as pool:
        for future in [pool.submit(one, part) for part in parts(processes)]:
            future.result()


def test_four_processes_on_local_disk(cube, archive, tmp_path):
    """None of them finds a cube: one makes it, and the others go on with that."""
    spec = samples.write(tmp_path, archive / "items.json")
    cube.run(*load(tmp_path / "whole", spec))
    run_at_once(cube, tmp_path / "shared", "--spec", spec)
    assert_same_contents(contents(tmp_path / "shared"), contents(tmp_path / "whole"))


def test_four_processes_on_s3(cube, archive, s3, tmp_path):
    spec = samples.write(tmp_path, archive / "items.json")
    cube.run(*load(tmp_path / "whole", spec))
    on_s3 = cube.with_environment(**s3.environment())
    path = f"s3://{s3.bucket}/shared"
    run_at_once(on_s3, path, "--spec", spec)
    assert_same_contents(contents(path, s3), contents(tmp_path / "whole"))


def test_plain_zarr_on_s3(cube, archive, s3, tmp_path):
    spec = samples.write(tmp_path, archive / "items.json")
    cube.run(*load(tmp_path / "whole.zarr", spec))
    path = f"s3://{s3.bucket}/plain.zarr"
    on_s3 = cube.with_environment(**s3.environment())
    on_s3.run(*load(path, spec))
    on_s3.run(*load(path, spec))
    whole = arrays(tmp_path / "whole.zarr")
    client = boto3.client("s3", endpoint_url=s3.endpoint, aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1")
    copy = tmp_path / "copy.zarr"
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=s3.bucket, Prefix="plain.zarr/"):
        for entry in page.get("Contents", []):
            target = copy / entry["Key"].removeprefix("plain.zarr/")
            target.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(s3.bucket, entry["Key"], str(target))
    assert whole.keys() == arrays(copy).keys()
    assert_same_contents(contents(copy), contents(tmp_path / "whole.zarr"))


def test_plain_zarr_takes_one_writer_and_tells_the_others_to_wait(cube, server, tmp_path):
    # The first writer hangs on a slow server while the second comes.
    spec = samples.write(tmp_path, f"{server.url}/items.json")
    path = tmp_path / "cube.zarr"
    cube.run("create", path, "--spec", spec)
    server.set_faults({"path": "*.tif", "count": None, "fault": {"kind": "slow", "millis": 400}})
    try:
        first = cube.start(*load(path, spec))
        server.reset_log()
        deadline = time.monotonic() + 30
        while server.log()["requests"] < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        second = cube.run(*load(path, spec), exit_code=None)
        output = first.communicate(timeout=300)[0]
    finally:
        server.set_faults()
    assert first.returncode == DONE, output
    if second.returncode != DONE:  # it may also have waited by itself
        assert second.returncode == FAILED
        assert any(word in second.stderr.lower() for word in ("wait", "another", "lock", "writ")), second.stderr
        assert "hint" in second.stderr.lower(), second.stderr
    cube.run(*load(path, spec))
    cube.run(*load(tmp_path / "whole.zarr", spec))
    assert_same_contents(contents(path), contents(tmp_path / "whole.zarr"))


# Faults after which a client that tries again gets the right bytes.
PASSING = {
    "500": {"kind": "status", "status": 500},
    "503": {"kind": "status", "status": 503},
    "429": {"kind": "status", "status": 429, "retry_after": 1},
    "reset": {"kind": "reset", "after": 700},
    "truncated": {"kind": "truncate", "after": 700},
    "short": {"kind": "short", "length": 300},
    "slow": {"kind": "slow", "millis": 300},
    "range-ignored": {"kind": "ignore_range"},
}


@pytest.fixture(scope="module")
def right(cube, server, tmp_path_factory) -> dict[str, np.ndarray]:
    work = tmp_path_factory.mktemp("right")
    server.set_faults()
    cube.run(*load(work / "cube", samples.write(work, f"{server.url}/items.json")))
    return contents(work / "cube")


@pytest.mark.parametrize("name", PASSING)
def test_fault_that_passes(cube, server, right, tmp_path, name):
    """The first request for each file goes wrong, also that for the items."""
    spec = samples.write(tmp_path, f"{server.url}/items.json")
    server.set_faults({"path": "*", "per_path": True, "fault": PASSING[name]})
    try:
        cube.run(*load(tmp_path / "cube", spec))
    finally:
        server.set_faults()
    assert_same_contents(contents(tmp_path / "cube"), right)


@pytest.mark.parametrize("name", ["500", "truncated", "429", "reset"])
def test_fault_in_the_middle(cube, server, right, tmp_path, name):
    """Every third request for a pixel file goes wrong."""
    spec = samples.write(tmp_path, f"{server.url}/items.json")
    server.set_faults(*({"path": "*.tif", "first": n, "fault": PASSING[name]} for n in range(2, 60, 3)))
    try:
        cube.run(*load(tmp_path / "cube", spec))
    finally:
        server.set_faults()
    assert_same_contents(contents(tmp_path / "cube"), right)


def test_server_that_stalls_once(cube, server, right, tmp_path):
    """One answer never ends. The program gives up waiting by itself: its own limit, not ours, must end it."""
    spec = samples.write(tmp_path, f"{server.url}/items.json")
    server.set_faults({"path": f"/b-{samples.DAYS[1]}/red.tif", "fault": {"kind": "stall", "after": 500}})
    try:
        cube.run(*load(tmp_path / "cube", spec), timeout=240)
    finally:
        server.set_faults()
    assert_same_contents(contents(tmp_path / "cube"), right)


BROKEN = f"b-{samples.DAYS[1]}"

# Faults that stay: the patch cannot be read.
LASTING = {
    "404": {"kind": "status", "status": 404},
    "403": {"kind": "status", "status": 403},
    "500": {"kind": "status", "status": 500},
    "truncated": {"kind": "truncate", "after": 900},
    "flipped": {"kind": "wrong_bytes", "offset": 600},
    "flipped-header": {"kind": "wrong_bytes", "offset": 0, "length": 64},
}


@pytest.mark.parametrize("name", LASTING)
def test_patch_that_cannot_be_read_is_named_and_never_nodata(cube, server, right, tmp_path, name):
    spec = samples.write(tmp_path, f"{server.url}/items.json")
    path = tmp_path / "cube"
    server.set_faults({"path": f"/{BROKEN}/red.tif", "count": None, "fault": LASTING[name]})
    try:
        failed = cube.run(*load(path, spec), exit_code=FAILED)
    finally:
        server.set_faults()
    assert BROKEN in failed.stderr, failed.stderr
    # The other chunks were finished; what is marked is right.
    marked = assert_true_ledger(path, right)
    assert marked > 0
    assert marked < sum(values.astype(bool).sum() for ledger, values in right.items() if is_chunk_ledger(ledger) and "state" in ledger)
    # Once the server is well again, the same command finishes the work.
    cube.run(*load(path, spec))
    assert_same_contents(contents(path), right)


def test_skip_failed_records_partial(cube, server, right, tmp_path):
    spec = samples.write(tmp_path, f"{server.url}/items.json")
    path = tmp_path / "cube"
    server.set_faults({"path": f"/{BROKEN}/red.tif", "count": None, "fault": LASTING["404"]})
    try:
        partly = cube.run(*load(path, spec), "--skip-failed", exit_code=3)
    finally:
        server.set_faults()
    assert BROKEN in partly.stderr
    states = {ledger: values for ledger, values in contents(path).items() if is_chunk_ledger(ledger) and "state" in ledger}
    assert any((values == 3).any() for ledger, values in states.items() if "red" in ledger)
    assert not any((values == 3).any() for ledger, values in states.items() if "nir" in ledger)
    cube.run(*load(path, spec), exit_code=None)
    cube.run(*load(path, spec), "--refresh", exit_code=None)
    assert_same_contents(contents(path), right)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_finishes_what_is_in_flight(cube, server, right, tmp_path, number):
    """Ctrl-C, and SIGTERM as schedulers send it: commits what is done, says how to go on, and the ledger is true."""
    spec = samples.write(tmp_path, f"{server.url}/items.json")
    path = tmp_path / "cube"
    server.set_faults({"path": "*.tif", "count": None, "fault": {"kind": "slow", "millis": 250}})
    try:
        server.reset_log()
        process = cube.start(*load(path, spec), "--workers", "1")
        deadline = time.monotonic() + 60
        while server.log()["requests"] < 12 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(number)
        output = process.communicate(timeout=120)[0]
    finally:
        server.set_faults()
    assert process.returncode not in (DONE, -number), output
    assert "cube load" in output or "again" in output.lower() or "hint" in output.lower(), output
    assert_true_ledger(path, right)
    cube.run(*load(path, spec))
    assert_same_contents(contents(path), right)
