//! Every record that the corpus holds, also inside recorded exchanges.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// The records of one kind, each with the file that it is from.
#[derive(Default)]
pub(crate) struct Records {
    pub(crate) granules: Vec<(String, Value)>,
    pub(crate) collections: Vec<(String, Value)>,
    pub(crate) items: Vec<(String, Value)>,
    pub(crate) stac_collections: Vec<(String, Value)>,
    seen: BTreeSet<String>,
}

/// The corpus; says so when it is not there.
pub(crate) fn corpus() -> Option<Records> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let root = std::env::var_os("CUBE_CORPUS").map_or(beside, PathBuf::from);
    if !root.join("cmr").is_dir() {
        println!("corpus not found: skipped");
        return None;
    }
    let mut records = Records::default();
    for folder in ["cmr", "stac", "zarr/eopf-metadata", "geometry"] {
        walk(&root.join(folder), &mut records);
    }
    Some(records)
}

fn walk(folder: &Path, records: &mut Records) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, records);
            continue;
        }
        let Ok(bytes) = fs::read(&path) else { continue };
        let name = path.display().to_string();
        let text = String::from_utf8_lossy(&bytes);
        match path.extension().and_then(|e| e.to_str()).unwrap_or_default() {
            "yaml" | "yml" => {
                if let Ok(value) = serde_yaml_ng::from_str::<Value>(&text) {
                    records.visit(&name, &value, None);
                }
            }
            "http" => {
                let body = text.split_once("\r\n\r\n").or_else(|| text.split_once("\n\n")).map_or("", |(_, body)| body);
                records.text(&name, body);
            }
            "ndjson" => text.lines().for_each(|line| records.text(&name, line)),
            "json" | "geojson" | "txt" => records.text(&name, &text),
            _ => {}
        }
    }
}

impl Records {
    fn text(&mut self, name: &str, text: &str) {
        if let Ok(value) = serde_json::from_str::<Value>(text) {
            self.visit(name, &value, None);
        }
    }

    fn visit(&mut self, name: &str, value: &Value, parent: Option<&Value>) {
        match value {
            Value::Object(fields) => {
                let text = |key: &str| fields.get(key).and_then(Value::as_str);
                let stac = text("stac_version").is_some() && text("id").is_some();
                let enveloped = || parent.filter(|p| p.get("umm") == Some(value) && p.get("meta").is_some()).unwrap_or(value).clone();
                if text("GranuleUR").is_some() {
                    self.keep(|r| &mut r.granules, name, enveloped());
                } else if text("ShortName").is_some() && text("EntryTitle").is_some() {
                    self.keep(|r| &mut r.collections, name, enveloped());
                } else if stac && text("type") == Some("Feature") && fields.get("properties").is_some_and(Value::is_object) {
                    self.keep(|r| &mut r.items, name, value.clone());
                } else if stac && text("type") == Some("Collection") {
                    self.keep(|r| &mut r.stac_collections, name, value.clone());
                }
                fields.values().for_each(|v| self.visit(name, v, Some(value)));
            }
            Value::Array(values) => values.iter().for_each(|v| self.visit(name, v, Some(value))),
            Value::String(text) if text.trim_start().starts_with(['{', '[']) => self.text(name, text),
            _ => {}
        }
    }

    /// Once: cassettes repeat themselves.
    fn keep(&mut self, list: impl Fn(&mut Self) -> &mut Vec<(String, Value)>, name: &str, record: Value) {
        if self.seen.insert(record.to_string()) {
            list(self).push((name.to_owned(), record));
        }
    }
}
