//! What the processes of one user share: tokens and temporary keys in files that only the user can read.
//!
//! One file for each thing, written whole and renamed into place, and one empty lock file beside it: who wants to renew takes the lock, looks
//! again, and only then asks the service. So processes that start together ask once.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use tokio::time::Instant;
use zeroize::Zeroizing;

/// Longest wait for another process that holds a lock. Its own requests end long before.
const PATIENCE: Duration = Duration::from_secs(180);
/// Largest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// A folder of secrets, or none.
#[derive(Debug, Clone)]
pub(crate) struct Vault {
    folder: Option<PathBuf>,
}

/// Held while something is renewed. Free when dropped, also when the process is killed.
#[derive(Debug)]
pub(crate) struct VaultLock {
    _file: Option<File>,
}

impl Vault {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Waits until no other process renews the same thing. Where files cannot be locked nothing is shared, which a warning says.
    pub(crate) async fn lock(&self, name: &str) -> VaultLock {
        let Some(folder) = &self.folder else { return VaultLock { _file: None } };
        match lock_file(folder, name).await {
            Ok(file) => VaultLock { _file: Some(file) },
            Err(e) => {
                tracing::warn!(folder = %folder.display(), error = %e, "credentials are not shared with other processes: set CUBE_CREDENTIALS_CACHE to another folder, or to off");
                VaultLock { _file: None }
            }
        }
    }

    /// What is kept under a name. A file that others could have written or read, or that cannot be understood, counts as absent.
    pub(crate) fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let path = self.folder.as_ref()?.join(format!("{name}.json"));
        let meta = path.symlink_metadata().ok()?;
        if !meta.is_file() || meta.len() > MAX_BYTES {
            return None;
        }
        if is_open_to_others(&meta) {
            tracing::warn!(path = %path.display(), "is ignored: others may read it");
            return None;
        }
        let text = Zeroizing::new(std::fs::read(&path).ok()?);
        serde_json::from_slice(&text).ok()
    }

    /// Keeps something under a name. A folder that cannot be written is a warning: this run has what it needs.
    pub(crate) fn write<T: Serialize>(&self, name: &str, value: &T) {
        let Some(folder) = &self.folder else { return };
        let text = serde_json::to_vec(value).map(Zeroizing::new).map_err(io::Error::other);
        let kept = text.and_then(|text| {
            private_folder(folder)?;
            write_private(&folder.join(format!("{name}.json")), &text)
        });
        if let Err(e) = kept {
            tracing::warn!(folder = %folder.display(), error = %e, "credentials could not be kept for other processes");
        }
    }

    /// Forgets what is kept under a name; whether there was something.
    pub(crate) fn remove(&self, name: &str) -> io::Result<bool> {
        let Some(folder) = &self.folder else { return Ok(false) };
        match std::fs::remove_file(folder.join(format!("{name}.json"))) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Names of what is kept that begin like this.
    pub(crate) fn names(&self, beginning: &str) -> Vec<String> {
        let entries = self.folder.as_ref().and_then(|f| std::fs::read_dir(f).ok()).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".json").map(str::to_owned));
        names.filter(|name| name.starts_with(beginning)).collect()
    }
}

async fn lock_file(folder: &Path, name: &str) -> io::Result<File> {
    private_folder(folder)?;
    let file = private_options().create(true).truncate(false).write(true).open(folder.join(format!("{name}.lock")))?;
    let (start, mut pause) = (Instant::now(), Duration::from_millis(5));
    // Polled, so that a task which is dropped while it waits leaves no thread behind.
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => tokio::time::sleep(pause).await,
            Err(TryLockError::WouldBlock) => return Err(io::Error::new(io::ErrorKind::TimedOut, "another process holds the lock")),
            Err(TryLockError::Error(e)) => return Err(e),
        }
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

/// Makes a folder that only its user may enter.
fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Replaces a file whole, readable by its user alone (0600). A link stays one: what it leads to is replaced.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Made with the permissions 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Whether users other than the owner may read or write a file.
pub(crate) fn is_open_to_others(meta: &std::fs::Metadata) -> bool {
    #[cfg(unix)]
    {
        std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o077 != 0
    }
    #[cfg(not(unix))]
    {
        let _ = meta;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn things_are_kept_for_their_user_alone() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let vault = Vault::new(Some(folder.path().join("a/b")));
        assert_eq!(vault.read::<String>("x"), None);
        vault.write("x", &"hush".to_owned());
        assert_eq!(vault.read::<String>("x").as_deref(), Some("hush"));
        assert_eq!(vault.names("x"), ["x"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let path = folder.path().join("a/b/x.json");
            assert_eq!(std::fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
            assert_eq!(std::fs::metadata(folder.path().join("a/b"))?.permissions().mode() & 0o777, 0o700);
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644))?;
            assert_eq!(vault.read::<String>("x"), None, "others may have read it");
        }
        assert!(vault.remove("x")? && !vault.remove("x")?);
        let held = vault.lock("x").await;
        let waiting = tokio::time::timeout(Duration::from_millis(50), vault.lock("x")).await;
        assert!(waiting.is_err(), "two hold one lock");
        drop(held);
        drop(vault.lock("x").await);
        let off = Vault::new(None);
        off.write("x", &1);
        assert_eq!(off.read::<i32>("x"), None);
        Ok(())
    }
}
