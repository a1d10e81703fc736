//! The order of results.

use std::cmp::Ordering;

use super::filter::Place;
use super::params::Params;
use crate::earthdata::records::{Collection, Holdings};

/// What a granule is sorted by: the values asked for, then the number of its concept.
struct Rank {
    values: Vec<Option<Key>>,
    number: u64,
}

/// A value to sort by.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Key {
    Number(f64),
    Text(String),
}

/// Sorts granules as a search asks; by provider and start otherwise.
pub(super) fn sort(holdings: &Holdings, params: &Params, found: &mut [Place]) {
    let keys: Vec<(bool, String)> =
        params.all("sort_key").iter().map(|key| (key.trim_start().starts_with('-'), key.trim_start_matches(['-', '+', ' ']).to_owned())).collect();
    let keys = if keys.is_empty() { vec![(false, "provider".to_owned()), (false, "start_date".to_owned())] } else { keys };
    let rank = |(place, index): &Place| {
        let collection = &holdings.collections[*place as usize];
        let values = keys.iter().map(|(_, name)| sort_value(collection, *index as usize, name)).collect();
        Rank { values, number: collection.granules.number(*index as usize) }
    };
    let compare = |a: &Rank, b: &Rank| {
        let by_key = keys.iter().zip(a.values.iter().zip(&b.values)).map(|((descending, _), (a, b))| {
            // Without a value comes last, whichever way the sort goes.
            let order = match (a, b) {
                (Some(a), Some(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
                (None, None) => Ordering::Equal,
                (None, _) => return Ordering::Greater,
                (_, None) => return Ordering::Less,
            };
            if *descending { order.reverse() } else { order }
        });
        by_key.fold(Ordering::Equal, Ordering::then).then(a.number.cmp(&b.number))
    };
    let mut ranked: Vec<(Rank, Place)> = found.iter().map(|place| (rank(place), *place)).collect();
    ranked.sort_by(|(a, _), (b, _)| compare(a, b));
    found.iter_mut().zip(ranked).for_each(|(slot, (_, place))| *slot = place);
}

fn sort_value(collection: &Collection, index: usize, name: &str) -> Option<Key> {
    let facts = || collection.granules.facts(index);
    let text = |text: &str| Some(Key::Text(text.to_lowercase()));
    match name {
        "provider" => text(collection.provider()),
        "start_date" => Some(Key::Number(facts().start as f64)),
        "end_date" => Some(Key::Number(facts().end as f64)),
        "revision_date" => Some(Key::Number(facts().revised as f64)),
        "cloud_cover" => facts().cloud.map(Key::Number),
        "day_night" => text(&facts().day_night),
        "short_name" => text(collection.short_name()),
        "version" => text(collection.version()),
        "entry_title" | "dataset_id" => text(collection.entry_title()),
        "granule_ur" | "readable_granule_name" | "producer_granule_id" => text(&collection.granules.name(index)),
        _ => None,
    }
}
