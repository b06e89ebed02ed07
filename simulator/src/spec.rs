//! The check of what goes in and out: is this a request that the vendor's OpenAPI files allow, and is that an answer?
//!
//! Stricter than OpenAPI 2.0 where a test wants it so: properties and query parameters that are not declared are
//! violations, and so is a value that an open enumeration does not list. The services read over some of that; who is refused for it
//! all the same is chosen by [`Strictness`].

mod book;
mod change;
mod check;
pub(crate) mod declared;
mod finding;
mod library;
mod operation;
mod reading;
mod schema;
mod strictness;
mod template;
mod verdict;

pub use book::SpecBook;
pub(crate) use change::Change;
pub use check::violation::{Kind, Severity, Violation};
pub(crate) use declared::{Api, Plane, Source, Specs, source};
pub use declared::{Deviation, Model};
pub(crate) use finding::Finding;
#[cfg(test)]
pub(crate) use library::Library;
pub use operation::OperationRef;
pub use strictness::Strictness;
pub(crate) use strictness::product_of;
pub use verdict::{SeenRequest, Verdict};

/// Whether a host name, whose port is ignored, is that name, or ends in that suffix, which begins with a dot.
pub(crate) fn host_fits(pattern: &str, host: &str) -> bool {
    let name = host.split(':').next().unwrap_or_default();
    let start = name.len().saturating_sub(pattern.len());
    let Some(tail) = name.get(start..) else {
        return false;
    };
    tail.eq_ignore_ascii_case(pattern) && (start == 0 || pattern.starts_with('.'))
}
