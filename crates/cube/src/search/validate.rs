//! What is wrong with a query, as a search finds it: with its filter read, which the query itself does not do.

use cube_backend::Kind;
use cube_query::{Problem, Query, Service, StacItemQuery};

/// Everything that is wrong with a query, wherever it is sent; for a service also what that cannot be told.
pub fn validate(query: &Query, service: Option<Service>) -> Vec<Problem> {
    let of_query = |query: &Query| service.map_or_else(|| query.validate(), |service| query.validate_for(service));
    let Query::Items(search) = query else { return of_query(query) };
    let Some(filter) = search.filter.as_ref().map(|filter| &filter.0) else { return of_query(query) };
    let is_for_cmr = service == Some(Service::Cmr);
    match cube_catalog_stac::cql2_json(filter) {
        // What CMR is told of a filter is told of its JSON.
        Ok(json) if filter.is_string() && is_for_cmr => of_query(&Query::Items(StacItemQuery { filter: Some(json.into()), ..search.clone() })),
        // A service may understand what cannot be evaluated here; for CMR it has to be.
        Err(error) if error.kind() == Kind::Invalid || is_for_cmr => {
            let mut problems = of_query(&Query::Items(StacItemQuery { filter: None, ..search.clone() }));
            let of_filter = query.validate().into_iter().filter(|problem| problem.field == "filter");
            problems.extend(of_filter);
            if !problems.iter().any(|problem| problem.field == "filter") {
                let text = error.to_string();
                let message = text.strip_prefix("the filter ").unwrap_or(&text);
                let shown = filter.as_str().map_or_else(|| filter.to_string(), str::to_owned);
                problems.push(Problem::wrong("filter", shown, message, error.hint().unwrap_or_default()));
            }
            problems
        }
        _ => of_query(query),
    }
}

#[cfg(test)]
mod tests {
    use cube_query::ProblemKind;
    use serde_json::{Value, json};

    use super::*;

    fn of(query: Value, service: Option<Service>) -> Vec<(String, bool)> {
        let query: Query = serde_json::from_value(query).expect("a query");
        validate(&query, service).into_iter().map(|p| (p.to_string(), p.kind == ProblemKind::Wrong)).collect()
    }

    #[test]
    fn filters_are_read() {
        let (stac, cmr) = (Some(Service::Stac), Some(Service::Cmr));
        let search = |filter: Value| json!({"type": "items", "collections": ["A.v1"], "filter": filter});
        for (filter, service, expected) in [
            (json!("eo:cloud_cover <"), None, Some(("ends too early", true))),
            (json!("eo:cloud_cover <"), stac, Some(("ends too early", true))),
            (json!("eo:cloud_cover <"), cmr, Some(("ends too early", true))),
            (json!("eo:cloud_cover <= 5"), cmr, None),
            (json!("eo:cloud_cover < 5"), cmr, Some(("ranges hold their ends", false))),
            (json!("platform = 'a'"), cmr, Some(("no words for it", false))),
            (json!("eo:cloud_cover < 5"), None, None),
            (json!({"op": "<<", "args": []}), None, Some(("not an operator", true))),
            (json!({"op": "lt", "args": [{"property": "gsd"}, 5]}), stac, Some(("not an operator", true))),
            (json!({"op": "a_contains", "args": [{"property": "instruments"}, ["oli"]]}), stac, None),
            (json!({"op": "a_contains", "args": [{"property": "instruments"}, ["oli"]]}), cmr, Some(("no words for it", false))),
            (json!({"op": ">", "args": [{"op": "+", "args": [{"property": "gsd"}, 1]}, 5]}), stac, None),
            (json!({"op": ">", "args": [{"op": "+", "args": [{"property": "gsd"}, 1]}, 5]}), cmr, Some(("cannot be evaluated here", true))),
            (json!({"op": "=", "args": [{"property": "gsd"}]}), cmr, Some(("has 1 arguments", true))),
            (json!(""), None, Some(("is empty", true))),
        ] {
            let problems = of(search(filter.clone()), service);
            match expected {
                None => assert!(problems.is_empty(), "{filter} for {service:?}: {problems:?}"),
                Some((text, is_wrong)) => {
                    assert_eq!(problems.len(), 1, "{filter} for {service:?}: {problems:?}");
                    assert!(problems[0].0.contains(text) && problems[0].1 == is_wrong, "{filter} for {service:?}: {problems:?}");
                }
            }
        }
    }
}
