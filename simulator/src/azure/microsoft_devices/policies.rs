//! Shared access policies: what they allow, how they are shown, and how a PUT body says them.

use serde_json::{Value, json};

use crate::azure::microsoft_devices::errors::bad;
use crate::azure::options::KeysLeftOut;
use crate::engine::http::Response;
use crate::engine::keys::{Keyring, decode};
use crate::engine::snapshot::Snapshot;

/// A shared access policy.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    pub name: String,
    /// As the caller wrote them, comma and blank between.
    pub rights: String,
    pub primary: String,
    pub secondary: String,
}

impl Policy {
    /// Whether the policy has that right.
    pub fn grants(&self, right: &str) -> bool {
        self.rights.split(',').any(|mine| mine.trim().eq_ignore_ascii_case(right))
    }

    /// Whether the key is one of its two.
    pub fn has_key(&self, key: &str) -> bool {
        self.primary == key || self.secondary == key
    }

    /// As a GET shows it.
    pub fn without_keys(&self) -> Value {
        json!({ "keyName": self.name, "rights": self.rights })
    }

    /// As `listkeys` shows it.
    pub fn with_keys(&self) -> Value {
        json!({
            "keyName": self.name,
            "rights": self.rights,
            "primaryKey": self.primary,
            "secondaryKey": self.secondary,
        })
    }
}

/// Prints policies, by name.
pub(crate) fn print(page: &mut Snapshot<'_>, policies: &[Policy]) {
    let mut sorted: Vec<&Policy> = policies.iter().collect();
    sorted.sort_by_key(|policy| policy.name.to_lowercase());
    for policy in sorted {
        let (primary, secondary) = (page.secret(&policy.primary), page.secret(&policy.secondary));
        page.line(1, &format!("policy {} [{}] {primary} {secondary}", policy.name, policy.rights));
    }
}

/// What a policy belongs to, for the seed of its keys and the rights that exist.
pub(crate) struct Owner<'a> {
    /// `hub` or `service`, then the name.
    pub label: String,
    pub rights: &'a [&'a str],
    pub left_out: KeysLeftOut,
}

fn fresh(keyring: &mut Keyring, label: &str, name: &str, slot: &str) -> String {
    keyring.key(&format!("{label}/{name}/{slot}"))
}

/// A policy with fresh keys.
pub(crate) fn made(keyring: &mut Keyring, label: &str, name: &str, rights: &str) -> Policy {
    Policy {
        name: name.to_owned(),
        rights: rights.to_owned(),
        primary: fresh(keyring, label, name, "primary"),
        secondary: fresh(keyring, label, name, "secondary"),
    }
}

/// Reads the policies of a PUT body: those that are left out are gone.
pub(crate) fn read(keyring: &mut Keyring, owner: &Owner<'_>, wanted: &[Value], before: &[Policy]) -> Result<Vec<Policy>, Response> {
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

fn check<'a>(entry: &'a Value, known: &[&str]) -> Result<(&'a str, String), Response> {
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
