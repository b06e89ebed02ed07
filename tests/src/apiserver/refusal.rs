//! What a refusal looks like.

use serde_json::{Value, json};

/// An answer before it is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub status: u16,
    pub body: Value,
    /// Whether it changed something.
    pub changed: bool,
}

/// A refusal is an answer too.
pub(super) type Outcome = Result<Answer, Answer>;

impl Answer {
    pub fn read(body: Value) -> Self {
        Self { status: 200, body, changed: false }
    }

    pub fn wrote(status: u16, body: Value) -> Self {
        Self { status, body, changed: true }
    }
}

pub(super) fn refused(status: u16, reason: &str, message: &str) -> Answer {
    let body = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": status });
    Answer { status, body, changed: false }
}

pub(super) fn not_found(what: &str, name: &str) -> Answer {
    let mut answer = refused(404, "NotFound", &format!("{what} \"{name}\" not found"));
    answer.body["details"] = json!({ "name": name, "kind": what });
    answer
}

pub(super) fn conflict(what: &str, name: &str, why: &str) -> Answer {
    refused(409, "Conflict", &format!("Operation cannot be fulfilled on {what} \"{name}\": {why}"))
}

pub(super) fn invalid(what: &str, name: &str, why: &str) -> Answer {
    refused(422, "Invalid", &format!("{what} \"{name}\" is invalid: {why}"))
}

pub(super) fn bad(why: &str) -> Answer {
    refused(400, "BadRequest", why)
}

pub(super) fn success(name: &str, plural: &str, uid: &Value) -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": { "name": name, "kind": plural, "uid": uid } })
}
