//! What was named on the command line, as granules: files, URLs, patterns, lists, items; a sidecar and its data file are one granule.

use std::{
    collections::HashMap,
    path::{Component, Path, PathBuf},
};

use cube_access::{Access, public_name};
use futures::TryStreamExt;

use super::items;
use crate::{Error, Result, search::RecordStream};

/// Suffixes of sidecars, the longer one first because the shorter is its end.
pub(super) const SIDECARS: [&str; 2] = [".dap.dmrpp", ".dmrpp"];

/// Which address of a granule is referred to, where both an `s3://` and an `https://` one are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AddressChoice {
    /// The one in the object store, for readers near it.
    Direct,
    /// The one over HTTP.
    Indirect,
    /// The one in the object store when there are keys for S3 in the environment, or this program runs beside NASA's buckets; else that over HTTP.
    #[default]
    Auto,
}

/// Chooses among the addresses of a file.
#[derive(Debug)]
pub(super) struct Chooser<'a> {
    pub(super) wanted: AddressChoice,
    pub(super) access: &'a Access,
}

impl Chooser<'_> {
    /// One of two addresses of the same file.
    pub(super) async fn choose(&self, s3: String, other: String) -> Result<String> {
        match self.wanted {
            AddressChoice::Direct => Ok(s3),
            AddressChoice::Indirect => Ok(other),
            AddressChoice::Auto if self.access.store_options().access_key_id.is_some() => Ok(s3),
            AddressChoice::Auto => Ok(self.access.choose(&other, &[s3]).await?.href),
        }
    }
}

/// How inputs are understood.
#[derive(Debug, Clone, Default)]
pub(super) struct InputOptions {
    pub(super) access: AddressChoice,
    /// Key of the asset of items.
    pub(super) asset: Option<String>,
}

/// A granule that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Input {
    /// Path or URL of its data file; unknown for a sidecar that says it itself.
    pub(super) data: Option<String>,
    /// Path or URL of its sidecar, when that was named.
    pub(super) sidecar: Option<String>,
}

impl Input {
    /// How messages name it.
    pub(super) fn name(&self) -> String {
        self.data.as_deref().or(self.sidecar.as_deref()).map(public_name).unwrap_or_default()
    }
}

/// Granules, each once, in the order in which they were named first.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    pub(super) granules: Vec<Input>,
    /// What was named more than once.
    pub(super) twice: Vec<String>,
    /// Number of a granule by its data file as far as it can be told from names.
    known: HashMap<String, usize>,
}

impl Inputs {
    /// Understands everything that was named.
    ///
    /// # Errors
    /// What was typed and leads nowhere, by name: a file that is not there, a pattern that matches nothing, a folder, an item without data.
    pub(super) async fn read(named: &[String], options: &InputOptions, access: &Access) -> Result<Self> {
        let mut inputs = Self::default();
        for text in named {
            match text.strip_prefix('@') {
                Some(list) if !Path::new(text).exists() => {
                    for line in lines(&text_of(list, access).await?) {
                        inputs.name(line, options, access).await?;
                    }
                }
                _ => inputs.name(text, options, access).await?,
            }
        }
        if inputs.granules.is_empty() {
            return Err(Error::refused("no granule was named", "give files, URLs, a quoted pattern such as 'data/*.nc', @list.txt or items.json"));
        }
        Ok(inputs)
    }

    /// The granules that a search finds, each once.
    ///
    /// # Errors
    /// Nothing is found; a record without data, or with several files of it; those of the search.
    pub(super) async fn found(mut records: RecordStream, options: &InputOptions, access: &Access) -> Result<Self> {
        let mut inputs = Self::default();
        let chooser = Chooser { wanted: options.access, access };
        while let Some(record) = records.try_next().await? {
            record.teach_buckets(access)?;
            inputs.add(items::of_record(record.item()?, options.asset.as_deref(), &chooser).await?);
        }
        if inputs.granules.is_empty() {
            return Err(Error::refused("the search finds no granule", "see what there is with `cube search` and the same options"));
        }
        Ok(inputs)
    }

    async fn name(&mut self, text: &str, options: &InputOptions, access: &Access) -> Result<()> {
        let is_pattern = text.contains(['*', '?', '[']);
        match (local_path(text)?, text.split_once("://").map(|(scheme, _)| scheme)) {
            (Some(path), _) if is_pattern && !path.exists() => self.local_pattern(text, &path),
            (None, Some("s3" | "s3a")) if is_pattern => self.bucket_pattern(text, access).await,
            (None, Some("http" | "https")) if path_of(text).contains(['*', '[']) => {
                let message = format!("`{}` is a pattern, and a web server does not say which files it has", public_name(text));
                Err(Error::refused(message, "list the files in a text file, one URL a line, and give it as @list.txt"))
            }
            _ if items::is_items(text) => self.items(text, options, access).await,
            (Some(path), _) => self.local_file(&path),
            (None, _) => {
                self.add(of_address(text));
                Ok(())
            }
        }
    }

    async fn items(&mut self, text: &str, options: &InputOptions, access: &Access) -> Result<()> {
        for input in items::read(text, options.asset.as_deref(), &Chooser { wanted: options.access, access }).await? {
            self.add(input);
        }
        Ok(())
    }

    fn local_pattern(&mut self, text: &str, path: &Path) -> Result<()> {
        let wrong = |problem: String| Error::refused(format!("`{text}` is no pattern: {problem}"), "patterns know *, ?, [a-z] and **");
        let found = glob::glob(utf8(path)?).map_err(|e| wrong(e.to_string()))?;
        let mut files = Vec::new();
        for entry in found {
            let path = entry.map_err(|e| Error::unreadable(e.path(), std::io::Error::other(e.error().to_string())))?;
            if path.is_file() {
                files.push(path);
            }
        }
        if files.is_empty() {
            return Err(nothing_matches(text));
        }
        files.iter().try_for_each(|path| self.local_file(path))
    }

    async fn bucket_pattern(&mut self, text: &str, access: &Access) -> Result<()> {
        let (_, place) = text.split_once("://").unwrap_or_default();
        let (bucket, key) = place.split_once('/').unwrap_or((place, ""));
        let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
        let pattern =
            glob::Pattern::new(key).map_err(|e| Error::refused(format!("`{text}` is no pattern: {e}"), "patterns know *, ?, [a-z] and **"))?;
        let fixed = &key[..key.find(['*', '?', '[']).unwrap_or(key.len())];
        let folder = &fixed[..fixed.rfind('/').map_or(0, |at| at + 1)];
        let (store, path) = access.object(&format!("s3://{bucket}/{folder}")).await?;
        let failed = |e| Error::Access(cube_access::Error::from_store(text, e));
        let mut keys: Vec<String> = store.list(Some(&path)).map_ok(|meta| meta.location.to_string()).try_collect().await.map_err(failed)?;
        keys.retain(|key| pattern.matches_with(key, options));
        keys.sort_unstable();
        if keys.is_empty() {
            return Err(nothing_matches(text));
        }
        keys.iter().for_each(|key| self.add(of_address(&format!("s3://{bucket}/{key}"))));
        Ok(())
    }

    fn local_file(&mut self, path: &Path) -> Result<()> {
        let text = utf8(path)?;
        if path.is_dir() {
            return Err(Error::refused(format!("`{text}` is a folder"), format!("name the files in it, for example '{text}/*.nc'")));
        }
        let mut input = of_address(text);
        if !path.exists() && !sidecars_of(text).any(|sidecar| Path::new(&sidecar).is_file()) {
            return Err(Error::refused(format!("`{text}` does not exist"), "check the name; relative names begin at the working directory"));
        }
        // A sidecar describes the file beside it; when there is none, it says itself which.
        if input.sidecar.is_some() {
            input.data = data_of(text).filter(|data| Path::new(data).exists());
        }
        self.add(input);
        Ok(())
    }

    fn add(&mut self, input: Input) {
        let of_sidecar = || input.sidecar.as_deref().and_then(data_of);
        let Some(key) = input.data.clone().or_else(of_sidecar) else {
            self.granules.push(input);
            return;
        };
        let Some(at) = self.known.get(&key).copied() else {
            self.known.insert(key, self.granules.len());
            self.granules.push(input);
            return;
        };
        let known = &mut self.granules[at];
        let is_new = known.sidecar.is_none() && input.sidecar.is_some() || known.data.is_none() && input.data.is_some();
        if is_new {
            known.data = known.data.take().or(input.data);
            known.sidecar = known.sidecar.take().or(input.sidecar);
        } else if known.data == input.data || known.sidecar == input.sidecar {
            self.twice.push(known.name());
        }
    }
}

/// A file by its address alone.
/// What follows the host of an address, which may be `[::1]`.
fn path_of(address: &str) -> &str {
    let behind = address.split_once("://").map_or(address, |(_, rest)| rest);
    behind.find('/').map_or("", |slash| &behind[slash..])
}

fn of_address(address: &str) -> Input {
    let is_sidecar = data_of(address).is_some();
    let address = address.to_owned();
    if is_sidecar { Input { data: None, sidecar: Some(address) } } else { Input { data: Some(address), sidecar: None } }
}

/// The file that a sidecar lies beside; `None` for what is not called as a sidecar.
pub(super) fn data_of(sidecar: &str) -> Option<String> {
    let path = sidecar.split(['?', '#']).next().unwrap_or_default();
    SIDECARS.iter().find_map(|suffix| path.strip_suffix(suffix)).filter(|data| !data.is_empty() && !data.ends_with('/')).map(str::to_owned)
}

/// What the sidecar of a file may be called.
pub(super) fn sidecars_of(data: &str) -> impl Iterator<Item = String> {
    SIDECARS.iter().rev().map(move |suffix| format!("{data}{suffix}"))
}

/// The absolute path that a text names; `None` for a URL elsewhere.
pub(super) fn local_path(text: &str) -> Result<Option<PathBuf>> {
    let path = match text.split_once("://") {
        Some(("file", _)) => url::Url::parse(text)
            .ok()
            .and_then(|url| url.to_file_path().ok())
            .ok_or_else(|| Error::refused(format!("`{text}` is not the URL of a local file"), "write file:///absolute/path, or just the path"))?,
        Some((scheme, _)) if !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b)) => return Ok(None),
        _ => PathBuf::from(text),
    };
    // What `..` leads to depends on links, so the system is asked where it can be.
    let climbs = path.components().any(|c| c == Component::ParentDir);
    let resolved = if climbs { std::fs::canonicalize(&path).or_else(|_| std::path::absolute(&path)) } else { std::path::absolute(&path) };
    resolved.map(Some).map_err(|e| Error::unreadable(&path, e))
}

fn utf8(path: &Path) -> Result<&str> {
    path.to_str()
        .ok_or_else(|| Error::refused(format!("the name `{}` is not UTF-8", path.display()), "references need a name in UTF-8: rename the file"))
}

fn nothing_matches(text: &str) -> Error {
    Error::refused(format!("`{text}` matches no file"), "check the folder and the pattern; ** matches folders within folders")
}

/// The text of a list; `-` is standard input.
async fn text_of(list: &str, access: &Access) -> Result<String> {
    let bytes = if list == "-" {
        let read = tokio::task::spawn_blocking(|| std::io::read_to_string(std::io::stdin()).map(String::into_bytes));
        let failed = |e: std::io::Error| Error::unreadable(Path::new("standard input"), e);
        read.await.map_err(|e| failed(std::io::Error::other(e)))?.map_err(failed)?.into()
    } else {
        access.read(list).await?
    };
    String::from_utf8(bytes.into()).map_err(|_| Error::refused(format!("`{list}` is not a text file"), "a list has one file or URL a line, in UTF-8"))
}

/// One name a line; empty lines and those that begin with `#` say nothing.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use cube_access::AccessOptions;

    use super::*;

    async fn read(named: &[&str]) -> Result<Inputs> {
        let named: Vec<String> = named.iter().map(|n| (*n).to_owned()).collect();
        let access = Access::new(AccessOptions::default()).expect("access");
        Inputs::read(&named, &InputOptions::default(), &access).await
    }

    #[tokio::test]
    async fn a_file_and_its_sidecar_are_one_granule() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name).display().to_string();
        for name in ["a.nc", "a.nc.dmrpp", "b.nc.dap.dmrpp", "c.nc"] {
            std::fs::write(at(name), "").expect("a file");
        }
        let inputs = read(&[&at("*")]).await.expect("inputs");
        let of = |data: Option<&str>, sidecar: Option<&str>| Input { data: data.map(at), sidecar: sidecar.map(at) };
        let expected = [of(Some("a.nc"), Some("a.nc.dmrpp")), of(None, Some("b.nc.dap.dmrpp")), of(Some("c.nc"), None)];
        assert_eq!(inputs.granules, expected);
        assert!(inputs.twice.is_empty());
        let inputs = read(&[&at("c.nc"), &at("a.nc.dmrpp"), &at("./c.nc"), &at("a.nc")]).await.expect("inputs");
        assert_eq!((inputs.granules.len(), inputs.twice), (2, vec![at("c.nc"), at("a.nc")]));
    }

    #[tokio::test]
    async fn lists_name_files_line_by_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let list = folder.path().join("list.txt");
        std::fs::write(&list, "# three\n\nhttps://h/a.nc\n  s3://b/k.nc \nhttps://h/a.nc\n").expect("a list");
        let inputs = read(&[&format!("@{}", list.display())]).await.expect("inputs");
        let data: Vec<_> = inputs.granules.iter().filter_map(|g| g.data.as_deref()).collect();
        assert_eq!((data, inputs.twice), (vec!["https://h/a.nc", "s3://b/k.nc"], vec!["https://h/a.nc".to_owned()]));
    }

    #[tokio::test]
    async fn what_leads_nowhere_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name).display().to_string();
        for named in [at("absent.nc"), at("*.nc"), at(""), format!("@{}", at("list.txt")), "https://h/*.nc".to_owned()] {
            let error = read(&[&named]).await.expect_err(&named);
            let name = named.trim_start_matches('@').trim_end_matches('/');
            assert!(error.to_string().contains(name) && error.hint().is_some(), "{error}");
        }
        assert!(read(&[]).await.is_err());
    }
}
