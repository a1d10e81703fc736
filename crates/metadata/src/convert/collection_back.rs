//! A STAC Collection, of any catalogue, as a UMM-C record.

use serde_json::{Map, Value, json};

use super::{
    Options, carried,
    collection::{ROLES, collection_to_stac},
    names::{CMR, CMR_BESIDE, CMR_META, UMM, UMM_FIELDS, is_umm_name},
    value::same,
    version,
};
use crate::{Converted, Effect, MetadataError, Report};

/// The version of UMM-C that is written.
const UMM_C: &str = "1.18.5";
/// Characters in the value of an additional attribute of a collection.
const VALUE_LENGTH: usize = 500;

/// Makes a UMM-C record of a STAC Collection. Where the Collection was made from a record of CMR, that is what comes back, in CMR's envelope.
///
/// # Errors
/// When the value is no Collection: no `id`.
pub fn stac_to_collection(collection: &Value) -> Result<Converted<Value>, MetadataError> {
    let text = |key: &str| collection.get(key).and_then(Value::as_str);
    let not_a_collection = |message: &str| MetadataError::NotARecord { expected: "a STAC Collection", message: message.into() };
    if text("type").is_some_and(|t| t != "Collection") {
        return Err(not_a_collection("its `type` is not `Collection`"));
    }
    let id = text("id").filter(|id| !id.is_empty()).ok_or_else(|| not_a_collection("it has no `id`"))?;
    let own = Own { collection: collection.as_object().ok_or_else(|| not_a_collection("it is not an object"))?, id };
    let mut report = Report::default();
    let mut record = own.carried();
    let returns = record.umm.contains_key("ShortName");
    own.fill(&mut record.umm);
    if !returns {
        assume(&mut record.umm, &mut report);
    }
    let options = Options { stac_version: version::of(text("stac_version").unwrap_or_default()), ..Options::default() };
    if returns {
        let made = collection_to_stac(&record.to_value(), &options)?.value;
        own.put_right(&mut record.umm, &made, &mut report);
    }
    let made = collection_to_stac(&record.to_value(), &options)?.value;
    let attributes = carried::carry(collection, &made, "stac:collection", &mut report);
    if !attributes.is_empty() {
        let list = record.umm.entry("AdditionalAttributes").or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.extend(attributes.iter().flat_map(of_collection));
        }
    }
    Ok(Converted { value: record.to_value(), report })
}

/// An attribute of a granule in the form that collections have: one value, of limited length, with a type and a description.
fn of_collection(attribute: &Value) -> Vec<Value> {
    let name = attribute["Name"].as_str().unwrap_or_default();
    let whole: String = attribute["Values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let text: Vec<char> = whole.chars().collect();
    let pieces = text.chunks(VALUE_LENGTH).map(|c| c.iter().collect::<String>());
    let named = |(index, piece): (usize, String)| {
        let name = if index == 0 { name.to_owned() } else { format!("{name}+{}", index + 1) };
        json!({"Name": name, "DataType": "STRING", "Description": "What the STAC Collection says that UMM-C has no field for", "Value": piece})
    };
    pieces.enumerate().map(named).collect()
}

struct Record {
    umm: Map<String, Value>,
    meta: Map<String, Value>,
    beside: Map<String, Value>,
}

impl Record {
    fn to_value(&self) -> Value {
        if self.meta.is_empty() && self.beside.is_empty() {
            return self.umm.clone().into();
        }
        let mut record = Map::new();
        if !self.meta.is_empty() {
            record.insert("meta".into(), self.meta.clone().into());
        }
        record.insert("umm".into(), self.umm.clone().into());
        record.extend(self.beside.clone());
        record.into()
    }
}

struct Own<'c> {
    collection: &'c Map<String, Value>,
    id: &'c str,
}

impl Own<'_> {
    fn get(&self, key: &str) -> Option<&Value> {
        self.collection.get(key).filter(|v| !v.is_null())
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }

    fn list(&self, key: &str) -> impl Iterator<Item = &Value> {
        self.get(key).and_then(Value::as_array).into_iter().flatten()
    }

    fn carried(&self) -> Record {
        let mut record = Record { umm: Map::new(), meta: Map::new(), beside: Map::new() };
        let object = |value: &Value| value.as_object().cloned().unwrap_or_default();
        for (key, value) in self.collection {
            match key.as_str() {
                UMM_FIELDS => record.umm.extend(object(value)),
                CMR_BESIDE => record.beside = object(value),
                CMR_META => record.meta.extend(object(value)),
                key => {
                    if let Some(name) = key.strip_prefix(UMM).filter(|n| is_umm_name(n)) {
                        record.umm.insert(name.into(), value.clone());
                    } else if let Some(name) = key.strip_prefix(CMR) {
                        record.meta.insert(name.replace('_', "-"), value.clone());
                    }
                }
            }
        }
        record
    }

    /// Adds what is not carried.
    fn fill(&self, umm: &mut Map<String, Value>) {
        let (name, version) = match self.id.rsplit_once(".v") {
            Some((name, version)) if !name.is_empty() && version.starts_with(|c: char| c.is_ascii_digit()) => (name, Some(version)),
            _ => (self.id, None),
        };
        let returns = umm.contains_key("ShortName");
        let mut put = |field: &str, value: Option<Value>| {
            if let Some(value) = value {
                umm.entry(field).or_insert(value);
            }
        };
        put("ShortName", Some(name.into()));
        put("Version", version.filter(|_| !returns).map(Value::from));
        // What CMR's record lacks was assumed from what it has.
        put("EntryTitle", self.text("title").filter(|t| !returns || *t != name).map(Value::from));
        put("Abstract", self.text("description").filter(|d| !returns || Some(*d) != self.text("title")).map(Value::from));
        if !returns {
            put("DataCenters", self.data_centers());
            put("TemporalExtents", self.temporal());
            put("SpatialExtent", self.spatial());
            put("AncillaryKeywords", self.keywords());
            put("Platforms", self.platforms());
            put("DOI", self.text("sci:doi").map(|doi| json!({"DOI": doi, "Authority": "https://doi.org"})));
            put("UseConstraints", self.license());
            put("MetadataDates", self.dates());
            put("ProcessingLevel", self.level());
        }
        put("RelatedUrls", self.related_urls());
    }

    /// Where a carried field says something else than the Collection does now, the Collection has the last word.
    fn put_right(&self, umm: &mut Map<String, Value>, made: &Value, report: &mut Report) {
        let made_extent = |kind: &str| made["extent"][kind].clone();
        let own_extent = |kind: &str| self.get("extent").map(|e| e[kind].clone()).unwrap_or_default();
        let differs = |key: &str| match (self.collection.get(key), made.get(key)) {
            (Some(own), Some(made)) => !same(own, made),
            (own, made) => own.is_some() != made.is_some(),
        };
        let mut edited: Vec<(&str, Option<Value>)> = Vec::new();
        if !same(&made_extent("temporal"), &own_extent("temporal")) {
            edited.push(("TemporalExtents", self.temporal()));
        }
        if !same(&made_extent("spatial"), &own_extent("spatial")) {
            edited.push(("SpatialExtent", self.spatial()));
        }
        if differs("providers") {
            edited.push(("DataCenters", self.data_centers()));
        }
        if differs("sci:doi") {
            edited.push(("DOI", self.text("sci:doi").map(|doi| json!({"DOI": doi, "Authority": "https://doi.org"}))));
        }
        if differs("title") {
            edited.push(("EntryTitle", self.text("title").map(Value::from)));
        }
        if differs("description") {
            edited.push(("Abstract", self.text("description").map(Value::from)));
        }
        for (name, value) in edited {
            report.note(
                name,
                Effect::Dropped,
                "the Collection says something else now than the UMM field that it carries: the Collection has the last word",
            );
            match value {
                Some(value) => drop(umm.insert(name.into(), value)),
                None => drop(umm.remove(name)),
            }
        }
    }

    fn data_centers(&self) -> Option<Value> {
        let center = |provider: &Value| {
            let name = provider["name"].as_str()?;
            let mut roles: Vec<&str> = Vec::new();
            for role in provider["roles"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                roles.extend(ROLES.iter().find(|(_, stac)| *stac == role).map(|(umm, _)| *umm));
            }
            let mut center = json!({"ShortName": name, "Roles": roles});
            if let Some(long) = provider["description"].as_str() {
                center["LongName"] = long.into();
            }
            if let Some(url) = provider["url"].as_str() {
                center["ContactInformation"] = json!({"RelatedUrls": [{"URLContentType": "DataCenterURL", "Type": "HOME PAGE", "URL": url}]});
            }
            Some(center)
        };
        let centers: Vec<_> = self.list("providers").filter_map(center).collect();
        (!centers.is_empty()).then(|| centers.into())
    }

    fn temporal(&self) -> Option<Value> {
        let intervals = self.get("extent")?["temporal"]["interval"].as_array()?.clone();
        // The first is the whole, where there are several.
        let ranges: Vec<_> = intervals.iter().skip(usize::from(intervals.len() > 1)).filter_map(|i| i.as_array()).collect();
        let range = |interval: &&Vec<Value>| {
            let mut range = Map::new();
            range.insert("BeginningDateTime".into(), interval.first().filter(|t| t.is_string())?.clone());
            range.extend(interval.get(1).filter(|t| t.is_string()).map(|t| ("EndingDateTime".to_owned(), t.clone())));
            Some(Value::Object(range))
        };
        let stated: Vec<_> = ranges.iter().filter_map(range).collect();
        let open = stated.last().is_some_and(|r| r.get("EndingDateTime").is_none())
            && stated.iter().rev().skip(1).all(|r| r.get("EndingDateTime").is_some());
        (!stated.is_empty()).then(|| json!([{"RangeDateTimes": stated, "EndsAtPresentFlag": open && stated.len() == 1}]))
    }

    fn spatial(&self) -> Option<Value> {
        let boxes = self.get("extent")?["spatial"]["bbox"].as_array()?.clone();
        let rectangle = |bbox: &Value| {
            let sides: Option<Vec<f64>> = bbox.as_array()?.iter().map(Value::as_f64).collect();
            let sides = sides?;
            let [west, south, east, north] = match sides.as_slice() {
                &[w, s, e, n] | &[w, s, _, e, n, _] => [w, s, e, n],
                _ => return None,
            };
            Some(json!({
                "WestBoundingCoordinate": west, "SouthBoundingCoordinate": south, "EastBoundingCoordinate": east, "NorthBoundingCoordinate": north,
            }))
        };
        let rectangles: Vec<_> = boxes.iter().skip(usize::from(boxes.len() > 1)).filter_map(rectangle).collect();
        (!rectangles.is_empty()).then(|| {
            json!({
                "SpatialCoverageType": "HORIZONTAL", "GranuleSpatialRepresentation": "CARTESIAN",
                "HorizontalSpatialDomain": {"Geometry": {"CoordinateSystem": "CARTESIAN", "BoundingRectangles": rectangles}},
            })
        })
    }

    fn keywords(&self) -> Option<Value> {
        let words: Vec<_> = self.list("keywords").filter(|w| w.is_string()).cloned().collect();
        (!words.is_empty()).then(|| words.into())
    }

    fn platforms(&self) -> Option<Value> {
        let summary = |key: &str| -> Vec<String> {
            let list = self.get("summaries").and_then(|s| s.get(key)).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let instruments: Vec<_> = summary("instruments").iter().map(|name| json!({"ShortName": name})).collect();
        let platform = |name: &String| {
            let mut platform = json!({"ShortName": name});
            if !instruments.is_empty() {
                platform["Instruments"] = instruments.clone().into();
            }
            platform
        };
        let platforms: Vec<_> = summary("platform").iter().map(platform).collect();
        (!platforms.is_empty()).then(|| platforms.into())
    }

    fn license(&self) -> Option<Value> {
        let link = self.list("links").find(|l| l["rel"] == "license").and_then(|l| l["href"].as_str());
        let license = self.text("license").filter(|l| !["other", "various", "proprietary"].contains(l));
        match (link, license) {
            (Some(href), _) => Some(json!({"LicenseURL": {"Linkage": href}})),
            (None, Some(license)) => Some(json!({"LicenseText": license})),
            (None, None) => None,
        }
    }

    fn dates(&self) -> Option<Value> {
        let dates: Vec<_> = [("created", "CREATE"), ("updated", "UPDATE")]
            .iter()
            .filter_map(|(key, kind)| self.text(key).map(|date| json!({"Date": date, "Type": kind})))
            .collect();
        (!dates.is_empty()).then(|| dates.into())
    }

    fn level(&self) -> Option<Value> {
        let levels = self.get("summaries")?.get("processing:level")?.as_array()?;
        let level = levels.first().and_then(Value::as_str)?;
        Some(json!({"Id": level.strip_prefix('L').unwrap_or(level)}))
    }

    /// Links that were URLs of UMM, and of other catalogues the page about the collection, services and documentation; pictures.
    fn related_urls(&self) -> Option<Value> {
        let links = self.list("links").filter_map(|link| {
            let (content, kind) = match link["rel"].as_str()? {
                "about" => ("CollectionURL", "DATA SET LANDING PAGE"),
                "service" => ("DistributionURL", "USE SERVICE API"),
                "describedby" => ("PublicationURL", "VIEW RELATED INFORMATION"),
                _ => ("", ""),
            };
            related_url(link, content, kind, "title")
        });
        let assets = self.get("assets").and_then(Value::as_object).into_iter().flatten().filter_map(|(_, asset)| {
            let roles: Vec<&str> = asset["roles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let picture = roles.iter().any(|r| ["thumbnail", "overview", "visual"].contains(r));
            let (content, kind) = if picture { ("VisualizationURL", "GET RELATED VISUALIZATION") } else { ("DistributionURL", "GET DATA") };
            related_url(asset, content, kind, "description")
        });
        let urls: Vec<_> = links.chain(assets).collect();
        (!urls.is_empty()).then(|| urls.into())
    }
}

/// The URL that a link or an asset was made from; without a `kind` of its own, only where it was one.
fn related_url(entry: &Value, content: &str, kind: &str, description: &str) -> Option<Value> {
    let entry = entry.as_object()?;
    let mut url = Map::new();
    for (key, value) in entry {
        if key == UMM_FIELDS {
            url.extend(value.as_object().cloned().unwrap_or_default());
        } else if let Some(name) = key.strip_prefix(UMM).filter(|n| is_umm_name(n)) {
            url.insert(name.into(), value.clone());
        }
    }
    if url.is_empty() {
        if kind.is_empty() {
            return None;
        }
        url.insert("URLContentType".into(), content.into());
        url.insert("Type".into(), kind.into());
    }
    url.insert("URL".into(), entry.get("href").filter(|h| h.is_string())?.clone());
    url.extend(entry.get(description).filter(|d| d.is_string()).map(|d| ("Description".to_owned(), d.clone())));
    Some(url.into())
}

/// What the schema of UMM-C requires and the Collection does not say.
fn assume(umm: &mut Map<String, Value>, report: &mut Report) {
    let name = umm.get("ShortName").cloned().unwrap_or_default();
    let fields = [
        ("Version", json!("Not provided")),
        ("EntryTitle", name),
        ("Abstract", json!("Not provided")),
        ("DOI", json!({"MissingReason": "Unknown", "Explanation": "The STAC Collection states none"})),
        ("DataCenters", json!([{"ShortName": "Not provided", "Roles": ["ARCHIVER"]}])),
        ("ProcessingLevel", json!({"Id": "Not provided"})),
        ("ScienceKeywords", json!([{"Category": "EARTH SCIENCE", "Topic": "Not provided", "Term": "Not provided"}])),
        ("TemporalExtents", json!([{"SingleDateTimes": ["1970-01-01T00:00:00Z"]}])),
        ("SpatialExtent", json!({"GranuleSpatialRepresentation": "NO_SPATIAL"})),
        ("Platforms", json!([{"ShortName": "Not provided"}])),
        ("CollectionProgress", json!("NOT PROVIDED")),
    ];
    for (field, value) in fields {
        if !umm.contains_key(field) {
            umm.insert(field.into(), value);
            report.note(field, Effect::Assumed, "UMM-C requires it, and the Collection does not say it");
        }
    }
    let specification = json!({"URL": format!("https://cdn.earthdata.nasa.gov/umm/collection/v{UMM_C}"), "Name": "UMM-C", "Version": UMM_C});
    umm.insert("MetadataSpecification".into(), specification);
}
