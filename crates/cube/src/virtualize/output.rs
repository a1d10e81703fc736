//! Where references are written, and in which form.

use std::path::{Path, PathBuf};

use cube_store::{Location, StorageOptions};
use cube_virtual::{
    Addresses, Dataset,
    write::{
        icechunk::{self, Target},
        kerchunk,
    },
};
use serde::Serialize;

use super::readers::Readers;
use crate::{Environment, Error, Result};

/// The form of a store of references.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VirtualFormat {
    /// An Icechunk repository of virtual chunks.
    Icechunk,
    /// Kerchunk references in one JSON file.
    KerchunkJson,
    /// Kerchunk references in Parquet files.
    KerchunkParquet,
}

impl VirtualFormat {
    /// The form that a name suggests: `.json`, `.parquet`, else Icechunk.
    pub fn of_name(name: &str) -> Self {
        let name = name.trim_end_matches('/').to_ascii_lowercase();
        match name.rsplit('.').next() {
            Some("json") => Self::KerchunkJson,
            Some("parquet" | "parq") => Self::KerchunkParquet,
            _ => Self::Icechunk,
        }
    }
}

/// How references are written.
#[derive(Debug, Clone, Default)]
pub struct OutputOptions {
    /// Form of the store; by its name when absent.
    pub format: Option<VirtualFormat>,
    /// Version of Zarr that Kerchunk references speak, 2 or 3; 2 when absent. Icechunk speaks 3.
    pub zarr_format: Option<u8>,
    /// References of a Parquet file; 100,000 when absent.
    pub record_size: Option<usize>,
    /// How files are addressed.
    pub addresses: Addresses,
    /// Whether references are added to a store that is there.
    pub append: bool,
}

/// A place for a store.
#[derive(Debug)]
pub(super) struct Output {
    place: Place,
    pub(super) format: VirtualFormat,
    kerchunk: kerchunk::Options,
}

#[derive(Debug)]
enum Place {
    File(PathBuf),
    Repository { location: Location, storage: StorageOptions },
}

/// What was written.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) version: Option<String>,
    pub(super) references: u64,
    pub(super) stored: u64,
    /// Prefixes that a reader must authorise.
    pub(super) containers: Vec<String>,
}

impl Output {
    /// Checks that a store can be written there, before anything is read.
    ///
    /// # Errors
    /// Something is there already, or, to append, nothing is; options that contradict each other.
    pub(super) async fn open(name: &str, options: &OutputOptions, environment: &Environment) -> Result<Self> {
        let format = options.format.unwrap_or_else(|| VirtualFormat::of_name(name));
        check(format, options)?;
        let place = match format {
            VirtualFormat::Icechunk => repository(name, options, environment).await?,
            VirtualFormat::KerchunkJson | VirtualFormat::KerchunkParquet => Place::File(file(name)?),
        };
        let version = if options.zarr_format == Some(3) { kerchunk::ZarrFormat::V3 } else { kerchunk::ZarrFormat::V2 };
        let defaults = kerchunk::Options::default();
        let kerchunk = kerchunk::Options {
            addresses: options.addresses.clone(),
            format: version,
            record_size: options.record_size.unwrap_or(defaults.record_size),
        };
        Ok(Self { place, format, kerchunk })
    }

    /// As messages and snippets name it: an absolute path or a URL.
    pub(super) fn name(&self) -> String {
        match &self.place {
            Place::File(path) => path.display().to_string(),
            Place::Repository { location, .. } => location.to_string(),
        }
    }

    /// Whether references speak Zarr v3.
    pub(super) fn is_zarr3(&self) -> bool {
        self.format == VirtualFormat::Icechunk || self.kerchunk.format == kerchunk::ZarrFormat::V3
    }

    /// The store that granules are appended to.
    pub(super) async fn existing(&self) -> Result<icechunk::Existing> {
        match &self.place {
            Place::Repository { location, storage } => Ok(icechunk::Existing::open(&target(location, storage).await?).await?),
            Place::File(_) => Err(only_icechunk_grows()),
        }
    }

    /// Writes a dataset to a new store; what fails leaves nothing behind.
    pub(super) async fn write(&self, dataset: &Dataset, granules: &[String], readers: &Readers, message: String) -> Result<Written> {
        match &self.place {
            Place::Repository { location, storage } => {
                let unfinished = Unfinished::new(location.local_path());
                let options = self.icechunk_options(granules, readers, message);
                let written = icechunk::write(dataset, &target(location, storage).await?, &options).await?;
                unfinished.keep();
                let (references, stored) = (written.references, written.native);
                Ok(Written { version: Some(written.version), references, stored, containers: written.containers })
            }
            Place::File(path) => {
                // Neither waits for anything but the disk.
                let write = || match self.format {
                    VirtualFormat::KerchunkParquet => kerchunk::write_parquet(dataset, path, &self.kerchunk),
                    _ => kerchunk::write_json(dataset, path, &self.kerchunk),
                };
                let written = tokio::task::block_in_place(write)?;
                let containers = containers(dataset, &self.kerchunk.addresses)?;
                Ok(Written { version: None, references: written.references, stored: written.inline, containers })
            }
        }
    }

    /// How references are appended.
    pub(super) fn icechunk_options(&self, granules: &[String], readers: &Readers, message: String) -> icechunk::Options {
        icechunk::Options {
            addresses: self.kerchunk.addresses.clone(),
            buckets: readers.for_icechunk(),
            granules: granules.to_vec(),
            message: Some(message),
            ..icechunk::Options::default()
        }
    }
}

fn check(format: VirtualFormat, options: &OutputOptions) -> Result<()> {
    use VirtualFormat::{Icechunk, KerchunkJson, KerchunkParquet};
    match (format, options) {
        (Icechunk, OutputOptions { zarr_format: Some(2), .. }) => Err(Error::refused(
            "an Icechunk repository holds Zarr v3, not v2",
            "leave out --zarr-format 2, or write Kerchunk references: --format kerchunk-json",
        )),
        (KerchunkParquet, OutputOptions { zarr_format: Some(3), .. }) => Err(Error::refused(
            "Kerchunk references in Parquet speak Zarr v2 only",
            "leave out --zarr-format 3, or write them as JSON: --format kerchunk-json",
        )),
        (Icechunk | KerchunkJson, OutputOptions { record_size: Some(_), .. }) => {
            Err(Error::refused("only Kerchunk references in Parquet have records", "leave out --record-size, or add --format kerchunk-parquet"))
        }
        (_, OutputOptions { record_size: Some(0), .. }) => {
            Err(Error::refused("a record of 0 references holds none", "give a record size of 1 or more"))
        }
        (KerchunkJson | KerchunkParquet, OutputOptions { append: true, .. }) => Err(only_icechunk_grows()),
        _ => Ok(()),
    }
}

fn only_icechunk_grows() -> Error {
    Error::refused("only Icechunk repositories can be appended to", "write Kerchunk references anew, from all granules, to another name")
}

fn exists(place: &Location) -> Error {
    cube_virtual::Error::AlreadyExists { place: place.to_string() }.into()
}

fn file(name: &str) -> Result<PathBuf> {
    let location = Location::parse(name)?;
    let Some(path) = location.local_path() else {
        return Err(Error::refused(format!("Kerchunk references cannot be written to `{name}`"), "write them to this machine and copy them there"));
    };
    if path.exists() {
        return Err(exists(&location));
    }
    match path.parent() {
        Some(folder) if !folder.is_dir() => {
            Err(Error::refused(format!("the folder `{}` does not exist", folder.display()), "make it first, or give another name"))
        }
        _ => Ok(path.to_owned()),
    }
}

async fn repository(name: &str, options: &OutputOptions, environment: &Environment) -> Result<Place> {
    use ::icechunk::{format::snapshot::Snapshot, repository::RepositoryErrorKind};
    let (location, storage) = (Location::parse(name)?, environment.storage_options());
    if location.kind() == cube_store::Kind::Zarr && options.format.is_none() {
        let message = format!("`{location}` is named as a plain Zarr store, which cannot refer to other files");
        return Err(Error::refused(message, "give a name without .zarr for an Icechunk repository, or one that ends in .json or .parquet"));
    }
    let missing = || Err(cube_virtual::Error::NotFound { place: location.to_string() }.into());
    let path = location.local_path();
    if path.is_some_and(is_empty) {
        return if options.append { missing() } else { Ok(Place::Repository { location, storage }) };
    }
    if path.is_some_and(|path| !path.join("repo").is_file() && !path.join("refs").is_dir()) {
        return if options.append { missing() } else { Err(exists(&location)) };
    }
    let failed = |e| Error::failed(format!("`{location}` cannot be read"), e);
    match ::icechunk::Repository::open(cube_store::icechunk_storage(&location, &storage).await?).execute().await {
        Ok(_) if options.append => {}
        // What a writer that was stopped left behind shows nothing to readers, and is made anew.
        Ok(repository) if repository.lookup_branch("main").await.map_err(failed)? == Snapshot::INITIAL_SNAPSHOT_ID => {}
        Ok(_) => return Err(exists(&location)),
        Err(error) if matches!(error.kind(), RepositoryErrorKind::RepositoryDoesntExist) && options.append => return missing(),
        Err(error) if matches!(error.kind(), RepositoryErrorKind::RepositoryDoesntExist) => {}
        Err(error) => return Err(failed(error)),
    }
    Ok(Place::Repository { location, storage })
}

async fn target(location: &Location, storage: &StorageOptions) -> Result<Target> {
    match location.local_path() {
        Some(path) => Ok(Target::local(path).await?),
        None => Ok(Target::storage(cube_store::icechunk_storage(location, storage).await?, location.to_string())),
    }
}

fn is_empty(path: &Path) -> bool {
    match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !path.exists(),
    }
}

/// Removes a folder that is not finished, unless it was there before.
struct Unfinished(Option<PathBuf>);

impl Unfinished {
    fn new(path: Option<&Path>) -> Self {
        Self(path.filter(|path| is_empty(path)).map(Path::to_owned))
    }

    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // It is only litter; what led here is told.
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

/// Prefixes of all files that references lead to.
pub(super) fn containers(dataset: &Dataset, addresses: &Addresses) -> Result<Vec<String>, cube_virtual::Error> {
    let mut urls = std::collections::BTreeSet::new();
    for (_, array) in dataset.arrays() {
        for url in array.parts().iter().flat_map(|part| part.chunks.urls()) {
            urls.insert(std::sync::Arc::clone(url));
        }
    }
    let urls: Vec<String> = urls.iter().map(|url| addresses.url(url)).collect::<Result<_, _>>()?;
    Ok(cube_virtual::prefixes(urls.iter().map(String::as_str)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_suggests_the_form() {
        let of = VirtualFormat::of_name;
        assert_eq!([of("a.json"), of("b/A.JSON")], [VirtualFormat::KerchunkJson; 2]);
        assert_eq!([of("a.parquet"), of("a.parq/")], [VirtualFormat::KerchunkParquet; 2]);
        assert_eq!([of("a"), of("s3://b/json"), of("a.icechunk")], [VirtualFormat::Icechunk; 3]);
    }

    #[test]
    fn options_of_another_form_are_refused() {
        let (ice, json, parquet) = (VirtualFormat::Icechunk, VirtualFormat::KerchunkJson, VirtualFormat::KerchunkParquet);
        let with = |zarr_format, record_size, append| OutputOptions { zarr_format, record_size, append, ..OutputOptions::default() };
        for (format, options) in [
            (ice, with(Some(2), None, false)),
            (ice, with(None, Some(10), false)),
            (json, with(None, Some(10), false)),
            (json, with(None, None, true)),
            (parquet, with(Some(3), None, false)),
            (parquet, with(None, Some(0), false)),
        ] {
            assert!(check(format, &options).is_err_and(|e| e.hint().is_some()), "{format:?} {options:?}");
        }
        for (format, options) in [(ice, with(Some(3), None, true)), (json, with(Some(3), None, false)), (parquet, with(Some(2), Some(10), false))] {
            assert!(check(format, &options).is_ok(), "{format:?} {options:?}");
        }
    }

    #[test]
    fn only_what_was_not_there_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (new, old) = (folder.path().join("new"), folder.path().join("old"));
        std::fs::create_dir(&old).expect("a folder");
        std::fs::write(old.join("mine"), "").expect("a file");
        for (path, is_kept) in [(&new, false), (&old, true)] {
            let unfinished = Unfinished::new(Some(path));
            std::fs::create_dir_all(path).expect("a folder");
            drop(unfinished);
            assert_eq!(path.exists(), is_kept);
        }
        let finished = Unfinished::new(Some(&new));
        std::fs::create_dir(&new).expect("a folder");
        finished.keep();
        assert!(new.exists());
    }
}
