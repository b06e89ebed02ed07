//! The error bodies of the resource manager.

use serde_json::json;

use crate::engine::http::{Request, Response};

/// The resource manager's error.
pub(crate) fn arm(status: u16, code: &str, message: &str) -> Response {
    Response::json(status, json!({ "error": { "code": code, "message": message } }))
}

/// There is no such resource; its type is the whole one, as `Microsoft.Devices/IotHubs`.
pub(crate) fn no_such_resource(kind: &str, name: &str, group: &str) -> Response {
    let message = format!("The Resource '{kind}/{name}' under resource group '{group}' was not found.");
    arm(404, "ResourceNotFound", &message)
}

pub(crate) fn no_such_group(group: &str) -> Response {
    let message = format!("Resource group '{group}' could not be found.");
    arm(404, "ResourceGroupNotFound", &message)
}

pub(crate) fn no_api_version() -> Response {
    let message = "The api-version query parameter (?api-version=) is required for all requests.";
    arm(400, "MissingApiVersionParameter", message)
}

/// The provider does not speak that version of that type.
pub(crate) fn no_registered_provider(version: &str, name: &str, spoken: &str) -> Response {
    let message = format!(
        "No registered resource provider found for API version '{version}' for type '{name}'. The supported api-versions are '{spoken}'."
    );
    arm(400, "NoRegisteredProviderFound", &message)
}

pub(crate) fn unknown_path(request: &Request) -> Response {
    let message = format!("Nothing simulates {} {}.", request.method, request.path);
    arm(404, "InvalidResourceType", &message)
}

/// The body is no JSON object.
pub(crate) fn no_body() -> Response {
    arm(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.")
}
