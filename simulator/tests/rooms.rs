//! What imports what: the engine and the check know no service, and services know each other as Azure's do.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The text of each file by its module's path, as `azure::dps::mqtt`.
fn modules() -> BTreeMap<String, String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&src, &mut found);
    let named = |path: &PathBuf| {
        let name = path.strip_prefix(&src).unwrap().with_extension("");
        (name.to_str().unwrap().replace(std::path::MAIN_SEPARATOR, "::"), fs::read_to_string(path).unwrap())
    };
    found.iter().map(named).collect()
}

/// The services, as the one list has them.
fn services(modules: &BTreeMap<String, String>) -> Vec<String> {
    let (_, list) = modules["azure"].split_once("static SERVICES").unwrap();
    let (list, _) = list.split_once(';').unwrap();
    let entries = list.split('&').filter_map(|part| part.split_once("::")).map(|(module, _)| module.to_owned());
    entries.filter(|module| module.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')).collect()
}

fn is_in(module: &str, room: &str) -> bool {
    module.strip_prefix(room).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Who in a room names the other one.
fn names<'a>(modules: &'a BTreeMap<String, String>, room: &str, other: &str) -> Vec<&'a str> {
    let other = format!("crate::{other}");
    let names = |text: &str| {
        text.match_indices(&other).any(|(at, _)| !text[at + other.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '_'))
    };
    modules.iter().filter(|(module, text)| is_in(module, room) && names(text)).map(|(module, _)| module.as_str()).collect()
}

#[test]
fn the_engine_the_check_and_the_controls_import_no_service() {
    let modules = modules();
    for room in ["engine", "spec", "control"] {
        assert_eq!(names(&modules, room, "azure"), Vec::<&str>::new(), "{room}");
        assert_eq!(names(&modules, room, "simulator"), Vec::<&str>::new(), "{room}");
    }
    assert_eq!(names(&modules, "engine", "control"), Vec::<&str>::new());
    assert_eq!(names(&modules, "spec", "engine"), Vec::<&str>::new());
}

#[test]
fn a_service_imports_another_one_only_where_azure_s_own_calls_it() {
    let modules = modules();
    let services = services(&modules);
    // The list is read, and an import is found where there is one.
    assert!(services.len() >= 4 && !names(&modules, "azure::dps", "azure::iot_hub").is_empty(), "{services:?}");
    assert_eq!(names(&modules, "azure", "azure::{"), Vec::<&str>::new(), "such an import would not be found");
    for one in &services {
        for other in services.iter().filter(|other| *other != one) {
            if (one.as_str(), other.as_str()) != ("dps", "iot_hub") {
                let found = names(&modules, &format!("azure::{one}"), &format!("azure::{other}"));
                assert_eq!(found, Vec::<&str>::new(), "{one} imports {other}");
            }
        }
    }
}

#[test]
fn what_the_services_share_imports_none_of_them() {
    let modules = modules();
    for service in services(&modules) {
        for shared in ["access", "cloud", "microsoft_devices", "options", "resource", "service", "state"] {
            let found = names(&modules, &format!("azure::{shared}"), &format!("azure::{service}"));
            assert_eq!(found, Vec::<&str>::new(), "{shared} imports {service}");
        }
    }
}
