"""The emulated CMR that both sides ask, and the granules it holds as a file."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from pathlib import Path

SHORT_NAME, VERSION = "HLSL30", "2.0"


class Emulator:
    def __init__(self, testkit: Path, granules: int, work: Path):
        book = work / "emulator.json"
        book.unlink(missing_ok=True)
        command = [testkit, "earthdata", "--granules", str(granules), "--port-file", book]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not book.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the emulator did not start")
            time.sleep(0.05)
        self.cmr = json.loads(book.read_text())["cmr"]
        self.search = f"{self.cmr}/search/"

    def pages(self, size: int = 2000):
        """The records of every page; `cmr-search-after` of one page asks for the next."""
        after = None
        while True:
            url = f"{self.search}granules.umm_json?short_name={SHORT_NAME}&version={VERSION}&page_size={size}"
            request = urllib.request.Request(url, headers={"cmr-search-after": after} if after else {})
            with urllib.request.urlopen(request) as answer:
                items, after = json.load(answer)["items"], answer.headers.get("cmr-search-after")
            if not items:
                return
            yield items

    def save(self, path: Path, count: int) -> Path:
        """The granules as a file, one a line, made once."""
        if path.exists():
            return path
        unfinished = path.with_suffix(".part")
        written = 0
        with open(unfinished, "w", encoding="utf-8") as out:
            for page in self.pages():
                out.writelines(json.dumps(granule, separators=(",", ":"), ensure_ascii=False) + "\n" for granule in page)
                written += len(page)
        if written != count:
            raise RuntimeError(f"the emulator gave {written} granules of {count}")
        return unfinished.rename(path)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()
