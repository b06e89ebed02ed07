//! What is installed or built once for each state of what it is made from, and kept in the cache.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail, ensure};
use sha2::Sha256;
use tokio::process::Command;

use crate::cache;
use crate::progress::{Progress, step};

/// Where the clients are, made if they are not there. Any number of processes may call it at once: one installs, the others wait for it.
pub(super) async fn once(
    name: &str,
    state: Sha256,
    what: &str,
    progress: &dyn Progress,
    install: impl AsyncFnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let directory = cache::directory()?.join(format!("{name}-{}", cache::short(state)));
    let whole = directory.join("whole");
    if whole.is_file() {
        return Ok(directory);
    }
    std::fs::create_dir_all(&directory).with_context(|| format!("failed to make {}", directory.display()))?;
    let _lock = cache::exclusive(&directory, "Waiting for another process that installs Microsoft's clients", progress).await?;
    if !whole.is_file() {
        step(progress, what, install(&directory)).await?;
        std::fs::write(&whole, "").with_context(|| format!("failed to write {}", whole.display()))?;
    }
    Ok(directory)
}

/// What a program says of itself; `missing` tells whoever has none of that name, or one that fails, what to install.
pub(super) async fn asked(program: &str, arguments: &[&str], missing: [&'static str; 2]) -> anyhow::Result<Vec<u8>> {
    match Command::new(program).args(arguments).stdin(Stdio::null()).output().await {
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(missing[0]),
        asked => {
            let told = asked.with_context(|| format!("failed to run {program}"))?;
            ensure!(told.status.success(), missing[1]);
            Ok(told.stdout)
        }
    }
}

/// Runs a step of an installation.
pub(super) async fn run(mut command: Command, what: &str) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.with_context(|| format!("failed to run {what}"))?;
    ensure!(output.status.success(), "{what} ended with {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

/// The content of a file that says what is installed.
pub(super) fn content(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("failed to read {}", file.display()))
}
