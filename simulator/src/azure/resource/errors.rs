//! Error bodies: the resource manager's own, and the flat one of `Microsoft.Devices`.

use serde_json::json;

use crate::engine::http::{Answer, Call};

/// The resource manager's error.
pub(crate) fn arm(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, json!({ "error": { "code": code, "message": message } }))
}

/// The error of `Microsoft.Devices`, whose code is a number on the wire.
pub(crate) fn devices(status: u16, code: u32, reason: &str, message: &str) -> Answer {
    Answer::json(
        status,
        json!({
            "code": code,
            "httpStatusCode": reason,
            "message": format!("{message} errorcode: IH{code}."),
        }),
    )
}

/// 400 of `Microsoft.Devices`.
pub(crate) fn bad(code: u32, message: &str) -> Answer {
    devices(400, code, "BadRequest", message)
}

/// The resource is in the middle of another operation.
pub(crate) fn not_active(name: &str) -> Answer {
    let message = format!("The resource {name} is not currently in Active state, retry later.");
    devices(409, 409_002, "Conflict", &message)
}

/// The entity tag does not fit.
pub(crate) fn stale(name: &str) -> Answer {
    let message = format!("ETag mismatch for resource {name}: the precondition failed.");
    devices(412, 412_001, "PreconditionFailed", &message)
}

/// The name belongs to somebody.
pub(crate) fn taken(name: &str) -> Answer {
    let message = format!("The name {name} is already in use; names are unique across Azure.");
    devices(409, 409_001, "Conflict", &message)
}

pub(crate) fn no_such_resource(kind: &str, name: &str, group: &str) -> Answer {
    let message = format!("The Resource 'Microsoft.Devices/{kind}/{name}' under resource group '{group}' was not found.");
    arm(404, "ResourceNotFound", &message)
}

pub(crate) fn no_such_group(group: &str) -> Answer {
    let message = format!("Resource group '{group}' could not be found.");
    arm(404, "ResourceGroupNotFound", &message)
}

pub(crate) fn no_api_version() -> Answer {
    let message = "The api-version query parameter (?api-version=) is required for all requests.";
    arm(400, "MissingApiVersionParameter", message)
}

pub(crate) fn unknown_path(call: &Call) -> Answer {
    let message = format!("Nothing simulates {} {}.", call.method, call.path);
    arm(404, "InvalidResourceType", &message)
}

/// The body is no JSON object.
pub(crate) fn no_body() -> Answer {
    arm(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.")
}
