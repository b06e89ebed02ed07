//! The error bodies of a hub's data plane.

use serde_json::json;

use crate::engine::http::Response;

/// An error as the registry writes it, named in a header too.
pub(crate) fn refused(status: u16, name: &str, text: &str) -> Response {
    Response::json(
        status,
        json!({
            "Message": format!("ErrorCode:{name};{text}"),
            "ExceptionMessage": "Tracking ID:00000000000000000000000000000000-G:0",
        }),
    )
    .with("iothub-errorcode", name.to_owned())
}

/// An error for a status that something else decided.
pub(crate) fn failed(status: u16, text: &str) -> Response {
    let name = match status {
        400 => "ArgumentInvalid",
        429 => "ThrottlingException",
        _ => "ServerError",
    };
    refused(status, name, text)
}
