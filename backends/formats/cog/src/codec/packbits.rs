use super::Problem;

/// Decodes PackBits (TIFF 6.0 section 9).
pub(super) fn decode(bytes: &[u8], target: &mut [u8]) -> Result<(), Problem> {
    let (mut rest, mut written) = (bytes, 0);
    while written < target.len() {
        let [head, tail @ ..] = rest else { return Err(format!("it holds {written} bytes instead of {}", target.len())) };
        rest = tail;
        let room = target.len() - written;
        match *head as i8 {
            -128 => {}
            n @ 0.. => {
                let stored = n as usize + 1;
                let len = stored.min(room);
                let literal = rest.get(..len).ok_or("its PackBits stream ends too early")?;
                target[written..written + len].copy_from_slice(literal);
                written += len;
                rest = rest.get(stored..).unwrap_or_default();
            }
            n => {
                let [value, tail @ ..] = rest else { return Err("its PackBits stream ends too early".to_owned()) };
                let len = (1 - isize::from(n)) as usize;
                let len = len.min(room);
                target[written..written + len].fill(*value);
                written += len;
                rest = tail;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_of_the_specification() {
        let packed = [0xFE, 0xAA, 0x02, 0x80, 0x00, 0x2A, 0xFD, 0xAA, 0x03, 0x80, 0x00, 0x2A, 0x22, 0xF7, 0xAA];
        let plain = [
            0xAA, 0xAA, 0xAA, 0x80, 0x00, 0x2A, 0xAA, 0xAA, 0xAA, 0xAA, 0x80, 0x00, 0x2A, 0x22, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA,
            0xAA,
        ];
        let mut target = [0; 24];
        super::decode(&packed, &mut target).expect("it decodes");
        assert_eq!(target, plain);
        assert!(super::decode(&packed[..5], &mut target).is_err());
    }
}
