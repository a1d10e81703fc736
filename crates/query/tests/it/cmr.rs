//! Every parameter of CMR, to the wire and back; what is wrong.

use cube_query::{BoundingBox, CmrParameters, CollectionQuery, DayNight, Effect, GranuleQuery, Point, ProblemKind, Range, Service, StacItemQuery};
use serde_json::{Value, json};

use crate::table::granule_parameters;

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
    assert_eq!(query.validate_for(Service::Cmr), [], "it is asked in parts");
    let alone = query.to_cmr().expect_err("more than one search").to_string();
    assert!(alone.contains("different ways"), "{alone}");
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
