//! Which overview is read.

use cube_core::GeoBox;
use cube_warp::choose_level;

use crate::grid;

fn levels(crs: &str, x: f64, y: f64) -> Vec<GeoBox> {
    [(10.0, 1024), (20.0, 512), (40.0, 256), (80.0, 128)].map(|(pixel, n)| grid(crs, x, y, pixel, n, n)).to_vec()
}

#[test]
fn the_coarsest_that_is_not_coarser() {
    let levels = levels("EPSG:32632", 600_000.0, 5_000_000.0);
    for (pixel, expected) in [(5.0, 0), (10.0, 0), (19.9, 0), (20.0, 1), (39.0, 1), (41.0, 2), (79.9, 2), (80.0, 3), (300.0, 3)] {
        let to = grid("EPSG:32632", 601_000.0, 4_999_000.0, pixel, 100, 100);
        assert_eq!(choose_level(&levels, &to).expect("a level"), expected, "{pixel} m");
    }
}

#[test]
fn the_scale_of_a_projection_does_not_tip_the_balance() {
    let levels = levels("EPSG:32632", 752_787.0, 5_207_742.0);
    assert_eq!(choose_level(&levels, &grid("EPSG:32633", 300_000.0, 5_200_000.0, 20.0, 500, 500)).expect("a level"), 1);
}

#[test]
fn every_part_of_a_destination_has_the_same_level() {
    // At 60 degrees a degree of longitude is half as long: the smaller direction decides, in the middle of what is shared.
    let levels = levels("EPSG:32632", 500_000.0, 6_650_000.0);
    let to = grid("EPSG:4326", 0.0, 70.0, 0.0004, 40_000, 60_000);
    assert_eq!(choose_level(&levels, &to).expect("a level"), 1, "0.0004 degrees are 22 m along the parallel");
}

#[test]
fn no_level_is_an_error() {
    assert!(choose_level(&[], &grid("EPSG:4326", 0.0, 0.0, 1.0, 1, 1)).is_err());
}
