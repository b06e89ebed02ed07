//! The managed identities of a provisioning service, which the resource manager knows since 2026-08-31.

use serde_json::{Map, Value, json};

use crate::azure::access::identity::{GivenIdentity, Identities};
use crate::azure::dps::service::ProvisioningService;
use crate::azure::microsoft_devices::errors::bad;
use crate::engine::http::{Request, Response};
use crate::engine::keys::Keyring;

/// Since when the resource manager tells of identities and of links by them.
const SINCE: &str = "2026-08-31";

/// The newest api-version of a cloud that is behind.
pub(crate) const OLDER: &str = "2022-12-12";

/// The property that turns shared access signatures off, of the same version.
pub(crate) const LOCAL_AUTH_OFF: &str = "disableLocalAuth";

/// Whether a call is of a version that knows identities.
pub(crate) fn knows(request: &Request) -> bool {
    request.parameter("api-version").is_some_and(|version| version >= SINCE)
}

/// The identities after a PUT: a body without them leaves them as they are.
pub(crate) fn after(keyring: &mut Keyring, service: &str, before: Identities, body: &Value) -> Result<Identities, Response> {
    let wanted = &body["identity"];
    let Some(kinds) = wanted["type"].as_str() else {
        return Ok(before);
    };
    let has = |kind: &str| kinds.split(',').any(|one| one.trim().eq_ignore_ascii_case(kind));
    let system = match before.system {
        _ if !has("SystemAssigned") => None,
        Some(principal) => Some(principal),
        // One that was taken away does not come back: another has its place.
        None => Some(keyring.guid(&format!("identity/service/{service}"))),
    };
    let given: Vec<&String> = wanted["userAssignedIdentities"].as_object().into_iter().flatten().map(|(id, _)| id).collect();
    if has("UserAssigned") && given.is_empty() {
        return Err(bad(400_310, "An identity of the type UserAssigned names no user-assigned identity."));
    }
    let given = given.into_iter().filter(|_| has("UserAssigned")).map(|id| (id.to_lowercase(), GivenIdentity::of(keyring, id))).collect();
    Ok(Identities { system, given })
}

/// As a GET shows them; `None` when there are none.
pub(crate) fn shown(service: &ProvisioningService, tenant: &str) -> Option<Value> {
    let Identities { system, given } = &service.identities;
    let kinds = match (system, given.is_empty()) {
        (None, true) => return None,
        (Some(_), true) => "SystemAssigned",
        (None, false) => "UserAssigned",
        (Some(_), false) => "SystemAssigned,UserAssigned",
    };
    let mut document = Map::from_iter([("type".to_owned(), kinds.into())]);
    if let Some(principal) = system {
        document.insert("principalId".to_owned(), principal.as_str().into());
        document.insert("tenantId".to_owned(), tenant.into());
    }
    if !given.is_empty() {
        let all = given.values().map(|one| (one.id.clone(), json!({ "principalId": one.principal, "clientId": one.client })));
        document.insert("userAssignedIdentities".to_owned(), Value::Object(all.collect()));
    }
    Some(Value::Object(document))
}
