//! Image file directories: tags, their values, and where everything lies (TIFF 6.0 section 2; BigTIFF as libtiff specifies it).

use super::Endian;

/// Values of one tag.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Ascii(String),
    Short(Vec<u16>),
    Long(Vec<u32>),
    Double(Vec<f64>),
    /// Offsets or counts: LONG in a classic file, LONG8 in BigTIFF.
    Size(Vec<u64>),
}

impl Value {
    /// (type code, bytes of one value, number of values).
    fn kind(&self, big: bool) -> (u16, usize, usize) {
        match self {
            Self::Ascii(text) => (2, 1, text.len() + 1),
            Self::Short(values) => (3, 2, values.len()),
            Self::Long(values) => (4, 4, values.len()),
            Self::Double(values) => (12, 8, values.len()),
            Self::Size(values) if big => (16, 8, values.len()),
            Self::Size(values) => (4, 4, values.len()),
        }
    }

    fn write(&self, out: &mut Output) {
        match self {
            Self::Ascii(text) => {
                out.bytes.extend_from_slice(text.as_bytes());
                out.bytes.push(0);
            }
            Self::Short(values) => values.iter().for_each(|value| out.short(*value)),
            Self::Long(values) => values.iter().for_each(|value| out.long(*value)),
            Self::Double(values) => values.iter().for_each(|value| out.long8(value.to_bits())),
            Self::Size(values) => values.iter().for_each(|value| out.size(*value)),
        }
    }
}

/// One directory and the encoded blocks that it describes.
#[derive(Debug)]
pub(super) struct Directory {
    /// Tags other than block offsets and counts.
    pub(super) tags: Vec<(u16, Value)>,
    /// Encoded blocks in the order of the tag; `None` is a sparse block.
    pub(super) blocks: Vec<Option<Vec<u8>>>,
    /// True for tiles (tags 324, 325), false for strips (273, 279).
    pub(super) tiled: bool,
}

impl Directory {
    /// All tags in ascending order, with blocks from `position` on (moved behind them).
    fn complete(&self, position: &mut u64) -> Vec<(u16, Value)> {
        let (mut offsets, mut counts) = (Vec::new(), Vec::new());
        for block in &self.blocks {
            let length = block.as_ref().map_or(0, Vec::len) as u64;
            offsets.push(if length == 0 { 0 } else { *position });
            counts.push(length);
            *position += length;
        }
        let (offset_tag, count_tag) = if self.tiled { (324, 325) } else { (273, 279) };
        let mut tags = self.tags.clone();
        tags.push((offset_tag, Value::Size(offsets)));
        tags.push((count_tag, Value::Size(counts)));
        tags.sort_by_key(|(tag, _)| *tag);
        tags
    }

    /// Bytes of the directory and its out-of-line values.
    fn size(&self, big: bool) -> u64 {
        let tags = self.complete(&mut 0);
        let far: usize = tags.iter().map(|(_, value)| far_size(value, big)).sum();
        (table_size(tags.len(), big) + far) as u64
    }
}

fn table_size(tags: usize, big: bool) -> usize {
    if big { 8 + 20 * tags + 8 } else { 2 + 12 * tags + 4 + (2 + 12 * tags + 4) % 2 }
}

/// Bytes of a value that does not fit into its entry, made even so that every offset is.
fn far_size(value: &Value, big: bool) -> usize {
    let (_, width, count) = value.kind(big);
    let inline = if big { 8 } else { 4 };
    if width * count <= inline { 0 } else { (width * count).next_multiple_of(2) }
}

/// Whole file: header, all directories (the first is the full image), then the blocks of the last directory first.
pub(super) fn assemble(directories: &[Directory], big: bool, endian: Endian) -> Vec<u8> {
    let header: u64 = if big { 16 } else { 8 };
    let mut position = header + directories.iter().map(|directory| directory.size(big)).sum::<u64>();
    let mut tables: Vec<_> = directories.iter().rev().map(|directory| directory.complete(&mut position)).collect();
    tables.reverse();

    let mut out = Output { bytes: Vec::with_capacity(position as usize), big, endian };
    out.header();
    for (index, table) in tables.iter().enumerate() {
        out.directory(table, index + 1 == tables.len());
    }
    directories.iter().rev().flat_map(|directory| directory.blocks.iter().flatten()).for_each(|block| out.bytes.extend_from_slice(block));
    out.bytes
}

struct Output {
    bytes: Vec<u8>,
    big: bool,
    endian: Endian,
}

impl Output {
    fn header(&mut self) {
        self.bytes.extend_from_slice(if self.endian == Endian::Little { b"II" } else { b"MM" });
        if self.big {
            [43, 8, 0].into_iter().for_each(|value| self.short(value));
            self.long8(16);
        } else {
            self.short(42);
            self.long(8);
        }
    }

    /// Writes one directory at the present position, its far values right behind it.
    fn directory(&mut self, tags: &[(u16, Value)], last: bool) {
        let mut far = self.bytes.len() + table_size(tags.len(), self.big);
        let end = far + tags.iter().map(|(_, value)| far_size(value, self.big)).sum::<usize>();
        if self.big {
            self.long8(tags.len() as u64)
        } else {
            self.short(tags.len() as u16)
        }
        for (tag, value) in tags {
            let (kind, _, count) = value.kind(self.big);
            self.short(*tag);
            self.short(kind);
            self.size(count as u64);
            let entry = self.bytes.len();
            match far_size(value, self.big) {
                0 => value.write(self),
                size => {
                    self.size(far as u64);
                    far += size;
                }
            }
            self.bytes.resize(entry + if self.big { 8 } else { 4 }, 0);
        }
        self.size(if last { 0 } else { end as u64 });
        self.bytes.resize(self.bytes.len().next_multiple_of(2), 0);
        for (_, value) in tags {
            if far_size(value, self.big) > 0 {
                value.write(self);
                self.bytes.resize(self.bytes.len().next_multiple_of(2), 0);
            }
        }
    }

    fn put<const N: usize>(&mut self, little: [u8; N]) {
        let mut bytes = little;
        if self.endian == Endian::Big {
            bytes.reverse();
        }
        self.bytes.extend_from_slice(&bytes);
    }

    fn short(&mut self, value: u16) {
        self.put(value.to_le_bytes());
    }

    fn long(&mut self, value: u32) {
        self.put(value.to_le_bytes());
    }

    fn long8(&mut self, value: u64) {
        self.put(value.to_le_bytes());
    }

    /// An offset or count in the width of the file.
    fn size(&mut self, value: u64) {
        if self.big { self.long8(value) } else { self.long(value as u32) }
    }
}
