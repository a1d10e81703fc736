"""Compares `cube load` with odc-stac (`odc.stac.load`, `to_zarr`) on the same scenes, grid, chunks and cores, in one run.

    cargo build --release -p cube-cli -p cube-testkit && cargo build --release -p eocube --example floor
    python benches/odc/bench.py [--cores N] [--repeat N] [--archive DIRECTORY] [--quick]

Scenes are synthetic (`cube-testkit archive --bench`): overlapping tiles in two UTM zones, three dates, three bands of 5490 x 5490 uint16,
served over loopback HTTP, brought to one 20 m grid. Each run is a process of its own into an empty store; the fastest of the repeats counts.
Writes `benches/results/DATE-CORES-cores.json` and `.md`.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import math
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pystac_client
import rasterio
import xarray as xr
from measure import Measure, Server, run
from pyproj import Transformer

ROOT = Path(__file__).resolve().parents[2]
RESOLUTION = 20.0
CHUNK = 512
METHODS = ("nearest", "bilinear")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--work", type=Path, default=ROOT / "target" / "bench", help="archive and stores; emptied, except for the archive")
    parser.add_argument("--archive", type=Path, help="default: WORK/archive, made when absent")
    parser.add_argument("--results", type=Path, default=ROOT / "benches" / "results")
    parser.add_argument("--odc-mode", choices=["dask", "pool", "both"], default="both", help="lazy with dask, or at once with a pool of threads")
    parser.add_argument("--skip-odc", action="store_true", help="only our own cases")
    parser.add_argument("--quick", action="store_true", help="one date")
    return parser.parse_args()


class Bench:
    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.cube = ROOT / "target" / "release" / "cube"
        self.testkit = ROOT / "target" / "release" / "cube-testkit"
        self.work = options.work
        self.work.mkdir(parents=True, exist_ok=True)
        self.archive = options.archive or self.work / "archive"
        if not self.archive.exists():
            say("making the archive (once)")
            subprocess.run([self.testkit, "archive", self.archive, "--bench"], check=True)
        self.stores = self.work / "stores"
        shutil.rmtree(self.stores, ignore_errors=True)
        self.stores.mkdir()
        self.server = Server(self.testkit, self.archive, self.work)
        self.job = self.describe()
        self.results: dict[str, dict] = {}

    def describe(self) -> dict:
        """The grid that holds all scenes, in the CRS of the first."""
        items = sorted(pystac_client.Client.open(self.server.stac).search().items(), key=lambda item: item.id)
        first = items[0]
        bands = sorted(name for name, asset in first.assets.items() if "data" in (asset.roles or []))
        crs = projection(first, bands[0])[0]
        corners = np.concatenate([self.corners(item, bands[0], crs) for item in items])
        west, south = np.floor(corners.min(axis=0) / RESOLUTION) * RESOLUTION
        east, north = np.ceil(corners.max(axis=0) / RESOLUTION) * RESOLUTION
        dates = sorted({item.datetime.date().isoformat() for item in items})
        last = dates[0] if self.options.quick else dates[-1]
        boxes = np.array([item.bbox for item in items])
        return {
            "api": self.server.stac,
            "collections": sorted({item.collection_id for item in items}),
            "items": len(items),
            "dates": dates,
            "zones": sorted({projection(item, bands[0])[0] for item in items}),
            "datetime": f"{dates[0]}T00:00:00Z/{last}T23:59:59Z",
            "toi": f"{dates[0]}/{last}",
            "bbox": [*map(float, boxes[:, :2].min(axis=0)), *map(float, boxes[:, 2:].max(axis=0))],
            "bands": bands,
            "crs": crs,
            "resolution": RESOLUTION,
            "extent": [float(west), float(south), float(east), float(north)],
            "shape": [round((north - south) / RESOLUTION), round((east - west) / RESOLUTION)],
            "chunk": CHUNK,
            "cores": self.options.cores,
        }

    @staticmethod
    def corners(item, band: str, crs: str) -> np.ndarray:
        code, transform, (rows, columns) = projection(item, band)
        along = np.linspace(0, 1, 21)
        edge = [(c * columns, r * rows) for t in along for c, r in ((t, 0), (t, 1), (0, t), (1, t))]
        x, y = transform * np.array(edge).T
        return np.array(Transformer.from_crs(code, crs, always_xy=True).transform(x, y)).T

    def spec(self, name: str, method: str, encoding: dict | None = None) -> Path:
        path = self.stores / f"{name}.toml"
        lines = ["[source]", 'backend = "stac"', f"url = {json.dumps(self.server.stac)}", f"collections = {json.dumps(self.job['collections'])}"]
        lines += ["[grid]", f"crs = {json.dumps(self.job['crs'])}", f"resolution = {RESOLUTION}", f"extent = {self.job['extent']}"]
        lines += ["[time]", 'step = "solar_day"', "[chunks]", "time = 1", f"y = {CHUNK}", f"x = {CHUNK}"]
        if encoding:
            lines += ["[encoding]", *(f"{key} = {json.dumps(value)}" for key, value in encoding.items())]
        for band in self.job["bands"]:
            lines += [f"[bands.{band}]", f'resampling = "{method}"']
        path.write_text("\n".join(lines) + "\n")
        return path

    def load(self, store: Path, spec: Path, extent: list[float] | None = None) -> list:
        roi = ",".join(map(str, extent or self.job["extent"]))
        return [
            self.cube,
            "load",
            store,
            "--spec",
            spec,
            "--roi",
            roi,
            "--roi-crs",
            self.job["crs"],
            "--toi",
            self.job["toi"],
            "--workers",
            self.options.cores,
        ]

    def best(self, name: str, command) -> Measure:
        """The fastest of the repeats; each into an empty store. `command` makes it from the path of the store."""
        best = None
        for _ in range(self.options.repeat):
            store = self.stores / name
            shutil.rmtree(store, ignore_errors=True)
            measure = run(command(store), self.server, store, self.options.cores)
            say(f"{name}: {measure.wall_s:.1f} s wall, {measure.cpu_s:.1f} s CPU, {measure.peak_rss_mib:.0f} MiB, {measure.requests} requests")
            best = measure if best is None or measure.wall_s < best.wall_s else best
        self.results[name] = best.as_dict()
        return best

    def compare(self, method: str) -> None:
        spec = self.spec(f"cube-{method}", method)
        self.best(f"cube-{method}", lambda store: self.load(store, spec))
        if self.options.skip_odc:
            return
        modes = ["dask", "pool"] if self.options.odc_mode == "both" else [self.options.odc_mode]
        for mode in modes:
            self.best(f"odc-{mode}-{method}", lambda store, mode=mode: self.peer(store, method, mode))
        self.results[f"cube-{method}"]["share_equal_to_odc"] = self.share_equal(f"cube-{method}", f"odc-{modes[0]}-{method}")

    def peer(self, store: Path, method: str, mode: str) -> list:
        job = self.stores / f"{store.name}.json"
        job.write_text(json.dumps({**self.job, "resampling": method, "mode": mode, "out": str(store)}))
        return [sys.executable, ROOT / "benches" / "odc" / "odc_load.py", job]

    def share_equal(self, ours: str, theirs: str) -> float:
        """Whether both did the same work: the share of equal pixels, over all variables and times."""
        import icechunk

        store = icechunk.Repository.open(icechunk.local_filesystem_storage(str(self.stores / ours))).readonly_session("main").store
        mine = xr.open_zarr(store, consolidated=False, chunks=None, mask_and_scale=False)
        other = xr.open_zarr(self.stores / theirs, consolidated=False, chunks=None, mask_and_scale=False)
        equal = total = 0
        for band in self.job["bands"]:
            for step in range(mine.sizes["time"]):
                same = mine[band][step].values == other[band][step].values
                equal, total = equal + int(same.sum()), total + same.size
        return round(equal / total, 6)

    def reload(self) -> None:
        """The same load when all is there: whole process, no request."""
        store, spec = self.stores / "cube-nearest", self.stores / "cube-nearest.toml"
        runs = [run(self.load(store, spec), self.server, store, self.options.cores) for _ in range(5)]
        self.results["cube-reload"] = min(runs, key=lambda measure: measure.wall_s).as_dict()

    def quarter(self) -> None:
        """Peak memory with a region a quarter as large."""
        west, south, east, north = self.job["extent"]
        middle = [west + (east - west) / 4, south + (north - south) / 4, east - (east - west) / 4, north - (north - south) / 4]
        spec = self.stores / "cube-nearest.toml"
        self.best("cube-nearest-quarter", lambda store: self.load(store, spec, middle))

    def zstd(self) -> None:
        spec = self.spec("cube-nearest-zstd3", "nearest", {"codec": "zstd", "level": 3})
        self.best("cube-nearest-zstd3", lambda store: self.load(store, spec))

    def floor(self) -> None:
        """Decoding every touched tile and encoding every written chunk, alone (crates/cube/examples/floor.rs)."""
        command = [ROOT / "target" / "release" / "examples" / "floor", self.stores / "cube-nearest-zstd3"]
        runs = [json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(self.options.repeat)]
        self.results["floor-nearest-zstd3"] = min(runs, key=lambda answer: answer["cpu_s"])

    def ledger_share(self) -> None:
        """Share of ledger and patch list in the store, measured on a plain Zarr copy where they are files of their own."""
        store, spec = self.stores / "ledger.zarr", self.stores / "cube-nearest.toml"
        shutil.rmtree(store, ignore_errors=True)
        measure = run(self.load(store, spec), self.server, store, self.options.cores)
        ledger = sum(entry.stat().st_size for entry in (store / "_cube").rglob("*") if entry.is_file())
        self.results["cube-nearest-plain-zarr"] = {**measure.as_dict(), "ledger_share": round(ledger / 2**20 / measure.store_mib, 6)}

    def all(self) -> None:
        for method in METHODS:
            self.compare(method)
        self.reload()
        self.quarter()
        self.zstd()
        self.floor()
        self.ledger_share()


def projection(item, band: str) -> tuple[str, rasterio.Affine, tuple[int, int]]:
    stated = {**item.properties, **item.assets[band].extra_fields}
    code = stated.get("proj:code") or f"EPSG:{stated['proj:epsg']}"
    return code, rasterio.Affine(*stated["proj:transform"][:6]), tuple(stated["proj:shape"])


def say(line: str) -> None:
    print(f"[{datetime.datetime.now():%H:%M:%S}] {line}", flush=True)


def machine() -> dict:
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), platform.machine()
    )
    packages = ("odc-stac", "odc-geo", "rasterio", "dask", "xarray", "zarr", "numpy")
    return {
        "processor": model,
        "python": platform.python_version(),
        "gdal_of_rasterio": rasterio.__gdal_version__,
        "cube": subprocess.run([ROOT / "target/release/cube", "--version"], capture_output=True, text=True).stdout.strip(),
        **{name: importlib.metadata.version(name) for name in packages},
    }


def markdown(bench: Bench) -> str:
    job, results = bench.job, bench.results
    lines = [
        f"# cube and odc-stac, {datetime.date.today()}, {bench.options.cores} cores",
        "",
        f"{job['items']} items in {', '.join(job['zones'])}, {len(job['dates'])} dates, bands {', '.join(job['bands'])}, to {job['crs']} at "
        f"{job['resolution']:g} m, {job['shape'][0]} x {job['shape'][1]} pixels, chunks of {job['chunk']}; loopback HTTP; fastest of {bench.options.repeat}. "
        "CPU is that of the loading process; the server's is not in it.",
        "",
        "| case | wall s | CPU s | peak MiB | store MiB | requests | MiB received |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, m in results.items():
        if "wall_s" in m and "requests" in m:
            lines.append(
                f"| {name} | {m['wall_s']:.2f} | {m['cpu_s']:.2f} | {m['peak_rss_mib']:.0f} | {m['store_mib']:.1f} | {m['requests']} | {m['mib_received']:.1f} |"
            )
    lines += ["", "| question | answer |", "|---|---|"]
    lines += [f"| {question} | {answer} |" for question, answer in answers(results)]
    lines += ["", "Versions: " + ", ".join(f"{name} {version}" for name, version in machine().items()) + "."]
    return "\n".join(lines) + "\n"


def answers(results: dict) -> list[tuple[str, str]]:
    found = []
    for method, goal in zip(METHODS, (3, 5)):
        ours = results.get(f"cube-{method}")
        peers = [m for name, m in results.items() if name.startswith("odc-") and name.endswith(method)]
        if not ours or not peers:
            continue
        # Against the better of the two ways to use the peer, figure by figure.
        wall, cpu, size = (min(peer[key] for peer in peers) for key in ("wall_s", "cpu_s", "store_mib"))
        found.append((f"{method}: times faster, wall (goal {goal})", f"{wall / ours['wall_s']:.1f}"))
        found.append((f"{method}: times less CPU (goal {goal})", f"{cpu / ours['cpu_s']:.1f}"))
        found.append((f"{method}: store, share of the peer's (goal below 1)", f"{ours['store_mib'] / size:.2f}"))
        found.append((f"{method}: share of pixels equal to the peer's", f"{ours.get('share_equal_to_odc', math.nan)}"))
    if reload := results.get("cube-reload"):
        found.append(("loading again (goal below 0.3 s, no request)", f"{reload['wall_s']:.3f} s, {reload['requests']} requests"))
    whole, quarter = results.get("cube-nearest"), results.get("cube-nearest-quarter")
    if whole and quarter:
        found.append(("peak memory (goal below 500 MiB)", f"{whole['peak_rss_mib']:.0f} MiB"))
        found.append(("peak memory, region four times as large (goal within 10%)", f"{whole['peak_rss_mib'] / quarter['peak_rss_mib'] - 1:+.1%}"))
    zstd, floor = results.get("cube-nearest-zstd3"), results.get("floor-nearest-zstd3")
    if zstd and floor:
        found.append(("zstd-3: CPU, times the floor of decoding and encoding alone (goal 1.35)", f"{zstd['cpu_s'] / floor['cpu_s']:.2f}"))
    if plain := results.get("cube-nearest-plain-zarr"):
        found.append(("share of ledger and patch list in the store", f"{plain['ledger_share']:.3%}"))
    return found


def main() -> None:
    options = arguments()
    bench = Bench(options)
    try:
        bench.all()
    finally:
        bench.server.stop()
        # Not before a run: a file system that has just freed thousands of files takes longer to make new ones.
        shutil.rmtree(bench.stores, ignore_errors=True)
    options.results.mkdir(parents=True, exist_ok=True)
    stem = options.results / f"{datetime.date.today()}-{options.cores}-cores"
    text = markdown(bench)
    stem.with_suffix(".md").write_text(text)
    stem.with_suffix(".json").write_text(json.dumps({"machine": machine(), "job": bench.job, "results": bench.results}, indent=1) + "\n")
    print(f"\n{text}\n{stem}.md")


if __name__ == "__main__":
    main()
