//! The state of a cloud as sorted text, for comparing the ends of two runs.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::engine::keys;

/// How secrets are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrets {
    /// Eight digits of a hash.
    Fingerprints,
    /// `k1`, `k2`, … in the order in which they are met.
    Names,
}

/// Knows a secret of somebody by what it is made from.
pub(crate) type Origin<'a> = Box<dyn Fn(&str, &str) -> Option<String> + 'a>;

/// The text that is written: no times, no entity tags, no operations.
pub(crate) struct Snapshot<'a> {
    secrets: Secrets,
    origins: Vec<Origin<'a>>,
    names: HashMap<String, String>,
    text: String,
}

impl<'a> Snapshot<'a> {
    pub fn new(secrets: Secrets) -> Self {
        Self { secrets, origins: Vec::new(), names: HashMap::new(), text: String::new() }
    }

    /// Names the secrets that somebody has from then on by what they are made from, where they are named at all.
    pub fn know(&mut self, origin: Origin<'a>) {
        self.origins.push(origin);
    }

    /// Writes a line.
    pub fn line(&mut self, depth: usize, text: &str) {
        let _ = writeln!(self.text, "{:1$}{text}", "", depth * 2);
    }

    /// What stands for a secret.
    pub fn secret(&mut self, value: &str) -> String {
        match self.secrets {
            Secrets::Fingerprints => keys::fingerprint(value),
            Secrets::Names => {
                let next = format!("k{}", self.names.len() + 1);
                self.names.entry(value.to_owned()).or_insert(next).clone()
            }
        }
    }

    /// What stands for a secret of somebody, which may be made from another one.
    pub fn secret_of(&mut self, owner: &str, value: &str) -> String {
        let origin = match self.secrets {
            Secrets::Fingerprints => None,
            Secrets::Names => self.origins.iter().find_map(|origin| origin(owner, value)),
        };
        origin.unwrap_or_else(|| self.secret(value))
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }
}

/// Tags as the end of a line.
pub(crate) fn tags(tags: &Map<String, Value>) -> String {
    if tags.is_empty() {
        return String::new();
    }
    format!(" tags {}", canonical(&Value::Object(tags.clone())))
}

/// JSON with its keys sorted, also where another crate has turned on `preserve_order` of `serde_json`.
pub(crate) fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<(&String, &Value)> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            let fields: Vec<String> =
                sorted.into_iter().map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value))).collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(canonical).collect();
            format!("[{}]", values.join(","))
        }
        other => other.to_string(),
    }
}
