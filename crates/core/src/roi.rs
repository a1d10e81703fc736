//! Regions of interest.

use serde::{Deserialize, Serialize};

use crate::{Crs, Error, Extent, GeoBox, LongEdges, Result, Transform, error::shorten, outline, shapes::Shapes};

pub use crate::outline::lonlat_boxes;

const HINT: &str = "give `west,south,east,north`, WKT, GeoJSON or the path of a file";

/// A region of interest: a geometry in some CRS; spatial only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Roi {
    /// Any geometry as it was written; points and lines choose the chunks that they touch. Longitudes may run on beyond 180 (170 … 190).
    /// What its edges mean says [`Roi::shapes`].
    pub geometry: geojson::Geometry,
    /// Its CRS; x before y, longitude before latitude.
    pub crs: Crs,
}

impl Roi {
    /// Reads `west,south,east,north` (commas or spaces; in longitude and latitude `west > east` crosses the antimeridian), WKT or EWKT
    /// (`SRID=32632;POLYGON …`), or GeoJSON text (a geometry, feature or feature collection, also with the `crs` member of GeoJSON 2008).
    ///
    /// `crs` is what the numbers are in; longitude and latitude when absent. A text that names another CRS itself is an error.
    /// Edges are straight lines in the CRS; for those of more than 180 degrees of longitude see [`Shapes::read_long_edges`].
    pub fn parse(text: &str, crs: Option<Crs>) -> Result<Self> {
        let text = text.trim();
        let numeric = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE, \t".contains(&b));
        if text.is_empty() {
            return Err(Error::invalid("ROI", "", "is empty").with_hint(HINT));
        }
        if numeric {
            return Self::from_bounds(text, crs.unwrap_or_else(Crs::wgs84));
        }
        if text.starts_with('{') {
            return Self::from_geojson_text(text, crs);
        }
        Self::from_wkt(text, crs)
    }

    fn from_bounds(text: &str, crs: Crs) -> Result<Self> {
        let numbers: Vec<f64> = text
            .split([',', ' ', '\t'])
            .filter(|t| !t.is_empty())
            .map(|t| {
                t.parse::<f64>().ok().filter(|v| v.is_finite()).ok_or_else(|| bad(text, format!("has `{}` where a number should be", shorten(t))))
            })
            .collect::<Result<_>>()?;
        let [west, south, east, north] = numbers[..] else {
            return Err(bad(text, format!("has {} numbers", numbers.len())).with_hint("give four: `west,south,east,north`"));
        };
        let lonlat = crs == Crs::wgs84();
        let swapped = format!("the order is west,south,east,north: did you mean `{south},{west},{north},{east}`?");
        if lonlat && (south.abs() > 90.0 || north.abs() > 90.0) {
            let error = bad(text, format!("has a latitude of {}", if south.abs() > 90.0 { south } else { north }));
            let would_fit = west.abs() <= 90.0 && east.abs() <= 90.0;
            return Err(error.with_hint(if would_fit {
                swapped
            } else {
                "latitudes lie within ±90; for other units name the CRS with --roi-crs".into()
            }));
        }
        if lonlat && (west.abs() > 360.0 || east.abs() > 360.0) {
            return Err(bad(text, "has a longitude beyond 360").with_hint("longitudes lie within ±180; for other units name the CRS with --roi-crs"));
        }
        if south > north {
            // From 11 to 10 degrees goes around the world: rather both pairs are swapped.
            let (west, east) = if west > east && west - east < 180.0 { (east, west) } else { (west, east) };
            return Err(bad(text, "has its south above its north").with_hint(format!("did you mean `{west},{north},{east},{south}`?")));
        }
        if !lonlat && west > east {
            return Err(bad(text, "has its west beyond its east").with_hint(format!("did you mean `{east},{south},{west},{north}`?")));
        }
        let east = if west > east { east + 360.0 * ((west - east) / 360.0).ceil() } else { east };
        Self::from_extent(Extent::new(west, south, east, north), crs)
    }

    /// The area of an extent; a line or a point when it has none.
    pub fn from_extent(e: Extent, crs: Crs) -> Result<Self> {
        let corners = [[e.west, e.south], [e.east, e.south], [e.east, e.north], [e.west, e.north], [e.west, e.south]];
        Self::new(geojson::Geometry::new(geojson::GeometryValue::new_polygon([corners])), crs)
    }

    /// The area that a grid covers.
    pub fn from_geobox(geobox: &GeoBox) -> Result<Self> {
        if geobox.affine().b == 0.0 && geobox.affine().d == 0.0 {
            return Self::from_extent(geobox.extent(), geobox.crs().clone());
        }
        // Of a turned grid in longitude and latitude, an edge of more than 180 degrees needs points to say which way it goes.
        let per_edge = if *geobox.crs() == Crs::wgs84() { 4 } else { 1 };
        let ring = geobox.outline(per_edge).into_iter().map(|(x, y)| [x, y]);
        Self::new(geojson::Geometry::new(geojson::GeometryValue::new_polygon([ring.collect::<Vec<_>>()])), geobox.crs().clone())
    }

    /// From WKT, or EWKT whose `SRID=…;` names an EPSG code.
    pub fn from_wkt(text: &str, crs: Option<Crs>) -> Result<Self> {
        let (srid, wkt) = match text.trim().split_once(';') {
            Some((head, rest)) if head.trim().to_ascii_uppercase().starts_with("SRID=") => (Some(head.trim()[5..].trim()), rest),
            _ => (None, text),
        };
        let named = srid
            .map(|code| Crs::parse(code).map_err(|_| bad(text, format!("names an SRID `{}` that is not an EPSG code", shorten(code)))))
            .transpose()?;
        // The reader descends into collections by recursion.
        if wkt.to_ascii_uppercase().matches("COLLECTION").count() > 64 {
            return Err(bad(text, "nests too many collections"));
        }
        let geometry: geo::Geometry =
            wkt::TryFromWkt::try_from_wkt_str(wkt.trim()).map_err(|e| bad(text, format!("is not a box, WKT or GeoJSON ({e})")))?;
        Self::new(geojson::Geometry::new((&geometry).into()), one_crs(named, crs).map_err(|problem| problem.of(text))?)
    }

    /// From GeoJSON as text: a geometry, a feature, or every feature of a collection.
    pub fn from_geojson_text(text: &str, crs: Option<Crs>) -> Result<Self> {
        let read = serde_json::from_str(text).map_err(|e| {
            let what = if e.is_data() { "GeoJSON" } else { "valid JSON" };
            bad(text, format!("is not {what}: {e}"))
        })?;
        Self::of_geojson(read, crs, &|| text.to_owned())
    }

    /// From GeoJSON: a geometry, a feature, or every feature of a collection.
    pub fn from_geojson(value: &serde_json::Value, crs: Option<Crs>) -> Result<Self> {
        let text = || value.to_string();
        let read = geojson::GeoJson::deserialize(value).map_err(|e| bad(&text(), format!("is not GeoJSON: {e}")))?;
        Self::of_geojson(read, crs, &text)
    }

    /// `text` is asked for messages alone: regions may be large.
    fn of_geojson(read: geojson::GeoJson, given: Option<Crs>, text: &dyn Fn() -> String) -> Result<Self> {
        let more = match &read {
            geojson::GeoJson::Geometry(g) => &g.foreign_members,
            geojson::GeoJson::Feature(f) => &f.foreign_members,
            geojson::GeoJson::FeatureCollection(all) => &all.foreign_members,
        };
        let named = legacy_crs(more.as_ref().and_then(|m| m.get("crs")));
        let crs = named.and_then(|named| one_crs(named, given)).map_err(|problem| problem.of(&text()))?;
        let geometry = match read {
            geojson::GeoJson::Geometry(g) => g,
            geojson::GeoJson::Feature(f) => f.geometry.ok_or_else(|| bad(&text(), "is a feature without a geometry"))?,
            geojson::GeoJson::FeatureCollection(all) => {
                let geometries: Vec<_> = all.features.into_iter().filter_map(|f| f.geometry).collect();
                geojson::Geometry::new(geojson::GeometryValue::GeometryCollection { geometries })
            }
        };
        Self::new(geometry, crs)
    }

    /// A geometry in a CRS; every vertex must be finite, and there must be one.
    pub fn new(geometry: geojson::Geometry, crs: Crs) -> Result<Self> {
        let text = || geometry.to_string();
        let shapes = Shapes::from_geojson(&geometry).map_err(|e| bad(&text(), format!("has a geometry that cannot be used: {e}")))?;
        if shapes.is_empty() {
            return Err(bad(&text(), "is empty"));
        }
        if let Some(c) = shapes.coords().find(|c| !outline::finite(*c)) {
            return Err(bad(&text(), format!("has a vertex ({}, {}) that is not finite", c.x, c.y)));
        }
        if crs == Crs::wgs84()
            && let Some(c) = shapes.coords().find(|c| c.y.abs() > 90.0 || c.x.abs() > 540.0)
        {
            let hint = if c.y.abs() <= 180.0 && c.x.abs() <= 90.0 {
                "coordinates are longitude first, then latitude"
            } else {
                "name the CRS of the coordinates with --roi-crs"
            };
            return Err(bad(&text(), format!("has a vertex ({}, {}) that is not a longitude and latitude", c.x, c.y)).with_hint(hint));
        }
        Ok(Self { geometry, crs })
    }

    /// Areas, lines and points in the ROI's own CRS. In longitude and latitude long edges are read as [`Shapes::read_long_edges`] says, and
    /// longitudes may run on beyond ±180.
    pub fn shapes(&self) -> Result<Shapes> {
        let written = self.written()?;
        if self.crs != Crs::wgs84() {
            return Ok(written);
        }
        let (mut shapes, _) = written.read_long_edges();
        // Holes may lie a turn away from their polygon: within ±180 all is in its place.
        let apart =
            |p: &geo::Polygon| !p.interiors().is_empty() && p.exterior().0.iter().chain(p.interiors().iter().flatten()).any(|c| c.x.abs() > 180.0);
        let (apart, whole): (Vec<_>, Vec<_>) = shapes.areas.into_iter().partition(apart);
        shapes.areas = whole;
        if !apart.is_empty() {
            shapes.extend(outline::cut(&Shapes { areas: apart, ..Shapes::default() }));
        }
        Ok(shapes)
    }

    /// How edges of more than 180 degrees of longitude were read that could be meant in two ways; nothing in other CRSs.
    pub fn long_edges(&self) -> Result<LongEdges> {
        if self.crs == Crs::wgs84() { Ok(self.written()?.read_long_edges().1) } else { Ok(LongEdges::default()) }
    }

    fn written(&self) -> Result<Shapes> {
        Shapes::from_geojson(&self.geometry).map_err(|e| bad(&self.geometry.to_string(), format!("has a geometry that cannot be used: {e}")))
    }

    /// The geometry in longitude and latitude, in pieces within ±180: edges densified until they lie within 1e-6 degree of the straight
    /// edges of the ROI's CRS, cut at the antimeridian, closed over a pole that lies inside.
    ///
    /// `to_lonlat` leads from the ROI's CRS to longitude and latitude, `from_lonlat` back. Neither is asked when the ROI is in EPSG:4326.
    /// [`Error::Invalid`] when no part of it has a longitude and latitude.
    pub fn to_lonlat(&self, to_lonlat: &dyn Transform, from_lonlat: &dyn Transform) -> Result<Shapes> {
        let own = self.shapes()?;
        let shapes = if self.crs == Crs::wgs84() { outline::cut(&own) } else { outline::to_lonlat(&own, to_lonlat, from_lonlat) };
        if shapes.is_empty() {
            return Err(bad(&self.geometry.to_string(), format!("lies outside the area where {} can be used", self.crs))
                .with_hint("check the CRS of the ROI"));
        }
        Ok(shapes)
    }

    /// The boxes (`west ≤ east`, within ±180) that hold the ROI, for catalogues: one per piece of [`Roi::to_lonlat`].
    pub fn lonlat_extents(&self, to_lonlat: &dyn Transform, from_lonlat: &dyn Transform) -> Result<Vec<Extent>> {
        let shapes = self.to_lonlat(to_lonlat, from_lonlat)?;
        let lines = shapes.areas.iter().map(geo::Polygon::exterior).chain(&shapes.lines);
        let extents = lines.filter_map(|l| Extent::of(l.0.iter().map(|c| (c.x, c.y))));
        Ok(extents.chain(shapes.points.iter().map(|c| Extent::new(c.x, c.y, c.x, c.y))).collect())
    }
}

fn bad(text: &str, problem: impl Into<String>) -> Error {
    Error::invalid("ROI", shorten(text), problem).with_hint(HINT)
}

/// What is wrong with the CRS of a text, which is looked at only then.
struct CrsProblem {
    problem: String,
    hint: String,
}

impl CrsProblem {
    fn of(self, text: &str) -> Error {
        bad(text, self.problem).with_hint(self.hint)
    }
}

/// The CRS that the text names, the one that was given, or longitude and latitude; an error when the two differ.
fn one_crs(named: Option<Crs>, given: Option<Crs>) -> Result<Crs, CrsProblem> {
    match (named, given) {
        (Some(n), Some(g)) if n != g => Err(CrsProblem {
            problem: format!("is in {n} by its own word, and in {g} by yours"),
            hint: format!("leave out --roi-crs, or give `--roi-crs {n}`"),
        }),
        (Some(crs), _) | (None, Some(crs)) => Ok(crs),
        (None, None) => Ok(Crs::wgs84()),
    }
}

/// The CRS that a `crs` member of GeoJSON 2008 names.
fn legacy_crs(member: Option<&serde_json::Value>) -> Result<Option<Crs>, CrsProblem> {
    let Some(name) = member.and_then(|m| m.pointer("/properties/name")) else { return Ok(None) };
    match name.as_str().map(Crs::parse) {
        Some(Ok(crs)) => Ok(Some(crs)),
        _ => Err(CrsProblem {
            problem: format!("names a CRS `{}` that is not known", shorten(&member.map(ToString::to_string).unwrap_or_default())),
            hint: "name it with --roi-crs".to_owned(),
        }),
    }
}

#[cfg(test)]
#[expect(clippy::panic, reason = "tests say what they met")]
mod tests {
    use super::*;
    use crate::{Affine, Shape};

    fn roi(text: &str) -> Roi {
        Roi::parse(text, None).unwrap_or_else(|e| panic!("{e}"))
    }

    fn extent(roi: &Roi) -> [f64; 4] {
        roi.shapes().expect("shapes").extent().expect("an extent").into()
    }

    #[test]
    fn one_box_is_written_in_many_ways() {
        for text in [
            "5,40,15,50",
            " 5 40  15 50 ",
            "5.0, 40.0, 15.0, 5e1",
            "POLYGON((5 40, 15 40, 15 50, 5 50, 5 40))",
            "SRID=4326;POLYGON Z ((5 40 1, 15 40 1, 15 50 1, 5 50 1, 5 40 1))",
            r#"{"type":"Polygon","coordinates":[[[5,40],[15,40],[15,50],[5,50],[5,40]]]}"#,
            r#"{"type":"Feature","properties":null,"geometry":{"type":"LineString","coordinates":[[5,40],[15,50]]}}"#,
            r#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[5,40]}},{"type":"Feature","properties":{},"geometry":null},{"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[15,50,3]}}]}"#,
            r#"{"type":"GeometryCollection","geometries":[{"type":"MultiPoint","coordinates":[[5,40],[15,50]]}]}"#,
            "GEOMETRYCOLLECTION(POINT(5 40), LINESTRING(6 41, 15 50))",
            r#"{"type":"Polygon","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:OGC:1.3:CRS84"}},"coordinates":[[[5,40],[15,40],[15,50],[5,50],[5,40]]]}"#,
        ] {
            let roi = roi(text);
            assert_eq!((extent(&roi), roi.crs), ([5.0, 40.0, 15.0, 50.0], Crs::wgs84()), "{text}");
        }
    }

    #[test]
    fn the_crs_is_given_or_named() {
        let utm = Crs::from_epsg(32632);
        assert_eq!(Roi::parse("600000,4990000,800000,5210000", Some(utm.clone())).expect("a region").crs, utm);
        assert_eq!(roi("SRID=32632;POINT(600000 4990000)").crs, utm);
        assert_eq!(
            roi(r#"{"type":"Point","coordinates":[600000,4990000],"crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::32632"}}}"#).crs,
            utm
        );
        let e = Roi::parse("SRID=32632;POINT(600000 4990000)", Some(Crs::from_epsg(32633))).expect_err("two CRSs");
        assert!(e.to_string().contains("EPSG:32632") && e.to_string().contains("EPSG:32633"), "{e}");
        let geobox = GeoBox::new(utm.clone(), Affine::new(10.0, 0.0, 6e5, 0.0, -10.0, 5e6), Shape::new(10, 20)).expect("a grid");
        let roi = Roi::from_geobox(&geobox).expect("a region");
        assert_eq!((extent(&roi), roi.crs), ([600_000.0, 4_999_900.0, 600_200.0, 5_000_000.0], utm));
    }

    #[test]
    fn boxes_may_cross_the_antimeridian() {
        assert_eq!(extent(&roi("170,-20,-160,10")), [170.0, -20.0, 200.0, 10.0]);
        assert_eq!(extent(&roi("163,-60,283,60")), [163.0, -60.0, 283.0, 60.0]);
    }

    #[test]
    fn wrong_regions_say_what_to_write() {
        for (text, problem, hint) in [
            ("", "is empty", "west,south,east,north"),
            ("1,2,3", "has 3 numbers", "give four"),
            ("1,2,3,x", "is not a box, WKT or GeoJSON", "west,south,east,north"),
            ("1,2,3,1e", "`1e`", "west,south,east,north"),
            ("45,100,50,110", "latitude of 100", "did you mean `100,45,110,50`"),
            ("600000,4990000,800000,5210000", "latitude of 4990000", "--roi-crs"),
            ("11.1,46.75,10.9,46.6", "south above its north", "did you mean `10.9,46.6,11.1,46.75`"),
            ("170,50,-170,40", "south above its north", "did you mean `170,40,-170,50`"),
            ("5,50,15,40", "south above its north", "did you mean `5,40,15,50`"),
            ("400,0,410,10", "longitude beyond 360", "--roi-crs"),
            ("POLYGON((5 40, 15 40", "is not a box, WKT", "WKT"),
            ("POLYGON EMPTY", "is empty", "WKT"),
            ("SRID=abc;POINT(1 2)", "SRID `abc`", "WKT"),
            ("POINT(45 100)", "(45, 100)", "longitude first"),
            ("POINT(600000 4990000)", "not a longitude and latitude", "--roi-crs"),
            (r#"{"type":"Polygon","coordinates":[]}"#, "is empty", "GeoJSON"),
            (r#"{"type":"Polygon","coordinates":[[[5]]]}"#, "fewer than two numbers", "GeoJSON"),
            (r#"{"type":"Feature","properties":{},"geometry":null}"#, "without a geometry", "GeoJSON"),
            (r#"{"type":"FeatureCollection","features":[]}"#, "is empty", "GeoJSON"),
            (r#"{"type":"Circle"}"#, "is not GeoJSON", "GeoJSON"),
            (r#"{"type":"#, "is not valid JSON", "GeoJSON"),
            (r#"{"type":"Point","coordinates":[1,2],"crs":{"type":"name","properties":{"name":"moon"}}}"#, "names a CRS", "--roi-crs"),
        ] {
            let e = Roi::parse(text, None).expect_err(text);
            assert!(e.to_string().contains(problem), "{text}: {e}");
            assert!(e.hint().is_some_and(|h| h.contains(hint)), "{text}: {:?}", e.hint());
            assert!(e.to_string().len() < 400, "values are shortened");
        }
        let utm = Some(Crs::from_epsg(32632));
        assert!(Roi::parse("800000,0,600000,1", utm.clone()).expect_err("reversed").hint().is_some_and(|h| h.contains("600000,0,800000,1")));
        assert!(Roi::parse("POINT(1e400 0)", utm.clone()).is_err() && Roi::parse("1e400,0,1,1", utm).is_err(), "infinite");
        let deep = "GEOMETRYCOLLECTION(".repeat(100_000);
        assert!(Roi::parse(&deep, None).is_err());
    }

    #[test]
    fn regions_survive_serialisation() {
        let roi = roi("GEOMETRYCOLLECTION(POINT(5 40), POLYGON((5 40, 15 40, 15 50, 5 40)))");
        let json = serde_json::to_string(&roi).expect("JSON");
        assert_eq!(serde_json::from_str::<Roi>(&json).expect("a region"), roi);
    }
}
