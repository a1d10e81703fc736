//! An answer of CMR, read record by record.

use super::{Granule, read};
use crate::{MetadataError, Raw, json};

/// A page of an answer in `umm_json`: `{"hits": …, "took": …, "items": […]}`. A bare record, a list of records and NDJSON are read as pages too.
///
/// ```
/// use cube_metadata::umm::Page;
///
/// let page = Page::parse(br#"{"hits": 2, "took": 5, "items": [{"umm": {"GranuleUR": "A"}}, {"umm": {}}]}"#)?;
/// assert_eq!(page.hits(), Some(2));
/// let granules: Vec<_> = page.granules().collect();
/// assert_eq!(granules[0].as_ref().map(|g| g.id.as_ref()), Ok("A"));
/// assert!(granules[1].is_err());
/// # Ok::<(), cube_metadata::MetadataError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    hits: Option<u64>,
    /// Before the first record, or before the end of the list.
    records: json::Reader<'a>,
    listed: bool,
}

impl<'a> Page<'a> {
    /// Finds the records; they are read when they are asked for.
    ///
    /// # Errors
    /// When the bytes do not begin as a page or a record does.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, MetadataError> {
        let start = json::Reader::new(json::whole(bytes)?);
        let mut reader = start;
        if reader.open_array() {
            return Ok(Self { hits: None, records: reader, listed: true });
        }
        let mut hits = None;
        let mut records = None;
        // What stands behind the records is not looked at here: they are read once, and then.
        let found = reader.fields_until(|reader, key| {
            match key.as_ref() {
                "items" if reader.open_array() => {
                    records = Some(*reader);
                    return Ok(true);
                }
                "hits" => hits = reader.attempt(json::Reader::number)?.ok().and_then(crate::Number::as_u64),
                _ => drop(reader.raw()?),
            }
            Ok(false)
        });
        let found = found.map_err(|fault| reader.error(fault))?;
        if found.is_none() {
            return Err(MetadataError::NotARecord { expected: "a page of `umm_json`", message: "it is neither an object nor a list".into() });
        }
        Ok(records.map_or(Self { hits, records: start, listed: false }, |records| Self { hits, records, listed: true }))
    }

    /// How many records match the whole search, as far as it is said before the records.
    pub fn hits(&self) -> Option<u64> {
        self.hits
    }

    /// Whether the records stand in a list, as they do in an answer of CMR.
    pub fn is_list(&self) -> bool {
        self.listed
    }

    /// The granules, each in its turn. A record that is none is an error in its place, and the next is read; after an error in the JSON itself
    /// the records end.
    pub fn granules(&self) -> Granules<'a> {
        Granules(self.records())
    }

    /// The records as they stand.
    pub fn records(&self) -> Records<'a> {
        Records { reader: self.records, state: if self.listed { State::First } else { State::Bare } }
    }

    /// The records as they stand, found by their brackets and quotes alone: what is between these is not checked, and reading a record has yet to
    /// say whether it is JSON.
    pub fn pieces(&self) -> Pieces<'a> {
        Pieces(self.records())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In a list, before the first record.
    First,
    /// In a list, after a record.
    Between,
    /// Records that follow each other without a list.
    Bare,
    End,
}

/// The records of a page as they stand.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    reader: json::Reader<'a>,
    state: State,
}

impl<'a> Records<'a> {
    /// What `read` makes of the next record; when it fails, the record is skipped.
    fn next_with<T>(&mut self, read: impl FnOnce(&mut json::Reader<'a>) -> Result<T, MetadataError>) -> Option<Result<T, MetadataError>> {
        match self.more() {
            Ok(true) => {}
            Ok(false) => {
                self.state = State::End;
                return None;
            }
            Err(fault) => {
                self.state = State::End;
                return Some(Err(self.reader.error(fault)));
            }
        }
        let start = self.reader.at();
        let record = read(&mut self.reader);
        if record.is_err() {
            self.reader.back_to(start);
            if let Err(fault) = self.reader.raw() {
                self.state = State::End;
                return Some(Err(self.reader.error(fault)));
            }
        }
        Some(record)
    }

    fn more(&mut self) -> json::Result<bool> {
        match self.state {
            State::End => Ok(false),
            State::Bare => Ok(self.reader.end().is_err()),
            State::First => {
                self.state = State::Between;
                Ok(!self.reader.close_array())
            }
            State::Between => self.reader.next_item(),
        }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Raw<'a>, MetadataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_with(|reader| reader.raw().map_err(|fault| reader.error(fault)))
    }
}

/// The records of a page as they stand, not checked.
#[derive(Debug, Clone)]
pub struct Pieces<'a>(Records<'a>);

impl<'a> Iterator for Pieces<'a> {
    type Item = Result<Raw<'a>, MetadataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_with(|reader| reader.leap().map_err(|fault| reader.error(fault)))
    }
}

/// The granules of a page.
#[derive(Debug, Clone)]
pub struct Granules<'a>(Records<'a>);

impl<'a> Iterator for Granules<'a> {
    type Item = Result<Granule<'a>, MetadataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_with(read::record)
    }
}
