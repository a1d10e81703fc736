//! Values that a sidecar carries itself.

use std::io::Read;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use cube_manifest::{Reason, Refusal};
use flate2::read::ZlibDecoder;

use super::{error::Error, xml::Cursor};

/// Bytes that all texts of a document may take, and all its compressed values once decompressed: a few kilobytes can claim to be
/// terabytes.
const MAX_TEXT: u64 = 64 << 20;
const MAX_INFLATED: u64 = 1 << 30;
/// What a text takes beside its bytes.
const TEXT_OVERHEAD: u64 = size_of::<String>() as u64;

const BASE64: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// What a document may still make us hold or decompress.
pub(super) struct Budget {
    text: u64,
    inflated: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { text: MAX_TEXT, inflated: MAX_INFLATED }
    }
}

impl Budget {
    /// Accounts for a text of some length that the document does not hold itself.
    pub(super) fn take_text(&mut self, length: usize) -> Result<(), Refusal> {
        self.take_texts((length as u64).checked_add(TEXT_OVERHEAD))
    }

    fn take_texts(&mut self, bytes: Option<u64>) -> Result<(), Refusal> {
        take(&mut self.text, bytes).ok_or_else(|| Refusal::new(Reason::Layout, format!("more than {MAX_TEXT} bytes of texts in one sidecar")))
    }

    fn take_inflated(&mut self, bytes: u64) -> Result<(), Refusal> {
        let refusal = || Refusal::new(Reason::Layout, format!("more than {MAX_INFLATED} bytes of compressed values in one sidecar"));
        take(&mut self.inflated, Some(bytes)).ok_or_else(refusal)
    }
}

fn take(left: &mut u64, bytes: Option<u64>) -> Option<()> {
    *left = left.checked_sub(bytes?)?;
    Some(())
}

/// The bytes of an element's text.
pub(super) fn base64(text: &str) -> Result<Vec<u8>, Refusal> {
    let decoded = if text.bytes().any(|b| b.is_ascii_whitespace()) {
        BASE64.decode(text.bytes().filter(|b| !b.is_ascii_whitespace()).collect::<Vec<_>>())
    } else {
        BASE64.decode(text)
    };
    decoded.map_err(|e| Refusal::new(Reason::Inconsistent, format!("values that are not base64: {e}")))
}

/// Checks that a zlib stream holds exactly `length` bytes, holding none of them.
pub(super) fn check_zlib(stream: &[u8], length: u64, budget: &mut Budget) -> Result<(), Refusal> {
    budget.take_inflated(length)?;
    let mut decoder = ZlibDecoder::new(stream).take(length.saturating_add(1));
    match std::io::copy(&mut decoder, &mut std::io::sink()) {
        Ok(found) if found == length => Ok(()),
        Ok(found) => {
            let found = if found > length { "more".to_owned() } else { found.to_string() };
            Err(Refusal::new(Reason::Inconsistent, format!("{found} bytes of values where the shape asks for {length}")))
        }
        Err(e) => Err(Refusal::new(Reason::Inconsistent, format!("values that are not zlib: {e}"))),
    }
}

/// Reads the open `vlsa` element to its end: texts in `v` elements, with size `s` when they are base64 of zlib and with count `c` when they
/// are repeated; or else texts in base64, each ended by a semicolon.
pub(super) fn read_texts(cursor: &mut Cursor<'_>, budget: &mut Budget) -> Result<Result<Vec<String>, Refusal>, Error> {
    let mut texts = Ok(Vec::new());
    let listed = cursor.text_with(|cursor, tag| {
        let [size, count] = tag.values(cursor, ["s", "c"])?;
        let size = size.map(|s| cursor.number("s", &s)).transpose()?;
        let count = count.map_or(Ok(1), |c| cursor.number("c", &c))?;
        if tag.name() != "v" {
            return cursor.skip();
        }
        let text = cursor.text()?;
        if let Ok(all) = &mut texts
            && let Err(refusal) = add_text(all, &text, size, count, budget)
        {
            texts = Err(refusal);
        }
        Ok(())
    })?;
    Ok(match texts {
        Ok(all) if all.is_empty() => listed_texts(listed.trim(), budget),
        texts => texts,
    })
}

fn add_text(texts: &mut Vec<String>, text: &str, size: Option<u64>, count: u64, budget: &mut Budget) -> Result<(), Refusal> {
    let length = size.unwrap_or(text.len() as u64);
    budget.take_texts(length.checked_add(TEXT_OVERHEAD).and_then(|b| b.checked_mul(count)))?;
    let text = match size {
        Some(size) => inflated_text(text, size)?,
        None => text.to_owned(),
    };
    texts.extend(std::iter::repeat_n(text, usize::try_from(count).unwrap_or(usize::MAX)));
    Ok(())
}

fn inflated_text(text: &str, size: u64) -> Result<String, Refusal> {
    let stream = base64(text)?;
    let mut bytes = Vec::new();
    let wrong = |what: String| Refusal::new(Reason::Inconsistent, format!("a text of {size} bytes: {what}"));
    ZlibDecoder::new(stream.as_slice()).take(size.saturating_add(1)).read_to_end(&mut bytes).map_err(|e| wrong(e.to_string()))?;
    if bytes.len() as u64 != size {
        return Err(wrong(format!("there are {}", bytes.len())));
    }
    String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8".to_owned()))
}

fn listed_texts(list: &str, budget: &mut Budget) -> Result<Vec<String>, Refusal> {
    let mut texts = Vec::new();
    for encoded in list.strip_suffix(';').unwrap_or(list).split(';').filter(|_| !list.is_empty()) {
        let text = String::from_utf8(base64(encoded)?).map_err(|_| Refusal::new(Reason::Inconsistent, "a text that is not UTF-8"))?;
        budget.take_text(text.len())?;
        texts.push(text);
    }
    Ok(texts)
}
