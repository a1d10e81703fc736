"""Real files that are not part of the repository, and what h5py and netCDF4-python read of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pytest

from .programs import ROOT

DATA = {".h5", ".he5", ".hdf5", ".nc", ".nc4", ".hdf"}


def corpus(name: str) -> Path:
    folder = Path(os.environ.get("CUBE_CORPUS", ROOT.parent / "shared" / "corpus")) / name
    if not folder.is_dir():
        pytest.skip(f"corpus not found: {folder}")
    return folder


def hdf5_files(*folders: Path) -> list[Path]:
    files = (path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix.lower() in DATA and path.is_file())
    return [path for path in files if h5py.is_hdf5(path)]


@dataclass
class Expected:
    """What h5py reads of one dataset."""

    values: np.ndarray
    features: list[str] = field(default_factory=list)


def _kind(dataset: h5py.Dataset) -> str | None:
    """`number`, `text`, or nothing for what is neither."""
    dtype = dataset.dtype
    if h5py.check_string_dtype(dtype) is not None:
        return "text"
    if h5py.check_enum_dtype(dtype) is not None or dtype.kind in "iufb":
        return "number"
    return "number" if dtype.subdtype and dtype.subdtype[0].kind in "iuf" else None


def _features(dataset: h5py.Dataset, kind: str) -> list[str]:
    properties = dataset.id.get_create_plist()
    layout = {h5py.h5d.COMPACT: "compact", h5py.h5d.CONTIGUOUS: "contiguous", h5py.h5d.CHUNKED: "chunked"}.get(properties.get_layout(), "other layout")
    if dataset.shape == ():
        layout += ", scalar"
    filters = [properties.get_filter(n) for n in range(properties.get_nfilters())]
    names = [known.get(number, (name or b"?").decode(errors="replace")) for number, _, _, name in filters]
    element = kind
    if kind == "number":
        base = dataset.dtype.subdtype[0] if dataset.dtype.subdtype else dataset.dtype
        element = f"{base.name}{' big-endian' if base.byteorder == '>' else ''}"
    return [f"layout: {layout}", f"filters: {' + '.join(names) or 'none'}", f"element: {element}"]


known = {1: "deflate", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "n-bit", 6: "scale-offset", 32000: "lzf", 32001: "blosc", 32004: "lz4", 32008: "bitshuffle", 32015: "zstd", 307: "bzip2"}


def expected(path: Path, most: int = 40_000_000) -> tuple[dict[str, Expected], list[str]]:
    """Datasets that h5py reads as numbers or text, by path; and those that it cannot read."""
    found: dict[str, Expected] = {}
    unread: list[str] = []

    def visit(name: str, item: object) -> None:
        if not isinstance(item, h5py.Dataset) or item.shape is None:
            return
        try:
            kind = _kind(item)
        except (ValueError, TypeError):
            unread.append(f"/{name}")
            return
        if kind is None or item.size > most or _only_a_dimension(item):
            return
        try:
            values = item.asstr()[...] if kind == "text" else item[...]
        except (OSError, UnicodeDecodeError, ValueError, TypeError):
            unread.append(f"/{name}")
            return
        found[f"/{name}"] = Expected(np.asarray(values), _features(item, kind))

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found, unread


def _only_a_dimension(dataset: h5py.Dataset) -> bool:
    """netCDF-4's stand-in for a dimension without a variable."""
    name = dataset.attrs.get("NAME", b"")
    return isinstance(name, bytes | np.bytes_) and name.startswith(b"This is a netCDF dimension but not a netCDF variable")


def same(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Equal in shape and every value, NaN included."""
    if ours.shape != theirs.shape:
        return False
    if theirs.dtype.kind in "OSU":
        return all(_text(a) == _text(b) for a, b in zip(ours.ravel().tolist(), theirs.ravel().tolist()))
    if ours.dtype.kind not in "iufb":
        return False
    a, b = ours.astype(ours.dtype.newbyteorder("=")), theirs.astype(theirs.dtype.newbyteorder("="))
    if (a.dtype.kind == "f") != (b.dtype.kind == "f"):
        return False
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))


def _text(value: object) -> str:
    text = value.decode("utf-8", errors="surrogateescape") if isinstance(value, bytes) else str(value)
    return text.rstrip("\0 ")
