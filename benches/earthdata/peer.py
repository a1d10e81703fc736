"""The Python side of the comparison.

    peer.py search earthaccess|python-cmr SEARCH_ROOT SHORT_NAME VERSION COUNT
    peer.py convert dict|pystac GRANULES.ndjson ITEMS.ndjson
    peer.py convert-only dict|pystac GRANULES.ndjson

`search` reads all pages and parses them, in each library's own way; it prints how many granules it holds. `convert` goes from a file of granules to a file of
Items, line by line. `convert-only` holds the parsed granules in memory and prints the CPU seconds of the conversion alone.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from converter import to_item


def search(library: str, root: str, short_name: str, version: str, count: str) -> None:
    if library == "earthaccess":
        from earthaccess.search import DataGranules

        # What `earthaccess.search_data(short_name=…, version=…)` does, against another root.
        query = DataGranules(mode=root).parameters(short_name=short_name, version=version)
        granules = query.get(min(query.hits(), int(count)))
    else:
        from cmr import GranuleQuery

        query = GranuleQuery(mode=root).parameters(short_name=short_name, version=version).format("umm_json")
        granules = [granule for page in query.get(min(query.hits(), int(count))) for granule in json.loads(page)["items"]]
    print(json.dumps({"granules": len(granules), "first": granules[0]["umm"]["GranuleUR"], "last": granules[-1]["umm"]["GranuleUR"]}))


def converter(form: str) -> Callable[[dict], dict]:
    """From a granule to an Item that `json.dumps` can write."""
    if form == "dict":
        return to_item
    import pystac

    return lambda granule: pystac.Item.from_dict(to_item(granule)).to_dict(include_self_link=True, transform_hrefs=False)


def granules(path: str) -> Iterator[dict]:
    with open(path, encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def convert(form: str, source: str, target: str) -> None:
    to_dictionary = converter(form)
    count = 0
    with open(target, "w", encoding="utf-8") as out:
        for granule in granules(source):
            out.write(json.dumps(to_dictionary(granule), separators=(",", ":"), ensure_ascii=False) + "\n")
            count += 1
    print(json.dumps({"items": count, "bytes": Path(target).stat().st_size}))


def convert_only(form: str, source: str) -> None:
    """Takes the granules in hundreds, as `to_stac` does, so that what is measured is not the memory of the machine."""
    to_dictionary = converter(form)
    spent, count, batch = 0.0, 0, []

    def flush() -> None:
        nonlocal spent, count
        began = time.process_time()
        items = [to_dictionary(granule) for granule in batch]
        spent += time.process_time() - began
        count += len(items)
        batch.clear()

    for granule in granules(source):
        batch.append(granule)
        if len(batch) == 100:
            flush()
    flush()
    print(json.dumps({"items": count, "cpu_s": round(spent, 3)}))


if __name__ == "__main__":
    {"search": search, "convert": convert, "convert-only": convert_only}[sys.argv[1]](*sys.argv[2:])
