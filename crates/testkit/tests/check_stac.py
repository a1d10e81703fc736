"""Uses the emulated STAC API with pystac-client: argument 1 is the URL, 2 the true answers as JSON."""

import json
import sys

from pystac_client import Client

url, truth = sys.argv[1], json.loads(sys.argv[2])
client = Client.open(url)
assert [collection.id for collection in client.get_collections()] == truth["collections"]
collection = client.get_collection(truth["collections"][0])
assert len(list(collection.get_items())) == truth["all"], "items of the collection"

for name, search in truth["searches"].items():
    for method in ["GET", "POST"]:
        found = client.search(method=method, collections=truth["collections"], limit=truth["limit"], **search["parameters"])
        ids = [item.id for item in found.items()]
        assert sorted(ids) == sorted(search["ids"]), f"{name} by {method}: {ids} instead of {search['ids']}"
        assert len(ids) == len(set(ids)), f"{name} by {method}: an item came twice"

item = next(client.search(max_items=1).items())
assert item.assets["red"].href.startswith("http://127.0.0.1:"), item.assets["red"].href
assert item.properties["proj:code"] == truth["code"], item.properties
print(f"{url}: {len(truth['searches'])} searches by GET and POST agree")
