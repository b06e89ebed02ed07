//! The attestation of an enrollment: what a PUT may say of it, and what a GET tells.

use serde_json::{Map, Value, json};

use crate::azure::dps::attestation::{Attestation, Slots};
use crate::azure::dps::certificate::Certificate;
use crate::azure::dps::service::ProvisioningService;
use crate::azure::dps::service_api::document::Sort;
use crate::engine::http::Response;
use crate::engine::keys::decode;

/// What a PUT asks for.
pub(crate) enum WantedAttestation {
    /// Keys; those that are left out are `None`.
    Keys([Option<String>; 2]),
    /// Certificates, all of them known.
    Certificates(Box<Attestation>),
}

/// Reads an attestation; `old` is what the enrollment had.
pub(crate) fn read(
    service: &ProvisioningService,
    sort: Sort,
    body: &Value,
    old: Option<&Attestation>,
) -> Result<WantedAttestation, String> {
    match body["type"].as_str() {
        Some("symmetricKey") if body["x509"].is_object() => Err("An attestation by keys has no certificates.".to_owned()),
        Some("symmetricKey") => {
            let keys = &body["symmetricKey"];
            Ok(WantedAttestation::Keys([key(&keys["primaryKey"])?, key(&keys["secondaryKey"])?]))
        }
        Some("x509") if body["symmetricKey"].is_object() => Err("An attestation by certificates has no keys.".to_owned()),
        Some("x509") => {
            certificates(service, sort, &body["x509"], old).map(|attestation| WantedAttestation::Certificates(Box::new(attestation)))
        }
        _ => Err("Only enrollments with symmetric keys or X.509 certificates are simulated.".to_owned()),
    }
}

fn key(value: &Value) -> Result<Option<String>, String> {
    let Some(key) = value.as_str().filter(|key| !key.is_empty()) else {
        return Ok(None);
    };
    match decode(key) {
        Some(bytes) if (16..=64).contains(&bytes.len()) => Ok(Some(key.to_owned())),
        _ => Err("A symmetric key is base64 of 16 to 64 bytes.".to_owned()),
    }
}

/// A group names those who sign, a single device its own certificates; both may refer to authorities instead.
fn certificates(service: &ProvisioningService, sort: Sort, x509: &Value, old: Option<&Attestation>) -> Result<Attestation, String> {
    let kinds = ["signingCertificates", "clientCertificates", "caReferences"];
    let named: Vec<&str> = kinds.into_iter().filter(|kind| x509[kind].is_object()).collect();
    let [kind] = named.as_slice() else {
        return Err("An attestation by certificates has one of signingCertificates, clientCertificates and caReferences.".to_owned());
    };
    let slots = &x509[kind];
    match (*kind, sort) {
        ("caReferences", _) => references(service, slots).map(Attestation::References),
        ("signingCertificates", Sort::Group) => uploaded(slots, old).map(Attestation::Signers),
        ("clientCertificates", Sort::Individual) => uploaded(slots, old).map(Attestation::Leaves),
        (kind, Sort::Group) => Err(format!("A group has no {kind}.")),
        (kind, Sort::Individual) => Err(format!("An individual enrollment has no {kind}.")),
    }
}

fn whole<T>(primary: Option<T>, secondary: Option<T>) -> Result<Slots<T>, String> {
    let empty = primary.is_none() && secondary.is_none();
    if empty { Err("The attestation names no certificate.".to_owned()) } else { Ok(Slots { primary, secondary }) }
}

fn references(service: &ProvisioningService, slots: &Value) -> Result<Slots<String>, String> {
    let slot = |name: &str| match slots[name].as_str().filter(|name| !name.is_empty()) {
        None => Ok(None),
        Some(name) => match service.certificate(name) {
            Some(authority) if authority.verified => Ok(Some(authority.name.clone())),
            Some(_) => Err(format!("The certificate {name} is not verified.")),
            None => Err(format!("There is no certificate {name}.")),
        },
    };
    whole(slot("primary")?, slot("secondary")?)
}

/// A slot brings its certificate along, or what GET told of the one that is stored.
fn uploaded(slots: &Value, old: Option<&Attestation>) -> Result<Slots<Certificate>, String> {
    let stored = |thumbprint: &str| match old? {
        Attestation::Signers(slots) | Attestation::Leaves(slots) => slots.filled().find(|old| old.sha256() == thumbprint).cloned(),
        Attestation::Keys { .. } | Attestation::References(_) => None,
    };
    let slot = |name: &str| {
        let slot = &slots[name];
        match (slot["certificate"].as_str().filter(|text| !text.is_empty()), slot["info"]["sha256Thumbprint"].as_str()) {
            (Some(text), _) => Certificate::read(text).map(Some).ok_or_else(|| format!("The {name} certificate is not valid.")),
            (None, Some(thumbprint)) => stored(thumbprint).map(Some).ok_or_else(|| format!("The {name} certificate is missing.")),
            (None, None) => Ok(None),
        }
    };
    whole(slot("primary")?, slot("secondary")?)
}

/// What a GET or a PUT answers: no keys, and of certificates only what they say.
pub(crate) fn shown(attestation: &Attestation) -> Value {
    let told = |slots: &Slots<Certificate>| each(slots, |certificate| json!({ "info": certificate.info() }));
    match attestation {
        Attestation::Keys { .. } => json!({ "type": "symmetricKey" }),
        Attestation::Signers(slots) => json!({ "type": "x509", "x509": { "signingCertificates": told(slots) } }),
        Attestation::Leaves(slots) => json!({ "type": "x509", "x509": { "clientCertificates": told(slots) } }),
        Attestation::References(slots) => {
            json!({ "type": "x509", "x509": { "caReferences": each(slots, |name| name.as_str().into()) } })
        }
    }
}

fn each<T>(slots: &Slots<T>, show: impl Fn(&T) -> Value) -> Value {
    let named = [("primary", &slots.primary), ("secondary", &slots.secondary)];
    let filled = named.into_iter().filter_map(|(name, slot)| Some((name.to_owned(), show(slot.as_ref()?))));
    Value::Object(filled.collect::<Map<String, Value>>())
}

/// What `attestationmechanism` answers, which is the only way to read keys.
pub(crate) fn mechanism(attestation: &Attestation) -> Response {
    let mut document = shown(attestation);
    if let Some([primary, secondary]) = attestation.keys() {
        document["symmetricKey"] = json!({ "primaryKey": primary, "secondaryKey": secondary });
    }
    Response::json(200, document)
}
