//! Scenes whose pixels encode place and time, as granules of `HLSS30` with real files.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sha2::Digest;

use super::{About, given, hls, keys_link, links};
use crate::demo::Archive;
use crate::earthdata::roots::{Role, Roots};
use crate::scene::{Band, Scene};
use crate::tiff::{self, Blocks, Compression, Reduce, SampleType};
use crate::{Error, Result};

const DIRECTORY: &str = "lp-prod-protected/HLSS30.020";

/// Name of the band, level and contrast of its pixels.
const BANDS: [(&str, f64, f64); 4] = [("B02", 600.0, -150.0), ("B03", 850.0, -120.0), ("B04", 1000.0, -400.0), ("B8A", 2800.0, 900.0)];

/// Writes the files of [`Archive::demo`]'s twelve scenes in the manner of HLS below a folder, and returns their names.
///
/// `lp-prod-protected/HLSS30.020/<granule>/<granule>.<band>.tif`: int16, nodata -9999, scale 0.0001; `resolution` in metres.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be written.
pub fn hls_archive(directory: &Path, resolution: f64) -> Result<Vec<String>> {
    let scenes = scenes(resolution);
    for scene in &scenes {
        let terrain = scene.terrain();
        for band in &scene.bands {
            let options = tiff::Options {
                blocks: Blocks::Tiles(128, 128),
                compression: Compression::Deflate(1),
                overviews: vec![2],
                reduce: Reduce::Average,
                ..scene.tiff_options(band)
            };
            let bytes = tiff::encode(&[scene.plane_over(band, &terrain)?], &options)?;
            let path = directory.join(key(scene, band));
            let folder = path.parent().unwrap_or(directory);
            fs::create_dir_all(folder).map_err(Error::io(folder))?;
            fs::write(&path, bytes).map_err(Error::io(&path))?;
        }
    }
    Ok(scenes.into_iter().map(|scene| scene.id).collect())
}

fn scenes(resolution: f64) -> Vec<Scene> {
    let archive = Archive { resolution, ..Archive::demo() };
    archive.scenes().into_iter().map(renamed).collect()
}

fn renamed(scene: Scene) -> Scene {
    let tile = scene.properties["grid:code"].as_str().unwrap_or_default().trim_start_matches("MGRS-").to_owned();
    let bands = BANDS.iter().map(|(name, level, contrast)| Band {
        sample: SampleType::I16,
        nodata: Some(-9999.0),
        offset: 0.0,
        common_name: None,
        ..Band::reflectance(name, *level, *contrast)
    });
    Scene {
        id: format!("HLS.S30.T{tile}.{}.v2.0", scene.datetime.format("%Y%jT%H%M%S")),
        collection: "HLSS30".into(),
        bands: bands.collect(),
        ..scene
    }
}

fn key(scene: &Scene, band: &Band) -> String {
    format!("{DIRECTORY}/{0}/{0}.{1}.tif", scene.id, band.name)
}

/// The collection and the granules whose files are in the folder.
pub(super) fn records(directory: &Path, roots: &Roots) -> Result<Vec<given::Record>> {
    let about = About {
        concept: 2_021_957_295,
        provider: "LPCLOUD",
        short_name: "HLSS30",
        version: "2.0",
        title: "HLS Sentinel-2 Multi-spectral Instrument Surface Reflectance Daily Global 30m v2.0",
        summary: "Scenes whose pixels encode their place and time, in the manner of Harmonized Landsat Sentinel-2.",
        doi: "10.5067/HLS/HLSS30.002",
        host: Role::Lpdaac,
        buckets: &["lp-prod-protected/HLSS30.020", "lp-prod-public/HLSS30.020"],
        begins: "2015-11-28T00:00:00.000Z",
        platform: ("Sentinel-2A", "Sentinel-2 MSI"),
        keywords: ["LAND SURFACE", "SURFACE RADIATIVE PROPERTIES", "REFLECTANCE"],
        format: "Cloud Optimized GeoTIFF (COG)",
    };
    let collection = about.collection(roots, Box::new(given::Given::default()));
    let mut records = vec![given::Record::new(json!({ "meta": collection.meta, "umm": collection.umm }))];
    // The pixel size does not matter to a record: it does not name it.
    for (number, scene) in scenes(Archive::demo().resolution).iter().enumerate() {
        records.push(given::Record::new(granule(scene, number, directory, roots, &about)?));
    }
    Ok(records)
}

fn granule(scene: &Scene, number: usize, directory: &Path, roots: &Roots, about: &About<'_>) -> Result<Value> {
    let name = &scene.id;
    let time = scene.datetime.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let mut urls = Vec::new();
    let mut files = Vec::new();
    for band in &scene.bands {
        let key = key(scene, band);
        let path = directory.join(&key);
        let bytes = fs::read(&path).map_err(Error::io(&path))?;
        let sum: String = sha2::Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        files.push(json!({
            "Name": format!("{name}.{}.tif", band.name), "SizeInBytes": bytes.len(), "Size": bytes.len() as f64 / 1_048_576.0, "SizeUnit": "MB",
            "Checksum": { "Value": sum, "Algorithm": "SHA-256" },
        }));
        urls.extend(links(roots, Role::Lpdaac, &key, "GET DATA", "GET DATA VIA DIRECT ACCESS"));
    }
    let public = format!("lp-prod-public/HLSS30.020/{name}/{name}");
    urls.extend(links(roots, Role::Lpdaac, &format!("{public}.jpg"), "GET RELATED VISUALIZATION", "GET RELATED VISUALIZATION"));
    urls.extend(links(roots, Role::Lpdaac, &format!("{public}.cmr.xml"), "EXTENDED METADATA", "EXTENDED METADATA"));
    urls.push(keys_link(roots, Role::Lpdaac));
    let mut ring = scene.lonlat_ring()?;
    ring.push(ring[0]);
    let points: Value = serde_json::from_str(&hls::points(&ring))?;
    let cloud = scene.properties["eo:cloud_cover"].as_f64().unwrap_or_default().round();
    let tile = scene.properties["grid:code"].as_str().unwrap_or_default().trim_start_matches("MGRS-");
    let attribute = |name: &str, value: String| json!({ "Name": name, "Values": [value] });
    Ok(json!({
        "meta": {
            "concept-type": "granule", "concept-id": format!("G{}-LPCLOUD", 2_400_000_000_u64 + number as u64), "revision-id": 1,
            "native-id": name, "collection-concept-id": about.concept_id(), "provider-id": "LPCLOUD",
            "format": "application/echo10+xml", "revision-date": "2024-07-01T00:00:00.000Z",
        },
        "umm": {
            "TemporalExtent": { "RangeDateTime": { "BeginningDateTime": time, "EndingDateTime": time } },
            "GranuleUR": name,
            "AdditionalAttributes": [
                attribute("CLOUD_COVERAGE", cloud.to_string()), attribute("MGRS_TILE_ID", tile.to_owned()),
                attribute("REF_SCALE_FACTOR", "0.0001".into()), attribute("ADD_OFFSET", "0".into()), attribute("FILLVALUE", "-9999".into()),
            ],
            "SpatialExtent": { "HorizontalSpatialDomain": { "Geometry": { "GPolygons": [{ "Boundary": { "Points": points } }] } } },
            "ProviderDates": [{ "Date": "2024-07-01T00:00:00.000Z", "Type": "Insert" }],
            "CollectionReference": { "EntryTitle": about.title },
            "RelatedUrls": urls,
            "CloudCover": cloud,
            "DataGranule": {
                "DayNightFlag": "Day", "ProductionDateTime": "2024-07-01T00:00:00.000Z", "ArchiveAndDistributionInformation": files,
                "Identifiers": [{ "Identifier": name, "IdentifierType": "ProducerGranuleId" }],
            },
            "Platforms": [{ "ShortName": "Sentinel-2A", "Instruments": [{ "ShortName": "Sentinel-2 MSI" }] }],
            "MetadataSpecification": { "URL": "https://cdn.earthdata.nasa.gov/umm/granule/v1.6.6", "Name": "UMM-G", "Version": "1.6.6" },
        },
    }))
}
