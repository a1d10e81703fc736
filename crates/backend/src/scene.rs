//! Scenes that a source lists twice: the newest processing wins.
//!
//! Archives process scenes anew and keep both. A catalogue that can tell marks its patches with [`SCENE`] and [`PROCESSED`]. Two patches
//! are one scene when they carry the same mark *and* their boxes nearly coincide: two halves of one tile, from two strips of one pass,
//! share all but the box and are both kept. Patches without a mark are never taken for one scene.

use std::collections::HashMap;

use cube_core::PatchIndex;

/// Property of a patch that names its scene.
pub const SCENE: &str = "cube:scene";
/// Property of a patch that orders the processings of a scene: the greater text is the newer.
pub const PROCESSED: &str = "cube:processed";
/// Share of the union that two boxes must have in common.
const COINCIDE: f64 = 0.8;

/// Leaves of each scene only the newest processing; the others stay in their order. A log line says which won.
///
/// [`Catalog::patches`](crate::Catalog::patches) does the same while it streams, as far as a scene's patches arrive near each other; whoever
/// holds all patches of a time step makes it exact with this. `patch` leads from a thing to its patch.
pub fn newest_by<T>(things: Vec<T>, patch: impl Fn(&T) -> &PatchIndex) -> Vec<T> {
    let mut scenes: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut dropped = vec![false; things.len()];
    for (i, thing) in things.iter().enumerate() {
        let new = patch(thing);
        let Some(scene) = property(new, SCENE) else { continue };
        let known = scenes.entry(scene).or_default();
        match known.iter_mut().find(|k| coincide(patch(&things[**k]), new)) {
            None => known.push(i),
            Some(k) => {
                let old = patch(&things[*k]);
                let (winner, loser) = if rank(new) > rank(old) { (i, *k) } else { (*k, i) };
                tracing::info!(kept = %patch(&things[winner]).id, dropped = %patch(&things[loser]).id, "one scene is listed twice: the newest processing is taken");
                dropped[loser] = true;
                *k = winner;
            }
        }
    }
    things.into_iter().zip(dropped).filter_map(|(thing, dropped)| (!dropped).then_some(thing)).collect()
}

fn rank(p: &PatchIndex) -> (&str, &str) {
    (property(p, PROCESSED).unwrap_or_default(), p.id.as_str())
}

fn property<'a>(p: &'a PatchIndex, name: &str) -> Option<&'a str> {
    p.properties.get(name)?.as_str()
}

fn coincide(a: &PatchIndex, b: &PatchIndex) -> bool {
    let (Some(a), Some(b)) = (a.bbox, b.bbox) else { return a.bbox == b.bbox };
    // Beyond the antimeridian longitudes run on, so that the boxes can be compared.
    let run_on = |[w, s, e, n]: [f64; 4]| [w, s, if w > e { e + 360.0 } else { e }, n];
    let (a, b) = (run_on(a), run_on(b));
    let area = |[w, s, e, n]: [f64; 4]| (e - w).max(0.0) * (n - s).max(0.0);
    let both = area([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
    a == b || both >= COINCIDE * (area(a) + area(b) - both)
}
