//! The shapes that a query has in its own fields, as they are meant: a service may know no holes, or take several shapes for alternatives.

use cube_query::{Change, Effect, GranuleQuery};
use serde_json::Value;

use super::{SearchRegion, region::Told};
use crate::Result;

/// Fields of a [`Change`] that is about shapes. Not circles: what a service has no words for of them cannot be filtered here.
pub(super) const FIELDS: [&str; 5] = ["polygon", "bounding_box", "line", "point", "intersects"];

/// Regions of which every one has to be met.
#[derive(Debug)]
pub(super) struct Places {
    regions: Vec<SearchRegion>,
    /// Whether what they admit is what is meant, and not a little more.
    pub(super) are_exact: bool,
}

impl Places {
    /// Those of a query; `None` where it has no shapes.
    ///
    /// # Errors
    /// Shapes that have no place.
    pub(super) fn of(query: &GranuleQuery) -> Result<Option<Self>> {
        let regions: Vec<SearchRegion> = query.places().into_iter().map(SearchRegion::of_geojson).collect::<Result<_>>()?;
        // Of circles there are only boxes here. Where they have to be met too, CMR sees to it.
        let are_exact = query.circle.is_empty() || query.options.get("spatial", "or") != Some(true);
        Ok((!regions.is_empty()).then_some(Self { regions, are_exact }))
    }

    /// Whether an outline, as GeoJSON, meets them.
    ///
    /// # Errors
    /// An outline that is no geometry.
    pub(super) fn meet(&self, outline: &Value) -> Result<bool> {
        for region in &self.regions {
            if !region.meets(outline)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Takes the shapes out of a query that would become alternatives of the region, or it one of theirs, when both are asked for.
pub(super) fn put_apart(query: &mut GranuleQuery, region: &Told) -> Option<(GranuleQuery, Change)> {
    let (own, of_region) = (query.places().len(), region.ask(GranuleQuery::new()).places().len());
    if own == 0 || region.ask(query.clone()).places().len() == own + of_region {
        return None;
    }
    let fields = [
        ("polygon", query.polygon.len()),
        ("bounding_box", query.bounding_box.len()),
        ("line", query.line.len()),
        ("point", query.point.len()),
        ("circle", query.circle.len()),
    ];
    let named: Vec<&str> = fields.iter().filter(|(_, count)| *count > 0).map(|(field, _)| *field).collect();
    let count: usize = fields.iter().map(|(_, count)| count).sum();
    let change = Change {
        field: if let [one] = named[..] { one } else { "intersects" }.into(),
        value: if count == 1 { "1 shape".into() } else { format!("{count} shapes") },
        effect: Effect::Dropped,
        reason: "beside the region it would be one more alternative, and not one more condition".into(),
        hint: Some("filter what is found by the shape".into()),
    };
    let bare = query.clone().without_places();
    Some((std::mem::replace(query, bare), change))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn square(west: f64, south: f64, size: f64) -> Value {
        json!([[west, south], [west + size, south], [west + size, south + size], [west, south + size], [west, south]])
    }

    #[test]
    fn all_shapes_have_to_be_met_and_of_alternatives_one() {
        let point = |lon: f64, lat: f64| json!({"type": "Point", "coordinates": [lon, lat]});
        let meets =
            |query: &GranuleQuery, lon: f64, lat: f64| Places::of(query).expect("shapes").expect("some").meet(&point(lon, lat)).expect("a point");
        let with_hole = json!({"type": "Polygon", "coordinates": [square(0.0, 40.0, 10.0), square(1.0, 41.0, 8.0)]});
        let query = GranuleQuery::new().polygon(with_hole);
        assert_eq!([meets(&query, 0.5, 45.0), meets(&query, 5.0, 45.0), meets(&query, 20.0, 45.0)], [true, false, false]);
        let both = query.bounding_box([0, 40, 5, 50]);
        assert_eq!([meets(&both, 0.5, 45.0), meets(&both, 9.5, 45.0)], [true, false]);
        let either = both.option("spatial", "or", true);
        assert_eq!([meets(&either, 3.0, 45.0), meets(&either, 9.5, 45.0), meets(&either, 7.0, 45.0)], [true, true, false]);
        let across = GranuleQuery::new().bounding_box([170, -10, -170, 10]);
        assert_eq!([meets(&across, 175.0, 0.0), meets(&across, -175.0, 0.0), meets(&across, 0.0, 0.0)], [true, true, false]);
        assert!(Places::of(&GranuleQuery::new()).expect("a query").is_none());
        assert!(!Places::of(&either.circle([0, 0, 1000])).expect("shapes").expect("some").are_exact);
    }
}
