"""Granules with known values, written by netCDF4, h5py and rasterio, and the stores of references that are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import xarray as xr

SHAPE = (20, 40)


@dataclass(frozen=True)
class Day:
    """One day of a small sea surface temperature; every change is one that granules of real archives differ by."""

    number: int
    scale: float = 0.01
    first_latitude: float = 40.0
    chunks: tuple[int, int, int] = (1, 10, 20)
    epoch: str = "2024-01-01"
    shuffle: bool = True
    dtype: str = "i2"

    def counts(self) -> np.ndarray:
        counts = (np.arange(800).reshape(1, *SHAPE) + 100 * self.number).astype(self.dtype)
        counts[0, :3, :3] = -32768
        return counts

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"day{self.number}.nc"
        with netCDF4.Dataset(path, "w") as file:
            file.title, file.date_created = "sea surface temperature", f"2024-01-{self.number + 1:02d}"
            for name, size in [("time", None), ("lat", SHAPE[0]), ("lon", SHAPE[1])]:
                file.createDimension(name, size)
            time = file.createVariable("time", "i4", ("time",))
            time.units, time.calendar = f"days since {self.epoch}", "standard"
            time[:] = [self.number - (np.datetime64(self.epoch) - np.datetime64("2024-01-01")).astype(int)]
            lat = file.createVariable("lat", "f4", ("lat",))
            lat.units, lat[:] = "degrees_north", self.first_latitude + np.arange(SHAPE[0]) * 0.1
            lon = file.createVariable("lon", "f4", ("lon",))
            lon.units, lon[:] = "degrees_east", 10 + np.arange(SHAPE[1]) * 0.1
            sst = file.createVariable(
                "sst", self.dtype, ("time", "lat", "lon"), zlib=True, shuffle=self.shuffle, chunksizes=self.chunks, fill_value=-32768
            )
            sst.units, sst.scale_factor, sst.add_offset = "kelvin", self.scale, 273.15
            sst.set_auto_maskandscale(False)
            sst[:] = self.counts()
            flag = file.createVariable("flag", "i1", ("time", "lat", "lon"), chunksizes=self.chunks)
            flag[:] = self.number % 100
        return path


def days(folder: Path, count: int = 3) -> list[Path]:
    return [Day(number).write(folder) for number in range(count)]


def netcdf(paths: list[Path], name: str, raw: bool = False) -> np.ndarray:
    """What netCDF4 reads of granules, one after the other; missing values as NaN."""
    values = []
    for path in paths:
        with netCDF4.Dataset(path) as file:
            file.set_auto_maskandscale(not raw)
            values.append(file[name][...])
    joined = np.ma.concatenate(values)
    return joined.filled(np.nan) if np.ma.isMaskedArray(joined) and joined.dtype.kind == "f" else np.ma.getdata(joined)


def layouts(path: Path) -> Path:
    """One HDF5 file with a variable for each layout and filter that references can express, and some that they cannot."""
    numbers = np.arange(24, dtype="f4").reshape(4, 6)
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(6.0)
        file["x"].make_scale("x")
        file["y"] = np.arange(4.0)
        file["y"].make_scale("y")

        def add(name, data=numbers, **options):
            variable = file.create_dataset(name, data=data, **options)
            for axis, scale in enumerate(["y", "x"][: variable.ndim]):
                variable.dims[axis].attach_scale(file[scale])

        add("contiguous")
        add("big_endian", numbers.astype(">f8"))
        add("deflated", chunks=(2, 3), compression="gzip", shuffle=True)
        add("summed", chunks=(2, 3), compression="gzip", fletcher32=True)
        add("partial_edges", chunks=(3, 4), compression="gzip")
        add("lzf", chunks=(2, 3), compression="lzf")
        add("compound", np.zeros((4, 6), [("a", "i4"), ("b", "f4")]))
        file.create_dataset("scalar", data=np.int16(7))
        file.create_dataset("text", data="some text")
        sparse = file.create_dataset("sparse", (4, 6), "i4", chunks=(2, 3), fillvalue=-5)
        sparse[:2, :3] = 1
        group = file.create_group("inner")
        group["v"] = np.arange(5, dtype="u8")
    return path


def run(python: str) -> xr.Dataset | xr.DataTree:
    """Runs the lines that `cube virtualize` prints, as they are."""
    names: dict = {}
    exec(python, names)  # noqa: S102
    return names["ds"]
