"""The truth: the same scenes through GDAL's warper, as rasterio calls it, without its approximation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from affine import Affine
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.warp import reproject

from .scenes import Band, Scene

# How far beyond the centre a kernel reaches at scale 1, in pixels.
KERNEL_RADIUS = {"nearest": 1, "bilinear": 1, "cubic": 2, "cubic_spline": 2, "lanczos": 3}

# A source coordinate this close to a pixel's edge may fall on either side, in pixels.
EDGE = 1e-6


@dataclass(frozen=True)
class Grid:
    crs: str
    transform: Affine
    shape: tuple[int, int]

    @property
    def extent(self) -> tuple[float, float, float, float]:
        west, north = self.transform * (0, 0)
        east, south = self.transform * (self.shape[1], self.shape[0])
        return west, south, east, north


def warped(band: Band, source: Grid, target: Grid, method: str, nodata: float) -> np.ndarray:
    """One band on another grid; `nodata` where there is nothing."""
    out = np.full(target.shape, nodata, band.pixels.dtype)
    reproject(
        band.pixels,
        out,
        src_crs=source.crs,
        src_transform=source.transform,
        src_nodata=band.nodata,
        dst_crs=target.crs,
        dst_transform=target.transform,
        dst_nodata=nodata,
        resampling=Resampling[method],
        tolerance=0,
        num_threads=1,
        warp_mem_limit=2048,
    )
    return out


def grid_of(scene: Scene) -> Grid:
    return Grid(scene.crs, scene.transform, scene.shape)


def is_nodata(pixels: np.ndarray, nodata: float) -> np.ndarray:
    return np.isnan(pixels) if np.isnan(nodata) else pixels == nodata


def first_wins(scenes: list[Scene], band: str, target: Grid, method: str = "nearest") -> np.ndarray:
    """The mosaic by the default rule: in the order of time and id, the first valid pixel stays."""
    nodata = next(iter(scenes)).bands[band].nodata
    out = np.full(target.shape, nodata, scenes[0].bands[band].pixels.dtype)
    for scene in sorted(scenes, key=lambda scene: scene.order):
        empty = is_nodata(out, nodata)
        out[empty] = warped(scene.bands[band], grid_of(scene), target, method, nodata)[empty]
    return out


@lru_cache(maxsize=2)
def near_edge(source: Grid, target: Grid) -> np.ndarray:
    """Whether a target pixel's centre, or one of its corners, comes to lie on an edge between source pixels.

    Corners count because average, mode and their like take the source pixels between them.
    """
    rows, columns = target.shape
    centres = _source_coordinates(source, target, np.arange(columns) + 0.5, np.arange(rows) + 0.5)
    corners = _source_coordinates(source, target, np.arange(columns + 1.0), np.arange(rows + 1.0))
    at_corner = _on_edge(*corners)
    return _on_edge(*centres) | at_corner[:-1, :-1] | at_corner[1:, :-1] | at_corner[:-1, 1:] | at_corner[1:, 1:]


def _source_coordinates(source: Grid, target: Grid, columns: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    column, row = np.meshgrid(columns, rows)
    x, y = target.transform * (column, row)
    if source.crs != target.crs:
        x, y = Transformer.from_crs(target.crs, source.crs, always_xy=True).transform(x, y)
    return ~source.transform * (x, y)


def _on_edge(column: np.ndarray, row: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return (np.abs(column - np.round(column)) < EDGE) | (np.abs(row - np.round(row)) < EDGE)


def contributing_range(band: Band, source: Grid, target: Grid, method: str) -> np.ndarray:
    """For each target pixel the range (largest minus smallest) of the valid source pixels that its kernel can reach."""
    column, row = _source_coordinates(source, target, np.arange(target.shape[1]) + 0.5, np.arange(target.shape[0]) + 0.5)
    with np.errstate(invalid="ignore"):
        scale = max(1.0, float(np.nanmax(np.abs(np.diff(column, axis=1)))), float(np.nanmax(np.abs(np.diff(row, axis=0)))))
    radius = int(np.ceil(KERNEL_RADIUS.get(method, 1) * min(scale, 8))) + 1
    pixels = band.pixels.astype("float64")
    invalid = is_nodata(pixels, band.nodata) if band.nodata is not None else np.zeros(pixels.shape, bool)
    high = _spread(np.where(invalid, -np.inf, pixels), radius, np.maximum)
    low = _spread(np.where(invalid, np.inf, pixels), radius, np.minimum)
    rows, columns = source.shape
    at = (np.clip(np.nan_to_num(row), 0, rows - 1).astype(int), np.clip(np.nan_to_num(column), 0, columns - 1).astype(int))
    return np.where(np.isfinite(high[at]), high[at] - low[at], 0.0)


def _spread(pixels: np.ndarray, radius: int, pick) -> np.ndarray:
    """Largest or smallest value of the square of this radius around each pixel."""
    for axis in (0, 1):
        spread = pixels.copy()
        for shift in range(1, radius + 1):
            ahead, behind = [slice(None)] * 2, [slice(None)] * 2
            ahead[axis], behind[axis] = slice(shift, None), slice(None, -shift)
            ahead, behind = tuple(ahead), tuple(behind)
            spread[behind] = pick(spread[behind], pixels[ahead])
            spread[ahead] = pick(spread[ahead], pixels[behind])
        pixels = spread
    return pixels
