"""Records of CMR as STAC items and back: whole files, and what cannot be converted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.programs import FAILED, USAGE, Program
from support.searching import assert_valid


@pytest.fixture(scope="module")
def client(cube, start_earthdata, tmp_path_factory) -> Program:
    return cube.with_environment(**start_earthdata().environment(tmp_path_factory.mktemp("home")))


def test_records_go_to_stac_and_come_back_as_they_were(client, tmp_path):
    umm, stac, back = (tmp_path / name for name in ("umm.json", "stac.json", "back.json"))
    client.run("search", "--cmr", "-c", "HLSS30", "--format", "umm", "--out", umm)
    client.run("convert", "--to", "stac", umm, "--out", stac)
    client.run("convert", "--to", "umm", stac, "--out", back)
    assert json.loads(back.read_text())["items"] == json.loads(umm.read_text())["items"]
    for item in json.loads(stac.read_text())["features"]:
        assert_valid(item)
    lines = tmp_path / "items.ndjson"
    client.run("convert", "--to", "stac", umm, "--out", lines)
    assert [json.loads(line) for line in lines.read_text().splitlines()] == json.loads(stac.read_text())["features"]


def test_conversion_holds_little_and_loses_nothing(client, tmp_path):
    """A file of any length, in any of its forms; a disk that is full leaves what was there."""
    umm, lines, out = (tmp_path / name for name in ("umm.json", "umm.ndjson", "items.ndjson"))
    client.run("search", "--cmr", "-c", "HLSS30", "--format", "umm", "--out", umm)
    records = json.loads(umm.read_text())["items"]
    with open(lines, "w") as file:
        for copy in range(1 + 60_000_000 // umm.stat().st_size):
            file.writelines(json.dumps({**r, "meta": {**r["meta"], "native-id": f"copy {copy}"}}) + "\n" for r in records)
    peak = tmp_path / "peak"
    subprocess.run([sys.executable, "-c", PEAK, peak, *client.command("convert", "--to", "stac", lines, "--out", out, "--quiet")], check=True)
    written = out.read_text().splitlines()
    assert len(written) == len(lines.read_text().splitlines())
    assert [json.loads(line)["id"] for line in written[: len(records)]] == [r["umm"]["GranuleUR"] for r in records]
    assert int(peak.read_text()) < 250, "MiB, of which a debug build of the program itself has more than half"
    pretty = tmp_path / "pretty.json"
    pretty.write_text(json.dumps(records, indent=2))
    forms = [json.loads(client.run("convert", "--to", "stac", form).stdout) for form in (umm, pretty)]
    assert forms[0] == forms[1] and len(forms[0]["features"]) == len(records)
    mixed = tmp_path / "mixed.json"
    collection = {"umm": {"ShortName": "A", "Version": "1", "EntryTitle": "a"}}
    mixed.write_text(json.dumps([records[0], collection]))
    pretty.write_text("mine")
    assert ".ndjson" in client.run("convert", "--to", "stac", mixed, "--out", pretty, exit_code=USAGE).stderr
    assert pretty.read_text() == "mine"
    if Path("/dev/full").exists():
        with open("/dev/full", "wb") as full:
            run = subprocess.run(client.command("convert", "--to", "stac", umm), stdout=full, stderr=subprocess.PIPE, text=True)
        assert run.returncode == FAILED and "space" in run.stderr


PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[2:], check=True)
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024))
"""


def test_what_cannot_be_converted_is_named(cube, tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps([{"umm": {"GranuleUR": "G1"}}, {"hello": "world"}]))
    failed = cube.run("convert", "--to", "stac", bad, exit_code=None)
    assert failed.returncode in (FAILED, USAGE) and "record 1" in failed.stderr and failed.stdout == ""
    skipped = cube.run("convert", "--to", "stac", bad, "--skip-failed", exit_code=3)
    assert "record 2" in skipped.stderr
