//! The cluster and the cloud as texts that are equal for equal worlds, whatever a run calls its namespaces and draws as keys.

mod credential;
mod names;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::ListParams;
use moorage_crds::annotations;
use serde_json::{Map, Value, json};

use self::names::Names;
use super::fixture::Fixture;
use crate::cert_manager::Certificate;
use crate::test_env::TestEnv;

/// What differs between runs and says nothing: that it is there is enough.
const PRESENT: [&str; 15] = [
    // A hub is counted when its group is looked at, and then not for 25 minutes. Devices come and go without waking the group, so it
    // hangs on what went wrong, and on whether another operator has begun anew, if the last look fell before one came or after.
    "devices",
    "secretResourceVersion",
    "notBefore",
    "notAfter",
    "renewalTime",
    "lastTransitionTime",
    annotations::DIGEST,
    annotations::TOKEN_NOT_BEFORE,
    annotations::TOKEN_NOT_AFTER,
    annotations::HUB_TOKEN_NOT_BEFORE,
    annotations::HUB_TOKEN_NOT_AFTER,
    annotations::CERTIFICATE_NOT_BEFORE,
    annotations::CERTIFICATE_NOT_AFTER,
    "registeredAt",
    annotations::CONFIRM_DELETE,
];

/// The cloud.
pub(super) fn cloud(env: &TestEnv, fixture: &Fixture) -> String {
    Names::of(env, fixture).replaced(&env.cloud().snapshot_by_relation())
}

/// What is in the cluster: our objects, our Secrets, our ledger.
///
/// # Errors
/// The API server does not answer.
pub(super) async fn cluster(env: &TestEnv, fixture: &Fixture) -> anyhow::Result<String> {
    let names = Names::with_enrolled_keys(env, fixture).await;
    let mut things = Vec::new();
    for part in fixture.parts() {
        if let Some(object) = env.objects(part.kind, &part.namespace).get_opt(part.name).await? {
            things.push(object_as_seen(&serde_json::to_value(object)?));
        }
    }
    let ours = format!("{}={}", annotations::MANAGED_BY, annotations::MANAGER);
    for namespace in fixture.namespaces() {
        let certificates: Api<Certificate> = Api::namespaced(env.admin(), &namespace);
        for certificate in certificates.list(&ListParams::default()).await? {
            things.push(certificate_as_seen(&certificate));
        }
        let secrets: Api<Secret> = Api::namespaced(env.admin(), &namespace);
        for secret in secrets.list(&ListParams::default().labels(&ours)).await? {
            things.push(secret_as_seen(&secret, &names)?);
        }
    }
    let pages: Api<ConfigMap> = Api::namespaced(env.admin(), &env.operator_namespace());
    let mut ledger: Vec<_> = pages.list(&ListParams::default().labels(&ours)).await?.into_iter().map(|page| page_as_seen(&page)).collect();
    ledger.sort_by_key(ToString::to_string);
    things.extend(ledger);
    let text: Vec<_> = things.iter().map(serde_json::to_string_pretty).collect::<Result<_, _>>()?;
    Ok(names.replaced(&text.join("\n")))
}

fn object_as_seen(object: &Value) -> Value {
    let meta = &object["metadata"];
    without_noise(&json!({
        "kind": object["kind"],
        "name": meta["name"],
        "namespace": meta["namespace"],
        "annotations": meta["annotations"],
        "finalizers": meta["finalizers"],
        "deleting": meta["deletionTimestamp"].is_string(),
        "spec": object["spec"],
        "status": object["status"],
    }))
}

/// What was asked of cert-manager.
fn certificate_as_seen(certificate: &Certificate) -> Value {
    let meta = &certificate.metadata;
    let (labels, annotations, owners) = (&meta.labels, &meta.annotations, owners_as_seen(meta));
    json!({ "kind": "Certificate", "name": meta.name, "labels": labels, "annotations": annotations, "owners": owners, "spec": certificate.spec })
}

fn owners_as_seen(meta: &ObjectMeta) -> Vec<String> {
    meta.owner_references.iter().flatten().map(|owner| format!("{}/{}", owner.kind, owner.name)).collect()
}

fn secret_as_seen(secret: &Secret, names: &Names) -> anyhow::Result<Value> {
    let entries: BTreeMap<String, String> = secret
        .data
        .iter()
        .flatten()
        .map(|(key, value)| Ok((key.clone(), String::from_utf8(value.0.clone())?)))
        .collect::<anyhow::Result<_>>()?;
    let seen = |(name, value): (&String, &String)| (name.clone(), credential::as_seen(name, value, &entries, names).into());
    let data: Map<String, Value> = entries.iter().map(seen).collect();
    let meta = &secret.metadata;
    Ok(without_noise(&json!({
        "kind": "Secret",
        "name": meta.name,
        "namespace": meta.namespace,
        "labels": meta.labels,
        "annotations": meta.annotations,
        "owners": owners_as_seen(meta),
        "type": secret.type_,
        "data": data,
    })))
}

fn page_as_seen(page: &ConfigMap) -> Value {
    json!({ "ledger": page.metadata.annotations, "data": page.data.iter().flatten().map(entry_as_seen).collect::<Map<_, _>>() })
}

/// The generation of an identity is whatever the hub gave it.
fn entry_as_seen((entry, value): (&String, &String)) -> (String, Value) {
    let words: Vec<_> = value.split(' ').collect();
    let value = match words[..] {
        [state, _, place] if entry.starts_with("identity.") => format!("{state} <generation> {place}"),
        _ => value.clone(),
    };
    (entry.clone(), value.into())
}

fn without_noise(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let seen = |(name, value): (&String, &Value)| {
                let value = match (name.as_str(), value.as_str()) {
                    (name, _) if PRESENT.contains(&name) => "present".into(),
                    ("message", Some(text)) => without_end(text).into(),
                    _ => without_noise(value),
                };
                (name.clone(), value)
            };
            Value::Object(fields.iter().map(seen).collect())
        }
        Value::Array(items) => items.iter().map(without_noise).collect(),
        other => other.clone(),
    }
}

/// Until when a credential works follows from when it was written.
fn without_end(message: &str) -> String {
    message
        .split_once(" working credential until ")
        .map_or_else(|| message.to_owned(), |(before, _)| format!("{before} working credential"))
}

/// The lines in which two texts differ; empty if they are equal.
pub fn difference(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = expected.iter().zip(&found).take_while(same).count();
    let tail = expected[head..].iter().rev().zip(found[head..].iter().rev()).take_while(same).count();
    let mut text = String::new();
    for (sign, lines) in [('-', &expected), ('+', &found)] {
        for line in &lines[head..lines.len() - tail] {
            let _ = writeln!(text, "{sign} {line}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn only_the_lines_that_differ_are_shown() {
        assert_eq!(difference("a\nb\nc\nd", "a\nx\nd"), "- b\n- c\n+ x\n");
        assert_eq!(difference("a\na", "a"), "- a\n");
        assert_eq!(difference("a", "a"), "");
    }
}
