//! A change to a vendor's file: how one differs from another version, or from what the service does.

use serde_json::Value;

/// One edit of a JSON document.
pub(crate) enum Change {
    /// Takes away what stands at a JSON pointer.
    Remove(&'static str),
    /// Puts JSON text at a JSON pointer whose parent is an object.
    Put(&'static str, &'static str),
    /// Replaces a text wherever it is the value of the key.
    Everywhere { key: &'static str, from: &'static str, to: &'static str },
}

impl Change {
    /// Makes the edit; false when it touched nothing, which means that the table is stale.
    #[must_use]
    pub(crate) fn apply(&self, document: &mut Value) -> bool {
        match self {
            Self::Remove(pointer) => {
                let Some((parent, key)) = parent_of(document, pointer) else {
                    return false;
                };
                parent.remove(&key).is_some()
            }
            Self::Put(pointer, text) => {
                let Some((parent, key)) = parent_of(document, pointer) else {
                    return false;
                };
                let Ok(value) = serde_json::from_str(text) else {
                    return false;
                };
                parent.insert(key, value);
                true
            }
            Self::Everywhere { key, from, to } => replace(document, key, from, to),
        }
    }
}

fn parent_of<'a>(document: &'a mut Value, pointer: &str) -> Option<(&'a mut serde_json::Map<String, Value>, String)> {
    let (parent, key) = pointer.rsplit_once('/')?;
    let map = document.pointer_mut(parent)?.as_object_mut()?;
    Some((map, key.replace("~1", "/").replace("~0", "~")))
}

fn replace(value: &mut Value, key: &str, from: &str, to: &str) -> bool {
    match value {
        Value::Object(map) => map.iter_mut().fold(false, |touched, (name, inner)| {
            if name == key && inner.as_str() == Some(from) {
                *inner = Value::from(to);
                return true;
            }
            replace(inner, key, from, to) || touched
        }),
        Value::Array(items) => items.iter_mut().filter_map(|inner| replace(inner, key, from, to).then_some(())).count() > 0,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
