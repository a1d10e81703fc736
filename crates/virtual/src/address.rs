//! Where files are, as readers of a store are told.

use std::{collections::BTreeMap, fmt::Write as _, path::Path, sync::Arc};

use crate::{Error, Result};

/// How the addresses of files are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Prefixes to replace, `(from, to)`; the first that matches is.
    pub rewrite: Vec<(String, String)>,
    /// Whether references are relative to a prefix that a reader may replace: a named container in Icechunk, a template in Kerchunk JSON.
    pub relative: bool,
}

impl Addresses {
    /// The address of a file after rewriting.
    pub fn rewritten(&self, url: &str) -> String {
        let found = self.rewrite.iter().find_map(|(from, to)| url.strip_prefix(from.as_str()).map(|rest| format!("{to}{rest}")));
        found.unwrap_or_else(|| url.to_owned())
    }

    /// As a URL, in which reserved characters of a path or key are escaped.
    ///
    /// # Errors
    /// [`Error::Address`] for a relative path, or a scheme that is not known.
    pub fn url(&self, url: &str) -> Result<String> {
        let url = self.rewritten(url);
        if let Some(path) = absolute_path(&url) {
            return Ok(format!("file://{}", escaped(path)));
        }
        match url.split_once("://") {
            Some(("s3" | "gs" | "gcs", _)) => Ok(escaped(&url)),
            Some(("file" | "http" | "https", _)) => Ok(url),
            Some((scheme, _)) => Err(Error::Address { problem: format!("`{scheme}` is not a place that stores can refer to"), url }),
            None => Err(Error::Address { problem: "it is neither a URL nor an absolute path".into(), url }),
        }
    }

    /// As fsspec takes it: a plain path on this machine, a URL elsewhere.
    ///
    /// # Errors
    /// As for [`url`](Self::url).
    pub fn plain(&self, url: &str) -> Result<String> {
        let rewritten = self.rewritten(url);
        match rewritten.strip_prefix("file://") {
            Some(path) => Ok(unescaped(path)),
            None => self.url(url).map(|_| rewritten),
        }
    }
}

fn absolute_path(url: &str) -> Option<&str> {
    (!url.contains("://") && Path::new(url).is_absolute()).then_some(url)
}

/// Escapes what has a meaning in a URL, or no place in one.
fn escaped(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'%' | b'?' | b'#' | b'"' | b'<' | b'>' | b'`' | b'{' | b'}' | 0..=0x20 | 0x7f.. => {
                let _ = write!(out, "%{byte:02X}");
            }
            _ => out.push(char::from(byte)),
        }
    }
    out
}

fn unescaped(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%').then(|| path.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok())).flatten();
        out.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).unwrap_or_else(|_| path.to_owned())
}

/// The few and narrow prefixes, each ending in `/`, that cover some URLs: per scheme and host, the deepest directory that holds all of them.
pub fn prefixes<'a>(urls: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut deepest: BTreeMap<&str, &str> = BTreeMap::new();
    for url in urls {
        let directory = &url[..url.rfind('/').map_or(0, |at| at + 1)];
        let place = place_of(url);
        deepest.entry(place).and_modify(|common| *common = common_directory(common, directory)).or_insert(directory);
    }
    deepest.into_values().map(str::to_owned).collect()
}

/// Scheme and host; on this machine, where the root may not be a prefix, the first directory too.
fn place_of(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let slash = |from: usize| url[from..].find('/').map(|at| from + at);
    match slash(start) {
        Some(at) if url.starts_with("file://") => slash(at + 1).map_or(url, |end| &url[..end]),
        Some(at) => &url[..at],
        None => url,
    }
}

fn common_directory<'a>(a: &'a str, b: &str) -> &'a str {
    let same = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    &a[..a.as_bytes()[..same].iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1)]
}

/// Remembers what each file is called in a store, so that each address is made once.
#[derive(Debug)]
pub(crate) struct Cache<T> {
    known: Vec<(Arc<str>, T)>,
}

impl<T: Clone> Cache<T> {
    pub(crate) fn new() -> Self {
        Self { known: Vec::new() }
    }

    /// References of a granule come in runs of few files.
    pub(crate) fn get(&mut self, url: &Arc<str>, make: impl FnOnce(&str) -> Result<T>) -> Result<T> {
        if let Some((_, value)) = self.known.iter().rev().find(|(u, _)| Arc::ptr_eq(u, url)) {
            return Ok(value.clone());
        }
        let value = make(url)?;
        if self.known.len() >= 16 {
            self.known.remove(0);
        }
        self.known.push((Arc::clone(url), value.clone()));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_few_and_narrow() {
        let of = |urls: &[&str]| prefixes(urls.iter().copied());
        assert_eq!(of(&["s3://b/a/x/1.nc", "s3://b/a/y/2.nc", "s3://c/k.nc"]), ["s3://b/a/", "s3://c/"]);
        assert_eq!(of(&["https://h:80/d/one.nc"]), ["https://h:80/d/"]);
        assert_eq!(of(&["s3://b/abc/1.nc", "s3://b/abd/1.nc"]), ["s3://b/"]);
        assert_eq!(of(&["file:///data/a.nc", "file:///home/x/b.nc", "file:///home/y.nc"]), ["file:///data/", "file:///home/"]);
    }

    #[test]
    fn addresses_are_escaped_where_they_must_be() {
        let addresses = Addresses { rewrite: vec![("https://h/".into(), "s3://b/".into())], relative: false };
        assert_eq!(addresses.url("/data/a b#1.nc").unwrap(), "file:///data/a%20b%231.nc");
        assert_eq!(addresses.url("https://h/x y.nc").unwrap(), "s3://b/x%20y.nc");
        assert_eq!(addresses.plain("file:///data/a%20b.nc").unwrap(), "/data/a b.nc");
        assert_eq!(addresses.plain("https://h/x y.nc").unwrap(), "s3://b/x y.nc");
        assert!(addresses.url("relative.nc").is_err() && addresses.url("ftp://h/x").is_err() && addresses.plain("x.nc").is_err());
    }
}
