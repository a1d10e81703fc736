//! Every record of the corpus comes back as it was.

use cube_metadata::{
    Options, StacVersion,
    convert::{collection_to_stac, granule_to_item, item_to_granule, stac_to_collection},
    umm,
};
use serde_json::Value;

use crate::{
    compare::{difference, turned},
    records,
};

const VERSIONS: [StacVersion; 2] = [StacVersion::V1_1, StacVersion::V1_0];

/// At most a few failures, in full.
fn check(failures: &[String]) {
    assert!(failures.is_empty(), "{} failures, the first:\n{}", failures.len(), failures[..failures.len().min(5)].join("\n"));
}

#[test]
fn granules_come_back() {
    let Some(records) = records::corpus() else { return };
    assert!(records.granules.len() > 200, "{}", records.granules.len());
    let mut failures = Vec::new();
    for (name, record) in &records.granules {
        for stac_version in VERSIONS {
            let options = Options { stac_version, ..Options::default() };
            let back = granule_to_item(record, &options).and_then(|item| item_to_granule(&item.value));
            match back {
                Ok(back) => failures.extend(difference(record, &back.value).map(|d| format!("{name}: {d}"))),
                Err(error) => failures.push(format!("{name}: {error}")),
            }
        }
    }
    println!("{} granules", records.granules.len());
    check(&failures);
}

#[test]
fn collections_come_back() {
    let Some(records) = records::corpus() else { return };
    assert!(records.collections.len() > 5, "{}", records.collections.len());
    let mut failures = Vec::new();
    for (name, record) in &records.collections {
        for stac_version in VERSIONS {
            let options = Options { stac_version, ..Options::default() };
            let back = collection_to_stac(record, &options).and_then(|stac| stac_to_collection(&stac.value));
            match back {
                Ok(back) => failures.extend(difference(record, &back.value).map(|d| format!("{name}: {d}"))),
                Err(error) => failures.push(format!("{name}: {error}")),
            }
        }
    }
    println!("{} collections", records.collections.len());
    check(&failures);
}

/// Written in the version that they came in: what is older than 1.0 is written as 1.0.
fn options_of(stac: &Value) -> Options<'static> {
    let old = !stac["stac_version"].as_str().is_some_and(|v| v.starts_with("1.1"));
    Options { stac_version: if old { StacVersion::V1_0 } else { StacVersion::V1_1 }, ..Options::default() }
}

fn without_version(stac: &Value) -> Value {
    let mut stac = turned(stac);
    stac["stac_version"] = Value::Null;
    stac
}

#[test]
fn items_come_back() {
    let Some(records) = records::corpus() else { return };
    assert!(records.items.len() > 200, "{}", records.items.len());
    let mut failures = Vec::new();
    for (name, item) in records.items.iter().filter(|(_, i)| i["id"] != "") {
        let back = item_to_granule(item).and_then(|granule| granule_to_item(&granule.value, &options_of(item)));
        match back {
            Ok(back) => failures.extend(difference(&without_version(item), &without_version(&back.value)).map(|d| format!("{name}: {d}"))),
            Err(error) => failures.push(format!("{name}: {error}")),
        }
    }
    println!("{} items", records.items.len());
    check(&failures);
}

#[test]
fn stac_collections_come_back() {
    let Some(records) = records::corpus() else { return };
    assert!(records.stac_collections.len() > 30, "{}", records.stac_collections.len());
    let mut failures = Vec::new();
    for (name, collection) in &records.stac_collections {
        let back = stac_to_collection(collection).and_then(|umm| collection_to_stac(&umm.value, &options_of(collection)));
        match back {
            Ok(back) => failures.extend(difference(&without_version(collection), &without_version(&back.value)).map(|d| format!("{name}: {d}"))),
            Err(error) => failures.push(format!("{name}: {error}")),
        }
    }
    println!("{} collections", records.stac_collections.len());
    check(&failures);
}

/// What the typed reader leaves in `other` is what the schema allows and STAC has no words for: nothing of an unexpected shape.
#[test]
fn granules_are_understood() {
    let Some(records) = records::corpus() else { return };
    for (name, record) in &records.granules {
        let text = record.to_string();
        let granule = umm::Granule::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let typed = [
            "GranuleUR",
            "CollectionReference",
            "TemporalExtent",
            "SpatialExtent",
            "DataGranule",
            "ProviderDates",
            "Platforms",
            "RelatedUrls",
            "AdditionalAttributes",
        ];
        let odd: Vec<_> = granule.other.iter().filter(|(field, _)| typed.contains(&field.as_ref())).collect();
        assert!(odd.is_empty(), "{name}: {odd:?}");
        let urls: usize = granule.files().iter().map(|f| 1 + f.others.len()).sum();
        assert_eq!(urls, granule.urls.len(), "{name}");
        let mut keys: Vec<_> = granule.files().into_iter().map(|f| f.key).collect();
        let count = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), count, "{name}: {keys:?}");
    }
}
