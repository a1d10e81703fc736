/// The checksum of HDF5's metadata: Bob Jenkins's `lookup3`, little-endian, with an initial value of 0.
///
/// Source: <http://burtleburtle.net/bob/c/lookup3.c>, in the public domain.
pub(super) fn lookup3(bytes: &[u8]) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(bytes.len() as u32);
    let [mut a, mut b, mut c] = [start; 3];
    let mut rest = bytes;
    while rest.len() > 12 {
        let (head, tail) = rest.split_at(12);
        add(&mut a, &mut b, &mut c, head);
        mix(&mut a, &mut b, &mut c);
        rest = tail;
    }
    if !rest.is_empty() {
        let mut last = [0; 12];
        last[..rest.len()].copy_from_slice(rest);
        add(&mut a, &mut b, &mut c, &last);
        finish(&mut a, &mut b, &mut c);
    }
    c
}

fn add(a: &mut u32, b: &mut u32, c: &mut u32, twelve: &[u8]) {
    for (word, bytes) in [a, b, c].into_iter().zip(twelve.chunks_exact(4)) {
        *word = word.wrapping_add(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    }
}

fn mix(a: &mut u32, b: &mut u32, c: &mut u32) {
    for turn in [4, 6, 8, 16, 19, 4] {
        *a = a.wrapping_sub(*c) ^ c.rotate_left(turn);
        *c = c.wrapping_add(*b);
        // The three words change places.
        let first = *a;
        (*a, *b, *c) = (*b, *c, first);
    }
}

fn finish(a: &mut u32, b: &mut u32, c: &mut u32) {
    for turn in [14, 11, 25, 16, 4, 14, 24] {
        *c = (*c ^ *b).wrapping_sub(b.rotate_left(turn));
        // The three words change places.
        let last = *c;
        (*c, *b, *a) = (*a, last, *b);
    }
    // Seven turns: the last one that changed is now in the middle.
    std::mem::swap(b, c);
}

#[cfg(test)]
mod tests {
    use super::lookup3;

    #[test]
    fn known_sums() {
        assert_eq!(lookup3(b""), 0xdead_beef);
        assert_eq!(lookup3(b"Four score and seven years ago"), 0x1777_0551);
    }
}
