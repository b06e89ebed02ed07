//! The Go program of the control plane, built once for each state of its sources.

use crate::{
    cache,
    progress::{Progress, step},
};
use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::process::Command;

/// The program answers to these names; `kubectl` makes the directory useful in a `PATH`.
const NAMES: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"];

/// Nobody debugs it, and what a debugger needs is a twelfth of the work. `.ci/run` has the same, so that what it builds ahead is found.
const COMPILER_FLAGS: &str = "-gcflags=all=-dwarf=false";

/// The module requires Kubernetes of this version; without the flag the program says `v0.0.0-master`.
const LINKER_FLAGS: &str = "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3";

const NO_GO: &str = "the control plane of the tests is built with Go, and there is no `go` in PATH: install Go 1.26 or newer \
     (https://go.dev/dl), or set KUBEBUILDER_ASSETS to a directory with etcd, kube-apiserver, kube-controller-manager and kubectl";

/// Returns the directory in the cache that holds the built program under each of its names.
///
/// Any number of processes may call it at once: one builds, the others wait for it.
pub(super) async fn built(progress: &dyn Progress) -> anyhow::Result<PathBuf> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("controlplane");
    let state = fingerprint(&sources).context("failed to read the sources of the control plane")?;
    let directory = cache::directory()?.join(format!("controlplane-{state}"));
    let program = directory.join("controlplane");
    if program.is_file() {
        return Ok(directory);
    }
    prepare(&directory).with_context(|| format!("failed to prepare {}", directory.display()))?;
    let _lock = cache::exclusive(&directory, "Waiting for another process that builds the control plane", progress).await?;
    if !program.is_file() {
        let what = "Building the control plane (about 8 minutes the first time)";
        step(progress, what, compile(&sources, &directory)).await?;
    }
    Ok(directory)
}

/// A short hash over everything that the build depends on, except Go itself.
fn fingerprint(sources: &Path) -> io::Result<String> {
    let mut files: Vec<PathBuf> = fs::read_dir(sources)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| ["go", "mod", "sum"].iter().any(|kept| extension == *kept)));
    files.sort();
    let mut hash = Sha256::new();
    hash.update(COMPILER_FLAGS);
    hash.update(LINKER_FLAGS);
    for file in files {
        let content = fs::read(&file)?;
        hash.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        hash.update(content.len().to_le_bytes());
        hash.update(content);
    }
    Ok(cache::short(hash))
}

fn prepare(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    for name in NAMES {
        match symlink("controlplane", directory.join(name)) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

async fn compile(sources: &Path, directory: &Path) -> anyhow::Result<()> {
    let unfinished = directory.join("controlplane.unfinished");
    let log_path = directory.join("build.log");
    let log = File::create(&log_path).with_context(|| format!("failed to create {}", log_path.display()))?;
    let running = Command::new("go")
        .args(["build", "-trimpath", "-buildvcs=false", COMPILER_FLAGS, "-ldflags", LINKER_FLAGS, "-o"])
        .arg(&unfinished)
        .arg(".")
        .current_dir(sources)
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off")
        .stdin(Stdio::null())
        .stdout(log.try_clone().context("failed to share the log of the build")?)
        .stderr(log)
        .kill_on_drop(true)
        .status();
    let status = match running.await {
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(NO_GO),
        other => other.context("failed to run go build")?,
    };
    if !status.success() {
        let told = super::server::tail(&log_path);
        bail!("go build in {} ended with {status}\n{told}", sources.display());
    }
    fs::rename(&unfinished, directory.join("controlplane")).context("failed to move the built control plane to its place")
}
