//! Rings that lose points and gain area.

use std::{cmp::Ordering, collections::BinaryHeap};

use cube_core::Extent;
use geo::Coord;

use crate::exact::orient;

/// Corners of which the costs are looked at to choose a threshold.
const SAMPLE: usize = 2048;
/// What the distance to which an edge is drawn out costs, beside the area.
const REACH_COSTS: f64 = 0.25;

/// Counter-clockwise rings as linked corners.
#[derive(Debug)]
pub(super) struct Rings {
    at: Vec<Coord>,
    next: Vec<u32>,
    before: Vec<u32>,
    ring: Vec<u32>,
    /// Corners left in each ring.
    size: Vec<usize>,
    /// A corner of each ring.
    entry: Vec<u32>,
    /// Where drawn-out edges may meet.
    domain: Vec<Extent>,
    alive: Vec<bool>,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    /// Leave out the corner.
    Drop,
    /// Draw the edges before and after the edge that begins at the corner out to this place.
    Extend(Coord),
}

impl Rings {
    /// Of closed rings, each with the place that it may grow into.
    pub(super) fn new(rings: &[(Vec<Coord>, Extent)]) -> Self {
        let corners: usize = rings.iter().map(|(r, _)| r.len().saturating_sub(1)).sum();
        let mut out = Self {
            at: Vec::with_capacity(corners),
            next: Vec::with_capacity(corners),
            before: Vec::with_capacity(corners),
            ring: Vec::with_capacity(corners),
            size: Vec::with_capacity(rings.len()),
            entry: Vec::with_capacity(rings.len()),
            domain: rings.iter().map(|(_, d)| *d).collect(),
            alive: vec![true; corners],
        };
        for (number, (ring, _)) in rings.iter().enumerate() {
            let (start, count) = (out.at.len() as u32, ring.len().saturating_sub(1) as u32);
            out.at.extend(&ring[..count as usize]);
            out.next.extend((0..count).map(|i| start + (i + 1) % count));
            out.before.extend((0..count).map(|i| start + (i + count - 1) % count));
            out.ring.extend((0..count).map(|_| number as u32));
            out.size.push(count as usize);
            out.entry.push(start);
        }
        out
    }

    /// Positions, one more than corners in each ring.
    pub(super) fn positions(&self) -> usize {
        self.size.iter().map(|s| s + 1).sum()
    }

    /// The rings, closed.
    pub(super) fn into_closed(self) -> Vec<Vec<Coord>> {
        (0..self.size.len())
            .map(|ring| {
                let mut i = self.entry[ring];
                let mut out = Vec::with_capacity(self.size[ring] + 1);
                for _ in 0..=self.size[ring] {
                    out.push(self.at[i as usize]);
                    i = self.next[i as usize];
                }
                out
            })
            .collect()
    }

    /// Cheap changes first, roughly: rounds over all corners, each with a threshold that about half of the corners pass.
    pub(super) fn reduce_roughly(&mut self, positions: usize) {
        let mut count = self.positions();
        while count > positions {
            let threshold = self.median_cost();
            for ring in 0..self.size.len() {
                let mut i = self.entry[ring];
                for _ in 0..self.size[ring] {
                    if let Some((cost, change)) = self.cheapest(i)
                        && cost <= threshold
                    {
                        self.apply(i, change);
                    }
                    i = self.next[i as usize];
                }
            }
            let left = self.positions();
            if left as f64 > 0.97 * count as f64 {
                return;
            }
            count = left;
        }
    }

    /// The cheapest change first, until so few positions are left or nothing more can go.
    pub(super) fn reduce(&mut self, positions: usize) {
        let mut left = self.positions();
        if left <= positions {
            return;
        }
        let mut version = vec![0_u32; self.at.len()];
        let mut heap: BinaryHeap<Entry> = BinaryHeap::new();
        let alive: Vec<u32> = (0..self.at.len() as u32).filter(|i| self.alive[*i as usize]).collect();
        for i in alive {
            heap.extend(self.cheapest(i).map(|(cost, _)| Entry { cost, corner: i, version: 0 }));
        }
        while left > positions {
            let Some(entry) = heap.pop() else { return };
            let i = entry.corner;
            if !self.alive[i as usize] || version[i as usize] != entry.version {
                continue;
            }
            let Some((_, change)) = self.cheapest(i) else { continue };
            let near = self.apply(i, change);
            left -= 1;
            for j in near {
                version[j as usize] += 1;
                heap.extend(self.cheapest(j).map(|(cost, _)| Entry { cost, corner: j, version: version[j as usize] }));
            }
        }
    }

    fn median_cost(&self) -> f64 {
        let stride = (self.at.len() / SAMPLE).max(1);
        let alive = (0..self.at.len()).filter(|i| self.alive[*i]);
        let living = self.positions() - self.size.len();
        let stride = (stride * living / self.at.len().max(1)).max(1);
        let mut costs: Vec<f64> = alive.step_by(stride).filter_map(|i| self.cheapest(i as u32)).map(|(cost, _)| cost).collect();
        let middle = costs.len() / 2;
        if costs.is_empty() { f64::INFINITY } else { *costs.select_nth_unstable_by(middle, f64::total_cmp).1 }
    }

    /// What can be done at a corner, and what it costs.
    fn cheapest(&self, i: u32) -> Option<(f64, Change)> {
        let ring = self.ring[i as usize] as usize;
        if self.size[ring] <= 3 {
            return None;
        }
        let (h, j) = (self.before[i as usize], self.next[i as usize]);
        let (a, b, c) = (self.at[h as usize], self.at[i as usize], self.at[j as usize]);
        let turn = orient(a, b, c);
        if turn <= 0.0 {
            return Some((-0.5 * turn, Change::Drop));
        }
        let d = self.at[self.next[j as usize] as usize];
        if orient(b, c, d) <= 0.0 {
            return None;
        }
        let p = meeting(a, b, c, d)?;
        let domain = &self.domain[ring];
        if !((domain.west..=domain.east).contains(&p.x) && (domain.south..=domain.north).contains(&p.y)) {
            return None;
        }
        let (dx, dy) = (p.x - 0.5 * (b.x + c.x), p.y - 0.5 * (b.y + c.y));
        Some((0.5 * orient(b, p, c) + REACH_COSTS * (dx * dx + dy * dy), Change::Extend(p)))
    }

    /// Carries a change out; answers the corners whose costs are others now.
    fn apply(&mut self, i: u32, change: Change) -> [u32; 4] {
        let (h, j) = (self.before[i as usize], self.next[i as usize]);
        let gone = match change {
            Change::Drop => i,
            Change::Extend(p) => {
                self.at[i as usize] = p;
                j
            }
        };
        let (before, after) = (self.before[gone as usize], self.next[gone as usize]);
        self.next[before as usize] = after;
        self.before[after as usize] = before;
        self.alive[gone as usize] = false;
        let ring = self.ring[i as usize] as usize;
        self.size[ring] -= 1;
        self.entry[ring] = before;
        [self.before[h as usize], h, before, after]
    }
}

/// Where the edges from `a` to `b` and from `d` to `c` meet when drawn out beyond `b` and `c`: never inside of them, by exact predicates.
fn meeting(a: Coord, b: Coord, c: Coord, d: Coord) -> Option<Coord> {
    let (u, v) = (Coord { x: b.x - a.x, y: b.y - a.y }, Coord { x: d.x - c.x, y: d.y - c.y });
    let cross = u.x * v.y - u.y * v.x;
    if cross <= 0.0 {
        return None;
    }
    let t = ((c.x - a.x) * v.y - (c.y - a.y) * v.x) / cross;
    let p = Coord { x: a.x + t * u.x, y: a.y + t * u.y };
    let (u_length, v_length) = (u.x.hypot(u.y), v.x.hypot(v.y));
    // To the right of both edges.
    let away = Coord { x: u.y / u_length + v.y / v_length, y: -u.x / u_length - v.x / v_length };
    nudged(p, away, |p| orient(a, p, b) >= 0.0 && orient(b, p, c) >= 0.0 && orient(p, d, c) >= 0.0)
}

/// A place near `meant` that lies on the right of an edge or on it, by an exact predicate; `None` when there is none within the world.
pub(crate) fn outward(a: Coord, b: Coord, meant: Coord) -> Option<Coord> {
    let length = (b.x - a.x).hypot(b.y - a.y);
    let away = Coord { x: (b.y - a.y) / length, y: -(b.x - a.x) / length };
    nudged(meant, away, |p| orient(a, p, b) >= 0.0).filter(|p| *p != a && *p != b)
}

fn nudged(p: Coord, away: Coord, holds: impl Fn(Coord) -> bool) -> Option<Coord> {
    let unit = f64::EPSILON * p.x.abs().max(p.y.abs()).max(1e-3);
    let steps = [0.0, 1.0, 4.0, 16.0, 64.0, 1024.0];
    steps
        .into_iter()
        .map(|s| Coord { x: p.x + s * unit * away.x, y: p.y + s * unit * away.y })
        .find(|p| p.x.is_finite() && p.y.is_finite() && holds(*p))
}

/// Cheapest on top.
#[derive(Debug, Clone, Copy)]
struct Entry {
    cost: f64,
    corner: u32,
    version: u32,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        other.cost.total_cmp(&self.cost).then(other.corner.cmp(&self.corner))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}
