//! A Python that has the clients, made once for each state of their list.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, anyhow, bail, ensure};
use sha2::{Digest as _, Sha256};
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::cache;
use crate::progress::{Console, Progress, step};

const NO_PYTHON: &str =
    "Microsoft's clients are Python, and there is no `python3` in PATH: install Python 3.11 or newer (https://www.python.org/downloads)";

const NO_VENV: &str = "Microsoft's clients get a virtual environment, and this python3 cannot make one: install python3-venv (Debian, Ubuntu: apt-get install python3-venv)";

/// Fails where `python3 -m venv` would, and tells one interpreter from another.
const WHICH: &str = "import ensurepip, sys, venv; print(sys.executable, sys.version)";

/// The interpreter of a virtual environment with the clients; made when first asked for, and kept in the cache.
///
/// # Errors
///
/// It could not be made, which is then told to every test.
pub(super) async fn with_the_clients() -> anyhow::Result<&'static Path> {
    static MADE: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();
    let make = || async { made(&Console::stderr()).await.map_err(|error| format!("{error:#}")) };
    MADE.get_or_init(make).await.as_deref().map_err(|error| anyhow!("{error}"))
}

/// Any number of processes may call it at once: one installs, the others wait for it.
async fn made(progress: &dyn Progress) -> anyhow::Result<PathBuf> {
    let list = super::scripts().join("requirements.txt");
    let content = std::fs::read(&list).with_context(|| format!("failed to read {}", list.display()))?;
    let state = cache::short(Sha256::new().chain_update(which("python3").await?).chain_update(content));
    let directory = cache::directory()?.join(format!("vendors-{state}"));
    let (python, whole) = (directory.join("bin/python"), directory.join("whole"));
    if whole.is_file() {
        return Ok(python);
    }
    std::fs::create_dir_all(&directory).with_context(|| format!("failed to make {}", directory.display()))?;
    let _lock = cache::exclusive(&directory, "Waiting for another process that installs Microsoft's clients", progress).await?;
    if !whole.is_file() {
        step(progress, "Installing Microsoft's clients (half a minute the first time)", install(&directory, &python, &list)).await?;
        std::fs::write(&whole, "").with_context(|| format!("failed to write {}", whole.display()))?;
    }
    Ok(python)
}

/// What tells this interpreter from another, to which an environment made with it is of no use.
async fn which(python: &str) -> anyhow::Result<Vec<u8>> {
    let asked = Command::new(python).args(["-c", WHICH]).stdin(Stdio::null()).output().await;
    match asked {
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(NO_PYTHON),
        asked => {
            let told = asked.with_context(|| format!("failed to run {python}"))?;
            ensure!(told.status.success(), NO_VENV);
            Ok(told.stdout)
        }
    }
}

/// What a process began that did not live to finish it is gone over again.
async fn install(directory: &Path, python: &Path, list: &Path) -> anyhow::Result<()> {
    let mut environment = Command::new("python3");
    environment.args(["-m", "venv"]).arg(directory);
    run(environment, "python3 -m venv").await?;
    let mut pip = Command::new(python);
    // Nothing is built: what is not there ready-made would run its own code to be installed. But of paho-mqtt the device client wants
    // 1.6, which is there as source alone; until the client takes 2.
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
    pip.args(["--only-binary", ":all:", "--no-binary", "paho-mqtt"]);
    pip.args(["--require-hashes", "--requirement"]).arg(list);
    run(pip, "pip install").await
}

async fn run(mut command: Command, what: &str) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.with_context(|| format!("failed to run {what}"))?;
    ensure!(output.status.success(), "{what} ended with {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{NO_PYTHON, NO_VENV, which};

    #[tokio::test]
    async fn who_has_no_python_or_one_that_makes_no_environments_is_told_what_to_install() {
        let said = async |python| which(python).await.expect_err("it is of no use").to_string();
        assert_eq!(said("no-such-python").await, NO_PYTHON);
        // Any program that fails.
        assert_eq!(said("false").await, NO_VENV);
    }
}
