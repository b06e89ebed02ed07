//! Examples fit the types: every field of theirs is one, and what they refer to is there.

use std::collections::BTreeSet;

use anyhow::{Context, bail, ensure};
use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use moorage_crds::{KindName, with_kind};
use moorage_tests::cert_manager::ClusterIssuer;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::repository::{files, read};

fn examples() -> anyhow::Result<Vec<(String, Vec<Value>)>> {
    let files = files()?;
    let yaml = files.iter().filter(|path| path.starts_with("examples") && path.extension().is_some_and(|extension| extension == "yaml"));
    let examples = yaml.map(|path| {
        let path = path.display().to_string();
        let objects = serde_saphyr::from_multiple(&read(&path)?).with_context(|| format!("{path} is no YAML"))?;
        Ok((path, objects))
    });
    examples.collect()
}

#[test]
fn every_field_of_an_example_is_known() -> anyhow::Result<()> {
    let examples = examples()?;
    assert!(!examples.is_empty());
    for (path, objects) in &examples {
        assert!(!objects.is_empty(), "{path} is empty");
        for object in objects {
            fits(object).with_context(|| format!("{path}: {}", name_of(object)))?;
        }
    }
    Ok(())
}

#[test]
fn every_kind_is_in_an_example() -> anyhow::Result<()> {
    let shown: BTreeSet<_> = examples()?.into_iter().flat_map(|(_, objects)| objects).map(|object| object["kind"].to_string()).collect();
    let missing: Vec<_> = KindName::ALL.iter().filter(|kind| !shown.contains(&format!("{:?}", kind.as_str()))).collect();
    assert!(missing.is_empty(), "no file under examples/ shows {missing:?}");
    Ok(())
}

#[test]
fn what_an_example_refers_to_is_in_it() -> anyhow::Result<()> {
    for (path, objects) in examples()? {
        let names: BTreeSet<_> = objects.iter().map(name_of).collect();
        for object in &objects {
            for reference in references(object) {
                assert!(names.contains(&reference), "{path}: {} refers to {reference}, which is not in the file", name_of(object));
            }
        }
    }
    Ok(())
}

fn fits(object: &Value) -> anyhow::Result<()> {
    match (object["apiVersion"].as_str(), object["kind"].as_str()) {
        (Some("moorage.dev/v1alpha1"), Some(kind)) => {
            let kind = KindName::parse(kind).with_context(|| format!("{kind} is no kind of ours"))?;
            with_kind!(kind, |K| round_trip::<K>(object))
        }
        (Some("cert-manager.io/v1"), Some("ClusterIssuer")) => round_trip::<ClusterIssuer>(object),
        (Some("v1"), Some("Namespace")) => round_trip::<Namespace>(object),
        (Some("v1"), Some("ServiceAccount")) => round_trip::<ServiceAccount>(object),
        (Some("v1"), Some("Secret")) => text_secret(object),
        (version, kind) => bail!("{version:?} {kind:?} is not expected in an example"),
    }
}

/// A Secret is written with `stringData`, which the API server keeps to itself.
fn text_secret(object: &Value) -> anyhow::Result<()> {
    ensure!(object["stringData"].is_object(), "a Secret that people edit has stringData");
    round_trip::<Secret>(object)
}

/// Reads and writes: whatever the type does not know is lost on the way, and missed here.
fn round_trip<K: Serialize + DeserializeOwned>(object: &Value) -> anyhow::Result<()> {
    let typed: K = serde_json::from_value(object.clone())?;
    let lost = missing("", object, &serde_json::to_value(typed)?);
    ensure!(lost.is_empty(), "unknown or changed: {}", lost.join(", "));
    Ok(())
}

/// The paths of `before` that are not in `after`, or not the same.
fn missing(path: &str, before: &Value, after: &Value) -> Vec<String> {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let nothing = Value::Null;
            before.iter().flat_map(|(name, value)| missing(&format!("{path}.{name}"), value, after.get(name).unwrap_or(&nothing))).collect()
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => before
            .iter()
            .zip(after)
            .enumerate()
            .flat_map(|(at, (before, after))| missing(&format!("{path}[{at}]"), before, after))
            .collect(),
        (before, after) if before == after => Vec::new(),
        _ => vec![path.to_owned()],
    }
}

fn name_of(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, metadata) = (text(&object["kind"]), &object["metadata"]);
    if metadata["namespace"].is_null() {
        format!("{kind} {}", text(&metadata["name"]))
    } else {
        format!("{kind} {}/{}", text(&metadata["namespace"]), text(&metadata["name"]))
    }
}

/// Its namespace, and every `…Ref` below its spec.
fn references(object: &Value) -> Vec<String> {
    let Some(own) = object["metadata"]["namespace"].as_str() else { return Vec::new() };
    let mut found = vec![format!("Namespace {own}")];
    collect(&object["spec"], own, &mut found);
    found
}

fn collect(value: &Value, own: &str, found: &mut Vec<String>) {
    let Value::Object(fields) = value else { return };
    for (field, value) in fields {
        if let ("serviceAccountName", Some(name)) = (field.as_str(), value.as_str()) {
            found.push(format!("ServiceAccount {own}/{name}"));
        }
        let kind = field.strip_suffix("Ref").map(|kind| match kind {
            "account" => "CloudAccount".to_owned(),
            "hub" => "TenantHubGroup".to_owned(),
            _ => format!("{}{}", kind[..1].to_uppercase(), &kind[1..]),
        });
        match (kind, value["name"].as_str()) {
            (_, Some(name)) if field == "issuerRef" && value["kind"] == "ClusterIssuer" => found.push(format!("ClusterIssuer {name}")),
            (Some(kind), Some(name)) => found.push(format!("{kind} {}/{name}", value["namespace"].as_str().unwrap_or(own))),
            _ => collect(value, own, found),
        }
    }
}

#[test]
fn a_field_that_is_not_known_is_found() {
    let mut object = json!({
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "DeviceCredential",
        "metadata": { "name": "a", "namespace": "contoso" },
        "spec": { "enrollmentGroupRef": { "name": "g", "namespace": "platform" } }
    });
    assert!(fits(&object).is_ok());
    assert_eq!(references(&object), ["Namespace contoso", "EnrollmentGroup platform/g"]);
    object["spec"]["enrolmentGroupId"] = json!("typo");
    assert_eq!(fits(&object).map_err(|error| error.to_string()), Err("unknown or changed: .spec.enrolmentGroupId".to_owned()));
}
