use std::{io, ops::Range, sync::Arc};

use bytes::Bytes;
use cube_manifest::{Chunk, ChunkRefs, Codec, Element, Origin, Padding, Place, Reason, Refusal, decode, encode, is_decodable};
use futures::{StreamExt as _, TryStreamExt as _, future::BoxFuture, stream};

use crate::{Array, Cause, Dataset, Error, Part, Refused, Result, Values, dataset::join, element};

/// Requests for bytes at the same time.
const REQUESTS: usize = 16;
/// Below this, compression is not worth its codec.
const SMALL: usize = 1024;
/// Bytes that are held at once for one variable, or one chunk of it; a description may claim more than there is memory.
const MOST: u64 = 1 << 30;

/// Reads bytes of files. The caller of this crate knows how, and with which credentials.
pub trait Fetch: Send + Sync {
    /// `length` bytes from `offset` of the file at `url`, which is as granules say it.
    fn bytes<'a>(&'a self, url: &'a str, offset: u64, length: u64) -> BoxFuture<'a, Result<Bytes, Cause>>;
}

/// Files of this machine, by path or `file://` URL.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalFiles;

impl Fetch for LocalFiles {
    fn bytes<'a>(&'a self, url: &'a str, offset: u64, length: u64) -> BoxFuture<'a, Result<Bytes, Cause>> {
        Box::pin(async move {
            let path = crate::Addresses::default().plain(url)?;
            if path.contains("://") {
                return Err(format!("`{url}` is not on this machine").into());
            }
            let read = tokio::task::spawn_blocking(move || read_range(&path, offset, length));
            Ok(read.await??)
        })
    }
}

fn read_range(path: &str, offset: u64, length: u64) -> io::Result<Bytes> {
    use std::io::{Read as _, Seek as _};
    let mut file = std::fs::File::open(path)?;
    let size = file.metadata()?.len();
    if offset.checked_add(length).is_none_or(|end| end > size) {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("the file has only {size} bytes")));
    }
    file.seek(io::SeekFrom::Start(offset))?;
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact(&mut bytes)?;
    Ok(bytes.into())
}

/// What becomes of variables that cannot be referred to as they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repair {
    /// Variables of at most so many bytes are stored, not referred to.
    pub inline_threshold: u64,
    /// Whether variables with codecs that Zarr has no counterpart for, but that can be decoded here, are decoded and stored.
    pub materialize_unsupported: bool,
}

/// Text with a padding that Zarr does not know is stored, up to so many bytes.
const MOST_TEXT: u64 = 1 << 20;

impl Dataset {
    /// Makes everything readable by Zarr readers, granule by granule and before they are combined: chunks that skipped a codec or are stored cut are
    /// encoded anew; small variables are stored; what remains is refused.
    ///
    /// # Errors
    /// [`Error::Fetch`].
    pub async fn repair(&mut self, fetch: &dyn Fetch, repair: Repair) -> Result<()> {
        let mut work = Vec::new();
        self.root.visit_mut("/", &mut |path, node| {
            for array in std::mem::take(&mut node.arrays) {
                work.push((path.to_owned(), array));
            }
        });
        for (path, mut array) in work {
            match array.repair(fetch, repair).await? {
                Ok(()) => self.root.visit_mut("/", &mut |at, node| {
                    if at == path {
                        node.arrays.push(array.clone());
                    }
                }),
                Err(refusal) => {
                    let granule = array.parts().first().map_or_else(|| Arc::from(""), |p| Arc::clone(&p.origin.url));
                    self.refused.push(Refused { granule, variable: join(&path, &array.name), refusal });
                }
            }
        }
        Ok(())
    }
}

/// Something that is wrong with the storage, or something that is wrong with the data.
type Checked<T> = Result<Result<T, Refusal>>;

macro_rules! checked {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(refusal) => return Ok(Err(refusal)),
        }
    };
}

impl Array {
    async fn repair(&mut self, fetch: &dyn Fetch, repair: Repair) -> Checked<()> {
        if matches!(self.values, Values::Text(_)) {
            return Ok(Ok(()));
        }
        let bytes = self.bytes();
        if let Some(refusal) = self.must_be_stored() {
            let is_known = |c: &Codec| !matches!(c, Codec::Other { id, .. } if !is_decodable(*id));
            if !self.codecs.iter().all(is_known) {
                return Ok(Err(refusal));
            }
            let is_small_text = refusal.reason == Reason::ElementType && bytes.is_some_and(|n| n <= MOST_TEXT);
            if !repair.materialize_unsupported && !is_small_text {
                return Ok(Err(refusal));
            }
            *self = checked!(self.with_stored_chunks(fetch).await?);
            return Ok(Ok(()));
        }
        if bytes.is_some_and(|n| n <= repair.inline_threshold) {
            let values = checked!(self.load(fetch).await?);
            *self = checked!(self.stored(values, self.shape.iter().map(|s| (*s).max(1)).collect()));
            return Ok(Ok(()));
        }
        self.encode_anew(fetch).await
    }

    /// Bytes of all elements; `None` when too many to count.
    pub fn bytes(&self) -> Option<u64> {
        self.shape.iter().try_fold(self.element.size()? as u64, |n, s| n.checked_mul(*s))
    }

    /// All values, row-major, least significant byte first.
    ///
    /// # Errors
    /// [`Error::Fetch`]; inside, a refusal for chunks that do not decode, and for more than 1 GiB.
    pub async fn load(&self, fetch: &dyn Fetch) -> Result<Result<Vec<u8>, Refusal>> {
        let length = checked!(self.bytes().filter(|n| *n <= MOST).map(|n| n as usize).ok_or_else(too_large));
        let chunk_length = checked!(self.chunk_length());
        let mut all = element::filled(self.fill.as_deref(), length);
        let chunks = self.parts().iter().flat_map(|part| part.chunks.iter().map(move |chunk| (part, chunk)));
        let mut decoded = stream::iter(chunks.map(|(part, chunk)| async move {
            let at: Vec<u64> = part.chunks.position(chunk.index).iter().zip(&part.at).map(|(i, before)| i + before).collect();
            let bytes = self.decoded(part, &chunk, chunk_length, fetch).await?;
            Ok::<_, Error>((at, bytes))
        }))
        .buffer_unordered(REQUESTS);
        while let Some((at, bytes)) = decoded.try_next().await? {
            place(&mut all, &self.shape, &checked!(bytes), &self.chunk_shape, &at, self.element.size().unwrap_or(1));
        }
        element::make_little(self.element, &mut all);
        Ok(Ok(all))
    }

    /// Bytes of a chunk that can be held in memory.
    fn chunk_length(&self) -> Result<usize, Refusal> {
        self.chunk_bytes().filter(|n| *n as u64 <= MOST).ok_or_else(too_large)
    }

    /// The same array with all chunks decoded and stored as any reader can decode them.
    async fn with_stored_chunks(&self, fetch: &dyn Fetch) -> Checked<Self> {
        let length = checked!(self.chunk_length());
        let mut array = self.stored_like();
        let mut parts = Vec::with_capacity(self.parts().len());
        for part in self.parts() {
            let mut chunks = checked!(ChunkRefs::new(&self.shape, self.chunk_shape.clone()));
            let mut decoded = stream::iter(part.chunks.iter().map(|chunk| async move {
                let bytes = self.decoded(part, &chunk, length, fetch).await?;
                Ok::<_, Error>((chunk.index, bytes))
            }))
            .buffered(REQUESTS);
            while let Some((index, bytes)) = decoded.try_next().await? {
                let mut bytes = checked!(bytes);
                element::make_little(self.element, &mut bytes);
                trim(self.element, &mut bytes);
                let encoded = checked!(encode(&array.codecs, 0, &bytes).map_err(|e| Refusal::new(Reason::Codec, e)));
                checked!(chunks.push_inline(index, encoded.into(), 0));
            }
            parts.push(Part { at: part.at.clone(), chunks: Arc::new(chunks), origin: Arc::clone(&part.origin) });
        }
        array.values = Values::Chunks(parts);
        Ok(Ok(array))
    }

    /// The same array as it is when its values are stored: least significant byte first, in codecs of our choice, without values.
    fn stored_like(&self) -> Self {
        let mut array = self.clone_without_values();
        array.element = element::little(self.element);
        if let Element::Text { padding, .. } = &mut array.element {
            *padding = Padding::Null;
        }
        if let Some(fill) = &mut array.fill {
            element::make_little(self.element, fill);
            trim(self.element, fill);
        }
        array.codecs.clear();
        if array.chunk_bytes().is_some_and(|n| n >= SMALL) {
            array.codecs.push(Codec::Zstd { level: None });
        }
        array
    }

    /// The same array with other values, which are as [`load`](Self::load) gives them.
    pub(crate) fn stored(&self, mut values: Vec<u8>, chunk_shape: Vec<u64>) -> Result<Self, Refusal> {
        trim(self.element, &mut values);
        let mut array = Self { chunk_shape, ..self.clone_without_values() }.stored_like();
        let chunks = array.encoded(values)?;
        let origin = self.parts().first().map_or_else(unknown, |p| Arc::clone(&p.origin));
        array.values = Values::Chunks(vec![Part { at: vec![0; array.shape.len()], chunks: Arc::new(chunks), origin }]);
        Ok(array)
    }

    /// Values as [`load`](Self::load) gives them, as chunks of this array.
    pub(crate) fn encoded(&self, mut values: Vec<u8>) -> Result<ChunkRefs, Refusal> {
        let length = self.chunk_length()?;
        // Turning bytes round twice gives them back: values are little, chunks are as the element says.
        element::make_little(self.element, &mut values);
        let mut chunks = ChunkRefs::new(&self.shape, self.chunk_shape.clone())?;
        for index in 0..chunks.capacity() {
            let at = chunks.position(index);
            let bytes = cut(&values, &self.shape, &self.chunk_shape, &at, self.element.size().unwrap_or(1), self.fill.as_deref(), length);
            let encoded = encode(&self.codecs, 0, &bytes).map_err(|e| Refusal::new(Reason::Codec, e))?;
            chunks.push_inline(index, encoded.into(), 0)?;
        }
        Ok(chunks)
    }

    /// Everything but the values.
    pub(crate) fn clone_without_values(&self) -> Self {
        Self {
            name: self.name.clone(),
            dimensions: self.dimensions.clone(),
            shape: self.shape.clone(),
            chunk_shape: self.chunk_shape.clone(),
            element: self.element,
            fill: self.fill.clone(),
            codecs: self.codecs.clone(),
            attributes: self.attributes.clone(),
            values: Values::Chunks(Vec::new()),
        }
    }

    /// Encodes the chunks that no reader could decode as they are: a Zarr reader undoes all codecs, and expects whole chunks.
    async fn encode_anew(&mut self, fetch: &dyn Fetch) -> Checked<()> {
        let Values::Chunks(parts) = &self.values else { return Ok(Ok(())) };
        let mut repaired = Vec::with_capacity(parts.len());
        for part in parts {
            let cut = part.chunks.short_last() && self.shape.iter().zip(&self.chunk_shape).any(|(s, c)| s % c != 0);
            if !cut && part.chunks.masked().next().is_none() {
                repaired.push(part.clone());
                continue;
            }
            let length = checked!(self.chunk_length());
            let mut chunks = checked!(ChunkRefs::new(&self.shape, self.chunk_shape.clone()));
            for chunk in part.chunks.iter() {
                let is_cut = cut && extent(&self.shape, &self.chunk_shape, &part.chunks.position(chunk.index)) != self.chunk_shape;
                let pushed = match &chunk.place {
                    Place::Reference(r) if chunk.filter_mask == 0 && !is_cut => chunks.push(chunk.index, r.url, r.offset, r.length, 0),
                    Place::Inline(bytes) if chunk.filter_mask == 0 && !is_cut => chunks.push_inline(chunk.index, (*bytes).clone(), 0),
                    _ => {
                        let bytes = checked!(self.decoded(part, &chunk, length, fetch).await?);
                        let encoded = checked!(encode(&self.codecs, 0, &bytes).map_err(|e| Refusal::new(Reason::Codec, e)));
                        chunks.push_inline(chunk.index, encoded.into(), 0)
                    }
                };
                checked!(pushed);
            }
            repaired.push(Part { at: part.at.clone(), chunks: Arc::new(chunks), origin: Arc::clone(&part.origin) });
        }
        self.values = Values::Chunks(repaired);
        Ok(Ok(()))
    }

    /// The elements of a whole chunk, in their own byte order.
    async fn decoded(&self, part: &Part, chunk: &Chunk<'_>, length: usize, fetch: &dyn Fetch) -> Checked<Vec<u8>> {
        let encoded = match &chunk.place {
            Place::Inline(bytes) => (*bytes).clone(),
            Place::Reference(r) => {
                let fetched = fetch.bytes(r.url, r.offset, r.length).await;
                fetched.map_err(|cause| Error::Fetch { url: Arc::clone(r.url), offset: r.offset, length: r.length, cause })?
            }
        };
        let at = part.chunks.position(chunk.index);
        let stored = if part.chunks.short_last() { extent(&self.shape, &self.chunk_shape, &at) } else { self.chunk_shape.clone() };
        let size = self.element.size().unwrap_or(1);
        let stored_length = stored.iter().product::<u64>() as usize * size;
        let decoded = decode(&self.codecs, chunk.filter_mask, &encoded, stored_length);
        let decoded = checked!(decoded.map_err(|e| Refusal::new(Reason::Inconsistent, format!("chunk {at:?}: {e}"))));
        if stored == self.chunk_shape {
            return Ok(Ok(decoded));
        }
        let mut whole = element::filled(self.fill.as_deref(), length);
        place(&mut whole, &self.chunk_shape, &decoded, &stored, &vec![0; stored.len()], size);
        Ok(Ok(whole))
    }
}

pub(crate) fn unknown() -> Arc<Origin> {
    Arc::new(Origin { url: "".into(), size: None, etag: None, last_modified: None })
}

/// The part of a chunk that lies inside the array.
fn extent(shape: &[u64], chunk_shape: &[u64], at: &[u64]) -> Vec<u64> {
    shape.iter().zip(chunk_shape).zip(at).map(|((size, chunk), i)| (*chunk).min(size - i * chunk)).collect()
}

/// Calls `copy(range of the array, range of the chunk)` in elements, for each row of a chunk that lies inside the array.
fn rows(shape: &[u64], chunk_shape: &[u64], at: &[u64], mut copy: impl FnMut(Range<usize>, Range<usize>)) {
    let inside = extent(shape, chunk_shape, at);
    let Some((row, outer)) = inside.split_last() else {
        copy(0..1, 0..1);
        return;
    };
    if inside.contains(&0) {
        return;
    }
    let mut index = vec![0; outer.len()];
    loop {
        let (mut in_array, mut in_chunk) = (0, 0);
        for (axis, i) in index.iter().chain([&0]).enumerate() {
            in_array = in_array * shape[axis] + at[axis] * chunk_shape[axis] + i;
            in_chunk = in_chunk * chunk_shape[axis] + i;
        }
        copy(in_array as usize..(in_array + row) as usize, in_chunk as usize..(in_chunk + row) as usize);
        let Some(axis) = (0..outer.len()).rev().find(|axis| index[*axis] + 1 < outer[*axis]) else { return };
        index[axis] += 1;
        index[axis + 1..].fill(0);
    }
}

fn place(array: &mut [u8], shape: &[u64], chunk: &[u8], chunk_shape: &[u64], at: &[u64], size: usize) {
    rows(shape, chunk_shape, at, |a, c| array[a.start * size..a.end * size].copy_from_slice(&chunk[c.start * size..c.end * size]));
}

/// Copies the part `from..to` of each axis of one array to `start` of another, row by row; places are `(start, from, to)`.
pub(crate) fn paste(into: &mut [u8], shape: &[u64], values: &[u8], from_shape: &[u64], places: &[(u64, u64, u64)], size: usize) {
    let counts: Vec<u64> = places.iter().map(|(_, from, to)| to - from).collect();
    rows(&counts, &counts, &vec![0; counts.len()], |block, _| {
        let mut index = block.start as u64;
        let (mut to, mut from, mut steps) = (0, 0, (1, 1));
        for axis in (0..counts.len()).rev() {
            let i = index % counts[axis];
            index /= counts[axis];
            to += (places[axis].0 + i) * steps.0;
            from += (places[axis].1 + i) * steps.1;
            steps = (steps.0 * shape[axis], steps.1 * from_shape[axis]);
        }
        let (to, from, length) = (to as usize * size, from as usize * size, block.len() * size);
        into[to..to + length].copy_from_slice(&values[from..from + length]);
    });
}

fn cut(array: &[u8], shape: &[u64], chunk_shape: &[u64], at: &[u64], size: usize, fill: Option<&[u8]>, length: usize) -> Vec<u8> {
    let mut chunk = element::filled(fill, length);
    rows(shape, chunk_shape, at, |a, c| chunk[c.start * size..c.end * size].copy_from_slice(&array[a.start * size..a.end * size]));
    chunk
}

fn too_large() -> Refusal {
    Refusal::new(Reason::Layout, format!("it is too large to be loaded (more than {} MiB)", MOST >> 20))
}

/// Fills each text up with zero bytes.
fn trim(element: Element, values: &mut [u8]) {
    let Element::Text { bytes, padding } = element else { return };
    for text in values.chunks_exact_mut((bytes as usize).max(1)) {
        let length = match padding {
            Padding::NullTerminated => text.iter().position(|b| *b == 0).unwrap_or(text.len()),
            Padding::Null => text.len(),
            Padding::Space => text.iter().rposition(|b| *b != b' ').map_or(0, |last| last + 1),
        };
        text[length..].fill(0);
    }
}
