//! Files that appear when they are whole.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use tempfile::{NamedTempFile, TempPath};

use crate::{Error, Result};

/// A file that is written beside its place and put there when it is whole: a run that fails leaves what was there before. A pipe or a device is written
/// to itself.
#[derive(Debug)]
pub struct WholeFile {
    out: BufWriter<Out>,
    path: PathBuf,
}

#[derive(Debug)]
enum Out {
    Beside(NamedTempFile),
    Itself(File),
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Beside(file) => file.write(bytes),
            Self::Itself(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Beside(file) => file.flush(),
            Self::Itself(file) => file.flush(),
        }
    }
}

impl WholeFile {
    /// A file to write to. Where `path` is a link, the file that it names is the one.
    ///
    /// # Errors
    /// A folder that is not there or may not be written to; a path that is a folder.
    pub fn create(path: &Path) -> Result<Self> {
        let unwritable = |e: io::Error| Error::unwritable(path, e);
        let place = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let out = match std::fs::metadata(&place) {
            Ok(there) if !there.is_file() => Out::Itself(File::options().write(true).open(&place).map_err(unwritable)?),
            _ => Out::Beside(beside(&place, "")?),
        };
        Ok(Self { out: BufWriter::with_capacity(1 << 16, out), path: place })
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// A disk that is full.
    pub fn finish(self) -> Result<()> {
        let Self { out, path } = self;
        let unwritable = |e: io::Error| Error::unwritable(&path, e);
        match out.into_inner().map_err(|e| unwritable(e.into_error()))? {
            Out::Itself(mut file) => file.flush().map_err(unwritable),
            Out::Beside(file) => put(file.into_temp_path(), &path),
        }
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A new file in the folder of `path`.
pub(crate) fn beside(path: &Path, ending: &str) -> Result<NamedTempFile> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    tempfile::Builder::new().prefix(".unfinished").suffix(ending).tempfile_in(folder).map_err(|e| Error::unwritable(path, e))
}

/// Puts a file that is whole in its place.
pub(crate) fn put(file: TempPath, path: &Path) -> Result<()> {
    as_others_may_read(&file).map_err(|e| Error::unwritable(path, e))?;
    file.persist(path).map_err(|e| Error::unwritable(path, e.error))
}

/// A temporary file is its owner's alone; results are as open as any new file.
fn as_others_may_read(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) -> Result<()> {
        let mut file = WholeFile::create(path)?;
        file.write_all(text.as_bytes()).expect("room");
        file.finish()
    }

    #[test]
    fn a_file_appears_when_it_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        std::fs::write(&path, "before").expect("a file");
        let mut unfinished = WholeFile::create(&path).expect("a file");
        unfinished.write_all(b"half").expect("room");
        drop(unfinished);
        assert_eq!(std::fs::read_to_string(&path).expect("a file"), "before");
        write(&path, "after").expect("a file");
        assert_eq!(std::fs::read_to_string(&path).expect("a file"), "after");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
        assert!(write(folder.path(), "x").is_err(), "a folder is no file");
        assert!(write(&folder.path().join("none/b"), "x").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_and_devices_stay_what_they_are() {
        use std::os::unix::fs::FileTypeExt;
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link, device) = (folder.path().join("file"), folder.path().join("link"), folder.path().join("device"));
        std::fs::write(&file, "before").expect("a file");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        std::os::unix::fs::symlink("/dev/null", &device).expect("a link");
        write(&link, "after").expect("a file");
        assert_eq!(std::fs::read_to_string(&file).expect("a file"), "after");
        assert!(std::fs::symlink_metadata(&link).expect("a link").is_symlink());
        write(&device, "gone").expect("a device");
        assert!(std::fs::metadata("/dev/null").expect("a device").file_type().is_char_device());
    }
}
