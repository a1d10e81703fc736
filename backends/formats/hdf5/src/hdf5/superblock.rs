use cube_backend::{Error, Kind, Result};

use super::{
    cursor::Cursor,
    file::File,
    header::{CACHE_IMAGE, DRIVER, Header},
    shared::SharedTable,
};
use crate::{
    recognise::{HDF5_SIGNATURE, signature_places},
    source::Source,
};

/// Opens a file: finds and reads its superblock (format specification II.A, versions 0 to 3). The address of the root group's header.
pub(super) fn open<'a>(source: &'a Source<'a>) -> Result<(File<'a>, u64)> {
    for place in signature_places(source.size()) {
        if source.read_up_to(place, 8)? == HDF5_SIGNATURE.as_slice() {
            return read(source, place);
        }
    }
    Err(Error::new(Kind::Corrupt, "neither an HDF5 nor a classic netCDF file: its signature is missing"))
}

/// By one who writes, or by one who lets others read meanwhile.
const OPEN_FOR_WRITING: u8 = 1 | 4;

fn read<'a>(source: &'a Source<'a>, base: u64) -> Result<(File<'a>, u64)> {
    let bytes = source.read_up_to(base, 128)?;
    let mut c = Cursor::new(&bytes, "the superblock");
    c.skip(8)?;
    let version = c.expect_u8("version", &[0, 1, 2, 3])?;
    if version < 2 {
        c.skip(4)?;
    }
    let offset_size = usize::from(c.expect_u8("size of addresses", &[2, 4, 8])?);
    let length_size = usize::from(c.expect_u8("size of lengths", &[2, 4, 8])?);
    let file = File::new(source, base, offset_size, length_size);
    let (end, root, extension);
    if version < 2 {
        c.skip(if version == 0 { 9 } else { 13 })?;
        c.skip(2 * offset_size)?;
        end = c.address(offset_size)?;
        if c.address(offset_size)?.is_some() {
            return Err(several_files());
        }
        c.skip(offset_size)?;
        root = c.address(offset_size)?;
        extension = None;
    } else {
        let flags = c.u8()?;
        if version == 3 && flags & OPEN_FOR_WRITING != 0 {
            let error = Error::corrupt("the file is marked as open for writing: what it says may be half of what is so");
            return Err(error.with_hint("close it, or run `h5clear -s` on it if nothing writes to it any more"));
        }
        c.skip(offset_size)?;
        extension = c.address(offset_size)?;
        end = c.address(offset_size)?;
        root = c.address(offset_size)?;
        c.check()?;
    }
    let cut = end.filter(|end| *end > source.size());
    if let Some(extension) = extension {
        match check_extension(&file, extension) {
            // What is wrong with it may be that it is cut off.
            Err(error) if cut.is_none() || error.kind() != Kind::Corrupt => return Err(error),
            _ => *file.shared.borrow_mut() = SharedTable::Extension(extension),
        }
    }
    if let Some(end) = cut {
        return Err(Error::corrupt(format!("the file is cut: it has {} bytes and should have {end}", source.size())));
    }
    let root = root.ok_or_else(|| Error::corrupt("the file has no root group"))?;
    Ok((file, root))
}

/// Refuses what changes the meaning of all that follows.
fn check_extension(file: &File<'_>, address: u64) -> Result<()> {
    let header = Header::read(file, address)?;
    if header.has(DRIVER) {
        return Err(several_files());
    }
    if let Some(message) = header.find(file, CACHE_IMAGE)? {
        let mut c = Cursor::new(&message, "the place of a cache image");
        c.expect_u8("version", &[0])?;
        if c.address(file.offset_size)?.is_some() {
            let error = Error::unsupported("the file was closed with an image of the library's cache, which holds part of its description");
            return Err(error.with_hint("copy it with `h5repack`"));
        }
    }
    Ok(())
}

/// Only such files name the driver that they were written with.
fn several_files() -> Error {
    Error::unsupported("the file is one of several that make up one HDF5 file (driver `family` or `multi`)")
        .with_hint("join them with `h5repart` or `h5repack`")
}
