//! The authorities that sign devices' certificates: they belong to people, and so do their keys.

use std::collections::BTreeMap;

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose};
use serde_json::{Value, json};

use crate::case::authority_name;

/// An authority: its certificate and its key, in PEM.
#[derive(Debug, Clone)]
pub struct Authority {
    /// The common name of its certificate, which no other has.
    pub subject: String,
    pub certificate: String,
    pub key: String,
}

/// The two of each tenant, as they are now.
#[derive(Debug, Default)]
pub struct Authorities {
    now: BTreeMap<String, Authority>,
    made: usize,
}

impl Authorities {
    /// An authority of a tenant.
    pub fn of(&mut self, tenant: usize, n: u8) -> Authority {
        let name = authority_name(tenant, n);
        if !self.now.contains_key(&name) {
            self.renew(tenant, n);
        }
        self.now[&name].clone()
    }

    /// An authority of a tenant, if there ever was one.
    pub fn known(&self, tenant: usize, n: u8) -> Option<&Authority> {
        self.now.get(&authority_name(tenant, n))
    }

    /// Both authorities of a tenant.
    pub fn both(&self, tenant: usize) -> [Option<&Authority>; 2] {
        [0, 1].map(|n| self.known(tenant, n))
    }

    /// Puts another one, with another name and another key, in an authority's place.
    pub fn renew(&mut self, tenant: usize, n: u8) {
        self.made += 1;
        let name = authority_name(tenant, n);
        let subject = format!("{name} {}", self.made);
        self.now.insert(name, make(&subject));
    }
}

impl Authority {
    /// The entries of its Secret.
    pub fn data(&self) -> Value {
        json!({ "tls.crt": crate::story::encoded(&self.certificate), "tls.key": crate::story::encoded(&self.key) })
    }
}

fn make(subject: &str) -> Authority {
    let key = KeyPair::generate().expect("a key can be made");
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (rcgen::date_time_ymd(2025, 1, 1), rcgen::date_time_ymd(2045, 1, 1));
    let certificate = params.self_signed(&key).expect("it can sign").pem();
    Authority { subject: subject.to_owned(), certificate, key: key.serialize_pem() }
}
