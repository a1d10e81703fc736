#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]
#![cfg_attr(feature = "gdal", expect(clippy::panic, reason = "tests say what they met"))]

use std::path::PathBuf;

use cube_geometry::RepairKind;

use super::*;

#[test]
fn files_are_told_from_text() {
    for (text, extension) in
        [("a.geojson", Some("geojson")), ("a.wkt", Some("wkt")), ("a.kmz", Some("kmz")), ("dir/b.SHP", Some("shp")), ("x.tif", Some("tif"))]
    {
        assert_eq!(extension_of_file(text).as_deref(), extension, "{text}");
    }
    for text in ["10.5,46.5,11.5,47.5", "POINT (10.5 46.5)", "{\"type\": \"Point\"}", "", "eleven", "-10.1 46 11 47.25"] {
        assert_eq!(extension_of_file(text), None, "{text}");
    }
}

async fn region(text: &str) -> Result<Repaired> {
    read_region(text, None, &Environment::from_env()?).await
}

fn kinds(repaired: &Repaired) -> Vec<RepairKind> {
    repaired.steps.iter().map(|s| s.kind).collect()
}

#[tokio::test]
async fn text_is_read_and_what_was_repaired_is_told() {
    let read = region("POLYGON Z ((0 0 1, 0 4 1, 4 4 1, 4 0 1))").await.expect("a region");
    assert_eq!(kinds(&read), [RepairKind::HeightsDropped, RepairKind::RingsClosed, RepairKind::RingsReversed]);
    let read = region("170,-10,-170,10").await.expect("a region");
    assert_eq!(read.region.as_box().map(<[f64; 4]>::from), Some([170.0, -10.0, -170.0, 10.0]));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("area.wkt");
    std::fs::write(&file, "SRID=4326;POLYGON Z ((0 0 1, 4 0 1, 4 4 1, 0 0 1))").expect("written");
    let read = region(&file.display().to_string()).await.expect("a region");
    assert_eq!(kinds(&read), [RepairKind::HeightsDropped]);
    let utm = read_region("600000,4990000,800000,5210000", Some(Crs::from_epsg(32632)), &Environment::from_env().expect("an environment")).await;
    assert_eq!(kinds(&utm.expect("a region")), [RepairKind::Reprojected]);
}

/// A region means the same to a search and to a load, and what could be meant otherwise is told in both.
#[tokio::test]
async fn one_region_has_one_reading() {
    let area = |shapes: &cube_core::Shapes| {
        let of = |ring: &[geo_types::Coord]| 0.5 * ring.windows(2).map(|e| e[0].x * e[1].y - e[1].x * e[0].y).sum::<f64>().abs();
        let all = shapes.areas.iter().map(|p| of(&p.exterior().0) - p.interiors().iter().map(|h| of(&h.0)).sum::<f64>());
        all.sum::<f64>()
    };
    let cases: Vec<serde_json::Value> = serde_json::from_str(include_str!("../../../../fixtures/regions/long-edges.json")).expect("cases");
    let environment = Environment::from_env().expect("an environment");
    for case in cases {
        let (name, text) = (&case["name"], case["geometry"].to_string());
        let loaded = read_roi(&text, None, &environment).await.expect("a region");
        let searched = region(&text).await.expect("a region");
        let lonlat = cube_warp::proj::transform(&loaded.crs, &Crs::wgs84()).expect("a transformation");
        let both = [area(&loaded.to_lonlat(lonlat.as_ref(), lonlat.as_ref()).expect("shapes")), area(searched.region.shapes())];
        let expected = case["area"].as_f64().expect("an area");
        assert!(both.iter().all(|a| (a - expected).abs() < 1e-6 * expected), "{name}: {both:?} is not {expected}");
        let told = cube_geometry::steps_of_long_edges(&loaded.long_edges().expect("edges"));
        assert!(told.iter().all(|step| searched.steps.contains(step)), "{name}: {told:?}");
        let any = ["short_way", "as_written", "poles"].into_iter().any(|field| case[field] != 0);
        assert_eq!(!told.is_empty(), any, "{name}: {told:?}");
    }
}

fn corpus() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let folder = std::env::var_os("CUBE_CORPUS").map_or(here, PathBuf::from).join("geometry");
    if !folder.is_dir() {
        println!("corpus not found: skipped");
    }
    folder.is_dir().then_some(folder)
}

#[cfg(not(feature = "gdal"))]
#[tokio::test]
async fn what_needs_gdal_says_so() {
    let Some(folder) = corpus() else { return };
    let error = region(&folder.join("openlayers/iceland.kmz").display().to_string()).await.expect_err("no GDAL");
    assert!(error.hint().is_some_and(|h| h.contains("GeoJSON") && h.contains("gdal")), "{error}");
}

#[cfg(feature = "gdal")]
mod with_gdal {
    use cube_geometry::{Edges, Limits, simplify_containing};

    use super::*;

    /// Outer rings of shapefiles run clockwise, so a wide box in one does not cross the antimeridian.
    #[tokio::test]
    async fn a_wide_box_of_a_shapefile_is_wide() {
        use gdal::vector::{Geometry, LayerAccess, LayerOptions};

        crate::gdal_errors::catch();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("wide.shp");
        {
            let driver = gdal::DriverManager::get_driver_by_name("ESRI Shapefile").expect("a driver");
            let mut dataset = driver.create_vector_only(&path).expect("a file");
            let lonlat = gdal::spatial_ref::SpatialRef::from_epsg(4326).expect("a CRS");
            let options =
                LayerOptions { name: "wide", srs: Some(&lonlat), ty: gdal::vector::OGRwkbGeometryType::wkbPolygon, ..LayerOptions::default() };
            let mut layer = dataset.create_layer(options).expect("a layer");
            let wide = Geometry::from_wkt("POLYGON((-170 -20, -170 20, 170 20, 170 -20, -170 -20))").expect("a box");
            layer.create_feature(wide).expect("a feature");
        }
        let read = region(&path.display().to_string()).await.expect("a region");
        assert_eq!(read.region.as_box().map(<[f64; 4]>::from), Some([-170.0, -20.0, 170.0, 20.0]), "{:?}", read.steps);
    }

    async fn corpus_region(name: &str) -> Option<Result<Repaired>> {
        Some(region(&corpus()?.join(name).display().to_string()).await)
    }

    #[tokio::test]
    async fn kml_is_the_same_region_as_geojson() {
        for name in ["antimeridian", "box", "multi_poly", "southern_africa", "dc_richmond_line", "single_point_dc"] {
            let mut read = Vec::new();
            for extension in ["geojson", "kml"] {
                let Some(one) = corpus_region(&format!("cmr-shapefiles/{name}.{extension}")).await else { return };
                read.push(one.unwrap_or_else(|e| panic!("{name}.{extension}: {e}")).region);
            }
            let [a, b] = [0, 1].map(|i| read[i].shapes().coords().collect::<Vec<_>>());
            assert_eq!(a.len(), b.len(), "{name}");
            assert!(a.iter().zip(&b).all(|(a, b)| (a.x - b.x).abs() < 1e-9 && (a.y - b.y).abs() < 1e-9), "{name}");
        }
    }

    /// What geopandas says of the same files: parts, and bounds.
    #[tokio::test]
    async fn archives_are_read_as_what_they_hold() {
        for (name, parts, bounds) in TRUTH {
            let Some(read) = corpus_region(name).await else { return };
            let shapes = read.unwrap_or_else(|e| panic!("{name}: {e}")).region.shapes().clone();
            let extent: [f64; 4] = shapes.extent().expect("an extent").into();
            assert_eq!((shapes.areas.len(), shapes.lines.len(), shapes.points.len()), parts, "{name}");
            assert!(extent.iter().zip(bounds).all(|(a, b)| (a - b).abs() < 1e-6), "{name}: {extent:?}");
        }
    }

    type Truth = (&'static str, (usize, usize, usize), [f64; 4]);

    const TRUTH: [Truth; 12] = [
        ("cmr-shapefiles/box.zip", (1, 0, 0), [-80.7850989824349, 36.37328319542481, -75.62176483074501, 39.65087791780187]),
        ("cmr-shapefiles/multi_poly.zip", (2, 0, 0), [-77.61841276603732, 37.430765734774965, -76.8826617950099, 38.99709780198447]),
        ("cmr-shapefiles/southern_africa.zip", (1, 0, 0), [-2.7833330125979785, -36.18537641422631, 53.920003137637536, 15.342655246106744]),
        ("cmr-shapefiles/polygon_with_hole.zip", (1, 0, 0), [-80.83611152196903, 35.93815806525823, -74.88887217441929, 39.651075447982656]),
        ("cmr-shapefiles/dc_richmond_line.zip", (0, 1, 0), [-77.59767743620955, 37.54, -77.0, 38.9]),
        ("cmr-shapefiles/single_point_dc.zip", (0, 0, 1), [-77.0, 38.9, -77.0, 38.9]),
        ("cmr-shapefiles/south_america.zip", (283, 0, 0), [-109.4537247, -55.9185042, -28.8770646, 15.7029483]),
        ("openlayers/iceland.kmz", (0, 0, 83), [-23.82, 63.42, -13.79, 66.54]),
        ("icepyx/simple_test_poly.gpkg", (1, 0, 0), [-55.0, 68.0, -48.0, 71.0]),
        ("pyogrio/curvepolygon.gpkg", (1, 0, 0), [-128.96802194067385, 51.4143492970437, -122.03318456418232, 55.36440387548986]),
        ("pyogrio/test_gpkg_nulls.gpkg", (0, 0, 4), [0.0, 0.0, 4.0, 4.0]),
        ("fiona/coutwildrnp.shp", (52, 0, 0), [-113.56424713134766, 37.0689811706543, -104.97087097167969, 41.99627685546875]),
    ];

    #[tokio::test]
    async fn every_file_of_the_corpus_is_read_or_refused_with_a_reason() {
        let Some(folder) = corpus() else { return };
        let mut pending = vec![folder.clone()];
        let (mut read, mut refused) = (0, Vec::new());
        while let Some(path) = pending.pop() {
            if path.is_dir() {
                pending.extend(std::fs::read_dir(&path).into_iter().flatten().flatten().map(|e| e.path()));
                continue;
            }
            let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
            if !["geojson", "json", "shp", "zip", "kml", "kmz", "gpkg"].contains(&extension) {
                continue;
            }
            let name = path.strip_prefix(&folder).unwrap_or(&path).display().to_string();
            match region(&path.display().to_string()).await {
                Ok(repaired) => {
                    read += 1;
                    for edges in [Edges::Planar, Edges::Geodesic] {
                        let simple =
                            simplify_containing(&repaired.region, Limits { edges, ..Limits::default() }).unwrap_or_else(|e| panic!("{name}: {e}"));
                        assert!(simple.points_after <= 300, "{name}");
                    }
                }
                Err(e) => {
                    println!("{name}: {e} ({:?}) {:?}", std::error::Error::source(&e).map(ToString::to_string), e.hint());
                    refused.push(name);
                }
            }
        }
        refused.sort();
        println!("{read} read");
        assert_eq!(refused, REFUSED);
    }

    /// Damaged, empty, not GeoJSON, without an index, or not in longitude and latitude and saying so nowhere.
    const REFUSED: [&str; 22] = [
        "cmr-shapefiles/invalid.kml",
        "cmr-shapefiles/invalid_json.geojson",
        "cmr-shapefiles/missing_shapefile_shp.zip",
        "cmr-shapefiles/no_features.geojson",
        "cmr-shapefiles/no_features.kml",
        "cmr-shapefiles/no_features.zip",
        "geojson-vt/dateline-metrics-tiles.json",
        "geojson-vt/empty.json",
        "geojson-vt/feature-null-geometry.json",
        "geojson-vt/feature-tiles.json",
        "geojson-vt/ids-generate-id-tiles.json",
        "geojson-vt/single-geom-tiles.json",
        "geojson-vt/us-states-z7-37-48.json",
        "georust/issue71.geojson",
        "georust/many_rects.geojson",
        "geozero/multi_polygon.shp",
        "geozero/multipointz.shp",
        "geozero/poly.shp",
        "geozero/polygonm.shp",
        "harmony/corrupt_file.geojson",
        "harmony/corrupt_file.kml",
        "harmony/two_shp_file.zip",
    ];
}
