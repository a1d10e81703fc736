//! TIFF's LZW (TIFF 6.0, section 13): codes from the most significant bit, 9 to 12 bits, widened one code early.

use std::collections::HashMap;

const CLEAR: u16 = 256;
const END: u16 = 257;
const FIRST: u16 = 258;
/// The table is cleared before code 4095 would be given out.
const LAST: u16 = 4094;

/// Encodes one strip or tile.
pub(super) fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Bits::default();
    let mut table: HashMap<(u16, u8), u16> = HashMap::new();
    let mut next = FIRST;
    out.put(CLEAR, 9);
    let mut prefix: Option<u16> = None;
    for &byte in bytes {
        let Some(code) = prefix else {
            prefix = Some(u16::from(byte));
            continue;
        };
        if let Some(longer) = table.get(&(code, byte)) {
            prefix = Some(*longer);
            continue;
        }
        out.put(code, width(next));
        table.insert((code, byte), next);
        next += 1;
        if next > LAST {
            out.put(CLEAR, width(next));
            table.clear();
            next = FIRST;
        }
        prefix = Some(u16::from(byte));
    }
    if let Some(code) = prefix {
        out.put(code, width(next));
        next += 1;
    }
    out.put(END, width(next));
    out.finish()
}

/// Width of a code when `next` is the encoder's next free entry: wider as soon as entry 511, 1023 or 2047 is in the table.
fn width(next: u16) -> u32 {
    match next {
        0..=511 => 9,
        512..=1023 => 10,
        1024..=2047 => 11,
        _ => 12,
    }
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    pending: u32,
    count: u32,
}

impl Bits {
    fn put(&mut self, code: u16, width: u32) {
        self.pending = (self.pending << width) | u32::from(code);
        self.count += width;
        while self.count >= 8 {
            self.count -= 8;
            self.bytes.push((self.pending >> self.count) as u8);
        }
        self.pending &= (1 << self.count) - 1;
    }

    fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.bytes.push((self.pending << (8 - self.count)) as u8);
        }
        self.bytes
    }
}
