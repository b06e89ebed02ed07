//! The check at the door: is this a request that the vendor's OpenAPI files allow, and is that an answer?
//!
//! Stricter than OpenAPI 2.0 where a test wants it so: properties and query parameters that are not declared are
//! violations, and so is a value that an open enumeration does not list.

use http::{HeaderMap, Method};
use serde_json::Value;

mod answer;
mod body;
mod book;
mod change;
pub mod deviations;
mod format;
mod hosts;
mod library;
pub mod models;
mod operation;
mod place;
mod reading;
mod request;
mod schema;
mod sources;
mod template;
mod violation;

pub use book::SpecBook;
pub use operation::{OperationRef, Service};
pub use violation::{Kind, Severity, Violation};

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
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The operation that was meant; also there when the api-version is not known.
    pub operation: Option<OperationRef>,
    /// What is wrong with it, in the order of the check.
    pub violations: Vec<Violation>,
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
