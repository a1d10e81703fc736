"""One small archive for the tests of loading: many chunks and steps, little data."""

from __future__ import annotations

from pathlib import Path

from affine import Affine

from . import scenes as sc
from .specs import box, spec_of, write_spec

CRS = "EPSG:32632"
RESOLUTION = 20.0
EXTENT = (640000.0, 5192000.0, 652000.0, 5202000.0)
ROI = ["--roi", box(EXTENT), "--roi-crs", CRS]
TOI = ["--toi", "2024-06"]
CHUNK = 64
TIMES = ["2024-06-03T10:10:00Z", "2024-06-08T10:20:00Z", "2024-06-11T10:00:00Z", "2024-06-19T10:10:00Z", "2024-06-28T10:30:00Z"]
DAYS = [time[:10] for time in TIMES]
PLACES = {
    "a": (CRS, Affine(20, 0, 639000, 0, -20, 5203000)),
    "b": (CRS, Affine(20, 0, 644400, 0, -20, 5199200)),
    "c": ("EPSG:32633", Affine(20, 0, 190000, 0, -20, 5206000)),
}
BANDS = {"red": {"dtype": "uint16", "nodata": 0, "resampling": "nearest"}, "nir": {"dtype": "uint16", "nodata": 0, "resampling": "bilinear"}}


def scenes() -> list[sc.Scene]:
    shape = (300, 320)
    return [
        sc.Scene(
            f"{place}-{time[:10]}", time.replace("00Z", f"0{index}Z"), crs, transform, {name: sc.counts(shape, (time, place, name)) for name in BANDS}
        )
        for time in TIMES
        for index, (place, (crs, transform)) in enumerate(PLACES.items())
    ]


def grid() -> dict:
    return {"crs": CRS, "resolution": RESOLUTION, "extent": list(EXTENT)}


def write(work: Path, source: object, name: str = "cube.toml", **changes: object) -> Path:
    """The spec of the sample cube, with whole tables replaced by `changes`."""
    tables = {"time": {"step": "solar_day"}, "chunks": {"time": 1, "y": CHUNK, "x": CHUNK}, **changes}
    bands = tables.pop("bands", BANDS)
    return write_spec(work / name, spec_of(source, tables.pop("grid", grid()), bands, **tables))
