//! The error bodies of `Microsoft.Devices`, which are flat.

use serde_json::json;

use crate::engine::http::Response;

/// The error of `Microsoft.Devices`, whose code is a number on the wire.
pub(crate) fn devices(status: u16, code: u32, reason: &str, message: &str) -> Response {
    Response::json(
        status,
        json!({
            "code": code,
            "httpStatusCode": reason,
            "message": format!("{message} errorcode: IH{code}."),
        }),
    )
}

/// 400 of `Microsoft.Devices`.
pub(crate) fn bad(code: u32, message: &str) -> Response {
    devices(400, code, "BadRequest", message)
}

/// The resource is in the middle of another operation.
pub(crate) fn not_active(name: &str) -> Response {
    let message = format!("The resource {name} is not currently in Active state, retry later.");
    devices(409, 409_002, "Conflict", &message)
}

/// The entity tag does not fit.
pub(crate) fn stale(name: &str) -> Response {
    let message = format!("ETag mismatch for resource {name}: the precondition failed.");
    devices(412, 412_001, "PreconditionFailed", &message)
}

/// The name belongs to somebody.
pub(crate) fn taken(name: &str) -> Response {
    let message = format!("The name {name} is already in use; names are unique across Azure.");
    devices(409, 409_001, "Conflict", &message)
}
