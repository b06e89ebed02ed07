//! Shared access policies in PUT bodies and as Azure makes them by default.

use serde_json::Value;

use crate::azure::options::KeysLeftOut;
use crate::azure::resource::Policy;
use crate::azure::resource::errors::bad;
use crate::engine::http::Answer;
use crate::engine::keys::{Keyring, decode};

/// What a policy belongs to, for the seed of its keys and the rights that exist.
pub(crate) struct Owner<'a> {
    /// `hub` or `service`, then the name.
    pub label: String,
    pub rights: &'a [&'a str],
    pub left_out: KeysLeftOut,
}

pub(crate) const HUB_RIGHTS: [&str; 4] = ["RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"];
pub(crate) const SERVICE_RIGHTS: [&str; 6] =
    ["ServiceConfig", "EnrollmentRead", "EnrollmentWrite", "DeviceConnect", "RegistrationStatusRead", "RegistrationStatusWrite"];

fn fresh(keyring: &mut Keyring, label: &str, name: &str, slot: &str) -> String {
    keyring.key(&format!("{label}/{name}/{slot}"))
}

fn made(keyring: &mut Keyring, label: &str, name: &str, rights: &str) -> Policy {
    Policy {
        name: name.to_owned(),
        rights: rights.to_owned(),
        primary: fresh(keyring, label, name, "primary"),
        secondary: fresh(keyring, label, name, "secondary"),
    }
}

/// The policies of a new hub (Microsoft Learn: "Control access to IoT Hub", default policies).
pub(crate) fn default_hub_policies(keyring: &mut Keyring, hub: &str) -> Vec<Policy> {
    let label = format!("hub/{}", hub.to_lowercase());
    [
        ("iothubowner", "RegistryRead, RegistryWrite, ServiceConnect, DeviceConnect"),
        ("service", "ServiceConnect"),
        ("device", "DeviceConnect"),
        ("registryRead", "RegistryRead"),
        ("registryReadWrite", "RegistryRead, RegistryWrite"),
    ]
    .map(|(name, rights)| made(keyring, &label, name, rights))
    .into()
}

/// The policy of a new provisioning service.
pub(crate) fn default_service_policies(keyring: &mut Keyring, service: &str) -> Vec<Policy> {
    let label = format!("service/{}", service.to_lowercase());
    let rights = "ServiceConfig, EnrollmentRead, EnrollmentWrite, DeviceConnect, \
                  RegistrationStatusRead, RegistrationStatusWrite";
    vec![made(keyring, &label, "provisioningserviceowner", rights)]
}

/// Reads the policies of a PUT body: those that are left out are gone.
pub(crate) fn read(keyring: &mut Keyring, owner: &Owner<'_>, wanted: &[Value], before: &[Policy]) -> Result<Vec<Policy>, Answer> {
    let checked: Vec<(&str, String)> = wanted.iter().map(|entry| check(entry, owner.rights)).collect::<Result<_, _>>()?;
    for (place, (name, _)) in checked.iter().enumerate() {
        if checked[..place].iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            return Err(bad(400_011, &format!("The policy {name} is there twice.")));
        }
    }
    let policies = wanted.iter().zip(checked).map(|(entry, (name, rights))| {
        let old = before.iter().find(|policy| policy.name.eq_ignore_ascii_case(name));
        let mut slot = |field: &str, slot: &str, old: Option<&String>| {
            let given = entry[field].as_str().filter(|key| !key.is_empty());
            match (given, old) {
                (Some(key), _) => keyring.keep(key.to_owned()),
                (None, Some(old)) if owner.left_out == KeysLeftOut::Kept => old.clone(),
                (None, _) => fresh(keyring, &owner.label, name, slot),
            }
        };
        Policy {
            primary: slot("primaryKey", "primary", old.map(|old| &old.primary)),
            secondary: slot("secondaryKey", "secondary", old.map(|old| &old.secondary)),
            name: name.to_owned(),
            rights,
        }
    });
    Ok(policies.collect())
}

fn check<'a>(entry: &'a Value, known: &[&str]) -> Result<(&'a str, String), Answer> {
    let name = entry["keyName"].as_str().unwrap_or_default();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(allowed) {
        return Err(bad(400_018, &format!("The policy name '{name}' is not valid.")));
    }
    let rights = entry["rights"].as_str().unwrap_or_default();
    let right_known = |right: &str| known.iter().any(|other| other.eq_ignore_ascii_case(right));
    if !rights.split(',').all(|right| right_known(right.trim())) {
        return Err(bad(400_018, &format!("The rights of policy {name} are not valid.")));
    }
    for field in ["primaryKey", "secondaryKey"] {
        let key = entry[field].as_str().filter(|key| !key.is_empty());
        let fits = |key: &str| decode(key).is_some_and(|bytes| (16..=64).contains(&bytes.len()));
        if key.is_some_and(|key| !fits(key)) {
            let message = format!("The {field} of policy {name} is not a base64 key of 16 to 64 bytes.");
            return Err(bad(400_018, &message));
        }
    }
    Ok((name, rights.to_owned()))
}
