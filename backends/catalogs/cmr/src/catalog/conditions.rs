//! Conditions on the properties of granules, under the names that STAC has for them, and under those of additional attributes.
//!
//! `eo:cloud_cover`, `platform`, `provider`, `day_night`, `id`, `datetime`, `start_datetime`, `end_datetime`, `updated`, `created`; anything else is
//! the name of an additional attribute (`MGRS_TILE_ID`). As in SQL, a comparison with something that a granule lacks does not hold.

use std::{borrow::Cow, cmp::Ordering, collections::BTreeMap};

use chrono::DateTime;
use cube_core::TimeValue;
use cube_metadata::umm::Granule;
use cube_query::Range;
use serde_json::Value;

use crate::{Error, Result};

const OPERATORS: [&str; 11] = ["eq", "neq", "lt", "lte", "gt", "gte", "startsWith", "endsWith", "contains", "in", "notIn"];

/// One condition: a property, an operator of STAC's `query` extension, a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    property: String,
    operator: &'static str,
    value: Value,
}

/// What a granule says.
#[derive(Debug, Clone, PartialEq)]
enum Said<'g> {
    Number(f64),
    Time(TimeValue),
    /// One of these.
    Texts(Vec<Cow<'g, str>>),
}

/// Reads STAC's `query`: `{"eo:cloud_cover": {"lt": 20}}`. A bare value means equality.
pub(super) fn conditions(query: &BTreeMap<String, Value>) -> Result<Vec<Condition>> {
    let mut all = Vec::new();
    for (property, conditions) in query {
        let Value::Object(conditions) = conditions else {
            all.push(Condition::new(property, "eq", conditions)?);
            continue;
        };
        for (operator, value) in conditions {
            all.push(Condition::new(property, operator, value)?);
        }
    }
    Ok(all)
}

impl Condition {
    pub(super) fn new(property: &str, operator: &str, value: &Value) -> Result<Self> {
        let meant = match operator {
            "ge" => "gte",
            "le" => "lte",
            "ne" => "neq",
            other => other,
        };
        let operator = OPERATORS.into_iter().find(|o| o.eq_ignore_ascii_case(meant)).ok_or_else(|| {
            let message = format!("the query of `{property}` has an operator `{operator}` that is not known");
            Error::given(message, format!("use one of {}", OPERATORS.join(", ")))
        })?;
        if matches!(operator, "in" | "notIn") && !value.is_array() {
            let message = format!("the query of `{property}` has `{operator}` with something that is not a list");
            return Err(Error::given(message, "write for example { in = [\"a\", \"b\"] }"));
        }
        let property = property.strip_prefix("properties.").unwrap_or(property);
        Ok(Self { property: property.to_owned(), operator, value: value.clone() })
    }

    /// The value that a property must have.
    pub(super) fn equals(&self, property: &str) -> Option<&str> {
        (self.property == property && self.operator == "eq").then(|| self.value.as_str())?
    }

    /// The range that a property must lie in, as far as a range says it.
    pub(super) fn range(&self, property: &str) -> Option<Range> {
        let limit = self.value.as_f64().filter(|_| self.property == property)?;
        match self.operator {
            "lt" | "lte" => Some(Range { min: None, max: Some(limit) }),
            "gt" | "gte" => Some(Range { min: Some(limit), max: None }),
            "eq" => Some(Range { min: Some(limit), max: Some(limit) }),
            _ => None,
        }
    }

    /// Whether a granule fulfils it. One without the property does not, except for `neq` and `notIn`.
    pub(super) fn admits(&self, granule: &Granule<'_>) -> bool {
        let Some(said) = said(granule, &self.property) else { return matches!(self.operator, "neq" | "notIn") };
        let equal = |v: &Value| said.any(v, Ordering::is_eq);
        let listed = || self.value.as_array().is_some_and(|l| l.iter().any(equal));
        let texts = |holds: fn(&str, &str) -> bool| {
            let Said::Texts(all) = &said else { return false };
            self.value.as_str().is_some_and(|wanted| all.iter().any(|t| holds(t, wanted)))
        };
        match self.operator {
            "eq" => equal(&self.value),
            "neq" => !equal(&self.value),
            "lt" => said.any(&self.value, Ordering::is_lt),
            "lte" => said.any(&self.value, Ordering::is_le),
            "gt" => said.any(&self.value, Ordering::is_gt),
            "gte" => said.any(&self.value, Ordering::is_ge),
            "startsWith" => texts(|t, wanted| t.starts_with(wanted)),
            "endsWith" => texts(|t, wanted| t.ends_with(wanted)),
            "contains" => texts(|t, wanted| t.contains(wanted)),
            "in" => listed(),
            _ => !listed(),
        }
    }
}

impl Said<'_> {
    /// Whether the order of what is said and a value is one that is wanted.
    fn any(&self, value: &Value, wanted: fn(Ordering) -> bool) -> bool {
        let number = || value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
        let order = match self {
            Self::Number(n) => number().and_then(|v| n.partial_cmp(&v)),
            Self::Time(t) => value.as_str().and_then(instant).map(|v| t.cmp(&v)),
            Self::Texts(all) => {
                return all.iter().any(|text| {
                    let order = match (value, text.trim().parse::<f64>()) {
                        (Value::Number(_), Ok(n)) => number().and_then(|v| n.partial_cmp(&v)),
                        (Value::String(v), _) => Some(text.as_ref().cmp(v.as_str())),
                        _ => None,
                    };
                    order.is_some_and(wanted)
                });
            }
        };
        order.is_some_and(wanted)
    }
}

/// What a granule says of a property.
fn said<'g>(granule: &'g Granule<'g>, property: &str) -> Option<Said<'g>> {
    let text = |t: Option<&'g str>| t.map(|t| Said::Texts(vec![Cow::Borrowed(t)]));
    match property {
        "eo:cloud_cover" => granule.cloud_cover().map(Said::Number),
        "platform" => text(platform(granule)).map(|said| match said {
            // STAC writes platforms in small letters.
            Said::Texts(all) => Said::Texts(all.iter().map(|t| Cow::Owned(t.to_lowercase())).chain(all.clone()).collect()),
            other => other,
        }),
        "provider" => text(granule.provider()),
        "day_night" => text(granule.day_night()),
        "id" => text(Some(&granule.id)),
        "datetime" | "start_datetime" => granule.time().map(|t| Said::Time(t.start)),
        "end_datetime" => granule.time()?.end.map(Said::Time),
        "updated" => granule.revision_date().and_then(instant).map(Said::Time),
        "created" => date(granule, &["Create", "Insert"]).map(Said::Time),
        name => {
            let attribute = granule.attributes.as_ref()?.value.iter().find(|a| a.name == name)?;
            Some(Said::Texts(attribute.values().into_iter().map(|v| Cow::Owned(v.to_string())).collect()))
        }
    }
}

/// The property as a patch carries it: a number, or a text.
pub(super) fn property(granule: &Granule<'_>, name: &str) -> Option<Value> {
    match said(granule, name)? {
        Said::Number(n) => Some(n.into()),
        Said::Time(t) => Some(t.to_datetime().to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true).into()),
        Said::Texts(all) => {
            let text = all.into_iter().next()?;
            // An attribute is a text also where it means a number, and patches are ordered by numbers.
            let number = text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
            Some(number.map_or_else(|| text.into_owned().into(), Value::from))
        }
    }
}

/// The name of the satellite.
pub(super) fn platform<'g>(granule: &'g Granule<'g>) -> Option<&'g str> {
    granule.platforms.as_ref()?.value.first().map(|p| p.short_name.as_ref())
}

fn date(granule: &Granule<'_>, kinds: &[&str]) -> Option<TimeValue> {
    let dates = &granule.provider_dates.as_ref()?.value;
    kinds.iter().find_map(|kind| dates.iter().find(|d| d.kind == *kind)).and_then(|d| instant(&d.date))
}

fn instant(text: &str) -> Option<TimeValue> {
    DateTime::parse_from_rfc3339(text.trim()).ok().map(|t| TimeValue::from_datetime(t.to_utc()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RECORD: &[u8] = br#"{"meta": {"concept-id": "G1-LPCLOUD", "revision-date": "2024-02-15T00:22:50.376Z"}, "umm": {"GranuleUR": "A.1",
        "TemporalExtent": {"SingleDateTime": "2024-02-11T16:58:31Z"}, "CloudCover": 12, "Platforms": [{"ShortName": "LANDSAT-9"}],
        "AdditionalAttributes": [{"Name": "MGRS_TILE_ID", "Values": ["15UXP"]}, {"Name": "SPATIAL_COVERAGE", "Values": ["17"]}, {"Name": "BITS", "Values": ["a", "b"]}]}}"#;

    #[test]
    fn conditions_hold_or_do_not() {
        let granule = Granule::parse(RECORD).expect("a granule");
        for (property, operator, value, holds) in [
            ("eo:cloud_cover", "lt", json!(12.5), true),
            ("eo:cloud_cover", "lt", json!(12), false),
            ("properties.eo:cloud_cover", "lte", json!(12), true),
            ("platform", "eq", json!("landsat-9"), true),
            ("platform", "in", json!(["LANDSAT-8", "LANDSAT-9"]), true),
            ("provider", "eq", json!("LPCLOUD"), true),
            ("MGRS_TILE_ID", "startsWith", json!("15U"), true),
            ("SPATIAL_COVERAGE", "gt", json!(9), true),
            ("SPATIAL_COVERAGE", "gt", json!(17), false),
            ("BITS", "eq", json!("b"), true),
            ("BITS", "notIn", json!(["b"]), false),
            ("datetime", "gte", json!("2024-02-11T16:58:31Z"), true),
            ("updated", "lt", json!("2024-02-15T00:00:00Z"), false),
            ("nothing", "eq", json!(1), false),
            ("nothing", "neq", json!(1), true),
        ] {
            let condition = Condition::new(property, operator, &value).expect("a condition");
            assert_eq!(condition.admits(&granule), holds, "{condition:?}");
        }
        assert_eq!(property(&granule, "SPATIAL_COVERAGE"), Some(json!(17.0)));
        assert_eq!(property(&granule, "platform"), Some(json!("landsat-9")));
        assert!(Condition::new("a", "around", &json!(1)).is_err() && Condition::new("a", "in", &json!(1)).is_err());
    }
}
