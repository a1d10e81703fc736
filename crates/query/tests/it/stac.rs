//! What is said in STAC, and what of CMR cannot be.

use cube_query::{CmrParameters, CollectionQuery, Effect, GranuleQuery, Season, Service, StacItemQuery, When};
use serde_json::json;

use crate::table::granule_parameters;

/// What a service of STAC sorts by stands as it is written; CMR is told its own name for it, if it has one.
#[test]
fn sort_fields_are_those_of_either_language() {
    for (given, stac, cmr) in [
        ("-start_date", "-properties.datetime", Some("-start_date")),
        ("-datetime", "-datetime", Some("-start_date")),
        ("-properties.datetime", "-properties.datetime", Some("-start_date")),
        ("start_datetime", "start_datetime", Some("start_date")),
        ("eo:cloud_cover", "eo:cloud_cover", Some("cloud_cover")),
        ("-properties.updated", "-properties.updated", Some("-revision_date")),
        ("id", "id", Some("granule_ur")),
        ("-collection", "-collection", Some("-short_name")),
        ("platform", "properties.platform", Some("platform")),
        ("-view:sun_azimuth", "-view:sun_azimuth", None),
        ("created", "created", None),
    ] {
        let query = GranuleQuery::new().provider("P").sort(given);
        let in_stac = GranuleQuery::new().sort(given).to_stac().expect("valid");
        let keys: Vec<String> = in_stac.value.sortby.iter().map(|k| format!("{}{}", if k.descending { "-" } else { "" }, k.field)).collect();
        assert_eq!((keys, in_stac.changes), (vec![stac.to_owned()], vec![]), "{given}");
        let sent =
            |query: &GranuleQuery| query.to_cmr().ok().map(|c| c.value.0.iter().find(|(name, _)| name == "sort_key[]").map(|(_, v)| v.clone()));
        assert_eq!(sent(&query).flatten().as_deref(), cmr, "{given}");
        assert_eq!(query.to_cmr().is_ok(), cmr.is_some(), "{given}");
        let from_stac = GranuleQuery::from_stac(&StacItemQuery::new().sortby(given));
        assert_eq!(from_stac.is_exact(), cmr.is_some() || given.contains("start_date"), "{given}: {:?}", from_stac.changes);
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

/// What pystac-client takes: conditions as texts, a feature for a place.
#[test]
fn short_forms_of_items_are_read() {
    let read = |field: &str, value: serde_json::Value| StacItemQuery::new().with(field, value);
    let query = read("query", json!(["eo:cloud_cover<10", "eo:cloud_cover >= 2.5", "platform=landsat-8"]));
    let wanted = json!({"eo:cloud_cover": {"lt": 10, "gte": 2.5}, "platform": {"eq": "landsat-8"}});
    assert_eq!(query.to_stac().expect("valid").value.body()["query"], wanted);
    let joined = read("query", json!({"eo:cloud_cover": {"gte": 2.5}}))
        .with("query", json!("eo:cloud_cover<10"))
        .with("query", json!({"platform": {"eq": "landsat-8"}}));
    assert_eq!(joined.to_stac().expect("valid").value.body()["query"], wanted);
    let equal = read("query", json!(["landsat:wrs_path=192", "landsat:wrs_row=027", "gsd!=20"]));
    let wanted = json!({"landsat:wrs_path": {"in": [192, "192"]}, "landsat:wrs_row": {"eq": "027"}, "gsd": {"notIn": [20, "20"]}});
    assert_eq!(equal.to_stac().expect("valid").value.body()["query"], wanted);
    for wrong in [json!(["eo:cloud_cover"]), json!(["<10"]), json!([10]), json!(["a<1", "a<2"])] {
        assert_eq!(read("query", wrong.clone()).validate().len(), 1, "{wrong}");
    }
    let point = json!({"type": "Point", "coordinates": [1, 2]});
    let feature = read("intersects", json!({"type": "Feature", "properties": {}, "geometry": point}));
    assert_eq!(feature.to_stac().expect("valid").value.body()["intersects"], point);
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

/// A filter narrows what is asked already: what cannot be said so is reported, and never becomes an alternative.
#[test]
fn filters_narrow() {
    let parameters = |query: GranuleQuery, filter: serde_json::Value| {
        let narrowed = query.and_filter(&filter).expect("a filter");
        let dropped = narrowed.changes.iter().filter(|c| c.effect == Effect::Dropped).count();
        (narrowed.value, dropped)
    };
    let property = |name: &str| json!({"property": name});
    let june = GranuleQuery::new().short_name("A").temporal("2024-06-01/2024-06-05").granule_name("*T32*").cloud_cover([30, 50]);
    let as_before = june.clone();
    let at_most_40 = june.clone().cloud_cover([30, 40]);
    for (filter, expected) in [
        (json!({"op": "<=", "args": [property("eo:cloud_cover"), 90]}), (as_before.clone(), 0)),
        (json!({"op": "<=", "args": [property("eo:cloud_cover"), 40]}), (at_most_40, 0)),
        (json!({"op": "=", "args": [property("collection"), "A"]}), (as_before.clone(), 0)),
        (json!({"op": "in", "args": [property("collection"), ["B", "A"]]}), (as_before.clone(), 0)),
        (json!({"op": "like", "args": [property("id"), "%T33%"]}), (as_before.clone(), 1)),
        (json!({"op": "t_intersects", "args": [property("datetime"), {"interval": ["2024-06-10", "2024-06-30"]}]}), (as_before.clone(), 1)),
    ] {
        assert_eq!(parameters(june.clone(), filter.clone()), expected, "{filter}");
    }
    for other in ["B", "A.v2", "C1-P"] {
        let filter = json!({"op": "and", "args": [{"op": "=", "args": [property("collection"), other]}, {"op": ">", "args": [property("eo:cloud_cover"), 1]}]});
        let error = june.clone().and_filter(&filter).expect_err("another collection").to_string();
        assert!(error.contains(other), "{error}");
    }
    let periods = GranuleQuery::new().with("revision_date", json!(["2023/2023", "2024-01/2024-12"]));
    let filter = json!({"op": ">=", "args": [property("updated"), {"timestamp": "2024-06-01T00:00:00Z"}]});
    let narrowed = periods.and_filter(&filter).expect("a filter");
    assert_eq!((narrowed.value.revision_date.len(), narrowed.changes.len()), (1, 0), "{:?}", narrowed.value.revision_date);
}

/// Times that are given as values are as many as they are, also where they would be one interval as texts.
#[test]
fn times_in_a_list_stay_apart() {
    let read = |text: &str| When::during(cube_core::Toi::parse(text).expect("a time").periods()[0]);
    let (day, month) = (read("2024-06-01"), read("2024-07"));
    let winter = When { season: Some(Season { first: Some(335), last: Some(59) }), ..month };
    for times in [vec![day, month], vec![day], vec![day, month, day], vec![winter, day]] {
        let query = GranuleQuery::new().temporal(times.clone());
        assert_eq!((&query.temporal, query.validate()), (&times, vec![]));
        let periods: Vec<cube_core::Period> = times.iter().map(|when| when.period).collect();
        let query = GranuleQuery::new().with("revision_date", periods.clone()).created_at(periods[0]);
        assert_eq!((query.revision_date, query.created_at, query.unread), (periods.clone(), vec![periods[0]], vec![]));
        assert_eq!(StacItemQuery::new().datetime(periods[0]).datetime, Some(periods[0]));
        assert_eq!(StacItemQuery::new().datetime(cube_core::Toi::from_periods([periods[0]])).datetime, Some(periods[0]));
    }
}
