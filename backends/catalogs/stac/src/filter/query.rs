//! STAC's `query` extension: `{"eo:cloud_cover": {"lt": 20}}`.

use std::collections::BTreeMap;

use cube_backend::{Error, Kind, Result};
use serde_json::Value;

use super::{
    Comparison, Expr, Operand,
    eval::{self, Scalar},
};
use crate::{item::Item, patch::Facts};

const OPERATORS: [&str; 11] = ["eq", "neq", "lt", "lte", "gt", "gte", "startsWith", "endsWith", "contains", "in", "notIn"];

/// One condition of a `query`: a property, an operator, a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QueryFilter {
    property: String,
    operator: &'static str,
    value: Value,
}

/// Reads a `query`. A bare value means equality; `ge` and `le` are read as the operators that are meant.
pub(crate) fn query(query: &BTreeMap<String, Value>) -> Result<Vec<QueryFilter>> {
    let mut all = Vec::new();
    for (property, conditions) in query {
        let Value::Object(conditions) = conditions else {
            all.push(QueryFilter { property: property.clone(), operator: "eq", value: conditions.clone() });
            continue;
        };
        for (name, value) in conditions {
            let meant = match name.as_str() {
                "ge" => "gte",
                "le" => "lte",
                "ne" => "neq",
                other => other,
            };
            let Some(operator) = OPERATORS.into_iter().find(|o| o.eq_ignore_ascii_case(meant)) else {
                return Err(Error::new(Kind::Invalid, format!("the query of `{property}` has an operator `{name}` that is not known"))
                    .with_hint(format!("use one of {}", OPERATORS.join(", "))));
            };
            if matches!(operator, "in" | "notIn") && !value.is_array() {
                return Err(Error::new(Kind::Invalid, format!("the query of `{property}` has `{name}` with something that is not a list"))
                    .with_hint("write for example { in = [\"a\", \"b\"] }"));
            }
            all.push(QueryFilter { property: property.clone(), operator, value: value.clone() });
        }
    }
    Ok(all)
}

/// Conditions as CQL2 JSON, for services that know no `query`; those that CQL2 cannot say are left out. `None` when none is left.
pub(crate) fn query_as_cql2(query: &[QueryFilter]) -> Option<Value> {
    let all: Vec<Expr> = query.iter().filter_map(QueryFilter::as_cql2).collect();
    (!all.is_empty()).then(|| super::to_json(&Expr::And(all)))
}

impl QueryFilter {
    /// Whether an item fulfils it. An item without the property does not, except for `neq` and `notIn`.
    pub(crate) fn admits(&self, item: &Item, facts: &Facts) -> bool {
        let Some(have) = eval::property(&self.property, item, facts) else { return matches!(self.operator, "neq" | "notIn") };
        let equal = |v: &Value| match &have {
            Scalar::List(list) if !v.is_array() => list.contains(v),
            Scalar::List(list) => v.as_array() == Some(list),
            _ => Scalar::of(v).is_some_and(|v| have.compare(&v).is_some_and(|o| o.is_eq())),
        };
        let order = || Scalar::of(&self.value).and_then(|v| have.compare(&v));
        let texts = || have.text().zip(self.value.as_str());
        let listed = || self.value.as_array().is_some_and(|l| l.iter().any(equal));
        match self.operator {
            "eq" => equal(&self.value),
            "neq" => !equal(&self.value),
            "lt" => order().is_some_and(|o| o.is_lt()),
            "lte" => order().is_some_and(|o| o.is_le()),
            "gt" => order().is_some_and(|o| o.is_gt()),
            "gte" => order().is_some_and(|o| o.is_ge()),
            "startsWith" => texts().is_some_and(|(a, b)| a.starts_with(b)),
            "endsWith" => texts().is_some_and(|(a, b)| a.ends_with(b)),
            "contains" => match &have {
                Scalar::List(list) => list.contains(&self.value),
                _ => texts().is_some_and(|(a, b)| a.contains(b)),
            },
            "in" => listed(),
            _ => !listed(),
        }
    }

    /// The same as CQL2, where there is a way to say it.
    fn as_cql2(&self) -> Option<Expr> {
        let operand = |v: &Value| match v {
            Value::String(s) => Some(Operand::Text(s.clone())),
            Value::Number(n) => n.as_f64().map(Operand::Number),
            Value::Bool(b) => Some(Operand::Bool(*b)),
            _ => None,
        };
        let property = Operand::Property(self.property.clone());
        let comparison = match self.operator {
            "eq" => Comparison::Equal,
            "lt" => Comparison::Less,
            "lte" => Comparison::LessEqual,
            "gt" => Comparison::Greater,
            "gte" => Comparison::GreaterEqual,
            "in" => return Some(Expr::In(property, self.value.as_array()?.iter().map(operand).collect::<Option<_>>()?)),
            _ => return None,
        };
        Some(Expr::Compare(comparison, property, operand(&self.value)?))
    }

    /// The property that is asked for.
    pub(crate) fn property(&self) -> &str {
        &self.property
    }
}
