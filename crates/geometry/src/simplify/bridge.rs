//! Parts near each other, joined.

use std::collections::HashMap;

use geo::Coord;

use crate::{corridor::around, exact::extent};

/// Cells across the extent in the finest grid in which neighbours are looked for.
const CELLS: f64 = 4096.0;

/// Small areas that join rings near each other until at most so many parts are left: between their nearest points, roughly.
pub(super) fn between(rings: &[Vec<Coord>], parts: usize) -> Vec<Vec<Coord>> {
    let world = extent(rings.iter().flatten());
    let across = world.width().max(world.height()).max(1e-6);
    let mut leads_to: Vec<usize> = (0..rings.len()).collect();
    let mut left = rings.len();
    let mut bridges = Vec::new();
    let mut corners: Vec<(Coord, usize)> = rings.iter().enumerate().flat_map(|(i, r)| r.iter().map(move |c| (*c, i))).collect();
    let mut cell = across / CELLS;
    while left > parts && cell < 4.0 * across {
        let mut first: HashMap<(i64, i64), (Coord, usize)> = HashMap::new();
        let mut kept = Vec::new();
        for (c, ring) in corners {
            let key = (((c.x - world.west) / cell) as i64, ((c.y - world.south) / cell) as i64);
            let (other, other_ring) = *first.entry(key).or_insert_with(|| {
                kept.push((c, ring));
                (c, ring)
            });
            let (a, b) = (head(&mut leads_to, ring), head(&mut leads_to, other_ring));
            if a != b && left > parts {
                leads_to[a] = b;
                left -= 1;
                bridges.push(around(&[c, other], across * 1e-6));
            }
        }
        corners = kept;
        cell *= 2.0;
    }
    bridges
}

fn head(leads_to: &mut [usize], mut i: usize) -> usize {
    while leads_to[i] != i {
        leads_to[i] = leads_to[leads_to[i]];
        i = leads_to[i];
    }
    i
}
