//! From many rings of many points to few of few.

use cube_core::{Extent, Shapes};
use geo::{Coord, LineString, Polygon};

use super::{Edges, Limits, SimplifyKind, SimplifyStep, bridge, reduce::Rings, tidy};
use crate::{
    Error, Result,
    corridor::hull,
    exact::{double_area, extent},
    geodesic,
};

/// Positions to which rings are first reduced roughly, and at least so many times the limit.
const ROUGHLY: usize = 4000;
/// A region wider than this is cut for great circles, none of which may span half the earth.
const WIDEST: f64 = 150.0;
/// How far edges may be drawn out beyond the extent, as a share of it.
const SPARE: f64 = 0.1;
/// What may be added where edges are widened, as a share of the area, while there are points to spend.
const EDGE_SHARE: f64 = 0.001;
/// How much smaller a hull or box must be to be taken.
const LESS_LIKE_IT: f64 = 1.1;
/// Positions that a part should have.
const PER_PART: usize = 10;

#[derive(Debug)]
pub(super) struct Squeezed {
    pub(super) rings: Vec<Vec<Coord>>,
    pub(super) steps: Vec<SimplifyStep>,
}

/// Rings that stay together, and the place that they may grow into.
#[derive(Debug, Clone)]
struct Group {
    rings: Vec<Vec<Coord>>,
    domain: Extent,
}

/// Rings that enclose counter-clockwise ones, at most so many positions; more when there is no way to fewer.
pub(super) fn squeeze(rings: Vec<Vec<Coord>>, limits: Limits) -> Result<Squeezed> {
    let before: usize = rings.iter().map(Vec::len).sum();
    let parts = rings.len();
    let mut groups = grouped(rings, limits.edges);
    if before > limits.max_points.max(ROUGHLY) {
        let positions = ROUGHLY.max(8 * limits.max_points);
        groups = reduced(groups, |rings| rings.reduce_roughly(positions));
    }
    groups = tidied(groups)?;
    groups = joined(groups, (limits.max_points / PER_PART).max(1))?;
    // What must be joined over wide gaps may cover less as a hull or a box.
    let ways = [
        (None, fitted(groups.clone(), limits)?),
        (Some(SimplifyKind::Hull), hulls(&groups, limits)),
        (Some(SimplifyKind::Box), boxes(&groups, limits)),
    ];
    let fitting =
        ways.into_iter().filter_map(|(kind, rings)| Some((kind, rings.filter(|r| r.iter().map(Vec::len).sum::<usize>() <= limits.max_points)?)));
    let costs = |kind: Option<SimplifyKind>, rings: &[Vec<Coord>]| {
        rings.iter().map(|r| double_area(r)).sum::<f64>() * if kind.is_some() { LESS_LIKE_IT } else { 1.0 }
    };
    let Some((fallback, rings)) = fitting.min_by(|a, b| costs(a.0, &a.1).total_cmp(&costs(b.0, &b.1))) else {
        let needed = boxes(&groups, limits).map_or(usize::MAX, |rings| rings.iter().map(Vec::len).sum());
        return Err(Error::TooFewPoints { max_points: limits.max_points, needed });
    };
    let after: usize = rings.iter().map(Vec::len).sum();
    Ok(Squeezed { steps: steps(limits, (parts, before), (rings.len(), after), fallback), rings })
}

fn steps(limits: Limits, before: (usize, usize), after: (usize, usize), fallback: Option<SimplifyKind>) -> Vec<SimplifyStep> {
    let mut steps = Vec::new();
    let mut step = |kind, detail: String| steps.push(SimplifyStep { kind, detail });
    if after.0 < before.0 {
        step(SimplifyKind::PartsJoined, format!("{} parts are joined to {}", before.0, after.0));
    }
    if after.1 < before.1 {
        step(SimplifyKind::PointsReduced, format!("{} points of outer rings are reduced to {}", before.1, after.1));
    }
    match fallback {
        Some(SimplifyKind::Hull) => step(SimplifyKind::Hull, "the convex hull is taken".into()),
        Some(kind) => step(kind, "the bounding box is taken".into()),
        None => {}
    }
    if limits.edges == Edges::Geodesic {
        step(SimplifyKind::EdgesWidened, "corners are added where a great circle would cut into the region".into());
    }
    steps
}

/// One group; for great circles, one for each quarter of the earth when the region is wide.
fn grouped(rings: Vec<Vec<Coord>>, edges: Edges) -> Vec<Group> {
    let all = extent(rings.iter().flatten());
    let spare = SPARE * all.width().max(all.height());
    let wider =
        |e: Extent, x: f64| Extent::new((e.west - x).max(-180.0), (e.south - spare).max(-90.0), (e.east + x).min(180.0), (e.north + spare).min(90.0));
    if edges == Edges::Planar {
        return vec![Group { rings, domain: wider(all, spare) }];
    }
    if all.width() <= WIDEST {
        let domain = wider(all, spare.min(0.5 * (WIDEST - all.width())));
        return vec![Group { rings, domain: off_poles(domain, all) }];
    }
    // No ring may hold both poles.
    let cuts: &[f64] = if all.south < -89.0 && all.north > 89.0 { &[-90.0, 0.0, 90.0] } else { &[-90.0, 90.0] };
    let windows =
        (0..4).flat_map(|i| cuts.windows(2).map(move |c| Extent::new(-180.0 + 90.0 * f64::from(i), c[0], -90.0 + 90.0 * f64::from(i), c[1])));
    let group = |window: Extent| {
        let inside = rings.iter().filter(|r| extent(r.iter()).intersects(&window));
        let areas = inside.map(|r| Polygon::new(LineString(r.clone()), Vec::new())).collect();
        let cut = Shapes { areas, ..Shapes::default() }.clip(window);
        let rings: Vec<Vec<Coord>> = cut.areas.into_iter().map(|p| p.into_inner().0.0).collect();
        Group { domain: off_poles(window, extent(rings.iter().flatten())), rings }
    };
    windows.map(group).filter(|g| !g.rings.is_empty()).collect()
}

/// A domain that reaches a pole only where the region does.
fn off_poles(domain: Extent, region: Extent) -> Extent {
    let end = |pole: f64, own: f64| if own.abs() == 90.0 { pole } else { pole.signum() * pole.abs().min(89.9_f64.max(own.abs())) };
    Extent::new(domain.west, end(domain.south, region.south), domain.east, end(domain.north, region.north))
}

fn positions(groups: &[Group]) -> usize {
    groups.iter().flat_map(|g| &g.rings).map(Vec::len).sum()
}

/// All rings reduced together, so that points go where they count.
fn reduced(groups: Vec<Group>, how: impl FnOnce(&mut Rings)) -> Vec<Group> {
    let counts: Vec<(usize, Extent)> = groups.iter().map(|g| (g.rings.len(), g.domain)).collect();
    let all: Vec<(Vec<Coord>, Extent)> = groups.into_iter().flat_map(|g| g.rings.into_iter().map(move |r| (r, g.domain))).collect();
    let mut rings = Rings::new(&all);
    drop(all);
    how(&mut rings);
    let mut closed = rings.into_closed().into_iter();
    counts.into_iter().map(|(count, domain)| Group { rings: closed.by_ref().take(count).collect(), domain }).collect()
}

fn tidied(groups: Vec<Group>) -> Result<Vec<Group>> {
    let tidy = |g: Group| tidy::enclosing(&g.rings).map(|rings| Group { rings, ..g }).ok_or(Error::NotProved);
    groups.into_iter().map(tidy).collect()
}

/// At most so many parts over all groups, but one in each.
fn joined(groups: Vec<Group>, parts: usize) -> Result<Vec<Group>> {
    let all: usize = groups.iter().map(|g| g.rings.len()).sum();
    if all <= parts {
        return Ok(groups);
    }
    let join = |g: Group| {
        let share = (g.rings.len() * parts / all).max(1);
        let bridges = bridge::between(&g.rings, share);
        Group { rings: g.rings.into_iter().chain(bridges).collect(), ..g }
    };
    tidied(groups.into_iter().map(join).collect())
}

/// Reduced in stages, so that what comes to cross is united before it takes points from the rest.
fn fitted(mut groups: Vec<Group>, limits: Limits) -> Result<Option<Vec<Vec<Coord>>>> {
    for times in [8, 4, 2] {
        groups = tidied(reduced(groups, |rings| rings.reduce(times * limits.max_points)))?;
    }
    let mut budget = limits.max_points;
    while budget >= 4 {
        let smaller = reduced(groups.clone(), |rings| rings.reduce(budget));
        let reached = positions(&smaller) <= budget;
        let smaller = tidied(smaller)?;
        let rings = finished(&smaller, limits);
        let count: usize = rings.iter().map(Vec::len).sum();
        if count <= limits.max_points && sound(&rings, limits.edges) {
            return Ok(Some(rings));
        }
        if reached {
            // Unions and widened edges take points too.
            let fewer = budget.min(positions(&smaller)) * limits.max_points / count.max(limits.max_points + 1);
            budget = fewer.clamp(budget / 2, budget - 1);
            continue;
        }
        // Only triangles are left: only fewer of them help.
        let parts = |groups: &[Group]| groups.iter().map(|g| g.rings.len()).sum::<usize>();
        let before = parts(&smaller);
        groups = joined(smaller, before / 2)?;
        if parts(&groups) >= before {
            return Ok(None);
        }
        budget = limits.max_points;
    }
    Ok(None)
}

/// The rings as they are sent.
fn finished(groups: &[Group], limits: Limits) -> Vec<Vec<Coord>> {
    let rings = groups.iter().flat_map(|g| &g.rings);
    if limits.edges == Edges::Planar {
        return rings.cloned().collect();
    }
    let spare = limits.max_points as f64 / positions(groups).max(1) as f64;
    rings.map(|r| geodesic::contain(r, (r.len() as f64 * spare) as usize, EDGE_SHARE)).collect()
}

fn sound(rings: &[Vec<Coord>], edges: Edges) -> bool {
    edges == Edges::Planar || rings.iter().all(|r| geodesic::is_simple(r))
}

/// The hull of each group.
fn hulls(groups: &[Group], limits: Limits) -> Option<Vec<Vec<Coord>>> {
    let hulls: Vec<Group> = groups.iter().map(|g| Group { rings: vec![hull(g.rings.iter().flatten().copied())], ..*g }).collect();
    let budgets = (4..=limits.max_points).rev().step_by((limits.max_points / 16).max(1));
    let sent = budgets.map(|positions| finished(&reduced(hulls.clone(), |rings| rings.reduce(positions)), limits));
    sent.into_iter().find(|rings| rings.iter().map(Vec::len).sum::<usize>() <= limits.max_points && sound(rings, limits.edges))
}

/// The box around each group.
fn boxes(groups: &[Group], limits: Limits) -> Option<Vec<Vec<Coord>>> {
    let boxes: Vec<Group> = groups.iter().map(|g| Group { rings: vec![box_of(extent(g.rings.iter().flatten()))], ..*g }).collect();
    Some(finished(&boxes, limits)).filter(|rings| sound(rings, limits.edges))
}

fn box_of(e: Extent) -> Vec<Coord> {
    [(e.west, e.south), (e.east, e.south), (e.east, e.north), (e.west, e.north), (e.west, e.south)].map(Coord::from).to_vec()
}
