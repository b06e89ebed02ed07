//! Who signs the certificates of a group's devices.

use moorage_keys::{Authority, Thumbprint};
use serde_json::{Map, Value, json};

use super::EnrollmentGroup;

/// One thing, and another while it takes over or is taken over from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair<T> {
    /// The one.
    pub primary: T,
    /// The other.
    pub secondary: Option<T>,
}

impl<T> Pair<T> {
    /// What there is of the two.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.primary).chain(&self.secondary)
    }

    fn slots(&self) -> [(&'static str, Option<&T>); 2] {
        [("primary", Some(&self.primary)), ("secondary", self.secondary.as_ref())]
    }
}

/// Who signs the certificates of a group's devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signers {
    /// Authorities whose certificates go with the group.
    Certificates(Pair<Authority>),
    /// Authorities whose certificates the service has, by their names there.
    References(Pair<String>),
}

const CERTIFICATES: &[&str] = &["attestation", "x509", "signingCertificates"];
const REFERENCES: &[&str] = &["attestation", "x509", "caReferences"];

impl EnrollmentGroup {
    /// A group that is to be created, whose devices have certificates that these sign.
    pub fn with_certificates(id: &str, signers: &Signers) -> Self {
        Self(super::Document::of(json!({ "enrollmentGroupId": id }))).with_signers(signers)
    }

    /// The same with these signers, and only these.
    #[must_use]
    pub fn with_signers(mut self, signers: &Signers) -> Self {
        self.0.set(&["attestation", "type"], "x509");
        let (kept, dropped, slots) = match signers {
            Signers::Certificates(pair) => (CERTIFICATES, REFERENCES, written(pair, |authority| json!({ "certificate": authority.pem() }))),
            Signers::References(pair) => (REFERENCES, CERTIFICATES, written(pair, |name| name.as_str().into())),
        };
        self.0.set(kept, slots);
        self.0.remove(dropped);
        self
    }

    /// Whether these sign, and no others.
    pub fn has_signers(&self, signers: &Signers) -> bool {
        match signers {
            Signers::Certificates(pair) => {
                let same = |(slot, authority): (&'static str, Option<&Authority>)| match authority {
                    Some(authority) => self.is_in(slot, authority),
                    None => self.0.get(&[CERTIFICATES, &[slot]].concat()).is_none_or(is_empty),
                };
                pair.slots().into_iter().all(same) && self.0.get(REFERENCES).is_none()
            }
            Signers::References(pair) => {
                let name = |slot: &'static str| self.0.text(&[REFERENCES, &[slot]].concat()).filter(|name| !name.is_empty());
                pair.slots().into_iter().all(|(slot, wanted)| name(slot) == wanted.map(String::as_str))
                    && self.0.get(CERTIFICATES).is_none()
            }
        }
    }

    /// Whether devices of this authority are accepted.
    pub fn accepts(&self, authority: &Authority) -> bool {
        ["primary", "secondary"].iter().any(|slot| self.is_in(slot, authority))
    }

    /// A service tells the thumbprint of a certificate rather than the certificate.
    fn is_in(&self, slot: &'static str, authority: &Authority) -> bool {
        let path = [CERTIFICATES, &[slot]].concat();
        let told = self.0.text(&[&path, &["info", "sha256Thumbprint"][..]].concat());
        let whole = self.0.text(&[&path, &["certificate"][..]].concat()).and_then(|text| Authority::from_pem(text).ok());
        match (told, whole) {
            (Some(told), _) => authority.thumbprint().is(told),
            (None, Some(whole)) => Thumbprint::of(whole.der()) == *authority.thumbprint(),
            (None, None) => false,
        }
    }

    pub(super) fn has_any_signer(&self) -> bool {
        [CERTIFICATES, REFERENCES].iter().any(|path| self.0.get(path).is_some_and(|slots| !is_empty(slots)))
    }
}

fn is_empty(slots: &Value) -> bool {
    match slots {
        Value::Object(slots) => slots.values().all(is_empty),
        Value::String(text) => text.is_empty(),
        other => other.is_null(),
    }
}

fn written<T>(pair: &Pair<T>, write: impl Fn(&T) -> Value) -> Value {
    let filled = pair.slots().into_iter().filter_map(|(slot, value)| Some((slot.to_owned(), write(value?))));
    Value::Object(filled.collect::<Map<_, _>>())
}
