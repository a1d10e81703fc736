//! Edges in the order in which rings run, under boxes over runs of them: built in one pass, for neighbours in a ring are neighbours in space.

use std::ops::ControlFlow;

use cube_core::Extent;
use geo::Coord;

use crate::exact::{extent, on_edge, orient};

/// Edges under one box, and boxes under one box of the next level.
const RUN: usize = 8;

/// An index over edges.
#[derive(Debug, Clone, Default)]
pub(crate) struct EdgeIndex {
    edges: Vec<Edge>,
    /// Boxes over `RUN` edges, then over `RUN` of those, and so on to a single one.
    levels: Vec<Vec<Extent>>,
}

/// An edge and the ring (or line, or point) that it belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edge {
    pub(crate) a: Coord,
    pub(crate) b: Coord,
    pub(crate) ring: u32,
}

/// Where a point lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On an edge.
    Boundary,
    /// Off all edges; how often they wind around it.
    Winding(i32),
}

/// Where a way east meets an edge, and how the edge goes on north: the nearer one is the lesser.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
struct Reached {
    x: f64,
    slope: f64,
}

impl Edge {
    /// Whether what lies west of this edge lies on its left, which is the inside.
    pub(crate) fn goes_north(&self) -> bool {
        self.b.y > self.a.y
    }
}

impl EdgeIndex {
    pub(crate) fn new(edges: Vec<Edge>) -> Self {
        let mut levels: Vec<Vec<Extent>> = Vec::new();
        if !edges.is_empty() {
            levels.push(edges.chunks(RUN).map(|run| extent(run.iter().flat_map(|e| [&e.a, &e.b]))).collect());
        }
        while let Some(last) = levels.last().filter(|l| l.len() > 1) {
            let next = last.chunks(RUN).map(|run| run[1..].iter().fold(run[0], |all, one| all.union(one))).collect();
            levels.push(next);
        }
        Self { edges, levels }
    }

    /// Of closed rings, each with its number.
    pub(crate) fn of_rings<'a>(rings: impl IntoIterator<Item = &'a [Coord]>) -> Self {
        let edges = rings.into_iter().zip(0..).flat_map(|(ring, number)| edges_of(ring, number));
        Self::new(edges.collect())
    }

    pub(crate) fn edges(&self) -> &[Edge] {
        &self.edges
    }

    pub(crate) fn extent(&self) -> Option<Extent> {
        self.levels.last().map(|top| top[0])
    }

    /// Every edge under a box that passes; `visit` may break off.
    pub(crate) fn search(&self, passes: &impl Fn(&Extent) -> bool, visit: &mut impl FnMut(usize) -> ControlFlow<()>) -> ControlFlow<()> {
        if self.levels.is_empty() { ControlFlow::Continue(()) } else { self.descend(self.levels.len() - 1, 0, passes, visit) }
    }

    fn descend(
        &self,
        level: usize,
        node: usize,
        passes: &impl Fn(&Extent) -> bool,
        visit: &mut impl FnMut(usize) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if !passes(&self.levels[level][node]) {
            return ControlFlow::Continue(());
        }
        let below = if level == 0 { self.edges.len() } else { self.levels[level - 1].len() };
        for child in node * RUN..((node + 1) * RUN).min(below) {
            if level == 0 { visit(child)? } else { self.descend(level - 1, child, passes, visit)? }
        }
        ControlFlow::Continue(())
    }

    /// Every pair of edges `(i, j)` with `i < j` whose runs have boxes that meet.
    pub(crate) fn pairs(&self, visit: &mut impl FnMut(usize, usize) -> ControlFlow<()>) -> ControlFlow<()> {
        if self.levels.is_empty() { ControlFlow::Continue(()) } else { self.pairs_below(self.levels.len() - 1, 0, 0, visit) }
    }

    fn pairs_below(&self, level: usize, a: usize, b: usize, visit: &mut impl FnMut(usize, usize) -> ControlFlow<()>) -> ControlFlow<()> {
        if a != b && !self.levels[level][a].intersects(&self.levels[level][b]) {
            return ControlFlow::Continue(());
        }
        let below = if level == 0 { self.edges.len() } else { self.levels[level - 1].len() };
        for i in a * RUN..((a + 1) * RUN).min(below) {
            let from = if a == b { i } else { b * RUN };
            for j in from..((b + 1) * RUN).min(below) {
                if level > 0 {
                    self.pairs_below(level - 1, i, j, visit)?;
                } else if i != j {
                    visit(i, j)?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// The edge of rings that pass that is met first on the way east from a point, a hair north of it; an edge through the point counts when
    /// its inside lies west. Rings must not cross.
    pub(crate) fn first_east_of(&self, p: Coord, of: impl Fn(u32) -> bool) -> Option<&Edge> {
        let mut best: Option<(Reached, usize)> = None;
        if !self.levels.is_empty() {
            self.look_east(self.levels.len() - 1, 0, p, &of, &mut best);
        }
        best.map(|(_, i)| &self.edges[i])
    }

    fn look_east(&self, level: usize, node: usize, p: Coord, of: &impl Fn(u32) -> bool, best: &mut Option<(Reached, usize)>) {
        if level == 0 {
            for i in node * RUN..((node + 1) * RUN).min(self.edges.len()) {
                let e = &self.edges[i];
                let spans = (e.a.y <= p.y && p.y < e.b.y && orient(e.a, e.b, p) >= 0.0) || (e.b.y <= p.y && p.y < e.a.y && orient(e.a, e.b, p) < 0.0);
                if spans && of(e.ring) {
                    let slope = (e.b.x - e.a.x) / (e.b.y - e.a.y);
                    let reached = Reached { x: (e.a.x + slope * (p.y - e.a.y)).clamp(e.a.x.min(e.b.x), e.a.x.max(e.b.x)), slope };
                    if best.is_none_or(|(b, _)| reached < b) {
                        *best = Some((reached, i));
                    }
                }
            }
            return;
        }
        let boxes = &self.levels[level - 1];
        let children = node * RUN..((node + 1) * RUN).min(boxes.len());
        let mut ahead: [usize; RUN] = [0; RUN];
        let mut count = 0;
        for child in children.filter(|c| boxes[*c].east >= p.x && boxes[*c].south <= p.y && boxes[*c].north >= p.y) {
            ahead[count] = child;
            count += 1;
        }
        ahead[..count].sort_by(|a, b| boxes[*a].west.total_cmp(&boxes[*b].west));
        for child in &ahead[..count] {
            if best.is_none_or(|(b, _)| boxes[*child].west <= b.x) {
                self.look_east(level - 1, *child, p, of, best);
            }
        }
    }

    /// Where a point lies with respect to the closed rings that pass.
    pub(crate) fn place(&self, p: Coord, of: impl Fn(u32) -> bool) -> Place {
        let mut winding = 0;
        let beside = |e: &Extent| e.east >= p.x && e.south <= p.y && e.north >= p.y;
        let found = self.search(&beside, &mut |i| {
            let Edge { a, b, ring } = self.edges[i];
            if a.x.max(b.x) < p.x || !of(ring) {
                return ControlFlow::Continue(());
            }
            if on_edge(a, b, p) {
                return ControlFlow::Break(());
            }
            if a.y <= p.y && p.y < b.y && orient(a, b, p) > 0.0 {
                winding += 1;
            } else if b.y <= p.y && p.y < a.y && orient(a, b, p) < 0.0 {
                winding -= 1;
            }
            ControlFlow::Continue(())
        });
        if found.is_break() { Place::Boundary } else { Place::Winding(winding) }
    }
}

/// The edges of a line or ring; a point has one from itself to itself.
pub(crate) fn edges_of(line: &[Coord], ring: u32) -> impl Iterator<Item = Edge> {
    let alone = (line.len() == 1).then(|| Edge { a: line[0], b: line[0], ring });
    line.windows(2).map(move |e| Edge { a: e[0], b: e[1], ring }).chain(alone)
}
