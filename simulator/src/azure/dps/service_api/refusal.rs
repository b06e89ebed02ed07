//! Error bodies of the provisioning service's two data planes.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::engine::http::{Request, Response};
use crate::spec::{Finding, Kind};

/// An error with a code of the service's own.
pub(crate) fn refused(status: u16, code: u32, message: &str, now: Timestamp) -> Response {
    Response::json(
        status,
        json!({
            "errorCode": code,
            "trackingId": format!("{:032x}", now.as_nanosecond()),
            "message": message,
            "timestampUtc": now,
        }),
    )
    .with("x-ms-error-code", code.to_string())
}

/// The refusal of a request that breaks the OpenAPI.
pub(crate) fn not_understood(finding: &Finding, message: &str, now: Timestamp) -> Response {
    let status = if finding.breaks(Kind::UndeclaredMethod) {
        405
    } else if finding.breaks(Kind::ContentType) {
        415
    } else {
        400
    };
    refused(status, u32::from(status) * 1_000 + 1, message, now)
}

pub(crate) fn bad(code: u32, message: &str, now: Timestamp) -> Response {
    refused(400, code, message, now)
}

pub(crate) fn unauthorized(message: &str, now: Timestamp) -> Response {
    refused(401, 401_002, message, now)
}

/// A document that has to be there is not; 404201 is an enrollment, 404202 a group, 404203 a
/// registration.
pub(crate) fn missing(code: u32, message: &str, now: Timestamp) -> Response {
    refused(404, code, message, now)
}

pub(crate) fn stale(now: Timestamp) -> Response {
    refused(412, 412_001, "The entity tag does not fit.", now)
}

/// 429 with the whole seconds until the window is over.
pub(crate) fn throttled(wait: SignedDuration, now: Timestamp) -> Response {
    let seconds = wait.as_secs() + i64::from(wait.subsec_nanos() > 0);
    refused(429, 429_001, "Too many operations.", now).with("retry-after", seconds.max(1).to_string())
}

pub(crate) fn no_such_host(host: &str, now: Timestamp) -> Response {
    missing(404_001, &format!("There is no service {host}."), now)
}

pub(crate) fn unknown_path(request: &Request, now: Timestamp) -> Response {
    let message = format!("Nothing simulates {} {}.", request.method, request.path);
    missing(404_000, &message, now)
}
