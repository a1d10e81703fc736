"""Every HDF5 file and every DMR++ sidecar of the corpus through `cube virtualize`, read back by zarr-python and compared with h5py: equal, or refused by name."""

from __future__ import annotations

import collections
import json
import os
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import icechunk
import numpy as np
import pytest
import zarr
from support.corpus import corpus, expected, hdf5_files, same
from support.programs import DONE, FAILED, ROOT
from zarr.storage import FsspecStore

REPORT = ROOT / "target" / "virtual-corpus.md"


def sources() -> list[tuple[str, Path, Path]]:
    """Kind, what is virtualised, and the data file that h5py reads."""
    dmrpp, hdf5 = corpus("dmrpp"), corpus("hdf5")
    pairs = []
    for sidecar in sorted(dmrpp.rglob("*.dmrpp")):
        data = sidecar.with_suffix("")
        if data.is_file() and data.suffix and sidecar.parent == data.parent:
            pairs.append(("DMR++", sidecar, data))
    return pairs + [("HDF5", path, path) for path in hdf5_files(dmrpp, hdf5)]


def opened(form: str, store: Path, containers: list[str]) -> zarr.Group:
    if form == "icechunk":
        authorised = icechunk.containers_credentials({prefix: None for prefix in containers})
        repository = icechunk.Repository.open(icechunk.local_filesystem_storage(str(store)), authorize_virtual_chunk_access=authorised)
        return zarr.open_group(repository.readonly_session("main").store, mode="r", zarr_format=3)
    fs = fsspec.filesystem("reference", fo=str(store), asynchronous=True, remote_protocol="file", remote_options={"asynchronous": True})
    return zarr.open_group(FsspecStore(fs, read_only=True, path=""), mode="r", zarr_format=2)


def at_most_256_mib() -> None:
    """No process may hold more writable memory; one that asks for it ends."""
    resource.setrlimit(resource.RLIMIT_DATA, (256 << 20, 256 << 20))


def arrays(group: zarr.Group, path: str = "") -> dict[str, zarr.Array]:
    found = {f"{path}/{name}": array for name, array in group.arrays()}
    for name, child in group.groups():
        found |= arrays(child, f"{path}/{name}")
    return found


@pytest.mark.parametrize("form", ["icechunk", "kerchunk-json"])
def test_equal_or_refused(cube, tmp_path, form: str):
    counts: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    wrong: list[str] = []
    reasons: collections.Counter = collections.Counter()

    def one(job: tuple[int, tuple[str, Path, Path]]) -> tuple:
        number, (kind, source, data) = job
        store = tmp_path / (str(number) if form == "icechunk" else f"{number}.json")
        only = ["--dmrpp", "only" if kind == "DMR++" else "never"]
        options = ["--format", form, "--tree", "--load", "none", *only, "--json", "--materialize-unsupported"]
        return kind, source, data, store, cube.run("virtualize", source, "--out", store, *options, exit_code=None, timeout=60, preexec_fn=at_most_256_mib)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for kind, source, data, store, run in pool.map(one, enumerate(sources())):
            try:
                readable, _ = expected(data)
            except OSError:
                readable = {}
            counts[kind]["files"] += 1
            if run.returncode != DONE:
                assert run.returncode == FAILED or run.returncode == 2, f"{source}: exit code {run.returncode}\n{run.stderr}"
                assert "panicked" not in run.stderr, f"{source}\n{run.stderr}"
                counts[kind]["files refused"] += 1
                reasons[f"{kind}: the whole file: {run.stderr.strip().splitlines()[-1][:100]}"] += 1
                counts[kind]["variables readable"] += len(readable)
                continue
            answer = json.loads(run.stdout)
            refused = {r["variable"]: r["reason"] for r in answer["refused"]}
            ours = arrays(opened(form, store, answer["containers"]))
            for path, truth in readable.items():
                # netCDF-4's way to store a variable that is called like a dimension.
                path = path.replace("/_nc4_non_coord_", "/")
                counts[kind]["variables readable"] += 1
                if path in refused or path not in ours:
                    if path not in refused and kind == "DMR++":
                        # What the sidecar does not describe is not ours to find.
                        counts[kind]["variables readable"] -= 1
                        continue
                    reasons[f"{kind}: {refused.get(path, 'absent')}"] += 1
                    if path not in refused and kind == "HDF5":
                        wrong.append(f"{source} {path}: absent, and not refused")
                    for feature in truth.features:
                        counts[feature]["refused"] += 1
                    continue
                try:
                    values = np.asarray(ours[path][...])
                except Exception as error:  # noqa: BLE001
                    wrong.append(f"{source} {path}: {error!r}")
                    continue
                where = f"{source} {path}"
                if same(values, truth.values) or any(name in where for name in EXPLAINED):
                    counts[kind]["variables equal"] += 1
                    for feature in truth.features:
                        counts[feature]["equal"] += 1
                else:
                    wrong.append(f"{where}: {values.dtype}{values.shape} {values.ravel()[:4]} is not {truth.values.dtype}{truth.values.shape} {truth.values.ravel()[:4]}")
    report(form, counts, reasons)
    assert not wrong, f"{len(wrong)} wrong\n" + "\n".join(wrong[:60])
    for kind in ("DMR++", "HDF5"):
        assert counts[kind]["variables equal"] >= 0.98 * counts[kind]["variables readable"], dict(counts[kind])


# What a difference is that is not ours: by a part of its line, and why.
EXPLAINED = {
    "/t_string_compact.h5.dmrpp /scalar": "the sidecar describes another file",
    "/chunks_fill_not_write": "HDF5 was told to write no fill value; unwritten elements are undefined there, and h5py makes them zero",
}


def report(form: str, counts: dict, reasons: collections.Counter) -> None:
    lines = [f"## {form}", "", "| | files | refused whole | variables that h5py reads | equal |", "|---|---:|---:|---:|---:|"]
    for kind in ("DMR++", "HDF5"):
        c = counts[kind]
        lines.append(f"| {kind} | {c['files']} | {c['files refused']} | {c['variables readable']} | {c['variables equal']} |")
    lines += ["", "| feature | equal | refused |", "|---|---:|---:|"]
    lines += [f"| {feature} | {c['equal']} | {c['refused']} |" for feature, c in sorted(counts.items()) if ": " in feature]
    lines += ["", "| refused because | variables |", "|---|---:|", *(f"| {reason} | {n} |" for reason, n in reasons.most_common())]
    text = "\n".join(lines)
    print(text)
    REPORT.parent.mkdir(exist_ok=True)
    before = REPORT.read_text() if form != "icechunk" and REPORT.exists() else ""
    REPORT.write_text(before + text + "\n\n")
