//! Reading a file, whichever it is and wherever it lies.

use cube_backend::{ByteSource, Error, Result};
use cube_manifest::{Granule, Origin};

use crate::{
    hdf5, netcdf3,
    recognise::{FIRST_BYTES, Kind, recognise},
    source::{Fetch, Requests, Source, read_remote},
};

/// Reads what an HDF5 or classic netCDF file holds, from a store: it is told by its first bytes, not by its name.
///
/// Size, etag and time of the last change are taken from the first answer where `origin` does not say them. Needs a tokio runtime: the
/// parser runs on one of its blocking threads. Dropping the future ends it.
///
/// # Errors
/// [`Kind::Corrupt`](cube_backend::Kind::Corrupt) when it is neither, is cut, or contradicts itself in its header or its tree of groups; the errors of the
/// store. What is wrong with one variable is in that variable.
pub async fn read(source: &ByteSource, origin: Origin) -> Result<Granule> {
    read_counted(source, origin).await.map(|(granule, _)| granule)
}

/// The same, and how many requests it took.
///
/// # Errors
/// As [`read`].
pub async fn read_counted(source: &ByteSource, origin: Origin) -> Result<(Granule, Requests)> {
    let name = source.name.clone();
    let (granule, requests) = read_remote(source, origin, move |source, origin| parse(source, origin).map_err(|e| named(&name, e))).await?;
    tracing::debug!(file = %source.name, count = requests.count, rounds = requests.rounds, bytes = requests.bytes, "header read");
    Ok((granule, requests))
}

/// Reads what an HDF5 or classic netCDF file holds, from its bytes.
///
/// # Errors
/// As [`read`].
pub fn read_bytes(bytes: &[u8], origin: Origin) -> Result<Granule> {
    let name = origin.url.clone();
    parse(&Source::memory(bytes), with_size(origin, bytes.len() as u64)).map_err(|e| named(&name, e))
}

/// Reads what an HDF5 or classic netCDF file holds, from whatever gives byte ranges (a [`File`](std::fs::File), say), and how many requests
/// it took.
///
/// # Errors
/// As [`read`].
pub fn read_ranges(fetch: &dyn Fetch, origin: Origin) -> Result<(Granule, Requests)> {
    let name = origin.url.clone();
    let source = Source::ranges(fetch);
    let granule = parse(&source, with_size(origin, fetch.size())).map_err(|e| named(&name, e))?;
    Ok((granule, source.requests()))
}

fn parse(source: &Source<'_>, origin: Origin) -> Result<Granule> {
    match recognise(&source.read_up_to(0, FIRST_BYTES)?) {
        Some(Kind::NetCdf3) => netcdf3::parse(source, origin),
        // It knows signatures that lie further on too, and says what is wrong.
        Some(Kind::Hdf5) | None => hdf5::parse(source, origin),
    }
}

fn with_size(origin: Origin, size: u64) -> Origin {
    Origin { size: origin.size.or(Some(size)), ..origin }
}

/// The error with the name of the file before it.
fn named(name: &str, error: Error) -> Error {
    let with_name = Error::new(error.kind(), format!("`{name}`: {error}"));
    match error.hint().map(str::to_owned) {
        Some(hint) => with_name.with_hint(hint).with_source(error),
        None => with_name.with_source(error),
    }
}
