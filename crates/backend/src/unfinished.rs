//! Files that are not whole yet. They are removed when they are dropped; a signal ends a process without that.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn all() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes a file that will get its own name when it is whole.
pub fn note_unfinished(file: &Path) {
    let mut all = all();
    all.retain(|file| file.exists());
    all.insert(std::path::absolute(file).unwrap_or_else(|_| file.to_owned()));
}

/// Removes the files that are not whole yet: for a process that ends now.
pub fn remove_unfinished() {
    for file in std::mem::take(&mut *all()) {
        // One that is gone, or has its own name by now, needs nothing.
        let _ = std::fs::remove_file(file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_unfinished_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let [finished, unfinished] = ["finished", "unfinished"].map(|name| folder.path().join(name));
        for file in [&finished, &unfinished] {
            std::fs::write(file, "half").expect("a file");
            note_unfinished(file);
        }
        let named = folder.path().join("named");
        std::fs::rename(&finished, &named).expect("renamed");
        remove_unfinished();
        assert!(named.exists() && !unfinished.exists());
    }
}
