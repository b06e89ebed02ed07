//! Where what is made once is kept, for every process that needs it.

use crate::progress::{Progress, step};
use anyhow::Context;
use sha2::{Digest, Sha256};
use std::{
    env,
    fmt::Write as _,
    fs::File,
    path::{Path, PathBuf},
};

/// The directory where what is made once is kept: `MOORAGE_CACHE`, else `moorage` in the user's cache directory.
///
/// # Errors
///
/// None of `MOORAGE_CACHE`, `XDG_CACHE_HOME` and `HOME` is set.
pub(crate) fn directory() -> anyhow::Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("MOORAGE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("moorage")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/moorage")))
        .context("no directory for the cache: set MOORAGE_CACHE to one")
}

/// As much of a hash as the name of a directory needs.
pub(crate) fn short(hash: Sha256) -> String {
    let mut short = String::new();
    for byte in &hash.finalize()[..8] {
        write!(short, "{byte:02x}").expect("a String takes all that is written");
    }
    short
}

/// Waits until no other process works in `directory`; the lock ends with the file, thus also with a process that is killed.
///
/// # Errors
///
/// The directory cannot be written to.
pub(crate) async fn exclusive(directory: &Path, waiting: &str, progress: &dyn Progress) -> anyhow::Result<File> {
    let path = directory.join("lock");
    let file = File::create(&path).with_context(|| format!("failed to create {}", path.display()))?;
    if file.try_lock().is_ok() {
        return Ok(file);
    }
    let locking = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
    let locked = step(progress, waiting, locking).await?;
    locked.with_context(|| format!("failed to lock {}", path.display()))
}
