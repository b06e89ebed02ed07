//! `docs/coverage.md` against the tests: a row is shown by tests that carry its id, `s0_6_…` for S0.6.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Context, bail, ensure};

use crate::repository::{expect_fresh, files, read};

const DOCUMENT: &str = "docs/coverage.md";

/// How many rows each part of the mission has.
const ROWS: [(&str, usize); 5] = [("S0", 8), ("S1", 6), ("S2", 3), ("S3", 4), ("S4", 8)];

/// The words before the names of tests.
const SHOWN: &str = "shown by";
const IN_PART: &str = "in part by";
const NOT_YET: &str = "not yet";

#[derive(Debug, PartialEq)]
struct Row {
    id: String,
    what: String,
    state: String,
}

/// The names of tests, by the row that they show.
type Tests = BTreeMap<String, BTreeSet<String>>;

#[test]
fn every_row_names_its_tests_and_every_test_its_row() -> anyhow::Result<()> {
    let document = read(DOCUMENT)?;
    let tests = tests()?;
    let listed: Vec<_> = rows(&document)?.into_iter().map(|row| row.id).collect();
    let expected: Vec<_> = ROWS.iter().flat_map(|(part, count)| (1..=*count).map(move |n| format!("{part}.{n}"))).collect();
    assert_eq!(listed, expected, "{DOCUMENT} has one line a row, in order");
    for (id, names) in &tests {
        assert!(listed.contains(id), "{names:?}: there is no row {id} in {DOCUMENT}");
    }
    expect_fresh(DOCUMENT, &with_tests(&document, &tests)?)
}

/// The document with the tests that there are. What a person decides stays: whether they show the whole row or a part of it.
fn with_tests(document: &str, tests: &Tests) -> anyhow::Result<String> {
    let mut fresh = String::new();
    for line in document.lines() {
        match row(line)? {
            Some(row) => {
                let state = state(&row, tests.get(&row.id))?;
                writeln!(fresh, "| {} | {} | {state} |", row.id, row.what)?;
            }
            None => writeln!(fresh, "{line}")?,
        }
    }
    Ok(fresh)
}

fn state(row: &Row, tests: Option<&BTreeSet<String>>) -> anyhow::Result<String> {
    let whole = row.state.starts_with(SHOWN);
    ensure!(whole || row.state.starts_with(IN_PART) || row.state == NOT_YET, "{}: `{}` is no state", row.id, row.state);
    let Some(tests) = tests else {
        ensure!(!whole, "{} is said to be shown, and no test is named after it", row.id);
        return Ok(NOT_YET.to_owned());
    };
    let names: Vec<_> = tests.iter().map(|name| format!("`{name}`")).collect();
    Ok(format!("{} {}", if whole { SHOWN } else { IN_PART }, names.join(", ")))
}

fn rows(document: &str) -> anyhow::Result<Vec<Row>> {
    document.lines().filter_map(|line| row(line).transpose()).collect()
}

fn row(line: &str) -> anyhow::Result<Option<Row>> {
    if !line.starts_with("| S") {
        return Ok(None);
    }
    let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [id, what, state] = cells[..] else { bail!("{DOCUMENT}: three cells are expected: {line}") };
    Ok(Some(Row { id: id.to_owned(), what: what.to_owned(), state: state.to_owned() }))
}

fn tests() -> anyhow::Result<Tests> {
    let mut tests = Tests::new();
    for path in files()?.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")) {
        for (id, name) in named_after_rows(&read(path)?).with_context(|| path.display().to_string())? {
            tests.entry(id).or_default().insert(name);
        }
    }
    Ok(tests)
}

/// The test functions of a source that are named after rows, with the rows' ids.
fn named_after_rows(source: &str) -> anyhow::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut attributes: Vec<&str> = Vec::new();
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[") {
            attributes.push(line);
            continue;
        }
        if let Some((id, name)) = function(line).and_then(|name| Some((row_of(name)?, name))) {
            let is_test = attributes.iter().any(|attribute| attribute.starts_with("#[test") || attribute.contains("::test"));
            ensure!(is_test, "{name} is named after a row and is no test");
            ensure!(!attributes.iter().any(|attribute| attribute.starts_with("#[ignore")), "{name} is named after a row and is not run");
            found.push((id, name.to_owned()));
        }
        attributes.clear();
    }
    Ok(found)
}

fn function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("async ").unwrap_or(line);
    line.strip_prefix("fn ")?.split(['(', '<']).next()
}

/// `S0.6` of `s0_6_a_device_key_is_derived`.
fn row_of(name: &str) -> Option<String> {
    let (part, rest) = name.strip_prefix('s')?.split_once('_')?;
    let (row, _) = rest.split_once('_')?;
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (number(part) && number(row)).then(|| format!("S{part}.{row}"))
}

#[test]
fn a_test_belongs_to_the_row_in_its_name() -> anyhow::Result<()> {
    let source = "#[test]\nfn s0_6_a_key() {}\n#[tokio::test]\nasync fn s4_1_a_role() {}\n#[test]\nfn a_key() {}\nfn s0_is_no_row() {}\n";
    let found = named_after_rows(source)?;
    assert_eq!(found, [("S0.6", "s0_6_a_key"), ("S4.1", "s4_1_a_role")].map(|(id, name)| (id.to_owned(), name.to_owned())));
    Ok(())
}

#[test]
fn a_name_that_promises_a_test_must_be_one_that_runs() {
    assert!(named_after_rows("fn s0_6_a_key() {}\n").is_err());
    assert!(named_after_rows("#[test]\n#[ignore]\nfn s0_6_a_key() {}\n").is_err());
}

#[test]
fn a_row_is_shown_only_while_its_tests_are_there() -> anyhow::Result<()> {
    let tests = Tests::from([("S0.1".to_owned(), BTreeSet::from(["s0_1_a".to_owned(), "s0_1_b".to_owned()]))]);
    let document = "| S0.1 | hubs | shown by `s0_1_gone` |\n| S0.2 | service | in part by `s0_2_gone` |\nwords\n";
    assert_eq!(with_tests(document, &tests)?, "| S0.1 | hubs | shown by `s0_1_a`, `s0_1_b` |\n| S0.2 | service | not yet |\nwords\n");
    assert_eq!(with_tests("| S0.1 | hubs | not yet |\n", &tests)?, "| S0.1 | hubs | in part by `s0_1_a`, `s0_1_b` |\n");
    assert!(with_tests("| S0.2 | service | shown by `s0_2_gone` |\n", &tests).is_err());
    assert!(with_tests("| S0.2 | service | soon |\n", &tests).is_err());
    Ok(())
}
