//! The directories of a TIFF file and the values of the tags that matter, read with few requests (TIFF 6.0 section 2; BigTIFF).

mod bytes;
mod directory;
mod walk;

pub(crate) use bytes::Head;
pub(crate) use directory::{Directory, tag};
pub(crate) use walk::read;
