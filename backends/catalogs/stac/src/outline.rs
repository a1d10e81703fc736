//! Where on Earth an item lies: outlines within ±180° of longitude, however the source writes a crossing of the antimeridian.

use std::borrow::Cow;

use cube_core::{Crs, Extent, GeoBox, Shape, SourceGrid};
use geo::{Coord, Intersects};
use geojson::{Geometry, GeometryValue};

use crate::item::Item;

type Ring = Vec<(f64, f64)>;
type Polygon = Vec<Ring>;

/// Points on each edge of a grid whose outline is computed.
const PER_EDGE: usize = 21;

/// The outline of an item and its bounding box, both in longitude and latitude.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Outline {
    pub(crate) footprint: Option<Geometry>,
    /// `west > east` when it crosses the antimeridian.
    pub(crate) bbox: Option<[f64; 4]>,
}

impl Outline {
    /// The outline of an item; `grid` helps where the item's geometry is ambiguous or missing.
    pub(crate) fn of(item: &Item, grid: &SourceGrid) -> Self {
        let geometry = item.0.get("geometry").filter(|g| !g.is_null()).and_then(|g| serde_json::from_value::<Geometry>(g.clone()).ok());
        let stated = item.bbox().map(tidy_bbox);
        let Some(geometry) = geometry else {
            return if stated.is_some() { Self { footprint: None, bbox: stated } } else { Self::of_grid(grid) };
        };
        let Some(polygons) = polygons_of(&geometry) else {
            let bbox = stated.or_else(|| Extent::of(points_of(&geometry)).map(Into::into).map(tidy_bbox));
            return Self { footprint: Some(geometry), bbox };
        };
        Self::of_polygons(&polygons, stated, grid)
    }

    /// Where an item lies that states nothing but its grid; nothing is known when its CRS has no way to longitude and latitude.
    fn of_grid(grid: &SourceGrid) -> Self {
        let placed = || {
            let geobox = GeoBox::from_shape(grid.crs.clone()?, grid_extent(grid)?, Shape::new(1, 1)).ok()?;
            if geobox.crs() == &Crs::wgs84() {
                return Some(Self { footprint: None, bbox: Some(tidy_bbox(geobox.extent().into())) });
            }
            let to_lonlat = cube_warp::proj::transform(geobox.crs(), &Crs::wgs84()).ok()?;
            Self::of_ring(&geobox.footprint(&*to_lonlat, PER_EDGE), grid)
        };
        placed().unwrap_or_default()
    }

    /// The outline of a grid, from the images of its edge; `None` when they enclose no area.
    pub(crate) fn of_ring(ring: &[(f64, f64)], grid: &SourceGrid) -> Option<Self> {
        let mut ring: Ring = ring.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
        if ring.last() != ring.first() {
            ring.extend(ring.first().copied());
        }
        let outline = Self::of_polygons(&[vec![ring]], None, grid);
        outline.bbox.filter(|[w, s, e, n]| w != e && s < n).map(|_| outline)
    }

    fn of_polygons(polygons: &[Polygon], stated: Option<[f64; 4]>, grid: &SourceGrid) -> Self {
        let mut parts = Vec::new();
        let mut changed = false;
        for polygon in polygons {
            match read(polygon, stated, grid) {
                Reading::Literal => parts.push(polygon.clone()),
                Reading::Split(pieces) => {
                    changed = true;
                    parts.extend(pieces);
                }
                Reading::Ambiguous => {
                    let lat = |p: &Polygon| Extent::of(p.iter().flatten().copied());
                    let bbox = polygons.iter().filter_map(lat).reduce(|a, b| a.union(&b)).map(|e| [-180.0, e.south, 180.0, e.north]);
                    return Self { footprint: None, bbox };
                }
            }
        }
        parts.retain(|p| p.first().is_some_and(|ring| ring.len() >= 4));
        // A box around the world that is stated for two pieces at the antimeridian says less than the pieces.
        let own = bbox_of(&parts);
        let better = changed || own.is_some_and(|[w, _, e, _]| w > e);
        let is_same = |own: &[f64; 4]| stated.is_some_and(|s| s.iter().zip(own).all(|(a, b)| (a - b).abs() < 1e-9));
        let bbox = if better { own.filter(|own| !is_same(own)).or(stated) } else { stated.or(own) };
        Self { footprint: geometry_of(parts), bbox }
    }

    /// Whether nothing is known.
    pub(crate) fn is_nowhere(&self) -> bool {
        self.bbox.is_none() && self.footprint.is_none()
    }

    /// All that is known, as a geometry: the outline, else the box.
    pub(crate) fn geometry(&self) -> Option<Cow<'_, Geometry>> {
        if let Some(footprint) = &self.footprint {
            return Some(Cow::Borrowed(footprint));
        }
        let ring = |e: Extent| vec![(e.west, e.south), (e.east, e.south), (e.east, e.north), (e.west, e.north), (e.west, e.south)];
        geometry_of(boxes(self.bbox?).into_iter().map(|e| vec![ring(e)]).collect()).map(Cow::Owned)
    }

    /// Whether it shares an area, an edge or a point with a box; true when nothing is known.
    pub(crate) fn touches(&self, area: &Extent) -> bool {
        let Some(bbox) = self.bbox else { return true };
        let parts = boxes(bbox);
        if !parts.iter().any(|p| p.intersects(area)) {
            return false;
        }
        let inside = |p: &Extent| area.west <= p.west && p.east <= area.east && area.south <= p.south && p.north <= area.north;
        if parts.iter().any(inside) {
            return true;
        }
        let Some(outline) = self.footprint.as_ref().and_then(|f| geo::Geometry::<f64>::try_from(f).ok()) else { return true };
        outline.intersects(&geo::Rect::new((area.west, area.south), (area.east, area.north)))
    }
}

/// A box as one or two extents within ±180°.
pub(crate) fn boxes([west, south, east, north]: [f64; 4]) -> Vec<Extent> {
    if west > east {
        return vec![Extent::new(west, south, 180.0, north), Extent::new(-180.0, south, east, north)];
    }
    vec![Extent::new(west, south, east, north)]
}

enum Reading {
    /// As it is written.
    Literal,
    /// These polygons instead.
    Split(Vec<Polygon>),
    /// Around the world, or across the antimeridian: nothing tells.
    Ambiguous,
}

/// How a polygon is to be read.
///
/// An edge longer than 180° is a crossing of the antimeridian when the bounding box says so, or when all corners lie in the
/// outer quarters of the map, the grid is not one around the world, and the polygon is neither the whole map nor a box that runs
/// counter-clockwise as it is written. A bounding box from west to east says nothing: libraries write one for crossings too.
fn read(polygon: &Polygon, stated: Option<[f64; 4]>, grid: &SourceGrid) -> Reading {
    let Some(outer) = polygon.first().filter(|r| r.len() >= 3) else { return Reading::Literal };
    if polygon.iter().flatten().any(|p| p.0.abs() > 180.0 + 1e-9) {
        return Reading::Split(split(polygon));
    }
    if !outer.windows(2).any(|e| (e[1].0 - e[0].0).abs() > 180.0) {
        return Reading::Literal;
    }
    let straight = unwrap(outer);
    let turn = straight.last().map_or(0.0, |p| p.0) - straight.first().map_or(0.0, |p| p.0);
    if turn.abs() > 180.0 {
        return Reading::Split(vec![vec![polar_cap(outer)]]);
    }
    let across = stated.is_some_and(|[w, _, e, _]| w > e);
    if !across {
        let whole_map = outer.iter().all(|p| p.0.abs() > 179.999);
        let wide_grid = grid.crs.as_ref().and_then(Crs::epsg) == Some(4326) && grid_extent(grid).is_some_and(|e| e.width() > 180.0);
        if whole_map || wide_grid || is_wide_box(outer) || outer.iter().any(|p| p.0.abs() < 90.0) {
            return Reading::Literal;
        }
        if Extent::of(straight.iter().copied()).is_some_and(|e| e.width() < 1.0 && e.height() > 60.0) {
            return Reading::Ambiguous;
        }
    }
    let centre = Extent::of(straight.iter().copied()).map_or(0.0, |e| (e.west + e.east) / 2.0);
    let rings = std::iter::once(straight.clone()).chain(polygon.iter().skip(1).map(|ring| {
        let ring = unwrap(ring);
        let own = Extent::of(ring.iter().copied()).map_or(centre, |e| (e.west + e.east) / 2.0);
        let shift = ((centre - own) / 360.0).round() * 360.0;
        ring.into_iter().map(|(x, y)| (x + shift, y)).collect()
    }));
    Reading::Split(split(&rings.collect()))
}

fn is_wide_box(ring: &Ring) -> bool {
    let coords: Vec<Coord> = ring.iter().chain(ring.first().filter(|first| ring.last() != Some(first))).map(|&(x, y)| Coord { x, y }).collect();
    cube_core::is_wide_box(&coords)
}

/// A ring whose longitudes run on beyond ±180° rather than jump.
fn unwrap(ring: &Ring) -> Ring {
    let mut at = ring.first().map_or(0.0, |p| p.0);
    let mut before = at;
    ring.iter()
        .map(|&(x, y)| {
            let step = x - before;
            // Half a turn goes as it is written.
            at += step - ((step.abs() - 180.0) / 360.0).ceil().max(0.0).copysign(step) * 360.0;
            before = x;
            (at, y)
        })
        .collect()
}

/// A ring around a pole holds everything on its far side.
fn polar_cap(ring: &Ring) -> Ring {
    let (low, high) = ring.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(p.1), h.max(p.1)));
    let (south, north) = if low + high >= 0.0 { (low, 90.0) } else { (-90.0, high) };
    vec![(-180.0, south), (180.0, south), (180.0, north), (-180.0, north), (-180.0, south)]
}

/// A polygon with running longitudes, cut at the antimeridian into polygons within ±180°.
fn split(polygon: &Polygon) -> Vec<Polygon> {
    let Some(extent) = Extent::of(polygon.iter().flatten().copied()) else { return Vec::new() };
    let (first, last) = (((extent.west + 180.0) / 360.0).floor() as i64, ((extent.east + 180.0) / 360.0).ceil() as i64);
    (first..last.max(first + 1))
        .filter_map(|k| {
            let shift = 360.0 * k as f64;
            let piece: Polygon = polygon.iter().map(|ring| clip(ring, shift - 180.0, shift + 180.0)).filter(|r| r.len() >= 4).collect();
            let piece: Polygon = piece.into_iter().map(|r| r.into_iter().map(|(x, y)| (x - shift, y)).collect()).collect();
            (!piece.is_empty()).then_some(piece)
        })
        .collect()
}

/// The part of a ring between two meridians (Sutherland and Hodgman), closed.
fn clip(ring: &Ring, west: f64, east: f64) -> Ring {
    let half = |ring: &Ring, keep: &dyn Fn(f64) -> bool, edge: f64| {
        let mut out = Ring::new();
        for pair in ring.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            if keep(a.0) {
                out.push(a);
            }
            if keep(a.0) != keep(b.0) {
                out.push((edge, a.1 + (b.1 - a.1) * (edge - a.0) / (b.0 - a.0)));
            }
        }
        if let Some(&first) = out.first()
            && out.last() != Some(&first)
        {
            out.push(first);
        }
        out
    };
    let right = half(ring, &|x| x >= west, west);
    let both = half(&right, &|x| x <= east, east);
    if Extent::of(both.iter().copied()).is_some_and(|e| e.width() > 0.0) { both } else { Ring::new() }
}

fn polygons_of(geometry: &Geometry) -> Option<Vec<Polygon>> {
    let rings = |rings: &geojson::PolygonType| rings.iter().map(|r| r.iter().filter(|p| p.len() >= 2).map(|p| (p[0], p[1])).collect()).collect();
    match &geometry.value {
        GeometryValue::Polygon { coordinates } => Some(vec![rings(coordinates)]),
        GeometryValue::MultiPolygon { coordinates } => Some(coordinates.iter().map(rings).collect()),
        GeometryValue::GeometryCollection { geometries } => geometries.iter().map(polygons_of).collect::<Option<Vec<_>>>().map(|all| all.concat()),
        _ => None,
    }
}

fn points_of(geometry: &Geometry) -> Vec<(f64, f64)> {
    use geo::CoordsIter;
    geo::Geometry::<f64>::try_from(geometry).map_or_else(|_| Vec::new(), |g| g.coords_iter().map(|c| (c.x, c.y)).collect())
}

fn geometry_of(mut polygons: Vec<Polygon>) -> Option<Geometry> {
    let rings = |p: Polygon| p.into_iter().map(|r| r.into_iter().map(|(x, y)| [x, y]).collect::<Vec<_>>()).collect::<Vec<_>>();
    match polygons.len() {
        0 => None,
        1 => Some(Geometry::new(GeometryValue::new_polygon(rings(polygons.remove(0))))),
        _ => Some(Geometry::new(GeometryValue::new_multi_polygon(polygons.into_iter().map(rings)))),
    }
}

/// The bounding box of polygons within ±180°; when some end at 180° and some begin at −180°, the box crosses.
fn bbox_of(polygons: &[Polygon]) -> Option<[f64; 4]> {
    let extents: Vec<Extent> = polygons.iter().filter_map(|p| Extent::of(p.iter().flatten().copied())).collect();
    let whole = extents.iter().copied().reduce(|a, b| a.union(&b))?;
    let join = |of: &dyn Fn(&Extent) -> bool| extents.iter().filter(|e| of(e)).copied().reduce(|a, b| a.union(&b));
    let (east_half, west_half) = (join(&|e| e.west >= 0.0), join(&|e| e.west < 0.0));
    match (east_half, west_half) {
        (Some(a), Some(b)) if a.east >= 180.0 && b.west <= -180.0 && b.east < a.west => Some([a.west, whole.south, b.east, whole.north]),
        _ => Some(whole.into()),
    }
}

/// Longitudes within ±180°, south below north.
pub(crate) fn tidy_bbox([west, south, east, north]: [f64; 4]) -> [f64; 4] {
    let (south, north) = (south.min(north), south.max(north));
    if (-180.0..=180.0).contains(&west) && (-180.0..=180.0).contains(&east) {
        return [west, south, east, north];
    }
    if (east - west).abs() >= 360.0 {
        return [-180.0, south, 180.0, north];
    }
    let wrap = |x: f64| (x + 180.0).rem_euclid(360.0) - 180.0;
    [wrap(west), south, if wrap(east) == -180.0 { 180.0 } else { wrap(east) }, north]
}

fn grid_extent(grid: &SourceGrid) -> Option<Extent> {
    grid.extent.or_else(|| grid.geobox().map(|g| g.extent()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::location::Location;

    fn outline(geometry: serde_json::Value, bbox: serde_json::Value) -> Outline {
        let item = json!({"type": "Feature", "id": "a", "geometry": geometry, "bbox": bbox, "properties": {}, "assets": {}});
        let at = Location::parse("/a.json").expect("a path");
        Outline::of(&Item::new(item, &at, None).expect("an item"), &SourceGrid::default())
    }

    fn ring(points: &[[f64; 2]]) -> serde_json::Value {
        json!({"type": "Polygon", "coordinates": [points]})
    }

    #[test]
    fn one_crossing_written_in_four_ways_is_one_outline() {
        let jumping = ring(&[[179.0, 1.0], [-179.0, 1.0], [-179.0, 2.0], [179.0, 2.0], [179.0, 1.0]]);
        let running = ring(&[[179.0, 1.0], [181.0, 1.0], [181.0, 2.0], [179.0, 2.0], [179.0, 1.0]]);
        let west = ring(&[[-181.0, 1.0], [-179.0, 1.0], [-179.0, 2.0], [-181.0, 2.0], [-181.0, 1.0]]);
        let cut = json!({"type": "MultiPolygon", "coordinates": [[[[179, 1], [180, 1], [180, 2], [179, 2], [179, 1]]], [[[-180, 1], [-179, 1], [-179, 2], [-180, 2], [-180, 1]]]]});
        let inside = [Extent::new(179.2, 1.2, 179.4, 1.4), Extent::new(-179.4, 1.2, -179.2, 1.4)];
        let outside = [Extent::new(0.0, 1.2, 10.0, 1.4), Extent::new(178.0, 1.0, 178.9, 2.0), Extent::new(-178.9, 1.0, -178.0, 2.0)];
        for (name, g) in [("jumping", jumping), ("running", running), ("west", west), ("cut", cut)] {
            for bbox in [json!([179.0, 1.0, -179.0, 2.0]), json!(null), json!([-180.0, 1.0, 180.0, 2.0])] {
                let o = outline(g.clone(), bbox.clone());
                assert_eq!(o.bbox, Some([179.0, 1.0, -179.0, 2.0]), "{name} {bbox}");
                assert!(inside.iter().all(|b| o.touches(b)), "{name} {bbox}");
                assert!(!outside.iter().any(|b| o.touches(b)), "{name} {bbox}");
            }
        }
    }

    #[test]
    fn the_whole_map_stays_whole() {
        let world = ring(&[[-180.0, -90.0], [180.0, -90.0], [180.0, 90.0], [-180.0, 90.0], [-180.0, -90.0]]);
        let o = outline(world, json!([-180.0, -90.0, 180.0, 90.0]));
        assert!(o.touches(&Extent::new(10.0, 10.0, 11.0, 11.0)));
        let nearly = ring(&[[-179.95, -60.0], [179.95, -60.0], [179.95, 60.0], [-179.95, 60.0], [-179.95, -60.0]]);
        assert!(outline(nearly, json!(null)).touches(&Extent::new(10.0, 10.0, 11.0, 11.0)));
    }

    /// The extent of the United States with the Aleutians, of the Planetary Computer; and what libraries write of crossings.
    #[test]
    fn a_wide_box_is_no_sliver_at_the_antimeridian() {
        let (w, s, e, n) = (-179.148_909, -14.548_699, 179.778_47, 71.365_162);
        let corners = [[e, s], [e, n], [w, n], [w, s], [e, s]];
        let turned: Vec<[f64; 2]> = corners.iter().rev().copied().collect();
        let (inside, beyond) = (Extent::new(-100.0, 40.0, -99.0, 41.0), Extent::new(-179.9, 60.0, -179.8, 61.0));
        for (points, stated, is_wide) in [
            (&corners[..], json!([w, s, e, n]), true),
            (&corners[..], json!(null), true),
            (&corners[..4], json!([w, s, e, n]), true),
            (&corners[..], json!([e, s, w, n]), false),
            (&turned[..], json!([w, s, e, n]), false),
            (&turned[..], json!(null), false),
        ] {
            let o = outline(ring(points), stated.clone());
            assert_eq!((o.touches(&inside), o.touches(&beyond)), (is_wide, !is_wide), "{points:?} {stated}: {o:?}");
            let expected = if is_wide { [w, s, e, n] } else { [e, s, w, n] };
            assert!(o.bbox.is_some_and(|b| b.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9)), "{points:?} {stated}: {:?}", o.bbox);
        }
        let map = 179.979_166;
        let grid = ring(&[[map, -89.9], [map, 89.9], [-map, 89.9], [-map, -89.9], [map, -89.9]]);
        assert_eq!(outline(grid, json!(null)).bbox, Some([-map, -89.9, map, 89.9]));
    }

    #[test]
    fn a_ring_around_a_pole_holds_it() {
        let of_four = ring(&[[-135.0, 80.0], [-45.0, 80.0], [45.0, 80.0], [135.0, 80.0], [-135.0, 80.0]]);
        let east = ring(&[[0.0, 80.0], [180.0, 80.0], [-90.0, 80.0], [0.0, 80.0]]);
        let west = ring(&[[0.0, 80.0], [-180.0, 80.0], [90.0, 80.0], [0.0, 80.0]]);
        for cap in [of_four, east, west] {
            let o = outline(cap, json!(null));
            assert!(o.touches(&Extent::new(170.0, 89.0, 171.0, 90.0)), "{o:?}");
            assert!(!o.touches(&Extent::new(0.0, 60.0, 10.0, 70.0)), "{o:?}");
        }
    }

    #[test]
    fn the_outline_counts_and_not_only_the_box() {
        let triangle = ring(&[[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [0.0, 0.0]]);
        let o = outline(triangle, json!([0.0, 0.0, 10.0, 10.0]));
        assert!(o.touches(&Extent::new(1.0, 1.0, 2.0, 2.0)));
        assert!(!o.touches(&Extent::new(8.0, 8.0, 9.0, 9.0)));
        assert!(outline(json!(null), json!([0.0, 0.0, 10.0, 10.0])).touches(&Extent::new(8.0, 8.0, 9.0, 9.0)), "no outline: the box");
        assert!(outline(json!(null), json!(null)).touches(&Extent::new(8.0, 8.0, 9.0, 9.0)), "nothing known: perhaps");
    }

    #[test]
    fn a_grid_is_a_place_when_nothing_else_is_stated() {
        let at = Location::parse("/a.json").expect("a path");
        let of = |epsg: u32, bbox: [f64; 4]| {
            let item = json!({"id": "a", "geometry": null, "properties": {}, "assets": {}});
            let grid = SourceGrid { crs: Some(Crs::from_epsg(epsg)), extent: Some(bbox.into()), ..SourceGrid::default() };
            Outline::of(&Item::new(item, &at, None).expect("an item"), &grid)
        };
        let zone_32 = of(32632, [500_000.0, 5_000_000.0, 600_000.0, 5_100_000.0]);
        assert!(zone_32.touches(&Extent::new(9.1, 45.3, 9.2, 45.4)) && !zone_32.touches(&Extent::new(12.0, 45.3, 12.1, 45.4)), "{zone_32:?}");
        assert_eq!(of(4326, [7.0, 46.0, 8.0, 47.0]).bbox, Some([7.0, 46.0, 8.0, 47.0]));
        assert_eq!(of(1, [0.0, 0.0, 1.0, 1.0]), Outline::default(), "no such CRS");
    }

    #[test]
    fn six_numbers_and_far_longitudes_are_boxes_too() {
        assert_eq!(outline(json!(null), json!([0.0, 1.0, -5.0, 2.0, 3.0, 99.0])).bbox, Some([0.0, 1.0, 2.0, 3.0]));
        assert_eq!(outline(json!(null), json!([170.0, 1.0, 190.0, 2.0])).bbox, Some([170.0, 1.0, -170.0, 2.0]));
        assert_eq!(outline(json!(null), json!([0.0, 1.0, 360.0, 2.0])).bbox, Some([-180.0, 1.0, 180.0, 2.0]));
    }
}
