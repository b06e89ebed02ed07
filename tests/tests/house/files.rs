//! The files' form: how long they are, what they are called, what they do not say.

use std::path::Path;

use crate::repository::{files, read, workspace};

/// A file that is longer says two things.
const LONGEST: usize = 450;
const LONG: [&str; 0] = [];

/// A module is `foo.rs` with `foo/` beside it.
const MOD_RS: [&str; 1] = [
    // Cargo would take `simulator/tests/common.rs` for a test of its own.
    "simulator/tests/common/mod.rs",
];

/// What no file says, and why. Split, so that this file does not say it either.
const UNSAID: [(&[&str], &str); 13] = [
    (&["TO", "DO"], "an open end is an issue, where somebody looks"),
    (&["FIX", "ME"], "an open end is an issue, where somebody looks"),
    (&["to", "do!("], "an open end is an issue, where somebody looks"),
    (&["unimpl", "emented!("], "an open end is an issue, where somebody looks"),
    (&["db", "g!("], "left over from a search for an error"),
    (&["<<<<", "<<< "], "left over from a merge"),
    (&[">>>>", ">>> "], "left over from a merge"),
    (&["crat", "es.io"], "where packages come from is each machine's own configuration"),
    (&["proxy.gol", "ang.org"], "where packages come from is each machine's own configuration"),
    (&["pypi", ".org"], "where packages come from is each machine's own configuration"),
    (&["/ro", "ot/."], "a path of one machine"),
    (&["/wo", "rk/"], "a path of one machine"),
    (&["PRIVATE ", "KEY-----\n"], "keys are generated where they are needed, never committed"),
];

/// Written by cargo and by the vendor.
const WRITTEN_BY_OTHERS: [&str; 2] = ["Cargo.lock", "simulator/specs"];

#[test]
fn no_file_of_code_is_longer_than_one_idea() -> anyhow::Result<()> {
    let code = ["crds", "examples", "operator", "simulator", "tests"];
    for path in files()?.iter().filter(|path| is_rust(path) && code.iter().any(|folder| path.starts_with(folder))) {
        let lines = read(path)?.lines().count();
        let excused = LONG.iter().any(|long| path == Path::new(long));
        assert!(lines <= LONGEST || excused, "{} has {lines} lines, more than {LONGEST}: split it by meaning", path.display());
    }
    Ok(())
}

#[test]
fn a_module_is_named_by_its_file() -> anyhow::Result<()> {
    let mut found: Vec<_> = files()?.into_iter().filter(|path| path.ends_with("mod.rs")).collect();
    found.retain(|path| !MOD_RS.iter().any(|excused| path == Path::new(excused)));
    assert!(found.is_empty(), "name these after their module, beside its folder: {found:?}");
    Ok(())
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace_and_is_not_published() -> anyhow::Result<()> {
    for package in workspace()?.packages {
        let manifest = std::fs::read_to_string(&package.manifest_path)?;
        assert!(manifest.contains("[lints]\nworkspace = true\n"), "{}: take the lints of the workspace", package.manifest_path);
        assert_eq!(package.publish.as_deref(), Some(&[][..]), "{} is not published", package.name);
    }
    Ok(())
}

#[test]
fn no_file_says_what_should_not_be_said() -> anyhow::Result<()> {
    let mut found = Vec::new();
    for path in files()? {
        if WRITTEN_BY_OTHERS.iter().any(|others| path.starts_with(others)) {
            continue;
        }
        // What is not text says nothing.
        let Ok(text) = read(&path) else { continue };
        found.extend(said(&text).into_iter().map(|(line, why)| format!("{}:{line}: {why}", path.display())));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

fn said(text: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for (parts, why) in UNSAID {
        for (at, _) in text.match_indices(&parts.concat()) {
            found.push((text[..at].matches('\n').count() + 1, why));
        }
    }
    found
}

#[test]
fn what_should_not_be_said_is_found_with_its_line() {
    let text = format!("one\ntwo {}{} three\n", "TO", "DO");
    assert_eq!(said(&text), [(2, "an open end is an issue, where somebody looks")]);
    assert_eq!(said("one\ntwo\n"), []);
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}
