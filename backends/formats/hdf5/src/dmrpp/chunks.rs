//! The `chunks` element of every generation, and what of it is outside of one.

use std::{borrow::Cow, sync::Arc};

use cube_manifest::{ChunkRefs, Endian, Reason, Refusal};

use super::{
    error::{Error, Fault},
    location::Files,
    xml::{Cursor, Tag, shortened},
};

/// Where the values of a variable lie, as it is written.
#[derive(Default)]
pub(super) struct Layout {
    pub(super) filters: String,
    pub(super) levels: String,
    pub(super) fill: Option<String>,
    pub(super) endian: Option<Endian>,
    pub(super) struct_offsets: bool,
    /// Elements of a chunk along each dimension; `None` when contiguous.
    pub(super) chunk_shape: Option<Vec<u64>>,
    pieces: Vec<Piece>,
    /// First element of each piece along each dimension, one piece after the other.
    positions: Vec<u64>,
    /// Whether the pieces are parts of one contiguous array.
    blocks: bool,
    linked: bool,
}

/// A range of bytes of a file.
struct Piece {
    file: Arc<str>,
    offset: u64,
    length: u64,
    filter_mask: u32,
    /// Numbers in `positions`.
    rank: u32,
}

impl Layout {
    /// Reads the open `chunks` element to its end. What is wrong with the variable alone becomes its refusal.
    pub(super) fn read<'x>(&mut self, cursor: &mut Cursor<'x>, tag: &Tag<'x>, files: &mut Files, refuse: &mut Refuse) -> Result<(), Error> {
        tag.attributes(cursor, |name, value| {
            match name {
                "compressionType" => self.filters = value.into_owned(),
                "deflateLevel" | "deflate_level" => self.levels = value.into_owned(),
                "fillValue" => self.fill = Some(value.into_owned()),
                "byteOrder" | "byteOrde" => self.endian = refuse.value(byte_order(&value)),
                "structOffset" => self.struct_offsets = true,
                "LBChunk" => self.linked = value == "true",
                _ => {}
            }
            Ok(())
        })?;
        cursor.children(|cursor, tag| match tag.name() {
            "chunkDimensionSizes" => {
                let sizes = cursor.text()?;
                let shape = sizes.split_ascii_whitespace().map(|size| cursor.number("chunkDimensionSizes", size)).collect::<Result<_, _>>()?;
                // The element is there, and empty, for scalars of some generations.
                self.chunk_shape = Some(shape).filter(|s: &Vec<u64>| !s.is_empty());
                Ok(())
            }
            "chunk" | "byteStream" => self.read_chunk(cursor, tag, files, refuse),
            "block" => {
                self.blocks = true;
                self.read_chunk(cursor, tag, files, refuse)
            }
            _ => cursor.skip(),
        })
    }

    /// Reads the open `chunk`, `byteStream` or `block` element to its end.
    pub(super) fn read_chunk<'x>(&mut self, cursor: &mut Cursor<'x>, tag: &Tag<'x>, files: &mut Files, refuse: &mut Refuse) -> Result<(), Error> {
        let [offset, length, position, mask, href, link] =
            tag.values(cursor, ["offset", "nBytes", "chunkPositionInArray", "fm", "href", "LinkedBlockIndex"])?;
        let required = |value: Option<Cow<'_, str>>, name| {
            let value = value.ok_or_else(|| cursor.error(Fault::Missing(name)))?;
            cursor.number(name, &value)
        };
        let (offset, length) = (required(offset, "offset")?, required(length, "nBytes")?);
        let filter_mask = match mask {
            Some(mask) if !mask.is_empty() => {
                let wide = cursor.number("fm", &mask)?;
                u32::try_from(wide).map_err(|_| cursor.error(Fault::Number { what: "fm", value: shortened(&mask) }))?
            }
            _ => 0,
        };
        let link = link.map_or(Ok(0), |l| cursor.number("LinkedBlockIndex", &l))?;
        let before = self.positions.len();
        read_position(cursor, position.as_deref().unwrap_or_default(), &mut self.positions)?;
        let file = match href {
            Some(href) => refuse.value(files.chunk_file(&href)),
            None => Some(Arc::clone(&files.main)),
        };
        if let Some(file) = file {
            if let Some(size) = files.size(&file).filter(|size| offset.checked_add(length).is_none_or(|end| end > *size)) {
                return Err(cursor.error(Fault::Beyond { offset, length, size }));
            }
            let rank = (self.positions.len() - before) as u32;
            let piece = Piece { file, offset, length, filter_mask, rank };
            if self.linked && link > 0 {
                self.positions.truncate(before);
                refuse.value(self.append(&piece));
            } else {
                self.pieces.push(piece);
            }
        }
        cursor.skip()
    }

    /// Lengthens the last piece by one that follows it in the file.
    fn append(&mut self, next: &Piece) -> Result<(), Refusal> {
        match self.pieces.last_mut() {
            Some(last) if last.file == next.file && last.offset.checked_add(last.length) == Some(next.offset) => {
                last.length = last.length.checked_add(next.length).ok_or_else(|| Refusal::new(Reason::Inconsistent, "a chunk beyond 2⁶⁴ bytes"))?;
                Ok(())
            }
            _ => Err(Refusal::new(Reason::Layout, "a chunk in several pieces of the file")),
        }
    }

    /// Bytes of the only chunk, when there is one.
    pub(super) fn only_length(&self) -> Option<u64> {
        match self.pieces.as_slice() {
            [piece] => Some(piece.length),
            _ => None,
        }
    }

    /// Whether it lists any chunk.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(super) fn has_masks(&self) -> bool {
        self.pieces.iter().any(|p| p.filter_mask != 0)
    }

    /// The references of an array of some shape.
    ///
    /// `length_of` gives the bytes of a chunk of so many elements, when the codecs do not hide it.
    pub(super) fn references(mut self, shape: &[u64], length_of: impl Fn(u64, u32) -> Option<u64>) -> Result<ChunkRefs, Refusal> {
        if self.blocks {
            self.join_blocks()?;
        }
        let Some(chunk_shape) = self.chunk_shape.take() else { return self.contiguous(shape, length_of) };
        let mut references = ChunkRefs::new(shape, chunk_shape.clone())?;
        let elements = chunk_shape.iter().try_fold(1_u64, |n, size| n.checked_mul(*size)).unwrap_or(u64::MAX);
        let mut indexed = Vec::with_capacity(self.pieces.len());
        let mut positions = self.positions.as_slice();
        for (number, piece) in self.pieces.iter().enumerate() {
            let (at, rest) = positions.split_at(piece.rank as usize);
            positions = rest;
            check_length(piece, length_of(elements, piece.filter_mask))?;
            indexed.push((index_of(&references, &chunk_shape, at)?, number));
        }
        // Chunks that come in any other order would each move all that follow.
        if !indexed.is_sorted() {
            indexed.sort_unstable();
        }
        for (index, number) in indexed {
            let piece = &self.pieces[number];
            references.push(index, &piece.file, piece.offset, piece.length, piece.filter_mask)?;
        }
        Ok(references)
    }

    fn contiguous(&self, shape: &[u64], length_of: impl Fn(u64, u32) -> Option<u64>) -> Result<ChunkRefs, Refusal> {
        let mut references = ChunkRefs::new(shape, shape.iter().map(|size| (*size).max(1)).collect())?;
        match self.pieces.as_slice() {
            [] => {}
            _ if references.capacity() == 0 => {}
            [_] if self.positions.iter().any(|at| *at != 0) => {
                return Err(Refusal::new(Reason::Inconsistent, format!("a contiguous array whose only chunk is at {:?}", self.positions)));
            }
            [piece] => {
                check_length(piece, length_of(shape.iter().product(), piece.filter_mask))?;
                references.push(0, &piece.file, piece.offset, piece.length, piece.filter_mask)?;
            }
            pieces => return Err(Refusal::new(Reason::Inconsistent, format!("{} chunks without the shape of a chunk", pieces.len()))),
        }
        Ok(references)
    }

    fn join_blocks(&mut self) -> Result<(), Refusal> {
        self.positions.clear();
        let count = self.pieces.len();
        let mut pieces = std::mem::take(&mut self.pieces).into_iter();
        self.pieces.extend(pieces.next());
        for mut piece in pieces {
            piece.rank = 0;
            self.append(&piece).map_err(|_| Refusal::new(Reason::Layout, format!("an array in {count} separate blocks of the file")))?;
        }
        self.pieces.iter_mut().for_each(|p| p.rank = 0);
        Ok(())
    }
}

/// The first refusal of a variable, which is the one that it gets.
#[derive(Default)]
pub(super) struct Refuse(Option<Refusal>);

impl Refuse {
    /// The value, or `None` with its refusal kept.
    pub(super) fn value<T>(&mut self, result: Result<T, Refusal>) -> Option<T> {
        result.map_err(|refusal| self.0.get_or_insert(refusal)).ok()
    }

    pub(super) fn take(&mut self) -> Option<Refusal> {
        self.0.take()
    }
}

fn byte_order(value: &str) -> Result<Endian, Refusal> {
    match value {
        "LE" => Ok(Endian::Little),
        "BE" => Ok(Endian::Big),
        other => Err(Refusal::new(Reason::Inconsistent, format!("byte order `{}`", shortened(other)))),
    }
}

/// Reads `[a,b,…]`, in elements.
fn read_position(cursor: &Cursor<'_>, text: &str, positions: &mut Vec<u64>) -> Result<(), Error> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(());
    }
    let wrong = || cursor.error(Fault::Number { what: "chunkPositionInArray", value: shortened(text) });
    let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).ok_or_else(wrong)?;
    for at in inner.split(',').filter(|_| !inner.trim().is_empty()) {
        positions.push(cursor.number("chunkPositionInArray", at)?);
    }
    Ok(())
}

fn index_of(references: &ChunkRefs, chunk_shape: &[u64], at: &[u64]) -> Result<u64, Refusal> {
    let wrong =
        |what: &str| Refusal::new(Reason::Inconsistent, format!("a chunk at {at:?} {what} {:?} chunks of {chunk_shape:?}", references.grid()));
    if at.is_empty() && references.capacity() == 1 {
        return Ok(0);
    }
    if at.len() != chunk_shape.len() {
        return Err(wrong("in a grid of"));
    }
    let mut index = 0;
    for ((at, size), count) in at.iter().zip(chunk_shape).zip(references.grid()) {
        if at % size != 0 {
            return Err(wrong("which is no corner of"));
        }
        if at / size >= *count {
            return Err(wrong("outside of"));
        }
        index = index * count + at / size;
    }
    Ok(index)
}

fn check_length(piece: &Piece, expected: Option<u64>) -> Result<(), Refusal> {
    match expected {
        Some(expected) if expected != piece.length => {
            Err(Refusal::new(Reason::Inconsistent, format!("{} bytes at {} where its shape asks for {expected}", piece.length, piece.offset)))
        }
        _ => Ok(()),
    }
}
