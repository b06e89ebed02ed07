//! Which crate may depend on which: the arrows of `docs/architecture.md`, and no other.

use std::process::Command;

use anyhow::{Context, ensure};

use crate::repository::{files, read, root, workspace};

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

/// What a room of the cloud crate may import of the others.
const ROOMS: [(&str, &[&str]); 4] = [("error", &[]), ("flow", &["error"]), ("http", &["error"]), ("azure", &["error", "flow", "http"])];

/// The rooms that a file imports from, by its `use` lines and by its paths.
fn rooms_of(text: &str) -> Vec<&str> {
    text.split("crate::").skip(1).filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()).collect()
}

#[test]
fn in_the_cloud_crate_only_the_room_of_a_provider_knows_it() -> anyhow::Result<()> {
    let mut seen = 0;
    for path in files()? {
        let Ok(inside) = path.strip_prefix("operator/cloud/src") else { continue };
        let Some((room, may)) = ROOMS.iter().find(|(room, _)| inside.starts_with(room) || inside.to_str() == Some(&format!("{room}.rs")))
        else {
            continue;
        };
        let text = read(&path)?;
        seen += 1;
        let foreign: Vec<_> = rooms_of(&text).into_iter().filter(|other| other != room && !may.contains(other)).collect();
        assert!(foreign.is_empty(), "{} may not import {foreign:?}", path.display());
        let named = ["flow", "http"].contains(room) && text.to_lowercase().contains("azure");
        assert!(!named, "{} is for every provider, and names one", path.display());
    }
    assert!(seen > 40, "{seen} files are not all rooms");
    Ok(())
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
