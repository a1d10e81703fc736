"""From UMM-G to STAC in Python, as the plan for earthaccess describes it: the peer of the comparison, not a model.

It does what the plan says and no more: the first rectangle or the outer ring of the first polygon, one asset for each URL, keys from file names for data and
numbers for the rest (so that the https and the s3 copy of one file take each other's place).
"""

from __future__ import annotations

from typing import Any

CMR = "https://cmr.earthdata.nasa.gov"
CLOUD_COVER = "https://stac-extensions.github.io/eo/v1.1.0/schema.json"
ROLES = {
    "GET DATA": ["data"],
    "GET DATA VIA DIRECT ACCESS": ["data"],
    "GET RELATED VISUALIZATION": ["visual"],
    "VIEW RELATED INFORMATION": ["metadata"],
    "USE SERVICE API": ["data", "service"],
    "EXTENDED METADATA": ["metadata"],
    "DOWNLOAD SOFTWARE": ["metadata"],
    "PROJECT HOME PAGE": ["metadata"],
    "DATA SET LANDING PAGE": ["metadata"],
}
DATA = ("GET DATA", "GET DATA VIA DIRECT ACCESS")


def to_item(granule: dict[str, Any]) -> dict[str, Any]:
    """A STAC 1.0.0 Item, as plain dictionaries, from one entry of `items` of a search."""
    umm, meta = granule["umm"], granule["meta"]
    name = umm.get("GranuleUR", "")
    collection = meta.get("collection-concept-id", "")
    concept = meta.get("concept-id", "")
    instant, start, end = times(umm.get("TemporalExtent", {}))
    geometry, bbox = footprint(umm.get("SpatialExtent", {}))
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [],
        "id": meta.get("native-id", name),
        "geometry": geometry,
        "bbox": bbox,
        "properties": {
            "datetime": instant,
            "start_datetime": start,
            "end_datetime": end,
            "granule_ur": name,
            "cmr:concept_id": concept,
            "cmr:collection_concept_id": collection,
            "cmr:provider_id": meta.get("provider-id", ""),
        },
        "links": links(concept, collection),
        "assets": assets(umm.get("RelatedUrls", [])),
        "collection": collection,
    }
    if (cover := umm.get("CloudCover")) is not None:
        item["properties"]["eo:cloud_cover"] = cover
        item["stac_extensions"].append(CLOUD_COVER)
    return item


def times(extent: dict[str, Any]) -> tuple[str | None, str | None, str | None]:
    if single := extent.get("SingleDateTime"):
        return single, None, None
    span = extent.get("RangeDateTime", {})
    start, end = span.get("BeginningDateTime"), span.get("EndingDateTime")
    return (None, start, end) if start and end else (start or end, None, None)


def footprint(extent: dict[str, Any]) -> tuple[dict[str, Any] | None, list[float] | None]:
    shapes = extent.get("HorizontalSpatialDomain", {}).get("Geometry", {})
    if rectangles := shapes.get("BoundingRectangles"):
        west, south, east, north = (rectangles[0][f"{side}BoundingCoordinate"] for side in ("West", "South", "East", "North"))
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        return {"type": "Polygon", "coordinates": [ring]}, [west, south, east, north]
    if polygons := shapes.get("GPolygons"):
        ring = [[point["Longitude"], point["Latitude"]] for point in polygons[0].get("Boundary", {}).get("Points", [])]
        if ring:
            if ring[0] != ring[-1]:
                ring.append(ring[0])
            longitudes, latitudes = [point[0] for point in ring], [point[1] for point in ring]
            return {"type": "Polygon", "coordinates": [ring]}, [min(longitudes), min(latitudes), max(longitudes), max(latitudes)]
    return None, None


def links(concept: str, collection: str) -> list[dict[str, str]]:
    made = []
    if concept:
        made.append({"rel": "self", "href": f"{CMR}/search/concepts/{concept}.stac", "type": "application/geo+json"})
    if collection:
        href = f"{CMR}/search/concepts/{collection}.stac"
        made.extend({"rel": rel, "href": href, "type": "application/json"} for rel in ("parent", "collection"))
    made.append({"rel": "root", "href": f"{CMR}/stac", "type": "application/json"})
    return made


def assets(urls: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate(urls):
        url, kind = entry.get("URL", ""), entry.get("Type", "")
        if not url:
            continue
        key = url.split("/")[-1] if kind in DATA else f"asset_{number}"
        asset: dict[str, Any] = {"href": url, "roles": ROLES.get(kind, ["metadata"])}
        if description := entry.get("Description"):
            asset["title"] = description
        if mime_type := entry.get("MimeType"):
            asset["type"] = mime_type
        made[key] = asset
    return made
