//! Whatever a field is given: nothing panics, what is wrong is named, nothing is lost in writing.

use cube_query::{CmrParameters, CollectionQuery, GranuleQuery, Query, Service, StacItemQuery};
use serde_json::{Value, json};

fn pool() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(0.5),
        json!(""),
        json!(" "),
        json!(","),
        json!("/"),
        json!(".."),
        json!("../.."),
        json!(",,,"),
        json!("1,2,3,4"),
        json!("NaN,inf,-inf,1e999"),
        json!("*"),
        json!("ä\u{1F600}\n\"'\\%_?*[]"),
        json!("0000-01-01/9999-12-31"),
        json!("9999-12-31T23:59:59.999999Z/.."),
        json!("2024-02-30"),
        json!("P1D/P1D"),
        json!("2024,2025,1,366,9"),
        json!([]),
        json!([null]),
        json!([[]]),
        json!([[[]]]),
        json!([null, null]),
        json!([1]),
        json!([1, 2]),
        json!([1, 2, 3]),
        json!([1, 2, 3, 4]),
        json!([1, "x"]),
        json!([[1, 2], [3]]),
        json!([[0, 0], [0, 0], [0, 0], [0, 0]]),
        json!([[180, 90], [-180, -90], [180, 90]]),
        json!(["2024", "2023"]),
        json!(["2024-01", "2024-03"]),
        json!(["a", ["b"], {"c": "d"}]),
        json!({}),
        json!({"min": "x"}),
        json!({"pass": "x", "tiles": 3}),
        json!({"type": "Polygon"}),
        json!({"type": "Polygon", "coordinates": []}),
        json!({"type": "Polygon", "coordinates": [[]]}),
        json!({"type": "GeometryCollection", "geometries": [{"type": "GeometryCollection", "geometries": []}]}),
        json!({"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, 0], [1, 1], [0, 0]]]]}),
        json!({"op": "and", "args": []}),
        json!({"op": "like", "args": [{"property": "id"}, {"op": "casei", "args": []}]}),
        json!({"op": "t_intersects", "args": [{"property": "datetime"}, {"interval": []}]}),
        json!({"op": "s_intersects", "args": [{"property": "geometry"}]}),
        json!({"eo:cloud_cover": {"lt": "x", "gt": null, "in": 3}}),
        json!({"interval": "2024", "days": [0, null, 3]}),
        json!({"short_name": {"pattern": "x"}}),
        json!({"short_name": true}),
    ]
}

const SERVICES: [Service; 5] = [Service::Cmr, Service::Stac, Service::StacQuery, Service::StacFilter, Service::CmrStac];

#[test]
fn no_value_of_a_field_is_a_surprise() {
    let fields = [("granules", GranuleQuery::FIELDS), ("collections", CollectionQuery::FIELDS), ("items", StacItemQuery::FIELDS)];
    for (kind, fields) in fields {
        for field in fields.iter().chain(&["intersects", "unread", "nonsense", ""]) {
            for value in pool() {
                let file = json!({"type": kind, *field: value});
                let query: Query = serde_json::from_value(file.clone()).unwrap_or_else(|e| unreachable!("{file}: {e}"));
                let problems = query.validate();
                assert!(problems.iter().all(|p| !p.field.is_empty() || field.is_empty()), "{file}: {problems:?}");
                let valid = problems.is_empty();
                assert_eq!(query.to_stac().is_ok(), valid, "{file}: {problems:?}");
                assert!(valid || query.to_cmr().is_err(), "{file}");
                SERVICES.iter().for_each(|s| assert!(valid || !query.validate_for(*s).is_empty(), "{file}"));
                let written = serde_json::to_value(&query).expect("JSON");
                let again: Query = serde_json::from_value(written.clone()).expect("an object");
                assert_eq!(again.validate().is_empty(), valid, "{file} written as {written}");
            }
        }
    }
}

#[test]
fn no_parameter_is_a_surprise() {
    let texts: Vec<String> = pool().iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect();
    let granules = GranuleQuery::FIELDS.iter().chain(CollectionQuery::FIELDS).chain(&["readable_granule_name", "sort_key", "day_night_flag"]);
    let names: Vec<String> =
        granules.flat_map(|f| [f.to_string(), format!("{f}[]"), format!("options[{f}][pattern]"), format!("passes[{f}][pass]")]).collect();
    for name in names.iter().map(String::as_str).chain([
        "",
        "[]",
        "[[",
        "passes[0][tiles]",
        "exclude[]",
        "options[]",
        "science_keywords[0]",
        "science_keywords[0][category]",
    ]) {
        for text in &texts {
            let parameters = CmrParameters::from_iter([(name, text.as_str())]);
            let granules = GranuleQuery::from_cmr(&parameters);
            let collections = CollectionQuery::from_cmr(&parameters);
            // What no field holds is in the report.
            assert!(
                granules.value != GranuleQuery::default() || !granules.changes.is_empty() || matches!(text.as_str(), ".." | "../.."),
                "{name}={text}"
            );
            assert!(
                collections.value != CollectionQuery::default() || !collections.changes.is_empty() || matches!(text.as_str(), ".." | "../.."),
                "{name}={text}"
            );
            let _sent = (granules.value.to_cmr(), collections.value.to_cmr(), granules.value.to_stac());
        }
    }
}

#[test]
fn no_search_is_a_surprise() {
    for field in StacItemQuery::FIELDS.iter().chain(&["filter-lang", "filter-crs", "q", ""]) {
        for value in pool() {
            let search = StacItemQuery::from_stac(&json!({ *field: value }));
            let _said = (search.value.body(), search.value.keywords(), GranuleQuery::from_stac(&search.value).value.to_cmr());
            let _collections = CollectionQuery::from_stac(&json!({ *field: value })).value.to_stac();
        }
    }
}
