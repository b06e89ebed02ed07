//! The directory of one running control plane.

use super::flags::ETCD_SOCKET;
use anyhow::{Context, bail};
use std::{
    fs::{self, File, Permissions},
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

const PREFIX: &str = "moorage-controlplane-";

/// The shortest limit of a Unix socket's path among the systems we know (macOS: 104 bytes with the final zero).
const SOCKET_PATH: usize = 103;

/// A directory with the files, logs and database of one control plane.
#[derive(Debug)]
pub(super) struct RunDirectory {
    path: PathBuf,
    /// Held while a temporary directory is in use, so that [`sweep`] spares it.
    lock: Option<File>,
    /// Not before the start has succeeded: the logs of a failed one stay until the next.
    removed_in_the_end: bool,
}

impl RunDirectory {
    /// A temporary directory, removed in the end, or the one at `chosen`, which stays.
    pub fn new(chosen: Option<&Path>) -> anyhow::Result<Self> {
        let run = match chosen {
            None => Self::temporary().context("failed to make a temporary directory")?,
            Some(path) => {
                fs::create_dir_all(path).with_context(|| format!("failed to make {}", path.display()))?;
                let path = path.canonicalize().with_context(|| format!("failed to find {}", path.display()))?;
                Self { path, lock: None, removed_in_the_end: false }
            }
        };
        let socket = run.join(ETCD_SOCKET);
        if socket.as_os_str().len() > SOCKET_PATH {
            bail!("{} is too long a path for a socket: choose a shorter directory (TMPDIR)", socket.display());
        }
        Ok(run)
    }

    fn temporary() -> std::io::Result<Self> {
        sweep();
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).permissions(Permissions::from_mode(0o700));
        let path = builder.tempdir()?.keep();
        let unready = path.join("lock.unready");
        let lock = File::create(&unready)?;
        lock.lock()?;
        fs::rename(unready, path.join("lock"))?;
        Ok(Self { path, lock: Some(lock), removed_in_the_end: false })
    }

    /// Removes the directory with this value, if it is a temporary one.
    pub fn remove_in_the_end(&mut self) {
        self.removed_in_the_end = self.lock.is_some();
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub fn write(&self, name: &str, content: &str) -> anyhow::Result<()> {
        write_private(&self.join(name), content)
    }

    /// Removes the directory now, if it is a temporary one.
    pub fn remove(&self) -> anyhow::Result<()> {
        if self.removed_in_the_end && self.path.exists() {
            fs::remove_dir_all(&self.path).with_context(|| format!("failed to remove {}", self.path.display()))?;
        }
        Ok(())
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        // What cannot be removed now, the next run sweeps.
        let _ = self.remove();
    }
}

/// Writes a file that its owner alone may read: keys are among them.
pub(super) fn write_private(path: &Path, content: &str) -> anyhow::Result<()> {
    let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(content.as_bytes()));
    written.with_context(|| format!("failed to write {}", path.display()))
}

/// Removes the directories of runs that ended without doing so themselves: failed, killed, or held by a static.
fn sweep() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let lock = File::open(entry.path().join("lock"));
        if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
