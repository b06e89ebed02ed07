//! What is asked of cert-manager, and what it says.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;
use moorage_crds::{DeviceCredential, IssuerRef, annotations as names};
use moorage_keys::RegistrationId;
use moorage_plan::{Reason, Renewal, Standing};
use serde_json::{Value, json};

use crate::{
    cache::secrets::owner_of,
    cluster::{CERTIFICATE_API_VERSION, Certificate, CertificateCondition},
    error::bounded,
    kinds::device_credential::{certificate::cert_manager::certificate_name_of, subject::secret_of},
    object::{Keyed, NamespacedName},
};

/// The longest name that cert-manager asks a certificate for (X.520, `ub-common-name`).
const LONGEST_NAME: usize = 64;

/// The shortest time before its end at which cert-manager renews a certificate.
const SHORTEST_NOTICE: SignedDuration = SignedDuration::from_mins(5);

/// What is asked of cert-manager.
#[derive(Clone, Debug)]
pub struct DesiredCertificate {
    /// Name of the Certificate, and of its Secret.
    pub at: NamespacedName,
    /// Whom it asks, as sentences have it.
    pub issuer: String,
    pub spec: Value,
}

/// Where a Certificate stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is issued, as was asked for.
    Done,
    /// It is not yet.
    Waiting(String),
    /// The issuer has failed, or somebody has denied it.
    Failed(String),
}

impl DesiredCertificate {
    /// What a credential asks for.
    ///
    /// # Errors
    /// Halts if cert-manager would refuse it.
    pub fn of(credential: &DeviceCredential, issuer: &IssuerRef, id: &RegistrationId, renewal: Renewal) -> Result<Self, Standing> {
        let refused = |note: String| Err(Standing::stalled(Reason::Invalid, note));
        if id.as_str().len() > LONGEST_NAME {
            return refused(format!(
                "cert-manager issues no certificate for a name of more than {LONGEST_NAME} characters, and registration id {id} is longer; leave spec.certificate.issuerRef out, or make a new DeviceCredential with a shorter one"
            ));
        }
        let notice = renewal.ttl - renewal.ttl * renewal.at_percent / 100;
        if notice < SHORTEST_NOTICE {
            return refused("with spec.certificate.issuerRef a certificate is renewed at least 5m before its end: cert-manager renews none later; set spec.certificate.renewBefore".to_owned());
        }
        let at = certificate_name_of(credential);
        if at == secret_of(credential) {
            return refused(format!("Secret {at} is the one that cert-manager fills; name another in spec.secret.name"));
        }
        let marks = marks_of_secret(credential);
        let spec = json!({
            "secretName": &*at.name,
            "commonName": id.as_str(),
            "duration": go_duration(renewal.ttl),
            "renewBefore": go_duration(notice),
            "privateKey": { "algorithm": "ECDSA", "size": 256, "encoding": "PKCS8", "rotationPolicy": "Always" },
            "usages": ["digital signature", "client auth"],
            "issuerRef": { "name": issuer.name, "kind": issuer.kind, "group": issuer.group },
            // Whoever makes the Secret anew makes it ours.
            "secretTemplate": { "labels": marks.0, "annotations": marks.1 },
            "revisionHistoryLimit": 1,
        });
        Ok(Self { at, issuer: format!("{} {}", issuer.kind, issuer.name), spec })
    }

    /// The Certificate as it is applied: over the version that was seen, if one was.
    pub fn document(&self, credential: &DeviceCredential, over: Option<&ObjectMeta>) -> Value {
        let (labels, annotations) = marks(credential);
        let mut metadata = json!({
            "name": &*self.at.name,
            "namespace": &*self.at.namespace,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": credential.controller_owner_ref(&()).map(|owner| vec![owner]).unwrap_or_default(),
        });
        if let Some(over) = over {
            metadata["uid"] = json!(over.uid);
            metadata["resourceVersion"] = json!(over.resource_version);
        }
        json!({ "apiVersion": CERTIFICATE_API_VERSION, "kind": "Certificate", "metadata": metadata, "spec": self.spec })
    }

    /// Whether a Certificate asks for just that, whatever else it has.
    pub fn is_as_desired(&self, credential: &DeviceCredential, certificate: &Certificate) -> bool {
        has(&certificate.spec, &self.spec)
            && is_made_for(credential, &certificate.metadata)
            && belongs_to(&certificate.metadata, credential.meta())
    }
}

/// The metadata of the Secret that is made for cert-manager to fill. It controls nothing of ours: cert-manager may want to be the controller.
pub fn secret_to_fill(credential: &DeviceCredential, at: &NamespacedName) -> ObjectMeta {
    let (labels, annotations) = marks_of_secret(credential);
    ObjectMeta {
        name: Some(at.name.to_string()),
        namespace: Some(at.namespace.to_string()),
        labels: Some(labels),
        annotations: Some(annotations),
        owner_references: Some(owner(credential).into_iter().collect()),
        ..ObjectMeta::default()
    }
}

/// What the Secret says of its owners, with those added that it lacks: it goes when both are gone, so never before the Certificate,
/// which would have it made anew. `None` if it lacks none.
pub fn owners(credential: &DeviceCredential, certificate: &Certificate, secret: &ObjectMeta) -> Option<Vec<OwnerReference>> {
    let theirs = OwnerReference {
        api_version: CERTIFICATE_API_VERSION.to_owned(),
        kind: "Certificate".to_owned(),
        name: certificate.metadata.name.clone().unwrap_or_default(),
        uid: certificate.metadata.uid.clone().unwrap_or_default(),
        ..OwnerReference::default()
    };
    let mut owners = secret.owner_references.clone().unwrap_or_default();
    let before = owners.len();
    for wanted in owner(credential).into_iter().chain([theirs]) {
        if !owners.iter().any(|owner| owner.uid == wanted.uid) {
            owners.push(wanted);
        }
    }
    (owners.len() > before).then_some(owners)
}

/// Ours if it says so. The uid does not count: a restore changes it.
pub fn is_made_for(credential: &DeviceCredential, meta: &ObjectMeta) -> bool {
    owner_of(meta).as_ref() == Some(&credential.key())
}

/// Where a Certificate stands, by what cert-manager says of it as it is now.
pub fn progress(certificate: &Certificate) -> Progress {
    let now = certificate.metadata.generation;
    let is_fresh = |one: &&CertificateCondition| one.observed_generation.is_none_or(|seen| Some(seen) == now);
    let find = |type_: &str| certificate.status.conditions.iter().filter(is_fresh).find(|one| one.type_ == type_);
    let sentence = |one: &CertificateCondition| bounded(if one.message.is_empty() { &one.reason } else { &one.message }, 400);
    match (find("Issuing"), find("Ready")) {
        (Some(issuing), _) if issuing.status == "False" => Progress::Failed(sentence(issuing)),
        (_, Some(ready)) if ready.status == "True" => Progress::Done,
        (Some(one), _) | (None, Some(one)) => Progress::Waiting(sentence(one)),
        (None, None) => Progress::Waiting("cert-manager has not looked at it; is its controller running?".to_owned()),
    }
}

type Texts = BTreeMap<String, String>;

/// Labels and annotations of all that is made for a credential.
fn marks(credential: &DeviceCredential) -> (Texts, Texts) {
    let key = credential.key();
    let texts = |texts: &[(&str, &str)]| texts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let annotations = texts(&[(names::OWNER_KIND, key.kind.as_str()), (names::OWNER_NAME, &key.name.name)]);
    (texts(&[(names::MANAGED_BY, names::MANAGER)]), annotations)
}

/// The same for a Secret, with what was asked for Secrets.
fn marks_of_secret(credential: &DeviceCredential) -> (Texts, Texts) {
    let (mut labels, mut annotations) =
        (credential.spec.secret.metadata.labels.clone(), credential.spec.secret.metadata.annotations.clone());
    let (our_labels, our_annotations) = marks(credential);
    labels.extend(our_labels);
    annotations.extend(our_annotations);
    (labels, annotations)
}

fn owner(credential: &DeviceCredential) -> Option<OwnerReference> {
    credential.owner_ref(&())
}

fn belongs_to(meta: &ObjectMeta, owner: &ObjectMeta) -> bool {
    meta.owner_references.iter().flatten().any(|reference| Some(&reference.uid) == owner.uid.as_ref())
}

/// Whether a document has all that another one has.
fn has(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, part)| whole.get(name).is_some_and(|whole| has(whole, part)))
        }
        (whole, part) => whole == part,
    }
}

/// A duration of an hour or more, or of some minutes, as Go writes it: other writers of the Certificate leave it so.
fn go_duration(duration: SignedDuration) -> String {
    let (hours, minutes, seconds) = (duration.as_hours(), duration.as_mins() % 60, duration.as_secs() % 60);
    if hours == 0 { format!("{minutes}m{seconds}s") } else { format!("{hours}h{minutes}m{seconds}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_writes_them() {
        let written = [90 * 24 * 3600, 3600, 3661, 300, 3599].map(|seconds| go_duration(SignedDuration::from_secs(seconds)));
        assert_eq!(written, ["2160h0m0s", "1h0m0s", "1h1m1s", "5m0s", "59m59s"]);
    }

    #[test]
    fn a_document_has_another_if_it_has_all_of_it_and_lists_are_the_same() {
        let whole = json!({ "a": { "b": 1, "c": 2 }, "list": [1, 2] });
        assert!(has(&whole, &json!({ "a": { "b": 1 }, "list": [1, 2] })));
        for other in [json!({ "a": { "b": 2 } }), json!({ "d": 1 }), json!({ "list": [1] })] {
            assert!(!has(&whole, &other), "{other}");
        }
    }
}
