//! Rings that cross, made simple and apart: the union, a little wider, with a proof that it encloses them.

use std::{collections::HashMap, ops::ControlFlow};

use cube_core::{Extent, Shapes};
use geo::{Coord, LineString, Polygon};

use crate::{
    corridor::around,
    exact::{extent, meet},
    index::{Edge, EdgeIndex},
    overlay,
    repair::apart_and_simple,
};

/// Steps of the overlay's grid by which the union is wider, in the order in which they are tried; and whether every edge is made an area of
/// its own first, for slivers that are thinner than a step and would vanish.
const WIDER: [(f64, bool); 4] = [(8.0, false), (64.0, false), (64.0, true), (4096.0, true)];

/// Simple rings, apart from each other and without holes, that enclose the given counter-clockwise ones. `None` when that cannot be proved.
pub(super) fn enclosing(rings: &[Vec<Coord>]) -> Option<Vec<Vec<Coord>>> {
    if apart_and_simple(rings) {
        return Some(rings.to_vec());
    }
    let grid = overlay::step(extent(rings.iter().flatten()));
    let union = |(steps, thick): (f64, bool)| {
        let by = steps * grid;
        let edges = rings.iter().flat_map(|r| r.windows(2)).filter(|_| thick).map(|e| around(e, by));
        let all: Vec<Vec<Coord>> = rings.iter().cloned().chain(edges).collect();
        within_world(&overlay::wound_around(&all, by))
    };
    WIDER.into_iter().map(union).find(|union| encloses(union, rings))
}

/// The outer rings, cut off where they reach over ±180 or ±90.
fn within_world(union: &geo::MultiPolygon) -> Vec<Vec<Coord>> {
    let areas: Vec<Polygon> = union.0.iter().map(|p| Polygon::new(p.exterior().clone(), Vec::new())).collect();
    let clipped = Shapes { areas, ..Shapes::default() }.clip(Extent::new(-180.0, -90.0, 180.0, 90.0));
    let open = clipped.areas.into_iter().map(|p| p.into_inner().0);
    open.map(|LineString(mut ring)| {
        ring.dedup();
        ring
    })
    .collect()
}

/// The edges of rings without those that others run back over: what is cut along a meridian or parallel runs there in both directions, with
/// nothing between. What rings wind around is bounded by the edges that are left.
fn net_edges(rings: &[Vec<Coord>]) -> Vec<(Coord, Coord)> {
    let mut out = Vec::new();
    let mut meridians: HashMap<u64, Vec<(f64, f64)>> = HashMap::new();
    let mut parallels: HashMap<u64, Vec<(f64, f64)>> = HashMap::new();
    for e in rings.iter().flat_map(|r| r.windows(2)) {
        let (a, b) = (e[0], e[1]);
        if a.x == b.x {
            meridians.entry(a.x.to_bits()).or_default().push((a.y, b.y));
        } else if a.y == b.y {
            parallels.entry(a.y.to_bits()).or_default().push((a.x, b.x));
        } else {
            out.push((a, b));
        }
    }
    for (x, runs) in meridians {
        let x = f64::from_bits(x);
        out.extend(net_runs(&runs).map(|(s, t)| (Coord { x, y: s }, Coord { x, y: t })));
    }
    for (y, runs) in parallels {
        let y = f64::from_bits(y);
        out.extend(net_runs(&runs).map(|(s, t)| (Coord { x: s, y }, Coord { x: t, y })));
    }
    out
}

/// The pieces of a line over which runs go more often one way than the other.
fn net_runs(runs: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> {
    let mut ends: Vec<(f64, i32)> = runs.iter().flat_map(|(a, b)| if a < b { [(*a, 1), (*b, -1)] } else { [(*b, -1), (*a, 1)] }).collect();
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut over = 0;
    let covered: Vec<(f64, f64)> = ends
        .windows(2)
        .filter_map(|e| {
            over += e[0].1;
            (over != 0 && e[0].0 < e[1].0).then_some((e[0].0, e[1].0))
        })
        .collect();
    covered.into_iter()
}

/// Whether simple rings, apart from each other, hold others strictly inside, but where both run along the edge of the world. Exact.
fn encloses(outer: &[Vec<Coord>], inner: &[Vec<Coord>]) -> bool {
    if outer.is_empty() || !apart_and_simple(outer) {
        return false;
    }
    let index = EdgeIndex::of_rings(outer.iter().map(Vec::as_slice));
    let at_world_end = |a: Coord, b: Coord| (a.x == b.x && a.x.abs() == 180.0) || (a.y == b.y && a.y.abs() == 90.0);
    let free = |a: Coord, b: Coord| {
        let around = extent([&a, &b]);
        let met = index.search(&|e| e.intersects(&around), &mut |i| {
            let edge = &index.edges()[i];
            let met = !at_world_end(edge.a, edge.b) && meet(edge.a, edge.b, a, b);
            if met { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        met.is_continue()
    };
    // Nothing lies north of the pole: an edge along it is judged by its neighbours.
    let inside = |points: &[Coord]| {
        let lowest = points.iter().copied().min_by(|a, b| a.y.total_cmp(&b.y));
        lowest.filter(|p| p.y < 90.0).is_none_or(|p| index.first_east_of(p, |_| true).is_some_and(Edge::goes_north))
    };
    let net = net_edges(inner);
    // What is left of a ring that runs back over itself may be in pieces.
    let whole = net.len() == inner.iter().map(|r| r.len().saturating_sub(1)).sum::<usize>();
    let all_inside = if whole { inner.iter().all(|r| inside(r)) } else { net.iter().all(|(a, b)| inside(&[*a, *b])) };
    all_inside && net.into_iter().all(|(a, b)| free(a, b))
}
