//! A STAC Item, of any catalogue, as a UMM-G record.

use serde_json::{Map, Value, json};

use super::{
    Options, carried, geojson, granule_to_item,
    names::{ARCHIVE, CMR, CMR_BESIDE, CMR_META, DAY_NIGHT, UMM, UMM_FIELDS, is_umm_name},
    urls,
    value::same,
    version,
};
use crate::{Converted, Effect, MetadataError, Report, time};

/// The version of UMM-G that is written.
const UMM_G: &str = "1.6.6";

/// Makes a UMM-G record of a STAC Item. Where the Item was made from a record of CMR, that is what comes back, in CMR's envelope.
///
/// # Errors
/// When the value is no Item: no `id`, no `properties`.
pub fn item_to_granule(item: &Value) -> Result<Converted<Value>, MetadataError> {
    let text = |key: &str| item.get(key).and_then(Value::as_str);
    let not_an_item = |message: &str| MetadataError::NotARecord { expected: "a STAC Item", message: message.into() };
    if text("type").is_some_and(|t| t != "Feature") {
        return Err(not_an_item("its `type` is not `Feature`"));
    }
    let id = text("id").filter(|id| !id.is_empty()).ok_or_else(|| not_an_item("it has no `id`"))?;
    let properties = item.get("properties").and_then(Value::as_object).ok_or_else(|| not_an_item("it has no `properties`"))?;

    let mut report = Report::default();
    let mut record = Record::of(id, properties);
    let own = Own { item, properties };
    own.fill(&mut record, &mut report);
    let options = Options { stac_version: version::of(text("stac_version").unwrap_or_default()), ..Options::default() };
    own.put_right(&mut record, &options, &mut report)?;
    // What UMM does not say is what is missing after the way back.
    let made = granule_to_item(&record.to_value(), &options)?.value;
    let carried = carried::carry(item, &made, "stac:item", &mut report);
    if !carried.is_empty() {
        let attributes = record.umm.entry("AdditionalAttributes").or_insert_with(|| json!([]));
        if let Some(list) = attributes.as_array_mut() {
            list.extend(carried);
        }
    }
    Ok(Converted { value: record.to_value(), report })
}

/// A UMM-G record in the making.
struct Record {
    umm: Map<String, Value>,
    meta: Map<String, Value>,
    beside: Map<String, Value>,
    /// Whether it was one before it was an Item.
    returns: bool,
}

impl Record {
    /// With everything that the Item carries for it.
    fn of(id: &str, properties: &Map<String, Value>) -> Self {
        let mut record = Self { umm: Map::new(), meta: Map::new(), beside: Map::new(), returns: false };
        record.umm.insert("GranuleUR".into(), id.into());
        for (key, value) in properties {
            record.returns |= key.starts_with(UMM);
            match key.as_str() {
                UMM_FIELDS => record.umm.extend(value.as_object().cloned().unwrap_or_default()),
                CMR_BESIDE => record.beside = value.as_object().cloned().unwrap_or_default(),
                CMR_META => record.meta.extend(value.as_object().cloned().unwrap_or_default()),
                key => {
                    if let Some(name) = key.strip_prefix(UMM).filter(|n| is_umm_name(n)) {
                        record.umm.insert(name.into(), value.clone());
                    } else if let Some(name) = key.strip_prefix(CMR) {
                        record.meta.insert(name.replace('_', "-"), value.clone());
                    }
                }
            }
        }
        // Said to be absent.
        record.umm.retain(|name, value| name != "TemporalExtent" || !value.is_null());
        record
    }

    fn to_value(&self) -> Value {
        let umm = Value::Object(self.umm.clone());
        if self.meta.is_empty() && self.beside.is_empty() {
            return umm;
        }
        let mut record = Map::new();
        if !self.meta.is_empty() {
            record.insert("meta".into(), self.meta.clone().into());
        }
        record.insert("umm".into(), umm);
        record.extend(self.beside.clone());
        record.into()
    }
}

/// What the Item says in STAC's own words.
struct Own<'i> {
    item: &'i Value,
    properties: &'i Map<String, Value>,
}

impl Own<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        self.properties.get(key).and_then(Value::as_str)
    }

    /// Adds what is not carried.
    fn fill(&self, record: &mut Record, report: &mut Report) {
        let carries = |record: &Record, name: &str| record.umm.contains_key(name);
        if !carries(record, "TemporalExtent") && !self.properties.get("umm:TemporalExtent").is_some_and(Value::is_null) {
            put(&mut record.umm, "TemporalExtent", self.temporal());
        }
        let fields = [
            ("SpatialExtent", self.spatial()),
            ("Platforms", self.platforms()),
            ("CloudCover", self.cloud_cover()),
            ("ProviderDates", self.provider_dates()),
            ("CollectionReference", self.collection()),
        ];
        for (name, value) in fields {
            if !carries(record, name) {
                put(&mut record.umm, name, value);
            }
        }
        let revised = record.meta.get("revision-date").and_then(Value::as_str).and_then(time::stac);
        if let (Some(updated), Some(revised)) = (self.text("updated"), revised)
            && updated != revised
        {
            record.meta.insert("revision-date".into(), updated.into());
        }
        let archive = self.urls(record, report);
        self.data(record, archive);
        if !record.returns {
            self.assume(record, report);
        }
    }

    fn temporal(&self) -> Option<Value> {
        let (start, end) = (self.text("start_datetime"), self.text("end_datetime"));
        match (start, end, self.text("datetime")) {
            (Some(start), Some(end), _) => Some(json!({"RangeDateTime": {"BeginningDateTime": start, "EndingDateTime": end}})),
            (_, _, Some(at)) => Some(json!({"SingleDateTime": at})),
            (Some(start), None, None) => Some(json!({"RangeDateTime": {"BeginningDateTime": start}})),
            (None, _, None) => None,
        }
    }

    fn spatial(&self) -> Option<Value> {
        let geometry = geojson::to_umm(self.item.get("geometry")?)?;
        Some(json!({"HorizontalSpatialDomain": {"Geometry": geometry}}))
    }

    fn platforms(&self) -> Option<Value> {
        let mut platform = json!({"ShortName": self.text("platform").filter(|p| !p.is_empty())?});
        let instruments: Vec<_> =
            self.properties.get("instruments").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        if !instruments.is_empty() {
            platform["Instruments"] = instruments.iter().map(|name| json!({"ShortName": name})).collect();
        }
        Some(json!([platform]))
    }

    fn cloud_cover(&self) -> Option<Value> {
        let cover = self.properties.get("eo:cloud_cover").filter(|c| c.is_number())?;
        // An attribute that says the same is what it was made from.
        let attributes = self.properties.get("umm:AdditionalAttributes").and_then(Value::as_array).into_iter().flatten();
        let said = attributes
            .into_iter()
            .any(|a| a["Name"] == "CLOUD_COVERAGE" && a["Values"][0].as_str().and_then(|v| v.trim().parse::<f64>().ok()) == cover.as_f64());
        (!said).then(|| cover.clone())
    }

    fn provider_dates(&self) -> Option<Value> {
        let dates: Vec<_> = [("created", "Insert"), ("updated", "Update")]
            .iter()
            .filter_map(|(key, kind)| self.text(key).map(|date| json!({"Date": date, "Type": kind})))
            .collect();
        (!dates.is_empty()).then(|| dates.into())
    }

    fn collection(&self) -> Option<Value> {
        let id = self.item.get("collection").and_then(Value::as_str)?;
        Some(match id.rsplit_once(".v") {
            Some((name, version)) if !name.is_empty() && version.starts_with(|c: char| c.is_ascii_digit()) => {
                json!({"ShortName": name, "Version": version})
            }
            _ => json!({"EntryTitle": id}),
        })
    }

    /// Puts the URLs of the assets into the record, and answers what belongs into the archive information.
    fn urls(&self, record: &mut Record, report: &mut Report) -> Vec<Value> {
        let carried: Vec<Value> = self.properties.get(ARCHIVE).and_then(Value::as_array).cloned().unwrap_or_default();
        let mut archive = urls::Archive::new(carried);
        let none = Map::new();
        let assets = self.item.get("assets").and_then(Value::as_object).unwrap_or(&none);
        let (urls, without) = urls::of_assets(assets, &mut archive);
        without.iter().for_each(|key| report.note(format!("assets.{key}"), Effect::Approximated, "it has no `href`, so it is no URL of the record"));
        if !urls.is_empty() && !record.umm.contains_key("RelatedUrls") {
            record.umm.insert("RelatedUrls".into(), urls.into());
        }
        archive.finish()
    }

    fn data(&self, record: &mut Record, archive: Vec<Value>) {
        let mut data = match record.umm.remove("DataGranule") {
            Some(Value::Object(data)) => data,
            Some(odd) => return drop(record.umm.insert("DataGranule".into(), odd)),
            None => Map::new(),
        };
        let stated = self.properties.contains_key("umm:DataGranule");
        if !archive.is_empty() {
            data.insert("ArchiveAndDistributionInformation".into(), archive.into());
        }
        if let Some(flag) = self.properties.get(DAY_NIGHT) {
            data.insert("DayNightFlag".into(), flag.clone());
        }
        if let Some(produced) = self.text("processing:datetime") {
            data.insert("ProductionDateTime".into(), produced.into());
        }
        if stated || !data.is_empty() {
            record.umm.insert("DataGranule".into(), data.into());
        }
    }

    /// What the schema of UMM-G requires and the Item does not say.
    fn assume(&self, record: &mut Record, report: &mut Report) {
        let now = ["created", "updated", "datetime", "start_datetime"].iter().find_map(|key| self.text(key)).unwrap_or("1970-01-01T00:00:00Z");
        if let Some(data) = record.umm.get_mut("DataGranule").and_then(Value::as_object_mut) {
            if !data.contains_key("DayNightFlag") {
                data.insert("DayNightFlag".into(), "Unspecified".into());
                report.note("DataGranule.DayNightFlag", Effect::Assumed, "UMM-G requires it, and the Item does not say it");
            }
            if !data.contains_key("ProductionDateTime") {
                data.insert("ProductionDateTime".into(), now.into());
                report.note("DataGranule.ProductionDateTime", Effect::Assumed, "UMM-G requires it: the first date that the Item states");
            }
        }
        if !record.umm.contains_key("ProviderDates") {
            record.umm.insert("ProviderDates".into(), json!([{"Date": now, "Type": "Insert"}]));
            report.note("ProviderDates", Effect::Assumed, "UMM-G requires one: the first date that the Item states");
        }
        if !record.umm.contains_key("CollectionReference") {
            record.umm.insert("CollectionReference".into(), json!({"EntryTitle": "Not provided"}));
            report.note("CollectionReference", Effect::Assumed, "UMM-G requires it, and the Item names no collection");
        }
        let specification = json!({"URL": format!("https://cdn.earthdata.nasa.gov/umm/granule/v{UMM_G}"), "Name": "UMM-G", "Version": UMM_G});
        record.umm.insert("MetadataSpecification".into(), specification);
    }

    /// Where a carried field says something else than the Item does now, the Item was edited, and has the last word.
    fn put_right(&self, record: &mut Record, options: &Options<'_>, report: &mut Report) -> Result<(), MetadataError> {
        if !record.returns {
            return Ok(());
        }
        let made = granule_to_item(&record.to_value(), options)?.value;
        let differs = |keys: &[&str]| {
            keys.iter().any(|key| {
                let (own, made) = (self.properties.get(*key), made["properties"].get(*key));
                own.is_some() != made.is_some() || own.zip(made).is_some_and(|(own, made)| !same(own, made))
            })
        };
        let mut edited: Vec<(&str, Option<Value>)> = Vec::new();
        if differs(&["datetime", "start_datetime", "end_datetime"]) {
            edited.push(("TemporalExtent", self.temporal()));
        }
        if differs(&["platform", "instruments"]) {
            edited.push(("Platforms", self.platforms()));
        }
        if differs(&["eo:cloud_cover"]) {
            edited.push(("CloudCover", self.properties.get("eo:cloud_cover").filter(|c| c.is_number()).cloned()));
        }
        if differs(&["created"]) {
            edited.push(("ProviderDates", self.provider_dates()));
        }
        if self.properties.contains_key("umm:RelatedUrls") && self.item.get("assets") != made.get("assets") {
            let assets = self.item.get("assets").and_then(Value::as_object).cloned().unwrap_or_default();
            edited.push(("RelatedUrls", Some(urls::of_assets(&assets, &mut urls::Archive::new(Vec::new())).0.into())));
        }
        let geometry = |item: &Value| item.get("geometry").cloned().unwrap_or_default();
        if !geojson::same_shape(&geometry(self.item), &geometry(&made)) {
            edited.push(("SpatialExtent", self.spatial()));
        }
        if self.item.get("collection").is_some()
            && self.item.get("collection") != made.get("collection")
            && !record.meta.contains_key("collection-concept-id")
        {
            edited.push(("CollectionReference", self.collection()));
        }
        for (name, value) in edited {
            if record.umm.get(name) == value.as_ref() {
                continue;
            }
            if self.properties.contains_key(&format!("{UMM}{name}")) {
                report.note(name, Effect::Dropped, "the Item says something else now than the UMM field that it carries: the Item has the last word");
            }
            record.umm.remove(name);
            put(&mut record.umm, name, value);
        }
        Ok(())
    }
}

fn put(umm: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        umm.insert(name.into(), value);
    }
}
