"""Files that are nearly the same are read each by itself: overviews of other factors, addresses that differ in their query, pixels and not their means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from rasterio.warp import Resampling, reproject
from support.specs import box, spec_of, write_spec

SIDE = 512
TRANSFORM = Affine(10, 0, 600_000, 0, -10, 5_000_000)
EXTENT = (600_000.0, 5_000_000.0 - 10 * SIDE, 600_000.0 + 10 * SIDE, 5_000_000.0)
OUTLINE = [[10.2, 45.0], [10.5, 45.0], [10.5, 45.3], [10.2, 45.3], [10.2, 45.0]]


def raster(path: Path, pixels: np.ndarray, factors: list[int]) -> Path:
    height, width = pixels.shape
    kept = {"driver": "GTiff", "width": width, "height": height, "count": 1, "dtype": pixels.dtype, "crs": "EPSG:32632", "transform": TRANSFORM}
    with rasterio.open(path, "w", **kept, nodata=0, tiled=True, blockxsize=128, blockysize=128) as file:
        file.write(pixels, 1)
    if factors:
        with rasterio.open(path, "r+") as file:
            file.build_overviews(factors, Resampling.average)
    return path


def catalogue(path: Path, hrefs: list[str]) -> Path:
    """An image a day."""
    items = [
        {
            "type": "Feature",
            "stac_version": "1.1.0",
            "id": f"i{day}",
            "collection": "scenes",
            "geometry": {"type": "Polygon", "coordinates": [OUTLINE]},
            "bbox": [10.2, 45.0, 10.5, 45.3],
            "links": [],
            "properties": {"datetime": f"2024-06-{day:02}T10:00:00Z"},
            "assets": {"red": {"href": href, "type": "image/tiff; application=geotiff", "roles": ["data"]}},
        }
        for day, href in enumerate(hrefs, 1)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    return path


def loaded(cube, tmp_path: Path, items: Path, resolution: float, resampling: str) -> np.ndarray:
    grid = {"crs": "EPSG:32632", "resolution": resolution, "extent": list(EXTENT)}
    spec = write_spec(tmp_path / "cube.toml", spec_of(items, grid, {"red": {"resampling": resampling}}))
    path = tmp_path / f"cube-{resampling}.zarr"
    done = cube.json("load", path, "--spec", spec, "--roi", box(EXTENT), "--roi-crs", "EPSG:32632", "--toi", "2024-06")
    assert done["failed"] == 0, done
    with xr.open_zarr(path, consolidated=False, decode_cf=False) as opened:
        return opened["red"].values


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return (rows * 24 + columns * 8 + 1).astype("uint16")


@pytest.mark.parametrize("factors", [([2, 4], [4, 8]), ([4, 8], [2, 4])])
def test_overviews_of_one_file_are_not_those_of_another(cube, tmp_path, pixels, factors):
    files = [raster(tmp_path / f"{index}.tif", pixels, of) for index, of in enumerate(factors)]
    items = catalogue(tmp_path / "items.json", [str(file) for file in files])
    both = loaded(cube, tmp_path, items, 40.0, "average")
    means = pixels.reshape(SIDE // 4, 4, SIDE // 4, 4).mean((1, 3))
    for step in both:
        assert np.abs(step - means).max() <= 1


@pytest.mark.parametrize("resampling", ["sum", "min", "max", "mode", "med", "rms"])
def test_statistics_are_those_of_the_pixels_and_not_of_overviews(cube, tmp_path, resampling):
    classes = np.random.default_rng(3).choice(np.array([1, 2, 9, 200], "uint16"), size=(SIDE, SIDE))
    items = catalogue(tmp_path / "items.json", [str(raster(tmp_path / "a.tif", classes, [2, 4, 8]))])
    found = loaded(cube, tmp_path, items, 80.0, resampling)[0]
    expected = np.zeros((SIDE // 8, SIDE // 8), "uint16")
    coarse = TRANSFORM * Affine.scale(8)
    reproject(classes, expected, src_transform=TRANSFORM, dst_transform=coarse, src_crs="EPSG:32632", dst_crs="EPSG:32632", resampling=Resampling[resampling])
    assert (found == expected).mean() > 0.99, (found[:2, :5], expected[:2, :5])


@pytest.fixture
def by_query(tmp_path) -> Iterator[str]:
    """A server that knows which file is wanted by the query alone."""

    class Files(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(False)

        def do_GET(self) -> None:
            self.answer(True)

        def answer(self, with_body: bool) -> None:
            content = (tmp_path / parse_qs(urlparse(self.path).query)["f"][0]).read_bytes()
            first, _, last = (self.headers.get("range") or "bytes=0-").removeprefix("bytes=").partition("-")
            start, end = (int(first), min(int(last or len(content)) + 1, len(content))) if first else (len(content) - int(last), len(content))
            self.send_response(206)
            self.send_header("content-length", str(end - start))
            self.send_header("content-range", f"bytes {start}-{end - 1}/{len(content)}")
            self.end_headers()
            if with_body:
                self.wfile.write(content[start:end])

        def log_message(self, *_) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/get?f="
        server.shutdown()


def test_files_that_differ_in_their_query_alone_are_two(cube, tmp_path, pixels, by_query):
    for name, value in (("a.tif", 100), ("b.tif", 200)):
        raster(tmp_path / name, np.full_like(pixels, value), [])
    items = catalogue(tmp_path / "items.json", [f"{by_query}a.tif", f"{by_query}b.tif"])
    both = loaded(cube, tmp_path, items, 10.0, "nearest")
    assert [np.unique(step).tolist() for step in both] == [[100], [200]]
