"""Compares the HDF5 reader with kerchunk's `SingleHdf5ToZarr`: the headers of files with many chunks, from disk and over HTTP, in one run.

    cargo build --release -p cube-format-hdf5 --example hdf5_scan
    python benches/virtual/hdf5_scan.py [--chunks N] [--repeat N] [--work DIRECTORY]

Needs h5py, kerchunk, fsspec and aiohttp. For each chunk index of HDF5 a file is made with N chunks of 4 kB (100,000 without `--chunks`) and
deleted afterwards. Every run is a process of its own; starting it and importing modules is not counted; the fastest of the repeats counts.
HTTP is a server on 127.0.0.1 that answers byte ranges, at once or after so many milliseconds as object stores take, and counts them. Writes
JSON to stdout.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SIDE = 32
# By index: version of the library, growth of rows and columns (None without end), whether chunks are filtered.
FILES = {
    "B-tree 1": ("earliest", None, True),
    "fixed array": ("v110", None, True),
    "extensible array": ("v110", (None, "same"), True),
    "B-tree 2": ("v110", (None, None), True),
    "implicit": ("v110", None, False),
}


def make(path, kind, chunks):
    """Bytes of chunks are written as they are, so that nothing is spent on compressing them."""
    libver, growth, filtered = FILES[kind]
    columns = 100
    rows = -(-chunks // columns)
    shape = (rows * SIDE, columns * SIDE)
    most = tuple(size if g == "same" else g for g, size in zip(growth, shape)) if growth else None
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((SIDE, SIDE))
    if filtered:
        plist.set_shuffle()
        plist.set_deflate(1)
    else:
        plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    with h5py.File(path, "w", libver=libver if libver == "earliest" else (libver, "latest")) as f:
        unlimited = most and tuple(h5py.h5s.UNLIMITED if m is None else m for m in most)
        space = h5py.h5s.create_simple(shape, unlimited)
        dataset = h5py.h5d.create(f.id, b"values", h5py.h5t.IEEE_F32LE, space, plist)
        if filtered:
            stored = os.urandom(SIDE * SIDE * 4)
            for row in range(rows):
                for column in range(columns):
                    dataset.write_direct_chunk((row * SIDE, column * SIDE), stored)
        f["x"], f["y"] = np.arange(shape[1], dtype="f8"), np.arange(shape[0], dtype="f8")
        for i, name in enumerate(("y", "x")):
            f[name].make_scale()
            f["values"].dims[i].attach_scale(f[name])
        f["values"].attrs["units"] = "K"
    return rows * columns


class Ranges(http.server.SimpleHTTPRequestHandler):
    """A folder by byte ranges."""

    protocol_version = "HTTP/1.1"
    # Head and body of an answer in one packet, and at once.
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    latency = 0.0
    counted = {"requests": 0, "bytes": 0}
    lock = threading.Lock()

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            return self.send_error(404)
        time.sleep(self.latency)
        size = path.stat().st_size
        start, end = 0, size - 1
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes="):
            first, _, last = wanted[6:].partition("-")
            start, end = int(first), min(int(last or size - 1), size - 1)
        self.send_response(206 if wanted else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(end - start + 1))
        self.send_header("Last-Modified", self.date_time_string(path.stat().st_mtime))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{end}/{size}")
        self.end_headers()
        with self.lock:
            self.counted["requests"] += 1
            self.counted["bytes"] += end - start + 1 if body else 0
        if body:
            with path.open("rb") as f:
                f.seek(start)
                self.wfile.write(f.read(end - start + 1))


def serve(folder):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Ranges, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


KERCHUNK = """
import json, resource, sys, time
import kerchunk.hdf, h5py, zarr, numcodecs
if sys.argv[1].startswith("http"):
    import fsspec, aiohttp
wall, cpu = time.perf_counter(), time.process_time()
refs = kerchunk.hdf.SingleHdf5ToZarr(sys.argv[1], inline_threshold=0).translate()
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
chunks = sum(key.startswith("values/") and key[7].isdigit() for key in refs["refs"])
print(json.dumps({"chunks": chunks, "wall_s": wall, "cpu_s": cpu, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def measure(command, repeat):
    """The fastest of some runs, and what the server answered in one of them."""
    runs = []
    for _ in range(repeat):
        Ranges.counted.update(requests=0, bytes=0)
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return {"error": done.stderr.strip().splitlines()[-1][:300]}
        runs.append(json.loads(done.stdout) | ({"served": dict(Ranges.counted)} if Ranges.counted["requests"] else {}))
    return min(runs, key=lambda run: run["wall_s"])


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--latency", type=int, default=20, help="milliseconds")
    parser.add_argument("--work", type=Path, help="a folder with room for one file; default: a temporary one")
    parser.add_argument("--scan", type=Path, default=ROOT / "target" / "release" / "examples" / "hdf5_scan")
    return parser.parse_args()


def main():
    options = arguments()
    if not options.scan.exists():
        sys.exit(f"{options.scan} is not there: cargo build --release -p cube-format-hdf5 --example hdf5_scan")
    packages = {name: importlib.metadata.version(name) for name in ("kerchunk", "h5py", "fsspec", "aiohttp", "numpy")}
    machine = {"cores": len(os.sched_getaffinity(0)), "system": platform.platform(), "python": platform.python_version()}
    files = {}
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        server = serve(folder)
        for kind in FILES:
            path = Path(folder) / "scan.h5"
            print(f"{kind}: making the file", file=sys.stderr)
            chunks = make(path, kind, options.chunks)
            result = {"chunks": chunks, "bytes": path.stat().st_size}
            url = f"http://127.0.0.1:{server.server_port}/{path.name}"
            places = {"disk": (str(path), 0), "http": (url, 0), f"http after {options.latency} ms": (url, options.latency)}
            for place, (address, latency) in places.items():
                Ranges.latency = latency / 1000
                print(f"{kind}: reading from {place}", file=sys.stderr)
                ours = measure([str(options.scan), address], options.repeat)
                theirs = measure([sys.executable, "-c", KERCHUNK, address], options.repeat)
                result[place] = {"cube": ours, "kerchunk": theirs}
                if "error" not in ours and "error" not in theirs:
                    result[place]["faster"] = {what: round(theirs[what] / ours[what], 1) for what in ("wall_s", "cpu_s") if ours[what]}
            files[kind] = result
            path.unlink()
        server.shutdown()
    json.dump({"machine": machine, "packages": packages, "repeat": options.repeat, "files": files}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
