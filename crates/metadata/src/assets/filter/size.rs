//! Numbers of bytes with a unit.

const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1000),
    ("MB", 1000u64.pow(2)),
    ("GB", 1000u64.pow(3)),
    ("TB", 1000u64.pow(4)),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// `200MB`, `1.5 GiB`, `1024`: a number and a unit, bytes where there is none; None for anything else and beyond 64 bits.
pub(super) fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..split], text[split..].trim());
    let factor = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit) || (unit.is_empty() && *name == "B"))?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.len() > 9 || (number.contains('.') && fraction.is_empty()) {
        return None;
    }
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let bytes = digits.checked_mul(factor.into())? / 10u128.pow(fraction.len() as u32);
    bytes.try_into().ok()
}

/// The shortest way that [`parse`] reads as the same number.
pub(super) fn print(bytes: u64) -> String {
    let exact = |(_, factor): &&(&str, u64)| bytes >= *factor && bytes.is_multiple_of(*factor);
    let (unit, factor) = UNITS.iter().filter(exact).max_by_key(|(_, factor)| *factor).unwrap_or(&UNITS[0]);
    format!("{}{unit}", bytes / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        let cases = [("0", 0), ("1024", 1024), ("200MB", 200_000_000), ("1.5 GiB", 3 << 29), ("2kb", 2000), ("0.001kB", 1), ("1.2345B", 1)];
        cases.iter().for_each(|(text, bytes)| assert_eq!(parse(text), Some(*bytes), "{text}"));
        for text in ["", "MB", "1.", ".5MB", "-1", "1 2", "1e3", "5 apples", "200M", "99999999999TB", "1.1.1", "1.00000000001GB"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_printed_so_that_they_are_read_the_same() {
        for bytes in [0, 1, 999, 1000, 1024, 1500, 200_000_000, 3 << 29, 1 << 40, u64::MAX, 1000u64.pow(4) * 7] {
            assert_eq!(parse(&print(bytes)), Some(bytes), "{}", print(bytes));
        }
        assert_eq!((print(200_000_000), print(1 << 30), print(1025)), ("200MB".into(), "1GiB".into(), "1025B".into()));
    }
}
