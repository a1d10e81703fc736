//! The lines of Python that open a store of references.

use cube_store::StorageOptions;

use super::output::VirtualFormat;

/// What the lines depend on.
#[derive(Debug)]
pub(super) struct Opening<'a> {
    /// Absolute path or URL.
    pub(super) store: &'a str,
    pub(super) format: VirtualFormat,
    pub(super) is_zarr3: bool,
    /// Prefixes that a reader must authorise.
    pub(super) containers: &'a [String],
    /// Whether the root has no arrays, so that a tree is opened.
    pub(super) is_tree: bool,
    pub(super) s3: &'a StorageOptions,
}

impl Opening<'_> {
    /// The lines, ready to be run.
    pub(super) fn python(&self) -> String {
        match (self.format, self.is_zarr3) {
            (VirtualFormat::Icechunk, _) => self.icechunk(),
            (_, false) if !self.is_tree => self.engine(),
            _ => self.references(),
        }
    }

    fn icechunk(&self) -> String {
        let credentials: Vec<String> =
            self.containers.iter().map(|prefix| format!("    {}: {},\n", quoted(prefix), self.credentials(prefix))).collect();
        let authorize = if credentials.is_empty() { String::new() } else { ", authorize_virtual_chunk_access=credentials".to_owned() };
        let declared = if credentials.is_empty() {
            String::new()
        } else {
            format!("credentials = icechunk.containers_credentials({{\n{}}})\n", credentials.concat())
        };
        let open = if self.is_tree {
            "xr.open_datatree(session.store, engine=\"zarr\", consolidated=False)"
        } else {
            "xr.open_zarr(session.store, consolidated=False)"
        };
        format!(
            "import icechunk\nimport xarray as xr\n\nstorage = {}\n{declared}repository = icechunk.Repository.open(storage{authorize})\n\
             session = repository.readonly_session(\"main\")\nds = {open}",
            self.storage()
        )
    }

    fn storage(&self) -> String {
        let Some((bucket, prefix)) = self.store.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) else {
            return format!("icechunk.local_filesystem_storage({})", quoted(self.store));
        };
        let mut arguments = format!("bucket={}, prefix={}", quoted(bucket), quoted(prefix));
        for (name, value) in [("region", &self.s3.region), ("endpoint_url", &self.s3.endpoint)] {
            if let Some(value) = value {
                arguments.push_str(&format!(", {name}={}", quoted(value)));
            }
        }
        for (name, holds) in [("allow_http", self.s3.allow_http), ("force_path_style", self.s3.path_style && self.s3.endpoint.is_some())] {
            if holds {
                arguments.push_str(&format!(", {name}=True"));
            }
        }
        arguments.push_str(if self.s3.anonymous { ", anonymous=True" } else { ", from_env=True" });
        format!("icechunk.s3_storage({arguments})")
    }

    fn credentials(&self, prefix: &str) -> &'static str {
        match prefix.split_once("://").map(|(scheme, _)| scheme) {
            Some("s3") if self.s3.anonymous => "icechunk.s3_anonymous_credentials()",
            Some("s3") => "icechunk.s3_from_env_credentials()",
            Some("http" | "https") => "icechunk.Credentials.HttpAccess()",
            _ => "icechunk.Credentials.LocalFileSystemAccess()",
        }
    }

    /// The scheme of the files, and what fsspec needs to know of it.
    fn remote(&self) -> (&'static str, String) {
        let scheme = self.containers.first().and_then(|prefix| prefix.split_once("://")).map_or("file", |(scheme, _)| scheme);
        match scheme {
            "s3" => {
                let endpoint = self.s3.endpoint.as_ref().map(|e| format!(", \"endpoint_url\": {}", quoted(e))).unwrap_or_default();
                ("s3", format!("\"anon\": {}{endpoint}", if self.s3.anonymous { "True" } else { "False" }))
            }
            "http" | "https" => (if scheme == "http" { "http" } else { "https" }, String::new()),
            _ => ("file", String::new()),
        }
    }

    fn engine(&self) -> String {
        let (protocol, options) = self.remote();
        let storage = match (protocol, options.is_empty()) {
            ("file", _) => String::new(),
            (_, true) => format!(", storage_options={{\"remote_protocol\": \"{protocol}\"}}"),
            (_, false) => format!(", storage_options={{\"remote_protocol\": \"{protocol}\", \"remote_options\": {{{options}}}}}"),
        };
        format!("import xarray as xr\n\nds = xr.open_dataset({}, engine=\"kerchunk\", chunks={{}}{storage})", quoted(self.store))
    }

    fn references(&self) -> String {
        let (protocol, options) = self.remote();
        let options = if options.is_empty() { "\"asynchronous\": True".to_owned() } else { format!("\"asynchronous\": True, {options}") };
        let version = if self.is_zarr3 { 3 } else { 2 };
        let open = if self.is_tree {
            format!("xr.open_datatree(store, engine=\"zarr\", consolidated=False, zarr_format={version})")
        } else {
            format!("xr.open_zarr(store, consolidated=False, zarr_format={version})")
        };
        format!(
            "import fsspec\nimport xarray as xr\nfrom zarr.storage import FsspecStore\n\nfs = fsspec.filesystem(\n    \"reference\", fo={}, \
             asynchronous=True, remote_protocol=\"{protocol}\", remote_options={{{options}}}\n)\nstore = FsspecStore(fs, read_only=True, path=\"\")\nds = {open}",
            quoted(self.store)
        )
    }
}

/// A text as Python writes it; JSON's is the same.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
