"""The guide "From a NASA collection to an array", as it is written: its specs, commands and lines of Python are taken from the page and run, with the
emulator in the place of the services and files in the manner of the products."""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
import rioxarray  # noqa: F401
import xarray as xr
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from support import archives
from support.earthdata import HOSTS, Earthdata, assert_no_leak, granule_of
from support.granules import run
from support.opening import open_zarr
from support.programs import DONE, FAILED, ROOT, Program
from support.specs import write_spec

PAGE = (ROOT / "docs" / "guide" / "earthdata.md").read_text()
MUR = "MUR-JPL-L4-GLOB-v4.1"
BUCKETS = {"podaac": "podaac-ops-cumulus-protected", "lpdaac": "lp-prod-protected", "nsidc": "nsidc-cumulus-prod-protected"}
DAYS = [datetime.date(2024, 6, 1) + datetime.timedelta(days=number) for number in range(4)]
# Rows and columns of MUR that are stored: the sea of the guide, and some around it.
ROWS, COLUMNS = slice(12960, 13540), slice(18460, 19240)


def blocks(heading: str, language: str) -> list[str]:
    """The blocks of one language below a heading of the page."""
    section = PAGE.split(f"\n## {heading}", 1)[1].split("\n## ", 1)[0]
    return re.findall(rf"```{language}\n(.*?)```", section, flags=re.DOTALL)


@dataclass
class Desk:
    """A folder in which a reader of the guide works."""

    folder: Path
    nasa: Earthdata
    environment: dict[str, str]

    def copy_specs(self, heading: str) -> None:
        """Writes the specs of a section under the names in their first lines."""
        for text in blocks(heading, "toml"):
            name = re.match(r"# ([\w.]+)", text)
            assert name, "a spec of the guide has no name"
            (self.folder / name[1]).write_text(text)

    def shell(self, text: str, **replaced: str) -> str:
        """Runs lines as a shell does, with what the guide leaves open filled in, and returns what they print."""
        for gap, value in replaced.items():
            text = text.replace(gap, value)
        assert "…" not in text, f"the guide leaves something open: {text}"
        done = subprocess.run(["bash", "-euc", text], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == DONE, f"{text}\n--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"
        return done.stdout

    def python(self, text: str, monkeypatch: pytest.MonkeyPatch) -> dict:
        """Runs lines of Python, with the addresses of the emulator instead of the true ones."""
        for role, host in HOSTS.items():
            text = text.replace(f"https://{host}", self.nasa.urls[role])
        monkeypatch.chdir(self.folder)
        monkeypatch.setenv("EARTHDATA_TOKEN", self.nasa.token())
        # The emulator has no certificates.
        names: dict = {}
        exec(text.replace("http_store(headers", 'http_store(opts={"allow_http": "true"}, headers'), names)  # noqa: S102
        return names


@pytest.fixture(scope="module")
def running(testkit, tmp_path_factory) -> Iterator[Earthdata]:
    """An emulator whose archive has files of every product of the guide."""
    work = tmp_path_factory.mktemp("guide")
    (work / "records").mkdir()
    everywhere, alps, america = (-180, -90, 180, 90), (10.9, 46.0, 11.1, 47.0), (-90, 30, -84, 34)
    for day in DAYS:
        path = archives.mur(folder_of(work, "podaac", MUR), day, ROWS, COLUMNS)
        sidecar = archives.dmrpp(path, ("time", "lat", "lon", "analysed_sst"))
        add(work, path, "podaac", day, everywhere, (MUR, "4.1"), sidecar)
    day = datetime.date(2024, 6, 4)
    for make, name, host, extent, collection in (
        (archives.atl08, "ATL08_20240604101010_11532301_006_01.h5", "nsidc", alps, ("ATL08", "006")),
        (archives.tempo_l3, "TEMPO_NO2_L3_V03_20240604T120000Z_S001.nc", "lpdaac", america, ("TEMPO_NO2_L3", "V03")),
        (archives.tempo_l2, "TEMPO_NO2_L2_V03_20240604T120000Z_S001G01.nc", "lpdaac", america, ("TEMPO_NO2_L2", "V03")),
        (archives.emit, "EMIT_L2A_RFL_001_20240604T101010_2415601_001.nc", "lpdaac", alps, ("EMITL2ARFL", "001")),
    ):
        add(work, make(folder_of(work, host, collection[0]) / name), host, day, extent, collection)
    nasa = Earthdata.start(testkit, work, "--archive", work / "archive", "--files", work / "files", "--records", work / "records")
    yield nasa
    nasa.stop()


def folder_of(work: Path, host: str, collection: str) -> Path:
    return work / "files" / BUCKETS[host] / collection


def add(work: Path, path: Path, host: str, day: datetime.date, extent: tuple, collection: tuple[str, str], sidecar: Path | None = None) -> None:
    """A granule of one file, and its sidecar."""
    key = str(path.relative_to(work / "files"))
    record = granule_of(path, key, day.isoformat(), extent, collection, host)
    if sidecar:
        address = str(sidecar.relative_to(work / "files"))
        record["RelatedUrls"] += [
            {"URL": f"{{{host}}}/{address}", "Type": "EXTENDED METADATA"},
            {"URL": f"s3://{address}", "Type": "EXTENDED METADATA"},
        ]
    (work / "records" / f"{path.name}.json").write_text(json.dumps(record))


@pytest.fixture
def desk(cube: Program, running: Earthdata, tmp_path: Path) -> Desk:
    running.reset()
    programs, folder = tmp_path / "bin", tmp_path / "desk"
    programs.mkdir()
    folder.mkdir()
    (programs / "cube").symlink_to(cube.path)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return Desk(folder, running, {**os.environ, **cube.environment, **running.environment(tmp_path), "PATH": path})


def mur_counts(days: list[datetime.date], rows: slice, columns: slice) -> np.ndarray:
    return np.stack([archives.mur_counts(day, rows, columns) for day in days])


def test_login_and_keys(desk):
    said = desk.shell("cube auth status")
    assert desk.nasa.user in said
    lines = "".join(blocks("Near the data", "sh"))
    keys = f"--credentials-endpoint {desk.nasa.urls['podaac']}/s3credentials"
    printed = desk.shell(lines.replace("s3://lp-prod-protected/", keys), **{"--provider POCLOUD": keys})
    assert "aws_session_token" in printed and "POCLOUD" in printed


def test_hls(desk, monkeypatch):
    desk.copy_specs("HLS")
    desk.shell("\n".join(blocks("HLS", "sh")))
    names = desk.python(blocks("HLS", "python")[0].replace("xr.open_zarr", "ds = xr.open_zarr"), monkeypatch)
    ds = names["ds"]
    assert set(ds.data_vars) >= {"red", "nir"} and ds.sizes["time"] >= 1
    scenes = sorted((desk.nasa.work / "archive/lp-prod-protected/HLSS30.020").glob("HLS.S30.*"))
    assert scenes
    compared = 0
    x, y = ds.x.values, ds.y.values
    for step in ds.time.values:
        day = np.datetime64(step, "D").astype(datetime.date).strftime("%Y%j")
        of_day = [scene for scene in scenes if f".{day}T" in scene.name]
        for band, suffix in (("red", "B04"), ("nir", "B8A")):
            ours = ds[band].sel(time=step).values
            for scene in of_day:
                with rasterio.open(scene / f"{scene.name}.{suffix}.tif") as image:
                    if image.crs.to_epsg() != 32632:
                        continue
                    with WarpedVRT(
                        image, crs="EPSG:32632", transform=ds.rio.transform(), width=x.size, height=y.size, resampling=Resampling.nearest, nodata=-9999
                    ) as warped:
                        theirs = warped.read(1)
                both = (theirs != -9999) & (ours != -9999)
                compared += int(both.sum())
    assert compared > 1000


def test_mur_by_reference(desk, monkeypatch):
    said = desk.shell(blocks("MUR SST", "sh")[0])
    assert "authorize_virtual_chunk_access" in said and str(desk.nasa.password) not in said
    names = desk.python(blocks("MUR SST", "python")[0], monkeypatch)
    ds = names["ds"]
    assert dict(ds.sizes) == {"time": len(DAYS), "lat": 17999, "lon": 36000}
    assert [str(time)[:16] for time in ds.time.values] == [f"{day.isoformat()}T09:00" for day in DAYS]
    rows, columns = slice(13200, 13260), slice(18700, 18790)
    counts = mur_counts(DAYS, rows, columns)
    expected = np.where(counts == -32768, np.nan, counts * 0.001 + 298.15)
    np.testing.assert_allclose(ds.analysed_sst[:, rows, columns].values, expected, rtol=1e-9)
    # The lines that the command itself prints are those of the guide.
    monkeypatch.chdir(desk.folder)
    printed = run("\n".join(line[4:] for line in said.split("open it in Python:")[1].splitlines()))
    np.testing.assert_allclose(printed.analysed_sst[:, rows, columns].values, expected, rtol=1e-9)
    assert_no_leak(desk.nasa)


@pytest.mark.parametrize("form", ["json", "parquet"])
def test_mur_as_kerchunk(desk, monkeypatch, form):
    done = json.loads(desk.shell(f"cube virtualize --cmr -c {MUR} --toi 2024-06 --out sst.{form} --concat-dim time --json"))
    monkeypatch.setenv("EARTHDATA_TOKEN", desk.nasa.token())
    ds = run(done["python"])
    counts = mur_counts(DAYS, slice(13200, 13210), slice(18700, 18720))
    values = ds.analysed_sst[:, 13200:13210, 18700:18720].values
    np.testing.assert_allclose(values, np.where(counts == -32768, np.nan, counts * 0.001 + 298.15), rtol=1e-9)
    assert_no_leak(desk.nasa)


def test_mur_by_reference_to_its_bucket(desk, s3, monkeypatch):
    """`--access direct`: readers use the keys that `cube auth s3` gives them."""
    import boto3

    bucket = BUCKETS["podaac"]
    client = boto3.client("s3", endpoint_url=s3.endpoint, aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1")
    if bucket not in [entry["Name"] for entry in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket=bucket)
    for path in folder_of(desk.nasa.work, "podaac", MUR).iterdir():
        client.upload_file(str(path), bucket, f"{MUR}/{path.name}")
    keys = f"{desk.nasa.urls['podaac']}/s3credentials"
    desk.environment |= {"AWS_ENDPOINT_URL": s3.endpoint, "AWS_ALLOW_HTTP": "true", "CUBE_S3_CREDENTIALS": f"{bucket}={keys}"}
    done = json.loads(desk.shell(f"cube virtualize --cmr -c {MUR} --toi 2024-06 --out sst --concat-dim time --access direct --json"))
    assert done["containers"] == [f"s3://{bucket}/{MUR}/"] and "cube auth s3" in done["python"]
    for line in desk.shell(f"cube auth s3 s3://{bucket}/{MUR}/ --format env").splitlines():
        name, value = line.removeprefix("export ").split("=", 1)
        monkeypatch.setenv(name, value.strip("'\""))
    ds = run(done["python"])
    counts = mur_counts(DAYS, slice(13200, 13210), slice(18700, 18720))
    values = ds.analysed_sst[:, 13200:13210, 18700:18720].values
    np.testing.assert_allclose(values, np.where(counts == -32768, np.nan, counts * 0.001 + 298.15), rtol=1e-9)


def test_mur_loaded(desk):
    desk.copy_specs("MUR SST")
    desk.shell(blocks("MUR SST", "sh")[1])
    ds = open_zarr(desk.folder / "sea")
    rows, columns = slice(12999, 13500), slice(18499, 19200)
    np.testing.assert_array_equal(ds.sst.values, mur_counts(DAYS, rows, columns)[:, ::-1])
    np.testing.assert_allclose(ds.y.values[[0, -1]], [45.0, 40.0])
    np.testing.assert_allclose(ds.x.values[[0, -1]], [5.0, 12.0])
    read = {record["path"].rsplit("/", 1)[1] for record in desk.nasa.requests("podaac") if MUR in record["path"]}
    assert any(name.endswith(".dmrpp") for name in read), "the sidecars were not read"


def test_atl08(desk, monkeypatch):
    lines = blocks("ICESat-2 ATL08", "sh")[0].splitlines()
    names = desk.shell("\n".join(lines[:2])).split()
    url = next(name for name in names if name.endswith(".h5"))
    printed = desk.shell("\n".join(lines[2:]), **{"https://…/ATL08_….h5": url})
    assert "/gt3r/land_segments/canopy" in printed and "h_canopy" in printed
    import geopandas

    assert geopandas.read_parquet(desk.folder / "atl08.parquet").id.tolist() == [Path(url).stem]
    monkeypatch.setenv("EARTHDATA_TOKEN", desk.nasa.token())
    ds = run("\n".join(line[4:] for line in printed.split("open it in Python:")[1].splitlines()))
    with h5py.File(next(folder_of(desk.nasa.work, "nsidc", "ATL08").glob("*.h5"))) as file:
        np.testing.assert_array_equal(ds.latitude.values, file["gt1l/land_segments/latitude"][...])


def test_tempo(desk, monkeypatch):
    assert 'asset = "data#product/vertical_column_troposphere"' in " ".join(PAGE.split())
    spec = {
        "source": {"backend": "cmr", "collections": ["TEMPO_NO2_L3"]},
        "grid": {"crs": "EPSG:4326", "resolution": 0.02, "extent": [-90.0, 30.0, -84.0, 34.0]},
        "time": {"step": "instant"},
        "bands": {"no2": {"asset": "data#product/vertical_column_troposphere"}},
    }
    write_spec(desk.folder / "no2.toml", spec)
    desk.shell("cube load no2 --spec no2.toml --roi=-90,30,-84,34 --toi 2024-06")
    np.testing.assert_allclose(open_zarr(desk.folder / "no2").no2[0].values, archives.tempo_column()[::-1], rtol=1e-12)

    # The swath of level 2 is refused as one; a group of it can be referred to.
    spec["source"]["collections"] = ["TEMPO_NO2_L2"]
    write_spec(desk.folder / "l2.toml", spec)
    refused = subprocess.run(
        ["cube", "load", "l2", "--spec", "l2.toml", "--roi=-90,30,-84,34", "--toi", "2024-06"], cwd=desk.folder, env=desk.environment, capture_output=True, text=True
    )
    assert refused.returncode == FAILED and "swath" in refused.stderr, refused.stderr
    url = desk.shell("cube search --cmr -c TEMPO_NO2_L2 --format urls").split()[0]
    done = json.loads(desk.shell(f"cube virtualize {url} --group /product --out product --json"))
    monkeypatch.setenv("EARTHDATA_TOKEN", desk.nasa.token())
    with h5py.File(next(folder_of(desk.nasa.work, "lpdaac", "TEMPO_NO2_L2").iterdir())) as file:
        np.testing.assert_array_equal(run(done["python"]).vertical_column_troposphere.values, file["product/vertical_column_troposphere"][...])


def test_emit(desk, monkeypatch):
    url = desk.shell("cube search --cmr -c EMITL2ARFL --format urls").split()[0]
    done = json.loads(desk.shell(f"cube virtualize {url} --tree --out emit --json"))
    monkeypatch.setenv("EARTHDATA_TOKEN", desk.nasa.token())
    tree = run(done["python"])
    tree = tree if isinstance(tree, xr.DataTree) else xr.DataTree(tree)
    np.testing.assert_array_equal(tree["reflectance"].values, archives.emit_reflectance())
