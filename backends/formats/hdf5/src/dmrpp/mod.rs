//! DMR++ sidecars: XML beside a data file that says which groups, variables and attributes it has, and where each chunk lies.
//!
//! [`read`] gives a [`Granule`]. It streams over the document once, in time linear in its length, and keeps nothing but the granule.
//! Semantics are those of the reference reader, OPeNDAP's `bes` (`modules/dmrpp_module`); the format of the groups and attributes around
//! is DAP4's DMR. Elements go by their names without prefix, because documents in use bind `dmrpp` to four addresses, or to none.
//!
//! # What becomes of what
//!
//! | in the document | in the manifest |
//! |---|---|
//! | `chunks` with `chunkDimensionSizes` | chunks; those that are not listed are absent and hold the fill value |
//! | `chunks` without, or `chunk` alone | one chunk of the whole shape |
//! | `chunks` without any chunk | the same with no chunk stored |
//! | `chunk` (or `byteStream`, of the first generation) | a reference; `chunkPositionInArray` counts elements, `fm` is the filter mask, `href` another file |
//! | `block` | one chunk when each block follows the last in the file, else refused ([`Reason::Layout`](cube_manifest::Reason::Layout)); pieces of one chunk (`LBChunk`) likewise |
//! | `compact` | an inline chunk; a scalar text becomes [`Data::Text`](cube_manifest::Data::Text) |
//! | `missingdata` | an inline chunk, as zlib with [`Codec::Deflate`](cube_manifest::Codec::Deflate) as it is; raw when there is one element |
//! | `vlsa` | [`Data::Text`](cube_manifest::Data::Text) |
//! | `FixedLengthStringArray` | text of that length and padding; a scalar text is as long as its chunk |
//! | `Enum` | numbers of the enumeration's base type, with its names |
//! | `Structure`, `Sequence`, `specialstructuredata` | refused ([`Reason::ElementType`](cube_manifest::Reason::ElementType)) |
//! | `Dim` with a name | the full path of the dimension; one with a size has no name |
//! | `Attribute` of type `Container` | see below |
//! | `Map`, `DIO`, `md5`, `uuid`, `trust` | nothing |
//!
//! Containers: the attributes of `HDF5_GLOBAL`, `NC_GLOBAL` and `HDF_GLOBAL` are those of the group that the container is in;
//! `build_dmrpp_metadata` is about the sidecar and is left out; `DODS_EXTRA` says which dimensions are unlimited; in any other the
//! attributes are named `container.attribute`. Attributes that only serve HDF5's dimension scales are left out.
//!
//! # What a sidecar does not say
//!
//! - **Whether dimensions are unlimited**, but for `DODS_EXTRA`.
//! - **Byte order**, in older documents and for variables without a stored chunk: taken as little-endian. `missingdata` always is.
//! - **Fill values of floats** beyond six digits. They are completed from `_FillValue`, or netCDF's default, when that has the same six.
//!   For big-endian variables the number may be written with its bytes swapped: when `_FillValue` settles it, it is undone; when it does
//!   not and chunks are absent, the variable is refused.
//! - **Fill values at all**, and the **order of filters**, in documents without `dmrpp:version`: absent chunks then hold `_FillValue`, or
//!   the variable is refused; filters are taken as shuffle, deflate, checksum, as the reference reader does. Filter masks of a chunk were
//!   not written then either.
//! - **That a fill value is never to be written** (HDF5's fill time): absent chunks hold it here, where HDF5 leaves them undefined.
//! - **Whether a scalar text is of fixed length**, and how it is filled up: one that is stored is taken as ending at a zero byte, so that
//!   spaces which fill it up stay.
//! - **Types of attributes** that DAP4 lacks: whether a text was of fixed or of any length, in which encoding and padding, what shape a
//!   list had; enumerations, booleans, references, compounds and empty attributes. Numbers keep their type.
//! - **Names** where the sidecar was made for clients of the CF conventions: special characters are `_`, groups may be flattened
//!   (`fullnamepath` keeps the original), and coordinates may be there that the file lacks.
//! - **Lists of any length** are written out by newer programs as an array filled up to the longest, and `…_vlen_index` beside it.
//! - **Parameters of filters**, but for the level of deflate.

mod attributes;
mod chunks;
mod document;
mod draft;
mod error;
mod fill;
mod location;
#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]
mod tests;
mod values;
mod variable;
mod xml;

use cube_manifest::Granule;

pub use error::{At, Error, Fault};
pub use location::Location;

/// Reads a sidecar.
///
/// - What is wrong with one variable refuses that variable, and the others are read: see [`Variable::data`](cube_manifest::Variable::data).
/// - A name that is used before it is declared is found by reading the document a second time.
/// - Memory is bounded by a few times the length of the document, and 64 MiB of repeated texts.
/// - The document's text may be UTF-8 or ISO-8859-1.
///
/// # Errors
/// When the document cannot be trusted as a whole: it is no XML or no DMR++, declares a document type or unknown entities, is nested too
/// deep, has a count that is no number, an array larger than any file, two variables of one name, or a reference beyond the end of the
/// data file (when [`Location::size`] is known). The error says where.
pub fn read(xml: &[u8], location: &Location) -> Result<Granule, Error> {
    let xml = xml::decode(xml)?;
    let mut declared = document::Declared::default();
    let granule = document::read(&xml, location, &mut declared)?;
    if declared.came_late() { document::read(&xml, location, &mut declared) } else { Ok(granule) }
}
