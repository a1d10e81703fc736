//! The positions of GeoJSON: heights, closure, repetition, area.

use cube_core::{Shapes, winds};
use geo::{Coord, Geometry, LineString, Polygon};
use geojson::{GeometryValue, Position};

use super::{RepairKind, Report, as_geometry};
use crate::{
    Error, Result,
    exact::{double_area, orient},
};

#[derive(Debug, Default)]
struct Tally {
    heights: usize,
    unclosed: usize,
    repeated: usize,
    collapsed: usize,
}

/// The shapes of a geometry as they are written: closed, without repetition.
pub(super) fn read(geometry: &geojson::Geometry, report: &mut Report) -> Result<Shapes> {
    let mut tally = Tally::default();
    let mut out = Shapes::default();
    add(&geometry.value, &mut out, &mut tally)?;
    report.add(RepairKind::HeightsDropped, tally.heights);
    report.add(RepairKind::RingsClosed, tally.unclosed);
    report.add(RepairKind::DuplicatePointsDropped, tally.repeated);
    report.add(RepairKind::AreaCollapsed, tally.collapsed);
    Ok(out)
}

/// A geometry without a report.
pub(crate) fn to_geo(geometry: &geojson::Geometry) -> Result<Geometry> {
    read(geometry, &mut Report::default()).map(as_geometry)
}

fn add(value: &GeometryValue, out: &mut Shapes, tally: &mut Tally) -> Result<()> {
    match value {
        GeometryValue::Point { coordinates } => out.points.push(coord(coordinates, tally)?),
        GeometryValue::MultiPoint { coordinates } => {
            for p in coordinates {
                out.points.push(coord(p, tally)?);
            }
        }
        GeometryValue::LineString { coordinates } => add_line(line(coordinates, tally)?, out),
        GeometryValue::MultiLineString { coordinates } => {
            for l in coordinates {
                add_line(line(l, tally)?, out);
            }
        }
        GeometryValue::Polygon { coordinates } => add_polygon(coordinates, out, tally)?,
        GeometryValue::MultiPolygon { coordinates } => {
            for p in coordinates {
                add_polygon(p, out, tally)?;
            }
        }
        GeometryValue::GeometryCollection { geometries } => {
            for g in geometries {
                add(&g.value, out, tally)?;
            }
        }
    }
    Ok(())
}

fn coord(position: &Position, tally: &mut Tally) -> Result<Coord> {
    let (Some(x), Some(y)) = (position.as_slice().first().copied(), position.as_slice().get(1).copied()) else {
        return Err(Error::geometry("has a position with fewer than two numbers", "write [longitude, latitude]"));
    };
    if !(x.is_finite() && y.is_finite()) {
        return Err(Error::geometry(format!("has a vertex ({x}, {y}) that is not finite"), "leave it out"));
    }
    tally.heights += usize::from(position.len() > 2);
    Ok(Coord { x, y })
}

fn line(positions: &[Position], tally: &mut Tally) -> Result<Vec<Coord>> {
    let mut all = positions.iter().map(|p| coord(p, tally)).collect::<Result<Vec<_>>>()?;
    all.dedup();
    tally.repeated += positions.len() - all.len();
    Ok(all)
}

fn add_line(line: Vec<Coord>, out: &mut Shapes) {
    match line[..] {
        [] => {}
        [point] => out.points.push(point),
        _ => out.lines.push(LineString(line)),
    }
}

fn add_polygon(rings: &[Vec<Position>], out: &mut Shapes, tally: &mut Tally) -> Result<()> {
    let mut closed = Vec::with_capacity(rings.len());
    for positions in rings {
        let mut ring = line(positions, tally)?;
        if let (Some(first), Some(last)) = (ring.first().copied(), ring.last().copied())
            && first != last
        {
            tally.unclosed += 1;
            ring.push(first);
        }
        closed.push(ring);
    }
    if closed.is_empty() {
        return Ok(());
    }
    let outer = closed.remove(0);
    if !has_area(&outer) {
        tally.collapsed += usize::from(!outer.is_empty());
        add_line(outer, out);
        return Ok(());
    }
    closed.retain(|hole| has_area(hole));
    out.areas.push(Polygon::new(LineString(outer), closed.into_iter().map(LineString).collect()));
    Ok(())
}

/// Whether a ring goes around anything: its points do not lie on one line, and it does not go there and back; or it winds around a pole. (The signed area is
/// no measure: that of a bowtie may be nothing.)
fn has_area(ring: &[Coord]) -> bool {
    let Some((first, other)) = ring.first().and_then(|f| Some((*f, *ring.iter().find(|c| *c != f)?))) else { return false };
    if ring.iter().all(|c| orient(first, other, *c) == 0.0) {
        return winds(ring);
    }
    double_area(ring) != 0.0 || !Shapes::of(Polygon::new(LineString(ring.to_vec()), Vec::new()).into()).areas.is_empty()
}
