"""Compares `cube virtualize` with VirtualiZarr on the same sidecars and cores, in one run.

    cargo build --release -p cube-cli && cargo build --release -p cube-format-hdf5 --example dmrpp_speed
    python benches/virtual/bench.py [--cores N] [--granules N] [--work DIRECTORY] [--quick]

Sidecars have the shape of MUR SST (four variables, 1,296 chunks a day). Each store is made by a process of its own, bound to the chosen cores, from
the start of the program to the end; parsing is measured inside one process, without its start. `none` writes references only; `coords` also
reads time, latitude and longitude of every granule, as both programs do by default. Results go to `benches/results`.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from sidecars import write_days, write_large

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def measured(command: list, cores: int, store: Path) -> dict:
    """Runs to the end: wall and CPU seconds of the process tree, peak memory, size of what it made."""
    if store.exists():
        shutil.rmtree(store) if store.is_dir() else store.unlink()
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    log = store.with_suffix(".log")
    began = time.monotonic()
    with open(log, "w") as output:
        process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=lambda: os.sched_setaffinity(0, allowed)
        )
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"exit code {process.returncode}: {' '.join(map(str, command))}\n{log.read_text()[-4000:]}")
    files = [store] if store.is_file() else [entry for entry in store.rglob("*") if entry.is_file()]
    return {
        "wall_s": round(wall, 2),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mib": round(usage.ru_maxrss / 1024),
        "store_mb": round(sum(entry.stat().st_size for entry in files) / 1e6, 1),
    }


def parsing(command: list, files: list[Path]) -> dict[str, float]:
    """Milliseconds of CPU for each file."""
    output = subprocess.run(list(map(str, [*command, *files])), capture_output=True, text=True, check=True).stdout
    return {line["file"]: line["cpu_ms"] for line in map(json.loads, output.splitlines())}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cores", type=int, default=2)
    options.add_argument("--granules", type=int, default=1000)
    options.add_argument("--work", type=Path, default=ROOT / "target" / "bench" / "virtual")
    options.add_argument("--quick", action="store_true", help="fifty granules, nothing recorded")
    options = options.parse_args()
    count = 50 if options.quick else options.granules
    directory = options.work / "granules"
    paths = write_days(directory, count)
    large = write_large(options.work / "large.nc.dmrpp")
    cube, speed = ROOT / "target/release/cube", ROOT / "target/release/examples/dmrpp_speed"
    peer = [sys.executable, HERE / "virtualizarr_run.py"]

    ours, theirs = parsing([speed], [paths[0], large]), parsing([*peer, "parse"], [paths[0], large])
    names = {paths[0].name: f"parse one sidecar of {paths[0].stat().st_size // 1000} kB, 1,296 chunks", large.name: "parse one sidecar of 100,000 chunks"}
    parses = [{"case": text, "cube_cpu_ms": ours[name], "peer_cpu_ms": theirs[name]} for name, text in names.items()]
    for row in parses:
        print(row, flush=True)

    inputs = options.work / "list.txt"
    inputs.write_text("\n".join(map(str, paths)) + "\n")
    stores = []
    for form, suffix in (("icechunk", ""), ("parquet", ".parquet"), ("json", ".json")):
        for load in ("none", "coords"):
            store = options.work / f"cube-{form}-{load}{suffix}"
            format_name = form if form == "icechunk" else f"kerchunk-{form}"
            command = [cube, "virtualize", f"@{inputs}", "--out", store, "--format", format_name, "--concat-dim", "time", "--load", load, "--quiet"]
            row = {"case": f"{form}, load {load}", "cube": measured(command, options.cores, store)}
            # The Icechunk library that the peer stands on has a mode of storage that is faster and one that is usual: this is the usual one.
            store = options.work / f"peer-{form}-{load}{suffix}"
            row["peer"] = measured([*peer, form, directory, store, load, count], options.cores, store)
            stores.append(row)
            print(row, flush=True)
    if not options.quick:
        record(options, count, parses, stores)


def record(options, count: int, parses: list[dict], stores: list[dict]) -> None:
    versions = {name: importlib.metadata.version(name) for name in ("virtualizarr", "icechunk", "zarr", "xarray", "numpy")}
    date = datetime.date.today().isoformat()
    name = ROOT / "benches" / "results" / f"{date}-virtual-{options.cores}-cores"
    name.with_suffix(".json").write_text(json.dumps({"granules": count, "versions": versions, "parse": parses, "stores": stores}, indent=1) + "\n")
    lines = [
        f"# cube virtualize and VirtualiZarr, {date}, {options.cores} cores",
        "",
        f"{count} DMR++ sidecars of the shape of MUR SST, {count * 1296:,} references, local disk; one run of each, in one go.",
        "",
        "| case | cube, CPU ms | VirtualiZarr, CPU ms | times |",
        "|---|---:|---:|---:|",
        *(f"| {r['case']} | {r['cube_cpu_ms']} | {r['peer_cpu_ms']} | {r['peer_cpu_ms'] / r['cube_cpu_ms']:.0f} |" for r in parses),
        "",
        "| store | cube: wall s, CPU s, peak MiB, size MB | VirtualiZarr: the same | times faster: wall, CPU |",
        "|---|---|---|---|",
    ]
    for row in stores:
        ours, theirs = row["cube"], row["peer"]
        figures = [", ".join(str(m[key]) for key in ("wall_s", "cpu_s", "peak_mib", "store_mb")) for m in (ours, theirs)]
        lines.append(f"| {row['case']} | {figures[0]} | {figures[1]} | {theirs['wall_s'] / ours['wall_s']:.1f}, {theirs['cpu_s'] / ours['cpu_s']:.1f} |")
    lines += ["", "Versions: " + ", ".join(f"{package} {version}" for package, version in versions.items()) + "."]
    name.with_suffix(".md").write_text("\n".join(lines) + "\n")
    print(name.with_suffix(".md"))


if __name__ == "__main__":
    main()
