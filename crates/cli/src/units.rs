//! Numbers as people read them.

use std::time::Duration;

use eocube::Crs;

/// `1.5 GB`, in powers of ten.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    let (mut value, mut unit) = (n as f64, "B");
    for larger in UNITS {
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1000.0, larger);
    }
    if unit == "B" || value >= 99.5 { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") }
}

/// `0.21 s`, `34 s`, `2 min 5 s`, `3 h 20 min`.
pub(crate) fn duration(d: Duration) -> String {
    let seconds = d.as_secs();
    match seconds {
        0..10 => format!("{:.2} s", d.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A CRS by its code, or by the name in its WKT.
pub(crate) fn crs(text: &str) -> String {
    Crs::parse(text).map_or_else(|_| text.to_owned(), |crs| crs.label().to_owned())
}

/// `1,234,567`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|g| std::str::from_utf8(g).ok()).collect();
    groups.join(",")
}

/// `1 chunk`, `2 chunks`, `1,200 chunks`.
pub(crate) fn several(n: u64, one: &str) -> String {
    let plural = match one {
        _ if n == 1 => one.to_owned(),
        "patch" | "search" => format!("{one}es"),
        _ => format!("{one}s"),
    };
    format!("{} {plural}", count(n))
}

/// `37 %`; what is neither none nor all is never rounded to it.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if part == whole {
        return if whole == 0 { "-".into() } else { "100 %".into() };
    }
    let share = 100.0 * part as f64 / whole as f64;
    match share {
        0.0 => "0 %".into(),
        s if s < 0.1 => "< 0.1 %".into(),
        s if s > 99.9 => "> 99.9 %".into(),
        s => format!("{s:.1} %"),
    }
}

/// Rows whose columns begin at the same place, two spaces from the margin and from each other.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut text = String::new();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    for row in rows {
        let mut line = String::from(" ");
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(&format!(" {cell:width$} "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([0, 999, 1000, 99_500, 1_500_000, 999_999_999].map(bytes), ["0 B", "999 B", "1.0 kB", "100 kB", "1.5 MB", "1.0 GB"]);
        assert_eq!([0, 12, 1234, 1_234_567].map(count), ["0", "12", "1,234", "1,234,567"]);
        assert_eq!(several(1, "patch") + ", " + &several(2, "patch") + ", " + &several(1000, "chunk"), "1 patch, 2 patches, 1,000 chunks");
        assert_eq!([210, 34_000, 125_000, 12_000_000].map(|ms| duration(Duration::from_millis(ms))), ["0.21 s", "34 s", "2 min 5 s", "3 h 20 min"]);
    }

    #[test]
    fn shares_do_not_lie() {
        assert_eq!(percent(0, 10), "0 %");
        assert_eq!(percent(10, 10), "100 %");
        assert_eq!(percent(9_999_999, 10_000_000), "> 99.9 %");
        assert_eq!(percent(1, 10_000_000), "< 0.1 %");
        assert_eq!(percent(0, 0), "-");
    }
}
