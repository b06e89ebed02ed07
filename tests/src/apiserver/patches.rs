//! Patches: by merge (RFC 7396), by operations (RFC 6902), and by applying.

use serde_json::{Value, json};

use super::refusal::{Answer, bad};

/// How a patch is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PatchType {
    Merge,
    Json,
    Apply,
}

impl PatchType {
    /// By the type of the request's content.
    pub fn of(content: &str) -> Self {
        match content {
            "application/json-patch+json" => Self::Json,
            "application/apply-patch+yaml" => Self::Apply,
            _ => Self::Merge,
        }
    }
}

/// An object after a patch. Who applied what is not remembered, so that applying takes nothing away.
pub(super) fn patched(by: PatchType, old: &Value, patch: &Value) -> Result<Value, Answer> {
    let mut new = old.clone();
    match by {
        PatchType::Merge => merge(&mut new, patch, true),
        PatchType::Apply => merge(&mut new, patch, false),
        PatchType::Json => {
            for operation in patch.as_array().ok_or_else(|| bad("the patch is no list of operations"))? {
                carry_out(&mut new, operation).ok_or_else(|| bad("an operation of the patch does not fit"))?;
            }
        }
    }
    Ok(new)
}

fn merge(into: &mut Value, patch: &Value, null_removes: bool) {
    let Some(changes) = patch.as_object() else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    let Some(fields) = into.as_object_mut() else { return };
    for (name, value) in changes {
        if null_removes && value.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name.clone()).or_insert(Value::Null), value, null_removes);
        }
    }
}

/// `None` if it does not fit the object.
fn carry_out(object: &mut Value, operation: &Value) -> Option<()> {
    let path = operation["path"].as_str()?;
    let (parent, last) = path.rsplit_once('/')?;
    let name = last.replace("~1", "/").replace("~0", "~");
    let parent = object.pointer_mut(parent)?;
    match (operation["op"].as_str()?, parent) {
        ("add", Value::Object(fields)) => drop(fields.insert(name, operation["value"].clone())),
        ("replace", Value::Object(fields)) => *fields.get_mut(&name)? = operation["value"].clone(),
        ("remove", Value::Object(fields)) => drop(fields.remove(&name)?),
        ("add", Value::Array(items)) if name == "-" => items.push(operation["value"].clone()),
        ("replace", Value::Array(items)) => *items.get_mut(name.parse::<usize>().ok()?)? = operation["value"].clone(),
        _ => return None,
    }
    Some(())
}
