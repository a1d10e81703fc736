use std::ops::Range;

use async_tiff::reader::Endianness;
use cube_backend::{Error, Result};

use super::{
    Head,
    directory::{Directory, Field, FieldType, tag, unsigned},
};

/// Most directories that are looked at; what follows in a file of very many pages are no overviews.
const MAX_DIRECTORIES: usize = 1024;
/// What is read at once where a directory starts.
const DIRECTORY: u64 = 16 * 1024;
/// What is read before it: some writers put the values of a directory there.
const BEFORE: u64 = 8 * 1024;

/// Classic TIFF or BigTIFF, and its byte order.
#[derive(Clone, Copy)]
struct Form {
    order: Endianness,
    big: bool,
}

impl Form {
    fn count_size(self) -> u64 {
        if self.big { 8 } else { 2 }
    }

    fn entry_size(self) -> u64 {
        if self.big { 20 } else { 12 }
    }

    fn offset_size(self) -> u64 {
        if self.big { 8 } else { 4 }
    }
}

/// An entry of a directory whose values may not have been read yet.
struct Entry {
    tag: u16,
    kind: FieldType,
    values: Range<u64>,
}

/// Reads the first directory and all those of reduced images and masks.
pub(crate) async fn read(head: &mut Head<'_>) -> Result<Vec<Directory>> {
    let (form, mut next) = start(head)?;
    let mut visited = Vec::new();
    let mut found: Vec<Vec<Entry>> = Vec::new();
    while next != 0 && visited.len() < MAX_DIRECTORIES {
        if visited.contains(&next) {
            return Err(Error::corrupt(format!("the directories of `{}` form a loop at byte {next}", head.name())));
        }
        visited.push(next);
        let (entries, after) = match directory(head, form, next, &found).await {
            Ok(read) => read,
            // GDAL opens a file whose later directories are damaged, without overviews.
            Err(error) if !found.is_empty() && error.kind() == cube_backend::Kind::Corrupt => {
                tracing::warn!(file = head.name(), %error, "a directory after the first cannot be read; it is left out");
                break;
            }
            Err(error) => return Err(error),
        };
        if found.is_empty() || is_part_of_first(head, form, &entries) {
            found.push(entries);
        }
        next = after;
    }
    let ranges: Vec<_> = found.iter().flatten().map(|e| e.values.clone()).collect();
    head.need(&ranges, false).await?;
    found.into_iter().map(|entries| resolve(head, form, entries)).collect()
}

/// Byte order, form, and where the first directory lies.
fn start(head: &Head<'_>) -> Result<(Form, u64)> {
    let not_tiff = || Error::corrupt(format!("`{}` is not a TIFF file", head.name()));
    let bytes = head.get(&(0..16.min(head.size()))).filter(|b| b.len() >= 8).ok_or_else(not_tiff)?;
    let order = match &bytes[..2] {
        b"II" => Endianness::LittleEndian,
        b"MM" => Endianness::BigEndian,
        _ => return Err(not_tiff()),
    };
    match unsigned(&bytes[2..4], order) {
        42 => Ok((Form { order, big: false }, unsigned(&bytes[4..8], order))),
        43 if bytes.len() == 16 && unsigned(&bytes[4..6], order) == 8 && unsigned(&bytes[6..8], order) == 0 => {
            Ok((Form { order, big: true }, unsigned(&bytes[8..16], order)))
        }
        _ => Err(not_tiff()),
    }
}

/// The entries of one directory, and where the next one lies (0: nowhere). Values that are still to be read travel in the same requests.
async fn directory(head: &mut Head<'_>, form: Form, at: u64, pending: &[Vec<Entry>]) -> Result<(Vec<Entry>, u64)> {
    let (name, size) = (head.name().to_owned(), head.size());
    let beyond = || Error::corrupt(format!("a directory of `{name}` at byte {at} reaches beyond the end of the file"));
    let after = |n: u64| at.checked_add(n).filter(|end| *end <= size).ok_or_else(beyond);
    let minimum = at..after(form.count_size())?;
    if head.get(&minimum).is_none() {
        let mut ranges: Vec<_> = pending.iter().flatten().map(|e| e.values.clone()).collect();
        ranges.push(at.saturating_sub(BEFORE)..at.saturating_add(DIRECTORY).min(head.size()));
        head.need(&ranges, true).await?;
    }
    let count = unsigned(&head.get(&minimum).ok_or_else(beyond)?, form.order);
    if count == 0 || count > u64::from(u16::MAX) {
        return Err(Error::corrupt(format!("a directory of `{name}` at byte {at} has {count} entries")));
    }
    let entries_at = at + form.count_size();
    let link_at = entries_at + count * form.entry_size();
    let whole = at..link_at.checked_add(form.offset_size()).ok_or_else(beyond)?;
    // Some writers end the file without the link to a next directory.
    let table = if whole.end <= head.size() { whole } else { at..link_at };
    head.need(std::slice::from_ref(&table), true).await?;
    let bytes = head.get(&table).ok_or_else(beyond)?;
    let rows = &bytes[form.count_size() as usize..(link_at - at) as usize];
    let mut entries = Vec::new();
    for (i, row) in rows.chunks_exact(form.entry_size() as usize).enumerate() {
        let row_at = entries_at + i as u64 * form.entry_size();
        entries.extend(entry(head, form, row, row_at)?.filter(|e| tag::READ.contains(&e.tag)));
    }
    let link = bytes.get((link_at - at) as usize..).filter(|b| !b.is_empty()).map_or(0, |b| unsigned(b, form.order));
    Ok((entries, link))
}

/// One entry; `None` where its type is not known.
fn entry(head: &Head<'_>, form: Form, row: &[u8], row_at: u64) -> Result<Option<Entry>> {
    let tag = unsigned(&row[..2], form.order) as u16;
    let Some(kind) = FieldType::parse(unsigned(&row[2..4], form.order) as u16) else { return Ok(None) };
    let (count, inline) = row[4..].split_at(form.offset_size() as usize);
    let wrong = |what: &str| Error::corrupt(format!("tag {tag} of `{}` {what}", head.name()));
    let size = unsigned(count, form.order).checked_mul(kind.size()).ok_or_else(|| wrong("has an absurd length"))?;
    let start = if size <= form.offset_size() { row_at + 4 + form.offset_size() } else { unsigned(inline, form.order) };
    let end = start.checked_add(size).filter(|end| *end <= head.size());
    match end {
        Some(end) => Ok(Some(Entry { tag, kind, values: start..end })),
        None if !tag::READ.contains(&tag) => Ok(None),
        None => Err(wrong("lies beyond the end of the file")),
    }
}

/// Whether a directory holds an overview or a mask, to judge by its subfile type.
fn is_part_of_first(head: &Head<'_>, form: Form, entries: &[Entry]) -> bool {
    entries.iter().any(|e| {
        let value = head.get(&e.values).map_or(0, |b| unsigned(&b[..b.len().min(e.kind.size() as usize)], form.order));
        match e.tag {
            tag::NEW_SUBFILE_TYPE => value & 0b101 != 0,
            tag::SUBFILE_TYPE => value == 2,
            _ => false,
        }
    })
}

fn resolve(head: &Head<'_>, form: Form, entries: Vec<Entry>) -> Result<Directory> {
    let fields = entries.into_iter().map(|e| {
        let bytes = head.get(&e.values).ok_or_else(|| Error::corrupt(format!("tag {} of `{}` cannot be read", e.tag, head.name())))?;
        Ok(Field { tag: e.tag, kind: e.kind, bytes })
    });
    Ok(Directory { order: form.order, fields: fields.collect::<Result<_>>()? })
}
