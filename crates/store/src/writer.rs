use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use cube_core::{BandLayout, Layout, Pixels};
use icechunk::{
    format::{ChunkIndices, Path},
    session::Session,
};
use object_store::memory::InMemory;
use zarrs::array::{
    ArrayBytes, ArrayToBytesCodecTraits as _, ChunkShape, CodecSpecificOptions,
    codec::{ShardingCodecOptions, SubchunkWriteOrder},
};

use crate::{
    Error, Location, Result,
    batch::{Payload, Stored},
    documents,
    error::Cause,
    keys::Keys,
    tree::{Node, single_threaded},
};

/// Encodes and uploads storage units. Works from what was known when it was made: steps and groups that a unit belongs to need not exist yet.
pub struct Writer {
    location: Location,
    bands: BTreeMap<String, Encoder>,
    session: Option<Session>,
}

/// The codecs of one variable.
struct Encoder {
    layout: BandLayout,
    node: Node,
    shape: ChunkShape,
    pixels: usize,
}

impl Writer {
    /// `session` is that of an Icechunk repository; without one payloads keep their bytes.
    pub(crate) fn new(location: &Location, layout: &Layout, session: Option<Session>) -> Result<Self> {
        let bands = layout.bands.iter().map(|b| Ok((b.name.clone(), Encoder::new(location, layout, b)?))).collect::<Result<_>>()?;
        Ok(Self { location: location.clone(), bands, session })
    }

    /// Encodes a whole storage unit: `steps × rows × columns` pixels of the unit, row by row, also those beyond the grid's edge.
    ///
    /// * `None` when every pixel is fill: then nothing is to be stored.
    /// * The same pixels always make the same bytes.
    /// * Takes CPU time and no IO: call it where computing is done.
    pub fn encode(&self, _group: &str, band: &str, pixels: &Pixels) -> Result<Option<Bytes>> {
        let encoder = self.band(band)?;
        let wanted = &encoder.layout;
        if pixels.dtype() != wanted.dtype || pixels.len() != encoder.pixels {
            let problem =
                format!("`{band}` takes {} pixels of type {}, not {} of type {}", encoder.pixels, wanted.dtype, pixels.len(), pixels.dtype());
            return Err(Error::Misfit { what: "a buffer of pixels", problem });
        }
        if pixels.all_same(wanted.fill) {
            return Ok(None);
        }
        let array = encoder.node.zarr();
        let raw = ArrayBytes::new_flen(pixels.as_bytes());
        let encoded = array.codecs().encode(raw, &encoder.shape, array.data_type(), array.fill_value(), &single_threaded());
        let failed = |cause: Cause| Error::Codec { doing: "encode", band: band.into(), cause };
        Ok(Some(encoded.map_err(|e| failed(e.into()))?.into_owned().into()))
    }

    /// Brings encoded pixels to the store; `None` is that every pixel is fill. Nobody sees them before a commit.
    ///
    /// On plain Zarr the payload keeps the bytes, and the commit writes them, chunk first and ledger after.
    pub async fn upload(&self, group: &str, band: &str, bytes: Option<Bytes>) -> Result<Payload> {
        let Some(bytes) = bytes else { return Ok(Payload::NOTHING) };
        let Some(session) = &self.session else { return Ok(Payload(Stored::Bytes(bytes))) };
        let failed = |cause: Cause| Error::storage("write to", &self.location, cause);
        // Path and coordinates only label requests: an object's name is random, so it may be uploaded before its array or step exists.
        let path = Path::try_from(format!("/{}", documents::path(group, band)).as_str()).map_err(|e| failed(e.into()))?;
        let write = session.get_chunk_writer(&path, &ChunkIndices(vec![0])).map_err(|e| failed(e.into()))?;
        let written = write(bytes).await.map_err(|e| failed(e.into()))?;
        Payload::uploaded(written).ok_or_else(|| failed(Cause::text("it answered with something that is no chunk")))
    }

    fn band(&self, name: &str) -> Result<&Encoder> {
        self.bands.get(name).ok_or_else(|| no_band(name, self.bands.keys()))
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("location", &self.location).finish_non_exhaustive()
    }
}

impl Encoder {
    fn new(location: &Location, layout: &Layout, band: &BandLayout) -> Result<Self> {
        let document = documents::unit(layout, band)?;
        let keys = Arc::new(Keys::Objects(Arc::new(InMemory::new())));
        // Inner chunks of a shard in order, whatever the number of threads.
        let ordered = CodecSpecificOptions::default().with_option(ShardingCodecOptions::default().with_subchunk_write_order(SubchunkWriteOrder::C));
        let node = Node::new(keys, &band.name, document, location)?.with_codec_options(&ordered);
        let origin = vec![0; node.shape().len()];
        let shape = node.zarr().chunk_shape(&origin).map_err(|e| Error::Layout(e.to_string()))?;
        Ok(Self { layout: band.clone(), node, shape, pixels: layout.unit_time * layout.unit.len() })
    }
}

/// The error for a variable that the cube does not have.
pub(crate) fn no_band<'a>(band: &str, known: impl Iterator<Item = &'a String>) -> Error {
    let known = known.map(|b| format!("`{b}`")).collect::<Vec<_>>().join(", ");
    Error::NoBand { band: band.into(), known }
}
