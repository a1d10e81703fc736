use std::collections::BTreeMap;

use serde_json::json;

use super::{cql2_json, parse, query, to_json};
use crate::{item::Item, location::Location, patch::Facts};

fn item() -> (Item, Facts) {
    let value = serde_json::json!({
        "type": "Feature", "id": "S2A_1", "collection": "sentinel-2-l2a",
        "geometry": {"type": "Polygon", "coordinates": [[[7, 46], [8, 46], [8, 47], [7, 47], [7, 46]]]},
        "bbox": [7, 46, 8, 47],
        "properties": {
            "datetime": "2022-01-30T10:23:45.500Z", "eo:cloud_cover": 12.5, "platform": "Sentinel-2A", "instruments": ["msi"], "nothing": null,
            "good": true, "path": "033", "nested": {"deep": 3}, "created": "2022-02-01T00:00:00Z", "name with space": "it's 100%"
        },
        "assets": {}
    });
    let item = Item::new(value, &Location::parse("/i.json").expect("a path"), None).expect("an item");
    let facts = Facts::of(&item).expect("facts");
    (item, facts)
}

fn text(filter: &str) -> Option<bool> {
    let (item, facts) = item();
    let e = parse(&json!(filter)).expect(filter);
    let again = parse(&to_json(&e)).expect(filter);
    assert_eq!(again.evaluate(&item, &facts, None), e.evaluate(&item, &facts, None), "{filter} means the same as JSON");
    e.evaluate(&item, &facts, None)
}

#[test]
fn text_filters_are_evaluated() {
    for (filter, expected) in [
        ("eo:cloud_cover < 20", Some(true)),
        ("\"eo:cloud_cover\" >= 12.5 AND platform = 'Sentinel-2A'", Some(true)),
        ("eo:cloud_cover <> 12.5", Some(false)),
        ("eo:cloud_cover = 1.25e1", Some(true)),
        ("eo:cloud_cover > -5", Some(true)),
        ("properties.eo:cloud_cover < 20", Some(true)),
        ("missing < 20", None),
        ("NOT missing < 20", None),
        ("missing < 20 OR good = TRUE", Some(true)),
        ("missing < 20 AND good = FALSE", Some(false)),
        ("missing IS NULL and nothing is null and platform IS NOT NULL", Some(true)),
        ("platform IN ('a', 'Sentinel-2A')", Some(true)),
        ("platform NOT IN ('a', 'Sentinel-2A')", Some(false)),
        ("eo:cloud_cover BETWEEN 10 AND 15 AND good = true", Some(true)),
        ("eo:cloud_cover NOT BETWEEN 10 AND 15", Some(false)),
        ("platform LIKE 'Sentinel-2_'", Some(true)),
        ("platform LIKE 'sentinel%'", Some(false)),
        ("casei(platform) LIKE casei('SENTINEL%')", Some(true)),
        ("CASEI(platform) = casei('SENTINEL-2a')", Some(true)),
        ("\"name with space\" = 'it''s 100%'", Some(true)),
        ("\"name with space\" LIKE '%100\\%'", Some(true)),
        ("datetime >= TIMESTAMP('2022-01-30T10:23:45.5Z')", Some(true)),
        ("datetime > TIMESTAMP('2022-01-30T10:23:45.5Z')", Some(false)),
        ("datetime < DATE('2022-01-31')", Some(true)),
        ("created = TIMESTAMP('2022-02-01T01:00:00+01:00')", Some(true)),
        ("T_INTERSECTS(datetime, INTERVAL('2022-01-01', '..'))", Some(true)),
        ("T_INTERSECTS(datetime, INTERVAL('2022-01-01T00:00:00Z', '2022-01-30T10:23:45Z'))", Some(false)),
        ("T_INTERSECTS(datetime, DATE('2022-01-30'))", Some(true)),
        ("T_BEFORE(datetime, DATE('2022-01-31')) AND T_AFTER(datetime, DATE('2022-01-29'))", Some(true)),
        ("T_DURING(datetime, INTERVAL('2022-01-30', '2022-01-30'))", Some(true)),
        ("S_INTERSECTS(geometry, POLYGON((7.5 46.5, 9 46.5, 9 48, 7.5 48, 7.5 46.5)))", Some(true)),
        ("S_INTERSECTS(geometry, POINT(9 9))", Some(false)),
        ("S_INTERSECTS(geometry, MULTIPOLYGON(((9 9, 10 9, 10 10, 9 9)), ((7 46, 7.1 46, 7.1 46.1, 7 46))))", Some(true)),
        ("S_INTERSECTS(geometry, BBOX(7.9, 46.9, 10, 50))", Some(true)),
        ("S_INTERSECTS(geometry, BBOX(170, 40, -170, 50))", Some(false)),
        ("S_WITHIN(geometry, POLYGON((6 45, 9 45, 9 48, 6 48, 6 45)))", Some(true)),
        ("S_WITHIN(geometry, POLYGON((7.5 46.5, 9 46.5, 9 48, 7.5 48, 7.5 46.5)))", Some(false)),
        ("S_CONTAINS(geometry, POINT(7.5 46.5)) AND NOT S_CONTAINS(geometry, POINT(7 46))", Some(true)),
        ("S_TOUCHES(geometry, POINT(7 46)) AND S_DISJOINT(geometry, POINT(9 9))", Some(true)),
        ("S_EQUALS(geometry, BBOX(7, 46, 8, 47)) AND S_CROSSES(geometry, LINESTRING(6 46.5, 9 46.5))", Some(true)),
        ("S_OVERLAPS(geometry, BBOX(7.5, 46.5, 9, 48)) AND NOT S_OVERLAPS(geometry, BBOX(6, 45, 9, 48))", Some(true)),
        ("S_DISJOINT(missing, POINT(9 9))", None),
        ("A_CONTAINS(instruments, ('msi')) AND A_OVERLAPS(instruments, ('oli', 'msi'))", Some(true)),
        ("A_CONTAINS(instruments, ('msi', 'oli'))", Some(false)),
        ("A_CONTAINEDBY(instruments, ('msi', 'oli')) AND NOT A_EQUALS(instruments, ('msi', 'oli'))", Some(true)),
        ("A_EQUALS(instruments, ('msi', 'msi'))", Some(true)),
        ("A_OVERLAPS(instruments, ('MSI'))", Some(false)),
        ("A_OVERLAPS(missing, ('msi')) OR A_OVERLAPS(platform, ('msi'))", None),
        ("(eo:cloud_cover < 5 OR (good = true)) AND NOT (platform = 'x')", Some(true)),
        ("nested.deep = 3", Some(true)),
        ("id = 'S2A_1' AND collection = 'sentinel-2-l2a'", Some(true)),
        ("true", Some(true)),
        ("not not false", Some(false)),
    ] {
        assert_eq!(text(filter), expected, "{filter}");
    }
}

/// CQL2 (OGC 21-065r2) compares instants with instants; intervals belong to the functions `t_…`.
#[test]
fn a_comparison_with_a_day_is_written_in_instants() {
    let (item, facts) = item();
    let stamp = |day: &str| json!({"timestamp": format!("{day}T00:00:00Z")});
    for (comparison, written) in [("<", ("<", "2022-01-30")), ("<=", ("<", "2022-01-31")), (">", (">=", "2022-01-31")), (">=", (">=", "2022-01-30"))]
    {
        let filter = cql2_json(&json!(format!("datetime {comparison} DATE('2022-01-30')"))).expect("a filter");
        assert_eq!(filter, json!({"op": written.0, "args": [{"property": "datetime"}, stamp(written.1)]}));
        let turned = match comparison.split_at(1) {
            ("<", rest) => format!(">{rest}"),
            (_, rest) => format!("<{rest}"),
        };
        assert_eq!(cql2_json(&json!(format!("DATE('2022-01-30') {turned} datetime"))).expect("a filter"), filter);
    }
    for day in ["2022-01-29", "2022-01-30", "2022-01-31"] {
        let date = format!("DATE('{day}')");
        for filter in [
            format!("datetime = {date}"),
            format!("datetime <> {date}"),
            format!("datetime < {date}"),
            format!("datetime <= {date}"),
            format!("datetime > {date}"),
            format!("datetime >= {date}"),
            format!("datetime IN (TIMESTAMP('1999-01-01T00:00:00Z'), {date})"),
            format!("datetime BETWEEN {date} AND DATE('2022-01-30')"),
            format!("missing = {date}"),
        ] {
            let read = parse(&json!(filter)).expect("a filter");
            let written = to_json(&read);
            assert!(!written.to_string().contains("interval"), "{filter}: {written}");
            assert_eq!(parse(&written).expect("a filter").evaluate(&item, &facts, None), read.evaluate(&item, &facts, None), "{filter}");
        }
    }
}

#[test]
fn json_filters_are_evaluated() {
    let (item, facts) = item();
    for (filter, expected) in [
        (
            json!({"op": "and", "args": [{"op": "<=", "args": [{"property": "eo:cloud_cover"}, 20]}, {"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": [7.5, 46.5]}]}]}),
            true,
        ),
        (json!({"op": ">=", "args": [{"property": "datetime"}, {"timestamp": "2021-04-08T04:39:23Z"}]}), true),
        (json!({"op": "t_intersects", "args": [{"property": "datetime"}, {"interval": ["2021-01-01T00:00:00Z", "2022-01-30T10:23:45.5Z"]}]}), true),
        (json!({"op": "in", "args": [{"property": "collection"}, ["x", "sentinel-2-l2a"]]}), true),
        (json!({"op": "like", "args": [{"property": "platform"}, "%2B"]}), false),
        (json!({"op": "between", "args": [{"property": "eo:cloud_cover"}, 12.5, 13]}), true),
        (json!({"op": "isNull", "args": [{"property": "eo:cloud_cover"}]}), false),
        (json!({"op": "not", "args": [{"op": "=", "args": [{"property": "good"}, false]}]}), true),
        (json!({"op": "s_intersects", "args": [{"property": "geometry"}, {"bbox": [0, 0, 1, 1]}]}), false),
        (json!({"op": "a_overlaps", "args": [{"op": "casei", "args": [{"property": "instruments"}]}, {"op": "casei", "args": [["MSI"]]}]}), true),
        (json!({"op": "a_containedBy", "args": [{"property": "instruments"}, ["msi", 3]]}), true),
        (json!("{\"op\": \"=\", \"args\": [{\"property\": \"platform\"}, \"Sentinel-2A\"]}"), true),
    ] {
        let e = parse(&filter).expect("a filter");
        assert_eq!(e.evaluate(&item, &facts, None), Some(expected), "{filter}");
    }
}

#[test]
fn what_is_not_understood_is_refused_by_name() {
    for (filter, name) in [
        (json!("S_NEAR(geometry, POINT(1 1))"), "s_near"),
        (json!("avg(a) > 3"), "avg"),
        (json!("eo:cloud_cover + 1 < 3"), "`+`"),
        (json!("a * 2 = 3"), "*"),
        (json!({"op": "a_meets", "args": [{"property": "x"}, ["y"]]}), "a_meets"),
        (json!({"op": "=", "args": [{"property": "x"}, ["y"]]}), "y"),
        (json!({"op": "=", "args": [{"op": "+", "args": [{"property": "x"}, 1]}, 3]}), "+"),
        (json!("a = "), "ends too early"),
        (json!("a = 'open"), "open"),
        (json!("a = 1 b = 2"), "b = 2"),
        (json!("a BETWEEN 1 2"), "between"),
        (json!("datetime > TIMESTAMP('soon')"), "soon"),
        (json!("S_INTERSECTS(geometry, POLYGON((1 2"), "ends too early"),
        (json!(5), "5"),
        (json!({"no": 1}), "op"),
        (json!("("), "ends too early"),
        (json!("(".repeat(100_000)), "deep"),
        (json!(""), "early"),
    ] {
        let e = parse(&filter).expect_err("refused");
        assert!(e.to_string().contains(name), "{e}");
        assert!(e.hint().is_some());
    }
}

#[test]
fn queries_are_evaluated() {
    let (item, facts) = item();
    for (q, expected) in [
        (json!({"eo:cloud_cover": {"lt": 20}}), true),
        (json!({"eo:cloud_cover": {"gt": 5, "lte": 12.5}}), true),
        (json!({"eo:cloud_cover": {"gt": 12.5}}), false),
        (json!({"missing": {"lt": 20}}), false),
        (json!({"missing": {"neq": 20}}), true),
        (json!({"platform": "Sentinel-2A", "good": {"eq": true}}), true),
        (json!({"platform": {"startsWith": "Sent", "endsWith": "A", "contains": "tinel"}}), true),
        (json!({"platform": {"in": ["x", "Sentinel-2A"]}}), true),
        (json!({"instruments": {"contains": "msi"}}), true),
        (json!({"instruments": {"eq": "oli"}}), false),
        (json!({"path": {"eq": "033"}}), true),
        (json!({"created": {"gte": "2022-01-31T00:00:00.000Z"}}), true),
    ] {
        let map: BTreeMap<_, _> = serde_json::from_value(q.clone()).expect("an object");
        let all = query(&map).expect("a query");
        assert_eq!(all.iter().all(|f| f.admits(&item, &facts)), expected, "{q}");
    }
    let bad: BTreeMap<_, _> = serde_json::from_value(json!({"eo:cloud_cover": {"less": 3}})).expect("an object");
    let e = query(&bad).expect_err("refused");
    assert!(e.to_string().contains("`less`") && e.hint().is_some_and(|h| h.contains("lte")));
}
