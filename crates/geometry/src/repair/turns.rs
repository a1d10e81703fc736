//! The antimeridian and the poles.

use cube_core::{LongEdges, Shapes};
use geo::LineString;

use super::{RepairKind, RepairStep, Report};
use crate::region::rings_of;

/// Every part taken the short way round where it jumps, without a report.
pub(crate) fn unrolled(shapes: Shapes) -> Shapes {
    unroll(shapes, &mut Report::default())
}

/// Shapes whose longitudes run on, in pieces within ±180, without a report.
pub(crate) fn within_turn(shapes: Shapes) -> Shapes {
    cut(shapes, &mut Report::default())
}

pub(super) fn bring_within(shapes: Shapes, report: &mut Report) -> Shapes {
    cut(unroll(shapes, report), report)
}

fn unroll(shapes: Shapes, report: &mut Report) -> Shapes {
    let (out, seen) = shapes.read_long_edges();
    steps(&seen).for_each(|step| report.0.push(step));
    out
}

/// How long edges were read, in words.
pub fn steps_of_long_edges(seen: &LongEdges) -> Vec<RepairStep> {
    steps(seen).collect()
}

fn steps(seen: &LongEdges) -> impl Iterator<Item = RepairStep> {
    let all = [(RepairKind::AntimeridianJump, seen.short_way), (RepairKind::LongEdgeKept, seen.as_written), (RepairKind::PoleEnclosed, seen.poles)];
    all.into_iter().filter_map(|(kind, count)| RepairStep::new(kind, count))
}

fn cut(shapes: Shapes, report: &mut Report) -> Shapes {
    let beyond = |l: &LineString| l.0.iter().any(|c| c.x.abs() > 180.0);
    let (far_areas, areas): (Vec<_>, Vec<_>) = shapes.areas.into_iter().partition(|p| rings_of(p).any(beyond));
    let (far_lines, lines): (Vec<_>, Vec<_>) = shapes.lines.into_iter().partition(beyond);
    let (far_points, points): (Vec<_>, Vec<_>) = shapes.points.into_iter().partition(|p| p.x.abs() > 180.0);
    let far = Shapes { areas: far_areas, lines: far_lines, points: far_points };
    let mut out = Shapes { areas, lines, points };
    if !far.is_empty() {
        let pieces = far.cut();
        let parts = |s: &Shapes| s.areas.len() + s.lines.len();
        report.add(RepairKind::LongitudesWrapped, far.coords().filter(|c| c.x.abs() > 180.0).count());
        report.add(RepairKind::AntimeridianCut, parts(&pieces).saturating_sub(parts(&far)));
        out.extend(pieces);
    }
    out
}
