//! Shared access policies, which hubs and provisioning services list in the same form.

use serde_json::{Value, json};

use super::{Document, Path};
use crate::azure::access_keys::AccessKey;

pub(super) const POLICIES: &Path = &["properties", "authorizationPolicies"];

/// Puts exactly these policies with their keys.
pub(super) fn put(document: &mut Document, listed: &[AccessKey]) {
    let policies: Vec<Value> = listed.iter().map(with_keys).collect();
    document.set(POLICIES, policies);
}

/// Refuses a write that would replace every policy's keys: a list that was read has none, and the service makes new ones
/// for what has none. A document without the list leaves the policies as they are.
pub(super) fn validate(document: &Document) -> Result<(), &'static str> {
    let was_read = document.get(&["etag"]).is_some();
    let listed = document.list(POLICIES);
    let keyless = !listed.is_empty() && listed.iter().all(|policy| policy["primaryKey"].is_null());
    if was_read && keyless { Err("policies are never written without the keys that they have") } else { Ok(()) }
}

fn with_keys(key: &AccessKey) -> Value {
    json!({
        "keyName": key.name,
        "rights": key.rights,
        "primaryKey": key.keys.primary.expose_base64().as_str(),
        "secondaryKey": key.keys.secondary.expose_base64().as_str(),
    })
}
