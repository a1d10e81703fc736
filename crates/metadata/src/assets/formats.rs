//! The table of file formats: short names, media types, extensions.
//!
//! Media types are those of the IANA registry where it has one, else those that the STAC best practices recommend
//! (<https://github.com/radiantearth/stac-best-practices/blob/main/best-practices-asset-and-link.md#common-media-types-in-stac>).

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

/// A file format, as far as a filter tells one from another.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Format {
    /// The short name that a filter uses: `cog`.
    pub(crate) name: &'static str,
    /// What it is written as.
    pub(crate) media_type: &'static str,
    /// Other media types in use for it, in lower case, without spaces.
    others: &'static [&'static str],
    /// Endings of file names, in lower case, with the dot.
    extensions: &'static [&'static str],
    /// The wider format that it is one of: a COG is a GeoTIFF, a GeoTIFF is a TIFF.
    within: Option<&'static str>,
    /// Can parts of it be read without the whole file?
    pub(crate) cloud_optimised: bool,
}

const fn format(name: &'static str, media_type: &'static str, others: &'static [&'static str], extensions: &'static [&'static str]) -> Format {
    Format { name, media_type, others, extensions, within: None, cloud_optimised: false }
}

const fn cloud(format: Format) -> Format {
    Format { cloud_optimised: true, ..format }
}

const fn within(wider: &'static str, format: Format) -> Format {
    Format { within: Some(wider), ..format }
}

const FORMATS: &[Format] = &[
    format("tiff", "image/tiff", &["image/tif", "image/x-tiff"], &[]),
    within(
        "tiff",
        format(
            "geotiff",
            "image/tiff; application=geotiff",
            &["image/x.geotiff", "image/vnd.stac.geotiff", "image/geotiff", "application/geotiff", "application/x-geotiff"],
            &[".tif", ".tiff", ".gtiff", ".geotiff"],
        ),
    ),
    within(
        "geotiff",
        cloud(format(
            "cog",
            "image/tiff; application=geotiff; profile=cloud-optimized",
            &[
                "image/vnd.stac.geotiff;cloud-optimized=true",
                "image/vnd.stac.geotiff;profile=cloud-optimized",
                "image/x.geotiff;profile=cloud-optimized",
            ],
            &[],
        )),
    ),
    format(
        "netcdf",
        "application/netcdf",
        &["application/x-netcdf", "application/x-netcdf4", "application/netcdf4"],
        &[".nc", ".nc4", ".nc3", ".cdf"],
    ),
    format("hdf5", "application/x-hdf5", &["application/hdf5"], &[".h5", ".hdf5", ".he5"]),
    format("hdf", "application/x-hdf", &["application/x-hdf4", "application/x-hdfeos", "application/hdf"], &[".hdf", ".hdf4", ".he4", ".h4"]),
    format("dmrpp", "application/vnd.opendap.dap4.dmrpp+xml", &[], &[".dmrpp"]),
    cloud(format("zarr", "application/vnd.zarr", &["application/vnd+zarr", "application/x-zarr"], &[".zarr", ".zarr.zip"])),
    format("jp2", "image/jp2", &["image/jpeg2000", "image/jpx"], &[".jp2", ".j2k", ".jpx"]),
    format("png", "image/png", &[], &[".png", ".apng"]),
    format("jpeg", "image/jpeg", &["image/jpg"], &[".jpg", ".jpeg"]),
    format("gif", "image/gif", &[], &[".gif"]),
    format("webp", "image/webp", &[], &[".webp"]),
    format("json", "application/json", &["text/json"], &[".json"]),
    within("json", format("geojson", "application/geo+json", &["application/vnd.geo+json"], &[".geojson"])),
    format("ndjson", "application/x-ndjson", &["application/ndjson", "application/jsonl"], &[".ndjson", ".jsonl"]),
    format("yaml", "application/yaml", &["application/x-yaml", "text/yaml", "text/x-yaml"], &[".yaml", ".yml"]),
    format("xml", "application/xml", &["text/xml"], &[".xml"]),
    within("xml", format("iso19139", "application/vnd.iso.19139+xml", &["application/vnd.iso.19139-2+xml", "application/vnd.iso.19115-3+xml"], &[])),
    within("xml", format("gml", "application/gml+xml", &["text/gml"], &[".gml"])),
    within("xml", format("kml", "application/vnd.google-earth.kml+xml", &[], &[".kml"])),
    format("kmz", "application/vnd.google-earth.kmz", &[], &[".kmz"]),
    format("html", "text/html", &["application/xhtml+xml"], &[".html", ".htm"]),
    format("text", "text/plain", &[], &[".txt", ".asc", ".md5", ".sha256", ".sha512"]),
    format("csv", "text/csv", &[], &[".csv"]),
    format("pdf", "application/pdf", &[], &[".pdf"]),
    cloud(format(
        "parquet",
        "application/vnd.apache.parquet",
        &["application/x-parquet", "application/parquet", "application/geoparquet"],
        &[".parquet", ".geoparquet", ".parq"],
    )),
    cloud(format("flatgeobuf", "application/vnd.flatgeobuf", &["application/flatgeobuf"], &[".fgb"])),
    cloud(format("pmtiles", "application/vnd.pmtiles", &[], &[".pmtiles"])),
    format("geopackage", "application/geopackage+sqlite3", &[], &[".gpkg"]),
    format("shapefile", "application/vnd.shp", &["application/x-shapefile"], &[".shp"]),
    format("las", "application/vnd.las", &[], &[".las"]),
    format("laz", "application/vnd.laszip", &["application/vnd.las+zip"], &[".laz"]),
    within("laz", cloud(format("copc", "application/vnd.laszip+copc", &["application/vnd.copc"], &[".copc.laz"]))),
    format(
        "grib",
        "application/wmo-grib2",
        &["application/wmo-grib", "application/x-grib", "application/x-grib2"],
        &[".grib", ".grib2", ".grb", ".grb2"],
    ),
    format("zip", "application/zip", &["application/x-zip-compressed"], &[".zip"]),
    format("gzip", "application/gzip", &["application/x-gzip"], &[".gz", ".tgz"]),
    format("tar", "application/x-tar", &["application/tar"], &[".tar"]),
];

/// Media types that say nothing. `Not provided` is one of UMM's own.
const EMPTY: [&str; 6] =
    ["application/octet-stream", "binary/octet-stream", "application/binary", "not provided", "application/x-unknown", "unknown/unknown"];

/// The media type of a file: the one `stated`, else the one that the ending of `href` stands for; None where neither says anything.
///
/// `application/octet-stream` and `Not provided` say nothing. A name that ends in `.tif` says GeoTIFF and no more: whether it is cloud-optimised is
/// not in its name.
///
/// ```
/// use cube_metadata::assets::media_type;
///
/// assert_eq!(media_type(None, "s3://b/x.nc").as_deref(), Some("application/netcdf"));
/// assert_eq!(media_type(Some("Not provided"), "https://h.test/x.TIF?sig=1").as_deref(), Some("image/tiff; application=geotiff"));
/// assert_eq!(media_type(Some("image/x-own"), "x.tif").as_deref(), Some("image/x-own"));
/// assert_eq!(media_type(Some("application/octet-stream"), "x.unheard-of").as_deref(), Some("application/octet-stream"));
/// assert_eq!(media_type(None, "README"), None);
/// ```
pub fn media_type<'a>(stated: Option<&'a str>, href: &str) -> Option<Cow<'a, str>> {
    let stated = stated.map(str::trim).filter(|s| !s.is_empty());
    let telling = stated.filter(|s| !EMPTY.iter().any(|e| e.eq_ignore_ascii_case(s)));
    let known = || of_file_name(super::asset::file_name(href)).map(|f| Cow::Borrowed(f.media_type));
    let typed = || stated.filter(|s| s.contains('/')).map(Cow::Borrowed);
    telling.map(Cow::Borrowed).or_else(known).or_else(typed)
}

/// The format that the ending of a file name stands for: the last two parts of it where they are known together, else the last.
pub(crate) fn of_file_name(name: &str) -> Option<&'static Format> {
    static ENDINGS: LazyLock<Vec<(u128, &'static Format)>> = LazyLock::new(|| {
        let endings = FORMATS.iter().flat_map(|format| format.extensions.iter().map(move |extension| (packed(extension.as_bytes()), format)));
        let mut endings: Vec<_> = endings.collect();
        endings.sort_unstable_by_key(|(ending, _)| *ending);
        endings
    });
    let bytes = name.as_bytes();
    let mut buffer = [0; LONGEST_ENDING];
    let end = lower(&bytes[bytes.len().saturating_sub(LONGEST_ENDING)..], &mut buffer)?;
    let last = end.iter().rposition(|b| *b == b'.')?;
    let before = end[..last].iter().rposition(|b| *b == b'.');
    let known = |dot: usize| ENDINGS.binary_search_by_key(&packed(&end[dot..]), |(ending, _)| *ending).ok().map(|i| ENDINGS[i].1);
    before.and_then(known).or_else(|| known(last))
}

/// Bytes of `.geoparquet`, the longest ending.
const LONGEST_ENDING: usize = 11;

/// An ending as a number, which is quicker to compare than a text.
fn packed(ending: &[u8]) -> u128 {
    ending.iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
}

fn lower<'a>(text: &[u8], buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let buffer = buffer.get_mut(..text.len())?;
    buffer.copy_from_slice(text);
    buffer.make_ascii_lowercase();
    Some(buffer)
}

/// The format with this short name; `geoparquet` and `netcdf4` are understood too.
pub(crate) fn of_short_name(name: &str) -> Option<&'static Format> {
    let name = match name.to_ascii_lowercase().as_str() {
        "tif" => "tiff",
        "gtiff" => "geotiff",
        "netcdf4" | "nc" | "nc4" => "netcdf",
        "h5" => "hdf5",
        "hdf4" => "hdf",
        "dmr++" => "dmrpp",
        "jpg" => "jpeg",
        "jpeg2000" => "jp2",
        "geoparquet" => "parquet",
        "htm" => "html",
        "txt" => "text",
        "gpkg" => "geopackage",
        "fgb" => "flatgeobuf",
        other => return FORMATS.iter().find(|f| f.name == other),
    };
    FORMATS.iter().find(|f| f.name == name)
}

/// The format that a media type names, its parameters in any order; an unknown parameter does not matter.
pub(crate) fn of_media_type(text: &str) -> Option<&'static Format> {
    type Kinds = Vec<(MediaType<'static>, &'static Format)>;
    /// By essence, those with more parameters first.
    static NAMES: LazyLock<HashMap<&'static [u8], Kinds>> = LazyLock::new(|| {
        let mut names: HashMap<&'static [u8], Kinds> = HashMap::new();
        for format in FORMATS {
            for name in std::iter::once(&format.media_type).chain(format.others).map(|n| MediaType::read(n)) {
                names.entry(name.essence.as_bytes()).or_default().push((name, format));
            }
        }
        names.values_mut().for_each(|kinds| kinds.sort_by_key(|(name, _)| std::cmp::Reverse(name.parameters().count())));
        names
    });
    let media_type = MediaType::read(text);
    let mut buffer = [0; 64];
    let kinds = NAMES.get(lower(media_type.essence.as_bytes(), &mut buffer)?)?;
    kinds.iter().find(|(name, _)| media_type.is_a(name)).map(|(_, format)| *format)
}

impl Format {
    /// Is it `wider`, or one of its kinds?
    pub(crate) fn is_a(&self, wider: &Self) -> bool {
        self.name == wider.name || self.within.and_then(|w| FORMATS.iter().find(|f| f.name == w)).is_some_and(|f| f.is_a(wider))
    }

    /// All short names, for advice.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        FORMATS.iter().map(|f| f.name)
    }
}

/// A media type in its parts (RFC 6838, RFC 9110 section 8.3.1); nothing is copied.
pub(crate) struct MediaType<'a> {
    essence: &'a str,
    parameters: &'a str,
}

impl<'a> MediaType<'a> {
    pub(crate) fn read(text: &'a str) -> Self {
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        Self { essence: essence.trim(), parameters }
    }

    /// `type/subtype`, without parameters.
    pub(crate) fn essence(&self) -> &'a str {
        self.essence
    }

    fn parameters(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let pairs = self.parameters.split(';').filter_map(|p| p.split_once('='));
        pairs.map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
    }

    /// Is it of the type `wider`, with all its parameters?
    pub(crate) fn is_a(&self, wider: &MediaType<'_>) -> bool {
        let same = |(a, b): (&str, &str), (c, d): (&str, &str)| a.eq_ignore_ascii_case(c) && b.eq_ignore_ascii_case(d);
        self.essence.eq_ignore_ascii_case(wider.essence) && wider.parameters().all(|wanted| self.parameters().any(|own| same(own, wanted)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(media_type: &str) -> Option<&'static str> {
        of_media_type(media_type).map(|f| f.name)
    }

    #[test]
    fn media_types_are_read_as_catalogues_write_them() {
        let cases = [
            ("image/tiff", Some("tiff")),
            ("image/tiff; application=geotiff;", Some("geotiff")),
            ("IMAGE/TIFF;profile=cloud-optimized;application=geotiff", Some("cog")),
            ("image/tiff; application=geotiff; profile=\"cloud-optimized\"", Some("cog")),
            ("image/vnd.stac.geotiff; cloud-optimized=true", Some("cog")),
            ("image/vnd.stac.geotiff", Some("geotiff")),
            ("application/x-netcdf", Some("netcdf")),
            ("application/vnd.zarr; version=3", Some("zarr")),
            ("application/vnd.zarr;version=2;profile=multiscales", Some("zarr")),
            ("application/json; charset=utf-8", Some("json")),
            ("application/x-hdfeos", Some("hdf")),
            ("video/mpeg", None),
            ("", None),
        ];
        for (media_type, expected) in cases {
            assert_eq!(name_of(media_type), expected, "{media_type}");
        }
    }

    #[test]
    fn each_format_is_found_by_all_its_names() {
        for format in FORMATS {
            assert_eq!(of_short_name(format.name), Some(format));
            std::iter::once(&format.media_type).chain(format.others).for_each(|m| assert_eq!(of_media_type(m), Some(format), "{m}"));
            format.extensions.iter().for_each(|e| assert_eq!(of_file_name(&format!("a.b{e}").to_uppercase()), Some(format), "{e}"));
            assert!(format.within.is_none_or(|wider| of_short_name(wider).is_some()), "{format:?}");
        }
    }

    #[test]
    fn the_longest_ending_tells_the_format() {
        let cases = [
            ("a.copc.laz", "copc"),
            ("a.laz", "laz"),
            ("a.nc.dmrpp", "dmrpp"),
            ("a.h5.png", "png"),
            ("a.zarr.zip", "zarr"),
            ("a.tif.aux.xml", "xml"),
        ];
        for (file, expected) in cases {
            assert_eq!(of_file_name(file).map(|f| f.name), Some(expected), "{file}");
        }
        assert_eq!(FORMATS.iter().flat_map(|f| f.extensions).map(|e| e.len()).max(), Some(LONGEST_ENDING));
        assert_eq!(of_file_name("tif"), None);
        assert_eq!(of_file_name("é.t"), None);
    }

    #[test]
    fn a_kind_is_one_of_the_wider_format() {
        let is_a = |a: &str, b: &str| of_short_name(a).expect("a format").is_a(of_short_name(b).expect("a format"));
        assert!(is_a("cog", "tiff") && is_a("cog", "geotiff") && is_a("geojson", "json") && is_a("copc", "laz"));
        assert!(!is_a("tiff", "cog") && !is_a("json", "geojson") && !is_a("hdf5", "netcdf"));
    }
}
