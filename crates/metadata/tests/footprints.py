"""Says whether geometries cover what the polygons of UMM-G cover, by shapely.

    python footprints.py FOOTPRINTS.ndjson

A line holds `umm`, a GPolygon, and `geometry` and `bbox` as they were made of it.
"""

import json
import pathlib
import sys

import shapely
from shapely.affinity import translate

MAP = shapely.box(-180, -90, 180, 90)


def run_on(points, start=None):
    """Longitudes without jumps, each step the short way; beginning within half a turn of `start`."""
    ring = []
    for point in points:
        x, y = point["Longitude"], point["Latitude"]
        before = ring[-1][0] if ring else start
        if before is not None:
            x = before + (x - before + 180) % 360 - 180
        ring.append((x, y))
    return ring


def expected(polygon):
    outer = run_on(polygon["Boundary"]["Points"])
    if abs(outer[-1][0] - outer[0][0]) > 180:
        # Around a pole: closed over the nearer one.
        pole = 90 if outer[0][1] > 0 else -90
        outer += [(outer[-1][0], pole), (outer[0][0], pole), outer[0]]
    middle = sum(x for x, _ in outer) / len(outer)
    holes = [run_on(b["Points"], middle) for b in polygon.get("ExclusiveZone", {}).get("Boundaries", [])]
    return shapely.Polygon(outer, holes)


def check(footprint):
    geometry = shapely.geometry.shape(footprint["geometry"])
    wanted = expected(footprint["umm"])
    parts = list(getattr(geometry, "geoms", [geometry]))
    west, south, east, north = geometry.bounds
    if west < -180 or east > 180:
        return f"it reaches beyond the map: {geometry.bounds}"
    for part in parts:
        if not part.is_valid:
            return f"a part is invalid: {shapely.is_valid_reason(part)}"
        if not part.exterior.is_ccw or any(hole.is_ccw for hole in part.interiors):
            return "a ring has the wrong direction"
    within = shapely.union_all([translate(wanted, turn).intersection(MAP) for turn in (-720, -360, 0, 360, 720)])
    difference = shapely.union_all(parts).symmetric_difference(within).area
    if difference > 1e-6 * max(wanted.area, 1):
        return f"{difference} square degrees differ of {wanted.area}"
    box_west, box_south, box_east, box_north = footprint["bbox"]
    width = wanted.bounds[2] - wanted.bounds[0]
    around = width > 360 - 1e-6
    if abs((box_east - box_west) % 360 - width % 360) > 1e-6 and not around:
        return f"the box is {footprint['bbox']} for {wanted.bounds}"
    if around and (box_west, box_east) != (-180, 180):
        return f"the box is {footprint['bbox']} for {wanted.bounds}"
    if (box_south, box_north) != (wanted.bounds[1], wanted.bounds[3]):
        return f"the box is {footprint['bbox']} for {wanted.bounds}"
    return None


def main(path):
    lines = pathlib.Path(path).read_text().splitlines()
    # Chance makes polygons that make no sense, too: a hole outside.
    sound = [line for line in lines if expected(json.loads(line)["umm"]).is_valid]
    failures = [f"{verdict}: {line[:600]}" for line in sound if (verdict := check(json.loads(line)))]
    print(f"{len(lines)} documents, {len(sound)} of them sound")
    print("\n".join(failures[:10]))
    return bool(failures) or len(sound) < len(lines) * 0.8


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
