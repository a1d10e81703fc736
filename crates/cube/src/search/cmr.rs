//! Searching CMR.

use cube_catalog_cmr::{Cmr, CmrOptions, Granules, Record as CmrRecord};
use cube_query::{Change, Effect, GranuleQuery, Service};
use futures::{StreamExt, TryStreamExt, stream};

use super::{Asked, Found, Matched, Record, SearchOptions, local::Local};
use crate::{Environment, Error, Result};

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
    let (query, local, changes) = question(&cmr, asked)?;
    if !local.is_none() {
        return Ok(None);
    }
    let results = cmr.granules(&GranuleQuery { limit: None, ..query })?;
    // Several searches may find a record twice, and their sum counts it so.
    if !results.is_exact().await? {
        return Ok(None);
    }
    let count = results.matched().await?;
    Ok(Some((asked.limit().map_or(count, |limit| count.min(limit)), changes)))
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
    let version = options.stac_version;
    let read = move |record: CmrRecord<Granules>| Record::from_umm(record.bytes(), version);
    let records = stream::iter(first.map(Ok)).chain(records).map_ok(read).boxed();
    let is_filtered = !local.is_none();
    Ok(Found { matched: Matched::Asked(Box::new(results)), is_filtered, records: local.apply(records), changes })
}
