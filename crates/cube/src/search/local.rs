//! What of a question is held against results on this side: conditions that the service has no words for, times and the region as they are
//! meant, and which files are wanted.

use std::sync::Arc;

use cube_catalog_stac::ItemFilter;
use cube_metadata::{Asset, AssetFilter};
use cube_query::{Change, Effect, Service};
use futures::{StreamExt, TryStreamExt, future};
use serde_json::Value;

use super::{Asked, Record, RecordStream, SearchRegion, stac, times::Times};
use crate::Result;

/// Filters of this side.
#[derive(Debug, Default)]
pub(super) struct Local {
    conditions: Option<Box<ItemFilter>>,
    times: Option<Times>,
    region: Option<SearchRegion>,
    assets: Option<AssetFilter>,
}

impl Local {
    /// What the changes leave to this side; and the changes, with a word on what is filtered here.
    ///
    /// # Errors
    /// A filter that is not CQL2.
    pub(super) fn new(asked: &Asked, service: Service, changes: Vec<Change>) -> Result<(Self, Vec<Change>)> {
        let (of_time, others): (Vec<&Change>, Vec<&Change>) =
            changes.iter().filter(|c| matches!(c.effect, Effect::Dropped | Effect::Widened)).partition(|c| is_of_time(c));
        let times = if of_time.is_empty() { None } else { Times::of(&asked.by_name()) };
        let conditions = if others.is_empty() { None } else { stac::conditions(&asked.left_over(service)?).map(Box::new) };
        let is_larger = asked.region.as_ref().map(|region| region.told(service)).transpose()?.is_some_and(|told| told.is_larger);
        let region = asked.region.clone().filter(|_| is_larger);
        let local = Self { conditions, times, region, assets: asked.assets.clone() };
        let changes = changes.into_iter().map(|c| local.told(service, c)).collect();
        Ok((local, changes))
    }

    pub(super) fn is_none(&self) -> bool {
        self.conditions.is_none() && self.times.is_none() && self.region.is_none() && self.assets.is_none()
    }

    /// The same change, said as what it comes to when it is filtered here.
    fn told(&self, service: Service, change: Change) -> Change {
        // What items say in common, so that it can be held against them.
        const SAID: [&str; 8] = ["query", "filter", "datetime", "cloud_cover", "eo:cloud_cover", "granule_name", "granule_ur", "ids"];
        const PLACE: [&str; 5] = ["polygon", "intersects", "bbox", "bounding_box", "circle"];
        let field = change.field.as_str();
        let here = if is_of_time(&change) {
            self.times.is_some()
        } else {
            (self.conditions.is_some() && (service == Service::Cmr || SAID.contains(&field))) || (self.region.is_some() && PLACE.contains(&field))
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
        let Some(filter) = &self.assets else { return Ok(Some(record)) };
        let id = record.id()?.to_owned();
        let assets: Vec<Asset> = record.assets()?;
        let keys: Vec<&str> = filter.select(&id, &assets).into_iter().map(|a| a.key.as_str()).collect();
        record.keep_assets(&keys)?;
        Ok((!keys.is_empty()).then_some(record))
    }
}

/// Whether a change is about the times of the query.
fn is_of_time(change: &Change) -> bool {
    change.field == "temporal"
}
