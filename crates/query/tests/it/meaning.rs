//! What a query means stays the same on the way to a service, or is in the report.

use cube_query::{Effect, GranuleQuery, Service, StacItemQuery};
use serde_json::json;

/// As CMR has it, and earthaccess: a name in the versions given beside it.
#[test]
fn a_name_and_a_version_are_given_apart() {
    let query = GranuleQuery::new().collections("HLSL30").version("2.0");
    let sent = query.to_cmr().expect("valid").value;
    assert_eq!((sent.get("short_name"), sent.get("version")), (vec!["HLSL30"], vec!["2.0"]));
    let to = query.to_stac().expect("valid");
    assert_eq!((to.value.collections, to.changes), (vec!["HLSL30.v2.0".to_owned()], vec![]));
    let several = GranuleQuery::new().collections(["A", "B"]).version(["1", "2"]).to_stac().expect("valid");
    assert_eq!((several.value.collections, several.changes), (["A.v1", "A.v2", "B.v1", "B.v2"].map(str::to_owned).to_vec(), vec![]));
    for other in ["HLSL30.v2.0", "C2021957657-LPCLOUD"] {
        let problems = GranuleQuery::new().collections(["HLSS30", other]).version("2.0").validate();
        assert_eq!(problems.iter().map(|p| p.field.as_str()).collect::<Vec<_>>(), ["version"], "{other}");
    }
}

#[test]
fn advice_on_cloud_cover_is_good() {
    for range in [[120, -5], [-5, 120], [50, 20]] {
        for problem in GranuleQuery::new().cloud_cover(range).validate() {
            let hint = problem.hint().expect("advice");
            let advised: Option<Vec<f64>> = hint.strip_prefix("write ").map(|list| serde_json::from_str(list).expect("a list"));
            assert!(advised.is_none_or(|ends| GranuleQuery::new().cloud_cover(ends).validate().is_empty()), "{range:?}: {hint}");
        }
    }
}

/// CMR's times of records are in milliseconds, and both ends of its intervals inclusive.
#[test]
fn times_of_records_keep_their_strictness() {
    for (operator, expected) in
        [(">", "2015-01-24T00:00:00.001Z,"), (">=", "2015-01-24T00:00:00Z,"), ("<", ",2015-01-23T23:59:59.999Z"), ("<=", ",2015-01-24T00:00:00Z")]
    {
        for (property, parameter) in [("created", "created_at"), ("updated", "revision_date")] {
            let filter = json!({"op": operator, "args": [{"property": property}, {"timestamp": "2015-01-24T00:00:00Z"}]});
            let sent = StacItemQuery::new().collections("A.v1").filter(filter).to_cmr().expect("valid");
            assert_eq!(sent.value.get(parameter), [expected], "{operator}");
            assert!(sent.changes.is_empty(), "{:?}", sent.changes);
        }
    }
}

#[test]
fn holes_that_cmr_stac_leaves_out_are_reported() {
    let rings = json!([[[0, 40], [10, 40], [10, 50], [0, 50], [0, 40]], [[1, 41], [1, 49], [9, 49], [9, 41], [1, 41]]]);
    let query = GranuleQuery::new().polygon(json!({"type": "Polygon", "coordinates": rings}));
    for (service, report) in [(Service::Stac, vec![]), (Service::CmrStac, vec![("polygon", Effect::Widened)])] {
        let to = query.to_stac_for(service).expect("valid");
        assert_eq!(to.changes.iter().map(|c| (c.field.as_str(), c.effect)).collect::<Vec<_>>(), report);
    }
}

#[test]
fn places_are_all_met_unless_they_are_alternatives() {
    let query = GranuleQuery::new().bounding_box([1, 2, 3, 4]).polygon([0, 0, 1, 0, 1, 1, 0, 0]).polygon([4, 4, 5, 4, 5, 5, 4, 4]);
    let kinds = |query: &GranuleQuery| query.places().iter().map(|p| p["type"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>();
    assert_eq!(kinds(&query), ["MultiPolygon", "Polygon", "Polygon"]);
    assert_eq!(kinds(&query.clone().option("polygon", "or", true)), ["MultiPolygon", "MultiPolygon"]);
    let any = query.point([7, 7]).option("spatial", "or", true);
    assert_eq!(kinds(&any), ["GeometryCollection"]);
    let bare = any.limit(3).without_places();
    assert_eq!(bare, GranuleQuery::new().limit(3));
}
