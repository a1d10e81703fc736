"""Scenes with known pixels: written as cloud-optimised GeoTIFFs by rasterio, described as STAC items."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from pyproj import Transformer

STAC_DTYPES = {"uint8", "uint16", "int16", "int32", "uint32", "float32", "float64"}


@dataclass(frozen=True)
class Band:
    pixels: np.ndarray
    nodata: float | None = None


@dataclass(frozen=True)
class Scene:
    """One STAC item; every band becomes one file and one asset."""

    id: str
    time: str
    crs: str
    transform: Affine
    bands: dict[str, Band]
    properties: dict | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return next(iter(self.bands.values())).pixels.shape

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """west, south, east, north in the scene's CRS."""
        rows, columns = self.shape
        west, north = self.transform * (0, 0)
        east, south = self.transform * (columns, rows)
        return west, south, east, north

    @property
    def order(self) -> tuple[datetime, str]:
        """The default order of a mosaic: time, then id."""
        return datetime.fromisoformat(self.time.replace("Z", "+00:00")), self.id

    @property
    def date(self) -> str:
        return self.time[:10]

    def outline(self) -> list[list[float]]:
        """The footprint in longitude and latitude, with 21 points along each edge."""
        rows, columns = self.shape
        along = np.linspace(0, 1, 21)
        corners = [(0, 0), (columns, 0), (columns, rows), (0, rows), (0, 0)]
        pixels = [(a + (b - a) * t) for a, b in zip(map(np.array, corners), map(np.array, corners[1:])) for t in along[:-1]]
        x, y = self.transform * np.array(pixels).T
        longitude, latitude = Transformer.from_crs(self.crs, 4326, always_xy=True).transform(x, y)
        ring = [[float(a), float(b)] for a, b in zip(longitude, latitude)]
        return [*ring, ring[0]]


def write_archive(directory: Path, scenes: list[Scene], collection: str = "scenes", overviews: bool = False) -> Path:
    """Writes the files and `items.json` beside them, with relative links; returns the path of `items.json`."""
    directory.mkdir(parents=True, exist_ok=True)
    items = [_write_scene(directory, scene, collection, overviews) for scene in scenes]
    path = directory / "items.json"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    return path


def _write_scene(directory: Path, scene: Scene, collection: str, overviews: bool) -> dict:
    ring = scene.outline()
    longitude, latitude = zip(*ring)
    rows, columns = scene.shape
    assets = {}
    for name, band in scene.bands.items():
        href = f"./{scene.id}/{name}.tif"
        write_cog(directory / href, band, scene.crs, scene.transform, overviews)
        about = {"data_type": str(band.pixels.dtype)}
        if band.nodata is not None:
            about["nodata"] = "nan" if np.isnan(band.nodata) else band.nodata
        assets[name] = {
            "href": href,
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "roles": ["data"],
            "raster:bands": [about],
        }
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [
            "https://stac-extensions.github.io/projection/v1.2.0/schema.json",
            "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
        ],
        "id": scene.id,
        "collection": collection,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [min(longitude), min(latitude), max(longitude), max(latitude)],
        "properties": {
            "datetime": scene.time,
            **({"proj:code": scene.crs} if scene.crs.startswith("EPSG:") else {"proj:wkt2": rasterio.CRS.from_string(scene.crs).to_wkt()}),
            "proj:shape": [rows, columns],
            "proj:transform": list(scene.transform)[:6],
            **(scene.properties or {}),
        },
        "links": [],
        "assets": assets,
    }


def write_cog(path: Path, band: Band, crs: str, transform: Affine, overviews: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = band.pixels.shape
    with rasterio.MemoryFile() as memory:
        profile = dict(driver="GTiff", dtype=band.pixels.dtype, count=1, height=rows, width=columns, crs=crs, transform=transform, nodata=band.nodata)
        with memory.open(**profile) as file:
            file.write(band.pixels, 1)
        levels = "AUTO" if overviews else "NONE"
        with memory.open() as file:
            rasterio.shutil.copy(
                file, path, driver="COG", compress="DEFLATE", predictor="YES", blocksize=128, overviews=levels, overview_resampling="average"
            )


def rng_of(*words: object) -> np.random.Generator:
    """The same numbers for the same words, on every machine."""
    return np.random.default_rng(list("/".join(map(str, words)).encode()))


def counts(shape: tuple[int, int], seed: object, high: int = 6000, holes: bool = True) -> Band:
    """Noisy uint16 with nodata 0: a border of nodata, a block of it, and scattered pixels."""
    random = rng_of("counts", seed)
    rows, columns = np.indices(shape)
    pixels = (high / 2 * (1 + 0.5 * np.sin(rows / 23) * np.cos(columns / 31)) + random.integers(-high // 5, high // 5, shape)).astype("uint16")
    pixels = np.maximum(pixels, 1)
    if holes:
        pixels[_holes(shape, random)] = 0
    return Band(pixels, 0)


def classes(shape: tuple[int, int], seed: object) -> Band:
    """Few values, in patches of several pixels: for mode and the quantiles."""
    random = rng_of("classes", seed)
    pixels = random.integers(1, 6, shape).astype("uint16")
    pixels[_holes(shape, random)] = 0
    return Band(pixels, 0)


def smooth(shape: tuple[int, int], seed: object) -> Band:
    """float32 that crosses zero, nodata NaN."""
    random = rng_of("smooth", seed)
    rows, columns = np.indices(shape)
    pixels = (np.sin(rows / 17) + np.cos(columns / 13) + random.normal(0, 0.2, shape)).astype("float32")
    pixels[_holes(shape, random)] = np.nan
    return Band(pixels, float("nan"))


def _holes(shape: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    rows, columns = shape
    mask = random.random(shape) < 0.003
    top, left = rows // 3, columns // 2
    mask[top : top + rows // 10, left : left + columns // 8] = True
    return mask


def at_time(scene: Scene, time: str, scene_id: str, bands: dict[str, Band]) -> Scene:
    return replace(scene, id=scene_id, time=time, bands=bands)
