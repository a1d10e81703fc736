//! The suite for [`Catalog`]: what the trait promises, checked on a catalogue whose content is known. Each function panics where a
//! promise is broken.
//!
//! ```text
//!  finds    every box, period and collection: exactly the patches that are known to lie there, each once, in any combination
//!  carries  asset names: the wanted ones and no others
//!  filters  a property filter in both forms answers what it says
//!  refuses  an unknown collection: not found, by name, with those that exist
//!  is_lazy  the first patch comes before the last page is asked for
//! ```

use std::collections::{BTreeMap, BTreeSet};

use cube_core::{Extent, PatchIndex, Period, TimeValue};
use futures::TryStreamExt;
use serde_json::{Value, json};

use crate::{Catalog, Kind, PatchQuery};

/// A patch that the catalogue is known to have.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// `collection/id`.
    pub id: String,
    /// Its time, or first and last instant.
    pub time: (TimeValue, TimeValue),
    /// Its outline's bounding box in longitude and latitude; `west > east` when it crosses the antimeridian. The outline must fill it.
    pub bbox: [f64; 4],
}

/// What a catalogue holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Expectation {
    /// Every patch.
    pub patches: Vec<Known>,
    /// A name that every patch has an asset under.
    pub asset: String,
    /// A numeric property that some patches have more of than this, and some less.
    pub property: Option<(String, f64)>,
    /// The value of that property, by patch.
    pub values: BTreeMap<String, f64>,
}

impl Known {
    /// A patch of one instant.
    pub fn at(id: impl Into<String>, time: TimeValue, bbox: [f64; 4]) -> Self {
        Self { id: id.into(), time: (time, time), bbox }
    }

    fn collection(&self) -> &str {
        self.id.rsplit_once('/').map_or(self.id.as_str(), |(collection, _)| collection)
    }

    fn meets(&self, query: &PatchQuery) -> bool {
        let [w, s, e, n] = self.bbox;
        let parts = if w > e { vec![Extent::new(w, s, 180.0, n), Extent::new(-180.0, s, e, n)] } else { vec![Extent::new(w, s, e, n)] };
        let in_space = query.boxes.is_empty() || query.boxes.iter().any(|b| parts.iter().any(|p| p.intersects(b)));
        let (start, end) = self.time;
        let during = |p: &Period| p.end.is_none_or(|e| start < e) && p.start.is_none_or(|s| s <= end);
        let in_time = query.periods.is_empty() || query.periods.iter().any(during);
        let in_collection = query.collections.is_empty() || query.collections.iter().any(|c| c == self.collection());
        in_space && in_time && in_collection
    }
}

/// All checks on one catalogue.
pub async fn conforms(catalog: &dyn Catalog, expected: &Expectation) {
    finds(catalog, expected).await;
    carries(catalog, expected).await;
    filters(catalog, expected).await;
    refuses(catalog, expected).await;
}

/// Boxes, periods and collections, alone and together.
pub async fn finds(catalog: &dyn Catalog, expected: &Expectation) {
    let collections: BTreeSet<&str> = expected.patches.iter().map(Known::collection).collect();
    let mut spaces: Vec<Vec<Extent>> = vec![vec![], vec![Extent::new(-180.0, -90.0, 180.0, 90.0)]];
    let mut times: Vec<Vec<Period>> = vec![vec![], vec![Period { start: None, end: Some(TimeValue(i64::MIN / 2)) }]];
    for known in expected.patches.iter().take(6) {
        let [w, s, e, n] = known.bbox;
        let (start, end) = known.time;
        let middle = (s + n) / 2.0;
        // A point inside; a small box just outside; two boxes of which one touches.
        let inside = Extent::new(w, middle, w, middle);
        let north = Extent::new(w, (n + 1e-3).min(90.0), w, (n + 2e-3).min(90.0));
        spaces.extend([vec![inside], vec![north], vec![north, inside]]);
        if w > e {
            spaces.push(vec![Extent::new(-180.0, middle, e, middle)]);
        }
        // Exactly its time; up to it but without it; from just after it; the two around it.
        let (before, after) = (Period { start: None, end: Some(start) }, Period { start: Some(TimeValue(end.0 + 1)), end: None });
        times.extend([vec![Period::new(start, TimeValue(end.0 + 1))], vec![before], vec![after], vec![before, after]]);
    }
    let mut questions: Vec<PatchQuery> = Vec::new();
    for boxes in &spaces {
        questions.push(PatchQuery { boxes: boxes.clone(), ..PatchQuery::default() });
    }
    for (i, periods) in times.iter().enumerate() {
        questions.push(PatchQuery { periods: periods.clone(), ..PatchQuery::default() });
        questions.push(PatchQuery { periods: periods.clone(), boxes: spaces[i % spaces.len()].clone(), ..PatchQuery::default() });
    }
    for collection in &collections {
        questions.push(PatchQuery { collections: vec![(*collection).to_owned()], ..PatchQuery::default() });
    }
    for query in &questions {
        let found = ask(catalog, query).await;
        let mut wanted: Vec<&str> = expected.patches.iter().filter(|k| k.meets(query)).map(|k| k.id.as_str()).collect();
        let mut ids: Vec<&str> = found.iter().map(|p| p.id.as_str()).collect();
        ids.sort_unstable();
        wanted.sort_unstable();
        let unique = ids.windows(2).all(|p| p[0] != p[1]);
        assert!(unique, "an id comes twice in the answer to {query:?}: {ids:?}");
        assert!(ids == wanted, "the answer to {query:?} is {ids:?} and should be {wanted:?}");
        let again: Vec<PatchIndex> = ask(catalog, query).await;
        assert!(again == found, "the same question has two answers: {query:?}");
    }
}

/// Patches carry the wanted assets and no others.
pub async fn carries(catalog: &dyn Catalog, expected: &Expectation) {
    let query = PatchQuery { assets: vec![expected.asset.clone(), "no such asset".into()], ..PatchQuery::default() };
    for patch in ask(catalog, &query).await {
        let names: Vec<&String> = patch.assets.keys().collect();
        assert!(names == [&expected.asset], "`{}` carries {names:?} where `{}` was wanted", patch.id, expected.asset);
        let href = &patch.assets[&expected.asset].href;
        assert!(href.contains("://") || href.starts_with('/'), "`{}` has an href that is not absolute: {href}", patch.id);
    }
    for patch in ask(catalog, &PatchQuery::default()).await {
        assert!(patch.assets.contains_key(&expected.asset), "`{}` lacks `{}` when nothing is said of assets", patch.id, expected.asset);
    }
}

/// A property filter as `query`, as CQL2 text and as CQL2 JSON.
pub async fn filters(catalog: &dyn Catalog, expected: &Expectation) {
    let Some((property, limit)) = &expected.property else { return };
    let cql2 = json!({"op": "<", "args": [{"property": property}, limit]});
    let forms: [(&str, PatchQuery); 3] = [
        ("query", PatchQuery { query: BTreeMap::from([(property.clone(), json!({ "lt": limit }))]), ..PatchQuery::default() }),
        ("CQL2 text", PatchQuery { filter: Some(Value::String(format!("\"{property}\" < {limit}"))), ..PatchQuery::default() }),
        ("CQL2 JSON", PatchQuery { filter: Some(cql2), ..PatchQuery::default() }),
    ];
    let mut wanted: Vec<&str> = expected.values.iter().filter(|(_, v)| *v < limit).map(|(id, _)| id.as_str()).collect();
    wanted.sort_unstable();
    assert!(!wanted.is_empty() && wanted.len() < expected.patches.len(), "the limit {limit} of `{property}` separates nothing");
    for (name, query) in forms {
        let found = ask(catalog, &query).await;
        let mut ids: Vec<&str> = found.iter().map(|p| p.id.as_str()).collect();
        ids.sort_unstable();
        assert!(ids == wanted, "{name}: the answer is {ids:?} and should be {wanted:?}");
    }
}

/// An unknown collection is named, with some that exist.
pub async fn refuses(catalog: &dyn Catalog, expected: &Expectation) {
    let collections: BTreeSet<&str> = expected.patches.iter().map(Known::collection).collect();
    for known in &collections {
        let outcome = catalog.check(&[(*known).to_owned()]).await;
        assert!(outcome.is_ok(), "`{known}` exists: {outcome:?}");
    }
    let outcome = catalog.check(&["no-such-collection".to_owned()]).await;
    let Some(error) = outcome.err() else { fail("a collection that does not exist is accepted") };
    assert!(error.kind() == Kind::NotFound, "an unknown collection is {:?}", error.kind());
    assert!(error.to_string().contains("no-such-collection"), "the message does not name the collection: {error}");
    let hint = error.hint().unwrap_or_default();
    assert!(collections.iter().any(|c| hint.contains(c)), "the hint names no collection that exists: {hint}");
}

/// Polls `patches` patches of everything and answers how often `asked` grew: the caller knows how many pages that may take.
pub async fn is_lazy(catalog: &dyn Catalog, patches: usize, asked: impl Fn() -> usize, most: usize) {
    let before = asked();
    let mut stream = catalog.patches(&PatchQuery::default());
    for _ in 0..patches {
        let next = stream.try_next().await;
        assert!(matches!(next, Ok(Some(_))), "a patch is expected: {next:?}");
    }
    let pages = asked() - before;
    assert!(pages <= most, "{pages} requests for {patches} patches, where {most} are enough");
}

async fn ask(catalog: &dyn Catalog, query: &PatchQuery) -> Vec<PatchIndex> {
    match catalog.patches(query).try_collect().await {
        Ok(found) => found,
        Err(e) => fail(&format!("{query:?} fails: {e}")),
    }
}

#[expect(clippy::panic, reason = "a suite fails by panicking")]
#[track_caller]
fn fail(message: &str) -> ! {
    panic!("{message}")
}
