"""Checks regions and their simplifications: by shapely, by exact rational arithmetic, and along great circles.

Reads the cases that `oracle.rs` wrote; prints what is wrong and exits with 1, else prints counts.
"""

import json
import sys
from fractions import Fraction

import numpy as np
import shapely
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, shape

# What the grid of an overlay moves vertices by, as a share of the extent.
OVERLAY = 4e-9
EXACT_EDGES = 60

problems = []
counts = {"regions": 0, "equal to shapely": 0, "simplified": 0, "rational": 0, "great circles": 0, "refused": 0}
shares = []


def parts(geometry, kind):
    """All polygons (or lines, points) of a GeoJSON geometry."""
    if geometry["type"] == "GeometryCollection":
        return [p for g in geometry["geometries"] for p in parts(g, kind)]
    if geometry["type"] == kind:
        return [geometry["coordinates"]]
    return list(geometry["coordinates"]) if geometry["type"] == "Multi" + kind else []


def polygons(geometry):
    return [Polygon(p[0], p[1:]) for p in parts(geometry, "Polygon")]


def flat(ring):
    return [c[:2] for c in ring]


def has_area(ring):
    return len({tuple(c) for c in ring}) > 2 and not LineString(ring).convex_hull.area == 0


def meant(geometry):
    """The union of all polygons as shapely repairs them; `None` where edges jump over the antimeridian or run on beyond it."""
    made = []
    for rings in parts(geometry, "Polygon"):
        rings = [flat(r) for r in rings if r]
        for r in rings:
            x = [c[0] for c in r]
            if max(map(abs, x)) > 180 or max(map(abs, np.diff(x)), default=0) > 180:
                return None
        if rings and has_area(rings[0]):
            made.append(shapely.make_valid(Polygon(rings[0], [r for r in rings[1:] if has_area(r)])))
    return shapely.union_all(made)


def great_circle(ring):
    """A ring with points along its great circles, about every 1e-6 degree of deviation."""
    out = []
    for (ax, ay), (bx, by) in zip(ring, ring[1:]):
        out.append((ax, ay))
        turn = np.radians(bx - ax)
        if abs(turn) < 1e-12 or 90 in (abs(ay), abs(by)):
            continue
        n = min(2000, int(abs(bx - ax) * 60) + 2)
        t = np.arange(1, n) / n
        u = (np.tan(np.radians(ay)) * np.sin((1 - t) * turn) + np.tan(np.radians(by)) * np.sin(t * turn)) / np.sin(turn)
        out += zip(ax + t * (bx - ax), np.degrees(np.arctan(u)))
    return out + [ring[-1]]


def over_poles(ring):
    """A ring with its one corner at a pole drawn out, as a map shows it: the edges to it run along meridians."""
    out = []
    for before, at, after in zip([ring[-2]] + ring[:-1], ring[:-1], ring[1:]):
        out += [(before[0], at[1]), (after[0], at[1])] if abs(at[1]) == 90 else [at]
    return out + [out[0]]


def dense(polygon, step):
    """Positions along straight edges."""
    return shapely.segmentize(polygon, step)


def exact(polygon):
    return [(Fraction(x), Fraction(y)) for x, y in polygon.exterior.coords]


def side(a, b, c):
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def inside(ring, p):
    """Whether a point lies in a closed ring or on it, in rational numbers."""
    winding = 0
    for a, b in zip(ring, ring[1:]):
        s = side(a, b, p)
        if s == 0 and min(a[0], b[0]) <= p[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= p[1] <= max(a[1], b[1]):
            return True
        if a[1] <= p[1] < b[1] and s > 0:
            winding += 1
        elif b[1] <= p[1] < a[1] and s < 0:
            winding -= 1
    return winding != 0


def covers_exactly(outer, inner):
    """Whether a ring holds another: cut where both meet, every piece of the inner one has its middle inside."""
    for a, b in zip(inner, inner[1:]):
        ts = {Fraction(0), Fraction(1)}
        d = (b[0] - a[0], b[1] - a[1])
        for c, e in zip(outer, outer[1:]):
            f = (e[0] - c[0], e[1] - c[1])
            cross = d[0] * f[1] - d[1] * f[0]
            if cross:
                ts.add(((c[0] - a[0]) * f[1] - (c[1] - a[1]) * f[0]) / cross)
            elif d[0] * (c[1] - a[1]) == d[1] * (c[0] - a[0]):
                axis = 0 if d[0] else 1
                ts.update((p[axis] - a[axis]) / d[axis] for p in (c, e))
        ts = sorted(t for t in ts if 0 <= t <= 1)
        for s, t in zip(ts, ts[1:]):
            m = (s + t) / 2
            if not inside(outer, (a[0] + m * d[0], a[1] + m * d[1])):
                return False
    return all(inside(outer, p) for p in inner)


def check_region(case, wrong):
    areas = polygons(case["region"])
    region = MultiPolygon(areas)
    counts["regions"] += 1
    if not region.is_valid:
        wrong("the region is not valid: " + shapely.is_valid_reason(region))
    if not all(p.exterior.is_ccw and not any(h.is_ccw for h in p.interiors) for p in areas):
        wrong("rings run the wrong way")
    if np.abs(shapely.get_coordinates(region)[:, 0]).max(initial=0) > 180:
        wrong("longitudes beyond 180")
    original = meant(case["original"])
    if original is not None and not original.is_empty:
        west, south, east, north = original.bounds
        near = OVERLAY * max(east - west, north - south)
        if shapely.make_valid(region).buffer(0).is_empty or not region.buffer(near).covers(original.buffer(-near)):
            wrong("the region does not hold what shapely makes of the original")
        extra = region.area - original.area
        if abs(extra) > 1e-6 * original.area:
            wrong(f"the region has {extra} square degrees more than shapely's")
        counts["equal to shapely"] += 1
    return areas


def check_planar(areas, lines, simple, wrong):
    simplified = MultiPolygon(polygons(simple["region"]))
    if not simplified.is_valid:
        wrong("not valid: " + shapely.is_valid_reason(simplified))
    for area in areas:
        if not shapely.covers(simplified, area):
            outside = area.difference(simplified)
            wrong(f"does not cover the region: {outside.area} square degrees, {outside.wkt[:200]}")
    if not all(shapely.covers(simplified, line) for line in lines):
        wrong("does not cover a line or point")
    if sum(len(a.exterior.coords) for a in areas) <= EXACT_EDGES:
        outers = [exact(p) for p in simplified.geoms]
        counts["rational"] += 1
        if not all(any(covers_exactly(o, exact(a)) for o in outers) for a in areas):
            wrong("does not cover the region in rational numbers")


def check_geodesic(areas, lines, simple, wrong):
    rings = [over_poles(great_circle([tuple(c) for c in p[0]])) for p in parts(simple["region"], "Polygon")]
    for ring in rings:
        if not LineString(ring).is_simple:
            wrong("a ring of great circles crosses itself")
        if len(set(ring[:-1])) < len(ring) - 1 or max(abs(np.diff([c[0] for c in ring]))) > 179:
            wrong("a ring repeats points or spans half the earth")
    whole = shapely.union_all([shapely.make_valid(Polygon(r)) for r in rings])
    # Pieces of great circles stand for them: they run outside of them by less than this.
    whole = whole.buffer(1e-9)
    counts["great circles"] += 1
    for area in areas + lines:
        if area.length < 4000:
            area = dense(area, max(0.02, area.length / 20000))
        if not whole.covers(area):
            outside = area.difference(whole)
            wrong(f"great circles do not cover the region: {outside.area} square degrees, {outside.wkt[:200]}")


for case in json.load(open(sys.argv[1])):
    areas = check_region(case, lambda text: problems.append(f"{case['name']}: {text}"))
    lines = [LineString(flat(c)) for c in parts(case["region"], "LineString")] + [Point(c[:2]) for c in parts(case["region"], "Point")]
    for simple in case["simplified"]:
        label = f"{case['name']} ({simple['max_points']}, {simple['edges']})"

        def wrong(text):
            problems.append(f"{label}: {text}")

        if "error" in simple:
            counts["refused"] += 1
            if "too few" not in simple["error"] or simple["max_points"] > 40:
                wrong(simple["error"])
            continue
        counts["simplified"] += 1
        if simple["points_after"] > simple["max_points"]:
            wrong(f"has {simple['points_after']} points")
        if simple["region"] == case["region"]:
            continue
        if not parts(simple["region"], "Polygon"):
            wrong("has no areas")
            continue
        if simple["added_area_share"] is not None:
            shares.append(simple["added_area_share"])
        if simple["edges"] == "planar":
            check_planar(areas, lines, simple, wrong)
        else:
            check_geodesic(areas, lines, simple, wrong)

print(counts, "median share added", round(float(np.median(shares or [0])), 4))
print("\n".join(problems[:40]))
sys.exit(bool(problems))
