//! Facts of a granule of CMR, without the STAC item that it would become: most searches want no more, and a hundred thousand items take long.

use std::borrow::Cow;

use cube_metadata::umm::{File, Granule};
use serde::Deserialize;
use serde_json::Value;

use super::{
    convert::AsStac,
    record::{Facts, FileFacts},
};
use crate::{Error, Result};

/// What an item says beside its assets, as far as facts are concerned.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    collection: Option<String>,
    bbox: Option<Value>,
    properties: Properties,
}

#[derive(Deserialize)]
struct Properties {
    datetime: Option<String>,
    start_datetime: Option<String>,
    end_datetime: Option<String>,
    #[serde(rename = "cmr:concept_id")]
    concept_id: Option<String>,
    #[serde(rename = "eo:cloud_cover")]
    cloud_cover: Option<f64>,
}

/// The facts that the item of this record would give; `None` where only the item itself tells: a record that was an item of STAC once has its assets
/// from there.
pub(super) fn of(json: &[u8], as_stac: &AsStac) -> Result<Option<Facts>> {
    let mut granule = Granule::parse(json)?;
    if granule.was_item() {
        return Ok(None);
    }
    let files: Vec<_> = granule.files().iter().map(file).collect();
    granule.urls.clear();
    let mut summary = Vec::with_capacity(512);
    as_stac.write_summary(&granule, &mut summary)?;
    let outline: Outline<'_> = serde_json::from_slice(&summary).map_err(|e| Error::failed("a record could not be turned into a STAC item", e))?;
    let Properties { datetime, start_datetime, end_datetime, concept_id, cloud_cover } = outline.properties;
    Ok(Some(Facts {
        id: outline.id.into_owned(),
        collection: outline.collection,
        concept_id,
        start: start_datetime.or_else(|| datetime.clone()),
        end: end_datetime.or(datetime),
        cloud_cover,
        size: Facts::size_of(&files),
        bbox: outline.bbox,
        files,
    }))
}

fn file(file: &File<'_>) -> FileFacts {
    let at = |scheme: &str| std::iter::once(&file.place).chain(&file.others).find(|place| place.scheme.eq_ignore_ascii_case(scheme));
    FileFacts {
        key: file.key.to_string(),
        href: at("https").unwrap_or(&file.place).url.url.to_string(),
        s3: at("s3").map(|place| place.url.url.to_string()),
        roles: file.kind.roles().iter().map(|role| (*role).to_owned()).collect(),
        media_type: file.media_type().map(Cow::into_owned),
        size: file.size(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::search::Record;

    fn granule(umm: Value) -> Bytes {
        let mut record = json!({"meta": {"concept-id": "G1-P", "collection-concept-id": "C1-P", "revision-id": 1}, "umm": {"GranuleUR": "A.2024"}});
        if let (Some(all), Some(given)) = (record["umm"].as_object_mut(), umm.as_object()) {
            all.extend(given.clone());
        }
        record.to_string().into()
    }

    /// Facts from the record and facts from its item are the same.
    #[test]
    fn facts_do_not_depend_on_the_item() {
        let range = json!({"RangeDateTime": {"BeginningDateTime": "2024-06-01T00:00:00Z", "EndingDateTime": "2024-06-02T00:00:00Z"}});
        let points = json!([{"Longitude": 1.0, "Latitude": 2.5}, {"Longitude": 3, "Latitude": 2.5}, {"Longitude": 3, "Latitude": 4}, {"Longitude": 1.0, "Latitude": 2.5}]);
        let records = [
            granule(json!({"TemporalExtent": {"SingleDateTime": "2024-06-01T12:00:00.5Z"}})),
            granule(json!({
                "TemporalExtent": range, "CloudCover": 12.5,
                "CollectionReference": {"ShortName": "A", "Version": "1"},
                "SpatialExtent": {"HorizontalSpatialDomain": {"Geometry": {"GPolygons": [{"Boundary": {"Points": points}}]}}},
                "RelatedUrls": [
                    {"URL": "https://d.test/A.2024.B1.tif", "Type": "GET DATA"},
                    {"URL": "s3://b/A.2024.B1.tif", "Type": "GET DATA VIA DIRECT ACCESS"},
                    {"URL": "https://d.test/A.2024.B2.tif", "Type": "GET DATA", "MimeType": "image/tiff"},
                    {"URL": "https://d.test/A.jpg", "Type": "GET RELATED VISUALIZATION", "Description": "a \"picture\""},
                    {"URL": "https://d.test/s3credentials", "Type": "VIEW RELATED INFORMATION"},
                ],
                "DataGranule": {"ArchiveAndDistributionInformation": [{"Name": "A.2024.B1.tif", "SizeInBytes": 1234, "Checksum": {"Value": "ab", "Algorithm": "MD5"}}]},
            })),
            granule(json!({
                "TemporalExtent": range,
                "AdditionalAttributes": [{"Name": "CLOUD_COVERAGE", "Values": ["7"]}],
                "SpatialExtent": {"HorizontalSpatialDomain": {"Geometry": {"BoundingRectangles": [
                    {"WestBoundingCoordinate": 170, "SouthBoundingCoordinate": -10, "EastBoundingCoordinate": -170, "NorthBoundingCoordinate": 10}]}}},
            })),
        ];
        for json in records {
            let as_stac = std::sync::Arc::new(AsStac::default());
            let record = Record::from_umm(json.clone(), &as_stac);
            let direct = of(&json, &as_stac).expect("a granule").expect("facts");
            assert_eq!(record.facts().expect("facts"), direct);
            record.item().expect("an item");
            assert_eq!(record.facts().expect("facts"), direct, "from the item");
        }
    }
}
