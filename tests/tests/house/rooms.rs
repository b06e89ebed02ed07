//! What may import what inside a crate: the rooms of `docs/architecture.md`, and no import against them.

use std::collections::{BTreeMap, BTreeSet};

use moorage_crds::KindName;

use crate::modules::{Module, modules};
use crate::repository::files;

/// The crates whose insides are kept in order.
const SOURCES: [&str; 6] = ["crds/src", "operator/src", "operator/cloud/src", "operator/keys/src", "operator/plan/src", "simulator/src"];

/// Rooms of the operator, each of which may import those before it, as far as the list beside it says.
const OPERATOR: [(&str, &[&str]); 5] = [
    ("cluster", &[]),
    ("cache", &["cluster"]),
    ("ledger", &["cluster"]),
    ("controller", &["cluster", "cache", "ledger"]),
    ("azure", &["cluster", "cache", "ledger", "controller"]),
];
/// What every room of the operator may import, and what imports none of them.
const OPERATOR_BASE: [&str; 3] = ["clock", "error", "object"];
/// The wiring of the operator, which may import anything.
const OPERATOR_WIRING: [&str; 5] = ["cli", "kinds", "lib", "main", "run"];

/// Rooms of the cloud crate.
const CLOUD: [(&str, &[&str]); 4] = [("error", &[]), ("flow", &["error"]), ("http", &["error"]), ("azure", &["error", "flow", "http"])];

/// Most files in a folder, beside its folders and the files that these belong to: more than one can take in at a glance.
const MOST_FILES: usize = 12;

/// The files that every kind has.
const OF_A_KIND: [&str; 5] = ["admit", "observe", "plan", "perform", "status"];

fn room_of(path: &str) -> &str {
    path.split("::").next().unwrap_or_default()
}

/// What is imported against the rules, as `file: path`.
fn against<'a>(modules: &'a BTreeMap<String, Module>, may: impl Fn(&str, &str) -> bool + 'a) -> Vec<String> {
    let against = modules.iter().flat_map(|(module, found)| {
        let wrong: Vec<_> = found.names.iter().filter(|name| !may(module, name)).collect();
        let wrong = wrong.into_iter().map(|name| {
            format!(
                "{} imports crate::{name}, which its room may not: see the rooms in docs/architecture.md, and move what both need below",
                found.file.display()
            )
        });
        wrong.collect::<Vec<_>>()
    });
    against.collect()
}

fn operator_may(module: &str, name: &str) -> bool {
    let (from, to) = (room_of(module), room_of(name));
    if OPERATOR_WIRING.contains(&from) && !module.contains("::") {
        return true;
    }
    match from {
        "kinds" => match (module.split("::").nth(1), to) {
            // Its own folder, and no other kind's.
            (kind, "kinds") => kind == name.split("::").nth(1),
            (_, to) => OPERATOR_BASE.contains(&to) || OPERATOR.iter().any(|(room, _)| *room == to),
        },
        from if OPERATOR_BASE.contains(&from) => OPERATOR_BASE.contains(&to),
        from => OPERATOR
            .iter()
            .find(|(room, _)| *room == from)
            .is_some_and(|(_, may)| to == from || OPERATOR_BASE.contains(&to) || may.contains(&to)),
    }
}

#[test]
fn the_operators_rooms_import_only_those_before_them_and_no_kind_another_one() -> anyhow::Result<()> {
    let modules = modules("operator/src")?;
    assert!(modules.len() > 80, "{} files are not all", modules.len());
    assert!(modules["controller::reconcile"].names.contains("controller::queue::Priority"), "imports are not found");
    assert_eq!(against(&modules, operator_may), Vec::<String>::new());
    Ok(())
}

#[test]
fn in_the_cloud_crate_only_the_room_of_a_provider_knows_it() -> anyhow::Result<()> {
    let modules = modules("operator/cloud/src")?;
    let may = |module: &str, name: &str| {
        let (from, to) = (room_of(module), room_of(name));
        from == to || module == "lib" || CLOUD.iter().find(|(room, _)| *room == from).is_some_and(|(_, may)| may.contains(&to))
    };
    assert!(modules.len() > 40, "{} files are not all", modules.len());
    assert_eq!(against(&modules, may), Vec::<String>::new());
    for (module, found) in modules.iter().filter(|(module, _)| ["flow", "http"].contains(&room_of(module))) {
        assert!(!found.text.to_lowercase().contains("azure"), "{module} is for every provider, and names one");
    }
    Ok(())
}

#[test]
fn in_the_simulator_the_engine_and_the_check_know_no_service() -> anyhow::Result<()> {
    let modules = modules("simulator/src")?;
    let may = |module: &str, name: &str| !["engine", "spec", "control"].contains(&room_of(module)) || room_of(name) != "azure";
    assert!(modules.len() > 80, "{} files are not all", modules.len());
    assert_eq!(against(&modules, may), Vec::<String>::new());
    Ok(())
}

#[test]
fn an_import_against_the_rooms_is_found() {
    for (module, name) in [
        ("controller::queue", "azure::clients::Clients"),
        ("cache::objects", "controller::kind::Kind"),
        ("ledger", "cache::objects::Objects"),
        ("azure::dps", "kinds::enrollment_group::plan"),
        ("kinds::enrollment_group::plan", "kinds::device_credential::plan"),
        ("object", "cluster::Place"),
    ] {
        assert!(!operator_may(module, name), "{module} may import {name}");
    }
    for (module, name) in [
        ("kinds::enrollment_group::plan", "kinds::enrollment_group::observe::Looked"),
        ("kinds::enrollment_group", "azure::dps::Service"),
        ("controller::watch", "cache::secrets::Secrets"),
        ("run", "kinds::Contexts"),
    ] {
        assert!(operator_may(module, name), "{module} may not import {name}");
    }
}

/// What the engine knows of kinds, it knows from their list.
#[test]
fn the_engine_names_no_kind() -> anyhow::Result<()> {
    let modules = modules("operator/src")?;
    let of_the_engine =
        |module: &str| OPERATOR_BASE.contains(&room_of(module)) || ["cluster", "cache", "ledger", "controller"].contains(&room_of(module));
    for (module, found) in modules.iter().filter(|(module, _)| of_the_engine(module)) {
        let named: Vec<_> = KindName::ALL.iter().filter(|kind| found.words.iter().any(|word| word.contains(kind.as_str()))).collect();
        assert!(named.is_empty(), "{module} names {named:?}: what differs from kind to kind is a method of `Kind` with a default");
    }
    Ok(())
}

#[test]
fn every_kind_has_its_five_files_and_only_those_that_perform_name_the_writer() -> anyhow::Result<()> {
    let modules = modules("operator/src")?;
    let folder = |kind: &KindName| {
        let name = kind.as_str().chars().flat_map(|c| c.is_uppercase().then_some('_').into_iter().chain(c.to_lowercase()));
        format!("kinds::{}", name.collect::<String>().trim_start_matches('_'))
    };
    for kind in KindName::ALL.iter().map(folder) {
        for file in OF_A_KIND {
            assert!(modules.contains_key(&format!("{kind}::{file}")), "{kind} has no file {file}");
        }
        let inside = format!("{kind}::");
        let writers = modules.iter().filter(|(module, found)| module.starts_with(&inside) && found.words.contains("Writer"));
        for (module, found) in writers {
            assert!(module.ends_with("::perform"), "{} may not write: effects are in files named perform.rs", found.file.display());
        }
        for file in ["admit", "plan", "status"] {
            let module = &modules[&format!("{kind}::{file}")];
            let is_pure = !module.words.contains("Context") && !module.text.contains("async fn");
            assert!(is_pure, "{} is handed what was seen: what reads is in observe.rs", module.file.display());
        }
    }
    Ok(())
}

/// The right to write comes with the clients of a cloud: they are made where the program is put together, and nowhere else.
#[test]
fn only_the_program_makes_the_clients_of_a_cloud() -> anyhow::Result<()> {
    let modules = modules("operator/src")?;
    let makers = modules.iter().filter(|(_, found)| ["Azure::new(", "Azure::observed("].iter().any(|call| found.text.contains(call)));
    assert_eq!(makers.map(|(module, _)| module.as_str()).collect::<Vec<_>>(), ["main"]);
    Ok(())
}

#[test]
fn every_file_says_what_it_is_and_reaches_no_further_than_its_parent() -> anyhow::Result<()> {
    for source in SOURCES {
        for (module, found) in modules(source)? {
            let file = found.file.display();
            assert!(found.text.starts_with("//! "), "{file} does not begin with what {module} is");
            assert!(!found.text.contains("super::super"), "{file} reaches beyond its parent: name the path from the crate's root");
            assert!(!found.text.contains("pub(in "), "{file}: what others need is pub(crate), and what they do not is private");
        }
    }
    Ok(())
}

#[test]
fn no_two_public_types_of_a_crate_have_one_name() -> anyhow::Result<()> {
    for source in SOURCES {
        let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (module, found) in modules(source)? {
            // Every kind has an `Action`, what it `Observed` and what it `Admitted`: a kind is a namespace of its own.
            let of_a_kind = module.strip_prefix("kinds::").map(|rest| room_of(rest).to_owned()).unwrap_or_default();
            for name in found.public_types {
                by_name.entry(format!("{of_a_kind} {name}")).or_default().push(module.clone());
            }
        }
        by_name.retain(|_, places| places.len() > 1);
        assert!(by_name.is_empty(), "{source}: {by_name:?}");
    }
    Ok(())
}

#[test]
fn no_folder_is_fuller_than_a_glance() -> anyhow::Result<()> {
    let mut by_folder: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let all: BTreeSet<_> = files()?.into_iter().filter(|file| SOURCES.iter().any(|source| file.starts_with(source))).collect();
    let folders: BTreeSet<_> = all.iter().filter_map(|file| file.parent().map(std::path::Path::to_owned)).collect();
    for file in all.into_iter().filter(|file| !folders.contains(&file.with_extension(""))) {
        by_folder.entry(file.parent().map(std::path::Path::to_owned)).or_default().insert(file);
    }
    let full: Vec<_> =
        by_folder.into_iter().filter(|(_, files)| files.len() > MOST_FILES).map(|(folder, files)| (folder, files.len())).collect();
    assert!(full.is_empty(), "more than {MOST_FILES} files: sort these into rooms: {full:?}");
    Ok(())
}
