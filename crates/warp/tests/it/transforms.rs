//! Places of PROJ 9.8 (through pyproj), and what is known of CRSs.

use std::sync::Arc;

use cube_core::{Crs, Transform};
use cube_warp::{Error, proj};

const SINUSOIDAL: &str = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs";

/// CRS, longitude, latitude, x, y.
const PLACES: [(&str, f64, f64, f64, f64); 21] = [
    ("EPSG:32632", 6.5, 45.1, 303_304.934_225_426, 4_997_099.841_698_542),
    ("EPSG:32632", 11.9, 70.2, 609_599.118_494_328_8, 7_790_787.231_672_048),
    ("EPSG:32733", 12.3, -1.5, 199_548.047_744_574_37, 9_834_019.133_293_953),
    ("EPSG:32733", 17.9, -55.7, 682_236.830_707_372_6, 3_823_497.550_186_885_5),
    ("EPSG:3857", -179.5, 84.9, -19_981_848.597_392_607, 19_845_401.335_496_38),
    ("EPSG:3857", 12.25, -33.1, 1_363_663.762_217_601_3, -3_908_584.825_485_165),
    ("EPSG:3035", 9.1, 45.2, 4_250_171.597_973_443, 2_454_649.399_302_269),
    ("EPSG:3035", -9.5, 38.9, 2_639_599.692_094_293, 1_973_866.078_298_485_8),
    ("EPSG:3035", 30.2, 69.8, 5_095_903.737_695_165, 5_300_202.084_670_14),
    ("EPSG:3413", -45.0, 89.5, 0.0, -54_163.990_279_089_9),
    ("EPSG:3413", 100.3, 61.2, 1_812_907.526_285_541, 2_618_170.965_807_615),
    ("EPSG:3031", 170.2, -71.3, 348_810.635_813_569_36, -2_019_398.196_280_768_4),
    ("EPSG:3031", -60.4, -89.9, -9_447.277_061_946_82, 5_366.800_320_240_847),
    ("EPSG:6933", -179.9, -80.3, -17_357_881.817_136_284, -7_236_337.933_687_365),
    ("EPSG:6933", 33.3, 45.6, 3_212_993.132_354_853_7, 5_234_308.759_745_257),
    ("EPSG:5070", -120.2, 48.1, -1_798_535.943_264_632_7, 3_019_429.721_752_204_5),
    ("EPSG:5070", -80.9, 25.2, 1_533_021.094_237_966_7, 362_063.512_442_838_2),
    ("EPSG:2193", 174.5, -36.8, 1_733_817.202_783_483_3, 5_926_264.479_969_029),
    ("EPSG:2193", 167.1, -46.9, 1_150_665.683_924_701_3, 4_789_027.080_007_235),
    (SINUSOIDAL, -55.2, -12.4, -5_994_782.086_394_483, -1_378_818.644_510_488_7),
    (SINUSOIDAL, 150.9, 60.1, 8_364_291.952_866_151, 6_682_822.623_796_805),
];

fn crs(text: &str) -> Crs {
    Crs::parse(text).expect("a CRS")
}

fn way(from: &str, to: &str) -> Arc<dyn Transform> {
    proj::transform(&crs(from), &crs(to)).expect("a way")
}

fn point(way: &dyn Transform, x: f64, y: f64) -> (f64, f64) {
    let (mut x, mut y) = ([x], [y]);
    way.transform(&mut x, &mut y);
    (x[0], y[0])
}

#[test]
fn places_are_those_of_proj() {
    for (name, lon, lat, x, y) in PLACES {
        let (px, py) = point(&*way("EPSG:4326", name), lon, lat);
        assert!((px - x).hypot(py - y) < 1e-6, "{name}: {px}, {py} instead of {x}, {y}");
        let (back_lon, back_lat) = point(&*way(name, "EPSG:4326"), x, y);
        let metres = ((back_lon - lon) * lat.to_radians().cos()).hypot(back_lat - lat) * 111_320.0;
        assert!(metres < 1e-6, "{name}: {back_lon}, {back_lat} is {metres} m off");
    }
}

/// The inverse of equal-area projections is a series in older versions of PROJ, off by up to 0.4 mm.
#[test]
fn equal_area_projections_come_back_to_where_they_were() {
    for (name, x, y) in [("EPSG:3035", 4_495_388.76, 2_748_148.26), ("EPSG:6933", 3_212_993.13, 5_234_308.76)] {
        let there = point(&*way(name, "EPSG:32633"), x, y);
        let (bx, by) = point(&*way("EPSG:32633", name), there.0, there.1);
        assert!((bx - x).hypot(by - y) < 2e-8, "{name}: {bx}, {by}");
    }
}

#[test]
fn one_failing_point_spoils_no_other() {
    let to_mercator = way("EPSG:4326", "EPSG:3857");
    let (mut x, mut y) = ([10.0, 10.0, f64::NAN, 11.0, f64::INFINITY], [50.0, 1000.0, 3.0, 51.0, 0.0]);
    to_mercator.transform(&mut x, &mut y);
    assert!((x[0] - 1_113_194.907_932_735_7).abs() < 1e-6 && (x[3] - 1_224_514.398_726_009_2).abs() < 1e-6, "{x:?}");
    for i in [1, 2, 4] {
        assert!(x[i].is_nan() && y[i].is_nan(), "point {i}: {}, {}", x[i], y[i]);
    }
}

#[test]
fn every_thread_may_use_it() {
    let way = way("EPSG:32632", "EPSG:32633");
    let expected = point(&*way, 752_787.0, 5_207_742.0);
    std::thread::scope(|s| {
        for _ in 0..8 {
            s.spawn(|| (0..100).for_each(|_| assert_eq!(point(&*way, 752_787.0, 5_207_742.0), expected)));
        }
    });
}

#[test]
fn longitudes_may_go_beyond_180() {
    let (a, b) = (way("EPSG:4326", "EPSG:32701"), way("EPSG:4326", "EPSG:32760"));
    for way in [a, b] {
        let (x, y) = point(&*way, -179.5, -17.0);
        let (u, v) = point(&*way, 180.5, -17.0);
        assert!((x - u).hypot(y - v) < 1e-6, "{x}, {y} and {u}, {v}");
    }
}

#[test]
fn what_is_known_of_common_systems() {
    for (name, title, geographic, metres) in [
        ("EPSG:32632", "WGS 84 / UTM zone 32N", false, 1.0),
        ("EPSG:32733", "WGS 84 / UTM zone 33S", false, 1.0),
        ("EPSG:4326", "WGS 84", true, 111_319.490_793_273_57),
        ("EPSG:3035", "ETRS89-extended / LAEA Europe", false, 1.0),
        ("EPSG:3413", "WGS 84 / NSIDC Sea Ice Polar Stereographic North", false, 1.0),
    ] {
        let info = proj::describe(&crs(name)).expect("known");
        assert_eq!((info.name.as_str(), info.geographic, info.epsg), (title, geographic, crs(name).epsg()));
        assert!((info.metres_per_unit - metres).abs() < 1e-6, "{name}: {}", info.metres_per_unit);
        assert!(info.wkt.starts_with(if geographic { "GEOGCRS[" } else { "PROJCRS[" }), "{}", info.wkt);
        assert!(info.wkt.contains(&format!("ID[\"EPSG\",{}]", crs(name).epsg().expect("a code"))));
        assert_eq!(info.unit, if geographic { "degree" } else { "metre" });
        let area = info.area_of_use.expect("it has one");
        assert!(area.west < area.east && area.south < area.north);
    }
    let zone = proj::describe(&crs("EPSG:32632")).expect("known").area_of_use.expect("it has one");
    assert_eq!(<[f64; 4]>::from(zone), [6.0, 0.0, 12.0, 84.0]);
}

#[test]
fn nonsense_is_refused_with_advice() {
    let e = proj::describe(&crs("EPSG:999999")).expect_err("there is none");
    assert!(matches!(e, Error::UnknownCrs { .. }) && e.to_string().contains("EPSG:999999") && e.hint().is_some());
    assert!(proj::transform(&crs("EPSG:4326"), &crs("EPSG:999999")).is_err());
}

#[cfg(feature = "gdal")]
mod with_gdal {
    use super::*;

    const UTM: &str = r#"PROJCS["WGS 84 / UTM zone 32N",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",9],PARAMETER["scale_factor",0.9996],PARAMETER["false_easting",500000],PARAMETER["false_northing",0],UNIT["metre",1],AXIS["Easting",EAST],AXIS["Northing",NORTH]]"#;

    #[test]
    fn texts_that_are_a_code_become_it() {
        let europe = r#"PROJCS["Europe",GEOGCS["ETRS89",DATUM["European_Terrestrial_Reference_System_1989",SPHEROID["GRS 1980",6378137,298.257222101]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Lambert_Azimuthal_Equal_Area"],PARAMETER["latitude_of_center",52],PARAMETER["longitude_of_center",10],PARAMETER["false_easting",4321000],PARAMETER["false_northing",3210000],UNIT["metre",1]]"#;
        assert_eq!(proj::canonical(&crs(europe)).expect("known"), crs("EPSG:3035"), "the order of axes is no matter here");
        let laea = "+proj=laea +lat_0=52 +lon_0=10 +x_0=4321000 +y_0=3210000 +ellps=GRS80 +units=m +no_defs";
        for (text, expected) in [(UTM, "EPSG:32632"), ("+proj=longlat +datum=WGS84 +no_defs", "EPSG:4326"), (SINUSOIDAL, SINUSOIDAL), (laea, laea)] {
            assert_eq!(proj::canonical(&crs(text)).expect("known"), crs(expected), "{text}");
        }
        // A claim is not enough: a false easting that is another makes it another CRS.
        let claimed = UTM.replace("500000", "400000").replace(",UNIT[\"metre\",1]", ",UNIT[\"metre\",1],AUTHORITY[\"EPSG\",\"32632\"]");
        assert_eq!(proj::canonical(&crs(&claimed)).expect("known").epsg(), None);
        let feet = UTM.replace("UNIT[\"metre\",1]", "UNIT[\"US survey foot\",0.304800609601219]");
        assert_eq!(proj::canonical(&crs(&feet)).expect("known").epsg(), None);
        let info = proj::describe(&crs(&feet)).expect("known");
        assert!((info.metres_per_unit - 0.304_800_609_601_219).abs() < 1e-12 && info.unit == "US survey foot", "{info:?}");
    }

    #[test]
    fn an_area_of_use_may_cross_the_antimeridian() {
        let area = proj::describe(&crs("EPSG:3832")).expect("known").area_of_use.expect("it has one");
        assert!(area.west < 180.0 && area.east > 180.0, "{area:?}");
    }

    #[test]
    fn every_zone_is_described() {
        for code in (32601..=32660).chain(32701..=32760) {
            assert_eq!(proj::describe(&Crs::from_epsg(code)).expect("known").epsg, Some(code));
        }
    }
}

#[cfg(not(feature = "gdal"))]
mod without_gdal {
    use super::*;

    #[test]
    fn what_cannot_be_done_exactly_is_refused_by_name() {
        for name in ["EPSG:27700", "EPSG:6931", "EPSG:31467"] {
            let e = proj::transform(&crs("EPSG:4326"), &crs(name)).expect_err("a datum shift");
            assert!(e.to_string().contains(name) && e.hint().expect("advice").contains("gdal"), "{e}");
        }
    }

    #[test]
    fn the_modis_grid_is_known_by_its_parameters() {
        let wkt = r#"PROJCS["unnamed",GEOGCS["Unknown datum based upon the custom spheroid",DATUM["Not specified (based on custom spheroid)",SPHEROID["Custom spheroid",6371007.181,0]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Sinusoidal"],PARAMETER["longitude_of_center",0],PARAMETER["false_easting",0],PARAMETER["false_northing",0],UNIT["Meter",1]]"#;
        assert_eq!(proj::canonical(&crs(wkt)).expect("known"), crs(SINUSOIDAL));
        let moved = wkt.replace("\"longitude_of_center\",0", "\"longitude_of_center\",10");
        assert!(proj::describe(&crs(&moved)).is_err());
    }
}
