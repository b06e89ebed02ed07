//! What the documents tell people to type and to read is there.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;

use crate::repository::{files, read, root, workspace};

/// What cargo can do by itself, with what `.ci/run` installs, or with what the document says.
const CARGO: [&str; 7] = ["test", "run", "fmt", "clippy", "check", "deny", "fuzz"];

#[test]
fn every_cargo_command_of_the_documents_exists() -> anyhow::Result<()> {
    let aliases = aliases()?;
    let mut seen = 0;
    for (path, text) in documents()? {
        for command in commands(&text) {
            let words = command.strip_prefix("cargo ").into_iter().flat_map(|rest| rest.split(' '));
            let Some(verb) = words.into_iter().find(|word| !word.starts_with('+')) else { continue };
            seen += 1;
            assert!(CARGO.contains(&verb) || aliases.contains_key(verb), "{path}: `{command}`: there is no `cargo {verb}`");
        }
    }
    assert!(seen > 0, "no document tells a cargo command");
    Ok(())
}

#[test]
fn the_readme_tells_the_two_commands() -> anyhow::Result<()> {
    let readme = read("README.md")?;
    let commands = commands(&readme);
    assert!(commands.contains(&"cargo demo") && commands.contains(&"cargo test --workspace"), "{commands:?}");
    let ci = read(".ci/run")?;
    assert!(ci.lines().any(|line| line == "stage test cargo test --workspace"), ".ci/run runs the README's command");
    Ok(())
}

#[test]
fn every_alias_runs_a_program_that_exists() -> anyhow::Result<()> {
    let metadata = workspace()?;
    for (alias, command) in aliases()? {
        let words: Vec<_> = command.split(' ').collect();
        let after = |flag: &str| words.iter().position(|word| *word == flag).and_then(|at| words.get(at + 1)).copied();
        let (package, program) =
            (after("--package").context("an alias names its package")?, after("--bin").context("an alias names its program")?);
        let package = metadata.packages.iter().find(|one| one.name.as_str() == package);
        let package = package.with_context(|| format!("`cargo {alias}`: there is no crate of that name"))?;
        let there = package.targets.iter().any(|target| target.name == program && target.is_bin());
        assert!(there, "`cargo {alias}`: {} has no program {program}", package.name);
    }
    Ok(())
}

#[test]
fn every_link_between_the_documents_leads_somewhere() -> anyhow::Result<()> {
    for (path, text) in documents()? {
        let folder = Path::new(&path).parent().unwrap_or(Path::new(""));
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap_or_default();
            let elsewhere = target.is_empty() || target.contains("://");
            assert!(elsewhere || root().join(folder).join(target).exists(), "{path}: {target} is not there");
        }
    }
    Ok(())
}

#[test]
fn every_file_that_a_command_applies_is_there() -> anyhow::Result<()> {
    for (path, text) in documents()? {
        for command in commands(&text) {
            let words: Vec<_> = command.split(' ').collect();
            for pair in words.windows(2).filter(|pair| pair[0] == "-f" && !pair[1].contains("://")) {
                assert!(root().join(pair[1]).exists(), "{path}: `{command}`: {} is not there", pair[1]);
            }
        }
    }
    Ok(())
}

fn documents() -> anyhow::Result<Vec<(String, String)>> {
    let files = files()?;
    let documents =
        files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "md") && !path.starts_with("simulator/specs"));
    documents.map(|path| Ok((path.display().to_string(), read(path)?))).collect()
}

/// The lines of fenced blocks that are typed: all of `sh`, those after `$` of `console`; comments cut off.
fn commands(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut fence = None;
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), fence) {
            (Some(language), None) => fence = Some(language),
            (Some(_), Some(_)) => fence = None,
            (None, Some("sh")) => found.push(line),
            (None, Some("console")) => found.extend(line.strip_prefix("$ ")),
            (None, _) => {}
        }
    }
    found.into_iter().map(|line| line.split(" #").next().unwrap_or(line).trim()).filter(|line| !line.is_empty()).collect()
}

fn aliases() -> anyhow::Result<BTreeMap<String, String>> {
    let config = read(".cargo/config.toml")?;
    let lines = config.lines().skip_while(|line| *line != "[alias]").skip(1).take_while(|line| !line.starts_with('['));
    let pairs = lines.filter(|line| !line.is_empty()).map(|line| {
        let (alias, command) = line.split_once(" = ").with_context(|| format!("not understood: {line}"))?;
        Ok((alias.to_owned(), command.trim_matches('"').to_owned()))
    });
    pairs.collect()
}

#[test]
fn commands_are_told_from_what_they_answer() {
    let text = "Text\n```sh\ncargo demo   # comment\n```\n`cargo no`\n```console\n$ kubectl get x\nanswer\n```\n```yaml\na: b\n```\n";
    assert_eq!(commands(text), ["cargo demo", "kubectl get x"]);
}
