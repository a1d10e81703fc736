//! What of a question is held against results on this side: conditions that the service has no words for, times and the region as they are
//! meant, and which files are wanted.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use cube_catalog_stac::ItemFilter;
use cube_metadata::{Asset, AssetFilter};
use cube_query::{Change, Effect, Service, StacItemQuery};
use futures::{StreamExt, TryStreamExt, future};
use serde_json::Value;

use super::{
    Asked, Record, RecordStream, SearchRegion,
    places::{self, Places},
    stac,
    times::Times,
};
use crate::Result;

/// Filters of this side.
#[derive(Debug, Default)]
pub(super) struct Local {
    conditions: Option<Box<ItemFilter>>,
    times: Option<Times>,
    region: Option<SearchRegion>,
    places: Option<Places>,
    assets: Option<AssetFilter>,
    /// Fields of which the conditions speak.
    said: BTreeSet<String>,
    unknown: Unknown,
}

/// Files that are kept because nobody says how large they are; of their number a warning is given at the end.
#[derive(Debug, Default)]
struct Unknown(AtomicUsize);

impl Drop for Unknown {
    fn drop(&mut self) {
        match *self.0.get_mut() {
            0 => {}
            1 => tracing::warn!("the size of 1 file is not stated: it is kept"),
            n => tracing::warn!("the size of {n} files is not stated: they are kept"),
        }
    }
}

impl Local {
    /// What the changes leave to this side; and the changes, with a word on what is filtered here.
    ///
    /// # Errors
    /// A filter that is not CQL2.
    pub(super) fn new(asked: &Asked, service: Service, changes: Vec<Change>) -> Result<(Self, Vec<Change>)> {
        let weak = |is_of: &dyn Fn(&Change) -> bool| changes.iter().any(|c| matches!(c.effect, Effect::Dropped | Effect::Widened) && is_of(c));
        let times = if weak(&is_of_time) { Times::of(&asked.by_name()) } else { None };
        let mut said = BTreeSet::new();
        let mut conditions = None;
        if weak(&|change| !is_of_time(change)) {
            let left = asked.left_over(service)?;
            said = said_by(&left, service);
            if service != Service::Cmr {
                said.extend(asked.by_name().conditions_on_items().into_iter().map(|(field, _)| field.to_owned()));
            }
            conditions = if weak(&|change| is_said(&said, change)) { stac::conditions(&left).map(Box::new) } else { None };
        }
        let is_larger = asked.region.as_ref().map(|region| region.told(service)).transpose()?.is_some_and(|told| told.is_larger);
        // Of several shapes a service may take but one, whichever that is.
        let region = asked.region.clone().filter(|_| is_larger || weak(&is_of_place));
        let places = if weak(&is_of_place) { asked.places(service)? } else { None };
        let local = Self { conditions, times, region, places, assets: asked.assets.clone(), said, unknown: Unknown::default() };
        let changes = changes.into_iter().map(|c| local.told(c)).collect();
        Ok((local, changes))
    }

    pub(super) fn is_none(&self) -> bool {
        self.conditions.is_none() && self.times.is_none() && self.region.is_none() && self.places.is_none() && self.assets.is_none()
    }

    /// The same change, said as what it comes to when it is filtered here.
    fn told(&self, change: Change) -> Change {
        let here = if is_of_time(&change) {
            self.times.is_some()
        } else if is_of_place(&change) {
            // Those of the region are filtered with it, and its own with the places.
            self.places.as_ref().map_or(self.region.is_some(), |places| places.are_exact)
        } else {
            self.conditions.is_some() && is_said(&self.said, &change)
        };
        match change.effect {
            Effect::Dropped | Effect::Widened if here => {
                Change { effect: Effect::Local, reason: format!("{}; it is filtered here", change.reason), hint: None, ..change }
            }
            _ => change,
        }
    }

    /// The records that are wanted.
    pub(super) fn apply(self, records: RecordStream) -> RecordStream {
        if self.is_none() {
            return records;
        }
        let local = Arc::new(self);
        records.try_filter_map(move |record| future::ready(local.admit(record))).boxed()
    }

    fn admit(&self, mut record: Record) -> Result<Option<Record>> {
        if let Some(times) = &self.times
            && !times.admits(record.item()?)
        {
            return Ok(None);
        }
        if let Some(conditions) = &self.conditions
            && !conditions.admits(&record.to_item()?)?
        {
            return Ok(None);
        }
        if let Some(region) = &self.region
            && !region.meets(record.item()?.get("geometry").unwrap_or(&Value::Null))?
        {
            return Ok(None);
        }
        if let Some(places) = &self.places
            && !places.meet(record.item()?.get("geometry").unwrap_or(&Value::Null))?
        {
            return Ok(None);
        }
        let Some(filter) = &self.assets else { return Ok(Some(record)) };
        let id = record.id()?.to_owned();
        let assets: Vec<Asset> = record.assets()?;
        let keys: Vec<&str> = filter.select(&id, &assets).into_iter().map(|a| a.key.as_str()).collect();
        self.unknown.0.fetch_add(filter.undecided(&id, &assets), Ordering::Relaxed);
        record.keep_assets(&keys, filter.names_assets() && keys.len() < assets.len())?;
        Ok((!keys.is_empty()).then_some(record))
    }
}

/// Whether a change is about the times of the query.
fn is_of_time(change: &Change) -> bool {
    change.field == "temporal"
}

/// Whether a change is about the shapes of the query or its region.
fn is_of_place(change: &Change) -> bool {
    places::FIELDS.contains(&change.field.as_str())
}

/// Whether conditions speak of what a change is about.
fn is_said(said: &BTreeSet<String>, change: &Change) -> bool {
    said.contains(bare(&change.field))
}

/// What changes can be about that are covered by conditions of this side: fields of queries that have their like in STAC, properties by their names.
fn said_by(left: &StacItemQuery, service: Service) -> BTreeSet<String> {
    // Of CMR's own fields nothing is left over.
    const FIELDS: [&str; 9] =
        ["datetime", "cloud_cover", "granule_name", "granule_ur", "ids", "updated_since", "revision_date", "created_at", "collections"];
    let mut said: BTreeSet<String> = if service == Service::Cmr { BTreeSet::new() } else { FIELDS.map(str::to_owned).into() };
    if let Some(Value::Object(properties)) = left.query.as_ref().map(|query| &query.0) {
        said.insert("query".into());
        said.extend(properties.keys().map(|name| bare(name).to_owned()));
    }
    if let Some(filter) = &left.filter {
        said.insert("filter".into());
        properties(&filter.0, &mut said);
    }
    said
}

/// The properties that a filter in CQL2 JSON speaks of.
fn properties(filter: &Value, into: &mut BTreeSet<String>) {
    if let Some(name) = filter.get("property").and_then(Value::as_str) {
        into.insert(bare(name).to_owned());
    }
    let parts = filter.get("args").unwrap_or(filter).as_array();
    parts.into_iter().flatten().for_each(|part| properties(part, into));
}

fn bare(property: &str) -> &str {
    property.strip_prefix("properties.").unwrap_or(property)
}

#[cfg(test)]
mod tests {
    use cube_query::{GranuleQuery, Query};
    use serde_json::json;

    use super::*;

    fn local(asked: &Asked, service: Service) -> (Local, Vec<Change>) {
        let changes = if service == Service::Cmr {
            let told = asked.for_cmr().expect("a search");
            told.changes.into_iter().chain(told.value.to_cmr().expect("a search").changes).collect()
        } else {
            asked.for_stac(service).expect("a search").changes
        };
        Local::new(asked, service, changes).expect("filters")
    }

    fn admits(local: &Local, lon: f64, lat: f64, properties: Value) -> bool {
        let item =
            json!({"type": "Feature", "id": "a", "geometry": {"type": "Point", "coordinates": [lon, lat]}, "properties": properties, "assets": {}});
        let record = Record::from_item(serde_json::from_value(item).expect("an item"));
        local.admit(record).expect("an item").is_some()
    }

    fn asked(query: Value) -> Asked {
        Asked { base: Some(serde_json::from_value(query).expect("a query")), ..Asked::default() }
    }

    #[test]
    fn holes_of_a_query_are_filtered_here() {
        let with_hole = json!({"type": "Polygon", "coordinates": [
            [[0, 40], [10, 40], [10, 50], [0, 50], [0, 40]], [[1, 41], [1, 49], [9, 49], [9, 41], [1, 41]]]});
        for query in [
            json!({"type": "granules", "collections": "A.v1", "polygon": with_hole}),
            json!({"type": "granules", "collections": "A.v1", "intersects": with_hole}),
            json!({"type": "items", "collections": "A.v1", "intersects": with_hole}),
            json!({"type": "items", "collections": "A.v1", "filter": {"op": "s_intersects", "args": [{"property": "geometry"}, with_hole]}}),
        ] {
            for service in [Service::Cmr, Service::CmrStac] {
                let (local, changes) = local(&asked(query.clone()), service);
                assert!(changes.iter().all(|c| c.effect == Effect::Local) && !changes.is_empty(), "{query}: {changes:?}");
                let found = [0.5, 5.0].map(|lon| admits(&local, lon, 45.0, json!({})));
                assert_eq!(found, [true, false], "{query} for {service:?}");
            }
        }
    }

    #[test]
    fn what_is_not_filtered_here_is_not_said_to_be() {
        let sorted = json!({"type": "items", "collections": "A.v1", "sortby": "-gsd", "query": {"gsd": {"lt": 20}}, "bbox": [0, 0, 5, 1, 1, 9]});
        let (local, changes) = local(&asked(sorted), Service::Cmr);
        let effects: Vec<(&str, Effect)> = changes.iter().map(|c| (c.field.as_str(), c.effect)).collect();
        assert_eq!(effects, [("bbox", Effect::Widened), ("gsd", Effect::Local), ("sortby", Effect::Dropped)]);
        let time = |gsd: u32| json!({"datetime": "2024-01-01T00:00:00Z", "gsd": gsd});
        assert_eq!([10, 30].map(|gsd| admits(&local, 0.5, 0.5, time(gsd))), [true, false]);
    }

    #[test]
    fn shapes_that_a_service_has_no_room_for_are_filtered_here_with_the_region() {
        let region =
            SearchRegion::of_roi(&cube_core::Roi::parse("POLYGON((0 0,10 0,10 10,0 0))", None).expect("a region"), Some(300)).expect("a region");
        let query = Query::Granules(GranuleQuery::new().collections("A.v1").bounding_box([5, 0, 20, 20]));
        let both = Asked { base: Some(query), region: Some(region), ..Asked::default() };
        let (local, changes) = local(&both, Service::StacQuery);
        assert_eq!(changes.iter().map(|c| (c.field.as_str(), c.effect)).collect::<Vec<_>>(), [("intersects", Effect::Local)]);
        assert_eq!([(6.0, 1.0), (2.0, 1.0), (15.0, 15.0)].map(|(lon, lat)| admits(&local, lon, lat, json!({}))), [true, false, false]);
    }

    #[test]
    fn platforms_and_instruments_are_found_however_they_are_spelt() {
        let query = asked(json!({"type": "granules", "collections": "A.v1", "platform": "SENTINEL-2A", "instrument": ["OLI", "MSI"]}));
        for service in [Service::Stac, Service::StacFilter, Service::StacQuery, Service::CmrStac] {
            let (local, changes) = local(&query, service);
            let effects: Vec<_> = changes.iter().map(|c| (c.field.as_str(), c.effect)).filter(|(field, _)| *field != "collections").collect();
            assert_eq!(effects, [("platform", Effect::Local), ("instrument", Effect::Local)], "{service:?}");
            let of = |platform: &str, instruments: Value| {
                admits(&local, 0.0, 0.0, json!({"datetime": "2024-01-01T00:00:00Z", "platform": platform, "instruments": instruments}))
            };
            let found = [of("Sentinel-2A", json!(["msi", "x"])), of("sentinel-2b", json!(["msi"])), of("sentinel-2a", json!(["sar"]))];
            assert_eq!(found, [true, false, false], "{service:?}");
        }
        let patterns = asked(json!({"type": "granules", "collections": "A.v1", "platform": "sentinel-2*", "instrument": "M*"}));
        let (local, changes) = local(&patterns, Service::Stac);
        assert_eq!(changes.iter().map(|c| c.effect).collect::<Vec<_>>(), [Effect::Local, Effect::Dropped], "{changes:?}");
        let of = |platform: &str| admits(&local, 0.0, 0.0, json!({"datetime": "2024-01-01T00:00:00Z", "platform": platform}));
        assert_eq!([of("Sentinel-2B"), of("landsat-8")], [true, false]);
    }

    #[test]
    fn fields_that_items_state_are_filtered_here_and_said_to_be() {
        let query = asked(json!({"type": "granules", "collections": "A.v1", "updated_since": "2024-01-01"}));
        let (local, changes) = local(&query, Service::StacQuery);
        assert_eq!(changes.iter().map(|c| (c.field.as_str(), c.effect)).collect::<Vec<_>>(), [("updated_since", Effect::Local)]);
        let at = |updated: &str| json!({"datetime": "2020-01-01T00:00:00Z", "updated": updated});
        assert_eq!(["2024-02-01T00:00:00Z", "2023-02-01T00:00:00Z"].map(|t| admits(&local, 0.0, 0.0, at(t))), [true, false]);
    }

    /// Of sizes that nobody states a warning tells; files that were named are the ones whose addresses are wanted.
    #[test]
    fn files_that_were_named_are_wanted_and_unknown_sizes_counted() {
        let asset = |role: &str| json!({"href": format!("https://a.test/{role}.bin"), "roles": [role]});
        let item = json!({"type": "Feature", "id": "a", "geometry": null, "properties": {"datetime": "2024-01-01T00:00:00Z"},
            "assets": {"B04": asset("data"), "B05": asset("data"), "browse": asset("thumbnail"), "metadata": asset("metadata")}});
        for (filter, wanted, unknown) in [
            ("browse", vec!["browse"], 0),
            ("role:metadata", vec!["metadata"], 0),
            ("B04,browse", vec!["B04", "browse"], 0),
            ("not B04", vec!["B05"], 0),
            ("not role:data", vec!["browse", "metadata"], 0),
            ("granule:a", vec!["B04", "B05"], 0),
            ("size>1TB", vec!["B04", "B05"], 4),
            ("B04 and size>1TB", vec!["B04"], 1),
        ] {
            let local = Local { assets: Some(filter.parse().expect("a filter")), ..Local::default() };
            let record = Record::from_item(serde_json::from_value(item.clone()).expect("an item"));
            let record = local.admit(record).expect("an item").expect("is kept");
            let files = record.wanted_files().expect("files");
            assert_eq!(files.iter().map(|f| f.key.as_str()).collect::<Vec<_>>(), wanted, "{filter}");
            assert_eq!(local.unknown.0.load(Ordering::Relaxed), unknown, "{filter}");
        }
    }
}
