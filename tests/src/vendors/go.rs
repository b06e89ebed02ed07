//! A program of Go with the clients in it, built once for each state of its sources.

use std::path::Path;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use crate::progress::Progress;
use crate::vendors::installed::{asked, content, once, run};
use crate::vendors::{Program, scripts};

const NO_GO: &str = "some of Microsoft's clients are Go, and there is no `go` in PATH: install Go 1.26 or newer (https://go.dev/dl)";

const SOURCES: [&str; 4] = ["go.mod", "go.sum", "main.go", "simulated.go"];

/// The program, which is its only script.
pub(super) async fn made(progress: &dyn Progress) -> anyhow::Result<Program> {
    let sources = scripts().join("go");
    let mut state = Sha256::new().chain_update(asked("go", &["version"], [NO_GO, NO_GO]).await?);
    for file in SOURCES {
        state.update(content(&sources.join(file))?);
    }
    let what = "Building Microsoft's clients for Go (half a minute the first time)";
    let directory = once("vendors-go", state, what, progress, async |directory| build(directory, &sources).await).await?;
    Ok(Program { path: directory.join("clients"), scripts: None, trust: "SSL_CERT_FILE", variables: Vec::new() })
}

async fn build(directory: &Path, sources: &Path) -> anyhow::Result<()> {
    let unfinished = directory.join("clients.unfinished");
    let mut go = Command::new("go");
    go.args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o"]).arg(&unfinished).arg(".");
    go.current_dir(sources).env("CGO_ENABLED", "0").env("GOWORK", "off");
    run(go, "go build").await?;
    std::fs::rename(&unfinished, directory.join("clients")).context("failed to move the built clients to their place")
}
