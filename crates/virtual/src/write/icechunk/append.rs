use std::sync::Arc;

use cube_core::Number;
use cube_manifest::{AttributeValue, Refusal, TimeUnits, decode};
use icechunk::{Repository, repository::RepositoryError};

use super::{Options, Target, config, granules::Granules, publish, session::Batch, target::MAIN};
use crate::{
    Array, Dataset, Error, Mismatch, Part, Result, Values, attributes,
    combine::{MEANING, compare, excerpts, is_placed_by_transform, meanings, rebased, same_crs},
    dataset::join,
    element,
    json::Json,
    load::{self, LocalFiles},
    metadata_v3,
};

/// A store that more granules are appended to.
#[derive(Debug)]
pub struct Existing {
    target: Target,
    repository: Repository,
    granules: Granules,
}

/// What was appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Id of the new version.
    pub version: String,
    /// References to files.
    pub references: u64,
    /// Chunks that are stored in the repository itself.
    pub native: u64,
    /// Prefixes that a reader must authorise besides those of before.
    pub containers: Vec<String>,
    /// Arrays that do not grow and whose values are not loaded: those of the store were kept, unseen.
    pub unseen: Vec<String>,
}

impl Existing {
    /// Opens a store that [`write`](super::write) made.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Storage`].
    pub async fn open(target: &Target) -> Result<Self> {
        let repository = target.open().await?;
        let batch = Batch::start(target, &repository, MAIN, &[], &crate::Addresses::default()).await?;
        let granules = Granules::read(&batch).await?;
        Ok(Self { target: target.clone(), repository, granules })
    }

    /// Whether a granule is in the store; its URL is as it was when the store was written.
    pub fn contains(&self, url: &str) -> bool {
        self.granules.contains(url)
    }

    /// Appends granules that were combined along the same dimension. Costs what it adds, whatever is there.
    ///
    /// # Errors
    /// [`Error::Mismatch`] for what does not fit what is there; [`Error::Order`] for granules that do not come after it; [`Error::Request`] when a granule of
    /// `options.granules` is there already; [`Error::Conflict`]; [`Error::Storage`]. Nothing is changed then.
    pub async fn append(mut self, dataset: &Dataset, along: &str, options: &Options) -> Result<Appended> {
        if let Some(known) = options.granules.iter().find(|url| self.contains(url)) {
            return Err(Error::Request(format!("`{known}` is in `{}` already", self.target.name())));
        }
        let _lock = self.target.lock().await?;
        let (containers, added) = self.containers(dataset, options).await?;
        let failed = |e: RepositoryError| self.target.failed("append to", e);
        let main = self.repository.lookup_branch(MAIN).await.map_err(failed)?;
        let mut batch = Batch::start(&self.target, &self.repository, MAIN, &containers, &options.addresses).await?;
        // Somebody may have appended since the store was opened.
        let mut granules = Granules::read(&batch).await?;
        if let Some(known) = options.granules.iter().find(|url| granules.contains(url)) {
            return Err(Error::Request(format!("`{known}` is in `{}` already", self.target.name())));
        }
        let (plans, unseen) = self.plan(&batch, dataset, along).await?;
        // What does not fit into one commit is hidden until it is whole.
        let branch = (dataset.references() > options.batch()).then(|| super::hidden_branch("append"));
        if let Some(branch) = &branch {
            self.repository.create_branch(branch, &main).await.map_err(failed)?;
            batch.restart(&self.repository, branch).await?;
        }
        for plan in &plans {
            batch.update_array(&plan.path, &plan.document, &plan.shape, &plan.grid, &plan.array.dimensions).await?;
        }
        granules.add(&mut batch, &options.granules).await?;
        let mut appended = Appended { version: String::new(), references: 0, native: 0, containers: added, unseen };
        for plan in &plans {
            self.add(&mut batch, plan, branch.as_deref(), options, &mut appended).await?;
        }
        appended.version = batch.commit(options.message()).await?;
        if let Some(branch) = &branch {
            publish(&self.target, &self.repository, branch, &main).await?;
        }
        Ok(appended)
    }

    async fn add(&self, batch: &mut Batch, plan: &Plan, branch: Option<&str>, options: &Options, appended: &mut Appended) -> Result<()> {
        for part in plan.array.parts() {
            let mut at = part.at.clone();
            at[plan.axis] += plan.chunks_before;
            let part = Part { at, ..part.clone() };
            let mut chunks = part.chunks.iter().peekable();
            while chunks.peek().is_some() {
                if let Some(branch) = branch
                    && batch.len() >= options.batch()
                {
                    batch.commit(options.message()).await?;
                    batch.restart(&self.repository, branch).await?;
                }
                let room = options.batch().saturating_sub(batch.len()).max(1);
                let (references, native) = batch.add(&plan.path, &part, chunks.by_ref().take(room)).await?;
                appended.references += references;
                appended.native += native;
            }
        }
        Ok(())
    }

    /// The containers of the store, and the prefixes of those that had to be added.
    async fn containers(&mut self, dataset: &Dataset, options: &Options) -> Result<(Vec<(String, String)>, Vec<String>)> {
        let there = self.repository.config().virtual_chunk_containers();
        let mut containers: Vec<(String, String)> = there.map(|c| (c.name().unwrap_or_default().to_owned(), c.url_prefix().to_owned())).collect();
        let mut added = Vec::new();
        for (_, prefix) in super::containers(dataset, options)? {
            if !containers.iter().any(|(_, p)| prefix.starts_with(p.as_str())) {
                let name = (containers.len()..).map(|n| format!("source{n}")).find(|name| containers.iter().all(|(n, _)| n != name));
                containers.push((name.unwrap_or_default(), prefix.clone()));
                added.push(prefix);
            }
        }
        if !added.is_empty() {
            let new: Vec<_> = containers.iter().filter(|(_, prefix)| added.contains(prefix)).cloned().collect();
            self.target.add_containers(config::containers(&new, &options.buckets)?).await?;
            self.repository = self.target.open().await?;
        }
        // The deepest prefix that holds a file is its own.
        containers.sort_by_key(|(_, prefix)| std::cmp::Reverse(prefix.len()));
        Ok((containers, added))
    }

    async fn plan(&self, batch: &Batch, dataset: &Dataset, along: &str) -> Result<(Vec<Plan>, Vec<String>)> {
        let mut found = Vec::new();
        let mut plans = Vec::new();
        let mut unseen = Vec::new();
        let mut named = Vec::new();
        let arrays = dataset.arrays();
        for (group, array) in &arrays {
            let path = join(group, &array.name);
            let mut differ = |reason: String| found.push(self.mismatch(array, &path, reason));
            named.push(path.clone());
            let Some(document) = batch.document(&path).await? else {
                differ("the store has no such array".to_owned());
                continue;
            };
            let axis = array.dimensions.iter().position(|d| d == along);
            let is_placed = is_placed_by_transform(arrays.iter().map(|(_, a)| *a), &array.name, Some(along));
            let differences = differences(&document, array, axis, is_placed);
            if !differences.is_empty() {
                differences.into_iter().for_each(differ);
                continue;
            }
            match axis {
                Some(axis) => match self.grown(batch, &path, &document, array, axis, along).await? {
                    Ok(plan) => plans.push(plan),
                    Err(reason) => differ(reason),
                },
                None => match is_same(batch, &path, array).await? {
                    Some(true) => {}
                    Some(false) => differ("its values differ from those in the store".to_owned()),
                    None => unseen.push(path),
                },
            }
        }
        for path in batch.arrays().await? {
            let grows = !named.contains(&path) && batch.document(&path).await?.is_some_and(|d| dimensions(&d).iter().any(|d| d == along));
            if grows {
                found.push(Mismatch { granule: self.name(dataset), variable: path, reason: "the granules have no such variable".to_owned() });
            }
        }
        if found.is_empty() { Ok((plans, unseen)) } else { Err(Error::Mismatch { granules: 1, mismatches: found }) }
    }

    /// An array as it continues what is there; inside, why it cannot.
    async fn grown(&self, batch: &Batch, path: &str, document: &Json, array: &Array, axis: usize, along: &str) -> Result<Result<Plan, String>> {
        let Some(mut shape) = document.get("shape").and_then(Json::numbers) else { return Ok(Err("its metadata has no shape".into())) };
        let (before, chunk) = (shape[axis], array.chunk_shape[axis]);
        let mut array = array.clone();
        let is_stored = matches!(array.values, Values::Text(_)) || array.parts().iter().all(|p| p.chunks.urls().is_empty());
        if matches!(array.values, Values::Text(_)) {
            return Ok(Err("text of any length cannot be appended".into()));
        }
        let kept = before % chunk;
        if kept != 0 && !is_stored {
            return Ok(Err(format!("the last chunk of {chunk} in the store holds only {kept} along `{along}`")));
        }
        if is_stored && !array.shape.contains(&0) {
            let mut values = match array.load(&LocalFiles).await? {
                Ok(values) => values,
                Err(refusal) => return Ok(Err(refusal.to_string())),
            };
            match said_as(document, &array, &values) {
                Some(said) => values = said,
                None => return Ok(Err("its times cannot be said exactly from the epoch in the store".into())),
            }
            match continued(batch, path, &shape, &array, axis, values).await? {
                Ok((continued, last)) => {
                    if let Some((last, first)) = last.filter(|_| array.name == along)
                        && compare(&last, &first) != std::cmp::Ordering::Less
                    {
                        // Values that were stored have no file.
                        let name = self.name_of(&array);
                        let what = if name.is_empty() { "what is appended".to_owned() } else { format!("`{name}`") };
                        let problem = format!("{what} begins at {first}, and the store ends at {last}");
                        return Err(Error::Order { dimension: along.to_owned(), problem });
                    }
                    array = continued;
                }
                Err(refusal) => return Ok(Err(refusal.to_string())),
            }
            shape[axis] = before - kept + array.shape[axis];
        } else {
            shape[axis] += array.shape[axis];
        }
        let mut document = document.clone();
        document.set("shape", shape.as_slice().into());
        let grid = shape.iter().zip(&array.chunk_shape).map(|(s, c)| s.div_ceil(*c)).collect();
        Ok(Ok(Plan { path: path.to_owned(), document, shape, grid, axis, chunks_before: before / chunk, array }))
    }

    fn mismatch(&self, array: &Array, path: &str, reason: String) -> Mismatch {
        Mismatch { granule: self.name_of(array), variable: path.to_owned(), reason }
    }

    fn name_of(&self, array: &Array) -> Arc<str> {
        array.parts().first().map_or_else(|| self.target.name().into(), |p| Arc::clone(&p.origin.url))
    }

    fn name(&self, dataset: &Dataset) -> Arc<str> {
        dataset.arrays().first().map_or_else(|| self.target.name().into(), |(_, a)| self.name_of(a))
    }
}

/// Whether an array that does not grow holds what the store holds; `None` when it refers to files, which are not read.
async fn is_same(batch: &Batch, path: &str, array: &Array) -> Result<Option<bool>> {
    let length = array.chunk_bytes().unwrap_or(0);
    let values = |bytes: &[u8]| decode(&array.codecs, 0, bytes, length);
    if let Values::Text(texts) = &array.values {
        let there = batch.get(&key(path, &vec![0; array.shape.len()])).await?;
        return Ok(Some(texts.is_empty() || there.is_some_and(|there| there == crate::text::encoded(texts))));
    }
    for part in array.parts() {
        for chunk in part.chunks.iter() {
            let cube_manifest::Place::Inline(bytes) = chunk.place else { return Ok(None) };
            let there = batch.get(&key(path, &part.chunks.position(chunk.index))).await?;
            if !there.is_some_and(|there| there == *bytes || matches!((values(&there), values(bytes)), (Ok(a), Ok(b)) if a == b)) {
                return Ok(Some(false));
            }
        }
    }
    Ok(Some(true))
}

/// How an array grows.
#[derive(Debug)]
struct Plan {
    path: String,
    document: Json,
    shape: Vec<u64>,
    grid: Vec<u64>,
    axis: usize,
    /// Chunks along the axis that stay as they are.
    chunks_before: u64,
    array: Array,
}

/// How an array differs from what the store says of it.
fn differences(document: &Json, array: &Array, axis: Option<usize>, is_placed: bool) -> Vec<String> {
    let wanted = match metadata_v3::array(array) {
        Ok(wanted) => wanted,
        Err(refusal) => return vec![refusal.to_string()],
    };
    let mut found = Vec::new();
    let text = |json: Option<&Json>| json.map_or_else(|| "absent".to_owned(), |json| without_levels(json).to_string());
    for member in ["data_type", "chunk_grid", "fill_value", "codecs", "dimension_names"] {
        let (there, here) = (text(document.get(member)), text(wanted.get(member)));
        if there != here {
            found.push(format!("its {} {here}, in the store {there}", member.replace('_', " ")));
        }
    }
    let shape = document.get("shape").and_then(Json::numbers).unwrap_or_default();
    if shape.len() != array.shape.len() || shape.iter().zip(&array.shape).enumerate().any(|(i, (a, b))| a != b && Some(i) != axis) {
        found.push(format!("its shape {:?}, in the store {shape:?}", array.shape));
    }
    let stored = match document.get("attributes") {
        Some(Json::Object(members)) => members.as_slice(),
        _ => &[],
    };
    let names = stored.iter().map(|(name, _)| name.as_str()).chain(array.attributes.iter().map(|a| a.name.as_str()));
    for name in meanings(names, array.dimensions.len(), is_placed) {
        let attribute = |document: &Json| document.get("attributes").and_then(|a| a.get(name)).cloned();
        let (there, here) = (attribute(document), attribute(&wanted));
        if let (Some(Json::Text(there)), Some(Json::Text(here))) = (&there, &here)
            && same_crs(name, there, here)
        {
            continue;
        }
        let (there, here) = (text(there.as_ref()), text(here.as_ref()));
        let is_time = matches!(name, "units" | "calendar") && there.contains(" since ") && here.contains(" since ");
        if there != here && !is_time {
            let (here, there) = excerpts(&here, &there);
            found.push(format!("its `{name}` is {here}, in the store {there}"));
            // One tells that the CRS is another; its numbers follow from that.
            if !MEANING.contains(&name) {
                break;
            }
        }
    }
    found
}

/// What only encoders care about does not count.
fn without_levels(json: &Json) -> Json {
    match json {
        Json::Object(members) => {
            let kept = members.iter().filter(|(name, _)| !["level", "clevel", "cname", "blocksize"].contains(&name.as_str()));
            Json::Object(kept.map(|(name, value)| (name.clone(), without_levels(value))).collect())
        }
        Json::List(items) => Json::List(items.iter().map(without_levels).collect()),
        other => other.clone(),
    }
}

fn dimensions(document: &Json) -> Vec<String> {
    match document.get("dimension_names") {
        Some(Json::List(names)) => names.iter().filter_map(|n| n.text().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// Times said from the epoch of the store; `None` when that cannot be.
fn said_as(document: &Json, array: &Array, values: &[u8]) -> Option<Vec<u8>> {
    let there = |name: &str| document.get("attributes").and_then(|a| a.get(name)).and_then(Json::text).map(str::to_owned);
    let here = |name: &str| match array.attribute(name) {
        Some(AttributeValue::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let (to, from) = (there("units").zip(Some(there("calendar"))), here("units").zip(Some(here("calendar"))));
    if to == from {
        return Some(values.to_vec());
    }
    let parse = |units: Option<(String, Option<String>)>| units.and_then(|(units, calendar)| TimeUnits::parse(&units, calendar.as_deref()));
    let (from, to) = (parse(from)?, parse(to)?);
    let is_packed = ["scale_factor", "add_offset"].iter().any(|name| array.attribute(name).is_some());
    if is_packed || !from.is_comparable(to) {
        return None;
    }
    let missing = ["_FillValue", "missing_value"].iter().filter_map(|name| array.attribute(name).and_then(attributes::single));
    rebased(array.element, values, (from, to), &missing.map(|(_, n)| n).collect::<Vec<_>>())
}

type Continued = (Array, Option<(Number, Number)>);

/// Values after those that the store holds: with what its last chunk holds before them. Also the last number there and the first here.
async fn continued(batch: &Batch, path: &str, shape: &[u64], array: &Array, axis: usize, values: Vec<u8>) -> Result<Result<Continued, Refusal>> {
    let chunk = array.chunk_shape[axis];
    let before = shape[axis];
    let size = array.element.size().unwrap_or(1);
    let kind = element::little(array.element);
    let mut at = vec![0; shape.len()];
    at[axis] = before.saturating_sub(1) / chunk;
    let stored = if before > 0 { batch.get(&key(path, &at)).await? } else { None };
    let mut old = element::filled(array.fill.as_deref(), array.chunk_bytes().unwrap_or(0));
    if let Some(bytes) = stored {
        match decode(&array.codecs, 0, &bytes, old.len()) {
            Ok(decoded) => old = decoded,
            Err(e) => return Ok(Err(Refusal::new(cube_manifest::Reason::Inconsistent, e))),
        }
    }
    let last = before.checked_sub(1).filter(|_| shape.len() == 1).and_then(|i| {
        let at = (i % chunk) as usize * size;
        element::number(kind, old.get(at..at + size)?).zip(element::number(kind, values.get(..size)?))
    });
    let kept = before % chunk;
    let mut whole = array.shape.clone();
    whole[axis] += kept;
    let mut all = element::filled(array.fill.as_deref(), whole.iter().product::<u64>() as usize * size);
    let place = |start: u64, count: u64| -> Vec<(u64, u64, u64)> {
        whole.iter().enumerate().map(|(i, n)| if i == axis { (start, 0, count) } else { (0, 0, *n) }).collect()
    };
    if kept > 0 {
        load::paste(&mut all, &whole, &old, &array.chunk_shape, &place(0, kept), size);
    }
    load::paste(&mut all, &whole, &values, &array.shape, &place(kept, array.shape[axis]), size);
    let mut grown = array.clone();
    grown.shape = whole;
    Ok(grown.stored(all, array.chunk_shape.clone()).map(|array| (array, last)))
}

/// The key of a chunk.
fn key(path: &str, at: &[u64]) -> String {
    at.iter().fold(format!("{}/c", path.trim_start_matches('/')), |key, i| format!("{key}/{i}"))
}
