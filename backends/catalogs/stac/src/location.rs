//! Where documents and files lie: URLs and absolute paths, and references relative to them.

use std::path::{Component, Path, PathBuf};

use cube_backend::{Error, Kind, Result};
use url::Url;

/// A URL with a host or bucket, or an absolute local path; as text, unsigned and not decoded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Location(String);

impl Location {
    /// From what a user typed: a URL, a path relative to the working directory, or one that starts with `~`-free text.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::new(Kind::Invalid, "the catalogue's address is empty").with_hint("give a URL or a path, for example `catalog.json`"));
        }
        if is_url(text) {
            return Ok(Self(without_file_scheme(text)));
        }
        let path = std::path::absolute(text).map_err(|e| Error::new(Kind::Invalid, format!("`{text}` is not a path")).with_source(e))?;
        Ok(Self(normal(&path)))
    }

    /// What a reference in this document means. Absolute references are kept as they are written.
    pub(crate) fn join(&self, reference: &str) -> String {
        let reference = reference.trim();
        if let Some(url) = reference.strip_prefix("/vsicurl/") {
            return url.to_owned();
        }
        if let Some(key) = reference.strip_prefix("/vsis3/") {
            return format!("s3://{key}");
        }
        if is_url(reference) {
            return without_file_scheme(reference);
        }
        if is_url(&self.0) {
            return Url::parse(&self.0).and_then(|base| base.join(reference)).map_or_else(|_| reference.to_owned(), Into::into);
        }
        let folder = Path::new(&self.0).parent().unwrap_or_else(|| Path::new("/"));
        normal(&folder.join(reference))
    }

    /// The document that a reference names.
    pub(crate) fn relative(&self, reference: &str) -> Self {
        Self(self.join(reference))
    }

    /// A document inside this folder.
    pub(crate) fn inside(&self, name: &str) -> Self {
        Self(format!("{}/{name}", self.0.trim_end_matches('/')))
    }

    /// Whether HTTP leads there.
    pub(crate) fn is_http(&self) -> bool {
        self.0.starts_with("http://") || self.0.starts_with("https://")
    }

    /// The local path, when it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        (!is_url(&self.0)).then(|| Path::new(&self.0))
    }

    /// Whether the name, queries left aside, ends in one of these.
    pub(crate) fn ends_with(&self, endings: &[&str]) -> bool {
        let name = self.bare().to_ascii_lowercase();
        endings.iter().any(|e| name.ends_with(e))
    }

    /// For messages: without query and fragment, where secrets may be, and without user and password.
    pub(crate) fn bare(&self) -> String {
        if self.path().is_some() {
            return self.0.clone();
        }
        let bare = self.0.split(['?', '#']).next().unwrap_or_default();
        match bare.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('/')?))) {
            Some((scheme, (host, path))) => format!("{scheme}://{}/{path}", host.rsplit('@').next().unwrap_or(host)),
            None => bare.to_owned(),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.bare())
    }
}

fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        scheme.len() > 1
            && scheme.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    })
}

fn without_file_scheme(url: &str) -> String {
    if !url.starts_with("file://") {
        return url.to_owned();
    }
    let path = Url::parse(url).ok().and_then(|u| u.to_file_path().ok());
    path.map_or_else(|| url.to_owned(), |p| normal(&p))
}

/// Without `.` and `..`, by text alone: a symbolic link does not change what a relative reference means.
fn normal(path: &Path) -> String {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_relative_to_their_document() {
        let web = Location::parse("https://example.org/stac/a/item.json?sig=1").expect("a URL");
        assert_eq!(web.join("./B04.tif"), "https://example.org/stac/a/B04.tif");
        assert_eq!(web.join("../b/B04.tif"), "https://example.org/stac/b/B04.tif");
        assert_eq!(web.join("/B04.tif"), "https://example.org/B04.tif");
        assert_eq!(web.join("https://h/a%20b.tif?x=1"), "https://h/a%20b.tif?x=1", "never encoded twice");
        assert_eq!(web.to_string(), "https://example.org/stac/a/item.json");
        let bucket = Location::parse("s3://bucket/a/item.json").expect("a URL");
        assert_eq!(bucket.join("../B04.tif"), "s3://bucket/B04.tif");
        let local = Location::parse("/data/./stac/x/../item.json").expect("a path");
        assert_eq!(local.as_str(), "/data/stac/item.json");
        assert_eq!(local.join("./B04.tif"), "/data/stac/B04.tif");
        assert_eq!(local.join("../with space.tif"), "/data/with space.tif");
        assert_eq!(local.join("file:///other/with%20space.tif"), "/other/with space.tif");
        assert_eq!(local.join("/vsicurl/https://h/a.tif"), "https://h/a.tif");
    }

    #[test]
    fn names_in_messages_hold_no_secrets() {
        let l = Location::parse("https://user:password@host/a.json?token=1#x").expect("a URL");
        assert_eq!(l.bare(), "https://host/a.json");
    }
}
