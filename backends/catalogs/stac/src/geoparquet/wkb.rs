//! Well-known binary: the geometries of GeoParquet.

use geojson::{Geometry, GeometryValue, LineStringType, PointType, PolygonType, Position};

/// Deeper collections are refused.
const DEPTH: usize = 16;

/// Little-endian ISO WKB; rings are closed. Where a position has a height, all have one: NaN where none is stated.
pub(super) fn write(geometry: &Geometry) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    put(geometry, if has_heights(geometry) { 3 } else { 2 }, &mut out);
    out
}

/// Whether a position has a height.
pub(super) fn has_heights(geometry: &Geometry) -> bool {
    let line = |l: &LineStringType| l.iter().any(|p| p.len() > 2);
    match &geometry.value {
        GeometryValue::Point { coordinates } => coordinates.len() > 2,
        GeometryValue::MultiPoint { coordinates } | GeometryValue::LineString { coordinates } => line(coordinates),
        GeometryValue::MultiLineString { coordinates } | GeometryValue::Polygon { coordinates } => coordinates.iter().any(line),
        GeometryValue::MultiPolygon { coordinates } => coordinates.iter().flatten().any(line),
        GeometryValue::GeometryCollection { geometries } => geometries.iter().any(has_heights),
    }
}

/// `numbers` of each position.
fn put(geometry: &Geometry, numbers: usize, out: &mut Vec<u8>) {
    let head = |kind: u32, out: &mut Vec<u8>| {
        out.push(1);
        out.extend((if numbers > 2 { 1000 + kind } else { kind }).to_le_bytes());
    };
    let count = |n: usize, out: &mut Vec<u8>| out.extend(u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes());
    let number = |p: &PointType, i: usize| p.as_slice().get(i).copied().unwrap_or(f64::NAN);
    let point = |p: &PointType, out: &mut Vec<u8>| (0..numbers).for_each(|i| out.extend(number(p, i).to_le_bytes()));
    let line = |l: &LineStringType, out: &mut Vec<u8>| {
        count(l.len(), out);
        l.iter().for_each(|p| point(p, out));
    };
    let polygon = |rings: &PolygonType, out: &mut Vec<u8>| {
        count(rings.len(), out);
        for ring in rings {
            // Readers of WKB refuse rings that are not closed; in Items they occur.
            let gap = ring.first().filter(|first| ring.last().is_some_and(|last| last.as_slice().get(..2) != first.as_slice().get(..2)));
            count(ring.len() + usize::from(gap.is_some()), out);
            ring.iter().chain(gap).for_each(|p| point(p, out));
        }
    };
    match &geometry.value {
        GeometryValue::Point { coordinates } => {
            head(1, out);
            point(coordinates, out);
        }
        GeometryValue::LineString { coordinates } => {
            head(2, out);
            line(coordinates, out);
        }
        GeometryValue::Polygon { coordinates } => {
            head(3, out);
            polygon(coordinates, out);
        }
        GeometryValue::MultiPoint { coordinates } => {
            head(4, out);
            count(coordinates.len(), out);
            for p in coordinates {
                head(1, out);
                point(p, out);
            }
        }
        GeometryValue::MultiLineString { coordinates } => {
            head(5, out);
            count(coordinates.len(), out);
            for l in coordinates {
                head(2, out);
                line(l, out);
            }
        }
        GeometryValue::MultiPolygon { coordinates } => {
            head(6, out);
            count(coordinates.len(), out);
            for p in coordinates {
                head(3, out);
                polygon(p, out);
            }
        }
        GeometryValue::GeometryCollection { geometries } => {
            head(7, out);
            count(geometries.len(), out);
            geometries.iter().for_each(|g| put(g, numbers, out));
        }
    }
}

/// Reads ISO WKB and the extended form of PostGIS, either byte order; measures are left out. `None` when the bytes are wrong.
pub(super) fn read(bytes: &[u8]) -> Option<Geometry> {
    let mut reader = Reader { rest: bytes, big: false, heights: false, measures: false };
    let geometry = reader.geometry(0)?;
    reader.rest.is_empty().then_some(geometry)
}

struct Reader<'a> {
    rest: &'a [u8],
    big: bool,
    /// Whether a height follows x and y, and whether a measure comes last.
    heights: bool,
    measures: bool,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*head)
    }

    fn u32(&mut self) -> Option<u32> {
        let b = self.take::<4>()?;
        Some(if self.big { u32::from_be_bytes(b) } else { u32::from_le_bytes(b) })
    }

    fn f64(&mut self) -> Option<f64> {
        let b = self.take::<8>()?;
        Some(if self.big { f64::from_be_bytes(b) } else { f64::from_le_bytes(b) })
    }

    /// A list; its announced length is not believed further than the bytes reach.
    fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let n = self.u32()? as usize;
        let mut all = Vec::with_capacity(n.min(self.rest.len() / 8));
        for _ in 0..n {
            all.push(one(self)?);
        }
        Some(all)
    }

    fn point(&mut self) -> Option<Position> {
        let (x, y) = (self.f64()?, self.f64()?);
        let height = if self.heights { Some(self.f64()?) } else { None };
        if self.measures {
            self.f64()?;
        }
        Some(height.filter(|z| z.is_finite()).map_or_else(|| [x, y].into(), |z| [x, y, z].into()))
    }

    fn line(&mut self) -> Option<LineStringType> {
        self.list(Self::point)
    }

    fn polygon(&mut self) -> Option<PolygonType> {
        self.list(Self::line)
    }

    fn geometry(&mut self, depth: usize) -> Option<Geometry> {
        let order = self.take::<1>()?[0];
        self.big = order == 0;
        let code = self.u32()?;
        let (iso, flags) = ((code & 0xffff) / 1000, code >> 28);
        self.heights = iso == 1 || iso == 3 || flags & 8 != 0;
        self.measures = iso == 2 || iso == 3 || flags & 4 != 0;
        if flags & 2 != 0 {
            self.u32()?;
        }
        if depth > DEPTH || order > 1 {
            return None;
        }
        let parts = |me: &mut Self| me.list(|me| me.geometry(depth + 1));
        let value = match (code & 0xffff) % 1000 {
            1 => GeometryValue::Point { coordinates: self.point()? },
            2 => GeometryValue::LineString { coordinates: self.line()? },
            3 => GeometryValue::Polygon { coordinates: self.polygon()? },
            4 => GeometryValue::MultiPoint {
                coordinates: parts(self)?
                    .into_iter()
                    .map(|g| if let GeometryValue::Point { coordinates } = g.value { Some(coordinates) } else { None })
                    .collect::<Option<_>>()?,
            },
            5 => GeometryValue::MultiLineString {
                coordinates: parts(self)?
                    .into_iter()
                    .map(|g| if let GeometryValue::LineString { coordinates } = g.value { Some(coordinates) } else { None })
                    .collect::<Option<_>>()?,
            },
            6 => GeometryValue::MultiPolygon {
                coordinates: parts(self)?
                    .into_iter()
                    .map(|g| if let GeometryValue::Polygon { coordinates } = g.value { Some(coordinates) } else { None })
                    .collect::<Option<_>>()?,
            },
            7 => GeometryValue::GeometryCollection { geometries: parts(self)? },
            _ => return None,
        };
        Some(Geometry::new(value))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn geometries_survive() {
        for g in [
            json!({"type": "Point", "coordinates": [1.5, -2.0]}),
            json!({"type": "LineString", "coordinates": [[0.0, 0.0], [1.0, 1.0]]}),
            json!({"type": "Polygon", "coordinates": [[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]], [[0.1, 0.1], [0.2, 0.1], [0.2, 0.2], [0.1, 0.1]]]}),
            json!({"type": "MultiPoint", "coordinates": [[0.0, 0.0], [1.0, 1.0]]}),
            json!({"type": "MultiPolygon", "coordinates": [[[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]], [[[5.0, 5.0], [6.0, 5.0], [6.0, 6.0], [5.0, 5.0]]]]}),
            json!({"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [1.0, 2.0]}]}),
            json!({"type": "Polygon", "coordinates": [[[0.0, 0.0, 5.5], [1.0, 0.0, 6.0], [1.0, 1.0, -1.0], [0.0, 0.0, 5.5]]]}),
            json!({"type": "LineString", "coordinates": [[0.0, 0.0], [1.0, 1.0, 9.0]]}),
            json!({"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [1.0, 2.0]}, {"type": "Point", "coordinates": [1.0, 2.0, 3.0]}]}),
        ] {
            let geometry: Geometry = serde_json::from_value(g).expect("GeoJSON");
            assert_eq!(read(&write(&geometry)), Some(geometry));
        }
    }

    #[test]
    fn rings_are_closed() {
        let geometry =
            |ring: serde_json::Value| -> Geometry { serde_json::from_value(json!({"type": "Polygon", "coordinates": [ring]})).expect("GeoJSON") };
        let open = geometry(json!([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]));
        let closed = geometry(json!([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]));
        assert_eq!(read(&write(&open)), Some(closed));
    }

    /// Bytes as shapely 2 writes them: `to_wkb(Point(1, 2, 3))`, big-endian, and with an SRID.
    #[test]
    fn other_writers_are_understood() {
        let bytes = |hex: &str| (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex")).collect::<Vec<u8>>();
        let flat = Some(Geometry::new(GeometryValue::new_point([1.0, 2.0])));
        let high = Geometry::new(GeometryValue::new_point([1.0, 2.0, 3.0]));
        let iso = bytes("01e9030000000000000000f03f00000000000000400000000000000840");
        assert_eq!(read(&bytes("0101000080000000000000f03f00000000000000400000000000000840")).as_ref(), Some(&high));
        assert_eq!(read(&bytes("00000000013ff00000000000004000000000000000")), flat);
        assert_eq!(read(&bytes("0101000020e6100000000000000000f03f0000000000000040")), flat);
        assert_eq!((read(&iso).as_ref(), write(&high)), (Some(&high), iso), "ISO Z");
        assert_eq!(read(&bytes("01d1070000000000000000f03f00000000000000400000000000000840")), flat, "ISO M");
    }

    #[test]
    fn wrong_bytes_are_no_geometry() {
        let good = write(&Geometry::new(GeometryValue::new_line_string([[0.0, 0.0], [1.0, 1.0]])));
        for n in 0..good.len() {
            assert_eq!(read(&good[..n]), None);
        }
        assert_eq!(read(&[1, 3, 0, 0, 0, 255, 255, 255, 255]), None, "a length that lies");
        assert_eq!(read(&[1, 7, 0, 0, 0, 1, 0, 0, 0].repeat(1000)), None, "too deep");
    }
}
