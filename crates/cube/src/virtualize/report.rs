//! What came of a run.

use std::collections::BTreeMap;

use cube_manifest::{Element, Reason};
use cube_virtual::{Array, Dataset, Mismatch, Refused, Values};
use serde::Serialize;

use super::{
    Ready,
    granule::ReadFrom,
    output::{Output, VirtualFormat, Written},
    readers::Readers,
    snippet::Opening,
};
use crate::{Environment, Error, Result};

/// What a store of references holds, and what it does not. The keys of its JSON form are stable.
#[derive(Debug, Clone, Serialize)]
pub struct Virtualized {
    /// Absolute path or URL.
    pub store: String,
    /// Form of the store.
    pub format: VirtualFormat,
    /// Version of Zarr.
    pub zarr_format: u8,
    /// Id of the version that was written; none when nothing was, or for Kerchunk.
    pub version: Option<String>,
    /// Granules that were written.
    pub granules: usize,
    /// Granules that were in the store before.
    pub already_there: usize,
    /// Granules that were named more than once, and taken once.
    pub named_twice: Vec<String>,
    /// How many granules were read from what.
    pub read_from: BTreeMap<ReadFrom, usize>,
    /// Sidecars that were not used, and why.
    pub ignored_sidecars: Vec<String>,
    /// Groups with variables that were not asked for.
    pub groups_left_out: Vec<String>,
    /// Arrays that were written or appended to.
    pub arrays: Vec<VirtualArray>,
    /// References that were written.
    pub references: u64,
    /// Chunks that were stored rather than referred to.
    pub stored_chunks: u64,
    /// Bytes that references lead to.
    pub referenced_bytes: u64,
    /// Variables that are not in the store.
    pub refused: Vec<RefusedVariable>,
    /// Differences for which granules were split or decoded.
    pub mismatches: Vec<MismatchLine>,
    /// Groups that granules were split into; 1 when all fit.
    pub parts: usize,
    /// Granules that could not be read and were left out.
    pub failed: Vec<FailedGranule>,
    /// Prefixes that a reader must authorise.
    pub containers: Vec<String>,
    /// Lines of Python that open the store.
    pub python: String,
}

/// An array of a store.
#[derive(Debug, Clone, Serialize)]
pub struct VirtualArray {
    /// Full path.
    pub path: String,
    /// Element type as numpy names it.
    pub dtype: String,
    /// Names of its dimensions.
    pub dimensions: Vec<String>,
    /// Length along each; of what was appended, when it was.
    pub shape: Vec<u64>,
    /// Elements of a chunk along each dimension.
    pub chunk_shape: Vec<u64>,
    /// Chunks that are references.
    pub references: u64,
    /// Chunks that are stored.
    pub stored: u64,
    /// Chunks of the grid that are absent.
    pub absent: u64,
}

/// A variable that is not in the store.
#[derive(Debug, Clone, Serialize)]
pub struct RefusedVariable {
    /// Full path.
    pub variable: String,
    /// One of a documented list.
    pub reason: Reason,
    /// What it was in this variable.
    pub detail: String,
    /// In how many granules.
    pub granules: usize,
    /// The first of them.
    pub first_granule: String,
}

/// A difference between a granule and the first.
#[derive(Debug, Clone, Serialize)]
pub struct MismatchLine {
    /// The granule.
    pub granule: String,
    /// Full path of the variable.
    pub variable: String,
    /// What differs.
    pub reason: String,
}

/// A granule that could not be read.
#[derive(Debug, Clone, Serialize)]
pub struct FailedGranule {
    /// Path or URL.
    pub granule: String,
    /// Why.
    pub reason: String,
}

/// What is known so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    store: String,
    twice: Vec<String>,
    read_from: BTreeMap<ReadFrom, usize>,
    ignored: Vec<String>,
    left_out: Vec<String>,
    refused: Vec<RefusedVariable>,
    pub(super) granules: usize,
    pub(super) already_there: usize,
    pub(super) failed: Vec<(String, Error)>,
    pub(super) mismatches: Vec<Mismatch>,
    pub(super) parts: usize,
}

impl Report {
    pub(super) fn new(output: &Output, twice: Vec<String>) -> Self {
        Self { store: output.name(), twice, ..Self::default() }
    }

    /// Granules that were read.
    pub(super) fn count(&self) -> usize {
        self.read_from.values().sum()
    }

    pub(super) fn read(&mut self, ready: &mut Ready) {
        *self.read_from.entry(ready.from).or_default() += 1;
        self.ignored.extend(ready.ignored.take());
        for path in std::mem::take(&mut ready.left_out) {
            if !self.left_out.contains(&path) {
                self.left_out.push(path);
            }
        }
    }

    pub(super) fn refuse(&mut self, refused: Vec<Refused>) {
        for r in refused {
            let known = self.refused.iter_mut().find(|k| k.variable == r.variable && k.reason == r.refusal.reason && k.detail == r.refusal.detail);
            match known {
                Some(known) => known.granules += 1,
                None => self.refused.push(RefusedVariable {
                    variable: r.variable,
                    reason: r.refusal.reason,
                    detail: r.refusal.detail,
                    granules: 1,
                    first_granule: cube_access::public_name(&r.granule),
                }),
            }
        }
    }

    /// An error when variables were refused and none may be.
    pub(super) fn strict(&self, strict: bool) -> Result<()> {
        if strict && !self.refused.is_empty() { Err(Error::Strict { refused: self.refused.clone() }) } else { Ok(()) }
    }

    /// An error when variables were refused and only coordinates are left.
    pub(super) fn nothing_left(&self, dataset: &Dataset) -> Result<()> {
        let places = |array: &Array| {
            array.dimensions.is_empty()
                || array.dimensions == [array.name.as_str()]
                || array.attributes.iter().any(|a| matches!(a.name.as_str(), "grid_mapping_name" | "crs_wkt" | "spatial_ref"))
        };
        let is_empty = dataset.arrays().iter().all(|(_, array)| places(array));
        if is_empty && !self.refused.is_empty() { Err(Error::NothingVirtual { refused: self.refused.clone() }) } else { Ok(()) }
    }

    /// `made`: the dataset that was written, and how its files are reached; none when there was nothing to write.
    pub(super) fn finish(self, output: &Output, made: Option<(&Dataset, &Readers)>, written: Written, environment: &Environment) -> Virtualized {
        let dataset = made.map(|(dataset, _)| dataset);
        let arrays: Vec<VirtualArray> =
            dataset.map(|d| d.arrays().iter().map(|(group, array)| VirtualArray::new(group, array)).collect()).unwrap_or_default();
        let is_tree = dataset.is_some_and(|d| d.arrays().iter().any(|(group, _)| !group.trim_matches('/').is_empty()));
        let python = made.map_or_else(String::new, |(_, readers)| {
            let opening = Opening {
                store: &self.store,
                format: output.format,
                is_zarr3: output.is_zarr3(),
                containers: &written.containers,
                is_tree,
                s3: &environment.storage_options(),
                readers,
            };
            opening.python()
        });
        Virtualized {
            format: output.format,
            zarr_format: if output.is_zarr3() { 3 } else { 2 },
            version: written.version,
            granules: self.granules,
            already_there: self.already_there,
            named_twice: self.twice,
            read_from: self.read_from,
            ignored_sidecars: self.ignored,
            groups_left_out: self.left_out,
            arrays,
            references: written.references,
            stored_chunks: written.stored,
            referenced_bytes: dataset.map_or(0, referenced_bytes),
            refused: self.refused,
            mismatches: self.mismatches.iter().map(MismatchLine::new).collect(),
            parts: self.parts,
            failed: self.failed.iter().map(|(granule, error)| FailedGranule { granule: granule.clone(), reason: error.to_string() }).collect(),
            containers: written.containers,
            python,
            store: self.store,
        }
    }
}

impl VirtualArray {
    fn new(group: &str, array: &Array) -> Self {
        let (mut references, mut stored) = (0, 0);
        for part in array.parts() {
            for chunk in part.chunks.iter() {
                match chunk.place {
                    cube_manifest::Place::Reference(_) => references += 1,
                    cube_manifest::Place::Inline(_) => stored += 1,
                }
            }
        }
        let all = array.grid().iter().product::<u64>();
        if matches!(array.values, Values::Text(_)) {
            stored = all.min(1);
        }
        Self {
            path: format!("{}/{}", group.trim_end_matches('/'), array.name),
            dtype: dtype(array.element),
            dimensions: array.dimensions.clone(),
            shape: array.shape.clone(),
            chunk_shape: array.chunk_shape.clone(),
            references,
            stored,
            absent: all.saturating_sub(references + stored),
        }
    }
}

impl MismatchLine {
    fn new(mismatch: &Mismatch) -> Self {
        let Mismatch { granule, variable, reason } = mismatch;
        Self { granule: cube_access::public_name(granule), variable: variable.clone(), reason: reason.clone() }
    }
}

/// The name that numpy has for a kind of element.
pub(super) fn dtype(element: Element) -> String {
    match element {
        Element::Number(dtype, _) => dtype.name().to_owned(),
        Element::Float16(_) => "float16".to_owned(),
        Element::Text { bytes, .. } => format!("S{bytes}"),
        Element::VariableText => "str".to_owned(),
        Element::Opaque(bytes) => format!("V{bytes}"),
        Element::Other => "other".to_owned(),
    }
}

fn referenced_bytes(dataset: &Dataset) -> u64 {
    let chunks = |array: &Array| -> u64 {
        let length = |chunk: cube_manifest::Chunk<'_>| match chunk.place {
            cube_manifest::Place::Reference(r) => r.length,
            cube_manifest::Place::Inline(_) => 0,
        };
        array.parts().iter().flat_map(|part| part.chunks.iter()).map(length).sum()
    };
    dataset.arrays().iter().map(|(_, array)| chunks(array)).sum()
}
