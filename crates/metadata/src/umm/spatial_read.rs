//! JSON to `SpatialExtent`.

use super::{
    read::{Read, list, number_into},
    spatial::{GPolygon, Geometry, Orbit, Point, Rectangle, Spatial, Track},
};
use crate::{
    Number, Text,
    json::{Reader, Result},
};

pub(crate) fn spatial<'a>(reader: &mut Reader<'a>) -> Read<Spatial<'a>> {
    let mut spatial = Spatial::default();
    let read = reader.object(|reader, key| {
        if key != "HorizontalSpatialDomain" {
            spatial.more = true;
            return reader.raw().map(drop);
        }
        let domain = reader.attempt(|reader| {
            reader.object(|reader, key| {
                match key.as_ref() {
                    "Geometry" => match reader.attempt(geometry)? {
                        Ok(geometry) => spatial.geometry = Some(geometry),
                        Err(_) => spatial.more = true,
                    },
                    "Orbit" => {
                        spatial.more = true;
                        spatial.orbit = reader.attempt(orbit)?.ok();
                    }
                    "Track" => {
                        spatial.more = true;
                        spatial.track = reader.attempt(track)?.ok();
                    }
                    _ => {
                        spatial.more = true;
                        reader.raw()?;
                    }
                }
                Ok(())
            })
        })?;
        spatial.more |= domain.is_err();
        Ok(())
    })?;
    Ok(read.map(|()| spatial))
}

fn geometry<'a>(reader: &mut Reader<'a>) -> Read<Geometry<'a>> {
    let mut geometry = Geometry::default();
    let read = reader.object(|reader, key| {
        let known = match key.as_ref() {
            "GPolygons" => take(reader, &mut geometry.polygons, polygon)?,
            "BoundingRectangles" => take(reader, &mut geometry.rectangles, rectangle)?,
            "Lines" => take(reader, &mut geometry.lines, points)?,
            "Points" => take(reader, &mut geometry.points, point)?,
            _ => {
                reader.raw()?;
                false
            }
        };
        geometry.more |= !known;
        Ok(())
    })?;
    Ok(read.map(|()| geometry))
}

/// A list into its place; whether that says all: a list that is empty, or of another shape, is seen in the record's text alone.
fn take<'a, T>(reader: &mut Reader<'a>, place: &mut Vec<T>, read: impl FnMut(&mut Reader<'a>) -> Read<T>) -> Result<bool> {
    *place = reader.attempt(|r| list(r, read))?.unwrap_or_default();
    Ok(!place.is_empty())
}

fn polygon<'a>(reader: &mut Reader<'a>) -> Read<GPolygon<'a>> {
    let mut boundary = None;
    let mut holes = Vec::new();
    let mut known = true;
    let read = reader.object(|reader, key| {
        match key.as_ref() {
            "Boundary" => boundary = reader.attempt(points)?.ok(),
            "ExclusiveZone" => {
                let zone = reader.attempt(|reader| {
                    reader.object(|reader, key| {
                        match (key.as_ref(), reader.attempt(|r| list(r, points))?) {
                            ("Boundaries", Ok(boundaries)) => holes = boundaries,
                            _ => known = false,
                        }
                        Ok(())
                    })
                })?;
                known &= zone.is_ok();
            }
            _ => {
                known = false;
                reader.raw()?;
            }
        }
        Ok(())
    })?;
    Ok(read.filter(|()| known).and(boundary).map(|boundary| GPolygon { boundary, holes }))
}

/// The list of points of a boundary or a line.
fn points<'a>(reader: &mut Reader<'a>) -> Read<Vec<Point<'a>>> {
    let mut found = None;
    let mut known = true;
    let read = reader.object(|reader, key| {
        match (key.as_ref(), reader.attempt(|r| list(r, point))?) {
            ("Points", Ok(points)) => found = Some(points),
            _ => known = false,
        }
        Ok(())
    })?;
    Ok(read.filter(|()| known).and(found))
}

fn point<'a>(reader: &mut Reader<'a>) -> Read<Point<'a>> {
    let (mut longitude, mut latitude) = (None, None);
    let mut known = true;
    let read = reader.object(|reader, key| match key.as_ref() {
        "Longitude" => number_into(reader, &mut longitude),
        "Latitude" => number_into(reader, &mut latitude),
        _ => {
            known = false;
            reader.raw().map(drop)
        }
    })?;
    Ok(read.filter(|()| known).and(longitude).zip(latitude).map(|(longitude, latitude)| Point { longitude, latitude }))
}

fn rectangle<'a>(reader: &mut Reader<'a>) -> Read<Rectangle<'a>> {
    let (mut west, mut south, mut east, mut north) = (None, None, None, None);
    let mut known = true;
    let read = reader.object(|reader, key| match key.as_ref() {
        "WestBoundingCoordinate" => number_into(reader, &mut west),
        "SouthBoundingCoordinate" => number_into(reader, &mut south),
        "EastBoundingCoordinate" => number_into(reader, &mut east),
        "NorthBoundingCoordinate" => number_into(reader, &mut north),
        _ => {
            known = false;
            reader.raw().map(drop)
        }
    })?;
    let sides = west.zip(south).zip(east.zip(north));
    Ok(read.filter(|()| known).and(sides).map(|((west, south), (east, north))| Rectangle { west, south, east, north }))
}

fn orbit<'a>(reader: &mut Reader<'a>) -> Read<Orbit<'a>> {
    let (mut crossing, mut start, mut end) = (None, None, None);
    let (mut starts, mut ends) = (None, None);
    let read = reader.object(|reader, key| match key.as_ref() {
        "AscendingCrossing" => number_into(reader, &mut crossing),
        "StartLatitude" => number_into(reader, &mut start),
        "EndLatitude" => number_into(reader, &mut end),
        "StartDirection" => direction(reader, &mut starts),
        "EndDirection" => direction(reader, &mut ends),
        _ => reader.raw().map(drop),
    })?;
    let fields = crossing.zip(start).zip(end).zip(starts.zip(ends));
    Ok(read.and(fields).map(|(((ascending_crossing, start_latitude), end_latitude), (starts_ascending, ends_ascending))| Orbit {
        ascending_crossing,
        start_latitude,
        starts_ascending,
        end_latitude,
        ends_ascending,
    }))
}

fn direction(reader: &mut Reader<'_>, ascending: &mut Option<bool>) -> Result<()> {
    *ascending = match reader.attempt(Reader::text)? {
        Ok(letter) if letter == "A" => Some(true),
        Ok(letter) if letter == "D" => Some(false),
        _ => None,
    };
    Ok(())
}

fn track<'a>(reader: &mut Reader<'a>) -> Read<Track<'a>> {
    let mut cycle = None;
    let mut passes = Vec::new();
    let read = reader.object(|reader, key| match key.as_ref() {
        "Cycle" => number_into(reader, &mut cycle),
        "Passes" => {
            passes = reader.attempt(|r| list(r, pass))?.unwrap_or_default();
            Ok(())
        }
        _ => reader.raw().map(drop),
    })?;
    Ok(read.and(cycle).map(|cycle| Track { cycle, passes }))
}

fn pass<'a>(reader: &mut Reader<'a>) -> Read<(Number<'a>, Vec<Text<'a>>)> {
    let mut number = None;
    let mut tiles = Vec::new();
    let read = reader.object(|reader, key| match key.as_ref() {
        "Pass" => number_into(reader, &mut number),
        "Tiles" => {
            tiles = reader.attempt(|r| list(r, Reader::text))?.unwrap_or_default();
            Ok(())
        }
        _ => reader.raw().map(drop),
    })?;
    Ok(read.and(number).map(|number| (number, tiles)))
}
