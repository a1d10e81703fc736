//! The files of a granule as bands, under the names by which they may be asked for.
//!
//! A name is, in this order: the key of a file (`B04`, `data`); its name; what its name ends in after a separator, with or without the ending
//! (`B04.tif`, `LST`, `.nc`). A name that fits several files of data names none of them.

use std::{collections::BTreeMap, sync::Arc};

use cube_core::{Affine, Asset, Crs, Shape, SourceGrid};
use cube_metadata::umm::{File, Granule, Kind};

/// Suffixes of sidecars, the longer one first because the shorter is its end.
const SIDECARS: [&str; 2] = [".dap.dmrpp", ".dmrpp"];
const GRIDDED: [&str; 7] = [".nc", ".nc4", ".h5", ".hdf5", ".he5", ".cdf", ".hdf"];
const RASTERS: [&str; 3] = [".tif", ".tiff", ".jp2"];

/// The bands of a granule by name; `wanted` names those to keep, none means all files of data that look like pixels.
pub(super) fn assets(granule: &Granule<'_>, wanted: &[String], has_sidecars: bool) -> BTreeMap<String, Arc<Asset>> {
    let files = granule.files();
    let grid = source_grid(granule);
    let asset = |file: &File<'_>| Arc::new(asset(file, &files, grid.as_ref(), has_sidecars));
    if wanted.is_empty() {
        return files.iter().filter(|f| f.kind == Kind::Data && looks_like_pixels(f)).map(|f| (f.key.to_string(), asset(f))).collect();
    }
    wanted.iter().filter_map(|name| Some((name.clone(), asset(find(&files, name)?)))).collect()
}

fn find<'f, 'g>(files: &'f [File<'g>], name: &str) -> Option<&'f File<'g>> {
    let by = |fits: &dyn Fn(&File<'_>) -> bool| {
        let mut found = files.iter().filter(|f| f.kind == Kind::Data && fits(f));
        let first = found.next()?;
        found.next().is_none().then_some(first)
    };
    // A key is unique, also among what is no data and is asked for by it.
    files
        .iter()
        .find(|f| f.key == name)
        .or_else(|| by(&|f| f.name == name))
        .or_else(|| by(&|f| ends_in(f.name, name)))
        .or_else(|| by(&|f| f.name.rsplit_once('.').is_some_and(|(stem, _)| ends_in(stem, name))))
}

/// Whether a name ends in a part of its own.
fn ends_in(name: &str, end: &str) -> bool {
    let separator = |c: char| matches!(c, '.' | '_' | '-');
    !end.is_empty() && name.strip_suffix(end).is_some_and(|before| before.ends_with(separator) || end.starts_with(separator))
}

/// Without a title: records describe the file of one granule ("Download …"), not the band.
fn asset(file: &File<'_>, all: &[File<'_>], grid: Option<&SourceGrid>, has_sidecars: bool) -> Asset {
    let href = file.place.url.url.to_string();
    Asset {
        grid: grid.filter(|_| ends_with(file.name, &RASTERS)).cloned(),
        media_type: file.media_type().map(std::borrow::Cow::into_owned),
        size: file.size(),
        checksum: file.checksum().and_then(|c| c.to_multihash()),
        alternates: file.others.iter().map(|p| (p.scheme.to_owned(), p.url.url.to_string())).collect(),
        sidecar: sidecar(file, all).or_else(|| (has_sidecars && ends_with(file.name, &GRIDDED)).then(|| format!("{href}.dmrpp"))),
        ..Asset::bare(&href)
    }
}

/// The DMR++ that the record lists for a file.
fn sidecar(file: &File<'_>, all: &[File<'_>]) -> Option<String> {
    let of_it = |f: &&File<'_>| SIDECARS.iter().any(|end| f.name.strip_suffix(end) == Some(file.name));
    all.iter().find(of_it).map(|f| f.place.url.url.to_string())
}

fn looks_like_pixels(file: &File<'_>) -> bool {
    let media = file.media_type().unwrap_or_default();
    media.starts_with("image/tiff")
        || media.starts_with("image/jp2")
        || media.contains("hdf")
        || media.contains("netcdf")
        || ends_with(file.name, &GRIDDED)
        || ends_with(file.name, &RASTERS)
}

fn ends_with(name: &str, endings: &[&str]) -> bool {
    endings.iter().any(|end| {
        name.len() >= end.len() && name.is_char_boundary(name.len() - end.len()) && name[name.len() - end.len()..].eq_ignore_ascii_case(end)
    })
}

/// The grid that the rasters of a granule share, where attributes state it.
fn source_grid(granule: &Granule<'_>) -> Option<SourceGrid> {
    let grid = granule.grid()?;
    let [a, b, c, d, e, f] = grid.transform();
    let [rows, cols] = grid.shape;
    let shape = Shape::new(usize::try_from(rows).ok()?, usize::try_from(cols).ok()?);
    Some(SourceGrid { crs: Some(Crs::from_epsg(grid.epsg)), affine: Some(Affine::new(a, b, c, d, e, f)), shape: Some(shape), extent: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(ur: &str, urls: &[(&str, &str)]) -> String {
        let urls: Vec<String> = urls.iter().map(|(url, kind)| format!(r#"{{"URL": "{url}", "Type": "{kind}"}}"#)).collect();
        format!(r#"{{"umm": {{"GranuleUR": "{ur}", "RelatedUrls": [{}]}}}}"#, urls.join(","))
    }

    fn hrefs(record: &str, wanted: &[&str]) -> BTreeMap<String, String> {
        let wanted: Vec<String> = wanted.iter().map(|w| (*w).to_owned()).collect();
        let granule = Granule::parse(record.as_bytes()).expect("a granule");
        assets(&granule, &wanted, false).into_iter().map(|(name, a)| (name, a.href.clone())).collect()
    }

    #[test]
    fn bands_go_by_key_name_and_end() {
        let hls = record(
            "HLS.L30.T1.v2.0",
            &[
                ("https://h/HLS.L30.T1.v2.0.B04.tif", "GET DATA"),
                ("s3://b/HLS.L30.T1.v2.0.B04.tif", "GET DATA VIA DIRECT ACCESS"),
                ("https://h/HLS.L30.T1.v2.0.Fmask.tif", "GET DATA"),
                ("https://h/HLS.L30.T1.v2.0.jpg", "GET RELATED VISUALIZATION"),
            ],
        );
        assert_eq!(hrefs(&hls, &[]).keys().map(String::as_str).collect::<Vec<_>>(), ["B04", "Fmask"]);
        let b04 = Some(&"https://h/HLS.L30.T1.v2.0.B04.tif".to_owned());
        for name in ["B04", "B04.tif", "HLS.L30.T1.v2.0.B04.tif", ".B04.tif"] {
            assert_eq!(hrefs(&hls, &[name]).get(name), b04, "{name}");
        }
        for name in ["04", "04.tif", "B05", ".tif", ""] {
            assert!(hrefs(&hls, &[name]).is_empty(), "{name}");
        }
        let granule = Granule::parse(hls.as_bytes()).expect("a granule");
        assert_eq!(assets(&granule, &[], false)["B04"].alternates["s3"], "s3://b/HLS.L30.T1.v2.0.B04.tif");
    }

    #[test]
    fn a_sidecar_is_listed_or_said_to_be_there() {
        let urls = [("https://h/x.nc", "GET DATA"), ("https://h/x.nc.dmrpp", "EXTENDED METADATA"), ("https://h/x.nc.md5", "EXTENDED METADATA")];
        let with = |urls: &[(&str, &str)], assumed: bool| {
            let record = record("x", urls);
            let granule = Granule::parse(record.as_bytes()).expect("a granule");
            let all = assets(&granule, &[], assumed);
            assert_eq!(all.keys().map(String::as_str).collect::<Vec<_>>(), ["data"]);
            all["data"].sidecar.clone()
        };
        assert_eq!(with(&urls, false).as_deref(), Some("https://h/x.nc.dmrpp"));
        assert_eq!(with(&urls[..1], false), None, "never guessed");
        assert_eq!(with(&urls[..1], true).as_deref(), Some("https://h/x.nc.dmrpp"));
    }

    #[test]
    fn endings_tell_formats_apart() {
        let several =
            record("GRD-3", &[("https://h/GRD-3.nc", "GET DATA"), ("https://h/GRD-3.tif", "GET DATA"), ("https://h/GRD-3.txt", "GET DATA")]);
        assert_eq!(hrefs(&several, &[".nc"])[".nc"], "https://h/GRD-3.nc");
        assert_eq!(hrefs(&several, &["tif"])["tif"], "https://h/GRD-3.tif");
    }
}
