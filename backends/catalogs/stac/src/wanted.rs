//! A query, checked and ready to be held against items.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use cube_backend::{PatchQuery, Result};
use cube_core::{Extent, Period};

use crate::{
    filter::{self, Expr, QueryFilter},
    item::{Item, When},
    patch::Facts,
};

/// What an item must fulfil to be an answer.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) collections: Vec<String>,
    pub(crate) boxes: Vec<Extent>,
    pub(crate) periods: Vec<Period>,
    pub(crate) query: Vec<QueryFilter>,
    pub(crate) filter: Option<Expr>,
    pub(crate) assets: Vec<String>,
    /// Properties that patches carry beside the usual ones.
    pub(crate) properties: Vec<String>,
    /// Whether an item has to state a place to lie in a region. A load finds the place of one that does not in its files.
    needs_place: bool,
    /// Items that would be answers if they stated a time.
    timeless: Arc<AtomicUsize>,
    /// Items that would be answers if they stated a place.
    placeless: Arc<AtomicUsize>,
}

impl Wanted {
    /// Reads a query. With `service_filters`, a CQL2 filter that cannot be evaluated here is left to the service.
    pub(crate) fn new(query: &PatchQuery, properties: &[String], service_filters: bool) -> Result<Self> {
        let filter = match query.filter.as_ref().map(filter::parse).transpose() {
            Err(e) if service_filters && e.kind() == cube_backend::Kind::Unsupported => None,
            other => other?,
        };
        Ok(Self {
            collections: query.collections.clone(),
            boxes: query.boxes.clone(),
            periods: query.periods.clone(),
            query: filter::query(&query.query)?,
            filter,
            assets: query.assets.clone(),
            properties: properties.to_vec(),
            needs_place: false,
            timeless: Arc::default(),
            placeless: Arc::default(),
        })
    }

    /// The same, where a region is met by what states a place alone.
    pub(crate) fn by_stated_place(self) -> Self {
        Self { needs_place: true, ..self }
    }

    /// The facts of an item that fulfils everything; `None` for the others.
    pub(crate) fn admit(&self, item: &Item) -> Result<Option<Facts>> {
        if !self.collections.is_empty() && !self.collections.iter().any(|c| c == item.collection()) {
            return Ok(None);
        }
        let facts = Facts::of(item)?;
        let in_time = self.in_time(&facts.when);
        if !in_time && facts.when.nominal.is_some() {
            return Ok(None);
        }
        let is_nowhere = facts.outline.is_nowhere();
        let filtered = |nowhere| self.filter.as_ref().is_none_or(|f| f.evaluate(item, &facts, nowhere) == Some(true));
        let perhaps = (self.boxes.is_empty() || self.boxes.iter().any(|b| facts.outline.touches(b)))
            && self.query.iter().all(|q| q.admits(item, &facts))
            && filtered(is_nowhere.then_some(true));
        if !perhaps {
            return Ok(None);
        }
        if is_nowhere && ((self.needs_place && !self.boxes.is_empty()) || !filtered(None)) {
            self.placeless.fetch_add(1, Ordering::Relaxed);
            return Ok(None);
        }
        if !in_time {
            self.timeless.fetch_add(1, Ordering::Relaxed);
            return Ok(None);
        }
        Ok(Some(facts))
    }

    /// Says how many items were left out for stating no time, or no place.
    pub(crate) fn tell_left_out(&self) {
        for (count, what, asked) in [(&self.timeless, "time", "a time"), (&self.placeless, "place", "a region")] {
            match count.swap(0, Ordering::Relaxed) {
                0 => {}
                1 => tracing::warn!("1 item states no {what}, and is left out: {asked} is asked for"),
                n => tracing::warn!("{n} items state no {what}, and are left out: {asked} is asked for"),
            }
        }
    }

    /// Properties that filters and patches ask for.
    pub(crate) fn property_names(&self) -> Vec<String> {
        let mut names = self.properties.clone();
        names.extend(self.query.iter().map(|q| q.property().to_owned()));
        if let Some(filter) = &self.filter {
            filter.properties(&mut names);
        }
        let bare = names.iter().map(|n| n.strip_prefix("properties.").unwrap_or(n).to_owned()).collect::<Vec<_>>();
        if !self.query.is_empty() || self.filter.is_some() {
            names.extend(filter::OF_GRANULES.map(str::to_owned));
        }
        // `a.b` is a member of the property `a`, when no property has that name.
        names.extend(bare.iter().filter_map(|n| n.split_once('.')).map(|(first, _)| first.to_owned()));
        names.extend(bare);
        names
    }

    /// Whether a time or an interval (its ends belong to it) meets one of the periods.
    fn in_time(&self, when: &When) -> bool {
        let meets =
            |p: &Period| when.nominal.is_some_and(|t| p.contains(t)) || when.interval.is_some_and(|(start, end)| overlaps(p, Some(start), Some(end)));
        when.always || self.periods.is_empty() || self.periods.iter().any(meets)
    }

    /// Whether something that lies within these bounds can be an answer.
    pub(crate) fn may_hold(
        &self,
        touches: impl Fn(&Extent) -> bool,
        interval: Option<(Option<cube_core::TimeValue>, Option<cube_core::TimeValue>)>,
    ) -> bool {
        (self.boxes.is_empty() || self.boxes.iter().any(touches))
            && (self.periods.is_empty() || interval.is_none_or(|(start, end)| self.periods.iter().any(|p| overlaps(p, start, end))))
    }
}

fn overlaps(p: &Period, start: Option<cube_core::TimeValue>, end: Option<cube_core::TimeValue>) -> bool {
    p.end.zip(start).is_none_or(|(e, s)| s < e) && p.start.zip(end).is_none_or(|(s, e)| s <= e)
}

/// The filters of a query, to be held against items that come from elsewhere.
#[derive(Debug, Clone)]
pub struct ItemFilter(Wanted);

impl ItemFilter {
    /// Reads the filters of a query.
    ///
    /// # Errors
    /// A filter that is not CQL2, or uses what cannot be evaluated here, by name.
    pub fn new(query: &PatchQuery) -> Result<Self> {
        Wanted::new(query, &[], false).map(Self)
    }

    /// Whether an item fulfils them all.
    ///
    /// # Errors
    /// An item with a time that cannot be read.
    pub fn admits(&self, item: &Item) -> Result<bool> {
        Ok(self.0.admit(item)?.is_some())
    }
}

#[cfg(test)]
mod tests {
    use cube_core::{Period, TimeValue};
    use serde_json::{Value, json};

    use super::*;
    use crate::location::Location;

    #[test]
    fn items_without_a_time_are_counted_where_one_is_asked_for() {
        let item = |properties: Value| {
            let at = Location::parse("/a.json").expect("a path");
            Item::new(json!({"id": "a", "bbox": [0, 0, 1, 1], "geometry": null, "properties": properties, "assets": {}}), &at, None).expect("an item")
        };
        let (none, early) = (item(json!({"datetime": null})), item(json!({"datetime": "2020-01-01T00:00:00Z"})));
        let wanted = |periods: Vec<Period>, west: f64| {
            let boxes = vec![Extent::new(west, 0.0, west + 1.0, 1.0)];
            Wanted::new(&PatchQuery { periods, boxes, ..PatchQuery::default() }, &[], false).expect("a query")
        };
        let later = vec![Period { start: Some(TimeValue(1_700_000_000_000_000)), end: None }];
        for (wanted, is_admitted, counted) in [(wanted(vec![], 0.5), true, 0), (wanted(later.clone(), 0.5), false, 1), (wanted(later, 5.0), false, 0)]
        {
            assert_eq!(wanted.admit(&none).expect("an item").is_some(), is_admitted, "{wanted:?}");
            assert_eq!(wanted.admit(&early).expect("an item").is_some(), is_admitted, "{wanted:?}");
            assert_eq!(wanted.timeless.load(Ordering::Relaxed), counted, "{wanted:?}");
        }
    }

    #[test]
    fn items_without_a_place_are_counted_where_one_is_asked_for() {
        let item = |bbox: Value, cover: u32| {
            let at = Location::parse("/a.json").expect("a path");
            let properties = json!({"datetime": "2020-01-01T00:00:00Z", "eo:cloud_cover": cover});
            Item::new(json!({"id": "a", "bbox": bbox, "geometry": null, "properties": properties, "assets": {}}), &at, None).expect("an item")
        };
        let meets = |x: u32| Some(json!({"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": [x, 5]}]}));
        let (boxes, cloudless) = (vec![Extent::new(4.0, 4.0, 6.0, 6.0)], [("eo:cloud_cover".to_owned(), json!({"lt": 10}))].into_iter().collect());
        let (by_box, by_filter) = (PatchQuery { boxes, ..PatchQuery::default() }, PatchQuery { filter: meets(5), ..PatchQuery::default() });
        let of_cloudless = PatchQuery { query: cloudless, ..by_filter.clone() };
        let elsewhere = PatchQuery { filter: meets(50), ..PatchQuery::default() };
        // Found by its box, found without a place by who searches and by who loads, counted.
        for (query, by_place, searched, loaded, counted) in [
            (PatchQuery::default(), true, true, true, [0, 0]),
            (by_box, true, false, true, [1, 0]),
            (by_filter, true, false, false, [1, 1]),
            (of_cloudless, false, false, false, [0, 0]),
            (elsewhere, false, false, false, [1, 1]),
        ] {
            let load = Wanted::new(&query, &[], false).expect("a query");
            let search = Wanted::new(&query, &[], false).expect("a query").by_stated_place();
            let admits = |wanted: &Wanted, bbox: Value| wanted.admit(&item(bbox, 20)).expect("an item").is_some();
            for wanted in [&search, &load] {
                assert_eq!(admits(wanted, json!([4, 4, 6, 6])), by_place, "{query:?}");
            }
            assert_eq!((admits(&search, Value::Null), admits(&load, Value::Null)), (searched, loaded), "{query:?}");
            assert_eq!([search, load].map(|w| w.placeless.load(Ordering::Relaxed)), counted, "{query:?}");
        }
    }
}
