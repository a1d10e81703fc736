use std::{collections::HashMap, sync::Arc};

use cube_manifest::{Reason, Refusal};

/// What a sidecar's author writes where the address of the data file is only known when it is served.
const PLACEHOLDER: &str = "OPeNDAP_DMRpp_DATA_ACCESS_URL";

/// Where a sidecar came from and what is known of the file that it describes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Location {
    /// URL or path of the sidecar itself.
    pub sidecar: String,
    /// URL or path of the data file, when that is known better than by the sidecar.
    pub data: Option<String>,
    /// Bytes of the data file. When known, a sidecar that refers beyond its end is an error.
    pub size: Option<u64>,
}

impl Location {
    /// A sidecar of which nothing but its URL or path is known.
    pub fn new(sidecar: impl Into<String>) -> Self {
        Self { sidecar: sidecar.into(), data: None, size: None }
    }

    /// The data file, given what the document calls it; `None` when neither says.
    ///
    /// - [`data`](Self::data) comes first.
    /// - An URL is taken as it is.
    /// - The placeholder, and no name at all, mean the sidecar's own name without `.dmrpp` or `.dap.dmrpp`.
    /// - Any other name is relative to the data root of the server that made the sidecar, which is not known: it is the file of that name
    ///   beside the sidecar.
    pub(super) fn data_file(&self, href: Option<&str>) -> Option<String> {
        if let Some(data) = &self.data {
            return Some(data.clone());
        }
        match href.map(str::trim).filter(|h| !h.is_empty() && *h != PLACEHOLDER) {
            Some(href) => Some(self.resolve(href)),
            None => [".dap.dmrpp", ".dmrpp"].iter().find_map(|suffix| self.before(suffix)),
        }
    }

    /// The sidecar's name without a suffix, which may be followed by another, e.g. `.dmrpp.old`.
    fn before(&self, suffix: &str) -> Option<String> {
        let name = self.sidecar.rfind('/').map_or(0, |slash| slash + 1);
        let at = self.sidecar[name..].rfind(suffix).filter(|at| *at > 0)?;
        Some(self.sidecar[..name + at].to_owned())
    }

    /// Another file that the document names.
    fn resolve(&self, href: &str) -> String {
        if href.contains("://") {
            return href.to_owned();
        }
        if href.starts_with('/') && self.sidecar.contains("://") && !self.sidecar.starts_with("file://") {
            let host = self.sidecar.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
            return format!("{host}{href}");
        }
        let name = href.rsplit('/').next().unwrap_or(href);
        match self.sidecar.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{name}"),
            None => name.to_owned(),
        }
    }
}

/// The files that a document's chunks lie in.
pub(super) struct Files {
    location: Location,
    /// What the document calls the data file.
    main_href: String,
    /// The data file.
    pub(super) main: Arc<str>,
    named: HashMap<String, Result<Arc<str>, Refusal>>,
    /// By which name each resolved file was called first.
    resolved: HashMap<String, String>,
}

impl Files {
    /// The files of a document that calls its data file `main_href`; `None` when nothing says which file that is.
    pub(super) fn new(location: &Location, main_href: Option<&str>) -> Option<Self> {
        let main = location.data_file(main_href)?.into();
        let main_href = main_href.unwrap_or_default().to_owned();
        Some(Self { location: location.clone(), main_href, main, named: HashMap::new(), resolved: HashMap::new() })
    }

    /// Bytes of a file, when known.
    pub(super) fn size(&self, file: &Arc<str>) -> Option<u64> {
        if Arc::ptr_eq(file, &self.main) || *file == self.main { self.location.size } else { None }
    }

    /// The file that a chunk names.
    ///
    /// # Errors
    /// A refusal when another file of the document, in another folder of its server, would be the same file here.
    pub(super) fn chunk_file(&mut self, href: &str) -> Result<Arc<str>, Refusal> {
        if href.is_empty() || href == PLACEHOLDER || href == self.main_href {
            return Ok(Arc::clone(&self.main));
        }
        if let Some(file) = self.named.get(href) {
            return file.clone();
        }
        let url = self.location.resolve(href);
        let first = self.resolved.entry(url.clone()).or_insert_with(|| href.to_owned());
        let file = if first == href {
            Ok(Arc::from(url))
        } else {
            Err(Refusal::new(Reason::External, format!("chunks in `{first}` and in `{href}`, which would both be `{url}` beside the sidecar")))
        };
        self.named.insert(href.to_owned(), file.clone());
        file
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn the_data_file_is_found() {
        let s3 = Location::new("s3://bucket/a/b.nc.dmrpp");
        assert_eq!(s3.data_file(None).as_deref(), Some("s3://bucket/a/b.nc"));
        assert_eq!(s3.data_file(Some(PLACEHOLDER)).as_deref(), Some("s3://bucket/a/b.nc"));
        assert_eq!(s3.data_file(Some("https://host/x.nc")).as_deref(), Some("https://host/x.nc"));
        assert_eq!(s3.data_file(Some("data/dmrpp/b.nc")).as_deref(), Some("s3://bucket/a/b.nc"));
        assert_eq!(s3.data_file(Some("/root/c.nc")).as_deref(), Some("s3://bucket/root/c.nc"));
        assert_eq!(Location::new("/x/b.nc.dap.dmrpp").data_file(Some("")).as_deref(), Some("/x/b.nc"));
        assert_eq!(Location::new("/x/b.nc.dmrpp").data_file(Some("/data/c.nc")).as_deref(), Some("/x/c.nc"));
        assert_eq!(Location::new("/x/b.nc.dmrpp.old").data_file(None).as_deref(), Some("/x/b.nc"));
        assert_eq!(Location::new("/x.dmrpp/b.xml").data_file(None), None);
        assert_eq!(Location::new("/x/.dmrpp").data_file(None), None);
        let given = Location { data: Some("/y/z.nc".into()), ..Location::new("b.dmrpp") };
        assert_eq!(given.data_file(Some("https://host/x.nc")).as_deref(), Some("/y/z.nc"));
    }

    #[test]
    fn two_files_never_become_one() {
        let location = Location { size: Some(9), ..Location::new("/x/b.nc.dmrpp") };
        let mut files = Files::new(&location, Some("data/b.nc")).unwrap();
        assert_eq!(files.chunk_file("one/a.bin").unwrap().as_ref(), "/x/a.bin");
        assert_eq!(files.chunk_file("two/a.bin").unwrap_err().reason, Reason::External);
        assert_eq!(files.chunk_file("one/a.bin").unwrap().as_ref(), "/x/a.bin");
        assert_eq!(files.chunk_file("https://h/a.bin").unwrap().as_ref(), "https://h/a.bin");
        for main in [PLACEHOLDER, "", "data/b.nc"] {
            let file = files.chunk_file(main).unwrap();
            assert_eq!((file.as_ref(), files.size(&file)), ("/x/b.nc", Some(9)));
        }
        let other = files.chunk_file("one/a.bin").unwrap();
        assert_eq!(files.size(&other), None);
    }
}
