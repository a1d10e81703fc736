//! Where to search: the region as the service is told it, and as it is meant.

use std::sync::Arc;

use cube_core::{Crs, Roi};
use cube_geometry::{Edges, Limits, Region, RepairStep, SimplifyKind, simplify_containing};
use cube_query::{BoundingBox, Change, DEFAULT_POLYGON_POINTS, Effect, GranuleQuery, Service};
use geo_types::Polygon;
use serde_json::Value;

use crate::{Environment, Error, Result, read_region};

/// Share of area that is added without being told.
const NO_NEWS: f64 = 0.02;

/// A region in longitude and latitude.
#[derive(Debug, Clone)]
pub struct SearchRegion {
    region: Arc<Region>,
    repairs: Vec<RepairStep>,
    max_points: Option<usize>,
}

/// A region as a service is asked with it.
#[derive(Debug)]
pub(super) struct Told {
    region: Arc<Region>,
    /// What was done to it.
    pub(super) changes: Vec<Change>,
    /// Whether it is larger than what is meant.
    pub(super) is_larger: bool,
}

impl SearchRegion {
    /// Reads a region, as [`read_region`] does. A service is asked with at most `max_points` points, which go around all of it; as it is when
    /// that is `None`.
    ///
    /// # Errors
    /// A region that cannot be read, or has no longitude and latitude.
    pub async fn read(text: &str, crs: Option<Crs>, max_points: Option<usize>, environment: &Environment) -> Result<Self> {
        let repaired = read_region(text, crs, environment).await?;
        Ok(Self { region: Arc::new(repaired.region), repairs: repaired.steps, max_points })
    }

    /// Of a region of interest.
    ///
    /// # Errors
    /// A region that has no longitude and latitude.
    pub fn of_roi(roi: &Roi, max_points: Option<usize>) -> Result<Self> {
        let lonlat = Crs::wgs84();
        let (to, from) = (cube_warp::proj::transform(&roi.crs, &lonlat)?, cube_warp::proj::transform(&lonlat, &roi.crs)?);
        let repaired = Region::of_roi(roi, to.as_ref(), from.as_ref())?;
        Ok(Self { region: Arc::new(repaired.region), repairs: repaired.steps, max_points })
    }

    /// Of a geometry in longitude and latitude, as GeoJSON.
    ///
    /// # Errors
    /// What is no geometry, or has no place.
    pub(super) fn of_geojson(geometry: Value) -> Result<Self> {
        let geometry: geojson::Geometry = serde_json::from_value(geometry).map_err(|e| Error::failed("a shape of the query is not GeoJSON", e))?;
        let repaired = Region::repair(&geometry)?;
        Ok(Self { region: Arc::new(repaired.region), repairs: repaired.steps, max_points: None })
    }

    /// As many points as are customary.
    pub const POINTS: usize = DEFAULT_POLYGON_POINTS;

    /// The region as a service is asked with it.
    ///
    /// # Errors
    /// So few points that no region of them contains this one.
    pub(super) fn told(&self, service: Service) -> Result<Told> {
        let note = |value: String, reason: String| Change { field: "region".into(), value, effect: Effect::Rewritten, reason, hint: None };
        let points = |n: usize| if n == 1 { "1 point".to_owned() } else { format!("{n} points") };
        let mut changes: Vec<Change> = Vec::new();
        let repairs: Vec<&str> = self.repairs.iter().map(|step| step.detail.as_str()).collect();
        if !repairs.is_empty() {
            changes.push(note(points(self.region.points()), repairs.join("; ")));
        }
        let has_holes = |region: &Region| region.shapes().areas.iter().any(|area| !area.interiors().is_empty());
        let leaves_out_holes = |region: &Region| matches!(service, Service::Cmr | Service::CmrStac) && has_holes(region);
        let is_box = as_box(&self.region).is_some();
        let max_points = self.max_points.filter(|_| !is_box);
        let Some(max_points) = max_points else {
            let is_larger = leaves_out_holes(&self.region);
            return Ok(Told { region: Arc::clone(&self.region), changes, is_larger });
        };
        let edges = if service == Service::Cmr { Edges::Geodesic } else { Edges::Planar };
        let simple = simplify_containing(&self.region, Limits { max_points, edges })?;
        let is_larger = simple.region != *self.region || leaves_out_holes(&simple.region);
        if !simple.steps.is_empty() {
            let steps: Vec<&str> = simple.steps.iter().map(|step| step.detail.as_str()).collect();
            let share = simple.added_area_share.map_or_else(String::new, |s| format!(", {:.2} % more area", 100.0 * s.max(0.0)));
            let reason = format!(
                "the service is asked with {} around it{share}; results are filtered with the region as it is ({})",
                points(simple.points_after),
                steps.join("; ")
            );
            let mut change = note(points(simple.points_before), reason);
            // A few corners beside great circles are no news.
            if simple.steps.iter().all(|s| s.kind == SimplifyKind::EdgesWidened) && simple.added_area_share.is_some_and(|s| s < NO_NEWS) {
                change.effect = Effect::Local;
            }
            changes.push(change);
        }
        Ok(Told { region: Arc::new(simple.region), changes, is_larger })
    }

    /// Whether an outline, as GeoJSON, meets the region. Edges of an outline are read as straight in longitude and latitude and as great
    /// circles, where either will do: services differ in it, and so do their records.
    ///
    /// # Errors
    /// An outline that is no geometry.
    pub(super) fn meets(&self, outline: &Value) -> Result<bool> {
        let Ok(outline) = serde_json::from_value::<geojson::Geometry>(outline.clone()) else { return Ok(true) };
        Ok(self.region.intersects_geojson(&outline, Edges::Planar)? || self.region.intersects_geojson(&outline, Edges::Geodesic)?)
    }

    /// The box around it; west beyond east where it crosses the antimeridian.
    pub fn bounds(&self) -> BoundingBox {
        as_box(&self.region).unwrap_or_else(|| {
            let e = self.region.shapes().extent().unwrap_or(cube_core::Extent::new(-180.0, -90.0, 180.0, 90.0));
            BoundingBox { west: e.west, south: e.south, east: e.east, north: e.north }
        })
    }
}

impl Told {
    /// A query with the region in it: a box as a box, anything else as a geometry.
    pub(super) fn ask(&self, query: GranuleQuery) -> GranuleQuery {
        match as_box(&self.region) {
            Some(bounds) => query.bounding_box(bounds),
            None => query.intersects(serde_json::to_value(self.region.to_geojson()).unwrap_or(Value::Null)),
        }
    }
}

/// A region as one box, perhaps across the antimeridian.
fn as_box(region: &Region) -> Option<BoundingBox> {
    let shapes = region.shapes();
    if !shapes.lines.is_empty() || !shapes.points.is_empty() {
        return None;
    }
    let mut boxes = shapes.areas.iter().map(of_box).collect::<Option<Vec<_>>>()?;
    boxes.sort_by(|a, b| a.west.total_cmp(&b.west));
    match boxes[..] {
        [one] => Some(one),
        [east, west] if east.west == -180.0 && west.east == 180.0 && (east.south, east.north) == (west.south, west.north) => {
            Some(BoundingBox { west: west.west, east: east.east, ..west })
        }
        _ => None,
    }
}

/// A polygon that is a box of meridians and parallels.
fn of_box(polygon: &Polygon) -> Option<BoundingBox> {
    let ring = polygon.exterior();
    let (xs, ys) = (|| ring.coords().map(|c| c.x), || ring.coords().map(|c| c.y));
    let (west, east) = (xs().fold(f64::INFINITY, f64::min), xs().fold(f64::NEG_INFINITY, f64::max));
    let (south, north) = (ys().fold(f64::INFINITY, f64::min), ys().fold(f64::NEG_INFINITY, f64::max));
    let is_corner = |c: &geo_types::Coord| (c.x == west || c.x == east) && (c.y == south || c.y == north);
    let is_box = polygon.interiors().is_empty() && ring.0.len() == 5 && ring.coords().all(is_corner) && west < east && south < north;
    let corners: std::collections::BTreeSet<(bool, bool)> = ring.coords().map(|c| (c.x == west, c.y == south)).collect();
    (is_box && corners.len() == 4).then_some(BoundingBox { west, south, east, north })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn region(geometry: Value, max_points: Option<usize>) -> SearchRegion {
        let repaired = Region::repair(&serde_json::from_value(geometry).expect("GeoJSON")).expect("a region");
        SearchRegion { region: Arc::new(repaired.region), repairs: repaired.steps, max_points }
    }

    #[test]
    fn boxes_are_asked_as_boxes() {
        let across = json!({"type": "Polygon", "coordinates": [[[170, -10], [190, -10], [190, 10], [170, 10], [170, -10]]]});
        let asked = region(across, Some(300)).told(Service::Cmr).expect("told").ask(GranuleQuery::new());
        assert_eq!(asked.bounding_box, [BoundingBox { west: 170.0, south: -10.0, east: -170.0, north: 10.0 }]);
        assert!(asked.polygon.is_empty());
    }

    #[test]
    fn coarse_regions_hold_the_fine_ones_and_results_are_filtered() {
        let ring: Vec<Value> = (0..=2000)
            .map(|i| f64::from(i % 2000) * std::f64::consts::TAU / 2000.0)
            .map(|a| json!([10.0 + a.cos(), 46.0 + a.sin() * (1.0 + 0.1 * (20.0 * a).sin())]))
            .collect();
        let fine = region(json!({"type": "Polygon", "coordinates": [ring]}), Some(100));
        let told = fine.told(Service::Cmr).expect("told");
        assert!(told.is_larger && told.region.points() <= 100);
        assert!(told.changes.iter().any(|c| c.value == "2001 points"), "{:?}", told.changes);
        let far = region(json!({"type": "Point", "coordinates": [190, 46]}), None).told(Service::Cmr).expect("told");
        assert_eq!(far.changes.iter().map(|c| c.value.as_str()).collect::<Vec<_>>(), ["1 point"]);
        assert!(fine.meets(&json!({"type": "Point", "coordinates": [10, 46]})).expect("a point"));
        assert!(!fine.meets(&json!({"type": "Point", "coordinates": [12, 46]})).expect("a point"));
        let world = json!({"type": "Polygon", "coordinates": [[[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]]});
        assert!(fine.meets(&world).expect("the world"));
    }
}
