"""VirtualiZarr's way from sidecars to a store: `virtualizarr_run.py parse|icechunk|parquet|json DIRECTORY STORE [none|coords] [count]`."""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

import xarray as xr
from obspec_utils.registry import ObjectStoreRegistry
from obstore.store import LocalStore
from virtualizarr import open_virtual_dataset
from virtualizarr.parsers import DMRPPParser

warnings.filterwarnings("ignore")
registry = ObjectStoreRegistry({"file://": LocalStore()})
parser = DMRPPParser()


def parse(paths: list[Path], repeat: int = 5) -> None:
    """Prints the least CPU time in milliseconds for each sidecar, references alone."""
    for path in paths:
        times = []
        for _ in range(repeat):
            began = time.process_time()
            parser(f"file://{path}", registry)
            times.append(time.process_time() - began)
        print(json.dumps({"file": path.name, "cpu_ms": round(1000 * min(times), 3)}))


def combined(directory: Path, load: str, count: int) -> xr.Dataset:
    paths = sorted(directory.glob("*.dmrpp"))[:count]
    loadable = ["time", "lat", "lon"] if load == "coords" else []
    granules = [open_virtual_dataset(f"file://{path}", registry, parser=parser, loadable_variables=loadable, decode_times=False) for path in paths]
    if load == "none":
        granules = [granule.drop_indexes(list(granule.indexes)) for granule in granules]
    return xr.concat(granules, dim="time", data_vars="minimal", coords="minimal", compat="override", combine_attrs="override", join="override")


def icechunk(dataset: xr.Dataset, directory: Path, store: Path) -> None:
    import icechunk

    prefix = f"file://{directory}/"
    config = icechunk.RepositoryConfig.default()
    config.set_virtual_chunk_container(icechunk.VirtualChunkContainer(prefix, icechunk.local_filesystem_store(str(directory))))
    authorised = icechunk.containers_credentials({prefix: None})
    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(store)), config, authorised)
    session = repository.writable_session("main")
    dataset.vz.to_icechunk(session.store)
    session.commit("references")


if __name__ == "__main__":
    what, directory = sys.argv[1], Path(sys.argv[2])
    if what == "parse":
        parse([Path(path) for path in sys.argv[2:]])
    else:
        store, load, count = Path(sys.argv[3]), sys.argv[4], int(sys.argv[5])
        dataset = combined(directory, load, count)
        if what == "icechunk":
            icechunk(dataset, directory, store)
        else:
            dataset.vz.to_kerchunk(str(store), format=what)
