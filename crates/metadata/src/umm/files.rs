//! `RelatedUrls` put together into files: the places of one file are one asset, and no two assets have one key.

use std::borrow::Cow;

use super::{
    Granule,
    kind::Kind,
    parts::{ArchiveFile, RelatedUrl},
};
use crate::{
    Asset, Checksum,
    assets::{AssetKeys, Band, media_type},
};

/// What [`media_type`] says of `.tif`.
const GEOTIFF: &str = "image/tiff; application=geotiff";

/// One place of a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place<'g> {
    /// Scheme of the URL: `https`, `s3`, `ftp`, …
    pub scheme: &'g str,
    /// The entry of `RelatedUrls`.
    pub url: &'g RelatedUrl<'g>,
    /// Where it stands in `RelatedUrls`.
    pub index: usize,
}

/// A file of a granule, or a page, service or program that belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct File<'g> {
    /// Key of its asset, unique in the granule.
    pub key: Cow<'g, str>,
    /// What it is.
    pub kind: Kind,
    /// Last part of the path.
    pub name: &'g str,
    /// Where it is read: `https` where there is one, else the first place.
    pub place: Place<'g>,
    /// Other places of the same bytes.
    pub others: Vec<Place<'g>>,
    /// What `ArchiveAndDistributionInformation` says of it.
    pub archive: Option<&'g ArchiveFile<'g>>,
    /// Whether it is one of several files of data and holds one band, which the key names.
    pub is_band: bool,
    mark: u64,
    /// Whether its key, its places or its archive entry follow from the order of the lists.
    pub(crate) by_order: bool,
}

impl File<'_> {
    /// Its media type, as stated or from the ending of its name.
    pub fn media_type(&self) -> Option<Cow<'_, str>> {
        let stated = self.place.url.mime_type.as_deref();
        // Most files of most granules: the same answer, without the tables.
        if stated.is_none() && self.name.ends_with(".tif") {
            return Some(GEOTIFF.into());
        }
        media_type(stated, self.name)
    }

    /// Its size in bytes, where the record states it exactly.
    pub fn size(&self) -> Option<u64> {
        self.archive.and_then(ArchiveFile::exact_size)
    }

    /// Its checksum.
    pub fn checksum(&self) -> Option<Checksum> {
        let (algorithm, value) = self.archive?.checksum.as_ref()?;
        Some(Checksum { algorithm: algorithm.to_string(), value: value.to_string() })
    }

    pub(crate) fn to_asset(&self) -> Asset {
        Asset {
            key: self.key.to_string(),
            href: self.place.url.url.to_string(),
            alternates: self.others.iter().map(|p| (p.scheme.to_owned(), p.url.url.to_string())).collect(),
            description: self.place.url.description.as_deref().map(str::to_owned),
            media_type: self.media_type().map(Into::into),
            roles: self.kind.roles().iter().map(|&r| r.to_owned()).collect(),
            bands: self.is_band.then(|| Band::named(self.key.as_ref())).into_iter().collect(),
            size: self.size(),
            checksum: self.checksum(),
            ..Asset::default()
        }
    }
}

impl ArchiveFile<'_> {
    /// `SizeInBytes`; else `Size` times its unit, where that has so many digits that it is a number of bytes divided by a power of 1024.
    pub fn exact_size(&self) -> Option<u64> {
        if let Some(bytes) = self.bytes {
            return bytes.as_u64();
        }
        let (size, power) = (self.size?, ["KB", "MB", "GB", "TB", "PB"].iter().position(|u| self.unit.as_deref() == Some(u))? + 1);
        let digits = size.as_str().bytes().filter(u8::is_ascii_digit).count();
        let bytes = size.value() * 1024f64.powi(power as i32);
        let whole = bytes.round();
        (digits >= 12 && whole >= 1.0 && (bytes - whole).abs() < 1e-3 && whole < 9e15).then_some(whole as u64)
    }
}

/// The files of a granule, in the order of `RelatedUrls`.
pub(super) fn of<'g>(granule: &'g Granule<'g>) -> Vec<File<'g>> {
    let mut files: Vec<File<'g>> = Vec::with_capacity(granule.urls.len());
    for (index, url) in granule.urls.iter().enumerate() {
        let (scheme, name) = parts(&url.url);
        let kind = Kind::of_url(url, name);
        let mark = mark(name);
        match twin(&files, kind, name, mark, Place { scheme, url, index }) {
            Some(file) => files[file].add(kind, Place { scheme, url, index }),
            // Made in its place; `push` would make it elsewhere and move it.
            None => files.resize_with(files.len() + 1, || File {
                key: Cow::Borrowed(""),
                kind,
                name,
                place: Place { scheme, url, index },
                others: Vec::new(),
                archive: None,
                is_band: false,
                mark,
                by_order: false,
            }),
        }
    }
    describe(granule, &mut files);
    name_all(granule, &mut files);
    // Files of one name: which place belongs to which, and which entry of the archive, may follow from their order.
    if has_twice(files.iter().map(|f| f.mark)) {
        files.iter_mut().for_each(|f| f.by_order = true);
    }
    files
}

/// Scheme and file name of a URL.
fn parts(url: &str) -> (&str, &str) {
    let bytes = url.as_bytes();
    let scheme = match bytes.iter().take(10).position(|b| *b == b':') {
        Some(end) if bytes[end..].starts_with(b"://") && &bytes[..end] != b"http" => &url[..end],
        _ => "https",
    };
    let path = memchr::memchr2(b'?', b'#', bytes).map_or(url, |end| &url[..end]).trim_end_matches('/');
    (scheme, memchr::memrchr(b'/', path.as_bytes()).map_or(path, |slash| &path[slash + 1..]))
}

/// Tells most different names apart at once: the last sixteen bytes and the length.
fn mark(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let length = bytes.len() as u64;
    match bytes.last_chunk::<16>() {
        Some(tail) => {
            let tail = u128::from_le_bytes(*tail);
            ((tail >> 64) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (tail as u64).rotate_left(29) ^ length
        }
        None => bytes.iter().fold(length, |mark, &b| mark.rotate_left(7) ^ u64::from(b)),
    }
}

/// The file that this is another place of: it has the same name, no place of this scheme, and the longest end of the path in common.
fn twin(files: &[File<'_>], kind: Kind, name: &str, mark: u64, place: Place<'_>) -> Option<usize> {
    let is_file = |kind: Kind| matches!(kind, Kind::Data | Kind::Browse | Kind::Thumbnail | Kind::Metadata);
    if !is_file(kind) || name.is_empty() {
        return None;
    }
    let fits = |file: &File<'_>| {
        file.mark == mark
            && file.name == name
            && is_file(file.kind)
            && (file.kind == kind || is_direct(file.place.url) || is_direct(place.url))
            && std::iter::once(&file.place).chain(&file.others).all(|p| p.scheme != place.scheme)
    };
    let mut candidates = files.iter().enumerate().rev().filter(|(_, f)| fits(f));
    let first = candidates.next()?;
    let Some(second) = candidates.next() else { return Some(first.0) };
    let common = |file: &File<'_>| file.place.url.url.bytes().rev().zip(place.url.url.bytes().rev()).take_while(|(a, b)| a == b).count();
    [first, second].into_iter().chain(candidates).max_by_key(|(_, f)| common(f)).map(|(index, _)| index)
}

/// Direct access is said of data, browse pictures and metadata alike.
fn is_direct(url: &RelatedUrl<'_>) -> bool {
    url.kind == "GET DATA VIA DIRECT ACCESS"
}

impl<'g> File<'g> {
    fn add(&mut self, kind: Kind, place: Place<'g>) {
        if is_direct(self.place.url) {
            self.kind = kind;
        }
        if place.scheme == "https" {
            let before = std::mem::replace(&mut self.place, place);
            self.others.insert(0, before);
        } else {
            self.by_order |= self.place.scheme != "https";
            self.others.push(place);
        }
    }
}

/// Finds what the archive says of each file: by name, or where there is one file of data and one entry.
fn describe<'g>(granule: &'g Granule<'g>, files: &mut [File<'g>]) {
    let Some(data) = &granule.data else { return };
    // An entry of its own says more of a file than that of a package, and keeps its place before it on the way through an Item.
    let entries: Vec<(u64, &ArchiveFile<'_>)> =
        data.files.iter().chain(data.files.iter().flat_map(|f| &f.files)).map(|f| (mark(&f.name), f)).collect();
    let mut taken = vec![false; entries.len()];
    for file in files.iter_mut() {
        let mut found = entries.iter().enumerate().filter(|(_, (mark, entry))| *mark == file.mark && entry.name == file.name);
        let first = found.clone().find(|(i, _)| !taken[*i]);
        file.by_order |= found.nth(1).is_some();
        if let Some((index, (_, entry))) = first {
            taken[index] = true;
            file.archive = Some(entry);
        }
    }
    if let ([entry], false) = (data.files.as_slice(), taken.contains(&true)) {
        let mut of_data = files.iter_mut().filter(|f| f.kind == Kind::Data);
        if let (Some(file), None, true) = (of_data.next(), of_data.next(), entry.files.is_empty()) {
            file.archive = Some(entry);
        }
    }
}

fn name_all<'g>(granule: &'g Granule<'g>, files: &mut [File<'g>]) {
    let mut counts = [0_usize; 7];
    for file in files.iter() {
        counts[file.kind as usize] += 1;
    }
    let common = common_start(files);
    for file in files.iter_mut() {
        let several = counts[file.kind as usize] > 1;
        let rest = || own_part(&granule.id, common, file.name);
        file.key = Cow::Borrowed(match (file.kind, several) {
            (Kind::Data, true) => {
                let key = without_ending(rest());
                file.is_band = !key.is_empty() && is_image(file.name);
                if key.is_empty() { "data" } else { key }
            }
            (Kind::Documentation, _) if file.name == "s3credentials" => "s3_credentials",
            (kind, false) => kind.key(),
            (kind, true) => match rest() {
                "" => kind.key(),
                rest => {
                    file.key = Cow::Owned(format!("{}_{rest}", kind.key()));
                    continue;
                }
            },
        });
    }
    if are_unique(files) {
        return;
    }
    let mut keys = AssetKeys::default();
    for file in files {
        let length = file.key.len();
        file.key = Cow::Owned(keys.claim(file.key.as_ref()));
        // A key that had to be counted up names no band.
        let counted = file.key.len() > length;
        file.by_order |= counted;
        file.is_band &= !counted;
    }
}

/// Whether surely no key is there twice, nor empty: so it is in most granules.
fn are_unique(files: &[File<'_>]) -> bool {
    files.iter().all(|f| !f.key.is_empty()) && !has_twice(files.iter().map(|f| mark(&f.key)))
}

fn has_twice(marks: impl Iterator<Item = u64>) -> bool {
    let mut marks: Vec<u64> = marks.collect();
    marks.sort_unstable();
    marks.windows(2).any(|pair| pair[0] == pair[1])
}

/// What a file's name says beyond the granule's: `B04.tif` of `HLS.L30.….v2.0.B04.tif`.
fn own_part<'n>(granule: &str, common: usize, name: &'n str) -> &'n str {
    let rest = name.strip_prefix(granule).or_else(|| name.get(common..)).unwrap_or(name);
    let separators = rest.bytes().take_while(|b| matches!(b, b'.' | b'_' | b'-')).count();
    &rest[separators..]
}

fn without_ending(name: &str) -> &str {
    memchr::memrchr(b'.', name.as_bytes()).map_or(name, |dot| &name[..dot])
}

/// Where the names of the files of data begin to differ, cut after a separator; 0 for fewer than two.
fn common_start(files: &[File<'_>]) -> usize {
    let mut names = files.iter().filter(|f| f.kind == Kind::Data).map(|f| f.name);
    let Some(first) = names.next() else { return 0 };
    let mut end = None;
    for name in names {
        let most: usize = end.unwrap_or(first.len()).min(name.len());
        // Most names begin alike up to where the one before did.
        let same = if first.as_bytes()[..most] == name.as_bytes()[..most] {
            most
        } else {
            first.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count()
        };
        end = Some(same);
    }
    let end = end.unwrap_or(0);
    first.as_bytes()[..end].iter().rposition(|b| matches!(b, b'.' | b'_' | b'-')).map_or(0, |at| at + 1)
}

/// Formats that hold one band, or a few, of one picture.
fn is_image(name: &str) -> bool {
    let ending = &name[without_ending(name).len()..];
    [".tif", ".tiff", ".jp2"].iter().any(|e| ending.eq_ignore_ascii_case(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_to_a_media_type_says_the_same() {
        assert_eq!(media_type(None, "HLS.B04.tif").as_deref(), Some(GEOTIFF));
    }

    #[test]
    fn urls_are_taken_apart() {
        let cases = [
            ("https://h.test/a/b.nc?x=1/2#y", ("https", "b.nc")),
            ("http://h.test/a/b.nc", ("https", "b.nc")),
            ("s3://bucket/a/b.nc", ("s3", "b.nc")),
            ("https://h.test/a/store.zarr/", ("https", "store.zarr")),
            ("ftp://h.test//a//b", ("ftp", "b")),
            ("not a url", ("https", "not a url")),
            ("", ("https", "")),
        ];
        for (url, expected) in cases {
            assert_eq!(parts(url), expected, "{url}");
        }
    }
}
