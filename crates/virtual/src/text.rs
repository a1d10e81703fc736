//! Text of any length in one chunk, as the codec `vlen-utf8` of Zarr says: a count, then each text with its length before it.

pub(crate) fn encoded(texts: &[String]) -> Vec<u8> {
    let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    let mut out = Vec::with_capacity(4 + texts.iter().map(|t| t.len() + 4).sum::<usize>());
    out.extend(size(texts.len()));
    for text in texts {
        out.extend(size(text.len()));
        out.extend(text.as_bytes());
    }
    out
}

/// Undoes [`encoded`]; `None` for bytes that are no such texts.
pub(crate) fn decoded(bytes: &[u8]) -> Option<Vec<String>> {
    let (count, mut rest) = bytes.split_first_chunk::<4>()?;
    let count = u32::from_le_bytes(*count) as usize;
    let mut texts = Vec::with_capacity(count.min(rest.len() / 4));
    for _ in 0..count {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (text, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        texts.push(std::str::from_utf8(text).ok()?.to_owned());
        rest = after;
    }
    rest.is_empty().then_some(texts)
}
