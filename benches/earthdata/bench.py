"""Compares `cube search` and `cube convert` with earthaccess, python-cmr and the converter planned for earthaccess, in one run.

    cargo build --release -p cube-cli -p cube-testkit
    cargo build --release -p cube-metadata --example to_stac && cargo build --release -p cube-catalog-cmr --example stream
    python benches/earthdata/bench.py [--cores N] [--granules N] [--work DIRECTORY] [--quick]

The service is the emulator of `cube-testkit`, in a process of its own: its time counts for nobody. Granules have the shape of HLSL30: 37 URLs, 10.5 kB. Each
case is a process of its own from its start to its end, bound to the chosen cores; CPU is user and system time, memory the largest resident size.
Every case is run `--repeat` times and the least CPU time is kept. Results go to `benches/results`.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from emulator import SHORT_NAME, VERSION, Emulator

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def measured(command: list, cores: int, log: Path) -> dict:
    """Runs to the end: wall and CPU seconds of the process tree, peak memory, and the last line that it printed."""
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    # Nothing that a proxy or a login of this machine would add.
    environment = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "NETRC": os.devnull}
    began = time.monotonic()
    with open(log, "w") as output:
        process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, allowed),
        )
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    text = log.read_text()
    if process.returncode != 0:
        raise RuntimeError(f"exit code {process.returncode}: {' '.join(map(str, command))}\n{text[-4000:]}")
    return {
        "wall_s": round(wall, 2),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mib": round(usage.ru_maxrss / 1024),
        "said": text.splitlines()[-1] if text.strip() else "",
    }


class Bench:
    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.work: Path = options.work
        self.rows: list[dict] = []

    def case(self, part: str, name: str, side: str, granules: int, command: list, check: Callable[[str], int]) -> None:
        """Runs one case; `check` reads from what the command printed how many records it dealt with."""
        runs = [measured(command, self.options.cores, self.work / "run.log") for _ in range(self.options.repeat)]
        best = min(runs, key=lambda run: run["cpu_s"])
        said = best.pop("said")
        count = check(said)
        if count != granules:
            raise RuntimeError(f"{name}: {count} of {granules} granules\n{said}")
        self.rows.append({"part": part, "case": name, "side": side, "granules": granules, **best})
        print(self.rows[-1], flush=True)

    def cpu(self, part: str, name: str) -> float:
        return next(row["cpu_s"] for row in self.rows if row["part"] == part and row["case"] == name)


def lines(path: Path) -> int:
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def records(path: Path, form: str) -> int:
    """Granules in a file that `cube search` wrote: a record a line, but one line before and after those of CMR, and the addresses of 15 files of data each."""
    return {"umm": lines(path) - 2, "urls": lines(path) // 15}.get(form, lines(path))


def written(said: str) -> int:
    """From `wrote PATH: 100,000 records, …`."""
    return int(said.split(": ")[1].split()[0].replace(",", ""))


def searches(bench: Bench, emulator: Emulator, count: int) -> None:
    cube, peer = TARGET / "release/cube", [sys.executable, HERE / "peer.py"]
    asked = [cube, "search", "--cmr", emulator.search.rstrip("/"), "-c", f"{SHORT_NAME}.v{VERSION}"]
    for granules in (count // 10, count):
        for library in ("earthaccess", "python-cmr"):
            command = [*peer, "search", library, emulator.search, SHORT_NAME, VERSION, granules]
            bench.case("search", library, "peer", granules, command, lambda said: json.loads(said)["granules"])
        # As the libraries of the peers do, it reads and parses the granules, and writes nothing.
        command = [TARGET / "release/examples/stream", emulator.search.removesuffix("/search/"), granules]
        bench.case("search", "cube-catalog-cmr, as a library", "cube", granules, command, lambda said: int(said.split()[0]))
        # Records are found, checked as JSON and counted, as python-cmr's are; nothing is kept.
        command = [*asked, "--limit", granules, "--format", "umm", "--out", os.devnull]
        bench.case("search", "cube search --format umm, to nowhere", "cube", granules, command, written)
        for form in ("ndjson", "umm", "items", "urls"):
            out = bench.work / f"search.{form}"
            command = [*asked, "--limit", granules, "--format", form, "--out", out, "--quiet"]
            bench.case("search", f"cube search --format {form}", "cube", granules, command, lambda _, out=out, form=form: records(out, form))
            out.unlink()


def conversions(bench: Bench, granules: Path, count: int) -> None:
    peer, out = [sys.executable, HERE / "peer.py"], bench.work / "items.ndjson"
    for form in ("dict", "pystac"):
        command = [*peer, "convert", form, granules, out]
        bench.case("file to file", f"planned converter, {form}", "peer", count, command, lambda said: json.loads(said)["items"])
    command = [TARGET / "release/cube", "convert", "--to", "stac", granules, "--out", out, "--quiet"]
    bench.case("file to file", "cube convert --to stac", "cube", count, command, lambda _: lines(out))
    out.unlink()
    for form in ("dict", "pystac"):
        command = [*peer, "convert-only", form, granules]
        in_memory(bench, f"planned converter, {form}", "peer", count, command, "cpu_s")
    command = [TARGET / "release/examples/to_stac", granules]
    in_memory(bench, "cube-metadata, with writing JSON", "cube", count, command, "convert_cpu_s")
    in_memory(bench, "cube-metadata, with reading and writing JSON", "cube", count, command, "cpu_s")


def in_memory(bench: Bench, name: str, side: str, count: int, command: list, figure: str) -> None:
    """Both sides print the CPU seconds of the conversion alone."""
    runs = [json.loads(measured(command, bench.options.cores, bench.work / "run.log")["said"]) for _ in range(bench.options.repeat)]
    best = min(runs, key=lambda run: run[figure])
    if best["items"] != count:
        raise RuntimeError(f"{name}: {best['items']} of {count} granules")
    bench.rows.append({"part": "in memory", "case": name, "side": side, "granules": count, "cpu_s": best[figure]})
    print(bench.rows[-1], flush=True)


def record(bench: Bench, count: int, size: int) -> None:
    versions = {name: importlib.metadata.version(name) for name in ("earthaccess", "python-cmr", "pystac", "requests")}
    versions["python"] = sys.version.split()[0]
    date = datetime.date.today().isoformat()
    name = ROOT / "benches" / "results" / f"{date}-earthdata-{bench.options.cores}-cores"
    name.with_suffix(".json").write_text(json.dumps({"granules": count, "bytes": size, "versions": versions, "rows": bench.rows}, indent=1) + "\n")
    text = [
        f"# cube search and convert, earthaccess and python-cmr, {date}, {bench.options.cores} cores",
        "",
        f"{count:,} granules of the shape of HLSL30, {size / 1e9:.2f} GB as UMM-G; the emulated CMR answers from a process of its own. CPU of the client alone;",
        f"the least of {bench.options.repeat} runs, in one go. `times` is the CPU time of a peer over that of the case.",
    ]
    text += table(bench, "search", "Paging and parsing", [count // 10, count], ["earthaccess", "python-cmr"])
    peers = ["planned converter, dict", "planned converter, pystac"]
    text += table(bench, "file to file", "Granules to STAC Items, from file to file", [count], peers)
    text += table(bench, "in memory", "Granules to STAC Items, in memory (the peers from dictionaries to dictionaries, without JSON)", [count], peers)
    text += ["", "Versions: " + ", ".join(f"{package} {version}" for package, version in versions.items()) + "."]
    name.with_suffix(".md").write_text("\n".join(text) + "\n")
    print(name.with_suffix(".md"))


def table(bench: Bench, part: str, title: str, sizes: list[int], peers: list[str]) -> list[str]:
    rows = [row for row in bench.rows if row["part"] == part]
    text = ["", f"## {title}", ""]
    text.append("| case | granules | wall s | CPU s | peak MiB | " + " | ".join(f"times, {peer}" for peer in peers) + " |")
    text.append("|---|---:|---:|---:|---:|" + "---:|" * len(peers))
    for row in (row for size in sizes for row in rows if row["granules"] == size):
        times = ["" for _ in peers]
        if row["side"] == "cube":
            same = {r["case"]: r["cpu_s"] for r in rows if r["granules"] == row["granules"]}
            times = [f"{same[peer] / max(row['cpu_s'], 0.01):.1f}" for peer in peers]
        figures = [row.get(key, "") for key in ("wall_s", "cpu_s", "peak_mib")]
        text.append(f"| {row['case']} | {row['granules']:,} | " + " | ".join(map(str, [*figures, *times])) + " |")
    return text


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cores", type=int, default=2)
    options.add_argument("--granules", type=int, default=100_000)
    options.add_argument("--repeat", type=int, default=2)
    options.add_argument("--work", type=Path, default=TARGET / "bench" / "earthdata")
    options.add_argument("--only", choices=["search", "convert"])
    options.add_argument("--quick", action="store_true", help="5,000 granules, nothing recorded")
    options = options.parse_args()
    count = 5000 if options.quick else options.granules
    options.work.mkdir(parents=True, exist_ok=True)
    bench = Bench(options)
    emulator = Emulator(TARGET / "release/cube-testkit", count, options.work)
    try:
        granules = emulator.save(options.work / f"granules-{count}.ndjson", count)
        if options.only != "convert":
            searches(bench, emulator, count)
    finally:
        emulator.stop()
    if options.only != "search":
        conversions(bench, granules, count)
    if not options.quick and options.only is None:
        record(bench, count, granules.stat().st_size)


if __name__ == "__main__":
    main()
