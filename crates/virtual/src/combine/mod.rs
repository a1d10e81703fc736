//! Granules combined to one dataset.
//!
//! Every granule is checked against the first when it is added; values are compared, times are said from one epoch. References are not copied: an array
//! of the result is a list of the granules' chunks at their places.

mod assemble;
mod check;
mod equal;
mod join;
mod merged;
mod options;
mod place;
mod slot;

use std::sync::Arc;

use cube_manifest::Granule;

use crate::{Dataset, Error, Fetch, Mismatch, Node, Refused, Result};

pub use merged::CombineAttributes;
pub use options::{Compare, Coordinates, Join, Load, OnMismatch, Options, Order};

pub(crate) use check::{MEANING, excerpts, is_placed_by_transform, meanings, rebased, same_crs};
pub(crate) use join::compare;

use assemble::Class;
use slot::Entry;

/// What came of combining.
#[derive(Debug, Clone, PartialEq)]
pub struct Combined {
    /// One dataset; several when granules that do not fit were split.
    pub parts: Vec<CombinedPart>,
    /// Variables that are not in it, and why.
    pub refused: Vec<Refused>,
    /// Differences because of which granules were split.
    pub mismatches: Vec<Mismatch>,
}

/// Granules that fit together, as one dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct CombinedPart {
    /// The dataset.
    pub dataset: Dataset,
    /// URLs of its granules, in order.
    pub granules: Vec<Arc<str>>,
}

impl Combined {
    /// All as one store: the only part as it is, several as groups `part_0`, `part_1`, …
    pub fn into_dataset(self) -> (Dataset, Vec<Arc<str>>) {
        let granules = self.parts.iter().flat_map(|p| p.granules.iter().cloned()).collect();
        let mut roots: Vec<Node> = self.parts.into_iter().map(|p| p.dataset.root).collect();
        let root = if roots.len() == 1 {
            roots.remove(0)
        } else {
            roots.iter_mut().enumerate().for_each(|(i, root)| root.name = format!("part_{i}"));
            Node { groups: roots, ..Node::default() }
        };
        (Dataset { root, refused: self.refused }, granules)
    }
}

/// Combines granules that are all at hand.
///
/// # Errors
/// As for [`Combiner::add`] and [`Combiner::finish`].
pub async fn combine(granules: impl IntoIterator<Item = Granule>, fetch: &dyn Fetch, options: Options) -> Result<Combined> {
    let mut combiner = Combiner::new(options);
    for granule in granules {
        combiner.add(granule, fetch).await?;
    }
    combiner.finish()
}

/// Takes granules one by one and combines them.
#[derive(Debug)]
pub struct Combiner {
    options: Options,
    classes: Vec<Class>,
    mismatches: Vec<Mismatch>,
    /// What could not be loaded: no way of combining makes up for that.
    damaged: Vec<Mismatch>,
    refused: Vec<Refused>,
    count: usize,
}

impl Combiner {
    /// Without granules yet.
    pub fn new(options: Options) -> Self {
        Self { options, classes: Vec::new(), mismatches: Vec::new(), damaged: Vec::new(), refused: Vec::new(), count: 0 }
    }

    /// Adds a granule: reads what is to be loaded or compared, and checks it against those before.
    ///
    /// # Errors
    /// [`Error::Fetch`]. A granule that does not fit is an error of [`finish`](Self::finish), which names all of them.
    pub async fn add(&mut self, granule: Granule, fetch: &dyn Fetch) -> Result<()> {
        let url = Arc::clone(&granule.origin.url);
        let dataset = Dataset::from_granule(granule);
        self.add_dataset(url, dataset, fetch).await
    }

    /// Adds what was combined before, e.g. the variables of one day that lie in several files.
    ///
    /// # Errors
    /// As for [`add`](Self::add).
    pub async fn add_dataset(&mut self, url: Arc<str>, mut dataset: Dataset, fetch: &dyn Fetch) -> Result<()> {
        self.count += 1;
        dataset.repair(fetch, self.options.repair).await?;
        let refused = dataset.refused.iter().map(|r| (r.variable.clone(), r.refusal.to_string())).collect();
        self.refused.append(&mut dataset.refused);
        let (template, mut entry) = match slot::read(url, dataset, refused, fetch, &self.options, self.classes.first()).await? {
            Ok(read) => read,
            Err(damaged) => {
                self.damaged.push(damaged);
                return Ok(());
            }
        };
        let mut found = Vec::new();
        for class in &mut self.classes {
            match class.take(&template, entry, fetch, &self.options).await? {
                Ok(()) => return Ok(()),
                Err((back, differences)) => {
                    entry = *back;
                    if found.is_empty() {
                        found = differences;
                    }
                }
            }
        }
        let is_first = self.classes.is_empty();
        self.mismatches.append(&mut found);
        if is_first || self.options.mismatch == OnMismatch::Split {
            self.classes.push(Class::new(template, entry));
        }
        Ok(())
    }

    /// Puts the granules in order and their chunks in place.
    ///
    /// # Errors
    /// [`Error::Mismatch`] with all differences found; [`Error::Order`] for granules that overlap; [`Error::Request`] for no granule at all.
    pub fn finish(mut self) -> Result<Combined> {
        if self.count == 0 {
            return Err(Error::Request("there is no granule to combine".into()));
        }
        if !self.damaged.is_empty() || self.options.mismatch != OnMismatch::Split && !self.mismatches.is_empty() {
            self.damaged.append(&mut self.mismatches);
            return Err(Error::Mismatch { granules: self.count, mismatches: self.damaged });
        }
        let mut parts = Vec::with_capacity(self.classes.len());
        for class in self.classes {
            match class.assemble(&self.options)? {
                Ok(part) => parts.push(part),
                Err(mut mismatches) => self.damaged.append(&mut mismatches),
            }
        }
        if !self.damaged.is_empty() {
            return Err(Error::Mismatch { granules: self.count, mismatches: self.damaged });
        }
        Ok(Combined { parts, refused: self.refused, mismatches: self.mismatches })
    }
}

/// What a granule brings, when it does not fit, and how it differs.
type Misfit = (Box<Entry>, Vec<Mismatch>);
