//! The cloud's vendor's own clients, run as scripts against the simulator: what they understand, Azure would have said so.

mod python;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use tokio::process::Command;

use crate::cache;
use crate::device::Network;

/// How long a script may take; the slowest polls a long operation every second.
const PATIENCE: Duration = Duration::from_mins(3);

/// What an interpreter needs of its surroundings.
const KEPT: [&str; 4] = ["HOME", "LD_LIBRARY_PATH", "PATH", "TMPDIR"];

/// The scripts of `tests/vendors`, with a cloud to find and what they are told by their environment.
pub struct Vendors {
    python: &'static Path,
    authority: NamedTempFile,
    variables: BTreeMap<String, String>,
}

impl Vendors {
    /// Scripts that find every host of Azure at one address.
    ///
    /// # Errors
    /// If there is no Python, or it cannot be given the clients.
    pub async fn on(network: &Network) -> anyhow::Result<Self> {
        let python = python::with_the_clients().await?;
        let mut authority = NamedTempFile::new().context("failed to make a file for the simulator's authority")?;
        authority.write_all(network.ca_pem.as_bytes()).context("failed to write the simulator's authority")?;
        let variables = BTreeMap::from([("SIMULATOR".to_owned(), network.address.to_string())]);
        Ok(Self { python, authority, variables })
    }

    /// The same with one more variable in their environment.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Runs a script, and gives the facts that it tells: one line of JSON.
    ///
    /// # Errors
    /// With what the script says of its failure.
    pub async fn run(&self, script: &str, arguments: &[&str]) -> anyhow::Result<Value> {
        let mut command = Command::new(self.python);
        command.arg(scripts().join(script)).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        // Deaf to the settings of whoever runs the test: a proxy, another cloud, other modules.
        command.env_clear().envs(std::env::vars_os().filter(|(name, _)| KEPT.iter().any(|kept| name == kept)));
        command.envs(&self.variables).env("REQUESTS_CA_BUNDLE", self.authority.path()).env("PYTHONDONTWRITEBYTECODE", "1");
        let ended = tokio::time::timeout(PATIENCE, command.output()).await;
        let output = ended.with_context(|| format!("{script} is not done after {} s", PATIENCE.as_secs()))?;
        let output = output.with_context(|| format!("failed to run {script}"))?;
        ensure!(output.status.success(), "{script} ended with {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).with_context(|| format!("{script} tells no facts"))
    }
}

/// What a script tells of a secret, by which it is known again.
pub fn fingerprint(secret: &str) -> String {
    cache::short(Sha256::new().chain_update(secret))
}

/// The folder of the scripts.
fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vendors")
}
