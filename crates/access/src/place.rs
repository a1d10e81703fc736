//! Where an href leads.

use std::path::PathBuf;

use url::Url;

use crate::{Error, Result};

/// A parsed href.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Local(PathBuf),
    Http(Url),
    /// The key is taken as it is written, as the S3 tools do: nothing in it is percent-decoded.
    S3 {
        bucket: String,
        key: String,
    },
}

impl Place {
    pub(crate) fn parse(href: &str) -> Result<Self> {
        let Some((scheme, rest)) =
            href.split_once("://").filter(|(s, _)| s.len() > 1 && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b)))
        else {
            if href.trim().is_empty() {
                return Err(Error::invalid(href, "is not a path or URL").with_hint("give a path, or a file://, http(s):// or s3:// URL"));
            }
            return Ok(Self::Local(href.into()));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" => {
                let mut url = Url::parse(href.trim()).map_err(|e| Error::invalid(href, format!("is not a URL: {e}")))?;
                url.set_fragment(None);
                Ok(Self::Http(url))
            }
            "file" => {
                let path = Url::parse(href).ok().and_then(|u| u.to_file_path().ok());
                path.map(Self::Local)
                    .ok_or_else(|| Error::invalid(href, "is not the URL of a local file").with_hint("write file:///absolute/path, or just the path"))
            }
            "s3" | "s3a" => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() {
                    return Err(Error::invalid(href, "names no bucket").with_hint("write s3://bucket/key"));
                }
                Ok(Self::S3 { bucket: bucket.to_owned(), key: key.to_owned() })
            }
            "gs" | "gcs" | "az" | "abfs" | "abfss" | "adl" => {
                Err(Error::invalid(href, format!("is on `{scheme}`, which follows in a later release"))
                    .with_hint("use its https:// or s3:// address, where it has one"))
            }
            _ => Err(Error::invalid(href, format!("has a scheme `{scheme}` that is not supported"))
                .with_hint("give a path, or a file://, http(s):// or s3:// URL")),
        }
    }
}

#[cfg(test)]
#[expect(clippy::panic, reason = "tests say what they met")]
mod tests {
    use super::*;

    #[test]
    fn hrefs_are_told_apart() {
        assert_eq!(Place::parse("data/a b.tif").ok(), Some(Place::Local("data/a b.tif".into())));
        assert_eq!(Place::parse("file:///data/a%20b.tif").ok(), Some(Place::Local("/data/a b.tif".into())));
        assert_eq!(Place::parse("s3://b/a%2Fb c+d").ok(), Some(Place::S3 { bucket: "b".into(), key: "a%2Fb c+d".into() }));
        let http = |href| match Place::parse(href) {
            Ok(Place::Http(url)) => url.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(http("https://h/a b/%2B,+:é?x=%2F+1#frag"), "https://h/a%20b/%2B,+:%C3%A9?x=%2F+1");
        for (href, problem) in
            [("gs://b/k", "later release"), ("ftp://h/x", "`ftp`"), ("s3:///k", "no bucket"), ("", "not a path"), ("http://", "not a URL")]
        {
            let e = Place::parse(href).expect_err(href);
            assert!(e.to_string().contains(problem), "{e}");
        }
    }
}
