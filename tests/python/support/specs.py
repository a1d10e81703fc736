"""Cube specs, written as TOML."""

from __future__ import annotations

import json
from pathlib import Path


def write_spec(path: Path, tables: dict) -> Path:
    """Writes a spec given as nested dictionaries; absent (None) values are left out."""
    lines: list[str] = []
    _write_table(lines, "", tables)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def _write_table(lines: list[str], name: str, table: dict) -> None:
    plain = {key: value for key, value in table.items() if not isinstance(value, dict) and value is not None}
    if name:
        lines.append(f"[{name}]")
    lines += [f"{json.dumps(key)} = {_value(value)}" for key, value in plain.items()]
    for key, value in table.items():
        if isinstance(value, dict):
            _write_table(lines, f"{name}.{json.dumps(key)}" if name else json.dumps(key), value)


def _value(value: object) -> str:
    if isinstance(value, float) and value != value:
        return "nan"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(part) for part in value) + "]"
    return json.dumps(value)


def spec_of(source: str | Path, grid: dict, bands: dict[str, dict], *, collection: str = "scenes", **more: dict) -> dict:
    """A spec with the parts that every test needs; `more` holds other tables (time, mosaic, chunks, encoding)."""
    return {
        "title": "A cube of the tests",
        "source": {"backend": "stac", "url": str(source), "collections": [collection]},
        "grid": grid,
        "bands": bands,
        **more,
    }


def box(extent: tuple[float, float, float, float]) -> str:
    """`west,south,east,north` as `--roi` takes it."""
    return ",".join(repr(float(side)) for side in extent)
