//! A UMM-C record as a STAC Collection.

use serde_json::{Map, Value, json};

use super::{
    Options, carried, extent,
    names::{CMR, CMR_META, Extension, STAC, UMM, UMM_FIELDS, is_umm_name, meta_name, version_text},
};
use crate::{
    Converted, Effect, MetadataError, Report, StacVersion,
    assets::media_type,
    time,
    umm::{Kind, is_doi},
};

/// Makes a STAC Collection of a UMM-C record, alone or in CMR's envelope. Its id is `ShortName.vVersion`.
///
/// # Errors
/// When the record has no `ShortName`.
pub fn collection_to_stac(record: &Value, options: &Options<'_>) -> Result<Converted<Value>, MetadataError> {
    let enveloped = record.get("umm").is_some();
    let umm = if enveloped { &record["umm"] } else { record };
    let not_a_collection = |message: &str| MetadataError::NotARecord { expected: "a UMM-C record", message: message.into() };
    let umm = umm.as_object().ok_or_else(|| not_a_collection("it is not an object"))?;
    let name = umm.get("ShortName").and_then(Value::as_str).filter(|n| !n.is_empty()).ok_or_else(|| not_a_collection("it has no `ShortName`"))?;
    if umm.contains_key("GranuleUR") {
        return Err(not_a_collection("it has a `GranuleUR`, as a granule has"));
    }
    let empty = Map::new();
    let meta = record.get("meta").and_then(Value::as_object).filter(|_| enveloped).unwrap_or(&empty);
    let mut maker = Maker { umm, meta, options, report: Report::default(), out: Map::new(), links: Vec::new(), extensions: Vec::new() };
    maker.make(name);
    maker.carry();
    if enveloped {
        let beside: Map<_, _> = record
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(k, _)| !["umm", "meta"].contains(&k.as_str()))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        if !beside.is_empty() {
            maker.out.insert("cmr:beside".into(), beside.into());
        }
    }
    let report = maker.report.clone();
    let made = maker.finish();
    let attributes = umm.get("AdditionalAttributes").and_then(Value::as_array).into_iter().flatten();
    let value = carried::restore(carried_texts(attributes).into_iter(), made, options.stac_version);
    Ok(Converted { value, report })
}

/// Attributes named `stac:*`, their pieces put together: `stac:collection`, `stac:collection+2`, …
fn carried_texts<'v>(attributes: impl Iterator<Item = &'v Value>) -> Vec<(&'v str, String)> {
    let mut texts: Vec<(&str, String)> = Vec::new();
    for attribute in attributes {
        let (Some(name), Some(value)) = (attribute["Name"].as_str().filter(|n| n.starts_with(STAC)), attribute["Value"].as_str()) else { continue };
        let whole = name.rsplit_once('+').map_or(name, |(whole, _)| whole);
        match texts.iter_mut().find(|(n, _)| *n == whole) {
            Some((_, text)) => text.push_str(value),
            None => texts.push((whole, value.to_owned())),
        }
    }
    texts
}

struct Maker<'r> {
    umm: &'r Map<String, Value>,
    meta: &'r Map<String, Value>,
    options: &'r Options<'r>,
    report: Report,
    out: Map<String, Value>,
    links: Vec<Value>,
    extensions: Vec<Extension>,
}

impl Maker<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.umm.get(name).and_then(Value::as_str).filter(|t| !t.is_empty())
    }

    fn list(&self, name: &str) -> Vec<Value> {
        self.umm.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
    }

    fn make(&mut self, name: &str) {
        let id = self.text("Version").map_or_else(|| name.to_owned(), |version| format!("{name}.v{version}"));
        let title = self.text("EntryTitle").unwrap_or(name).to_owned();
        let description = self.text("Abstract").map(str::to_owned);
        if description.is_none() {
            self.report.note("Abstract", Effect::Assumed, "STAC requires a description: it is the title");
        }
        self.out.insert("id".into(), id.into());
        self.out.insert("title".into(), title.clone().into());
        self.out.insert("description".into(), description.unwrap_or(title).into());
        self.put_list("keywords", self.keywords());
        self.put_list("providers", self.providers());
        self.license();
        self.extent();
        self.summaries();
        self.doi();
        self.dates();
        self.related_urls();
        self.cmr();
    }

    fn put_list(&mut self, key: &str, list: Vec<Value>) {
        if !list.is_empty() {
            self.out.insert(key.into(), list.into());
        }
    }

    /// Words of the science keywords, the free ones, names of platforms and instruments: each once.
    fn keywords(&self) -> Vec<Value> {
        let levels = ["Topic", "Term", "VariableLevel1", "VariableLevel2", "VariableLevel3", "DetailedVariable"];
        let mut words: Vec<Value> = Vec::new();
        let science = self.list("ScienceKeywords");
        let of_science = science.iter().flat_map(|k| levels.iter().filter_map(|level| k.get(*level).cloned()));
        let names = self.platforms().into_iter().flat_map(|(platform, instruments)| std::iter::once(platform).chain(instruments)).map(Value::from);
        for word in of_science.chain(self.list("AncillaryKeywords")).chain(names) {
            let told = word.as_str().is_some_and(|w| !w.is_empty() && !is_unstated(w));
            if told && !words.contains(&word) {
                words.push(word);
            }
        }
        words
    }

    /// Short names of platforms, each with those of its instruments.
    fn platforms(&self) -> Vec<(String, Vec<String>)> {
        let name = |value: &Value| value["ShortName"].as_str().filter(|n| !is_unstated(n)).map(str::to_owned);
        let instruments = |platform: &Value| platform["Instruments"].as_array().into_iter().flatten().filter_map(name).collect();
        self.list("Platforms").iter().filter_map(|p| Some((name(p)?, instruments(p)))).collect()
    }

    fn providers(&self) -> Vec<Value> {
        let mut providers: Vec<Value> = Vec::new();
        for center in self.list("DataCenters") {
            let Some(name) = center["ShortName"].as_str().filter(|n| !n.is_empty()) else { continue };
            let roles = center["Roles"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let roles: Vec<&str> = roles.filter_map(|role| ROLES.iter().find(|(umm, _)| *umm == role).map(|(_, stac)| *stac)).collect();
            let known = providers.iter().position(|p| p["name"] == name).unwrap_or_else(|| {
                let mut provider = json!({"name": name});
                if let Some(long) = center["LongName"].as_str() {
                    provider["description"] = long.into();
                }
                let urls = center["ContactInformation"]["RelatedUrls"].as_array().cloned().unwrap_or_default();
                if let Some(url) = urls.iter().find_map(|u| u["URL"].as_str().filter(|u| u.starts_with("http"))) {
                    provider["url"] = url.into();
                }
                providers.push(provider);
                providers.len() - 1
            });
            for role in roles {
                let list = providers[known].as_object_mut().map(|p| p.entry("roles").or_insert_with(|| json!([])));
                if let Some(list) = list.and_then(Value::as_array_mut)
                    && !list.iter().any(|r| r == role)
                {
                    list.push(role.into());
                }
            }
        }
        providers
    }

    fn license(&mut self) {
        let constraints = self.umm.get("UseConstraints").cloned().unwrap_or_default();
        let linkage = ["LicenseURL", "LicenseUrl"].iter().find_map(|k| constraints[*k]["Linkage"].as_str()).map(str::to_owned);
        let unknown = if self.options.stac_version == StacVersion::V1_0 { "proprietary" } else { "other" };
        let stated = constraints["LicenseText"].as_str().filter(|text| is_identifier(text));
        let license = linkage.as_deref().and_then(spdx).or(stated).map(str::to_owned);
        if let Some(href) = &linkage {
            self.links.push(json!({"rel": "license", "href": href}));
        } else if license.is_none() {
            self.report.note("UseConstraints", Effect::Assumed, "no licence is stated that has an identifier: STAC gets its word for that");
        }
        self.out.insert("license".into(), license.unwrap_or_else(|| unknown.to_owned()).into());
    }

    fn extent(&mut self) {
        let temporal = self.umm.get("TemporalExtents").and_then(extent::temporal);
        if temporal.is_none() {
            self.report.note("TemporalExtents", Effect::Assumed, "no time is stated that can be read: the interval is open at both ends");
        }
        let spatial = self.umm.get("SpatialExtent").and_then(extent::spatial);
        if spatial.is_none() {
            self.report.note("SpatialExtent", Effect::Assumed, "no geometry is stated: the box is the whole world");
        }
        let spatial = spatial.unwrap_or_else(|| json!([[-180, -90, 180, 90]]));
        let temporal = temporal.unwrap_or_else(|| json!([[null, null]]));
        self.out.insert("extent".into(), json!({"spatial": {"bbox": spatial}, "temporal": {"interval": temporal}}));
    }

    fn summaries(&mut self) {
        let mut summaries = Map::new();
        let platforms = self.platforms();
        let mut put = |key: &str, values: Vec<Value>| {
            let mut once: Vec<Value> = Vec::new();
            values.into_iter().for_each(|v| {
                if !once.contains(&v) {
                    once.push(v)
                }
            });
            if !once.is_empty() {
                summaries.insert(key.into(), once.into());
            }
        };
        put("platform", platforms.iter().map(|(p, _)| p.clone().into()).collect());
        put("instruments", platforms.iter().flat_map(|(_, i)| i.clone()).map(Value::from).collect());
        put("gsd", self.resolutions());
        let level = self.umm.get("ProcessingLevel").and_then(|l| l["Id"].as_str()).and_then(level);
        put("processing:level", level.into_iter().map(Value::from).collect());
        if summaries.contains_key("processing:level") {
            self.extensions.push(Extension::Processing);
        }
        if !summaries.is_empty() {
            self.out.insert("summaries".into(), summaries.into());
        }
    }

    /// Resolutions in metres, where they are stated in metres or kilometres.
    fn resolutions(&self) -> Vec<Value> {
        let resolution =
            self.umm.get("SpatialExtent").map(|s| &s["HorizontalSpatialDomain"]["ResolutionAndCoordinateSystem"]["HorizontalDataResolution"]);
        let lists = resolution.and_then(Value::as_object).into_iter().flatten().filter_map(|(_, list)| list.as_array()).flatten();
        let metres = |entry: &Value| {
            let factor = match entry["Unit"].as_str()? {
                "Meters" => 1.0,
                "Kilometers" => 1000.0,
                _ => return None,
            };
            let size = entry["XDimension"].as_f64().or(entry["YDimension"].as_f64())? * factor;
            (size > 0.0).then(|| if size.fract() == 0.0 { json!(size as i64) } else { json!(size) })
        };
        lists.filter_map(metres).collect()
    }

    fn doi(&mut self) {
        let stated = self
            .umm
            .get("DOI")
            .and_then(|d| d["DOI"].as_str())
            .map(|d| d.trim_start_matches("https://doi.org/").trim_start_matches("doi:").to_owned());
        if let Some(doi) = stated.filter(|d| is_doi(d)) {
            self.links.push(json!({"rel": "cite-as", "href": format!("https://doi.org/{doi}")}));
            self.out.insert("sci:doi".into(), doi.into());
            self.extensions.push(Extension::Scientific);
        }
    }

    fn dates(&mut self) {
        let dates = self.list("MetadataDates");
        let dated = |kind: &str| dates.iter().find(|d| d["Type"] == kind).and_then(|d| d["Date"].as_str()).and_then(time::stac);
        let revised = self.meta.get("revision-date").and_then(Value::as_str).and_then(time::stac);
        let found = [("created", dated("CREATE")), ("updated", revised.or_else(|| dated("UPDATE")))];
        for (key, date) in found {
            self.out.extend(date.map(|d| (key.to_owned(), d.into_owned().into())));
        }
    }

    /// Pictures are assets, everything else is a link.
    fn related_urls(&mut self) {
        let urls = self.list("RelatedUrls");
        if !urls.iter().all(|u| u.is_object() && u["URL"].as_str().is_some_and(|u| !u.is_empty())) {
            return self.carry_field("RelatedUrls");
        }
        let mut assets = Map::new();
        for url in urls {
            let href = url["URL"].as_str().unwrap_or_default().to_owned();
            let kind = url["Type"].as_str().unwrap_or_default();
            let stated = url["GetData"]["MimeType"].as_str().or(url["GetService"]["MimeType"].as_str());
            let media_type = media_type(stated, &href);
            let is_picture = kind == "GET RELATED VISUALIZATION" && media_type.as_deref().is_some_and(|t| t.starts_with("image/"));
            let mut entry = Map::new();
            if !is_picture {
                entry.insert("rel".into(), rel(kind).into());
            }
            entry.insert("href".into(), href.into());
            entry.extend(media_type.map(|t| ("type".to_owned(), t.into())));
            let described = url.get("Description").filter(|d| d.is_string());
            entry.extend(described.map(|d| (if is_picture { "description" } else { "title" }.to_owned(), d.clone())));
            let mut odd = Map::new();
            for (name, value) in url.as_object().into_iter().flatten() {
                match name.as_str() {
                    "URL" => {}
                    "Description" if value.is_string() => {}
                    name if is_umm_name(name) => drop(entry.insert(format!("{UMM}{name}"), value.clone())),
                    name => drop(odd.insert(name.into(), value.clone())),
                }
            }
            if !odd.is_empty() {
                entry.insert(UMM_FIELDS.into(), odd.into());
            }
            if is_picture {
                let key = if assets.is_empty() { "thumbnail".to_owned() } else { format!("thumbnail_{}", assets.len() + 1) };
                let roles = if assets.is_empty() { Kind::Thumbnail.roles() } else { Kind::Browse.roles() };
                entry.insert("roles".into(), json!(roles));
                assets.insert(key, entry.into());
            } else {
                self.links.push(entry.into());
            }
        }
        if !assets.is_empty() {
            self.out.insert("assets".into(), assets.into());
        }
    }

    fn cmr(&mut self) {
        let mut odd = Map::new();
        for (name, value) in self.meta {
            match meta_name(name) {
                Some(name) => drop(self.out.insert(format!("{CMR}{name}"), value.clone())),
                None => drop(odd.insert(name.clone(), value.clone())),
            }
        }
        if !odd.is_empty() {
            self.out.insert(CMR_META.into(), odd.into());
        }
        if let Some(id) = self.meta.get("concept-id").and_then(Value::as_str) {
            let href = format!("{}/search/concepts/{id}.umm_json", self.options.cmr);
            self.links.push(json!({"rel": "via", "href": href, "type": "application/vnd.nasa.cmr.umm+json"}));
        }
    }

    fn carry_field(&mut self, name: &str) {
        if let Some(value) = self.umm.get(name) {
            self.out.insert(format!("{UMM}{name}"), value.clone());
        }
    }

    /// Every field but those that are said whole.
    fn carry(&mut self) {
        let mut odd = Map::new();
        for (name, value) in self.umm {
            let said = match name.as_str() {
                // Where one is what would stand for the other, both are kept.
                "EntryTitle" => self.out.get("title") == Some(value) && self.umm.get("ShortName") != Some(value),
                "Abstract" => self.out.get("description") == Some(value) && self.out.get("title") != Some(value),
                "RelatedUrls" => value.as_array().is_some_and(|list| !list.is_empty()),
                _ => false,
            };
            if said {
                continue;
            }
            let value = match (name.as_str(), value.as_array()) {
                ("AdditionalAttributes", Some(list)) => {
                    let own: Vec<_> = list.iter().filter(|a| !a["Name"].as_str().is_some_and(|n| n.starts_with(STAC))).cloned().collect();
                    if own.is_empty() && !list.is_empty() {
                        continue;
                    }
                    own.into()
                }
                _ => value.clone(),
            };
            if is_umm_name(name) {
                self.out.insert(format!("{UMM}{name}"), value);
                self.report.note(name.clone(), Effect::Carried, "STAC does not say all of it: it is a field `umm:…`");
            } else {
                odd.insert(name.clone(), value);
                self.report.note(name.clone(), Effect::Carried, "it is no field of UMM: it is in the field `umm:fields`");
            }
        }
        if !odd.is_empty() {
            self.out.insert(UMM_FIELDS.into(), odd.into());
        }
    }

    fn finish(self) -> Value {
        let version = self.options.stac_version;
        let extensions: Vec<_> = self.extensions.iter().map(|e| e.schema(version)).collect();
        let mut document = Map::new();
        document.insert("type".into(), "Collection".into());
        document.insert("stac_version".into(), version_text(version).into());
        document.insert("stac_extensions".into(), extensions.into());
        document.extend(self.out);
        document.insert("links".into(), self.links.into());
        document.into()
    }
}

/// Roles of data centers, and what STAC calls them.
pub(super) const ROLES: [(&str, &str); 4] = [("ARCHIVER", "host"), ("DISTRIBUTOR", "host"), ("PROCESSOR", "processor"), ("ORIGINATOR", "producer")];

/// Words that stand where nothing is known.
pub(super) fn is_unstated(text: &str) -> bool {
    ["not provided", "not applicable", "na", "n/a", "unknown", "none"].iter().any(|w| w.eq_ignore_ascii_case(text.trim()))
}

/// Relation of a link for a `Type` of UMM-C.
fn rel(kind: &str) -> &'static str {
    match kind {
        "DATA SET LANDING PAGE" => "about",
        "VIEW RELATED INFORMATION" | "EXTENDED METADATA" => "describedby",
        "USE SERVICE API" => "service",
        _ => "related",
    }
}

/// The identifier of a licence that its address names (<https://spdx.org/licenses/>).
fn spdx(url: &str) -> Option<&str> {
    let path = url.trim_end_matches('/').trim_end_matches("/legalcode").trim_end_matches("/deed.en").rsplit_once("://")?.1.trim_start_matches("www.");
    Some(match path {
        "creativecommons.org/publicdomain/zero/1.0" => "CC0-1.0",
        "creativecommons.org/licenses/by/4.0" => "CC-BY-4.0",
        "creativecommons.org/licenses/by/3.0" => "CC-BY-3.0",
        "creativecommons.org/licenses/by-sa/4.0" => "CC-BY-SA-4.0",
        "creativecommons.org/licenses/by-nc/4.0" => "CC-BY-NC-4.0",
        "creativecommons.org/licenses/by-nc-sa/4.0" => "CC-BY-NC-SA-4.0",
        "creativecommons.org/licenses/by-nd/4.0" => "CC-BY-ND-4.0",
        "apache.org/licenses/LICENSE-2.0" => "Apache-2.0",
        "opensource.org/licenses/MIT" => "MIT",
        "opendatacommons.org/licenses/by/1-0" | "opendatacommons.org/licenses/by/1.0" => "ODC-By-1.0",
        "opendatacommons.org/licenses/odbl/1-0" | "opendatacommons.org/licenses/odbl/1.0" => "ODbL-1.0",
        path => {
            return path
                .strip_prefix("spdx.org/licenses/")
                .map(|id| id.trim_end_matches(".html").trim_end_matches(".json"))
                .filter(|id| is_identifier(id));
        }
    })
}

/// Whether a text has the form of an identifier of SPDX: one word with a letter, as `Apache-2.0`.
fn is_identifier(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '+');
    text.len() <= 40 && text.chars().all(word) && text.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit())
}

/// `3` as `L3`, as the processing extension has it.
fn level(id: &str) -> Option<String> {
    let id = id.trim();
    if is_unstated(id) || id.is_empty() {
        return None;
    }
    Some(if id.starts_with(|c: char| c.is_ascii_digit()) { format!("L{id}") } else { id.to_owned() })
}
