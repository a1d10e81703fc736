//! What is asked: a query of a file, what was named beside it, a region; put together for the service that is asked.

use cube_metadata::AssetFilter;
use cube_query::{Change, Converted, GranuleQuery, Query, Service, StacItemQuery};
use serde_json::{Value, json};

use super::{
    SearchRegion,
    places::{Places, put_apart},
    times,
};
use crate::{Environment, Error, Result};

/// A question to a catalogue, in the words of no service.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// A query that was written down.
    pub base: Option<Query>,
    /// What is asked beside it: lists are added to those of `base`, single values, times and conditions on a property replace them.
    pub query: GranuleQuery,
    /// A condition in CQL2, as text or JSON, that must hold too.
    pub filter: Option<Value>,
    /// Where.
    pub region: Option<SearchRegion>,
    /// Which files of the results are wanted; results that have none of them are left out.
    pub assets: Option<AssetFilter>,
}

impl Asked {
    /// The question in CMR's words, and what became of parts that CMR has no words for.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once; a filter that is not CQL2; a query for collections.
    pub fn for_cmr(&self) -> Result<Converted<GranuleQuery>> {
        let Converted { value: mut query, mut changes } = self.without_region()?;
        if let Some(region) = &self.region {
            let told = region.told(Service::Cmr)?;
            changes.extend(put_apart(&mut query, &told).map(|(_, change)| change));
            query = told.ask(query);
            changes.splice(0..0, told.changes);
        }
        let problems: Vec<_> = query.validate_for(Service::Cmr);
        let wrong: Vec<_> = problems.into_iter().filter(|p| p.kind == cube_query::ProblemKind::Wrong).collect();
        if !wrong.is_empty() {
            return Err(cube_query::Invalid(wrong).into());
        }
        times::check(&query)?;
        Ok(Converted { value: times::for_cmr(query, &mut changes), changes })
    }

    /// Everything but the region, in CMR's words.
    fn without_region(&self) -> Result<Converted<GranuleQuery>> {
        let mut changes = Vec::new();
        let base = match &self.base {
            None => GranuleQuery::new(),
            Some(Query::Granules(query)) => query.clone(),
            Some(Query::Items(query)) => keep(GranuleQuery::from_stac(&with_json(self.not_replaced(query)?)?), &mut changes),
            Some(Query::Collections(_)) => return Err(of_collections()),
        };
        let mut query = join(base, &self.query);
        if let Some(filter) = &self.filter {
            query = keep(query.and_filter(&cube_catalog_stac::cql2_json(filter)?)?, &mut changes);
        }
        Ok(Converted { value: query, changes })
    }

    /// The shapes that the question has beside its region. Of filters CMR is told those that it has words for; STAC takes them as they are.
    pub(super) fn places(&self, service: Service) -> Result<Option<Places>> {
        let mut asked = self.clone();
        if service != Service::Cmr {
            asked.filter = None;
            if let Some(Query::Items(base)) = &mut asked.base {
                base.filter = None;
            }
        }
        Places::of(&asked.without_region()?.value)
    }

    /// The question in the words of a STAC service, and what became of parts that it has no words for.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once; a filter that is not CQL2; a query for collections.
    pub fn for_stac(&self, service: Service) -> Result<Converted<StacItemQuery>> {
        let told = self.region.as_ref().map(|region| region.told(service)).transpose()?;
        let mut query = if matches!(self.base, Some(Query::Items(_))) { self.query.clone() } else { self.by_name() };
        let apart = told.as_ref().and_then(|told| put_apart(&mut query, told));
        if let Some(told) = &told {
            query = told.ask(query);
        }
        let mut out = match &self.base {
            None | Some(Query::Granules(_)) => query.to_stac_for(service)?,
            Some(Query::Items(base)) => {
                let mut added = query.to_stac_for(service)?;
                let base = self.not_replaced(base)?.to_stac_for(service)?;
                added.value = over(base.value, &added.value)?;
                added.changes.splice(0..0, base.changes);
                added
            }
            Some(Query::Collections(_)) => return Err(of_collections()),
        };
        let mut filters: Vec<Value> = Vec::new();
        match apart {
            Some((query, _)) if service.has_filter() && query.circle.is_empty() => filters.extend(query.places().into_iter().map(meets)),
            Some((_, change)) => out.changes.push(change),
            None => {}
        }
        filters.extend(self.filter.clone());
        if !filters.is_empty() {
            let all: Vec<Value> = out.value.filter.take().map(|f| f.0).into_iter().chain(filters).collect();
            let mut with_filter = StacItemQuery { filter: joined(&all, service.has_filter())?.map(Into::into), ..out.value }.to_stac_for(service)?;
            with_filter.changes.retain(|c| c.field == "filter" || c.field == "query");
            with_filter.changes.splice(0..0, out.changes);
            out = with_filter;
        }
        times::check(&self.by_name())?;
        out.changes.splice(0..0, told.into_iter().flat_map(|t| t.changes));
        Ok(out)
    }

    /// A query of a file without what is asked beside it: a place, and conditions on properties by name.
    fn not_replaced(&self, base: &StacItemQuery) -> Result<StacItemQuery> {
        let named = self.query.to_stac_for(Service::StacQuery)?.value.query;
        let mut base = base.clone();
        if self.region.is_some() {
            (base.bbox, base.intersects) = (None, None);
        }
        if let (Some(Value::Object(before)), Some(Value::Object(now))) = (base.query.as_mut().map(|q| &mut q.0), named.as_ref().map(|q| &q.0)) {
            before.retain(|property, _| !now.contains_key(property));
        }
        Ok(base)
    }

    /// What is asked by named fields, not in the words of STAC.
    pub(super) fn by_name(&self) -> GranuleQuery {
        match &self.base {
            Some(Query::Granules(base)) => join(base.clone(), &self.query),
            _ => self.query.clone(),
        }
    }

    /// What of the question may be left to this side, in STAC's words. CMR is told everything that has a name of its own, so only conditions on
    /// properties are left of it.
    pub(super) fn left_over(&self, service: Service) -> Result<StacItemQuery> {
        if service != Service::Cmr {
            let all = self.for_stac(Service::Stac)?.value;
            let by_name = self.by_name().conditions_on_items().into_iter().map(|(_, condition)| condition);
            let filters: Vec<Value> = all.filter.map(|f| f.0).into_iter().chain(by_name).collect();
            let filter = joined(&filters, true)?.map(Into::into);
            return Ok(StacItemQuery { collections: Vec::new(), bbox: None, intersects: None, filter, ..all });
        }
        let mut all = StacItemQuery::new();
        if let Some(Query::Items(base)) = &self.base {
            let base = self.not_replaced(base)?;
            (all.query, all.filter) = (base.query, base.filter);
        }
        let filters: Vec<Value> = all.filter.take().map(|f| f.0).into_iter().chain(self.filter.clone()).collect();
        all.filter = joined(&filters, false)?.map(Into::into);
        Ok(all)
    }

    /// How many results are wanted.
    pub fn limit(&self) -> Option<u64> {
        self.query.limit.or(match &self.base {
            Some(Query::Granules(q)) => q.limit,
            Some(Query::Items(q)) => q.max_items,
            _ => None,
        })
    }
}

/// The condition that items meet a geometry.
fn meets(geometry: Value) -> Value {
    json!({"op": "s_intersects", "args": [{"property": "geometry"}, geometry]})
}

/// The same search with its filter in CQL2 JSON, if it is a text.
fn with_json(search: StacItemQuery) -> Result<StacItemQuery> {
    let filter = match search.filter {
        Some(filter) if filter.0.is_string() => Some(cube_catalog_stac::cql2_json(&filter.0)?.into()),
        other => other,
    };
    Ok(StacItemQuery { filter, ..search })
}

/// All of some filters as one, in CQL2 JSON. What a service has to understand alone may be more than what can be evaluated here.
fn joined(filters: &[Value], is_of_service: bool) -> Result<Option<Value>> {
    let read = |filter: &Value| match cube_catalog_stac::cql2_json(filter) {
        Err(e) if is_of_service && filter.is_object() && e.kind() == cube_backend::Kind::Unsupported => Ok(filter.clone()),
        read => read,
    };
    let mut all: Vec<Value> = filters.iter().map(read).collect::<cube_backend::Result<_>>()?;
    Ok(if all.len() > 1 { Some(json!({"op": "and", "args": all})) } else { all.pop() })
}

fn of_collections() -> Error {
    Error::refused("the query is one for collections", "give it to `cube collections --query`")
}

fn keep<T>(converted: Converted<T>, changes: &mut Vec<Change>) -> T {
    changes.extend(converted.changes);
    converted.value
}

/// One query with the fields of another given to it. A time replaces the time before, as other single values do.
fn join(mut base: GranuleQuery, more: &GranuleQuery) -> GranuleQuery {
    if !more.temporal.is_empty() {
        base.temporal.clear();
    }
    let fields = serde_json::to_value(more).unwrap_or_default();
    fields.as_object().into_iter().flatten().fold(base, |query, (field, value)| query.with(field, value.clone()))
}

fn over(base: StacItemQuery, more: &StacItemQuery) -> Result<StacItemQuery> {
    let as_json = |filter: &Value| if filter.is_string() { cube_catalog_stac::cql2_json(filter) } else { Ok(filter.clone()) };
    let both = match (&base.filter, &more.filter) {
        (Some(a), Some(b)) => Some(json!({"op": "and", "args": [as_json(&a.0)?, as_json(&b.0)?]})),
        _ => None,
    };
    let fields = serde_json::to_value(more).unwrap_or_default();
    let joined = fields.as_object().into_iter().flatten().fold(base, |query, (field, value)| query.with(field, value.clone()));
    Ok(match both {
        Some(filter) => joined.with("filter", filter),
        None => joined,
    })
}

/// Reads a query from a file or URL: JSON, or TOML or YAML by its name.
///
/// # Errors
/// A file that cannot be read, is no object, or names a `type` that does not exist. What is wrong with its fields is found by `validate`.
pub async fn read_query(name: &str, environment: &Environment) -> Result<Query> {
    if !name.contains("://") {
        std::fs::metadata(name).map_err(|e| Error::unreadable(name.as_ref(), e))?;
    }
    let bytes = environment.access().read(name).await?;
    let text = String::from_utf8_lossy(&bytes);
    let lower = name.to_ascii_lowercase();
    let failed = |problem: String| {
        Error::refused(
            format!("`{}` is not a query: {problem}", cube_access::public_name(name)),
            "write for example {\"collections\": [\"HLSL30.v2.0\"], \"temporal\": \"2024-06\"}",
        )
    };
    let value: Value = if lower.ends_with(".toml") {
        toml::from_str::<toml::Table>(&text)
            .map_err(|e| failed(e.to_string()))
            .and_then(|t| serde_json::to_value(t).map_err(|e| failed(e.to_string())))?
    } else if lower.ends_with(".yaml") || lower.ends_with(".yml") {
        serde_yaml_ng::from_str(&text).map_err(|e| failed(e.to_string()))?
    } else {
        serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|e| failed(e.to_string()))?
    };
    if !value.is_object() {
        return Err(failed("it is not an object of fields".into()));
    }
    serde_json::from_value(value).map_err(|e| failed(e.to_string()))
}

#[cfg(test)]
mod tests {
    use cube_core::Roi;

    use super::*;

    fn beside(base: StacItemQuery, query: GranuleQuery, roi: Option<&str>) -> Asked {
        let region = roi.map(|text| SearchRegion::of_roi(&Roi::parse(text, None).expect("a region"), Some(300)).expect("a region"));
        Asked { base: Some(Query::Items(base)), query, region, ..Asked::default() }
    }

    #[test]
    fn what_only_the_service_has_to_understand_is_left_to_it() {
        let filter = json!({"op": ">", "args": [{"op": "+", "args": [{"property": "eo:cloud_cover"}, 1]}, 5]});
        let asked = Asked { filter: Some(filter.clone()), ..Asked::default() };
        let sent = asked.for_stac(Service::Stac).expect("a search").value.filter.expect("a filter").0;
        assert_eq!(sent, filter);
        for service in [Service::StacQuery, Service::CmrStac] {
            assert!(asked.for_stac(service).is_err(), "nobody would filter for {service:?}");
        }
        assert!(asked.for_cmr().is_err());
    }

    #[test]
    fn a_region_takes_the_place_of_that_of_a_file() {
        let triangle = "POLYGON((1 1, 2 1, 2 2, 1 1))";
        for base in [StacItemQuery::new().bbox([10, 20, 30, 40]), StacItemQuery::new().intersects(json!({"type": "Point", "coordinates": [5, 5]}))] {
            let base = base.collections("A");
            for (roi, is_box) in [("1,1,2,2", true), (triangle, false)] {
                let asked = beside(base.clone(), GranuleQuery::new(), Some(roi));
                let stac = asked.for_stac(Service::Stac).expect("a search").value;
                assert_eq!((stac.bbox.is_some(), stac.intersects.is_some(), stac.validate()), (is_box, !is_box, vec![]), "{roi}");
                let cmr = asked.for_cmr().expect("a search").value;
                assert_eq!((cmr.bounding_box.len(), cmr.polygon.len(), cmr.point.len()), (usize::from(is_box), usize::from(!is_box), 0), "{roi}");
            }
            let alone = beside(base.clone(), GranuleQuery::new(), None).for_stac(Service::Stac).expect("a search").value;
            assert_eq!((alone.bbox, alone.intersects), (base.bbox, base.intersects));
        }
    }

    /// The parts of a region are alternatives to each other, and to every other polygon in the same search.
    #[test]
    fn a_shape_beside_a_region_of_several_parts_is_one_more_condition() {
        let own = GranuleQuery::new().collections("A.v1").polygon([0, 40, 2, 40, 2, 50, 0, 50, 0, 40]);
        let parts = "MULTIPOLYGON(((0 40,1 40,1 42,0 41,0 40)),((6 45,7 45,7 47,6 46,6 45)))";
        let one_part = "POLYGON((0 40,1 40,1 42,0 41,0 40))";
        for own in [own.clone(), own.option("polygon", "or", true)] {
            let is_alternative = own.options.get("polygon", "or") == Some(true);
            for (roi, told) in [(parts, 2), (one_part, 1)] {
                let asked = Asked { base: Some(Query::Granules(own.clone())), ..beside(StacItemQuery::new(), GranuleQuery::new(), Some(roi)) };
                let is_apart = told == 2 || is_alternative;
                let cmr = asked.for_cmr().expect("a search");
                assert_eq!(cmr.value.polygon.len(), if is_apart { told } else { 2 }, "{roi}");
                assert_eq!(cmr.changes.iter().any(|c| c.field == "polygon" && c.effect == cube_query::Effect::Dropped), is_apart, "{roi}");
                assert_eq!(cmr.value.options.get("polygon", "or"), (told == 2).then_some(true));
                assert!(asked.places(Service::Cmr).expect("shapes").is_some());
                let stac = asked.for_stac(Service::Stac).expect("a search");
                let both = [stac.value.intersects.expect("a shape").0, stac.value.filter.expect("a filter").0];
                assert!(both.iter().all(|shape| shape.to_string().matches("Polygon").count() == 1), "{both:?}");
                assert_eq!(both[1]["op"], "s_intersects");
                let bare = asked.for_stac(Service::StacQuery).expect("a search");
                assert!(bare.changes.iter().any(|c| c.effect == cube_query::Effect::Dropped), "{:?}", bare.changes);
            }
        }
    }

    /// Cloud cover is a condition that CMR has words for, however it was written.
    #[test]
    fn filters_in_text_are_told_to_cmr_as_those_in_json() {
        let cmr =
            beside(StacItemQuery::new().collections("A.v1").filter("eo:cloud_cover <= 20"), GranuleQuery::new(), None).for_cmr().expect("a search");
        assert_eq!((cmr.value.cloud_cover.and_then(|r| r.max), cmr.changes), (Some(20.0), vec![]));
    }

    /// A service without the extension `query` is asked for cloud cover by a filter, beside that of the file.
    #[test]
    fn filters_in_text_are_joined_with_others() {
        let base = StacItemQuery::new().collections("A").filter("gsd < 20");
        let asked = beside(base, GranuleQuery::new().cloud_cover([0, 20]), None);
        let filter = asked.for_stac(Service::StacFilter).expect("a search").value.filter.expect("a filter").0;
        assert_eq!((&filter["op"], &filter["args"][0]), (&json!("and"), &json!({"op": "<", "args": [{"property": "gsd"}, 20]})), "{filter}");
        assert!(filter.to_string().contains("eo:cloud_cover"), "{filter}");
    }
}
