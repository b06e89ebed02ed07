//! How topics carry a path and, behind a question mark, parameters.

use crate::engine::http::pairs_of;

/// A topic's path, and the pairs behind its question mark.
pub(crate) fn halves(topic: &str) -> Option<(&str, Vec<(String, String)>)> {
    let (path, query) = topic.split_once("/?")?;
    Some((path, pairs_of(query)))
}

/// The parameter of that name.
pub(crate) fn named(pairs: &[(String, String)], name: &str) -> Option<String> {
    pairs.iter().find(|(mine, _)| mine == name).map(|(_, value)| value.clone())
}
