//! The repository as files.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use cargo_metadata::{Metadata, MetadataCommand};

/// The folder of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is a folder of the workspace")
}

/// What a file of the repository says.
pub fn read(path: impl AsRef<Path>) -> anyhow::Result<String> {
    let path = path.as_ref();
    std::fs::read_to_string(root().join(path)).with_context(|| format!("failed to read {}", path.display()))
}

/// Compares a generated file with what is committed; with `UPDATE_GENERATED=1`, writes it first.
pub fn expect_fresh(path: &str, fresh: &str) -> anyhow::Result<()> {
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        let at = root().join(path);
        std::fs::create_dir_all(at.parent().context("a file has a folder")?)?;
        std::fs::write(&at, fresh).with_context(|| format!("failed to write {path}"))?;
    }
    let committed = read(path).unwrap_or_default();
    ensure!(committed == fresh, "{path} is stale: run `UPDATE_GENERATED=1 cargo test -p moorage-tests --test house` and commit it");
    Ok(())
}

/// The files that git knows or is about to know, relative to the root; those that were deleted just now left out.
pub fn files() -> anyhow::Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root());
    let listed = git.output().context("failed to run git, which tells the project's files from built ones: install git")?;
    ensure!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).context("a file's name is not UTF-8")?;
    Ok(names.split_terminator('\0').map(PathBuf::from).filter(|path| root().join(path).is_file()).collect())
}

/// The workspace's crates and what they say they need, without what those need in turn.
pub fn workspace() -> anyhow::Result<Metadata> {
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml")).no_deps().other_options(["--offline".to_owned()]);
    command.exec().context("failed to read the workspace's metadata")
}
