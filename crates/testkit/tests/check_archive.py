"""Opens an archive as pystac, rasterio and an HTTP client see it: argument 1 is the folder, 2 the URL of its server."""

import json
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pystac
import rasterio
import rasterio.warp
from pystac_client import Client

folder, url = Path(sys.argv[1]), sys.argv[2]

catalog = pystac.Catalog.from_file(str(folder / "catalog.json"))
items = {item.id: item for item in catalog.get_items(recursive=True)}
assert len(items) == 12, items
assert {item.id for item in pystac.ItemCollection.from_file(str(folder / "items.json"))} == set(items)

compared = 0
for item in Client.open(f"{url}/stac").search(limit=5).items():
    local = items[item.id].assets["red"].get_absolute_href()
    assert Path(local).is_relative_to(folder), local
    with rasterio.open(local) as near, rasterio.open(f"/vsicurl/{item.assets['red'].href}") as far:
        # pystac lifts `proj:epsg` to `proj:code` as it reads.
        assert f"EPSG:{near.crs.to_epsg()}" == item.properties["proj:code"]
        assert list(near.transform)[:6] == item.properties["proj:transform"]
        assert list(near.shape) == item.properties["proj:shape"]
        assert near.nodata == 0 and near.overviews(1) == [2, 4], near.overviews(1)
        west, south, east, north = rasterio.warp.transform_bounds(near.crs, "EPSG:4326", *near.bounds)
        np.testing.assert_allclose(item.bbox, [west, south, east, north], atol=1e-3)
        np.testing.assert_array_equal(near.read(1), far.read(1))
        compared += 1
assert compared == 12

with urllib.request.urlopen(f"{url}/_log") as answer:
    log = json.load(answer)
assert log["requests"] > 12, log
for place, value in json.loads((folder / "truth.json").read_text()).items():
    path, row, col = place.split("|")
    with rasterio.open(folder / path) as file:
        assert file.read(1)[int(row), int(col)] == value, place
print(f"{compared} files agree on disk and over HTTP; {log['requests']} requests")
