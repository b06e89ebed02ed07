//! The clients for Node.js, installed once for each state of their lock file.

use std::path::Path;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use crate::progress::Progress;
use crate::vendors::installed::{asked, content, once, run};
use crate::vendors::{Program, scripts};

const NO_NODE: &str =
    "some of Microsoft's clients are JavaScript, and there is no `node` in PATH: install Node.js 20 or newer with npm (https://nodejs.org)";

const LISTS: [&str; 2] = ["package.json", "package-lock.json"];

/// Node.js, and where it finds the clients.
pub(super) async fn made(progress: &dyn Progress) -> anyhow::Result<Program> {
    let scripts = scripts().join("javascript");
    let mut state = Sha256::new().chain_update(asked("node", &["--version"], [NO_NODE, NO_NODE]).await?);
    for list in LISTS {
        state.update(content(&scripts.join(list))?);
    }
    let what = "Installing Microsoft's clients for JavaScript (half a minute the first time)";
    let directory = once("vendors-javascript", state, what, progress, async |directory| install(directory, &scripts).await).await?;
    let variables = vec![("NODE_PATH", directory.join("node_modules").into_os_string())];
    Ok(Program { path: "node".into(), scripts: Some(scripts), trust: "NODE_EXTRA_CA_CERTS", variables })
}

/// Nothing of the packages is run to install them.
async fn install(directory: &Path, scripts: &Path) -> anyhow::Result<()> {
    for list in LISTS {
        std::fs::copy(scripts.join(list), directory.join(list)).with_context(|| format!("failed to copy {list}"))?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(directory);
    run(npm, "npm ci").await
}
