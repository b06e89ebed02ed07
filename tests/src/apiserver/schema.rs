//! What a schema does to an object of a kind with one, before it is stored: what is not in it goes, as does a null where none may be,
//! and what is left out gets its default.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use crate::cert_manager;

/// The schemas by kind.
static SCHEMAS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let crds = moorage_crds::all().into_iter().chain(cert_manager::kinds());
    let schema = |version: &k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinitionVersion| {
        serde_json::to_value(version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref())).expect("a schema serializes")
    };
    crds.filter_map(|crd| Some((crd.spec.names.kind.clone(), schema(crd.spec.versions.first()?)))).collect()
});

/// Makes an object fit its schema, as far as that can be done without refusing it.
pub(super) fn fit(kind: &str, object: &mut Value) {
    let Some(schema) = SCHEMAS.get(kind) else { return };
    for part in ["spec", "status"] {
        let of_part = &schema["properties"][part];
        if let Some(value) = object.get_mut(part) {
            prune(of_part, value);
        }
    }
    let Some(fields) = object.as_object_mut() else { return };
    for part in ["spec", "status"] {
        let of_part = &schema["properties"][part];
        if fields.get(part).is_some_and(Value::is_null) && !is_nullable(of_part) {
            fields.remove(part);
        }
        if let Some(default) = of_part.get("default").filter(|_| !fields.contains_key(part)) {
            fields.insert(part.to_owned(), default.clone());
        }
        if let Some(value) = fields.get_mut(part) {
            default(of_part, value);
        }
    }
}

fn is_nullable(schema: &Value) -> bool {
    schema["nullable"] == true
}

fn prune(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(of_all) = schema.get("additionalProperties").filter(|schema| schema.is_object()) {
                fields.values_mut().for_each(|value| prune(of_all, value));
                return;
            }
            let known = &schema["properties"];
            let keeps_all = schema["x-kubernetes-preserve-unknown-fields"] == true;
            fields.retain(|name, value| match known.get(name) {
                None => keeps_all,
                Some(schema) => !value.is_null() || is_nullable(schema) || schema.get("default").is_none(),
            });
            for (name, value) in fields {
                if let Some(schema) = known.get(name) {
                    prune(schema, value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| prune(&schema["items"], item)),
        _ => {}
    }
}

fn default(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(of_all) = schema.get("additionalProperties").filter(|schema| schema.is_object()) {
                fields.values_mut().for_each(|value| default(of_all, value));
                return;
            }
            for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
                if let Some(given) = schema.get("default").filter(|_| !fields.contains_key(name)) {
                    fields.insert(name.clone(), given.clone());
                }
                if let Some(value) = fields.get_mut(name) {
                    default(schema, value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| default(&schema["items"], item)),
        _ => {}
    }
}
