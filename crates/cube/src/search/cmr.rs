//! Searching CMR.

use std::{collections::HashMap, sync::Arc};

use cube_catalog_cmr::{Cmr, CmrOptions, Granules, Named, Record as CmrRecord};
use cube_query::{Change, CollectionId, Effect, GranuleQuery, Service};
use futures::{StreamExt, TryStreamExt, stream};

use super::{Asked, Found, Matched, Record, SearchOptions, convert::AsStac, local::Local};
use crate::{Environment, Error, Result};

/// Collections whose names are asked for, of a pattern that many have.
const MOST_COLLECTIONS: u64 = 500;
/// Records of the first page.
const FIRST_PAGE: u64 = 200;

/// A client of CMR.
pub(super) fn client(root: &str, options: &SearchOptions, environment: &Environment) -> Result<Cmr> {
    let mut own = CmrOptions { prefetch_pages: options.prefetch_pages, ..CmrOptions::default() };
    if let Some(size) = options.page_size {
        own.page_size = size as u64;
    }
    Ok(Cmr::new(root, environment.access(), own)?)
}

/// A question as CMR takes it, and what is left to this side.
fn question(cmr: &Cmr, asked: &Asked) -> Result<(GranuleQuery, Local, Vec<Change>)> {
    let question = asked.for_cmr()?;
    let mut query = question.value;
    // A limit counts what is left after everything is filtered.
    query.limit = None;
    let mut changes = question.changes;
    changes.extend(cmr.granules(&query)?.changes().iter().filter(|c| c.effect != Effect::Local).cloned());
    let (local, changes) = Local::new(asked, Service::Cmr, changes)?;
    if local.is_none() {
        query.limit = asked.limit();
    }
    Ok((query, local, changes))
}

/// CMR's own count, without asking for records; `None` where records must be filtered here.
pub(super) async fn count(root: &str, asked: &Asked, options: &SearchOptions, environment: &Environment) -> Result<Option<(u64, Vec<Change>)>> {
    let cmr = client(root, options, environment)?;
    let (query, local, mut changes) = question(&cmr, asked)?;
    if !local.is_none() {
        return Ok(None);
    }
    if may_find_twice(&query) {
        changes.push(Change {
            field: "collections".into(),
            value: query.collections.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            effect: Effect::Widened,
            reason: "a collection that has several of these names is counted once for each".into(),
            hint: Some("name all collections by concept id".into()),
        });
    }
    let count = cmr.granules(&GranuleQuery { limit: None, ..query })?.matched().await?;
    Ok(Some((asked.limit().map_or(count, |limit| count.min(limit)), changes)))
}

/// Whether a query is several searches, of which two may find the same granule.
fn may_find_twice(query: &GranuleQuery) -> bool {
    // Collections that are looked for first end in one search.
    if !query.collection_queries().is_empty() {
        return false;
    }
    let parts = query.split_for_cmr();
    let mut pairs = parts.iter().enumerate().flat_map(|(i, a)| parts[i + 1..].iter().map(move |b| (a, b)));
    pairs.any(|(a, b)| a.collections.iter().any(|a| b.collections.iter().any(|b| may_be_one(a, b))))
}

/// Whether names in different parts of a query may mean one collection: its concept id and its short name, or its name with a version and without.
fn may_be_one(a: &CollectionId, b: &CollectionId) -> bool {
    use CollectionId::{Name, Versioned};
    match (a, b) {
        // Each part has a version of its own.
        (Versioned { .. }, Versioned { .. }) => false,
        (Name(a) | Versioned { short_name: a, .. }, Name(b) | Versioned { short_name: b, .. }) => {
            a.eq_ignore_ascii_case(b) || [a, b].iter().any(|name| name.contains(['*', '?']))
        }
        _ => true,
    }
}

pub(super) async fn search(root: &str, asked: &Asked, options: &SearchOptions, environment: &Environment) -> Result<Found> {
    let cmr = client(root, options, environment)?;
    let (query, local, changes) = question(&cmr, asked)?;
    let results = cmr.granules(&query)?;
    // The first results are there soon, and tell how many make a page that memory can bear.
    let results = if options.page_size.is_none() { results.small_first(FIRST_PAGE) } else { results };
    let mut records = results.items().map_err(Error::from).boxed();
    // The first record is waited for, so that what is wrong is known before anything is written.
    let first = records.try_next().await?;
    let as_stac = Arc::new(AsStac { version: options.stac_version, collections: collection_ids(&cmr, &query, first.as_ref()).await? });
    let read = move |record: CmrRecord<Granules>| Record::from_umm(record.bytes(), &as_stac);
    let records = stream::iter(first.map(Ok)).chain(records).map_ok(read).boxed();
    let is_filtered = !local.is_none();
    // A sum that may count a record twice is not how many there are.
    let matched = if may_find_twice(&query) { Matched::Said(None) } else { Matched::Asked(Box::new(results)) };
    Ok(Found { matched, is_filtered, records: local.apply(records), changes })
}

/// What the collections of a query are called in STAC, by concept id, where granules name theirs by title alone, as those of HLS do. It is asked once, of
/// the collections that the query names and of that of the first granule; where one alone is named and its granules say it, not at all.
async fn collection_ids(cmr: &Cmr, query: &GranuleQuery, first: Option<&CmrRecord<Granules>>) -> Result<HashMap<String, String>> {
    let Some(first) = first.map(CmrRecord::granule).transpose()? else { return Ok(HashMap::new()) };
    let mut ids = HashMap::new();
    if first.collection_id().is_none() || !names_one(query) {
        for meant in query.collections_meant() {
            for record in cmr.collections(&meant.limit(MOST_COLLECTIONS))?.get_all().await? {
                let named = Named::of(&record)?;
                ids.insert(named.concept_id.clone(), named.stac_id());
            }
        }
    }
    if let (None, Some(own)) = (first.collection_id(), first.collection_concept_id())
        && !ids.contains_key(own)
    {
        ids.extend(cmr.stac_ids([own]).await?);
    }
    Ok(ids)
}

/// Whether it names one collection, perhaps in several versions.
fn names_one(query: &GranuleQuery) -> bool {
    let is_one = |id: &CollectionId| !id.to_string().contains(['*', '?']);
    matches!(query.collections.as_slice(), [one] if is_one(one))
        && query.short_name.is_empty()
        && query.collection_concept_id.is_empty()
        && query.doi.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_may_mean_one_collection_are_known() {
        for (names, may) in [
            ("HLSS30.v2.0,ATL08", false),
            ("HLSS30.v2.0,HLSS30.v1.5", false),
            ("HLSS30.v2.0,HLSL30.v1.5,ATL08", false),
            ("ATL08,ATL03", false),
            ("C1-P,C2-P", false),
            ("C1-P,ATL08", true),
            ("ATL08.v006,atl08", true),
            ("ATL08.v006,ATL*", true),
        ] {
            let query = GranuleQuery::new().collections(names.split(',').collect::<Vec<_>>());
            assert_eq!((may_find_twice(&query), query.validate_for(Service::Cmr)), (may, vec![]), "{names}");
            assert!(!may_find_twice(&query.doi("10.5067/X")), "{names}");
        }
    }
}
