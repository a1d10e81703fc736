//! The resampling methods, a row of destination pixels at a time.

mod bilinear;
mod cubic;
mod filter;
mod nearest;
mod statistics;
mod sum;
mod weights;

pub(crate) use bilinear::Bilinear;
pub(crate) use cubic::Cubic;
pub(crate) use filter::Filter;
pub(crate) use nearest::Nearest;
pub(crate) use statistics::{averages, statistics};
pub(crate) use sum::sum;
pub(crate) use weights::Shape as FilterShape;

/// Where a kernel puts a row of results.
#[derive(Debug)]
pub(crate) struct Row<'a, T> {
    pub(crate) values: &'a mut [T],
    pub(crate) valid: &'a mut [bool],
}

/// A pixel that the kernel needs was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missing;
