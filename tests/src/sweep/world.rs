//! The cluster and the cloud as texts that are equal for equal worlds, whatever a run calls its namespaces and draws as keys.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use kube::api::ListParams;
use moorage_cloud::{Azure, Cloud, EndpointMap, PolicyKey, Transport, TransportOptions};
use moorage_crds::annotations;
use moorage_keys::{IdScope, RegistrationId, SymmetricKey, derive_device_key, keyed_digest, owner_hash, sas};
use serde_json::{Map, Value, json};

use super::fixture::{ENROLLED, Fixture, IN_HUB};
use crate::stage::Stage;

/// What differs between runs and says nothing: that it is there is enough.
const PRESENT: [&str; 10] = [
    // How many there were when they were counted last.
    "devices",
    "secretResourceVersion",
    "notBefore",
    "notAfter",
    "renewalTime",
    "lastTransitionTime",
    annotations::DIGEST,
    annotations::TOKEN_NOT_BEFORE,
    annotations::TOKEN_NOT_AFTER,
    annotations::CONFIRM_DELETE,
];

/// Texts of one run with the names that they have in every run, in the order in which they are replaced.
struct Names(Vec<(String, String)>);

/// The cloud.
pub(super) fn cloud(stage: &Stage, fixture: &Fixture) -> String {
    Names::of(stage, fixture).replaced(&stage.cloud().world_by_relation())
}

/// What is in the cluster: our objects, our Secrets, our ledger.
///
/// # Errors
/// The API server does not answer.
pub(super) async fn cluster(stage: &Stage, fixture: &Fixture) -> anyhow::Result<String> {
    let mut names = Names::of(stage, fixture);
    let enrolled = enrolled_keys(stage).await.unwrap_or_default();
    names.0.splice(0..0, enrolled);
    let mut things = Vec::new();
    for part in fixture.parts() {
        if let Some(object) = stage.objects(part.kind, &part.namespace).get_opt(part.name).await? {
            things.push(object_as_seen(&serde_json::to_value(object)?));
        }
    }
    let ours = format!("{}={}", annotations::MANAGED_BY, annotations::MANAGER);
    for namespace in fixture.namespaces() {
        let secrets: Api<Secret> = Api::namespaced(stage.control().admin(), &namespace);
        for secret in secrets.list(&ListParams::default().labels(&ours)).await? {
            things.push(secret_as_seen(&secret, &names)?);
        }
    }
    let pages: Api<ConfigMap> = Api::namespaced(stage.control().admin(), &stage.operator_namespace());
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

fn secret_as_seen(secret: &Secret, names: &Names) -> anyhow::Result<Value> {
    let mut data = Map::new();
    let entries: Vec<(String, String)> = secret
        .data
        .iter()
        .flatten()
        .map(|(key, value)| Ok((key.clone(), String::from_utf8(value.0.clone())?)))
        .collect::<anyhow::Result<_>>()?;
    for (key, value) in &entries {
        let token = value.starts_with("SharedAccessSignature ");
        data.insert(
            key.clone(),
            if token { token_as_seen(value, &entries).unwrap_or_else(|| "no token of this device".into()) } else { names.replaced(value) }
                .into(),
        );
    }
    let meta = &secret.metadata;
    let owners: Vec<_> = meta.owner_references.iter().flatten().map(|owner| format!("{}/{}", owner.kind, owner.name)).collect();
    Ok(without_noise(&json!({
        "kind": "Secret",
        "name": meta.name,
        "namespace": meta.namespace,
        "labels": meta.labels,
        "annotations": meta.annotations,
        "owners": owners,
        "type": secret.type_,
        "data": data,
    })))
}

/// A token that the device's own key signs, until whenever.
fn token_as_seen(token: &str, entries: &[(String, String)]) -> Option<String> {
    let entry = |name: &str| entries.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let until = token.split('&').find_map(|part| part.strip_prefix("se="))?.parse().ok()?;
    let (scope, id) = (IdScope::parse(entry("idScope")?).ok()?, RegistrationId::parse(entry("registrationId")?).ok()?);
    let key = SymmetricKey::from_base64(entry("primaryKey")?).ok()?;
    let again = sas::dps_device(&scope, &id, &key, Timestamp::from_second(until).ok()?);
    (again.expose() == token).then(|| format!("a token of {} by its primary key", id.as_str()))
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
                let value = if PRESENT.contains(&name.as_str()) { "present".into() } else { without_noise(value) };
                (name.clone(), value)
            };
            Value::Object(fields.iter().map(seen).collect())
        }
        Value::Array(items) => items.iter().map(without_noise).collect(),
        other => other.clone(),
    }
}

impl Names {
    fn of(stage: &Stage, fixture: &Fixture) -> Self {
        let run = stage.launch().installation.id;
        let mut names = Vec::new();
        for part in fixture.parts() {
            let hash = owner_hash(&run, part.kind, &part.namespace, part.name);
            let policy = format!("moorage-{hash}");
            for hub in ["contoso-east-hub", "fabrikam-asia-hub"] {
                names.extend(link_digest(stage, hub, &policy).map(|digest| (digest, format!("the digest of the link's key in {hub}"))));
            }
            names.push((hash, format!("hash-of-{}", part.name)));
        }
        names.extend(group_names(stage).unwrap_or_default());
        names.extend(identity_names(stage).into_iter().flatten());
        names.push((format!("-{run}"), String::new()));
        names.push((run, "installation".to_owned()));
        Self(names)
    }

    fn replaced(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }
}

fn link_digest(stage: &Stage, hub: &str, policy: &str) -> Option<String> {
    let (primary, _) = stage.cloud().edit(|azure| azure.hub_policy_keys(hub, policy))?;
    let key = SymmetricKey::from_base64(&primary).ok()?;
    Some(keyed_digest(&key, [policy.as_bytes()]).to_string())
}

/// The keys of the device that is in a hub, as the hub holds them.
fn identity_names(stage: &Stage) -> Option<Vec<(String, String)>> {
    let there = stage.cloud().edit(|azure| azure.device("contoso-east-hub", IN_HUB))?;
    let key = |slot: &str| Some((there[slot].as_str()?.to_owned(), format!("the {slot} of {IN_HUB}")));
    Some(vec![key("primaryKey")?, key("secondaryKey")?])
}

/// The keys of the device with an individual enrollment, as the provisioning service holds them.
async fn enrolled_keys(stage: &Stage) -> Option<Vec<(String, String)>> {
    let map = EndpointMap { address: stage.cloud().address(), ca_pem: stage.cloud().ca_pem().to_owned() };
    let transport = Transport::new(&TransportOptions { endpoint_map: Some(map), ..TransportOptions::default() }).ok()?;
    // Tokens are signed for long enough, however late it is there.
    let azure = Azure::new(Cloud::public(), transport, Arc::new(|| Timestamp::from_second(4_000_000_000).expect("in range")));
    let (primary, _) = stage.cloud().edit(|azure| azure.service_policy_keys("contoso-dps", "provisioningserviceowner"))?;
    let policy = PolicyKey { name: "provisioningserviceowner".to_owned(), key: SymmetricKey::from_base64(&primary).ok()? };
    let keys = azure.dps(&azure.cloud().dps_named("contoso-dps").ok()?, policy).enrollment_keys(ENROLLED).await.ok()??;
    let named = [("primary", &keys.primary), ("secondary", &keys.secondary)];
    Some(named.map(|(slot, key)| (key.expose_base64().to_string(), format!("the {slot} key of {ENROLLED}'s enrollment"))).to_vec())
}

/// The keys of the enrollment group as the cloud holds them, and what follows from them.
fn group_names(stage: &Stage) -> anyhow::Result<Vec<(String, String)>> {
    let keys = stage.cloud().edit(|azure| azure.group_keys("contoso-dps", "contoso-us-devices"));
    let (primary, secondary) = keys.context("there is no group")?;
    let pair = [("primary", SymmetricKey::from_base64(&primary)?), ("secondary", SymmetricKey::from_base64(&secondary)?)];
    let digest = keyed_digest(&pair[0].1, [pair[1].1.expose_bytes()]).to_string();
    let mut names = vec![(digest, "the digest of the group's keys".to_owned())];
    for device in ["contoso-simdevice-east", "contoso-simdevice-west"] {
        let id = RegistrationId::parse(device)?;
        for (slot, key) in &pair {
            let derived = derive_device_key(key, &id);
            names.push((derived.expose_base64().to_string(), format!("derived for {device} from the {slot} key")));
        }
    }
    names.push((primary, "the group's primary key".to_owned()));
    names.push((secondary, "the group's secondary key".to_owned()));
    Ok(names)
}

/// The lines in which two texts differ; empty if they are equal.
pub(super) fn difference(expected: &str, found: &str) -> String {
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
