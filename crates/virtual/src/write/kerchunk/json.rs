use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use cube_manifest::Origin;

use super::{
    Options, Written, ZarrFormat,
    documents::{Chunks, Content, documents},
    failed, new, replace,
};
use crate::{
    Addresses, Dataset, Result,
    address::{Cache, prefixes},
    json::{Json, object},
};

/// Writes a dataset as one file of Kerchunk references, version 1.
///
/// With relative addresses, each prefix becomes a template (`s0`, `s1`, …) that a reader may override.
///
/// # Errors
/// [`Error::AlreadyExists`](crate::Error::AlreadyExists); [`Error::Refused`](crate::Error::Refused) for an array that Zarr has no words for;
/// [`Error::Address`](crate::Error::Address); [`Error::Storage`](crate::Error::Storage). Nothing is left behind then.
pub fn write_json(dataset: &Dataset, path: &Path, options: &Options) -> Result<Written> {
    new(path, |partial| write(dataset, partial, options, None))
}

/// Writes the references of one granule to be [read](crate::read::kerchunk::read_json) again, in place of what is there: with all that is known of its
/// file, and with what was refused. The dataset must be [repaired](Dataset::repair).
///
/// # Errors
/// As for [`write_json`].
pub fn write_reference(granule: &Dataset, origin: &Origin, path: &Path) -> Result<Written> {
    let whole = |n: Option<i128>| n.map_or(Json::Null, Json::Int);
    let said = object([
        ("url", Json::from(origin.url.as_ref())),
        ("size", whole(origin.size.map(Into::into))),
        ("etag", origin.etag.as_deref().map_or(Json::Null, Json::from)),
        ("last_modified", whole(origin.last_modified.map(Into::into))),
    ]);
    let refused = granule.refused.iter().map(|r| {
        let reason = r.refusal.reason.to_string();
        object([("variable", Json::from(r.variable.as_str())), ("reason", reason.as_str().into()), ("detail", r.refusal.detail.as_str().into())])
    });
    let extension = object([("origin", said), ("refused", Json::List(refused.collect()))]);
    // Only this version keeps fill values and missing values apart.
    let options = Options { format: ZarrFormat::V3, ..Options::default() };
    replace(path, |partial| write(granule, partial, &options, Some(&extension)))
}

fn write(dataset: &Dataset, path: &Path, options: &Options, extension: Option<&Json>) -> Result<Written> {
    let io = |e: io::Error| failed(path, e);
    let documents = documents(dataset, options.format)?;
    let templates = if options.addresses.relative { templates(dataset, &options.addresses)? } else { Vec::new() };
    let file = File::create_new(path).map_err(io)?;
    let mut out = Out { file: BufWriter::with_capacity(1 << 16, file), first: true, written: Written::default(), key: String::new() };
    let named = templates.iter().map(|(name, prefix)| (name.as_str(), Json::Text(prefix.clone())));
    write!(out.file, "{{\"version\":1,\"templates\":{},\"refs\":{{", object(named)).map_err(io)?;
    for (key, document) in &documents.metadata {
        out.entry(key, &Json::Text(document.to_string()).to_string()).map_err(io)?;
    }
    for chunks in &documents.arrays {
        let mut files = Cache::new();
        chunks.in_order(|index, content| {
            key_of(chunks, index, options.format, &mut out.key);
            match content {
                Content::Reference { url, offset, length } => {
                    // What this project reads again keeps its URLs as they are.
                    let kept = extension.is_some();
                    let named = |url: &str| if kept { Ok(Json::from(url).to_string()) } else { address(&options.addresses, &templates, url) };
                    let file = files.get(url, named)?;
                    out.written.references += 1;
                    out.reference(&file, offset, length).map_err(io)
                }
                Content::Inline(bytes) => {
                    out.written.inline += 1;
                    out.inline(&bytes).map_err(io)
                }
            }
        })?;
    }
    out.file.write_all(b"}").map_err(io)?;
    if let Some(extension) = extension {
        write!(out.file, ",\"eocube\":{extension}").map_err(io)?;
    }
    out.file.write_all(b"}").map_err(io)?;
    let file = out.file.into_inner().map_err(|e| io(e.into_error()))?;
    file.sync_all().map_err(io)?;
    out.written.bytes = file.metadata().map_err(io)?.len();
    Ok(out.written)
}

struct Out {
    file: BufWriter<File>,
    first: bool,
    written: Written,
    /// The key of the next chunk.
    key: String,
}

impl Out {
    fn entry(&mut self, key: &str, value: &str) -> io::Result<()> {
        self.separate()?;
        write!(self.file, "{}:{value}", Json::from(key))
    }

    fn reference(&mut self, file: &str, offset: u64, length: u64) -> io::Result<()> {
        self.separate()?;
        write!(self.file, "{}:[{file},{offset},{length}]", Json::from(self.key.as_str()))
    }

    fn inline(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.separate()?;
        write!(self.file, "{}:\"base64:{}\"", Json::from(self.key.as_str()), BASE64.encode(bytes))
    }

    fn separate(&mut self) -> io::Result<()> {
        let comma: &[u8] = if self.first { b"\n" } else { b",\n" };
        self.first = false;
        self.file.write_all(comma)
    }
}

fn key_of(chunks: &Chunks<'_>, index: u64, format: ZarrFormat, key: &mut String) {
    use std::fmt::Write as _;
    key.clear();
    key.push_str(&chunks.path);
    let position = chunks.position(index);
    match format {
        ZarrFormat::V3 => key.push_str("/c"),
        ZarrFormat::V2 if position.is_empty() => key.push_str("/0"),
        ZarrFormat::V2 => {}
    }
    for (axis, i) in position.iter().enumerate() {
        let separator = if axis == 0 || format == ZarrFormat::V3 { '/' } else { '.' };
        // Writing to a string cannot fail.
        let _ = write!(key, "{separator}{i}");
    }
}

fn templates(dataset: &Dataset, addresses: &Addresses) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for (_, array) in dataset.arrays() {
        for url in array.parts().iter().flat_map(|p| p.chunks.urls()) {
            files.push(addresses.plain(url)?);
        }
    }
    let found = prefixes(files.iter().map(String::as_str));
    Ok(found.into_iter().enumerate().map(|(i, prefix)| (format!("s{i}"), prefix)).collect())
}

/// A file in JSON, its prefix replaced by a template.
fn address(addresses: &Addresses, templates: &[(String, String)], url: &str) -> Result<String> {
    let file = addresses.plain(url)?;
    let found = templates.iter().find_map(|(name, prefix)| file.strip_prefix(prefix.as_str()).map(|rest| format!("{{{{{name}}}}}{rest}")));
    Ok(Json::Text(found.unwrap_or(file)).to_string())
}
