//! What well-known text says that is lost when it is read.

use crate::{RepairKind, RepairStep};

/// The repairs that reading well-known text has made before anyone could see: heights left out, rings closed.
pub fn steps_of_wkt(text: &str) -> Vec<RepairStep> {
    let (mut heights, mut unclosed) = (0, 0);
    // Innermost parentheses hold positions; the words before them say what they are.
    let mut area = false;
    for piece in text.split_inclusive(['(', ')']) {
        let words = piece.trim_end_matches(['(', ')']);
        if piece.ends_with('(') {
            let name = words.trim_matches(|c: char| c == ',' || c.is_whitespace()).to_ascii_uppercase();
            if name.chars().any(char::is_alphabetic) {
                area = name.contains("POLYGON") || name.contains("TRIANGLE");
            }
            continue;
        }
        let positions: Vec<Vec<&str>> = words.split(',').map(|p| p.split_whitespace().collect()).filter(|p: &Vec<&str>| !p.is_empty()).collect();
        let numeric = positions.iter().flatten().all(|n| n.parse::<f64>().is_ok());
        if positions.is_empty() || !numeric {
            continue;
        }
        heights += positions.iter().filter(|p| p.len() > 2).count();
        let ends =
            [positions.first(), positions.last()].map(|p| p.map(|p| p.iter().take(2).filter_map(|n| n.parse::<f64>().ok()).collect::<Vec<_>>()));
        unclosed += usize::from(area && positions.len() > 1 && ends[0] != ends[1]);
    }
    let steps = [RepairStep::new(RepairKind::HeightsDropped, heights), RepairStep::new(RepairKind::RingsClosed, unclosed)];
    steps.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wkt_says_what_reading_it_changes() {
        let kinds = |text: &str| steps_of_wkt(text).into_iter().map(|s| (s.kind, s.count)).collect::<Vec<_>>();
        assert_eq!(kinds("POLYGON Z ((0 0 1, 1 0 1, 1 1 1, 0 0 1))"), [(RepairKind::HeightsDropped, 4)]);
        assert_eq!(kinds("SRID=4326;POLYGON((0 0, 1 0, 1 1))"), [(RepairKind::RingsClosed, 1)]);
        assert_eq!(
            kinds("GEOMETRYCOLLECTION(POINT(0 0), LINESTRING(0 0, 1 1), MULTIPOLYGON(((0 0,1 0,1 1)),((5 5,6 5,6 6,5 5))))"),
            [(RepairKind::RingsClosed, 1)]
        );
        assert_eq!(kinds("POLYGON((0 0, 1 0, 1 1, 0 0))"), []);
        assert_eq!(kinds("POLYGON EMPTY"), []);
    }
}
