//! A document of one version of STAC said in the words of the other.

use serde_json::{Map, Value};

use super::{
    carried::asset_in,
    names::{Extension, version_text},
};
use crate::StacVersion;

/// The version whose words a document of a stated version uses: what is older than 1.0 is read as 1.0.
pub(super) fn of(stated: &str) -> StacVersion {
    if stated.is_empty() || stated.starts_with("0.") || stated.starts_with("1.0") { StacVersion::V1_0 } else { StacVersion::V1_1 }
}

/// Brings bands, projection and the list of extensions into the words of a version.
pub(super) fn migrate(document: &mut Map<String, Value>, to: StacVersion) {
    document.insert("stac_version".into(), version_text(to).into());
    if let Some(properties) = document.get_mut("properties").and_then(Value::as_object_mut) {
        projection(properties, to);
    }
    for assets in ["assets", "item_assets"] {
        let Some(assets) = document.get_mut(assets).and_then(Value::as_object_mut) else { continue };
        for (key, asset) in assets.iter_mut() {
            let Some(fields) = asset.as_object_mut() else { continue };
            projection(fields, to);
            if let Some(written) = asset_in(to, key, fields) {
                *fields = written;
            }
        }
    }
    if let Some(extensions) = document.get_mut("stac_extensions").and_then(Value::as_array_mut) {
        for extension in extensions {
            if extension.as_str().is_some_and(|e| e.contains("stac-extensions.github.io/projection/")) {
                *extension = Extension::Projection.schema(to).into();
            }
        }
    }
}

/// `proj:epsg` is `proj:code` since version 2 of the extension.
fn projection(fields: &mut Map<String, Value>, to: StacVersion) {
    match to {
        StacVersion::V1_1 => {
            if let Some(epsg) = fields.remove("proj:epsg") {
                let code = epsg.as_u64().map_or(Value::Null, |n| format!("EPSG:{n}").into());
                fields.entry("proj:code").or_insert(code);
            }
        }
        StacVersion::V1_0 => {
            let epsg = fields.get("proj:code").and_then(Value::as_str).and_then(|c| c.strip_prefix("EPSG:")).and_then(|n| n.parse::<u64>().ok());
            if let Some(epsg) = epsg {
                fields.remove("proj:code");
                fields.insert("proj:epsg".into(), epsg.into());
            }
        }
    }
}
