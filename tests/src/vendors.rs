//! The cloud's vendor's own clients, run as scripts against the simulator: what they understand, Azure would have said so.

mod go;
mod installed;
mod javascript;
mod python;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::cache;
use crate::device::Network;
use crate::progress::{Console, Progress};

/// How long a script may take; the slowest polls a long operation every second.
const PATIENCE: Duration = Duration::from_mins(3);

/// A language that Microsoft has clients for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Go, in which all is one program.
    Go,
    /// JavaScript, run by Node.js.
    JavaScript,
    /// Python.
    Python,
}

/// What runs the scripts of a language.
struct Program {
    path: PathBuf,
    /// Where the scripts are, unless the program is its own.
    scripts: Option<PathBuf>,
    /// The variable that names a file with the authority to trust.
    trust: &'static str,
    variables: Vec<(&'static str, OsString)>,
}

impl Language {
    /// The program with the clients; made when first asked for, and kept in the cache.
    ///
    /// # Errors
    /// It could not be made, which is then told to every test.
    async fn program(self) -> anyhow::Result<&'static Program> {
        static MADE: [OnceCell<Result<Program, String>>; 3] = [const { OnceCell::const_new() }; 3];
        let made = MADE[self as usize].get_or_init(|| async { self.made(&Console::stderr()).await.map_err(|error| format!("{error:#}")) });
        made.await.as_ref().map_err(|error| anyhow!("{error}"))
    }

    async fn made(self, progress: &dyn Progress) -> anyhow::Result<Program> {
        match self {
            Self::Go => go::made(progress).await,
            Self::JavaScript => javascript::made(progress).await,
            Self::Python => python::made(progress).await,
        }
    }
}

/// What an interpreter needs of its surroundings.
const KEPT: [&str; 4] = ["HOME", "LD_LIBRARY_PATH", "PATH", "TMPDIR"];

/// The scripts of `tests/vendors`, with a cloud to find and what they are told by their environment.
pub struct Vendors {
    program: &'static Program,
    authority: NamedTempFile,
    variables: BTreeMap<String, String>,
}

impl Vendors {
    /// Scripts of Python that find every host of Azure at one address.
    ///
    /// # Errors
    /// If there is no Python, or it cannot be given the clients.
    pub async fn on(network: &Network) -> anyhow::Result<Self> {
        Self::speaking(Language::Python, network).await
    }

    /// The same in a language.
    ///
    /// # Errors
    /// If what the language needs is not there, or cannot be given the clients.
    pub async fn speaking(language: Language, network: &Network) -> anyhow::Result<Self> {
        let program = language.program().await?;
        let mut authority = NamedTempFile::new().context("failed to make a file for the simulator's authority")?;
        authority.write_all(network.ca_pem.as_bytes()).context("failed to write the simulator's authority")?;
        let variables = BTreeMap::from([("SIMULATOR".to_owned(), network.address.to_string())]);
        Ok(Self { program, authority, variables })
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
        let mut command = Command::new(&self.program.path);
        command
            .args(self.program.scripts.as_ref().map(|scripts| scripts.join(script)))
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        // Deaf to the settings of whoever runs the test: a proxy, another cloud, other modules.
        command.env_clear().envs(std::env::vars_os().filter(|(name, _)| KEPT.iter().any(|kept| name == kept)));
        command.envs(&self.variables).env(self.program.trust, self.authority.path());
        command.envs(self.program.variables.iter().map(|(name, value)| (name, value)));
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
