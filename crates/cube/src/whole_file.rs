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
        let path = place(path);
        let out = match std::fs::metadata(&path) {
            Ok(there) if !there.is_file() => Out::Itself(File::options().write(true).open(&path).map_err(unwritable)?),
            _ => Out::Beside(beside(&path, "")?),
        };
        Ok(Self { out: BufWriter::with_capacity(1 << 16, out), path })
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

/// The file that a path means: where it is a link, the one that the link names, whether or not that is there already.
pub(crate) fn place(path: &Path) -> PathBuf {
    let mut place = path.to_owned();
    // As many as Linux follows.
    for _ in 0..40 {
        let Ok(target) = std::fs::read_link(&place) else { return place };
        place = folder(&place).join(target);
    }
    path.to_owned()
}

/// A new file in the folder of `path`, as open to others as the file that it is to replace, or as any new file.
pub(crate) fn beside(path: &Path, ending: &str) -> Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".unfinished").suffix(ending);
    let replaced = std::fs::metadata(path).ok().map(|there| there.permissions());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder(path)).map_err(|e| Error::unwritable(path, e))?;
    cube_backend::note_unfinished(file.path());
    if let Some(permissions) = replaced {
        file.as_file().set_permissions(permissions).map_err(|e| Error::unwritable(path, e))?;
    }
    Ok(file)
}

/// Puts a file that is whole in its place.
pub(crate) fn put(file: TempPath, path: &Path) -> Result<()> {
    file.persist(path).map_err(|e| Error::unwritable(path, e.error))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
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
        std::fs::remove_file(&file).expect("removed");
        write(&link, "anew").expect("a file");
        assert_eq!(std::fs::read_to_string(&file).expect("a file"), "anew", "a link to what is not there yet");
        write(&device, "gone").expect("a device");
        assert!(std::fs::metadata("/dev/null").expect("a device").file_type().is_char_device());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_stays_as_private_as_it_was() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let mode = |path: &Path| std::fs::metadata(path).expect("a file").permissions().mode() & 0o777;
        let (private, new, usual) = (folder.path().join("private"), folder.path().join("new"), folder.path().join("usual"));
        std::fs::write(&private, "before").expect("a file");
        std::fs::set_permissions(&private, std::fs::Permissions::from_mode(0o600)).expect("changed");
        write(&private, "after").expect("a file");
        assert_eq!(mode(&private), 0o600);
        std::fs::write(&usual, "as any program writes").expect("a file");
        write(&new, "anew").expect("a file");
        assert_eq!(mode(&new), mode(&usual), "what the umask leaves");
    }
}
