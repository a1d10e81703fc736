"""The program's pixels against `rasterio.warp.reproject(tolerance=0)`: every resampling method, aligned and reprojected."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer
from support import scenes as sc
from support.opening import open_zarr
from support.specs import box, spec_of, write_spec
from support.truth import Grid, contributing_range, grid_of, is_nodata, near_edge, warped

EXACT = ["nearest", "mode", "min", "max", "med", "q1", "q3"]
COMPUTED = ["bilinear", "cubic", "cubic_spline", "lanczos", "average", "sum", "rms"]
SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"

# Of pixels on a decision edge, how many may fall on the other side.
EDGE_SHARE = 1e-5


@dataclass(frozen=True)
class Case:
    name: str
    crs: str
    resolution: float
    source_crs: str = "EPSG:32632"
    source_origin: tuple[float, float] = (640000, 5200000)
    grid: dict = field(default_factory=dict)


CASES = [
    Case("aligned", "EPSG:32632", 16),
    Case("half-a-pixel", "EPSG:32632", 16, grid={"anchor": [0.5, 0.5]}),
    Case("off-grid", "EPSG:32632", 16, grid={"anchor": [0.1875, 0.625]}),
    Case("coarser", "EPSG:32632", 48),
    Case("finer", "EPSG:32632", 7),
    Case("utm-33", "EPSG:32633", 16),
    Case("utm-33-coarser", "EPSG:32633", 50),
    Case("laea-europe", "EPSG:3035", 16),
    Case("web-mercator", "EPSG:3857", 24),
    Case("longitude-latitude", "EPSG:4326", 0.0002),
    Case("equal-area", "EPSG:6933", 20),
    Case("sinusoidal", SINUSOIDAL, 16),
    Case("north-pole", "EPSG:3413", 16, "EPSG:32624", (480000, 8400000)),
    Case("south-pole", "EPSG:3031", 16, "EPSG:32724", (480000, 1800000)),
]

ASSET_OF = {"uint16": "counts", "float32": "smooth"}


def scene_of(case: Case) -> sc.Scene:
    shape = (300, 340)
    bands = {"counts": sc.counts(shape, "warp"), "classes": sc.classes(shape, "warp"), "smooth": sc.smooth(shape, "warp")}
    return sc.Scene("scene", "2024-06-03T10:10:00Z", case.source_crs, Affine(16, 0, case.source_origin[0], 0, -16, case.source_origin[1]), bands)


def band_name(method: str, dtype: str) -> str:
    return f"{method}_{dtype}"


def asset_of(method: str, dtype: str) -> str:
    return "classes" if method == "mode" and dtype == "uint16" else ASSET_OF[dtype]


def extent_around(scene: sc.Scene, crs: str, resolution: float) -> list[float]:
    """A rectangle in the target CRS that holds the scene with a margin, on multiples of four pixels."""
    west, south, east, north = scene.extent
    x, y = np.linspace(west, east, 21), np.linspace(south, north, 21)
    edges = np.concatenate([[(a, south), (a, north)] for a in x] + [[(west, b), (east, b)] for b in y])
    px, py = Transformer.from_crs(scene.crs, crs, always_xy=True).transform(*edges.T)
    step = 4 * resolution
    return [
        float(f(v / step) * step + o * step)
        for f, v, o in ((np.floor, px.min(), -1), (np.floor, py.min(), -1), (np.ceil, px.max(), 1), (np.ceil, py.max(), 1))
    ]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def loaded(request: pytest.FixtureRequest, cube, tmp_path_factory) -> tuple[sc.Scene, Path]:
    """A cube with one variable for each method and dtype, of one scene, loaded whole."""
    case: Case = request.param
    work = tmp_path_factory.mktemp(case.name)
    scene = scene_of(case)
    items = sc.write_archive(work / "archive", [scene])
    extent = extent_around(scene, case.crs, case.resolution)
    bands = {
        band_name(method, dtype): {"asset": asset_of(method, dtype), "dtype": dtype, "resampling": method}
        for method in EXACT + COMPUTED
        for dtype in ASSET_OF
    }
    grid = {"crs": case.crs, "resolution": float(case.resolution), "extent": extent, **case.grid}
    # Chunks that divide nothing, so that kernels cross their edges.
    spec = write_spec(work / "cube.toml", spec_of(items, grid, bands, time={"step": "none"}, chunks={"y": 100, "x": 77}))
    cube.run("load", work / "cube", "--spec", spec, "--roi", box(extent), "--roi-crs", case.crs, "--toi", "../..")
    return scene, work / "cube"


@pytest.fixture(scope="module")
def opened(loaded):
    scene, path = loaded
    dataset = open_zarr(path)
    transform = Affine.from_gdal(*map(float, dataset.spatial_ref.attrs["GeoTransform"].split()))
    crs = rasterio.CRS.from_wkt(dataset.spatial_ref.attrs["crs_wkt"])
    shape = (dataset.sizes["y"], dataset.sizes["x"])
    return scene, dataset, Grid(crs.to_string() if crs.to_epsg() else crs.to_wkt(), transform, shape)


@pytest.mark.parametrize("dtype", ASSET_OF)
@pytest.mark.parametrize("method", EXACT + COMPUTED)
def test_pixels_are_those_of_gdal(opened, method: str, dtype: str):
    scene, dataset, grid = opened
    source, band = grid_of(scene), scene.bands[asset_of(method, dtype)]
    ours = dataset[band_name(method, dtype)].values
    if method == "lanczos" and grid.transform.a == 3 * source.transform.a:
        # By exactly three GDAL's result is rounding noise: docs/design/0003-where-pixels-differ-from-gdal.md. Ours stays within what the source can give.
        spread = [np.ptp(pixels[~is_nodata(pixels, band.nodata)].astype("float64")) for pixels in (ours, band.pixels)]
        assert 0 < spread[0] <= 1.5 * spread[1]
        return
    theirs = warped(band, source, grid, method, band.nodata)

    nothing, ours_nothing = is_nodata(theirs, band.nodata), is_nodata(ours, band.nodata)
    assert not nothing.all(), "the truth is empty: the case tests nothing"
    both = ~nothing & ~ours_nothing
    difference = np.abs(np.where(both, ours, 0).astype("float64") - np.where(both, theirs, 0).astype("float64"))
    if method in EXACT:
        allowed = np.zeros(grid.shape)
    elif dtype == "uint16":
        allowed = np.ones(grid.shape)
    else:
        allowed = 1e-5 * tolerance_range(band, source, grid, method)
    wrong = (nothing != ours_nothing) | (both & (difference > allowed))

    off_edge = wrong & ~near_edge(source, grid)
    assert not off_edge.any(), describe(off_edge, ours, theirs, allowed)
    assert wrong.sum() <= EDGE_SHARE * wrong.size, (
        f"{wrong.sum()} of {wrong.size} pixels on a decision edge differ\n{describe(wrong, ours, theirs, allowed)}"
    )


def tolerance_range(band: sc.Band, source: Grid, grid: Grid, method: str) -> np.ndarray:
    spread = contributing_range(band, source, grid, method)
    # A sum grows with the number of its terms, and a mean of squares does not shrink with the range.
    magnitude = float(np.nanmax(np.abs(band.pixels)))
    return spread + (magnitude * pixels_per_target(source, grid) if method == "sum" else magnitude if method == "rms" else 0)


def pixels_per_target(source: Grid, grid: Grid) -> float:
    def area(g: Grid) -> float:
        degrees = 111_000**2 * 0.68 if rasterio.CRS.from_user_input(g.crs).is_geographic else 1
        return abs(g.transform.determinant) * degrees

    return max(1.0, area(grid) / area(source))


def describe(wrong: np.ndarray, ours: np.ndarray, theirs: np.ndarray, allowed: np.ndarray) -> str:
    rows, columns = np.nonzero(wrong)
    lines = [f"{rows.size} of {wrong.size} pixels differ; the first:"]
    for row, column in list(zip(rows, columns))[:8]:
        lines.append(f"  row {row} column {column}: ours {ours[row, column]!r}, GDAL's {theirs[row, column]!r}, allowed {allowed[row, column]:.3g}")
    return "\n".join(lines)


@pytest.mark.parametrize("resolution, level", [(32.0, 0), (40.0, 0), (64.0, 1), (70.0, 1)])
def test_overview_is_the_coarsest_that_is_not_coarser_than_the_target(cube, tmp_path, resolution: float, level: int):
    shape = (512, 512)
    scene = sc.Scene("scene", "2024-06-03T10:10:00Z", "EPSG:32632", Affine(16, 0, 640000, 0, -16, 5200000), {"counts": sc.counts(shape, "overview")})
    items = sc.write_archive(tmp_path / "archive", [scene], overviews=True)
    with rasterio.open(tmp_path / "archive" / "scene" / "counts.tif", overview_level=level) as file:
        reduced = sc.Band(file.read(1), 0)
        source = Grid(scene.crs, file.transform, file.shape)
    extent = [640000.0, 5200000.0 - 560 * 16, 640000.0 + 560 * 16, 5200000.0]
    grid = {"crs": scene.crs, "resolution": resolution, "extent": extent}
    spec = write_spec(tmp_path / "cube.toml", spec_of(items, grid, {"counts": {"resampling": "nearest"}}, time={"step": "none"}))
    cube.run("load", tmp_path / "cube", "--spec", spec, "--roi", box(tuple(extent)), "--roi-crs", scene.crs, "--toi", "../..")
    dataset = open_zarr(tmp_path / "cube")
    target = Grid(
        scene.crs, Affine.from_gdal(*map(float, dataset.spatial_ref.attrs["GeoTransform"].split())), (dataset.sizes["y"], dataset.sizes["x"])
    )
    ours, theirs = dataset.counts.values, warped(reduced, source, target, "nearest", 0)
    wrong = ours != theirs
    assert wrong.sum() <= EDGE_SHARE * wrong.size, describe(wrong, ours, theirs, np.zeros(ours.shape))
