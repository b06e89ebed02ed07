//! What is checked, and what the check says of it.

use std::fmt;

use http::{HeaderMap, Method};
use serde_json::Value;

use crate::spec::check::violation::Violation;
use crate::spec::operation::OperationRef;

/// A request as it came in.
pub struct SeenRequest<'a> {
    /// The method.
    pub method: &'a Method,
    /// The host asked for; a port is ignored.
    pub host: &'a str,
    /// The path, still percent-encoded.
    pub path: &'a str,
    /// The query, decoded.
    pub query: &'a [(String, String)],
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, if there is one.
    pub body: Option<&'a Value>,
}

/// What the check says of a request.
#[derive(Clone)]
pub struct Verdict {
    /// The operation that was meant; also there when the api-version is not known.
    pub operation: Option<OperationRef>,
    /// What is wrong with it, in the order of the check.
    pub violations: Vec<Violation>,
    /// The body as the service reads it, if that is not how it was sent.
    pub as_read: Option<Value>,
}

/// Without the body, in which there may be secrets.
impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Verdict");
        shown.field("operation", &self.operation).field("violations", &self.violations).finish_non_exhaustive()
    }
}

impl Verdict {
    /// The violations that count.
    pub fn failures(&self) -> impl Iterator<Item = &Violation> {
        self.violations.iter().filter(|violation| violation.is_failure())
    }

    /// Whether nothing counts against the request.
    pub fn passes(&self) -> bool {
        self.failures().next().is_none()
    }
}
