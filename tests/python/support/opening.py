"""Ways to open a cube that have nothing to do with our own code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import icechunk
import numpy as np
import xarray as xr
import zarr

LEDGER = "_cube"


@dataclass(frozen=True)
class S3:
    """Where an S3-compatible server listens, and a bucket on it."""

    endpoint: str
    bucket: str

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }


def is_plain(cube: object) -> bool:
    return str(cube).endswith(".zarr")


def icechunk_store(cube: Path | str, s3: S3 | None = None):
    if s3 is None:
        storage = icechunk.local_filesystem_storage(str(cube))
    else:
        storage = icechunk.s3_storage(
            bucket=s3.bucket,
            prefix=str(cube).removeprefix(f"s3://{s3.bucket}/"),
            endpoint_url=s3.endpoint,
            allow_http=True,
            force_path_style=True,
            access_key_id="testing",
            secret_access_key="testing",
            region="us-east-1",
        )
    return icechunk.Repository.open(storage).readonly_session("main").store


def store_of(cube: Path | str, s3: S3 | None = None):
    """What zarr-python takes as a store."""
    return str(cube) if is_plain(cube) else icechunk_store(cube, s3)


def open_zarr(cube: Path | str, group: str | None = None, **options) -> xr.Dataset:
    return xr.open_zarr(store_of(cube), group=group, chunks=None, **{"mask_and_scale": False, **consolidated(cube), **options})


def open_tree(cube: Path | str) -> xr.DataTree:
    return xr.open_datatree(store_of(cube), engine="zarr", chunks=None, mask_and_scale=False, **consolidated(cube))


def consolidated(cube: Path | str) -> dict:
    """As people call it: plain Zarr has consolidated metadata, Icechunk needs none."""
    return {} if is_plain(cube) else {"consolidated": False}


def open_root(cube: Path | str, s3: S3 | None = None) -> zarr.Group:
    return zarr.open_group(store_of(cube, s3), mode="r", zarr_format=3)


def arrays(cube: Path | str, s3: S3 | None = None) -> dict[str, zarr.Array]:
    """Every array of the cube by its path, the ledger included."""
    return {path: member for path, member in open_root(cube, s3).members(max_depth=None) if isinstance(member, zarr.Array)}


def data_arrays(cube: Path | str, s3: S3 | None = None) -> dict[str, zarr.Array]:
    return {path: array for path, array in arrays(cube, s3).items() if not in_ledger(path)}


def in_ledger(path: str) -> bool:
    return LEDGER in path.split("/")


def is_chunk_ledger(path: str) -> bool:
    """State and fingerprint of chunks; not the lists of searches and patches, which tell how a cube came to be."""
    return in_ledger(path) and ("state" in path or "fingerprint" in path)


def contents(cube: Path | str, s3: S3 | None = None) -> dict[str, np.ndarray]:
    """Values of all that two cubes loaded in different ways must have in common."""
    return {path: array[...] for path, array in arrays(cube, s3).items() if not in_ledger(path) or is_chunk_ledger(path)}


def assert_same_contents(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    assert any(is_chunk_ledger(path) for path in one), f"no ledger among {sorted(one)}"
    for path, values in one.items():
        np.testing.assert_array_equal(values, other[path], err_msg=path)


def assert_same_metadata(one: Path | str, other: Path | str, s3: S3 | None = None) -> None:
    for (path, left), (_, right) in zip(sorted(data_arrays(one).items()), sorted(data_arrays(other, s3).items()), strict=True):
        assert left.metadata.to_dict() == right.metadata.to_dict(), path


def chunk_files(cube: Path) -> dict[str, bytes]:
    """Encoded chunks of the data and the coordinates of a plain Zarr cube, byte for byte."""
    files = {}
    for path in sorted(cube.rglob("*")):
        relative = path.relative_to(cube)
        if path.is_file() and LEDGER not in relative.parts and "c" in relative.parts:
            files[str(relative)] = path.read_bytes()
    return files
