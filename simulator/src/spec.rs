//! The check of what goes in and out: is this a request that the vendor's OpenAPI files allow, and is that an answer?
//!
//! Stricter than OpenAPI 2.0 where a test wants it so: properties and query parameters that are not declared are
//! violations, and so is a value that an open enumeration does not list.

use http::{HeaderMap, Method};
use serde_json::Value;

mod book;
mod change;
mod check;
mod declared;
mod finding;
mod library;
mod operation;
mod reading;
mod schema;
mod template;

pub use book::SpecBook;
pub(crate) use change::Change;
pub use check::violation::{Kind, Severity, Violation};
pub(crate) use declared::{Api, Plane, Source, Specs, source};
pub use declared::{Deviation, Model};
pub(crate) use finding::Finding;
#[cfg(test)]
pub(crate) use library::Library;
pub use operation::OperationRef;

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

/// Whether a host name, whose port is ignored, is that name, or ends in that suffix, which begins with a dot.
pub(crate) fn host_fits(pattern: &str, host: &str) -> bool {
    let name = host.split(':').next().unwrap_or_default();
    let start = name.len().saturating_sub(pattern.len());
    let Some(tail) = name.get(start..) else {
        return false;
    };
    tail.eq_ignore_ascii_case(pattern) && (start == 0 || pattern.starts_with('.'))
}
