//! What lies where in a granule: its groups, variables and attributes, and for each chunk of a variable where its bytes are.
//!
//! Readers of HDF5, DMR++, netCDF-3 and TIFF headers all give a [`Granule`]; what combines granules and writes virtual stores takes
//! them, and knows none of the formats. Nothing here reads or writes.

mod checksum;
mod codec;
mod decode;
mod encode;
mod foreign;
mod granule;
mod references;
mod refusal;
mod time;

pub use codec::{Blosc, BloscShuffle, Codec, Endian};
pub use decode::decode;
pub use encode::encode;
pub use foreign::is_decodable;
pub use granule::{Attribute, AttributeValue, Data, Dimension, Element, Granule, Group, Origin, Padding, Variable};
pub use references::{Chunk, ChunkRefs, Place, Reference};
pub use refusal::{Reason, Refusal};
pub use time::{TimeUnits, instant};
