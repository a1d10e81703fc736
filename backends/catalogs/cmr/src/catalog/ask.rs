//! A query of the engine: what CMR is asked, and what a granule must fulfil to be an answer.

use cube_backend::PatchQuery;
use cube_core::{Extent, PatchIndex, Period, TimeValue};
use cube_metadata::umm::Granule;
use cube_query::{BoundingBox, CollectionId, GranuleQuery, Range, When};

use super::{
    CatalogOptions,
    conditions::{Condition, conditions},
    cql2, outline, patch,
};
use crate::{Error, Result};

/// Half the width that CMR is told of a box without one, in degrees.
const HAIR: f64 = 1e-7;
/// 0001-01-01 and the last instant of 9999: CMR's calendar.
const CALENDAR: (TimeValue, TimeValue) = (TimeValue(-62_135_596_800_000_000), TimeValue(253_402_300_799_999_999));

/// A query, checked.
#[derive(Debug, Clone)]
pub(super) struct Question {
    collections: Vec<String>,
    boxes: Vec<Extent>,
    periods: Vec<Period>,
    conditions: Vec<Condition>,
    assets: Vec<String>,
    options: CatalogOptions,
}

impl Question {
    pub(super) fn new(query: &PatchQuery, collections: Vec<String>, options: &CatalogOptions) -> Result<Self> {
        let mut all = conditions(&query.query)?;
        if let Some(filter) = &query.filter {
            all.extend(cql2::conditions(filter)?);
        }
        let question = Self {
            collections,
            boxes: query.boxes.clone(),
            periods: query.periods.clone(),
            conditions: all,
            assets: query.assets.clone(),
            options: options.clone(),
        };
        if question.collections.is_empty() && question.provider().is_none() && !question.boxes.is_empty() {
            return Err(Error::given(
                "CMR searches no area in all collections at once",
                "name collections in [source]: `collections = [\"HLSL30.v2.0\"]`, or a provider: `query = { provider = { eq = \"LPCLOUD\" } }`",
            ));
        }
        Ok(question)
    }

    /// What CMR is asked, without cloud cover; `None` when no granule can be an answer.
    pub(super) fn to_granules(&self) -> Option<GranuleQuery> {
        let mut query = GranuleQuery::new();
        query.collections = self.collections.iter().map(|c| CollectionId::Concept(c.clone())).collect();
        query.provider = self.provider().map(str::to_owned).into_iter().collect();
        query.bounding_box = self.boxes.iter().map(bounding_box).collect();
        query.temporal = self.periods.iter().filter_map(in_calendar).map(When::during).collect();
        if query.temporal.is_empty() && !self.periods.is_empty() {
            return None;
        }
        if query.temporal.iter().any(|w| w.period == Period::ALWAYS) {
            query.temporal.clear();
        }
        if self.cloud_cover().is_some_and(|r| r.min.zip(r.max).is_some_and(|(min, max)| min > max)) {
            return None;
        }
        Some(if self.boxes.len() > 1 { query.option("bounding_box", "or", true) } else { query })
    }

    fn provider(&self) -> Option<&str> {
        self.options.provider.as_deref().or_else(|| self.conditions.iter().find_map(|c| c.equals("provider")))
    }

    /// The range of cloud cover that holds all that is asked for; its ends may belong to more than that.
    pub(super) fn cloud_cover(&self) -> Option<Range> {
        let ranges = self.conditions.iter().filter_map(|c| c.range("eo:cloud_cover"));
        let range = ranges.fold(Range { min: None, max: None }, |all, one| Range {
            min: one.min.map(|m| all.min.map_or(m, |a: f64| a.max(m))).or(all.min),
            max: one.max.map(|m| all.max.map_or(m, |a: f64| a.min(m))).or(all.max),
        });
        let asked = range.min.is_some() || range.max.is_some();
        asked.then(|| Range { min: Some(range.min.unwrap_or(0.0).max(0.0)), max: Some(range.max.unwrap_or(100.0).min(100.0)) })
    }

    /// The patch of a granule that fulfils everything; `None` for the others.
    pub(super) fn admit(&self, granule: &Granule<'_>) -> Result<Option<PatchIndex>> {
        let collection = granule.collection_concept_id();
        if !self.collections.is_empty() && !self.collections.iter().any(|c| Some(c.as_str()) == collection) {
            return Ok(None);
        }
        if !self.in_time(granule) || !self.conditions.iter().all(|c| c.admits(granule)) {
            return Ok(None);
        }
        let footprint = granule.footprint();
        if !self.boxes.is_empty() && !self.boxes.iter().any(|b| outline::touches(&footprint, b)) {
            return Ok(None);
        }
        patch::patch(granule, footprint, &self.assets, &self.options).map(Some)
    }

    /// Whether a granule's time (both ends belong to it, one that is absent is open) meets one of the periods.
    fn in_time(&self, granule: &Granule<'_>) -> bool {
        if self.periods.is_empty() {
            return true;
        }
        let Some(time) = granule.time() else { return false };
        self.periods.iter().any(|p| p.end.is_none_or(|e| time.start < e) && p.start.is_none_or(|s| time.end.is_none_or(|end| s <= end)))
    }
}

/// A box as CMR takes it: what has no width is given a hair's breadth.
fn bounding_box(b: &Extent) -> BoundingBox {
    let widened = |low: f64, high: f64, limit: f64| {
        if low < high { (low, high) } else { ((low - HAIR).max(-limit), (high + HAIR).min(limit)) }
    };
    let ((west, east), (south, north)) = (widened(b.west, b.east, 180.0), widened(b.south, b.north, 90.0));
    BoundingBox { west, south, east, north }
}

/// The part of a period that CMR's calendar has.
fn in_calendar(period: &Period) -> Option<Period> {
    let (first, last) = CALENDAR;
    if period.end.is_some_and(|e| e <= first) || period.start.is_some_and(|s| s > last) {
        return None;
    }
    Some(Period { start: period.start.filter(|s| *s > first), end: period.end.filter(|e| *e <= last) })
}
