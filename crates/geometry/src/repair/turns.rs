//! The antimeridian and the poles.

use cube_core::Shapes;
use geo::{Coord, LineString, Polygon};

use super::{RepairKind, Report, positions::has_area};
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
    let (mut jumps, mut poles) = (0, 0);
    let mut out = Shapes { points: shapes.points, ..Shapes::default() };
    for area in shapes.areas {
        let jumping: usize = rings_of(&area).map(|r| jumps_of(&r.0)).sum();
        let short = (jumping > 0 && !is_box(&area)).then(|| Shapes { areas: vec![area.clone()], ..Shapes::default() }.short_way());
        match short.filter(|s| s.areas.iter().all(|p| has_area(&p.exterior().0))) {
            Some(short) => {
                jumps += jumping;
                // Closing over a pole adds its two corners.
                poles += usize::from(short.areas.iter().any(|p| p.exterior().0.len() > area.exterior().0.len()));
                out.extend(short);
            }
            None => out.areas.push(area),
        }
    }
    for line in shapes.lines {
        let jumping = jumps_of(&line.0);
        if jumping == 0 {
            out.lines.push(line);
        } else {
            jumps += jumping;
            out.extend(Shapes { lines: vec![line], ..Shapes::default() }.short_way());
        }
    }
    report.add(RepairKind::AntimeridianJump, jumps);
    report.add(RepairKind::PoleEnclosed, poles);
    out
}

/// Edges of more than 180 degrees, but for those along a pole: so a map's lower and upper border are written.
fn jumps_of(line: &[Coord]) -> usize {
    let along_pole = |e: &[Coord]| e[0].y == e[1].y && e[0].y.abs() == 90.0;
    line.windows(2).filter(|e| (e[1].x - e[0].x).abs() > 180.0 && !along_pole(e)).count()
}

/// Whether this is what `west,south,east,north` becomes: its long edges are meant.
fn is_box(area: &Polygon) -> bool {
    let [a, b, c, d, _] = area.exterior().0[..] else { return false };
    area.interiors().is_empty() && a.y == b.y && b.x == c.x && c.y == d.y && d.x == a.x && a.x < b.x && b.y < c.y
}

fn cut(shapes: Shapes, report: &mut Report) -> Shapes {
    let beyond = |l: &LineString| l.0.iter().any(|c| c.x.abs() > 180.0);
    let (far_areas, areas): (Vec<_>, Vec<_>) = shapes.areas.into_iter().partition(|p| beyond(p.exterior()));
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
