//! What the names of files tell: the scene, the band, the time.

use cube_core::{TimeValue, Toi};

/// The scene and the band that a file's stem names: `S2A_20240603_B04` is the band `B04` of `S2A_20240603`; `red` names no scene.
pub(super) fn scene_and_band(stem: &str) -> (Option<&str>, &str) {
    match stem.rfind(['_', '-', '.', ' ']) {
        Some(at) if at > 0 && at + 1 < stem.len() && !is_date(&stem[at + 1..]) => (Some(&stem[..at]), &stem[at + 1..]),
        Some(_) => (Some(stem), "data"),
        None if is_date(stem) => (Some(stem), "data"),
        None => (None, stem),
    }
}

/// Whether a part of a name is a number, as dates and counters are, rather than the name of a band.
fn is_date(part: &str) -> bool {
    part.len() >= 4 && part.bytes().filter(u8::is_ascii_digit).count() * 2 > part.len()
}

/// The time in a text: `20240603`, `2024-06-03`, `2024_06_03`, each perhaps with a time of day: `20240603T101031`, `2024-06-03T10:10:31Z`, `20240603_101031`, `20240603101031`.
/// Without a time of day it is noon, when most satellites pass.
pub(super) fn time(text: &str) -> Option<TimeValue> {
    let bytes = text.as_bytes();
    (0..bytes.len()).filter(|&i| i == 0 || !bytes[i - 1].is_ascii_digit()).find_map(|i| time_at(&text[i..]))
}

fn time_at(text: &str) -> Option<TimeValue> {
    let (date, rest) = date(text)?;
    let clock = clock(rest).unwrap_or_else(|| "12:00:00".into());
    Toi::parse(&format!("{date}T{clock}Z")).ok()?.periods().first()?.start
}

/// A date at the start of a text, and what follows.
fn date(text: &str) -> Option<(String, &str)> {
    let digits = |from: usize, n: usize| text.get(from..from + n).filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
    let year = digits(0, 4).filter(|y| ("1950".."2150").contains(y))?;
    let separated = text.as_bytes().get(4).is_some_and(|b| matches!(b, b'-' | b'_' | b'.')) && text.as_bytes().get(4) == text.as_bytes().get(7);
    let (month, day, end) = if separated { (digits(5, 2)?, digits(8, 2)?, 10) } else { (digits(4, 2)?, digits(6, 2)?, 8) };
    let rest = text.get(end..)?;
    // Six more digits are a time of day, other numbers are no date.
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    (digits == 0 || digits == 6 && !separated).then(|| (format!("{year}-{month}-{day}"), rest))
}

/// A time of day after a date: `101031`, `T101031`, `_101031`, `T10:10:31`, `T10-10-31`.
fn clock(rest: &str) -> Option<String> {
    let joined = || rest.starts_with(|c: char| c.is_ascii_digit()).then_some(rest);
    let rest = rest.strip_prefix(['T', 't', '_', ' ']).or_else(joined)?;
    let plain: String = rest.chars().filter(|c| !matches!(c, ':' | '-')).take_while(char::is_ascii_digit).collect();
    let part = |from: usize, most: &str| plain.get(from..from + 2).filter(|d| *d < most);
    (plain.len() == 6).then(|| Some(format!("{}:{}:{}", part(0, "24")?, part(2, "60")?, part(4, "60")?))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_what_differs_at_the_end() {
        assert_eq!(scene_and_band("S2A_32TQT_20240603_B04"), (Some("S2A_32TQT_20240603"), "B04"));
        assert_eq!(scene_and_band("red"), (None, "red"));
        assert_eq!(scene_and_band("dem-20200101"), (Some("dem-20200101"), "data"));
        assert_eq!(scene_and_band("20240603"), (Some("20240603"), "data"));
        assert_eq!(scene_and_band("tile_0042"), (Some("tile_0042"), "data"));
    }

    #[test]
    fn dates_are_found_in_names() {
        let said = |text: &str| time(text).map(|t| t.to_string());
        assert_eq!(said("S2A_MSIL2A_20240603T101031_N0510").as_deref(), Some("2024-06-03T10:10:31Z"));
        assert_eq!(said("a-2024-06-03").as_deref(), Some("2024-06-03T12:00:00Z"));
        assert_eq!(said("planet_20240603_101031_ssc").as_deref(), Some("2024-06-03T10:10:31Z"));
        assert_eq!(said("2024-06-03T10:10:31Z").as_deref(), Some("2024-06-03T10:10:31Z"));
        assert_eq!(said("20241011120000-ABOM-L4").as_deref(), Some("2024-10-11T12:00:00Z"));
        assert_eq!(said("20240603-101031").as_deref(), Some("2024-06-03T12:00:00Z"));
        assert_eq!(said("x2024_06_03y").as_deref(), Some("2024-06-03T12:00:00Z"));
        for none in ["red", "20241399", "120240603", "tile_0042", "99990101"] {
            assert_eq!(said(none), None, "{none}");
        }
    }
}
