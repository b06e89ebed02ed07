//! A cluster with cert-manager in it, as small as can be: one Certificate, its Secret, and the credential's.

use super::*;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use crate::{
    cluster::{Certificate, Found},
    kinds::device_credential::{
        certificate::{
            ObservedOutput,
            cert_manager::{
                IssuedSecret, ObservedCertManager, Trust, cert_manager_issuer_of, certificate_name_of,
                document::{DesiredCertificate, secret_to_fill},
                plan::{CertManagerStep, plan_cert_manager},
            },
            is_as_written,
            lifetime::certificate_renewal,
            registration_info::RegistrationInfo,
        },
        secret::{metadata::metadata_of, read::ObservedSecret},
    },
};

/// Who signs.
pub struct Signer {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate that says this, before a signer signs it.
pub fn params(name: &str, not_before: Timestamp, days: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let time = |time: Timestamp| {
        rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(time.as_second().try_into().expect("after 1970"))
    };
    (params.not_before, params.not_after) = (time(not_before), time(not_before + SignedDuration::from_hours(24 * days)));
    params
}

pub fn signer(name: &str) -> Signer {
    let mut params = params(name, "2026-01-01T00:00:00Z".parse().expect("a time"), 3650);
    (params.is_ca, params.extended_key_usages) = (IsCa::Ca(BasicConstraints::Unconstrained), Vec::new());
    let key = KeyPair::generate().expect("a key");
    Signer { pem: params.self_signed(&key).expect("it signs itself").pem(), issuer: Issuer::new(params, key) }
}

impl Signer {
    pub fn authority(&self) -> Authority {
        Authority::from_pem(&self.pem).expect("an authority")
    }

    /// The content of a Secret as cert-manager writes it.
    pub fn sign(&self, params: &CertificateParams) -> SecretData {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("it signs").pem();
        let entries = [("tls.crt", certificate), ("tls.key", key.serialize_pem()), ("ca.crt", self.pem.clone())];
        entries.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect()
    }
}

/// What cert-manager does.
pub enum Temper {
    Issues,
    Refuses,
}

pub struct Shop {
    pub credential: DeviceCredential,
    pub trust: Trust,
    pub longest: Option<SignedDuration>,
    pub signer: Signer,
    pub temper: Temper,
    pub installed: bool,
    pub certificate: Option<Certificate>,
    pub reserved: Option<Kept>,
    pub output: Option<Kept>,
    pub stale: Vec<NamespacedName>,
    pub now: Timestamp,
    /// How often the credential's Secret was written.
    pub written: usize,
    pub versions: u32,
}

/// The credential of these tests.
pub fn ordered() -> DeviceCredential {
    let mut credential = object();
    credential.spec.certificate = Some(read(json!({ "issuerRef": { "name": "wind", "kind": "ClusterIssuer" }, "renewBefore": "30d" })));
    credential
}

/// Where everything that cert-manager is asked for is.
pub fn at() -> NamespacedName {
    certificate_name_of(&ordered())
}

impl Shop {
    /// Nothing is there yet, and the group accepts whom cert-manager has sign.
    pub fn new() -> Self {
        let signer = signer("wind");
        Self {
            credential: ordered(),
            trust: Trust::In(vec![signer.authority()]),
            longest: None,
            signer,
            temper: Temper::Issues,
            installed: true,
            certificate: None,
            reserved: None,
            output: None,
            stale: Vec::new(),
            now: now(),
            written: 0,
            versions: 0,
        }
    }

    /// All is in place.
    pub fn at_rest() -> Self {
        let mut shop = Self::new();
        let plan = settle(&mut shop, Vec::new());
        assert_eq!(plan.standing, Standing::Met, "{plan:?}");
        shop
    }

    pub fn looked(&self) -> ObservedCertManager {
        let issuer = cert_manager_issuer_of(&self.credential).expect("it has one");
        let id = RegistrationId::parse("press-7").expect("an id");
        let renewal = certificate_renewal(&self.credential, None).expect("a renewal");
        let order = DesiredCertificate::of(&self.credential, issuer, &id, renewal).expect("an order");
        let entries = [("registrationId", "press-7"), ("idScope", "0ne00000001")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let registration_info =
            RegistrationInfo { registration_id: id, id_scope: IdScope::parse("0ne00000001").expect("a scope"), entries: entries.into() };
        let secret = self
            .output
            .as_ref()
            .map(|kept| ObservedSecret { intact: is_as_written(&kept.meta, &kept.data), meta: Arc::new(kept.meta.clone()) });
        let found = match (&self.certificate, self.installed) {
            (_, false) => Found::NotInstalled,
            (None, true) => Found::Nothing,
            (Some(certificate), true) => Found::Certificate(Box::new(certificate.clone())),
        };
        let delivered =
            self.reserved.as_ref().map(|kept| IssuedSecret { meta: Arc::new(kept.meta.clone()), data: Arc::new(kept.data.clone()) });
        let seen = ObservedOutput { secret, stale: self.stale.clone(), asked: None };
        ObservedCertManager {
            order,
            registration_info,
            trust: self.trust.clone(),
            longest: self.longest,
            found,
            delivered,
            seen,
            group: "platform/press".to_owned(),
        }
    }

    /// Has cert-manager put this into its Secret.
    pub fn deliver(&mut self, data: SecretData) {
        self.reserved.as_mut().expect("it was reserved").data = data;
        let generation = self.certificate.as_ref().and_then(|certificate| certificate.metadata.generation);
        self.say(&json!([{ "type": "Ready", "status": "True", "reason": "Ready", "observedGeneration": generation }]));
    }

    pub fn say(&mut self, conditions: &serde_json::Value) {
        let status = json!({ "conditions": conditions, "renewalTime": "2026-04-30T12:00:00Z" });
        self.certificate.as_mut().expect("it was ordered").status = read(status);
    }

    /// What cert-manager would sign now.
    pub fn asked(&self) -> CertificateParams {
        params("press-7", self.now, 90)
    }

    /// Signs once more, and everything comes to rest.
    pub fn renew(&mut self) -> Vec<String> {
        self.deliver(self.signer.sign(&self.asked()));
        described(&self.plan())
    }

    fn place(&mut self, document: &serde_json::Value) {
        self.versions += 1;
        let (version, before) = (self.versions.to_string(), self.certificate.as_ref());
        let seen = document["metadata"]["resourceVersion"].as_str();
        // A version that is named is the one that is there, or nothing happens.
        if seen.is_some() && seen != before.and_then(|before| before.metadata.resource_version.as_deref()) {
            return;
        }
        let mut placed: Certificate = read(document.clone());
        let generation = before.and_then(|before| before.metadata.generation).unwrap_or(0);
        let same = before.is_some_and(|before| before.spec == placed.spec);
        placed.metadata.generation = Some(if same { generation } else { generation + 1 });
        (placed.metadata.uid, placed.metadata.resource_version) = (Some("a-certificate".to_owned()), Some(version));
        placed.status = before.map(|before| before.status.clone()).unwrap_or_default();
        self.certificate = Some(placed);
    }

    fn write(&mut self, step: &CertManagerStep) {
        let CertManagerStep::WriteSecret { at, fit, said, over, .. } = step else { panic!("{step:?}") };
        // A creation is refused where there is one, and a replacement where it is not the one that was seen.
        if self.output.as_ref().map(|kept| &kept.meta) == over.as_deref() {
            let meta = metadata_of(&self.credential, at, (**said).clone(), over.as_deref());
            self.output = Some(Kept { meta, data: fit.data().clone() });
            self.written += 1;
        }
    }
}

impl World for Shop {
    type Action = Action;

    fn plan(&self) -> Plan<Action> {
        plan_cert_manager(&self.credential, &self.looked(), self.now)
    }

    fn apply(&mut self, action: &Action) {
        match action {
            Action::Order(CertManagerStep::CreateSecret { at }) => {
                assert!(self.certificate.is_none() || self.reserved.is_none(), "a Secret of cert-manager is never written over");
                let meta = secret_to_fill(&self.credential, at);
                self.reserved.get_or_insert(Kept { meta, data: SecretData::default() });
            }
            Action::Order(CertManagerStep::ApplyCertificate { document, .. }) => {
                assert!(self.reserved.is_some(), "the Secret comes first");
                self.place(document);
            }
            Action::Order(CertManagerStep::SetOwner { owners, .. }) => {
                self.reserved.as_mut().expect("it was reserved").meta.owner_references = Some(owners.clone());
            }
            Action::Order(step @ CertManagerStep::WriteSecret { .. }) => self.write(step),
            Action::Order(CertManagerStep::DeleteSecret { .. }) => self.output = None,
            Action::Delete(at) => self.stale.retain(|stale| stale != at),
            other => panic!("{other:?}"),
        }
    }

    /// Cert-manager answers what it has not answered yet.
    fn go_on(&mut self) -> bool {
        let Some(certificate) = self.certificate.as_ref().filter(|_| self.reserved.is_some()) else { return false };
        let generation = certificate.metadata.generation;
        if certificate.status.conditions.first().is_some_and(|one| one.observed_generation == generation) {
            return false;
        }
        match self.temper {
            Temper::Issues => self.deliver(self.signer.sign(&self.asked())),
            Temper::Refuses => self.say(&json!([{
                "type": "Issuing", "status": "False", "reason": "Denied", "observedGeneration": generation,
                "message": "The certificate request has failed to complete and will be retried: no such issuer",
            }])),
        }
        true
    }
}
