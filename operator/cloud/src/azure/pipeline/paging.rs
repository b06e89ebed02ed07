//! Lists that come page by page.

use std::fmt;

/// One page of a list, in the service's order.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// What the page holds.
    pub items: Vec<T>,
    /// Where the next page begins; none after the last one.
    pub next: Option<Continuation>,
}

/// Where the next page of a list begins, as the service said it.
#[derive(Clone, PartialEq, Eq)]
pub struct Continuation(pub(crate) String);

/// Pages of one list that are read at most, so that a service which never ends a list cannot hold us.
pub(crate) const MOST_PAGES: usize = 200;

impl fmt::Debug for Continuation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Continuation(…)")
    }
}
