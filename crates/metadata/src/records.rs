//! Records of long documents, block by block: memory holds one block and the longest record, whatever the length of the document.

use std::io::{self, Read};

use crate::{MetadataError, Raw, json, umm};

/// Bytes that are read at once.
const BLOCK: usize = 4 << 20;
/// A word, an escape or a number that the end of a block cuts begins no farther before it.
const LONGEST_WORD: usize = 32;

/// Reads documents of records: one record; a list of them; an answer of CMR (`items`); an ItemCollection (`features`); collections as an API lists them
/// (`collections`); or any of these one after the other, as in NDJSON.
///
/// ```
/// use cube_metadata::RecordReader;
///
/// let document = br#"{"hits": 2, "items": [{"umm": {"GranuleUR": "A"}}, {"umm": {"ShortName": "B"}}], "took": 3}"#;
/// let mut reader = RecordReader::new(document.as_slice());
/// let mut found = Vec::new();
/// while let Some(mut block) = reader.next_block()? {
///     while let Some(record) = block.granule() {
///         found.push(record?.map(|granule| granule.id.into_owned()).map_err(|raw| raw.as_str().to_owned()));
///     }
/// }
/// assert_eq!(found, [Ok("A".to_owned()), Err(r#"{"umm": {"ShortName": "B"}}"#.to_owned())]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RecordReader<R> {
    input: R,
    buffer: Vec<u8>,
    /// What of the buffer was handed out.
    used: usize,
    /// What came before the buffer.
    passed: usize,
    /// Bytes that are read at once; more, after a record that did not fit.
    block: usize,
    is_whole: bool,
    place: Place,
}

/// Where in the documents the next record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between documents.
    Outside,
    /// In a list.
    List { is_first: bool, list: List },
    /// An error ended the reading.
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    /// The list is the document.
    Bare,
    /// The list stands in an object.
    Field,
}

impl<R: Read> RecordReader<R> {
    /// Nothing is read yet.
    pub fn new(input: R) -> Self {
        Self { input, buffer: Vec::new(), used: 0, passed: 0, block: BLOCK, is_whole: false, place: Place::Outside }
    }

    /// Blocks of another length.
    #[cfg(test)]
    fn with_block(input: R, block: usize) -> Self {
        Self { block, ..Self::new(input) }
    }

    /// The records that the next part of the documents holds, perhaps none; `None` at the end. Records of a block that were not taken come again.
    ///
    /// # Errors
    /// Those of the input.
    pub fn next_block(&mut self) -> io::Result<Option<RecordBlock<'_>>> {
        if self.place == Place::Failed {
            return Ok(None);
        }
        if self.used == 0 && !self.buffer.is_empty() {
            self.block = self.block.max(2 * self.buffer.len());
        }
        self.passed += self.used;
        self.buffer.drain(..self.used);
        self.used = 0;
        if !self.is_whole {
            let wanted = self.block.saturating_sub(self.buffer.len());
            let came = self.input.by_ref().take(wanted as u64).read_to_end(&mut self.buffer)?;
            self.is_whole = came < wanted;
        }
        if self.passed == 0 && self.buffer.starts_with(b"\xEF\xBB\xBF") {
            self.passed = 3;
            self.buffer.drain(..3);
        }
        if self.is_whole && self.buffer.trim_ascii().is_empty() && self.place == Place::Outside {
            return Ok(None);
        }
        let (text, next) = match simdutf8::compat::from_utf8(&self.buffer) {
            Ok(text) => (text, if self.is_whole { Next::Nothing } else { Next::Bytes }),
            Err(e) => {
                let is_cut = e.error_len().is_none() && !self.is_whole;
                let text = simdutf8::compat::from_utf8(&self.buffer[..e.valid_up_to()]).unwrap_or_default();
                (text, if is_cut { Next::Bytes } else { Next::NoText })
            }
        };
        Ok(Some(RecordBlock { reader: json::Reader::new(text), text, next, passed: self.passed, used: &mut self.used, place: &mut self.place }))
    }
}

/// What follows a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// More of the documents.
    Bytes,
    Nothing,
    /// A byte that is no text.
    NoText,
}

/// Records that are in memory, each in its turn.
#[derive(Debug)]
pub struct RecordBlock<'b> {
    reader: json::Reader<'b>,
    text: &'b str,
    next: Next,
    passed: usize,
    used: &'b mut usize,
    place: &'b mut Place,
}

impl<'b> RecordBlock<'b> {
    /// The next record as a granule, or as it stands when it is none. `None` when the rest is not in memory, and after an error.
    pub fn granule(&mut self) -> Option<Result<Result<umm::Granule<'b>, Raw<'b>>, MetadataError>> {
        self.step(|reader| {
            let start = reader.at();
            match umm::Granule::read(reader) {
                Ok(granule) => Ok(Ok(granule)),
                Err(_) => {
                    reader.back_to(start);
                    reader.raw().map(Err)
                }
            }
        })
    }

    /// The next record as it stands. `None` when the rest is not in memory, and after an error.
    pub fn raw(&mut self) -> Option<Result<Raw<'b>, MetadataError>> {
        self.step(json::Reader::raw)
    }

    fn step<T>(&mut self, read: impl FnOnce(&mut json::Reader<'b>) -> json::Result<T>) -> Option<Result<T, MetadataError>> {
        let (start, place) = (self.reader, *self.place);
        if place == Place::Failed {
            return None;
        }
        let found = self.find().and_then(|found| found.then(|| read(&mut self.reader)).transpose());
        let left = self.text.len() - self.reader.at();
        let is_doubtful = match &found {
            // A number may go on behind the end.
            Ok(Some(_)) => left == 0 && !self.text.ends_with(['}', ']', '"']),
            Ok(None) => self.next == Next::NoText,
            Err(_) => left < LONGEST_WORD,
        };
        match (found, self.next) {
            (_, Next::Bytes) if is_doubtful => {
                (self.reader, *self.place) = (start, place);
                None
            }
            (_, Next::NoText) if is_doubtful => Some(Err(self.fail(self.text.len(), "a byte that is not UTF-8"))),
            (Ok(found), _) => {
                *self.used = self.reader.at();
                found.map(Ok)
            }
            (Err(fault), _) => Some(Err(self.fail(self.reader.at(), fault.message()))),
        }
    }

    fn fail(&mut self, at: usize, message: &'static str) -> MetadataError {
        *self.place = Place::Failed;
        MetadataError::Json { at: self.passed + at, message }
    }

    /// Steps to the next record, if there is one before the end.
    fn find(&mut self) -> json::Result<bool> {
        loop {
            match *self.place {
                Place::Failed => return Ok(false),
                Place::Outside if self.reader.end().is_ok() => return Ok(false),
                Place::Outside => match self.open()? {
                    Some(list) => *self.place = Place::List { is_first: true, list },
                    None => return Ok(true),
                },
                Place::List { is_first, list } => {
                    let more = if is_first { !self.reader.close_array() } else { self.reader.next_item()? };
                    if more {
                        *self.place = Place::List { is_first: false, list };
                        return Ok(true);
                    }
                    if list == List::Field {
                        self.reader.close_object()?;
                    }
                    *self.place = Place::Outside;
                }
            }
        }
    }

    /// Steps into the list of a document; `None`, and no step, when the document is a record itself.
    fn open(&mut self) -> json::Result<Option<List>> {
        if self.reader.open_array() {
            return Ok(Some(List::Bare));
        }
        let (mut ahead, mut is_list) = (self.reader, false);
        let read = ahead.fields_until(|reader, key| {
            Ok(match key.as_ref() {
                "umm" | "GranuleUR" => true,
                "items" | "features" | "collections" if reader.open_array() => {
                    is_list = true;
                    true
                }
                "type" => matches!(reader.raw()?.as_str(), "\"Feature\"" | "\"Collection\""),
                _ => {
                    reader.raw()?;
                    false
                }
            })
        });
        if is_list || read.is_err() {
            self.reader = ahead;
        }
        read.map(|_| is_list.then_some(List::Field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read from a document in blocks of a length.
    fn read(document: &[u8], block: usize) -> (Vec<String>, Option<MetadataError>) {
        let mut reader = RecordReader::with_block(document, block);
        let (mut records, mut failed) = (Vec::new(), None);
        while let Some(mut block) = reader.next_block().expect("bytes") {
            while let Some(record) = block.raw() {
                match record {
                    Ok(raw) => records.push(raw.as_str().to_owned()),
                    Err(e) => failed = Some(e),
                }
            }
        }
        (records, failed)
    }

    #[test]
    fn documents_are_read_in_blocks_of_any_length() {
        let record = r#"{"umm": {"GranuleUR": "Ä \u00e4 \"]}", "n": [1.5e-3, true, null]}}"#;
        let item = r#"{"stac_version": "1.1.0", "type": "Feature", "features": [1]}"#;
        for (document, expected) in [
            (String::new(), vec![]),
            (" \n".into(), vec![]),
            ("[]".into(), vec![]),
            (r#"{"hits": 0, "items": []}"#.into(), vec![]),
            (record.into(), vec![record]),
            (format!("\u{feff}{record}\n{record}\n"), vec![record; 2]),
            (format!("[{record},\n {record}]"), vec![record; 2]),
            (format!(r#"{{"hits": 12, "items": [{record}, {record}], "took": 12, "more": {{"x": [{record}]}}}}"#), vec![record; 2]),
            (format!(r#"{{"type": "FeatureCollection", "features": [{item}], "links": []}} {{"features": [{item}]}}"#), vec![item; 2]),
            (item.into(), vec![item]),
            (format!(r#"{{"type": "FeatureCollection", "meta": {{"found": 1}}, "features": [{item}]}}"#), vec![item]),
            (r#"{"collections": "none"}"#.into(), vec![r#"{"collections": "none"}"#]),
            ("12 13".into(), vec!["12", "13"]),
            ("[true, 12, \"a\"]".into(), vec!["true", "12", "\"a\""]),
        ] {
            for block in 1..document.len() + 2 {
                assert_eq!(read(document.as_bytes(), block), (expected.iter().map(|r| (*r).to_owned()).collect(), None), "{block}: {document}");
            }
        }
    }

    #[test]
    fn what_is_broken_is_told_where_it_is() {
        for (document, records, at) in [
            (&b"{\"umm\": {}} {\"umm\""[..], 1, 18),
            (b"[{}, {}", 2, 7),
            (b"{\"items\": [{}, {}]", 2, 18),
            (b"[{}, oops]", 1, 5),
            (b"{} {\"a\": \"\xff\"}", 1, 10),
            (b"{} \xff", 1, 3),
            (b"\xef\xbb\xbf{} }", 1, 6),
            (b"[{}] ]", 1, 5),
        ] {
            for block in 1..document.len() + 2 {
                let (found, failed) = read(document, block);
                let Some(MetadataError::Json { at: found_at, .. }) = failed else { unreachable!("{}", document.escape_ascii()) };
                assert_eq!((found.len(), found_at), (records, at), "{block}: {}", document.escape_ascii());
            }
        }
    }
}
