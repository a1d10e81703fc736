//! Areas that are valid and apart from each other.

use std::ops::ControlFlow;

use cube_core::Extent;
use geo::{Coord, LineString, MultiPolygon, Polygon};

use super::{RepairKind, Report};
use crate::{
    exact::{double_area, extent, meet, turns_back},
    index::{Edge, EdgeIndex, Place},
    overlay,
    region::rings_of,
};

/// How often what was resolved is looked at again.
const ROUNDS: usize = 4;

/// Rings turned the right way, crossings resolved, overlaps united; what is right already stays as it is, to the last bit.
pub(super) fn make_valid(areas: Vec<Polygon>, report: &mut Report) -> Vec<Polygon> {
    let mut reversed = 0;
    let areas: Vec<Polygon> = areas.into_iter().map(|p| directed(p, &mut reversed)).collect();
    report.add(RepairKind::RingsReversed, reversed);
    let mut changed = Changed::default();
    // What was resolved together is done; where something inside of a tangle lies is known only then.
    let mut resolved: Vec<Option<usize>> = vec![None; areas.len()];
    let mut areas = areas;
    for round in 0..ROUNDS {
        let contacts = Contacts::of(&areas);
        let is_done = |group: &[usize]| {
            let first = resolved[group[0]];
            let alone = group.len() == 1 && !contacts.tangled[group[0]];
            alone || (first.is_some() && group.iter().all(|i| resolved[*i] == first))
        };
        let groups = if contacts.is_empty() { Vec::new() } else { contacts.groups() };
        if groups.iter().all(|g| is_done(g)) {
            break;
        }
        let (mut next, mut next_resolved) = (Vec::with_capacity(areas.len()), Vec::with_capacity(areas.len()));
        for group in groups {
            let parts = group.iter().map(|i| areas[*i].clone()).collect();
            let (parts, key) = if is_done(&group) {
                (parts, resolved[group[0]])
            } else {
                let tangled: Vec<bool> = group.iter().map(|i| contacts.tangled[*i]).collect();
                (resolve(parts, &tangled, &mut changed), Some(round * areas.len() + group[0]))
            };
            next_resolved.extend(std::iter::repeat_n(key, parts.len()));
            next.extend(parts);
        }
        (areas, resolved) = (next, next_resolved);
    }
    report.add(RepairKind::SelfIntersection, changed.tangled);
    report.add(RepairKind::PartsUnited, changed.united);
    areas
}

/// Whether closed rings neither cross nor touch themselves or each other. Exact.
pub(crate) fn apart_and_simple(rings: &[Vec<Coord>]) -> bool {
    let index = EdgeIndex::of_rings(rings.iter().map(Vec::as_slice));
    let starts = starts_of(rings.iter().map(Vec::len));
    let met = index.pairs(&mut |i, j| if in_contact(&index, &starts, i, j) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
    let outside = |(ring, number): (&Vec<Coord>, u32)| around(&index, ring, number).is_none_or(|e| !e.goes_north());
    met.is_continue() && rings.iter().zip(0..).all(outside)
}

/// The edge of another ring that lies next to a ring, east of its easternmost point. Rings must not cross.
fn around<'a>(index: &'a EdgeIndex, ring: &[Coord], number: u32) -> Option<&'a Edge> {
    let east = ring.iter().copied().max_by(|a, b| a.x.total_cmp(&b.x))?;
    index.first_east_of(east, |r| r != number)
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Changed {
    tangled: usize,
    united: usize,
}

fn resolve(parts: Vec<Polygon>, tangled: &[bool], changed: &mut Changed) -> Vec<Polygon> {
    let reach = 4.0 * overlay::step(extent(parts.iter().flat_map(rings_of).flat_map(|r| &r.0)));
    let mut simple: Vec<Polygon> = Vec::new();
    for (part, is_tangled) in parts.iter().zip(tangled) {
        let untangled = if *is_tangled { overlay::untangled(part) } else { MultiPolygon(vec![part.clone()]) };
        changed.tangled += usize::from(*is_tangled && (crosses_itself(part) || differs(part, &untangled)));
        simple.extend(untangled);
    }
    let raw = if parts.len() > 1 { overlay::united(&simple) } else { MultiPolygon(simple.clone()) };
    let area = |all: &[Polygon]| all.iter().map(area_of).sum::<f64>();
    if raw.0.len() < simple.len() || area(&raw.0) < area(&simple) * (1.0 - 1e-7) {
        changed.united += parts.len();
    }
    let back = overlay::put_back(&raw, &parts, reach);
    let sound = back.0.iter().flat_map(rings_of).all(|r| r.0.len() > 3)
        && matches!(Contacts::of(&back.0).crossings, c if c == 0 || c == Contacts::of(&raw.0).crossings);
    let mut none = 0;
    let chosen = if sound { back } else { raw };
    chosen.0.into_iter().map(|p| directed(p, &mut none)).collect()
}

fn area_of(p: &Polygon) -> f64 {
    double_area(&p.exterior().0).abs() - p.interiors().iter().map(|r| double_area(&r.0).abs()).sum::<f64>()
}

/// Whether one of the rings crosses or touches itself; rings of a polygon may touch each other.
fn crosses_itself(part: &Polygon) -> bool {
    rings_of(part).any(|r| !apart_and_simple(std::slice::from_ref(&r.0)))
}

fn differs(part: &Polygon, other: &MultiPolygon) -> bool {
    let rings = |p: &Polygon| 1 + p.interiors().len();
    let (before, after) = (area_of(part), other.0.iter().map(area_of).sum::<f64>());
    other.0.len() != 1 || other.0.iter().map(rings).sum::<usize>() != rings(part) || (before - after).abs() > 1e-7 * before.abs()
}

/// Outer ring counter-clockwise, holes clockwise.
fn directed(polygon: Polygon, reversed: &mut usize) -> Polygon {
    let mut direct = |mut ring: LineString, sign: f64| {
        if double_area(&ring.0) * sign < 0.0 {
            ring.0.reverse();
            *reversed += 1;
        }
        ring
    };
    let (outer, holes) = polygon.into_inner();
    Polygon::new(direct(outer, 1.0), holes.into_iter().map(|h| direct(h, -1.0)).collect())
}

/// Which polygons are in contact with themselves or with each other.
#[derive(Debug)]
struct Contacts {
    tangled: Vec<bool>,
    /// A forest: of each polygon, another one of its group.
    leads_to: Vec<usize>,
    linked: bool,
    crossings: usize,
}

impl Contacts {
    fn of(areas: &[Polygon]) -> Self {
        let owners: Vec<usize> = areas.iter().enumerate().flat_map(|(i, p)| rings_of(p).map(move |_| i)).collect();
        let rings: Vec<&[Coord]> = areas.iter().flat_map(rings_of).map(|r| r.0.as_slice()).collect();
        let index = EdgeIndex::of_rings(rings.iter().copied());
        let starts = starts_of(rings.iter().map(|r| r.len()));
        let mut found = Self { tangled: vec![false; areas.len()], leads_to: (0..areas.len()).collect(), linked: false, crossings: 0 };
        let _ = index.pairs(&mut |i, j| {
            if in_contact(&index, &starts, i, j) {
                let [a, b] = [i, j].map(|e| owners[index.edges()[e].ring as usize]);
                found.crossings += 1;
                found.meet(a, b);
            }
            ControlFlow::Continue(())
        });
        let owner_of = |number: usize| owners[number];
        let is_hole = |number: usize| number > 0 && owner_of(number - 1) == owner_of(number);
        // Holes lie in the inside of their own polygon, outer rings in the inside of none.
        let in_place = |(number, ring): (usize, &&[Coord])| match around(&index, ring, number as u32) {
            Some(edge) if is_hole(number) => edge.goes_north() && owner_of(edge.ring as usize) == owner_of(number),
            next => !is_hole(number) && next.is_none_or(|e| !e.goes_north()),
        };
        if rings.len() > 1 && !rings.iter().enumerate().all(in_place) {
            found.nest(areas, &rings, &owners, &index);
        }
        found
    }

    /// Rings that lie where they must not: outer rings inside of others, holes outside of their own.
    fn nest(&mut self, areas: &[Polygon], rings: &[&[Coord]], owners: &[usize], index: &EdgeIndex) {
        let mut boxes: Option<Vec<Extent>> = None;
        for (number, ring) in rings.iter().enumerate() {
            let owner = owners[number];
            let is_hole = number > 0 && owners[number - 1] == owner;
            let Some(p) = ring.first().copied() else { continue };
            let Place::Winding(winding) = index.place(p, |r| r as usize != number) else { continue };
            if winding == i32::from(is_hole) {
                continue;
            }
            if is_hole {
                self.meet(owner, owner);
            }
            let boxes = boxes.get_or_insert_with(|| areas.iter().map(|a| extent(&a.exterior().0)).collect());
            let here = extent([&p]);
            (0..areas.len()).filter(|other| *other != owner && boxes[*other].intersects(&here)).for_each(|other| self.meet(owner, other));
        }
    }

    fn meet(&mut self, a: usize, b: usize) {
        if a == b {
            self.tangled[a] = true;
            return;
        }
        let (a, b) = (self.head(a), self.head(b));
        self.leads_to[a] = b;
        self.linked = true;
    }

    fn head(&mut self, mut i: usize) -> usize {
        while self.leads_to[i] != i {
            self.leads_to[i] = self.leads_to[self.leads_to[i]];
            i = self.leads_to[i];
        }
        i
    }

    fn is_empty(&self) -> bool {
        !self.linked && !self.tangled.contains(&true)
    }

    /// The polygons in groups that are in contact, in the order of their first.
    fn groups(&self) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = vec![Vec::new(); self.leads_to.len()];
        for i in 0..self.leads_to.len() {
            let mut head = i;
            while self.leads_to[head] != head {
                head = self.leads_to[head];
            }
            groups[head].push(i);
        }
        groups.retain(|g| !g.is_empty());
        groups.sort_by_key(|g| g[0]);
        groups
    }
}

/// Where the edges of each ring begin, and how many there are.
fn starts_of(points: impl Iterator<Item = usize>) -> Vec<(usize, usize)> {
    let mut next = 0;
    let start = |len: usize| {
        let edges = len.saturating_sub(1);
        next += edges;
        (next - edges, edges)
    };
    points.map(start).collect()
}

/// Whether two edges share more than the corner at which one follows the other.
fn in_contact(index: &EdgeIndex, starts: &[(usize, usize)], i: usize, j: usize) -> bool {
    let (e, f) = (index.edges()[i], index.edges()[j]);
    if e.ring == f.ring {
        let (start, count) = starts[e.ring as usize];
        if j == i + 1 {
            return turns_back(e.a, e.b, f.b);
        }
        if i == start && j + 1 == start + count {
            return turns_back(f.a, f.b, e.b);
        }
    }
    meet(e.a, e.b, f.a, f.b)
}
