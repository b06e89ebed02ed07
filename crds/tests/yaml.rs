//! The CRD YAML that users install is generated, committed and proved fresh here.

use std::{fs, path::PathBuf};

use moorage_crds::KindName;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("yaml")
}

/// `UPDATE_GENERATED=1 cargo test` writes what the other tests compare.
#[test]
fn the_committed_crds_are_those_of_the_types() {
    let mut seen = Vec::new();
    for crd in moorage_crds::all() {
        let name = format!("{}.yaml", crd.spec.names.plural);
        let fresh = format!("# Generated from crds/src; do not edit.\n{}", serde_saphyr::to_string(&crd).expect("a CRD serializes"));
        let path = folder().join(&name);
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            fs::create_dir_all(folder()).expect("the folder can be made");
            fs::write(&path, &fresh).expect("the file can be written");
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == fresh, "{name} is stale: run `UPDATE_GENERATED=1 cargo test -p moorage-crds` and commit it");
        seen.push(name);
    }
    let mut files: Vec<_> = fs::read_dir(folder())
        .expect("the folder exists")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"))
        .collect();
    files.sort();
    seen.sort();
    assert_eq!(files, seen, "crds/yaml holds exactly the generated files");
}

#[test]
fn every_kind_of_the_list_has_a_definition() {
    let kinds: Vec<_> = moorage_crds::all().into_iter().map(|crd| crd.spec.names.kind).collect();
    assert_eq!(kinds, KindName::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>());
}
