//! Which crate may depend on which: the arrows of `docs/architecture.md`, and no other.

use std::process::Command;

use anyhow::{Context, ensure};

use crate::repository::{root, workspace};

/// The libraries that every program may build on.
const LIBRARIES: [&str; 3] = ["moorage-crds", "moorage-keys", "moorage-plan"];

/// Whether a crate of the workspace may depend on another.
///
/// Dependencies of tests count as well: what a crate needs to be tested, it needs.
fn may(from: &str, to: &str) -> bool {
    match from {
        "moorage-crds" | "moorage-keys" | "moorage-plan" | "moorage-simulator" | "moorage-sample-devices" => false,
        "moorage-cloud" => matches!(to, "moorage-keys" | "moorage-plan"),
        "moorage-operator" => LIBRARIES.contains(&to) || to == "moorage-cloud",
        "moorage-tests" => true,
        // Programs beside the operator: they share its libraries, not its behaviour.
        _ => LIBRARIES.contains(&to),
    }
}

fn refused<'a>(arrows: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let refused = arrows.into_iter().filter(|(from, to)| !may(from, to));
    refused.map(|(from, to)| format!("{from} may not depend on {to}: see the arrows in docs/architecture.md")).collect()
}

#[test]
fn crates_depend_on_each_other_only_along_the_arrows() -> anyhow::Result<()> {
    let metadata = workspace()?;
    let names: Vec<_> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let arrows = metadata.packages.iter().flat_map(|package| {
        let ours = package.dependencies.iter().filter(|dependency| names.contains(&dependency.name.as_str()));
        ours.map(|dependency| (package.name.as_str(), dependency.name.as_str()))
    });
    let arrows: Vec<_> = arrows.collect();
    assert!(arrows.contains(&("moorage-operator", "moorage-plan")), "the metadata shows no arrows: {arrows:?}");
    assert_eq!(refused(arrows), Vec::<String>::new());
    Ok(())
}

#[test]
fn an_arrow_in_the_wrong_direction_is_refused() {
    let wrong = [
        ("moorage-plan", "moorage-crds"),
        ("moorage-cloud", "moorage-crds"),
        ("moorage-simulator", "moorage-keys"),
        ("moorage-bridge", "moorage-operator"),
    ];
    assert_eq!(refused(wrong).len(), wrong.len());
    assert_eq!(
        refused([("moorage-operator", "moorage-plan"), ("moorage-bridge", "moorage-keys"), ("moorage-tests", "moorage-simulator")]),
        Vec::<String>::new()
    );
}

#[test]
fn the_api_types_come_without_a_client() -> anyhow::Result<()> {
    // Not from the metadata: there, features are those of the whole workspace at once.
    let mut tree = Command::new(env!("CARGO"));
    tree.args(["tree", "--offline", "--package", "moorage-crds", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
    let told = tree.current_dir(root()).output().context("failed to run cargo tree")?;
    ensure!(told.status.success(), "cargo tree: {}", String::from_utf8_lossy(&told.stderr));
    let told = String::from_utf8(told.stdout)?;
    let crates: Vec<_> = told.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains(&"kube-core"), "the tree is not what was expected: {told}");
    for client in ["kube-client", "kube-runtime", "hyper", "reqwest", "rustls", "tokio"] {
        assert!(!crates.contains(&client), "moorage-crds has {client} in its tree: API types are for everyone, with or without a client");
    }
    Ok(())
}
