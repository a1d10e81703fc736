use std::{collections::HashMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use cube_manifest::{ChunkRefs, Data, Element, Reason, Refusal};

use super::{Entry, Templates, inconsistent, metadata::Description};
use crate::text;

/// A longer URL is no URL.
const LONGEST_URL: usize = 8 << 10;
/// All URLs together may take so much, and so many times the document: templates make little text long.
const MOST_URLS: (usize, usize) = (64 << 20, 8);

/// Puts references to the chunks of arrays.
pub(super) struct Collector<'a> {
    numbers: HashMap<&'a str, usize>,
    arrays: Vec<Pending<'a>>,
    templates: &'a Templates,
    urls: Vec<Arc<str>>,
    known: HashMap<Arc<str>, u32>,
    /// Bytes that URLs may still take.
    room: usize,
    /// References to each URL.
    counts: Vec<u64>,
}

/// The chunks of an array as they come, in any order.
struct Pending<'a> {
    description: Option<&'a Description>,
    refs: Vec<(u64, u32, u64, u64)>,
    inline: Vec<(u64, Bytes)>,
    problem: Option<Refusal>,
}

impl<'a> Collector<'a> {
    pub(super) fn new(arrays: &'a [(String, Result<Description, Refusal>)], templates: &'a Templates, length: usize) -> Self {
        let numbers = arrays.iter().enumerate().map(|(i, (path, _))| (path.as_str(), i)).collect();
        let pending = |(_, d): &'a (String, Result<Description, Refusal>)| Pending {
            description: d.as_ref().ok(),
            refs: Vec::new(),
            inline: Vec::new(),
            problem: None,
        };
        let room = length.saturating_mul(MOST_URLS.1).saturating_add(MOST_URLS.0);
        let arrays = arrays.iter().map(pending).collect();
        Self { numbers, arrays, templates, urls: Vec::new(), known: HashMap::new(), room, counts: Vec::new() }
    }

    pub(super) fn take(&mut self, key: &str, entry: Entry<'_>) {
        let Some((number, rest)) = self.array_of(key) else { return };
        let Some(description) = self.arrays[number].description else { return };
        let Some(at) = position(description, rest) else { return };
        let taken = index(description, &at).and_then(|index| match entry {
            Entry::Text(text) => inline(&text).map(|bytes| self.arrays[number].inline.push((index, bytes))),
            Entry::Members(_) => Err(inconsistent(format!("`{key}` is neither bytes nor a reference"))),
            Entry::Reference { url, range } => {
                let (offset, length) =
                    range.ok_or_else(|| Refusal::new(Reason::Layout, format!("`{key}` refers to a whole file of unknown length")))?;
                let url = self.url(&url)?;
                self.counts[url as usize] += 1;
                self.arrays[number].refs.push((index, url, offset, length));
                Ok(())
            }
        });
        if let Err(refusal) = taken {
            self.arrays[number].problem.get_or_insert(refusal);
        }
    }

    /// The array whose chunk a key is, and the rest of the key.
    fn array_of<'k>(&self, key: &'k str) -> Option<(usize, &'k str)> {
        let slashes = key.rmatch_indices('/').map(|(at, _)| at).take(super::metadata::MOST_AXES + 1);
        slashes.into_iter().find_map(|at| self.numbers.get(&key[..at]).map(|number| (*number, &key[at + 1..])))
    }

    /// The number of a URL.
    fn url(&mut self, text: &str) -> Result<u32, Refusal> {
        let expanded = if text.contains("{{") { self.expanded(text)?.into() } else { std::borrow::Cow::Borrowed(text) };
        if let Some(number) = self.known.get(expanded.as_ref()) {
            return Ok(*number);
        }
        let too_long = || inconsistent("its URLs are too long");
        if expanded.is_empty() || expanded.len() > LONGEST_URL {
            return Err(too_long());
        }
        self.room = self.room.checked_sub(expanded.len()).ok_or_else(too_long)?;
        let number = u32::try_from(self.urls.len()).map_err(|_| inconsistent("it refers to too many files"))?;
        let url: Arc<str> = expanded.into();
        self.urls.push(Arc::clone(&url));
        self.counts.push(0);
        self.known.insert(url, number);
        Ok(number)
    }

    /// A URL with its templates replaced.
    fn expanded(&self, text: &str) -> Result<String, Refusal> {
        if self.templates.is_empty() {
            return Ok(text.to_owned());
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").ok_or_else(|| inconsistent(format!("`{text}` has a template that does not end")))?;
            let value = self.templates.get(name.trim());
            let value = value.ok_or_else(|| Refusal::new(Reason::External, format!("there is no plain template `{}`", name.trim())))?;
            out.push_str(before);
            out.push_str(value);
            if out.len() > LONGEST_URL {
                return Err(inconsistent("its URLs are too long"));
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// The values of each array, and the file that most references lead to.
    pub(super) fn finish(self) -> (Vec<Result<Data, Refusal>>, Option<Arc<str>>) {
        let most = self.counts.iter().enumerate().max_by_key(|(i, n)| (**n, std::cmp::Reverse(*i)));
        let origin = most.map(|(i, _)| Arc::clone(&self.urls[i]));
        let urls = self.urls;
        (self.arrays.into_iter().map(|pending| pending.finish(&urls)).collect(), origin)
    }
}

impl Pending<'_> {
    fn finish(mut self, urls: &[Arc<str>]) -> Result<Data, Refusal> {
        let Some(description) = self.description else { return Err(inconsistent("it has no metadata")) };
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        if description.element == Element::VariableText {
            return self.texts(description);
        }
        let mut chunks = ChunkRefs::new(&description.shape, description.chunk_shape.clone())?;
        self.refs.sort_unstable();
        for (index, url, offset, length) in self.refs {
            chunks.push(index, &urls[url as usize], offset, length, 0)?;
        }
        for (index, bytes) in self.inline {
            chunks.push_inline(index, bytes, 0)?;
        }
        Ok(Data::Chunks(chunks))
    }

    /// Texts of any length, in one chunk.
    fn texts(&self, description: &Description) -> Result<Data, Refusal> {
        let elsewhere = || Refusal::new(Reason::Layout, "text of any length that is not in one chunk among the references");
        let count = description.shape.iter().try_fold(1_u64, |n, s| n.checked_mul(*s)).ok_or_else(elsewhere)?;
        if count == 0 {
            return Ok(Data::Text(Vec::new()));
        }
        match self.inline.as_slice() {
            [(0, bytes)] if self.refs.is_empty() && description.shape == description.chunk_shape && description.codecs.is_empty() => {
                let texts = text::decoded(bytes).ok_or_else(|| inconsistent("its text cannot be read"))?;
                if texts.len() as u64 == count { Ok(Data::Text(texts)) } else { Err(inconsistent(format!("{} texts of {count}", texts.len()))) }
            }
            _ => Err(elsewhere()),
        }
    }
}

fn inline(text: &str) -> Result<Bytes, Refusal> {
    match text.strip_prefix("base64:") {
        Some(encoded) => BASE64.decode(encoded).map(Bytes::from).map_err(|e| inconsistent(format!("bytes in base64 cannot be read: {e}"))),
        None => Ok(Bytes::copy_from_slice(text.as_bytes())),
    }
}

/// The place of a chunk; `None` for keys that are of no chunk.
fn position(description: &Description, rest: &str) -> Option<Vec<u64>> {
    let rest = match description.prefix {
        "" => rest,
        prefix => {
            let rest = rest.strip_prefix(prefix)?;
            rest.strip_prefix(description.separator).unwrap_or(rest)
        }
    };
    if description.shape.is_empty() {
        return matches!(rest, "" | "0").then(Vec::new);
    }
    rest.split(description.separator).map(|i| i.parse().ok()).collect()
}

fn index(description: &Description, at: &[u64]) -> Result<u64, Refusal> {
    let grid = description.shape.iter().zip(&description.chunk_shape).map(|(s, c)| s.div_ceil(*c));
    let outside = || inconsistent(format!("chunk {at:?} of an array of shape {:?} in chunks of {:?}", description.shape, description.chunk_shape));
    if at.len() != description.shape.len() {
        return Err(outside());
    }
    at.iter().zip(grid).try_fold(0_u64, |index, (i, n)| if *i < n { Ok(index * n + i) } else { Err(outside()) })
}
