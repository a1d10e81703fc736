//! A curve through longitude and latitude that keeps near things near: the order of an index.

/// Bits for each axis.
const BITS: u32 = 16;

/// The place of a box's centre on Hilbert's curve; boxes across the antimeridian have their centre there. Items without a box come last.
pub(super) fn key(bbox: Option<[f64; 4]>) -> u64 {
    let Some([west, south, east, north]) = bbox else { return u64::MAX };
    let east = if west > east { east + 360.0 } else { east };
    let lon = ((west + east) / 2.0 + 180.0).rem_euclid(360.0) / 360.0;
    let lat = ((south + north) / 2.0 + 90.0).clamp(0.0, 180.0) / 180.0;
    let cells = f64::from((1u32 << BITS) - 1);
    distance((lon * cells) as u32, (lat * cells) as u32)
}

fn distance(mut x: u32, mut y: u32) -> u64 {
    let mut d = 0u64;
    for bit in (0..BITS).rev() {
        let (rx, ry) = ((x >> bit) & 1, (y >> bit) & 1);
        d = (d << 2) | u64::from((3 * rx) ^ ry);
        // Turn the quadrant so that the curve inside it joins on.
        if ry == 0 {
            if rx == 1 {
                let mask = (1u32 << BITS) - 1;
                (x, y) = (mask ^ x, mask ^ y);
            }
            (x, y) = (y, x);
        }
    }
    d
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_on_the_curve_are_neighbours_on_the_map() {
        let mut cells: Vec<(u64, u32, u32)> = (0..32).flat_map(|x| (0..32).map(move |y| (distance(x, y), x, y))).collect();
        cells.sort_unstable();
        for (i, pair) in cells.windows(2).enumerate() {
            assert_eq!(pair[0].0, i as u64, "each cell once");
            assert_eq!(pair[0].1.abs_diff(pair[1].1) + pair[0].2.abs_diff(pair[1].2), 1);
        }
    }

    #[test]
    fn every_box_has_a_place() {
        assert_eq!(key(None), u64::MAX);
        for bbox in [[-180.0, -90.0, -180.0, -90.0], [180.0, 90.0, 180.0, 90.0], [179.0, 0.0, -179.0, 1.0], [f64::NAN, 0.0, 1.0, 1.0]] {
            assert!(key(Some(bbox)) < 1 << 32);
        }
        assert_eq!(key(Some([179.0, 0.0, -179.0, 1.0])), key(Some([-180.0, 0.5, -180.0, 0.5])));
    }
}
