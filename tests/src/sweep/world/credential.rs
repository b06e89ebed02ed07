//! What a device's Secret holds, as a text that is the same in every run.

use std::collections::BTreeMap;

use jiff::Timestamp;
use moorage_keys::{ConnectionString, IdScope, RegistrationId, Subject, SymmetricKey, sas};
use rcgen::{KeyPair, PublicKeyData as _};
use x509_parser::prelude::{FromDer as _, Pem, X509Certificate};

use super::names::Names;

type Entries = BTreeMap<String, String>;

/// An entry: what it is good for if it differs from run to run, and else itself.
pub(super) fn as_seen(name: &str, value: &str, entries: &Entries, names: &Names) -> String {
    if value.starts_with("SharedAccessSignature ") {
        return token(value, entries).unwrap_or_else(|| "no token of this device".to_owned());
    }
    match name {
        "tls.crt" => certificate(value, entries).unwrap_or_else(|| "no certificate of this device".to_owned()),
        "tls.key" => "a key".to_owned(),
        _ => names.replaced(value),
    }
}

/// A token that the device's own key signs, until whenever.
fn token(token: &str, entries: &Entries) -> Option<String> {
    let until = token.split('&').find_map(|part| part.strip_prefix("se="))?.parse().ok()?;
    let until = Timestamp::from_second(until).ok()?;
    let entry = |name: &str| entries.get(name).map(String::as_str);
    let key = SymmetricKey::from_base64(entry("primaryKey")?).ok()?;
    let (scope, id) = (IdScope::parse(entry("idScope")?).ok()?, RegistrationId::parse(entry("registrationId")?).ok()?);
    if sas::dps_device(&scope, &id, &key, until).expose() == token {
        return Some(format!("a token of {} by its primary key", id.as_str()));
    }
    let login = ConnectionString::parse(entry("connectionString")?).ok()?;
    let Subject::Device(device) = login.subject() else { return None };
    let of_hub = sas::iot_hub_device(login.host(), device, &key, until);
    (of_hub.expose() == token).then(|| format!("a token of {device} in {} by its primary key", login.host()))
}

/// A certificate that the authority beside it signed, for the key beside it.
fn certificate(chain: &str, entries: &Entries) -> Option<String> {
    let der = |pem: &str| Pem::iter_from_buffer(pem.as_bytes()).next()?.ok().map(|pem| pem.contents);
    let (leaf, authority) = (der(chain)?, der(entries.get("ca.crt")?)?);
    let (_, leaf) = X509Certificate::from_der(&leaf).ok()?;
    let (_, authority) = X509Certificate::from_der(&authority).ok()?;
    let key = KeyPair::from_pem(entries.get("tls.key")?).ok()?;
    leaf.verify_signature(Some(authority.public_key())).ok()?;
    let fits = key.subject_public_key_info() == leaf.public_key().raw;
    fits.then(|| format!("a certificate of {} by {} for the key", leaf.subject(), authority.subject()))
}
