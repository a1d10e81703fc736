//! A query, checked and ready to be held against items.

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
        })
    }

    /// The facts of an item that fulfils everything; `None` for the others.
    pub(crate) fn admit(&self, item: &Item) -> Result<Option<Facts>> {
        if !self.collections.is_empty() && !self.collections.iter().any(|c| c == item.collection()) {
            return Ok(None);
        }
        let facts = Facts::of(item)?;
        let admitted = self.in_time(&facts.when)
            && (self.boxes.is_empty() || self.boxes.iter().any(|b| facts.outline.touches(b)))
            && self.query.iter().all(|q| q.admits(item, &facts))
            && self.filter.as_ref().is_none_or(|f| f.evaluate(item, &facts) == Some(true));
        Ok(admitted.then_some(facts))
    }

    /// Properties that filters and patches ask for.
    pub(crate) fn property_names(&self) -> Vec<String> {
        let mut names = self.properties.clone();
        names.extend(self.query.iter().map(|q| q.property().to_owned()));
        if let Some(filter) = &self.filter {
            filter.properties(&mut names);
        }
        let bare = names.iter().map(|n| n.strip_prefix("properties.").unwrap_or(n).to_owned()).collect::<Vec<_>>();
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
