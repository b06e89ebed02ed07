//! What a device's Secret holds.

pub mod entries;
pub mod secret_content;
pub mod tokens;

use std::collections::BTreeMap;

/// The name of an entry in the Secret.
pub fn renamed(names: &BTreeMap<String, String>, name: &str) -> String {
    names.get(name).cloned().unwrap_or_else(|| name.to_owned())
}
