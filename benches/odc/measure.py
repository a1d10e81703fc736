"""Running a command and measuring its process tree, and the server that it talks to."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Measure:
    """What one run cost. CPU is user and system time of the whole process tree; the server is not in it."""

    wall_s: float
    cpu_s: float
    peak_rss_mib: float
    requests: int
    mib_received: float
    store_mib: float

    def as_dict(self) -> dict:
        return asdict(self)


class Server:
    def __init__(self, testkit: Path, archive: Path, work: Path):
        port_file = work / "port"
        port_file.unlink(missing_ok=True)
        self.process = subprocess.Popen([testkit, "serve", archive, "--port-file", port_file], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not (port_file.exists() and port_file.read_text().strip()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server did not start")
            time.sleep(0.02)
        self.url = f"http://127.0.0.1:{int(port_file.read_text())}"
        self.stac = f"{self.url}/stac"

    def log(self) -> dict:
        with urllib.request.urlopen(f"{self.url}/_log") as answer:
            return json.load(answer)

    def reset(self) -> None:
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/_log/reset", method="POST")).close()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def size_mib(path: Path) -> float:
    return sum(entry.stat().st_size for entry in path.rglob("*") if entry.is_file()) / 2**20


def run(command: list, server: Server, store: Path, cores: int) -> Measure:
    """Runs to the end on the first `cores` processors that this process may use; raises with the output when it fails."""
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    environment = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    log = store.parent / f"{store.name}.log"
    server.reset()
    began = time.monotonic()
    with open(log, "w") as output:
        process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, allowed),
        )
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"exit code {process.returncode}: {' '.join(map(str, command))}\n{log.read_text()[-4000:]}")
    seen = server.log()
    return Measure(
        wall_s=round(wall, 3),
        cpu_s=round(usage.ru_utime + usage.ru_stime, 3),
        peak_rss_mib=round(usage.ru_maxrss / 1024, 1),
        requests=seen["requests"],
        mib_received=round(seen["bytes"] / 2**20, 1),
        store_mib=round(size_mib(store), 1),
    )
