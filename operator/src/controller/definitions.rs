//! Whether the cluster's definitions of our kinds are those of this operator. Helm installs definitions and never changes them, and the API
//! server drops, without a word, what a definition does not know.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::SignedDuration;
use moorage_plan::{Reason, Why};
use serde_json::{Map, Value};

use crate::object::KindName;

/// How often they are compared.
pub const PERIOD: SignedDuration = SignedDuration::from_mins(10);
/// How many fields are named.
const NAMED: usize = 3;

/// What is wrong with the definitions that the cluster has.
#[derive(Debug, Default)]
pub struct Definitions(Mutex<BTreeMap<KindName, Why>>);

impl Definitions {
    /// What is wrong with that of a kind.
    pub fn warning(&self, kind: KindName) -> Option<Why> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&kind).cloned()
    }

    /// Takes in what is wrong with that of a kind; whether that is news.
    pub fn set(&self, kind: KindName, warning: Option<&Why>) -> bool {
        let mut warnings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match warning {
            Some(warning) => warnings.insert(kind, warning.clone()),
            None => warnings.remove(&kind),
        };
        before.as_ref() != warning
    }
}

/// What is wrong with a kind's definition, by the API server's own description of it (OpenAPI 3).
pub fn compare(kind: KindName, description: &Value) -> Option<Why> {
    let served = description["components"]["schemas"].get(format!("dev.moorage.v1alpha1.{kind}"))?;
    let ours = serde_json::to_value(kind.definition()).ok()?["spec"]["versions"][0]["schema"]["openAPIV3Schema"].take();
    let dropped = lacking(served, &ours);
    if !dropped.is_empty() {
        let note = format!(
            "the cluster's definition of {kind} is older than this operator, and the API server drops {}; apply the definitions of this \
             version (kubectl apply --server-side -f crds/yaml, or helm upgrade of the chart)",
            listed(&dropped)
        );
        return Some(Why::new(Reason::DefinitionOutdated, note));
    }
    let unknown = lacking(&ours, served);
    (!unknown.is_empty()).then(|| {
        let note = format!(
            "the cluster's definition of {kind} is newer than this operator, which does nothing about {}; update the operator",
            listed(&unknown)
        );
        Why::new(Reason::DefinitionOutdated, note)
    })
}

fn listed(fields: &[String]) -> String {
    let named = fields.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match fields.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// The fields of a schema's spec and status that another one lacks.
fn lacking(schema: &Value, other: &Value) -> Vec<String> {
    let mut fields = Vec::new();
    for part in ["spec", "status"] {
        let of = |schema: &Value| schema["properties"][part].clone();
        lacking_below(&of(schema), &of(other), part, &mut fields);
    }
    fields
}

fn lacking_below(schema: &Value, other: &Value, path: &str, fields: &mut Vec<String>) {
    let none = Map::new();
    let properties = |schema: &Value| schema["properties"].as_object().unwrap_or(&none).clone();
    let (there, preserves) = (properties(schema), schema["x-kubernetes-preserve-unknown-fields"] == true);
    for (name, theirs) in properties(other) {
        let path = format!("{path}.{name}");
        match there.get(&name) {
            Some(ours) => lacking_below(ours, &theirs, &path, fields),
            None if preserves => {}
            None => fields.push(path),
        }
    }
    for (part, path) in [("items", format!("{path}[]")), ("additionalProperties", format!("{path}.*"))] {
        if other[part].is_object() {
            lacking_below(&schema[part], &other[part], &path, fields);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The API server's description of a kind, if it had our definition with a change.
    fn description(kind: KindName, change: impl FnOnce(&mut Value)) -> Value {
        let mut schema =
            serde_json::to_value(kind.definition()).expect("it serializes")["spec"]["versions"][0]["schema"]["openAPIV3Schema"].take();
        change(&mut schema);
        json!({ "components": { "schemas": { (format!("dev.moorage.v1alpha1.{kind}")): schema } } })
    }

    fn told(kind: KindName, change: impl FnOnce(&mut Value)) -> Option<String> {
        compare(kind, &description(kind, change)).map(|why| why.note)
    }

    #[test]
    fn a_definition_of_ours_has_nothing_to_be_told_of() {
        for kind in KindName::ALL {
            assert_eq!(told(*kind, |_| ()), None, "{kind}");
        }
        assert_eq!(compare(KindName::CloudAccount, &json!({ "components": { "schemas": {} } })), None);
    }

    #[test]
    fn an_older_definition_is_told_by_the_fields_that_it_drops_wherever_they_are() {
        let without = |path: &'static str, field: &'static str| {
            move |schema: &mut Value| {
                schema.pointer_mut(path).and_then(Value::as_object_mut).expect("properties").remove(field).expect("the field");
            }
        };
        let kind = KindName::TenantHubGroup;
        let older = told(kind, without("/properties/spec/properties", "tags")).expect("a warning");
        assert!(older.contains("is older than this operator, and the API server drops spec.tags; apply"), "{older}");
        let within = told(kind, without("/properties/spec/properties/hubs/items/properties", "link")).expect("a warning");
        assert!(within.contains("drops spec.hubs[].link; apply"), "{within}");
        let all = told(kind, |schema| schema["properties"]["spec"]["properties"] = json!({})).expect("a warning");
        assert!(all.contains(" and ") && all.contains(" more; apply"), "{all}");
        let status = told(kind, without("/properties/status/properties", "hubs")).expect("a warning");
        assert!(status.contains("drops status.hubs"), "{status}");
    }

    #[test]
    fn a_newer_definition_is_told_by_the_fields_that_this_operator_does_not_know() {
        let newer = |schema: &mut Value| schema["properties"]["spec"]["properties"]["shade"] = json!({ "type": "string" });
        let told = told(KindName::CloudAccount, newer).expect("a warning");
        assert!(told.contains("is newer than this operator, which does nothing about spec.shade; update"), "{told}");
    }

    #[test]
    fn only_a_change_is_news() {
        let definitions = Definitions::default();
        let why = Why::new(Reason::DefinitionOutdated, "it is older");
        let set = |warning: Option<&Why>| definitions.set(KindName::CloudAccount, warning);
        assert!(!set(None) && set(Some(&why)) && !set(Some(&why)));
        assert_eq!(definitions.warning(KindName::CloudAccount), Some(why));
        assert!(set(None) && definitions.warning(KindName::CloudAccount).is_none());
    }
}
