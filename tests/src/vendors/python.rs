//! A Python that has the clients, made once for each state of their list.

use std::path::Path;

use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use crate::progress::Progress;
use crate::vendors::installed::{asked, content, once, run};
use crate::vendors::{Program, scripts};

const NO_PYTHON: &str = "some of Microsoft's clients are Python, and there is no `python3` in PATH: install Python 3.11 or newer (https://www.python.org/downloads)";

const NO_VENV: &str = "Microsoft's clients get a virtual environment, and this python3 cannot make one: install python3-venv (Debian, Ubuntu: apt-get install python3-venv)";

/// Fails where `python3 -m venv` would, and tells one interpreter from another.
const WHICH: &str = "import ensurepip, sys, venv; print(sys.executable, sys.version)";

/// The interpreter of a virtual environment with the clients.
pub(super) async fn made(progress: &dyn Progress) -> anyhow::Result<Program> {
    let list = scripts().join("requirements.txt");
    let state = Sha256::new().chain_update(which("python3").await?).chain_update(content(&list)?);
    let what = "Installing Microsoft's clients for Python (half a minute the first time)";
    let directory = once("vendors", state, what, progress, async |directory| install(directory, &list).await).await?;
    Ok(Program {
        path: directory.join("bin/python"),
        scripts: Some(scripts()),
        trust: "REQUESTS_CA_BUNDLE",
        variables: vec![("PYTHONDONTWRITEBYTECODE", "1".into())],
    })
}

/// What tells this interpreter from another, to which an environment made with it is of no use.
async fn which(python: &str) -> anyhow::Result<Vec<u8>> {
    asked(python, &["-c", WHICH], [NO_PYTHON, NO_VENV]).await
}

/// What a process began that did not live to finish it is gone over again.
async fn install(directory: &Path, list: &Path) -> anyhow::Result<()> {
    let mut environment = Command::new("python3");
    environment.args(["-m", "venv"]).arg(directory);
    run(environment, "python3 -m venv").await?;
    let mut pip = Command::new(directory.join("bin/python"));
    // Nothing is built: what is not there ready-made would run its own code to be installed. But of paho-mqtt the device client wants
    // 1.6, which is there as source alone; until the client takes 2.
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
    pip.args(["--only-binary", ":all:", "--no-binary", "paho-mqtt"]);
    pip.args(["--require-hashes", "--requirement"]).arg(list);
    run(pip, "pip install").await
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
