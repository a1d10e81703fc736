//! Every parameter of CMR, to the wire and back; what is said in STAC; what is wrong.
#![expect(clippy::panic, reason = "tests say what they met")]

use cube_query::{BoundingBox, CmrParameters, CollectionQuery, DayNight, Effect, GranuleQuery, Point, ProblemKind, Range, Service, StacItemQuery};
use serde_json::{Value, json};

type Pairs = &'static [(&'static str, &'static str)];

/// Field, value as a person gives it, what CMR is sent.
fn granule_parameters() -> Vec<(&'static str, Value, Pairs)> {
    vec![
        ("collections", json!("C2021957657-LPCLOUD"), &[("collection_concept_id[]", "C2021957657-LPCLOUD")]),
        ("collections", json!(["ATL03", "ATL06"]), &[("short_name[]", "ATL03"), ("short_name[]", "ATL06")]),
        ("collections", json!("HLSL30.v2.0"), &[("short_name[]", "HLSL30"), ("version[]", "2.0")]),
        ("collections", json!(["HLSL30.v2.0", "HLSS30.v2.0"]), &[("short_name[]", "HLSL30"), ("short_name[]", "HLSS30"), ("version[]", "2.0")]),
        ("collections", json!(["HLSL30.v2.0", "ATL03.v006"]), &[("entry_id[]", "HLSL30_2.0"), ("entry_id[]", "ATL03_006")]),
        ("collections", json!("G1618495041-GES_DISC"), &[("concept_id[]", "G1618495041-GES_DISC")]),
        ("concept_id", json!(["G1-A", "C2-B"]), &[("concept_id[]", "G1-A"), ("concept_id[]", "C2-B")]),
        ("collection_concept_id", json!("C1-A"), &[("collection_concept_id[]", "C1-A")]),
        ("short_name", json!(["A", "B"]), &[("short_name[]", "A"), ("short_name[]", "B")]),
        ("short_name", json!("HLSL30.v2.0"), &[("short_name[]", "HLSL30"), ("version[]", "2.0")]),
        ("short_name", json!("D*"), &[("short_name[]", "D*"), ("options[short_name][pattern]", "true")]),
        ("version", json!(["1", 2]), &[("version[]", "1"), ("version[]", "2")]),
        ("entry_title", json!("DatasetId 4"), &[("entry_title[]", "DatasetId 4")]),
        ("entry_id", json!("SHORT_V5"), &[("entry_id[]", "SHORT_V5")]),
        ("provider", json!(["ASF", "LARC"]), &[("provider[]", "ASF"), ("provider[]", "LARC")]),
        ("granule_name", json!("ATL03_*"), &[("readable_granule_name[]", "ATL03_*"), ("options[readable_granule_name][pattern]", "true")]),
        ("granule_name", json!(["a.h5", "b.h5"]), &[("readable_granule_name[]", "a.h5"), ("readable_granule_name[]", "b.h5")]),
        ("granule_ur", json!("X"), &[("granule_ur[]", "X")]),
        ("producer_granule_id", json!("X?"), &[("producer_granule_id[]", "X?"), ("options[producer_granule_id][pattern]", "true")]),
        ("native_id", json!("X"), &[("native_id[]", "X")]),
        ("feature_id", json!("X"), &[("feature_id[]", "X")]),
        ("crid_id", json!("X"), &[("crid_id[]", "X")]),
        ("platform", json!("ICESat-2"), &[("platform[]", "ICESat-2")]),
        ("instrument", json!("ATLAS"), &[("instrument[]", "ATLAS")]),
        ("sensor", json!("1B"), &[("sensor[]", "1B")]),
        ("project", json!("20??_GR_NASA"), &[("project[]", "20??_GR_NASA"), ("options[project][pattern]", "true")]),
        ("temporal", json!("2024-06"), &[("temporal[]", "2024-06-01T00:00:00Z,2024-06-30T23:59:59.999Z")]),
        (
            "temporal",
            json!(["2000-01-01/2000-01-02", "2001"]),
            &[("temporal[]", "2000-01-01T00:00:00Z,2000-01-02T23:59:59.999Z"), ("temporal[]", "2001-01-01T00:00:00Z,2001-12-31T23:59:59.999Z")],
        ),
        ("temporal", json!({"start": "2000-01-01", "days": [30, 60]}), &[("temporal[]", "2000-01-01T00:00:00Z,,30,60")]),
        ("bounding_box", json!([-10, -5, 10, 5]), &[("bounding_box[]", "-10,-5,10,5")]),
        ("bounding_box", json!([170, -5, -170, 5]), &[("bounding_box[]", "170,-5,-170,5")]),
        ("polygon", json!([[10, 10], [30, 10], [30, 20], [10, 20], [10, 10]]), &[("polygon[]", "10,10,30,10,30,20,10,20,10,10")]),
        ("point", json!([[100, 20], [80, 20]]), &[("point[]", "100,20"), ("point[]", "80,20")]),
        ("line", json!("-0.37,-14.07,4.75,1.27,25.13,-15.51"), &[("line[]", "-0.37,-14.07,4.75,1.27,25.13,-15.51")]),
        ("circle", json!([-87.629717, 41.878112, 1000]), &[("circle[]", "-87.629717,41.878112,1000")]),
        ("cloud_cover", json!([0, 20]), &[("cloud_cover", "0,20")]),
        ("cloud_cover", json!({"max": 30}), &[("cloud_cover", ",30")]),
        ("cloud_cover", json!("0.2,"), &[("cloud_cover", "0.2,")]),
        ("day_night", json!("DAY"), &[("day_night_flag", "day")]),
        ("orbit_number", json!(10), &[("orbit_number", "10")]),
        ("orbit_number", json!([0.5, 1.5]), &[("orbit_number", "0.5,1.5")]),
        ("equator_crossing_longitude", json!([170, -170]), &[("equator_crossing_longitude", "170,-170")]),
        ("equator_crossing_date", json!("2000-01-01/.."), &[("equator_crossing_date", "2000-01-01T00:00:00Z,")]),
        ("cycle", json!([1, 2]), &[("cycle[]", "1"), ("cycle[]", "2")]),
        ("attribute", json!("float,PERCENTAGE,25.5,30"), &[("attribute[]", "float,PERCENTAGE,25.5,30")]),
        ("two_d_coordinate_system", json!("wrs-1:5,10:8-10,0-10:8,12"), &[("two_d_coordinate_system[]", "wrs-1:5,10:8-10,0-10:8,12")]),
        ("browsable", json!(true), &[("browsable", "true")]),
        ("downloadable", json!("false"), &[("downloadable", "false")]),
        ("online_only", json!(true), &[("online_only", "true")]),
        ("updated_since", json!("2014-05-08T20:12:35Z"), &[("updated_since", "2014-05-08T20:12:35Z")]),
        ("updated_since", json!("2014-05-08"), &[("updated_since", "2014-05-08T00:00:00Z")]),
        ("revision_date", json!(["2024-07-05", "2024-07-05"]), &[("revision_date[]", "2024-07-05T00:00:00Z,2024-07-05T23:59:59.999Z")]),
        ("created_at", json!("2015/.."), &[("created_at[]", "2015-01-01T00:00:00Z,")]),
        ("production_date", json!("../2015"), &[("production_date[]", ",2015-12-31T23:59:59.999Z")]),
        ("exclude_concept_id", json!("G1-A"), &[("exclude[concept_id][]", "G1-A")]),
        ("sort", json!(["-start_date", "granule_ur"]), &[("sort_key[]", "-start_date"), ("sort_key[]", "granule_ur")]),
        ("options", json!({"platform": {"and": true}}), &[("options[platform][and]", "true")]),
        ("page_size", json!(0), &[("page_size", "0")]),
        ("limit", json!(50_000), &[("page_size", "2000")]),
        ("limit", json!(7), &[("page_size", "7")]),
    ]
}

/// Names a provider where the search would cover all granules.
fn granules(field: &str, value: &Value) -> GranuleQuery {
    let query = GranuleQuery::new().with(field, value.clone());
    let shape = ["bounding_box", "polygon", "point", "line", "circle"].contains(&field);
    if shape { query.provider("P") } else { query }
}

fn pairs(p: &CmrParameters) -> Vec<(&str, &str)> {
    p.0.iter().map(|(n, v)| (n.as_str(), v.as_str())).filter(|p| *p != ("provider[]", "P")).collect()
}

#[test]
fn every_parameter_of_granules_goes_to_cmr_and_back() {
    for (field, value, wire) in granule_parameters() {
        let query = granules(field, &value);
        assert_eq!(query.validate(), [], "{field} {value}");
        let sent = query.to_cmr().unwrap_or_else(|e| panic!("{field}: {e}"));
        assert_eq!(pairs(&sent.value), wire, "{field} {value}");

        let back = GranuleQuery::from_cmr(&sent.value);
        assert_eq!(back.changes, [], "{field}");
        assert_eq!(back.value.to_cmr().expect("valid").value, sent.value, "{field}: sent, received, sent");

        let written = serde_json::to_value(&query).expect("JSON");
        let read: GranuleQuery = serde_json::from_value(written.clone()).expect("an object");
        assert_eq!(read, query, "{written}");
    }
}

/// No field is without a line in the table, or a reason.
#[test]
fn the_table_is_complete() {
    let elsewhere = ["doi", "cloud_hosted", "passes"];
    let table: Vec<&str> = granule_parameters().iter().map(|(f, ..)| *f).collect();
    for field in GranuleQuery::FIELDS {
        assert!(table.contains(field) || elsewhere.contains(field), "{field}");
    }
}

#[test]
fn passes_and_tiles() {
    let query =
        GranuleQuery::new().cycle(1).passes(json!([{"pass": 1, "tiles": "1L,2F"}, {"pass": 2, "tiles": ["3R"]}, 3])).option("passes", "and", true);
    let sent = query.to_cmr().expect("valid").value;
    assert_eq!(
        sent.to_query_string(),
        CmrParameters::from_iter([
            ("cycle[]", "1"),
            ("passes[0][pass]", "1"),
            ("passes[0][tiles]", "1L,2F"),
            ("passes[1][pass]", "2"),
            ("passes[1][tiles]", "3R"),
            ("passes[2][pass]", "3"),
            ("options[passes][AND]", "true"),
        ])
        .to_query_string()
    );
    assert_eq!(GranuleQuery::from_cmr(&sent).value, query);
    let no_cycle = GranuleQuery::new().passes(1).validate();
    assert_eq!((no_cycle.len(), no_cycle[0].field.as_str()), (1, "cycle"));
    assert_eq!(GranuleQuery::new().cycle([1, 2]).passes(1).validate().len(), 1);
    assert_eq!(GranuleQuery::new().cycle(0).passes(json!({"pass": 0, "tiles": "1X"})).validate().len(), 3);
}

#[test]
fn every_text_of_collections_goes_to_cmr_and_back() {
    let special = ["science_keywords", "options", "limit", "short_name", "exclude_tag_key", "sort", "keyword", "concept_id"];
    for field in CollectionQuery::FIELDS.iter().filter(|f| !special.contains(f)) {
        let value = match *field {
            "bounding_box" => json!([1, 2, 3, 4]),
            "polygon" => json!([0, 0, 1, 0, 1, 1, 0, 0]),
            "point" => json!([1, 2]),
            "line" => json!([1, 2, 3, 4]),
            "circle" => json!([1, 2, 30]),
            "doi" => json!("10.5067/X"),
            "variable_concept_id" => json!("V1-A"),
            "service_concept_id" => json!("S1-A"),
            "tool_concept_id" => json!("TL1-A"),
            "temporal" | "updated_since" => json!("2024-06-01"),
            f if f.ends_with("_at") || f.ends_with("_date") => json!("2024-06-01"),
            "page_size" => json!(5),
            f if f.starts_with("has_")
                || f.ends_with("able")
                || ["online_only", "cloud_hosted", "standard_product", "include_non_operational"].contains(&f) =>
            {
                json!(true)
            }
            _ => json!("X"),
        };
        let query = CollectionQuery::new().with(field, value.clone());
        let sent = query.to_cmr().unwrap_or_else(|e| panic!("{field}: {e}"));
        let [(name, _)] = &sent.value.0[..] else { panic!("{field}: {:?}", sent.value) };
        assert_eq!(name.trim_end_matches("[]"), *field);
        let back = CollectionQuery::from_cmr(&sent.value);
        assert_eq!(back.changes, []);
        assert_eq!(back.value.to_cmr().expect("valid").value, sent.value);
        let read: CollectionQuery = serde_json::from_value(serde_json::to_value(&query).expect("JSON")).expect("an object");
        assert_eq!(read, query);
    }
}

#[test]
fn special_parameters_of_collections() {
    for (field, value, wire) in [
        ("short_name", json!(["MUR", "HLSL30.v2.0"]), &[("short_name[]", "MUR"), ("entry_id[]", "HLSL30_2.0")][..]),
        ("keyword", json!("alpha beta g?mma"), &[("keyword", "alpha beta g?mma")]),
        (
            "science_keywords",
            json!([{"category": "Cat1", "topic": "Topic1"}, {"variable_level_1": "V"}]),
            &[("science_keywords[0][category]", "Cat1"), ("science_keywords[0][topic]", "Topic1"), ("science_keywords[1][variable-level-1]", "V")],
        ),
        ("exclude_tag_key", json!("t"), &[("exclude[tag_key][]", "t")]),
        ("sort", json!("-usage_score"), &[("sort_key[]", "-usage_score")]),
        ("limit", json!(3), &[("page_size", "3")]),
        ("concept_id", json!("C1-A"), &[("concept_id[]", "C1-A")]),
        ("options", json!({"temporal": {"limit_to_granules": true}}), &[("options[temporal][limit_to_granules]", "true")]),
    ] {
        let query = CollectionQuery::new().with(field, value);
        let sent = query.to_cmr().unwrap_or_else(|e| panic!("{field}: {e}")).value;
        let mut expected: Vec<_> = wire.to_vec();
        let mut got = pairs(&sent);
        expected.sort_unstable();
        got.sort_unstable();
        assert_eq!(got, expected);
        assert_eq!(CollectionQuery::from_cmr(&sent).value.to_cmr().expect("valid").value, sent);
    }
}

#[test]
fn all_that_is_wrong_is_named_at_once() {
    let file = json!({
        "collections": ["C2021957657", ""], "concept_id": "X1-A", "doi": "5067/x", "temporal": ["2024-13", "2023/2022", "2024"],
        "bounding_box": [-200, 10, 20, 95], "polygon": [[0, 0], [1, 0], [1, 1]], "point": "a,b", "line": [[0, 0]], "circle": [0, 0, -5],
        "cloud_cover": [80, 120], "day_night": "dusk", "cycle": 0, "attribute": "real,X,1", "two_d_coordinate_system": ":x",
        "browsable": "maybe", "limit": 0, "sort": 3, "nonsense": 1, "granul_name": "x", "options": {"a": 1}
    });
    let query: GranuleQuery = serde_json::from_value(file.clone()).expect("an object is always read");
    let problems = query.validate();
    for field in file.as_object().expect("an object").keys() {
        assert!(problems.iter().any(|p| p.field.split(['[', '.']).next() == Some(field)), "{field} is named: {problems:#?}");
    }
    assert!(problems.iter().all(|p| p.hint().is_some_and(|h| !h.is_empty()) && !p.message.is_empty()), "{problems:#?}");
    let hint = |field: &str| problems.iter().find(|p| p.field == field).and_then(|p| p.hint()).unwrap_or_default().to_owned();
    assert_eq!(hint("granul_name"), "did you mean `granule_name`?");
    assert!(query.to_cmr().is_err() && query.to_stac().is_err());
    // What could not be read is not lost between two writings.
    let again: GranuleQuery = serde_json::from_value(serde_json::to_value(&query).expect("JSON")).expect("an object");
    assert_eq!(again.validate().len(), problems.len());
}

#[test]
fn two_months_are_not_the_time_between_them() {
    let twice = GranuleQuery::new().temporal("2024-01").temporal("2024-03").revision_date("2024-01").revision_date("2024-03");
    let toi: cube_core::Toi = "2024-01,2024-03".parse().expect("a time");
    let at_once = GranuleQuery::new().temporal(toi.clone()).revision_date(toi);
    assert_eq!(twice, at_once);
    assert_eq!((twice.temporal.len(), twice.revision_date.len()), (2, 2));
    let read: GranuleQuery = serde_json::from_value(serde_json::to_value(&twice).expect("JSON")).expect("an object");
    assert_eq!(read, twice);
}

#[test]
fn values_are_taken_as_they_are() {
    let b = BoundingBox { west: 1.0, south: 2.0, east: 3.0, north: 4.0 };
    let query = GranuleQuery::new().bounding_box(vec![b, b]).cloud_cover(Range { min: None, max: Some(5.0) }).day_night(DayNight::Night);
    assert_eq!(
        query,
        GranuleQuery {
            bounding_box: vec![b, b],
            cloud_cover: Some(Range { min: None, max: Some(5.0) }),
            day_night: Some(DayNight::Night),
            ..GranuleQuery::new()
        }
    );
    let nothing = GranuleQuery { cloud_cover: Some(Range { min: None, max: None }), ..GranuleQuery::new() };
    let nan = GranuleQuery { point: vec![Point { lon: f64::NAN, lat: 0.0 }], ..GranuleQuery::new() };
    assert_eq!((nothing.validate().len(), nan.validate().len()), (1, 1));
}

#[test]
fn alternatives_are_not_mixed_with_what_must_hold() {
    let multi = json!({"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, 0], [1, 1], [0, 0]]], [[[4, 4], [5, 4], [5, 5], [4, 4]]]]});
    let one = json!({"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 0]]]});
    for (intersects, filter) in [(&multi, &one), (&one, &multi)] {
        let search =
            StacItemQuery::new().intersects(intersects.clone()).filter(json!({"op": "s_intersects", "args": [{"property": "geometry"}, filter]}));
        let query = GranuleQuery::from_stac(&search);
        assert_eq!(query.changes.iter().map(|c| (c.field.as_str(), c.effect)).collect::<Vec<_>>(), [("filter", Effect::Dropped)]);
    }
    let bound = |op: &str, t: &str| json!({"op": op, "args": [{"property": "updated"}, {"timestamp": t}]});
    let apart = StacItemQuery::new().filter(json!({"op": "and", "args": [bound("<", "2020-01-01T00:00:00Z"), bound(">", "2021-01-01T00:00:00Z")]}));
    assert_eq!(GranuleQuery::from_stac(&apart).changes.len(), 1);
}

#[test]
fn setters_name_what_they_cannot_read() {
    let problems = GranuleQuery::new().temporal("soon").bounding_box([1.0, f64::NAN, 2.0, 3.0]).cloud_cover(20).validate();
    let fields: Vec<&str> = problems.iter().map(|p| p.field.as_str()).collect();
    assert_eq!(fields, ["temporal", "bounding_box", "cloud_cover"]);
    assert!(problems[2].hint().is_some_and(|h| h.contains("[0, 20]")));
}

#[test]
fn cmr_is_known() {
    for (query, field) in [
        (GranuleQuery::new().collections(["C1-A", "ATL03"]), "collections"),
        (GranuleQuery::new().point([1, 2]), "collections"),
        (GranuleQuery::new().provider("P").bounding_box([1, 2, 3, 4]).option("bounding_box", "pattern", true), "options[bounding_box]"),
        (GranuleQuery::new().provider("P").polygon([0, 0, 1, 1, 1, 0, 0, 0]), "polygon"),
        (GranuleQuery::new().provider("P").circle([0, 90, 100]), "circle"),
        (GranuleQuery::new().page_size(2001), "page_size"),
        (GranuleQuery::new().sort("size"), "sort"),
        (GranuleQuery::new().option("granule_name", "pattern", true), "options"),
        (GranuleQuery::new().option("provider", "and", true), "options[provider]"),
        (GranuleQuery::new().granule_name(["*a", "*b", "*c", "?d", "*e", "*f"]), "patterns"),
    ] {
        assert_eq!(query.validate(), [], "{field}: nothing is wrong elsewhere");
        let problems = query.validate_for(Service::Cmr);
        assert!(problems.iter().any(|p| p.field == field && p.kind == ProblemKind::Wrong), "{field}: {problems:?}");
        assert!(query.to_cmr().is_err(), "{field}");
    }
    for (query, field) in [
        (GranuleQuery::new().provider("P").doi("10.5067/X"), "doi"),
        (GranuleQuery::new().provider("P").cloud_hosted(true), "cloud_hosted"),
        (
            GranuleQuery::new().provider("P").polygon(json!({"type": "Polygon", "coordinates":
            [[[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]], [[1, 1], [1, 2], [2, 2], [1, 1]]]})),
            "polygon",
        ),
    ] {
        let problems = query.validate_for(Service::Cmr);
        assert!(problems.iter().all(|p| p.field == field && p.kind == ProblemKind::Inexpressible) && problems.len() == 1, "{problems:?}");
        assert!(!query.to_cmr().expect("converts").is_exact());
    }
}

#[test]
fn what_only_collections_have_is_found_first() {
    let query =
        GranuleQuery::new().collections(["ATL03", "C1-A", "HLSL30.v2.0"]).doi("https://doi.org/10.5067/X").cloud_hosted(true).temporal("2024");
    let sent: Vec<CmrParameters> = query.collection_queries().iter().map(|q| q.to_cmr().expect("valid").value).collect();
    assert_eq!(sent.iter().map(|s| s.get("concept_id").len() + s.get("short_name").len() + s.get("entry_id").len()).collect::<Vec<_>>(), [1, 1, 1]);
    assert!(sent.iter().all(|s| s.get("cloud_hosted") == ["true"] && s.get("doi") == ["10.5067/X"]), "{sent:?}");
    let found = query.in_collections(["C1-A", "C2-B"]).expect("two").to_cmr().expect("valid");
    assert_eq!(found.changes, []);
    assert_eq!(found.value.get("collection_concept_id"), ["C1-A", "C2-B"]);
    assert_eq!(query.in_collections(Vec::<String>::new()), None);
    assert!(GranuleQuery::new().collections("ATL03").collection_queries().is_empty());
}

#[test]
fn mixed_collections_become_several_searches() {
    let query = GranuleQuery::new().collections(["C1-A", "ATL03", "HLSL30.v2.0", "HLSS30.v2.0", "ATL06.v006", "C2-A"]).temporal("2024");
    let searches = query.split_for_cmr();
    let sent: Vec<String> = searches.iter().map(|q| q.to_cmr().expect("valid").value.to_query_string()).collect();
    assert_eq!(sent.len(), 4, "{sent:?}");
    assert!(sent.iter().all(|s| s.contains("temporal")));
    assert!(sent[0].starts_with("collection_concept_id%5B%5D=C1-A&collection_concept_id%5B%5D=C2-A"));
}

#[test]
fn what_cmr_sends_and_no_field_holds_is_reported() {
    let parameters =
        CmrParameters::from_query_string("short_name=A&page_num=2&token=SECRET&include_facets=v2&weather=fine&options[x][y]=maybe&version=");
    let read = GranuleQuery::from_cmr(&parameters);
    let fields: Vec<&str> = read.changes.iter().map(|c| c.field.as_str()).collect();
    assert_eq!(fields, ["page_num", "token", "include_facets", "weather", "options[x][y]", "version"]);
    assert!(!format!("{read:?}").contains("SECRET"));
    assert_eq!(read.value.to_cmr().expect("valid").value.get("short_name"), ["A"]);
}

#[test]
fn a_pattern_that_is_none_stays_none() {
    for text in ["readable_granule_name=a*", "readable_granule_name=a*&options[readable_granule_name][pattern]=true"] {
        let read = GranuleQuery::from_cmr(&CmrParameters::from_query_string(text)).value;
        let sent = read.to_cmr().expect("valid").value;
        assert_eq!(sent.get("options[readable_granule_name][pattern]"), [if text.contains("true") { "true" } else { "false" }]);
    }
}

#[test]
fn granules_in_the_words_of_stac() {
    let square = json!({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]});
    for (query, body) in [
        (GranuleQuery::new().short_name("HLSL30.v2.0"), json!({"collections": ["HLSL30.v2.0"]})),
        (GranuleQuery::new().short_name("A").version("2"), json!({"collections": ["A.v2"]})),
        (GranuleQuery::new().bounding_box([1, 2, 3, 4]), json!({"bbox": [1, 2, 3, 4]})),
        (GranuleQuery::new().polygon([0, 0, 1, 0, 1, 1, 0, 1, 0, 0]), json!({"intersects": square})),
        (GranuleQuery::new().point([1, 2]), json!({"intersects": {"type": "Point", "coordinates": [1, 2]}})),
        (GranuleQuery::new().temporal("2024-06-01"), json!({"datetime": "2024-06-01T00:00:00Z/2024-06-01T23:59:59.999999Z"})),
        (GranuleQuery::new().temporal(("2024-06-01", None::<&str>)), json!({"datetime": "2024-06-01T00:00:00Z/.."})),
        (GranuleQuery::new().cloud_cover([0, 20]), json!({"query": {"eo:cloud_cover": {"gte": 0, "lte": 20}}})),
        (GranuleQuery::new().granule_ur(["a", "b"]), json!({"ids": ["a", "b"]})),
        (GranuleQuery::new().page_size(50).limit(7), json!({"limit": 50})),
        (
            GranuleQuery::new().sort(["-start_date", "cloud_cover"]),
            json!({"sortby": [{"field": "properties.datetime", "direction": "desc"}, {"field": "properties.eo:cloud_cover", "direction": "asc"}]}),
        ),
        (
            GranuleQuery::new().updated_since("2024-01-01"),
            json!({"filter": {"op": ">=", "args": [{"property": "updated"}, {"timestamp": "2024-01-01T00:00:00Z"}]}, "filter-lang": "cql2-json"}),
        ),
        (
            GranuleQuery::new().temporal(json!(["2023-01/2023-02", "2024-01/2024-02"])),
            json!({"filter": {"op": "or", "args": [
                {"op": "t_intersects", "args": [{"property": "datetime"}, {"interval": ["2023-01-01T00:00:00Z", "2023-02-28T23:59:59.999999Z"]}]},
                {"op": "t_intersects", "args": [{"property": "datetime"}, {"interval": ["2024-01-01T00:00:00Z", "2024-02-29T23:59:59.999999Z"]}]},
            ]}, "filter-lang": "cql2-json"}),
        ),
        (
            GranuleQuery::new().polygon([0, 0, 1, 0, 1, 1, 0, 1, 0, 0]).point([5, 6]),
            json!({"intersects": square, "filter": {"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": [5, 6]}]}, "filter-lang": "cql2-json"}),
        ),
    ] {
        let to = query.to_stac().expect("valid");
        assert!(to.changes.is_empty(), "{:?}", to.changes);
        assert_eq!(to.value.body(), body);
        let back = GranuleQuery::from_stac(&to.value);
        assert!(back.changes.is_empty(), "{:?}", back.changes);
        assert_eq!(back.value.to_stac().expect("valid").value.body(), body, "said, read and said again");
        assert_eq!(StacItemQuery::from_stac(&body).value.body(), body);
    }
}

#[test]
fn names_become_like() {
    let query = GranuleQuery::new().granule_name(["ATL06_??_01*.nc", "x.nc"]);
    let to = query.to_stac().expect("valid");
    let expected = json!({"op": "or", "args": [
        {"op": "like", "args": [{"property": "id"}, "ATL06\\___\\_01%.nc"]},
        {"op": "=", "args": [{"property": "id"}, "x.nc"]},
    ]});
    assert_eq!(to.value.body()["filter"], expected);
    assert_eq!(to.changes.iter().map(|c| c.effect).collect::<Vec<_>>(), [Effect::Narrowed]);
    assert_eq!(GranuleQuery::from_stac(&to.value).value.granule_name, ["ATL06_??_01*.nc", "x.nc"]);

    let folded = query.option("readable_granule_name", "ignore_case", true).to_stac().expect("valid");
    assert_eq!(folded.changes, []);
    assert_eq!(folded.value.body()["filter"]["args"][0]["args"][0], json!({"op": "casei", "args": [{"property": "id"}]}));
}

#[test]
fn shapes_of_which_any_is_enough_are_one_geometry() {
    let multi = json!({"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, 0], [1, 1], [0, 0]]], [[[4, 4], [5, 4], [5, 5], [4, 4]]]]});
    let query = GranuleQuery::new().provider("P").intersects(multi.clone());
    let sent = query.to_cmr().expect("valid").value;
    assert_eq!(sent.get("polygon"), ["0,0,1,0,1,1,0,0", "4,4,5,4,5,5,4,4"]);
    assert_eq!(sent.get("options[polygon][or]"), ["true"]);
    assert_eq!(query.to_stac().expect("valid").value.body()["intersects"], multi);

    let mixed = json!({"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [1, 2]}, {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}]});
    let sent = GranuleQuery::new().provider("P").intersects(mixed).to_cmr().expect("valid").value;
    assert_eq!((sent.get("point"), sent.get("line"), sent.get("options[spatial][or]")), (vec!["1,2"], vec!["0,0,1,1"], vec!["true"]));
    assert_eq!(GranuleQuery::new().intersects(json!({"type": "Nonsense"})).validate().len(), 1);
    assert_eq!(GranuleQuery::new().intersects(json!({"type": "Point", "coordinates": [[1]]})).validate().len(), 1);
}

#[test]
fn what_stac_cannot_be_told_is_reported() {
    let all = GranuleQuery::new()
        .provider("P")
        .doi("10.5067/X")
        .day_night("day")
        .orbit_number(3)
        .cycle(1)
        .passes(2)
        .attribute("A")
        .cloud_hosted(true)
        .downloadable(true)
        .platform("x")
        .exclude_concept_id("G1-A")
        .collections("C1-A")
        .circle([0, 0, 1000])
        .sort("data_size");
    let to = all.to_stac().expect("valid");
    for field in [
        "provider",
        "doi",
        "day_night",
        "orbit_number",
        "cycle",
        "passes",
        "attribute",
        "cloud_hosted",
        "downloadable",
        "platform",
        "exclude_concept_id",
        "collections",
        "circle",
        "sort",
    ] {
        assert!(to.changes.iter().any(|c| c.field == field), "{field}");
    }
    let inexpressible = all.validate_for(Service::Stac);
    assert_eq!(inexpressible.len(), to.changes.len());
}

/// Every field is in the words of STAC, or in the report.
#[test]
fn no_field_is_lost_on_the_way_to_stac() {
    for (field, value, _) in granule_parameters() {
        if field == "options" {
            continue;
        }
        for service in [Service::Stac, Service::StacQuery, Service::StacFilter, Service::CmrStac] {
            let to = GranuleQuery::new().with(field, value.clone()).to_stac_for(service).expect("valid");
            let said = to.value.keywords() != json!({});
            assert!(said || !to.changes.is_empty(), "{field} {value} for {service:?}");
        }
    }
}

#[test]
fn services_without_a_filter_are_told_less() {
    let query = GranuleQuery::new().granule_name("a*").cloud_cover([0, 20]).temporal(json!(["2023-01", "2024-01", "2024-03"]));
    let to = query.to_stac_for(Service::CmrStac).expect("valid");
    assert_eq!(
        to.value.body(),
        json!({"query": {"eo:cloud_cover": {"gte": 0, "lte": 20}}, "datetime": "2023-01-01T00:00:00Z/2024-03-31T23:59:59.999999Z"})
    );
    assert_eq!(
        to.changes.iter().map(|c| (c.field.as_str(), c.effect)).collect::<Vec<_>>(),
        [("granule_name", Effect::Dropped), ("temporal", Effect::Widened)]
    );
    let filter = GranuleQuery::new().cloud_cover([0, 20]).to_stac_for(Service::StacFilter).expect("valid").value.body();
    assert_eq!(filter["filter"]["op"], "and");
    let items = StacItemQuery::new()
        .query(json!({"eo:cloud_cover": {"lt": 20}, "platform": {"startsWith": "a_b"}}))
        .filter(json!({"op": "isNull", "args": [{"property": "x"}]}));
    let cmr_stac = items.to_stac_for(Service::CmrStac).expect("valid");
    assert_eq!(cmr_stac.changes.len(), 3, "{:?}", cmr_stac.changes);
    let as_filter = items.to_stac_for(Service::StacFilter).expect("valid").value;
    assert_eq!(as_filter.body()["filter"]["args"][2], json!({"op": "like", "args": [{"property": "platform"}, "a\\_b%"]}));
    assert!(as_filter.query.is_none());
}

#[test]
fn items_in_the_words_of_cmr() {
    let query = StacItemQuery::new()
        .collections(["HLSL30.v2.0"])
        .datetime("2020-01-01/2020-12-31")
        .bbox([-180, -90, 180, -60])
        .query(json!({"eo:cloud_cover": {"lt": 20}, "view:off_nadir": {"lt": 5}}))
        .filter(json!({"op": "and", "args": [{"op": "like", "args": [{"property": "id"}, "HLS%"]}, {"op": "avg", "args": []}]}))
        .max_items(10);
    let to = query.to_cmr().expect("valid");
    assert_eq!(
        to.value,
        CmrParameters::from_iter([
            ("short_name[]", "HLSL30"),
            ("version[]", "2.0"),
            ("readable_granule_name[]", "HLS*"),
            ("temporal[]", "2020-01-01T00:00:00Z,2020-12-31T23:59:59.999Z"),
            ("bounding_box[]", "-180,-90,180,-60"),
            ("cloud_cover", ",20"),
            ("page_size", "10"),
            ("options[readable_granule_name][ignore_case]", "false"),
            ("options[readable_granule_name][pattern]", "true"),
        ])
    );
    let report: Vec<_> = to.changes.iter().map(|c| (c.field.as_str(), c.effect)).collect();
    assert_eq!(
        report,
        [("eo:cloud_cover", Effect::Widened), ("view:off_nadir", Effect::Dropped), ("filter", Effect::Dropped), ("limit", Effect::Local)]
    );
}

#[test]
fn wrong_items_are_named_all_at_once() {
    let query = StacItemQuery::new()
        .bbox([0, 5, 1, -5])
        .intersects(json!({"type": "Polygon", "coordinates": [[[0, 0], [200, 0], [1, 1]]]}))
        .datetime("soon")
        .query(json!({"a": {"less": 1}, "b": 2, "c": {"in": 3}}))
        .filter(json!({"op": "and", "args": [{"op": "=", "args": [1]}, {"no": 1}]}))
        .limit(20_000)
        .max_items(0)
        .with("colection", "x");
    let problems = query.validate();
    assert_eq!(problems.len(), 13, "{problems:#?}");
    assert!(problems.iter().all(|p| p.hint().is_some()));
    assert!(query.to_stac().is_err() && query.to_cmr().is_err());
}

#[test]
fn collections_in_the_words_of_stac() {
    let query = CollectionQuery::new().keyword("ocean").bounding_box([1, 2, 3, 4]).temporal("2024").provider("P").limit(10).sort("-entry_title");
    let to = query.to_stac().expect("valid");
    let keywords = json!({
        "q": "ocean", "bbox": [1, 2, 3, 4], "datetime": "2024-01-01T00:00:00Z/2024-12-31T23:59:59.999999Z", "max_collections": 10,
        "sortby": [{"field": "title", "direction": "desc"}]
    });
    assert_eq!(to.value.keywords(), keywords);
    assert_eq!(to.changes.iter().map(|c| c.field.as_str()).collect::<Vec<_>>(), ["provider"]);
    let back = CollectionQuery::from_stac(&keywords);
    assert_eq!(back.changes, []);
    assert_eq!(back.value.to_stac().expect("valid").value.keywords(), keywords);
    for bad in ["\"phrase one\" \"phrase two\"", "\"phrase one\" word2", "\"phrase one", &"?".repeat(31)] {
        assert_eq!(CollectionQuery::new().keyword(bad).validate().len(), 1, "{bad}");
    }
    assert!(CollectionQuery::new().keyword(r#""alpha \"beta\" g?mma""#).validate().is_empty());
}

/// Any fields together: what is sent, received and sent again is the same; so is what is written and read.
#[test]
fn to_cmr_of_from_cmr_is_the_identity() {
    let table = granule_parameters();
    let mut seed = 11_u64;
    let mut random = |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % n
    };
    let mut sent_anything = 0;
    for _ in 0..3_000 {
        let mut query = GranuleQuery::new();
        for _ in 0..1 + random(8) {
            let (field, value, _) = &table[random(table.len())];
            query = query.with(field, value.clone());
        }
        let written: GranuleQuery = serde_json::from_value(serde_json::to_value(&query).expect("JSON")).expect("an object");
        assert_eq!(written, query);
        let Ok(sent) = query.to_cmr() else { continue };
        sent_anything += 1;
        let received = GranuleQuery::from_cmr(&sent.value);
        assert_eq!(received.changes, []);
        // Between different parameters order means nothing; among the values of one it is kept.
        let sorted = |mut p: CmrParameters| {
            p.0.sort_by(|a, b| a.0.cmp(&b.0));
            p
        };
        assert_eq!(sorted(received.value.to_cmr().expect("valid").value), sorted(sent.value.clone()), "{query:?}");
        assert_eq!(CmrParameters::from_query_string(&sent.value.to_query_string()), sent.value);
        let stac = query.to_stac().expect("valid").value;
        let body = stac.body();
        assert_eq!(StacItemQuery::from_stac(&body).value.body(), body);
    }
    assert!(sent_anything > 500, "{sent_anything}");
}
