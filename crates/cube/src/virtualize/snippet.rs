//! The lines of Python that open a store of references.

use cube_access::BucketKeys;
use cube_store::StorageOptions;

use super::{
    output::VirtualFormat,
    readers::{Opener, Readers},
};

/// Where a token of Earthdata Login comes from, and the headers that carry it.
const LOGIN: &str = "# a token of yours: https://urs.earthdata.nasa.gov, or earthaccess.login().token[\"access_token\"]\n\
    login = {\"authorization\": f\"Bearer {os.environ['EARTHDATA_TOKEN']}\"}\n";

/// What the lines depend on.
#[derive(Debug)]
pub(super) struct Opening<'a> {
    /// Absolute path or URL.
    pub(super) store: &'a str,
    pub(super) format: VirtualFormat,
    pub(super) is_zarr3: bool,
    /// Prefixes that a reader must authorise.
    pub(super) containers: &'a [String],
    /// Whether groups below the root have arrays, so that a tree is opened.
    pub(super) is_tree: bool,
    pub(super) s3: &'a StorageOptions,
    pub(super) readers: &'a Readers,
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
        let credentials: String = self.containers.iter().map(|prefix| format!("    {}: {},\n", quoted(prefix), self.credentials(prefix))).collect();
        let (login, config) = self.icechunk_login();
        let (declared, authorize) = match credentials.is_empty() {
            true => (String::new(), ""),
            false => (
                format!("{}credentials = icechunk.containers_credentials({{\n{credentials}}})\n", self.keys_of_earthdata()),
                ", authorize_virtual_chunk_access=credentials",
            ),
        };
        let with_config = if config.is_empty() { "" } else { ", config=config" };
        let open = if self.is_tree {
            "xr.open_datatree(session.store, engine=\"zarr\", consolidated=False)"
        } else {
            "xr.open_zarr(session.store, consolidated=False)"
        };
        let import = if login.is_empty() { "" } else { "import os\n\n" };
        format!(
            "{import}import icechunk\nimport xarray as xr\n\n{login}storage = {}\n{config}{declared}repository = \
             icechunk.Repository.open(storage{with_config}{authorize})\nsession = repository.readonly_session(\"main\")\nds = {open}",
            self.storage()
        )
    }

    /// The login of readers, and the configuration that has it; empty where nothing is behind a login. It is for this session: the store keeps no
    /// secret.
    fn icechunk_login(&self) -> (&'static str, String) {
        let prefixes: Vec<&String> = self.containers.iter().filter(|prefix| self.readers.opener(prefix) == Opener::WebWithToken).collect();
        if prefixes.is_empty() {
            return ("", String::new());
        }
        let listed: String = prefixes.iter().map(|prefix| format!("    {},\n", quoted(prefix))).collect();
        let plain = if prefixes.iter().any(|prefix| prefix.starts_with("http://")) { "opts={\"allow_http\": \"true\"}, " } else { "" };
        let config = format!(
            "config = icechunk.Repository.fetch_config(storage)\nfor prefix in [\n{listed}]:\n    name = config.virtual_chunk_containers[prefix].name\n    \
             files = icechunk.http_store({plain}headers=login)\n    \
             config.set_virtual_chunk_container(icechunk.VirtualChunkContainer(prefix, files, name))\n"
        );
        (LOGIN, config)
    }

    /// A remark for the buckets that NASA's temporary keys open.
    fn keys_of_earthdata(&self) -> String {
        let of_nasa = |prefix: &&String| self.readers.opener(prefix) == Opener::Bucket(BucketKeys::Earthdata);
        match self.containers.iter().find(of_nasa) {
            Some(prefix) => format!("# keys for an hour, in the shell and in us-west-2: eval \"$(cube auth s3 {prefix} --format env)\"\n"),
            None => String::new(),
        }
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
        match self.readers.opener(prefix) {
            Opener::Bucket(BucketKeys::Anybody) => "icechunk.s3_anonymous_credentials()",
            Opener::Bucket(_) => "icechunk.s3_from_env_credentials()",
            Opener::Web | Opener::WebWithToken => "icechunk.Credentials.HttpAccess()",
            Opener::Disk => "icechunk.Credentials.LocalFileSystemAccess()",
        }
    }

    /// How fsspec reads the files. Kerchunk's references are read in one way, so the first prefix stands for all.
    fn remote(&self) -> Remote {
        let prefix = self.containers.first().map_or("file://", String::as_str);
        let opener = self.readers.opener(prefix);
        let options = match opener {
            Opener::WebWithToken => "\"client_kwargs\": {\"headers\": login}".to_owned(),
            Opener::Bucket(keys) => {
                let endpoint = self.readers.bucket(prefix).and_then(|reach| reach.endpoint.as_ref());
                let endpoint = endpoint.map(|e| format!(", \"endpoint_url\": {}", quoted(e))).unwrap_or_default();
                format!("\"anon\": {}{endpoint}", if keys == BucketKeys::Anybody { "True" } else { "False" })
            }
            Opener::Web | Opener::Disk => String::new(),
        };
        let protocol = match prefix.split_once("://").map(|(scheme, _)| scheme) {
            Some("s3") => "s3",
            Some("http") => "http",
            Some("https") => "https",
            _ => "file",
        };
        let (import, before) = match opener {
            Opener::WebWithToken => ("import os\n\n", LOGIN.to_owned()),
            _ => ("", self.keys_of_earthdata()),
        };
        Remote { protocol, options, import, before }
    }

    fn engine(&self) -> String {
        let Remote { protocol, options, import, before } = self.remote();
        let storage = match (protocol, options.is_empty()) {
            ("file", _) => String::new(),
            (_, true) => format!(", storage_options={{\"remote_protocol\": \"{protocol}\"}}"),
            (_, false) => format!(", storage_options={{\"remote_protocol\": \"{protocol}\", \"remote_options\": {{{options}}}}}"),
        };
        format!("{import}import xarray as xr\n\n{before}ds = xr.open_dataset({}, engine=\"kerchunk\", chunks={{}}{storage})", quoted(self.store))
    }

    fn references(&self) -> String {
        let Remote { protocol, options, import, before } = self.remote();
        let options = if options.is_empty() { "\"asynchronous\": True".to_owned() } else { format!("\"asynchronous\": True, {options}") };
        let version = if self.is_zarr3 { 3 } else { 2 };
        let open = if self.is_tree {
            format!("xr.open_datatree(store, engine=\"zarr\", consolidated=False, zarr_format={version})")
        } else {
            format!("xr.open_zarr(store, consolidated=False, zarr_format={version})")
        };
        format!(
            "{import}import fsspec\nimport xarray as xr\nfrom zarr.storage import FsspecStore\n\n{before}fs = fsspec.filesystem(\n    \"reference\", fo={}, \
             asynchronous=True, remote_protocol=\"{protocol}\", remote_options={{{options}}}\n)\nstore = FsspecStore(fs, read_only=True, path=\"\")\nds = {open}",
            quoted(self.store)
        )
    }
}

/// What fsspec needs to know of files.
struct Remote {
    protocol: &'static str,
    /// Entries of a dictionary.
    options: String,
    import: &'static str,
    /// Lines before those that open the store.
    before: String,
}

/// A text as Python writes it; JSON's is the same.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
