"""The peer: search, `odc.stac.load`, `to_zarr`, as its documentation shows it.

    python odc_load.py JOB.json

The job names the API, collections, bands, grid, chunks, resampling, the way of loading and the output; see `bench.py`.
"""

from __future__ import annotations

import json
import sys

import dask
import odc.stac
import pystac_client
from odc.geo.geobox import GeoBox


def main(path: str) -> None:
    with open(path) as file:
        job = json.load(file)
    client = pystac_client.Client.open(job["api"])
    items = list(client.search(collections=job["collections"], bbox=job["bbox"], datetime=job["datetime"]).items())
    geobox = GeoBox.from_bbox(job["extent"], crs=job["crs"], resolution=job["resolution"])
    chunks = {"time": 1, "y": job["chunk"], "x": job["chunk"]}
    common = dict(bands=job["bands"], geobox=geobox, groupby="solar_day", resampling=job["resampling"])
    if job["mode"] == "dask":
        dataset = odc.stac.load(items, chunks=chunks, **common)
    else:
        dataset = odc.stac.load(items, pool=job["cores"], **common)
    encoding = {band: {"chunks": tuple(chunks.values())} for band in job["bands"]}
    with dask.config.set(scheduler="threads", num_workers=job["cores"]):
        dataset.to_zarr(job["out"], mode="w", zarr_format=3, consolidated=False, encoding=encoding)


if __name__ == "__main__":
    main(sys.argv[1])
