//! What an Item or a Collection says that UMM has no words for, in additional attributes of the UMM record, and back.
//!
//! A property that UMM knows nothing of is an attribute of its own, `stac:NAME`, with its JSON as value. Everything else that converting back would
//! give differently is in one attribute, `stac:item` or `stac:collection`: members and properties as they were, each with a sum over what
//! the record gave in their place. When the record has been edited, that sum is another one, and the record has the last word.

use std::collections::HashSet;

use serde_json::{Map, Value, json as object};

use super::{names::STAC, value::same};
use crate::{Asset, Effect, Report, StacVersion, assets::AssetKeys, json};

/// Characters in one value of an attribute (UMM-G schema 1.6.6, `AdditionalAttributeType`).
const VALUE_LENGTH: usize = 500;
/// Characters in the name of an attribute.
const NAME_LENGTH: usize = 80;
/// Names, after the prefix, of the attribute that holds the rest.
const WHOLE: [&str; 2] = ["item", "collection"];

/// The attributes that turn `made`, which is what converting back gives, into `original`. `name` is `stac:item` or `stac:collection`.
pub(super) fn carry(original: &Value, made: &Value, name: &str, report: &mut Report) -> Vec<Value> {
    let empty = Map::new();
    let object = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let properties = |value: &Value| value.get("properties").map(object).unwrap_or_default();
    let (own, given) = (properties(original), properties(made));
    let mut attributes = Vec::new();
    let mut rest = Map::new();
    for (key, value) in &own {
        match given.get(key) {
            Some(given) if same(given, value) => continue,
            None if STAC.len() + key.chars().count() <= NAME_LENGTH && !WHOLE.contains(&key.as_str()) && !key.contains('+') => {
                attributes.push(attribute(&format!("{STAC}{key}"), value));
            }
            given => drop(rest.insert(key.clone(), object!({"value": value, "instead_of": sum(given)}))),
        }
        report.note(format!("properties.{key}"), Effect::Carried, "UMM has no field for it: it is an additional attribute `stac:…`");
    }
    let absent: Vec<&String> = given.keys().filter(|key| !own.contains_key(*key)).collect();
    let mut members = Map::new();
    for (key, value) in original.as_object().unwrap_or(&empty) {
        let given = made.get(key);
        let is_same = match (key.as_str(), given) {
            ("properties" | "stac_version", _) => true,
            ("geometry", Some(given)) => super::geojson::same_shape(given, value),
            (_, given) => given.is_some_and(|given| same(given, value)),
        };
        if !is_same {
            members.insert(key.clone(), object!({"value": value, "instead_of": sum(given)}));
            report.note(key.clone(), Effect::Carried, "UMM says less of it: it is kept in an additional attribute `stac:…`");
        }
    }
    let lacking: Vec<&String> = made.as_object().unwrap_or(&empty).keys().filter(|key| original.get(key.as_str()).is_none()).collect();
    if !(rest.is_empty() && absent.is_empty() && members.is_empty() && lacking.is_empty()) {
        let version = original.get("stac_version").cloned().unwrap_or_default();
        let carried = object!({"stac_version": version, "properties": rest, "no_properties": absent, "members": members, "no_members": lacking});
        attributes.push(attribute(name, &carried));
    }
    attributes
}

fn attribute(name: &str, value: &Value) -> Value {
    let text: Vec<char> = value.to_string().chars().collect();
    let values: Vec<String> = text.chunks(VALUE_LENGTH).map(|c| c.iter().collect()).collect();
    object!({"Name": name, "Values": values})
}

/// Puts back into `made` what the attributes carry: pairs of name and JSON text. What cannot be read is left out.
pub(super) fn restore<'t>(attributes: impl Iterator<Item = (&'t str, String)>, mut made: Value, version: StacVersion) -> Value {
    let mut whole = None;
    let mut own = Map::new();
    for (name, text) in attributes {
        let (Some(key), Ok(value)) = (name.strip_prefix(STAC), json::parse(&text)) else { continue };
        if WHOLE.contains(&key) {
            whole = Some(value);
        } else {
            own.insert(key.to_owned(), value);
        }
    }
    let given = made.clone();
    let Some(document) = made.as_object_mut() else { return made };
    let whole = whole.unwrap_or_default();
    let list = |key: &str| whole.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let changed = |key: &str| whole.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(properties) = document.get_mut("properties").and_then(Value::as_object_mut) {
        list("no_properties").iter().filter_map(Value::as_str).for_each(|key| drop(properties.remove(key)));
        for (key, change) in changed("properties") {
            put(properties, key.clone(), &change, given["properties"].get(&key));
        }
        properties.extend(own);
    }
    list("no_members").iter().filter_map(Value::as_str).for_each(|key| drop(document.remove(key)));
    for (key, change) in changed("members") {
        match (key.as_str(), change.get("value").and_then(Value::as_object)) {
            ("assets", Some(assets)) => drop(document.insert(key, assets_of(assets, &given).into())),
            _ => put(document, key.clone(), &change, given.get(&key)),
        }
    }
    let written = whole.get("stac_version").and_then(Value::as_str).unwrap_or_default();
    if !written.is_empty() && super::version::of(written) != version {
        super::version::migrate(document, version);
    }
    made
}

/// The value as it was, when the record still gives what it gave instead of it.
fn put(into: &mut Map<String, Value>, key: String, change: &Value, given: Option<&Value>) {
    if let Some(value) = change.get("value")
        && change.get("instead_of") == Some(&sum(given))
    {
        into.insert(key, value.clone());
    }
}

/// Carried assets that the record still has URLs for, and assets of URLs that are new.
fn assets_of(carried: &Map<String, Value>, made: &Value) -> Map<String, Value> {
    let href = |entry: &Value| entry.get("href").and_then(Value::as_str).map(str::to_owned);
    let places = |asset: &Value| -> Vec<String> {
        let others = asset.get("alternate").and_then(Value::as_object).into_iter().flatten().filter_map(|(_, place)| href(place));
        href(asset).into_iter().chain(others).collect()
    };
    let known = made.get("assets").and_then(Value::as_object);
    let linked = made.get("links").and_then(Value::as_array).into_iter().flatten().filter_map(href);
    let urls: HashSet<String> = known.into_iter().flatten().flat_map(|(_, asset)| places(asset)).chain(linked).collect();
    let still = |asset: &Value| href(asset).is_some_and(|h| urls.contains(&h));
    let mut assets: Map<_, _> = carried.iter().filter(|(_, asset)| still(asset)).map(|(key, asset)| (key.clone(), asset.clone())).collect();
    let covered: HashSet<String> = assets.values().flat_map(places).collect();
    let mut keys = AssetKeys::default();
    assets.keys().for_each(|key| drop(keys.claim(key)));
    let new = known.into_iter().flatten().filter(|(_, asset)| href(asset).is_some_and(|h| !covered.contains(&h)));
    assets.extend(new.map(|(key, asset)| (keys.claim(key), asset.clone())));
    assets
}

/// FNV-1a of the JSON text, as hexadecimal digits; of nothing it is `null`.
fn sum(value: Option<&Value>) -> Value {
    value.map_or(Value::Null, |value| {
        let hash = value.to_string().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        format!("{hash:016x}").into()
    })
}

/// Names the extensions that assets of another version of STAC need.
pub(super) fn asset_in(version: StacVersion, key: &str, asset: &Map<String, Value>) -> Option<Map<String, Value>> {
    Asset::from_stac(key, asset).map(|a| a.to_stac(version))
}
