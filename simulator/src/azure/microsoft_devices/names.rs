//! Which names are valid and free.

use serde_json::json;

use crate::azure::resource::errors::no_body;
use crate::engine::http::{Outcome, Request, Response};

/// Names of hubs and services: three to fifty letters, digits and hyphens, not all digits.
pub(crate) fn valid_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (3..=50).contains(&name.len())
        && name.bytes().all(fits)
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.bytes().all(|byte| byte.is_ascii_digit())
}

/// The answer of both name checks.
pub(crate) fn name_answer(request: &Request, taken: impl Fn(&str) -> bool) -> Outcome {
    let body = request.json.as_ref().ok_or_else(no_body)?;
    let name = body["name"].as_str().ok_or_else(no_body)?;
    let response = if !valid_name(name) {
        json!({
            "nameAvailable": false,
            "reason": "Invalid",
            "message": format!("The name '{name}' is not valid."),
        })
    } else if taken(&name.to_lowercase()) {
        json!({
            "nameAvailable": false,
            "reason": "AlreadyExists",
            "message": format!("The name '{name}' is not available."),
        })
    } else {
        json!({ "nameAvailable": true })
    };
    Ok(Response::json(200, response))
}
