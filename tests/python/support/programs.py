"""Running `cube` and `cube-testkit`."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[3]

DONE, FAILED, USAGE, PARTLY = 0, 1, 2, 3


def find_binary(name: str, variable: str) -> Path:
    """From the environment, else the newest of the debug and release builds."""
    if named := os.environ.get(variable):
        return Path(named)
    built = [path for profile in ("debug", "release") if (path := ROOT / "target" / profile / name).exists()]
    if not built:
        raise FileNotFoundError(f"{name} is not built: cargo build -p cube-cli -p cube-testkit, or set {variable}")
    return max(built, key=lambda path: path.stat().st_mtime)


@dataclass
class Program:
    """One of our programs, with the environment that all its runs share."""

    path: Path
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: object) -> list[str]:
        return [str(self.path), *map(str, arguments)]

    def with_environment(self, **extra: str) -> Program:
        return Program(self.path, {**self.environment, **extra})

    def run(self, *arguments: object, exit_code: int | None = DONE, timeout: float = 300, **options) -> subprocess.CompletedProcess:
        """Runs to the end; fails with everything it said when the exit code is another."""
        command = self.command(*arguments)
        result = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=timeout, env={**os.environ, **self.environment}, **options
        )
        if exit_code is not None:
            assert result.returncode == exit_code, (
                f"exit code {result.returncode}, expected {exit_code}\n$ {shlex.join(command)}\n--- stdout\n{result.stdout}\n--- stderr\n{result.stderr}"
            )
        return result

    def start(self, *arguments: object, **options) -> subprocess.Popen:
        """Starts it in the background; its output is kept for `communicate`."""
        return subprocess.Popen(
            self.command(*arguments),
            stdin=options.pop("stdin", subprocess.DEVNULL),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **self.environment},
            **options,
        )

    def json(self, *arguments: object):
        return json.loads(self.run(*arguments, "--json").stdout)


class Server:
    """`cube-testkit serve`: a STAC API, files with ranges, a log of requests, and faults on demand."""

    def __init__(self, testkit: Program, archive: Path, work: Path):
        port_file = work / f"port-{time.monotonic_ns()}"
        self.process = testkit.start("serve", archive, "--port-file", port_file)
        deadline = time.monotonic() + 30
        while not (port_file.exists() and port_file.read_text().strip()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise RuntimeError(f"the server did not start: {self.process.communicate()[0]}")
            time.sleep(0.02)
        self.url = f"http://127.0.0.1:{int(port_file.read_text())}"
        self.stac = f"{self.url}/stac"

    def log(self) -> dict:
        """`requests`, `bytes`, and `paths`: for each path its own `requests`, `bytes`, `methods` and `statuses`."""
        return requests.get(f"{self.url}/_log", timeout=30).json()

    def reset_log(self) -> None:
        requests.post(f"{self.url}/_log/reset", timeout=30).raise_for_status()

    def set_faults(self, *rules: dict) -> None:
        """Replaces the fault plan; without rules the server behaves."""
        answer = requests.post(f"{self.url}/_faults", json=list(rules), timeout=30)
        assert answer.ok, f"the fault plan was refused: {answer.status_code} {answer.text}"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
