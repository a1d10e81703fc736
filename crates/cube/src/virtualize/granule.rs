//! One granule: its sidecar where there is one, else its own header.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    time::UNIX_EPOCH,
};

use cube_access::Access;
use cube_backend::{ByteSource, Kind};
use cube_format_hdf5::{Kind as Known, dmrpp, recognise};
use cube_manifest::{Granule, Origin};
use cube_virtual::{Dataset, Repair, read::kerchunk as references};
use object_store::ObjectStoreExt;
use serde::Serialize;
use tokio::{runtime::Handle, sync::Semaphore, task::JoinError};

use super::{
    fetch::{Remote, is_local},
    inputs::{Input, data_of, local_path, sidecars_of},
};
use crate::{Error, Result, environment::of_access};

/// Bytes by which a format is recognised; HDF5's signature may follow blocks of the user of 512, 1024 and 2048 bytes.
const START: u64 = 4096;

/// Whether DMR++ sidecars are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sidecars {
    /// Where there is one; else the header of the data file.
    #[default]
    Auto,
    /// Only: a granule without one is an error.
    Only,
    /// Never: the header of the data file is read.
    Never,
}

/// Where the description of a granule came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadFrom {
    /// A DMR++ sidecar.
    Dmrpp,
    /// The header of an HDF5 file, which netCDF-4 is too.
    Hdf5,
    /// The header of a classic netCDF file.
    #[serde(rename = "netcdf3")]
    NetCdf3,
    /// The header of a TIFF file.
    Tiff,
    /// Kerchunk references, others' or those that were kept.
    Kerchunk,
}

/// A granule as it was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) granule: Granule,
    pub(super) from: ReadFrom,
    /// A sidecar that was not used, and why.
    pub(super) ignored: Option<String>,
}

/// Reads granules. Parsing is held to as many threads as there are processors.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    access: Access,
    sidecars: Sidecars,
    /// Where references of granules are kept.
    kept: Option<PathBuf>,
    parsing: Arc<Semaphore>,
}

impl Reader {
    pub(super) fn new(access: Access, sidecars: Sidecars, kept: Option<PathBuf>) -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        Self { access, sidecars, kept, parsing: Arc::new(Semaphore::new(threads)) }
    }

    /// Reads a granule: what was kept of it, when its file has not changed since; else what describes it.
    ///
    /// # Errors
    /// When neither sidecar nor header can be read. What is wrong with one variable is in that variable.
    pub(super) async fn read(&self, input: &Input, fetch: &Remote) -> Result<Read> {
        let Some(folder) = &self.kept else { return self.described(input).await };
        if let Some(data) = &input.data
            && let Some(read) = self.kept(&kept_at(folder, data), data).await?
        {
            return Ok(read);
        }
        let read = self.described(input).await?;
        let (folder, fetch, handle) = (folder.clone(), fetch.clone(), Handle::current());
        let stopped = |e: JoinError| Error::failed("the writer of references was stopped", e);
        // It writes files, and takes turns with nobody.
        let kept = tokio::task::spawn_blocking(move || handle.block_on(keep(&folder, &read.granule, &fetch)).map(|()| read));
        kept.await.map_err(stopped)?
    }

    async fn kept(&self, path: &Path, data: &str) -> Result<Option<Read>> {
        let Ok(bytes) = std::fs::read(path) else { return Ok(None) };
        let name = path.display().to_string();
        let parsed = self.parse(move || Ok(references::read_json(&bytes, &name))).await?;
        let now = self.origin(data).await?;
        // What cannot be asked for its version is taken to be as it was.
        let is_same = |granule: &Granule| {
            let then = &granule.origin;
            then.url.as_ref() == data && (now.size.is_none() || (then.size, then.last_modified) == (now.size, now.last_modified))
        };
        Ok(parsed.ok().filter(is_same).map(|granule| Read { granule, from: ReadFrom::Kerchunk, ignored: None }))
    }

    async fn described(&self, input: &Input) -> Result<Read> {
        let mut ignored = None;
        if self.sidecars != Sidecars::Never {
            match self.by_sidecar(input).await {
                Ok(Some(read)) => return Ok(read),
                Ok(None) if self.sidecars == Sidecars::Only => {
                    return Err(Error::refused(
                        format!("there is no sidecar beside `{}`", input.name()),
                        "read headers of data files with --dmrpp auto",
                    ));
                }
                Ok(None) => {}
                // A damaged sidecar is no reason to give up while the file can speak for itself.
                Err(error @ Error::Sidecar { .. }) if self.sidecars == Sidecars::Auto && input.data.is_some() => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                    ignored = Some(format!("{error}: {cause}"));
                }
                Err(error) => return Err(error),
            }
        }
        let data = input.data.clone().or_else(|| input.sidecar.as_deref().and_then(data_of));
        let data = data.ok_or_else(|| {
            Error::refused(
                format!("`{}` does not say which data file it is beside", input.name()),
                "name the data file, or allow sidecars with --dmrpp auto",
            )
        })?;
        let (granule, from) = if is_local(&data) { self.local_header(&data).await? } else { self.remote_header(&data).await? };
        Ok(Read { granule, from, ignored })
    }

    async fn by_sidecar(&self, input: &Input) -> Result<Option<Read>> {
        let candidates: Vec<String> = match (&input.sidecar, &input.data) {
            (Some(sidecar), _) => vec![sidecar.clone()],
            (None, Some(data)) if is_local(data) => sidecars_of(data).filter(|s| Path::new(s).is_file()).collect(),
            (None, Some(data)) => sidecars_of(data).take(1).collect(),
            (None, None) => Vec::new(),
        };
        let Some(sidecar) = candidates.into_iter().next() else { return Ok(None) };
        let known = async {
            match &input.data {
                Some(data) => self.origin(data).await.map(Some),
                None => Ok(None),
            }
        };
        let (xml, known) = futures::join!(self.access.read(&sidecar), known);
        let xml = match xml {
            Ok(xml) => xml,
            // Stores that do not list say "denied" for what is not there.
            Err(e) if input.sidecar.is_none() && matches!(e.kind(), cube_access::Kind::NotFound | cube_access::Kind::Denied) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let known = known?;
        let name = cube_access::public_name(&sidecar);
        let location = dmrpp::Location { sidecar, data: input.data.clone(), size: known.as_ref().and_then(|o| o.size) };
        let parsed = self.parse(move || Ok(dmrpp::read(&xml, &location))).await?;
        let mut granule = parsed.map_err(|source| Error::Sidecar { name, source })?;
        granule.origin = match known {
            Some(known) => known,
            None => self.origin(&granule.origin.url).await?,
        };
        Ok(Some(Read { granule, from: ReadFrom::Dmrpp, ignored: None }))
    }

    /// What is known of a data file without reading it. One that is not there, or may not be read, may be there for readers.
    async fn origin(&self, url: &str) -> Result<Origin> {
        let unknown = Origin { url: url.into(), size: None, etag: None, last_modified: None };
        if let Some(path) = local_path(url)? {
            return Ok(std::fs::metadata(&path).map_or(unknown, |meta| local_origin(url, &meta)));
        }
        let (store, path) = self.access.object(url).await?;
        match store.head(&path).await {
            Ok(meta) => {
                Ok(tracked(Origin { size: Some(meta.size), etag: meta.e_tag, last_modified: Some(meta.last_modified.timestamp()), ..unknown }))
            }
            Err(error) => {
                tracing::debug!(url = %cube_access::public_name(url), %error, "the version of a data file is not known");
                Ok(unknown)
            }
        }
    }

    async fn local_header(&self, path: &str) -> Result<(Granule, ReadFrom)> {
        let failed = |e: std::io::Error| Error::unreadable(Path::new(path), e);
        let file = File::open(path).map_err(failed)?;
        let origin = local_origin(path, &file.metadata().map_err(failed)?);
        let mut start = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(&file, START), &mut start).map_err(failed)?;
        match format(&start) {
            Some(Format::Netcdf(kind)) => Ok((self.parse(move || Ok(cube_format_hdf5::read_ranges(&file, origin)?.0)).await?, kind)),
            Some(Format::Tiff) => self.tiff(path, origin).await,
            Some(Format::References) => self.references(path).await,
            None => Err(unknown(&start, path)),
        }
    }

    async fn remote_header(&self, url: &str) -> Result<(Granule, ReadFrom)> {
        let name = url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
        if [".tif", ".tiff", ".gtiff"].iter().any(|end| name.ends_with(end)) {
            return self.tiff(url, self.origin(url).await?).await;
        }
        if name.ends_with(".json") {
            return self.references(url).await;
        }
        let source = self.source(url).await?;
        let read = cube_format_hdf5::read(&source, Origin { url: url.into(), size: None, etag: None, last_modified: None }).await;
        let error = match read {
            // The format of what was read right is of interest only to people, and not worth a request.
            Ok(granule) => {
                let kind = if name.ends_with(".nc3") || name.ends_with(".cdf") { ReadFrom::NetCdf3 } else { ReadFrom::Hdf5 };
                return Ok((Granule { origin: tracked(granule.origin), ..granule }, kind));
            }
            Err(error) if error.kind() == Kind::Corrupt => error,
            Err(error) => return Err(error.into()),
        };
        let start = source.store.get_range(&source.path, 0..START).await.unwrap_or_default();
        match format(&start) {
            Some(Format::Netcdf(_)) => Err(error.into()),
            Some(Format::Tiff) => self.tiff(url, self.origin(url).await?).await,
            Some(Format::References) => self.references(url).await,
            None => Err(unknown(&start, url)),
        }
    }

    async fn references(&self, place: &str) -> Result<(Granule, ReadFrom)> {
        let (bytes, name) = (self.access.read(place).await?, cube_access::public_name(place));
        let granule = self.parse(move || Ok(references::read_json(&bytes, &name)?)).await?;
        Ok((granule, ReadFrom::Kerchunk))
    }

    async fn tiff(&self, url: &str, origin: Origin) -> Result<(Granule, ReadFrom)> {
        Ok((cube_format_cog::references(&self.source(url).await?, origin).await?, ReadFrom::Tiff))
    }

    async fn source(&self, url: &str) -> Result<ByteSource> {
        let (store, path) = self.access.object(url).await.map_err(of_access)?;
        Ok(ByteSource { store, path, name: cube_access::public_name(url).into() })
    }

    async fn parse<T: Send + 'static>(&self, parse: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let stopped = |e: Box<dyn std::error::Error + Send + Sync>| Error::failed("the reader was stopped", e);
        let permit = Arc::clone(&self.parsing).acquire_owned().await.map_err(|e| stopped(e.into()))?;
        let parsed = tokio::task::spawn_blocking(move || {
            let parsed = parse();
            drop(permit);
            parsed
        });
        parsed.await.map_err(|e| stopped(e.into()))?
    }
}

enum Format {
    Netcdf(ReadFrom),
    Tiff,
    References,
}

fn format(start: &[u8]) -> Option<Format> {
    let is_tiff = [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|magic| start.starts_with(*magic));
    match recognise(start) {
        Some(Known::Hdf5) => Some(Format::Netcdf(ReadFrom::Hdf5)),
        Some(Known::NetCdf3) => Some(Format::Netcdf(ReadFrom::NetCdf3)),
        None if is_tiff => Some(Format::Tiff),
        None if start.trim_ascii_start().starts_with(b"{") => Some(Format::References),
        None => None,
    }
}

fn unknown(start: &[u8], name: &str) -> Error {
    let seen = if start.is_empty() {
        "it is empty"
    } else if start.starts_with(b"\x0e\x03\x13\x01") {
        "it is HDF4"
    } else if start.starts_with(b"GRIB") {
        "it is GRIB"
    } else if start.trim_ascii_start().starts_with(b"<") {
        "it is a web page or XML: the server may ask for a login"
    } else {
        "its first bytes are of none of them"
    };
    let name = cube_access::public_name(name);
    let error = cube_backend::Error::new(Kind::Unsupported, format!("`{name}` is no HDF5, netCDF or TIFF file: {seen}"));
    error.with_hint("leave the file out, or give its DMR++ sidecar").into()
}

/// Where the references of a granule are kept: under the name of its file and a fingerprint of its whole address.
fn kept_at(folder: &Path, url: &str) -> PathBuf {
    // FNV-1a, folded to 32 bits.
    let hash = url.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    folder.join(format!("{}.{:08x}.json", url.rsplit('/').next().unwrap_or_default(), (hash ^ hash >> 32) as u32))
}

/// Keeps the references of a granule in place of what is there. What Zarr has no words for is kept as a refusal.
async fn keep(folder: &Path, granule: &Granule, fetch: &Remote) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| Error::unwritable(folder, e))?;
    let path = kept_at(folder, &granule.origin.url);
    let mut dataset = Dataset::from_granule(granule.clone());
    dataset.repair(fetch, Repair::default()).await?;
    loop {
        match cube_virtual::write::kerchunk::write_reference(&dataset, &granule.origin, &path) {
            Ok(_) => return Ok(()),
            Err(cube_virtual::Error::Refused(refused)) if super::without(&mut dataset, &refused.variable) => dataset.refused.push(refused),
            Err(error) => return Err(error.into()),
        }
    }
}

fn local_origin(url: &str, meta: &std::fs::Metadata) -> Origin {
    let modified = meta.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
    // A part of a second counts as the next one: a reader finds the file older than that, and unchanged.
    let seconds = modified.and_then(|t| i64::try_from(t.as_secs() + u64::from(t.subsec_nanos() > 0)).ok());
    Origin { url: url.into(), size: Some(meta.len()), etag: None, last_modified: seconds }
}

/// What readers of a store compare: the etag of objects in S3, elsewhere the time, because etags of web servers may be weak or differ from one
/// machine to the next.
fn tracked(origin: Origin) -> Origin {
    let is_s3 = origin.url.starts_with("s3://");
    Origin { etag: origin.etag.filter(|_| is_s3), last_modified: origin.last_modified.filter(|t| *t > 0), ..origin }
}
