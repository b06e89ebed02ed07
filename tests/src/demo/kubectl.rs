//! The real kubectl, run as a user would, at the top of the repository.

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use super::printer::Printer;
use crate::controlplane::ControlPlane;

/// Tells a command line that begins with `kubectl`, runs it, and gives what it prints.
///
/// # Errors
/// With kubectl's own words.
pub(super) async fn run(control: &ControlPlane, line: &str, voice: &mut Printer) -> anyhow::Result<String> {
    let args = line.strip_prefix("kubectl ").with_context(|| format!("no command of kubectl: {line}"))?;
    voice.command(line);
    let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let running = control.kubectl().args(args.split(' ')).current_dir(repository).output();
    let output = running.await.context("failed to run kubectl")?;
    if !output.status.success() {
        bail!("`{line}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The same, and shows people what it prints.
///
/// # Errors
/// As [`run`].
pub(super) async fn show(control: &ControlPlane, line: &str, voice: &mut Printer) -> anyhow::Result<()> {
    let printed = run(control, line, voice).await?;
    for line in printed.trim_end().lines() {
        voice.prose(format!("  {line}").trim_end());
    }
    Ok(())
}
