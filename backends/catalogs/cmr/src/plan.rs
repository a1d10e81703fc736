//! From a query to the searches that CMR can express.

use cube_query::{Change, CollectionQuery, Effect, GranuleQuery};

use crate::{Result, service::Search};

/// What is asked of CMR, and how much of it is wanted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) searches: Searches,
    pub(crate) page_size: Option<u64>,
    pub(crate) limit: Option<u64>,
    pub(crate) changes: Vec<Change>,
}

/// The searches of a plan.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Searches {
    /// Known: what they find together, the query finds.
    Known(Vec<Search>),
    /// Known when the collections have been found that the query describes.
    InCollections(Box<GranuleQuery>),
}

impl Plan {
    pub(crate) fn granules(query: &GranuleQuery) -> Result<Self> {
        let (page_size, limit) = (query.page_size.filter(|n| *n > 0), query.limit);
        if query.collection_queries().is_empty() {
            let (searches, changes) = granule_searches(query)?;
            return Ok(Self { searches: Searches::Known(searches), page_size, limit, changes });
        }
        // What is wrong with the rest of the query is told before anything is asked; any collection stands for those that will be found.
        let (_, changes) = granule_searches(&query.in_collections(["C1-ANY"]).unwrap_or_default())?;
        for part in query.collection_queries() {
            drop(part.to_cmr()?);
        }
        Ok(Self { searches: Searches::InCollections(Box::new(query.clone())), page_size, limit, changes })
    }

    pub(crate) fn collections(query: &CollectionQuery) -> Result<Self> {
        let converted = query.to_cmr()?;
        let mut parameters = converted.value;
        parameters.0.retain(|(name, _)| name != "page_size");
        let searches = Searches::Known(vec![Search { concept: "collections", parameters }]);
        let changes = converted.changes.into_iter().filter(is_news).collect();
        Ok(Self { searches, page_size: query.page_size.filter(|n| *n > 0), limit: query.limit, changes })
    }
}

/// The searches for a query, and what CMR cannot be told.
pub(crate) fn granule_searches(query: &GranuleQuery) -> Result<(Vec<Search>, Vec<Change>)> {
    let parts = query.split_for_cmr();
    let (mut searches, mut changes) = (Vec::new(), Vec::new());
    for part in &parts {
        let converted = part.to_cmr()?;
        let mut parameters = converted.value;
        parameters.0.retain(|(name, _)| name != "page_size");
        searches.push(Search { concept: "granules", parameters });
        for change in converted.changes.into_iter().filter(is_news) {
            if !changes.contains(&change) {
                changes.push(change);
            }
        }
    }
    if searches.len() > 1 && !query.sort.is_empty() {
        let keys: Vec<String> = query.sort.iter().map(|k| format!("{}{}", if k.descending { "-" } else { "" }, k.field)).collect();
        changes.push(Change {
            field: "sort".into(),
            value: keys.join(", "),
            effect: Effect::Rewritten,
            reason: format!("granules are named beside collections, so that {} searches follow one another, each sorted", searches.len()),
            hint: Some("search for the granules alone".into()),
        });
    }
    Ok((searches, changes))
}

/// The limit is seen to here.
fn is_news(change: &Change) -> bool {
    change.field != "limit"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_several_kinds_are_several_searches() {
        let query = GranuleQuery::new().collections(["C1-P", "HLSL30.v2.0", "HLSS30.v2.0", "MOD"]).limit(7).page_size(50);
        let plan = Plan::granules(&query).expect("a plan");
        let Searches::Known(searches) = &plan.searches else { unreachable!() };
        assert_eq!(searches.len(), 3);
        assert!(searches.iter().all(|s| s.parameters.get("page_size").is_empty() && s.concept == "granules"));
        assert_eq!((plan.limit, plan.page_size), (Some(7), Some(50)));
        assert!(plan.changes.is_empty(), "{:?}", plan.changes);
    }

    #[test]
    fn one_order_is_one_search() {
        let sorted = GranuleQuery::new().sort("-start_date").limit(7);
        let plan = |names: &[&str]| Plan::granules(&sorted.clone().collections(names.to_vec())).expect("a plan");
        let found_first = plan(&["HLSL30.v2.0", "ATL08.v006", "C1-P"]);
        assert!(matches!(found_first.searches, Searches::InCollections(_)) && found_first.changes.is_empty(), "{:?}", found_first.changes);
        assert!(matches!(plan(&["HLSL30.v2.0", "HLSS30.v2.0"]).searches, Searches::Known(one) if one.len() == 1));
        let beside = plan(&["G1-P", "ATL08"]);
        assert_eq!(
            beside.changes.iter().map(|c| c.field.as_str()).collect::<Vec<_>>(),
            ["sort"],
            "granules are in no collection that could be found"
        );
    }

    #[test]
    fn what_is_wrong_is_told_before_collections_are_looked_for() {
        let query = GranuleQuery::new().doi("10.5067/HLS/HLSL30.002").bounding_box((1, 2, 3, 4));
        let plan = Plan::granules(&query).expect("a plan");
        assert!(matches!(plan.searches, Searches::InCollections(_)) && plan.changes.is_empty(), "{:?}", plan.changes);
        let e = Plan::granules(&query.cloud_cover([50, 20])).expect_err("wrong");
        assert!(e.to_string().contains("cloud_cover") && e.hint().is_some(), "{e}");
    }
}
