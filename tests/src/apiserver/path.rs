//! What a path means.

use percent_encoding::percent_decode_str;

use super::collections::{ALL, Collection};

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub collection: &'static Collection,
    /// `None` is all of them.
    pub namespace: Option<String>,
    /// `None` is the collection itself.
    pub name: Option<String>,
    pub status: bool,
}

/// The path of an object, or of a collection if the name is empty.
pub(super) fn of(collection: &Collection, namespace: &str, name: &str) -> String {
    let within = format!("{}/namespaces/{namespace}/{}", collection.root, collection.plural);
    if name.is_empty() { within } else { format!("{within}/{name}") }
}

/// Reads a path; `None` if nothing is there.
pub(super) fn read(path: &str) -> Option<Target> {
    let (collection, rest) = ALL.iter().find_map(|collection| Some((collection, path.strip_prefix(collection.root)?)))?;
    let segments: Vec<_> = rest.split('/').skip(1).map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned()).collect();
    let segments: Vec<_> = segments.iter().map(String::as_str).collect();
    let of_root = |plural: &str| ALL.iter().find(|other| other.root == collection.root && other.plural == plural);
    let target = |namespace: Option<&str>, plural: &str, name: Option<&str>, status| {
        let (namespace, name) = (namespace.map(str::to_owned), name.map(str::to_owned));
        Some(Target { collection: of_root(plural)?, namespace, name, status })
    };
    match segments.as_slice() {
        [plural] => target(None, plural, None, false),
        ["namespaces", namespace, plural] => target(Some(namespace), plural, None, false),
        ["namespaces", namespace, plural, name] => target(Some(namespace), plural, Some(name), false),
        ["namespaces", namespace, plural, name, "status"] => target(Some(namespace), plural, Some(name), true),
        _ => None,
    }
}

/// The pairs of a query.
pub(super) fn pairs(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}
