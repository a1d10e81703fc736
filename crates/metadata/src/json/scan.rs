//! Where a text of JSON ends: sixteen bytes at a time.

use wide::u8x16;

/// As many bytes as there are bits in the answers.
pub(super) const BLOCK: usize = 64;

/// Of the first [`BLOCK`] bytes, those that end the plain part of a text: quotes, backslashes, control characters, and the end of the bytes.
#[inline]
pub(super) fn stops(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(block) => stops_of(block),
        None => {
            let mut block = [0; BLOCK];
            block[..bytes.len()].copy_from_slice(bytes);
            stops_of(&block)
        }
    }
}

#[inline(always)]
fn stops_of(block: &[u8; BLOCK]) -> u64 {
    bits(block, |bytes| {
        let control = bytes.min(u8x16::splat(0x1F)).simd_eq(bytes);
        bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\')) | control
    })
}

/// A bit for each byte, from what is found in sixteen of them.
#[inline(always)]
fn bits(block: &[u8; BLOCK], find: impl Fn(u8x16) -> u8x16) -> u64 {
    parts(block).enumerate().fold(0, |bits, (index, part)| bits | (u64::from(find(part).to_bitmask()) << (16 * index)))
}

#[inline(always)]
fn parts(block: &[u8; BLOCK]) -> impl Iterator<Item = u8x16> {
    block.as_chunks::<16>().0.iter().map(|part| u8x16::new(*part))
}

/// How many bytes come before the next quote, backslash or control character; eight at a time, as what is written is short.
#[inline]
pub(super) fn plain_prefix(bytes: &[u8]) -> usize {
    let mut at = 0;
    let (chunks, rest) = bytes.as_chunks::<8>();
    for chunk in chunks {
        let word = u64::from_le_bytes(*chunk);
        let control = word.wrapping_sub(each(0x20)) & !word;
        let stops = (zero_bytes(word ^ each(b'"')) | zero_bytes(word ^ each(b'\\')) | control) & each(0x80);
        if stops != 0 {
            return at + (stops.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + rest.iter().take_while(|b| !matches!(b, b'"' | b'\\' | 0..0x20)).count()
}

const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// In the high bit of each byte, whether it is zero. The lowest of them is exact: a borrow reaches only bytes above a true one.
#[inline]
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(each(1)) & !word
}

/// Where the array or object ends that begins with the text: after the bracket that closes its first. Brackets and quotes are counted, no more is
/// checked; `None` when the text ends before it.
pub(super) fn end_of_brackets(text: &[u8]) -> Option<usize> {
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    let mut nesting = Nesting::default();
    for (index, block) in blocks.iter().enumerate() {
        if !nesting.pass(block)
            && let Some(end) = nesting.walk(block)
        {
            return Some(BLOCK * index + end);
        }
    }
    nesting.walk(rest).map(|end| text.len() - rest.len() + end)
}

/// What is known between two bytes.
#[derive(Default)]
struct Nesting {
    depth: u64,
    in_text: bool,
    escaped: bool,
}

impl Nesting {
    /// Passes over a block in which nothing is escaped and the outermost bracket does not close; `false` when it may, and nothing was done.
    #[inline(always)]
    fn pass(&mut self, block: &[u8; BLOCK]) -> bool {
        let escapes = parts(block).fold(u8x16::ZERO, |found, bytes| found | bytes.simd_eq(u8x16::splat(b'\\')));
        if self.escaped || escapes.any() {
            return false;
        }
        // In ASCII the brackets and the braces are 32 apart.
        let braces = |brace| bits(block, |bytes| (bytes | u8x16::splat(0x20)).simd_eq(u8x16::splat(brace)));
        let quotes = bits(block, |bytes| bytes.simd_eq(u8x16::splat(b'"')));
        let in_text = parity_up_to(quotes) ^ u64::from(self.in_text).wrapping_neg();
        let (opening, closing) = (braces(b'{') & !in_text, braces(b'}') & !in_text);
        if opening | closing != 0 {
            let closed = u64::from(closing.count_ones());
            if self.depth <= closed {
                return false;
            }
            self.depth = self.depth - closed + u64::from(opening.count_ones());
        }
        self.in_text = in_text >> 63 == 1;
        true
    }

    /// Byte by byte, until after the bracket that closes the outermost one.
    fn walk(&mut self, bytes: &[u8]) -> Option<usize> {
        for (index, byte) in bytes.iter().enumerate() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = self.in_text,
                b'"' => self.in_text = !self.in_text,
                b'{' | b'[' if !self.in_text => self.depth += 1,
                b'}' | b']' if !self.in_text => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(index + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

/// For each bit, whether an odd number of bits are set up to it.
#[inline(always)]
fn parity_up_to(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}
