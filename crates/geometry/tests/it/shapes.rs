//! Shapes for tests: generated ones, and those of the corpus.
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

use std::path::{Path, PathBuf};

use geojson::{Geometry, GeometryValue};

/// Numbers that look random and are the same in every run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Within 0 … 1.
    pub(crate) fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.share()
    }
}

pub(crate) fn polygon(rings: Vec<Vec<[f64; 2]>>) -> Geometry {
    Geometry::new(GeometryValue::new_polygon(rings))
}

pub(crate) fn collection(geometries: Vec<Geometry>) -> Geometry {
    Geometry::new(GeometryValue::GeometryCollection { geometries })
}

/// A closed ring whose points lie at random distances around a middle: simple, with deep bays.
pub(crate) fn star(random: &mut Random, middle: [f64; 2], radius: f64, corners: usize) -> Vec<[f64; 2]> {
    let mut ring: Vec<[f64; 2]> = (0..corners)
        .map(|i| {
            let (angle, r) = (std::f64::consts::TAU * i as f64 / corners as f64, radius * random.within(0.15, 1.0));
            [middle[0] + r * angle.cos(), middle[1] + r * angle.sin()]
        })
        .collect();
    ring.push(ring[0]);
    ring
}

/// A closed ring of displaced midpoints: bays within bays, which may cross each other.
pub(crate) fn coastline(random: &mut Random, middle: [f64; 2], radius: f64, corners: usize) -> Vec<[f64; 2]> {
    let mut ring = star(random, middle, radius, 6);
    ring.pop();
    while ring.len() < corners {
        ring = (0..ring.len())
            .flat_map(|i| {
                let (a, b) = (ring[i], ring[(i + 1) % ring.len()]);
                let (dx, dy, across) = (b[0] - a[0], b[1] - a[1], random.within(-0.3, 0.3));
                [a, [a[0] + 0.5 * dx - across * dy, a[1] + 0.5 * dy + across * dx]]
            })
            .collect();
    }
    ring.push(ring[0]);
    ring
}

/// Corners anywhere: crosses itself many times.
pub(crate) fn scribble(random: &mut Random, middle: [f64; 2], radius: f64, corners: usize) -> Vec<[f64; 2]> {
    let mut ring: Vec<[f64; 2]> =
        (0..corners).map(|_| [middle[0] + radius * random.within(-1.0, 1.0), middle[1] + radius * random.within(-1.0, 1.0)]).collect();
    ring.push(ring[0]);
    ring
}

/// Geometries of many kinds, each with a name.
pub(crate) fn generated() -> Vec<(String, Geometry)> {
    let boxed = |w: f64, s: f64, e: f64, n: f64| polygon(vec![vec![[w, s], [e, s], [e, n], [w, n], [w, s]]]);
    let mut all = vec![
        ("world".to_owned(), boxed(-180.0, -90.0, 180.0, 90.0)),
        ("arctic".to_owned(), boxed(-180.0, 66.5, 180.0, 90.0)),
        ("south".to_owned(), boxed(-180.0, -90.0, 180.0, 10.0)),
        ("tropics".to_owned(), boxed(-180.0, -23.4, 180.0, 23.4)),
        ("band".to_owned(), boxed(-170.0, 20.0, 170.0, 40.0)),
        ("wide".to_owned(), boxed(-70.0, -40.0, 70.0, 40.0)),
        ("pacific".to_owned(), boxed(150.0, -40.0, 220.0, 40.0)),
        ("pole-corner".to_owned(), polygon(vec![vec![[10.0, 80.0], [40.0, 82.0], [25.0, 90.0], [10.0, 80.0]]])),
        ("pole-leaning".to_owned(), polygon(vec![vec![[10.0, 70.0], [40.0, 75.0], [60.0, 90.0], [-20.0, 90.0], [10.0, 70.0]]])),
        ("south-leaning".to_owned(), polygon(vec![vec![[10.0, -70.0], [-20.0, -90.0], [60.0, -90.0], [40.0, -75.0], [10.0, -70.0]]])),
        ("steep".to_owned(), polygon(vec![vec![[0.0, -85.0], [0.001, -85.0], [0.002, 85.0], [0.001, 85.0], [0.0, -85.0]]])),
    ];
    for seed in 0..10_u64 {
        let mut random = Random::new(seed);
        let middle = [random.within(-150.0, 150.0), random.within(-60.0, 60.0)];
        let radius = [0.001, 0.3, 5.0, 25.0][seed as usize % 4];
        let corners = 5 + (seed as usize * 37) % 400;
        all.push((format!("star-{seed}"), polygon(vec![star(&mut random, middle, radius, corners)])));
        all.push((format!("coast-{seed}"), polygon(vec![coastline(&mut random, middle, radius, 40 * corners)])));
        all.push((format!("scribble-{seed}"), polygon(vec![scribble(&mut random, middle, radius, 4 + corners % 60)])));
        let islands = (0..(seed as usize % 7) * 40 + 1).map(|_| {
            let at = [middle[0] + radius * random.within(-1.0, 1.0), middle[1] + radius * random.within(-1.0, 1.0)];
            let size = radius * 0.2 * random.share() * random.share();
            polygon(vec![star(&mut random, at, size, 12)])
        });
        all.push((format!("islands-{seed}"), collection(islands.collect())));
        let far = [178.0, random.within(-75.0, 75.0)];
        let far = star(&mut random, far, 12.0, 40);
        all.push((format!("antimeridian-{seed}"), polygon(vec![far])));
        let line = scribble(&mut random, middle, radius, 2 + 3 * seed as usize);
        all.push((format!("line-{seed}"), Geometry::new(GeometryValue::new_line_string(line))));
    }
    all
}

/// The folder of real geometries, if there is one here.
pub(crate) fn corpus() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let folder = std::env::var_os("CUBE_CORPUS").map_or(here, PathBuf::from).join("geometry");
    if !folder.is_dir() {
        println!("corpus not found: skipped");
    }
    folder.is_dir().then_some(folder)
}

/// Every file of the corpus whose name ends so, in order.
pub(crate) fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, extensions));
        } else if path.extension().and_then(|e| e.to_str()).is_some_and(|e| extensions.contains(&e)) {
            found.push(path);
        }
    }
    found.sort();
    found
}
