//! Writes: what they leave of an object, and what they refuse.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::State;
use super::check::check;
use super::collections::Collection;
use super::patches::{PatchType, patched};
use super::path::Target;
use super::refusal::{Answer, Outcome, bad, conflict, invalid, not_found, refused, success};
use super::schema::fit;

/// Creates.
pub(super) fn create(state: &mut State, collection: &'static Collection, namespace: &str, mut body: Value, now: Timestamp) -> Outcome {
    let name = body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(invalid(collection.kind, "", "metadata.name: Required value: name or generateName is required"));
    }
    if !state.namespaces.contains(namespace) {
        return Err(not_found("namespaces", namespace));
    }
    encode_texts(collection, &mut body);
    check(collection, &name, &body)?;
    if state.objects.get(collection, namespace, &name).is_some() {
        return Err(refused(409, "AlreadyExists", &format!("{} \"{name}\" already exists", collection.plural)));
    }
    let uid = state.objects.fresh_uid();
    body["apiVersion"] = collection.api_version.into();
    body["kind"] = collection.kind.into();
    if let Some(meta) = body["metadata"].as_object_mut() {
        meta.retain(|field, _| !matches!(field.as_str(), "deletionTimestamp" | "managedFields" | "generation"));
        meta.insert("namespace".to_owned(), namespace.into());
        meta.insert("uid".to_owned(), uid.into());
        meta.insert("creationTimestamp".to_owned(), whole_seconds(now).into());
        if collection.has_status {
            meta.insert("generation".to_owned(), 1.into());
        }
    }
    if let (true, Some(fields)) = (collection.has_status, body.as_object_mut()) {
        fields.remove("status");
    }
    if collection.kind == "Secret" && body["type"].is_null() {
        body["type"] = "Opaque".into();
    }
    fit(collection.kind, &mut body);
    Ok(Answer::wrote(201, (*state.objects.put(collection, namespace, &name, body)).clone()))
}

fn whole_seconds(now: Timestamp) -> String {
    Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

fn found(state: &State, collection: &'static Collection, namespace: &str, name: &str) -> Result<Arc<Value>, Answer> {
    state.objects.get(collection, namespace, name).ok_or_else(|| not_found(collection.plural, name))
}

/// Replaces.
pub(super) fn replace(state: &mut State, target: &Target, namespace: &str, name: &str, body: Value) -> Outcome {
    let old = found(state, target.collection, namespace, name)?;
    if body["metadata"]["name"] != *name {
        return Err(bad("the name of the object does not match the name on the URL"));
    }
    if target.collection.has_status && body["metadata"]["resourceVersion"].as_str().is_none_or(str::is_empty) {
        return Err(invalid(target.collection.kind, name, "metadata.resourceVersion: Invalid value: 0: must be specified for an update"));
    }
    update(state, target, namespace, name, &old, body)
}

/// Patches; what is applied and not there is created.
pub(super) fn patch(
    state: &mut State,
    target: &Target,
    namespace: &str,
    name: &str,
    by: PatchType,
    mut patch: Value,
    now: Timestamp,
) -> Outcome {
    let collection = target.collection;
    if by == PatchType::Apply {
        if patch["metadata"]["name"] != *name {
            return Err(bad("the name of the object does not match the name on the URL"));
        }
        if state.objects.get(collection, namespace, name).is_none() && !target.status {
            if patch["metadata"]["uid"].is_string() {
                return Err(conflict(collection.plural, name, "uid mismatch: no existing object was found"));
            }
            return create(state, collection, namespace, patch, now);
        }
        if let Some(meta) = patch["metadata"].as_object_mut() {
            meta.remove("managedFields");
        }
    }
    let old = found(state, collection, namespace, name)?;
    let new = patched(by, &old, &patch)?;
    update(state, target, namespace, name, &old, new)
}

/// Stores what an object is to become, as far as the part of it that is written to goes.
fn update(state: &mut State, target: &Target, namespace: &str, name: &str, old: &Arc<Value>, mut new: Value) -> Outcome {
    let collection = target.collection;
    for (field, why) in [("uid", "the UID in the precondition does not match"), ("resourceVersion", "the object has been modified")] {
        let given = new["metadata"][field].as_str().filter(|text| !text.is_empty());
        if given.is_some_and(|text| old["metadata"][field] != *text) {
            return Err(conflict(collection.plural, name, why));
        }
    }
    if target.status {
        let status = new["status"].take();
        new = (**old).clone();
        set(&mut new, "status", status);
    } else {
        keep_what_is_not_theirs(collection, old, &mut new)?;
        encode_texts(collection, &mut new);
        check(collection, name, &new)?;
    }
    fit(collection.kind, &mut new);
    if new == **old {
        return Ok(Answer::read(new));
    }
    if collection.has_status && !target.status && generation_differs(old, &new) {
        new["metadata"]["generation"] = (old["metadata"]["generation"].as_i64().unwrap_or(0) + 1).into();
    }
    let left = new["metadata"]["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty());
    if new["metadata"]["deletionTimestamp"].is_string() && !left {
        // The version of its end is told to those who watch, and not to who brought it about.
        let last = new.clone();
        state.objects.remove(collection, namespace, name, new);
        return Ok(Answer::wrote(200, last));
    }
    Ok(Answer::wrote(200, (*state.objects.put(collection, namespace, name, new)).clone()))
}

/// Texts that are given to be encoded take the place of the data of their names.
fn encode_texts(collection: &Collection, object: &mut Value) {
    let Some(fields) = object.as_object_mut().filter(|_| collection.kind == "Secret") else { return };
    let Some(Value::Object(texts)) = fields.remove("stringData") else { return };
    let data = fields.entry("data").or_insert_with(|| json!({}));
    for (name, text) in texts {
        data[name] = STANDARD.encode(text.as_str().unwrap_or_default()).into();
    }
}

fn set(object: &mut Value, field: &str, value: Value) {
    let Some(fields) = object.as_object_mut() else { return };
    if value.is_null() {
        fields.remove(field);
    } else {
        fields.insert(field.to_owned(), value);
    }
}

/// What no author decides: identity, times, generation, and the status where that is a subresource.
fn keep_what_is_not_theirs(collection: &Collection, old: &Value, new: &mut Value) -> Result<(), Answer> {
    let name = old["metadata"]["name"].as_str().unwrap_or_default();
    let finalizers = |object: &Value| object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    if old["metadata"]["deletionTimestamp"].is_string() && finalizers(new).iter().any(|added| !finalizers(old).contains(added)) {
        return Err(invalid(
            collection.kind,
            name,
            "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted",
        ));
    }
    for field in ["apiVersion", "kind"] {
        set(new, field, old[field].clone());
    }
    if collection.has_status {
        set(new, "status", old["status"].clone());
    }
    if !new["metadata"].is_object() {
        new["metadata"] = json!({});
    }
    for field in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
    ] {
        set(&mut new["metadata"], field, old["metadata"][field].clone());
    }
    if finalizers(new).is_empty() {
        set(&mut new["metadata"], "finalizers", Value::Null);
    }
    for field in ["labels", "annotations"] {
        if new["metadata"][field].as_object().is_some_and(serde_json::Map::is_empty) {
            set(&mut new["metadata"], field, Value::Null);
        }
    }
    set(&mut new["metadata"], "managedFields", Value::Null);
    if collection.kind == "Secret" && new["type"] != old["type"] {
        if new["type"].is_null() {
            new["type"] = old["type"].clone();
        } else {
            return Err(invalid(collection.kind, name, "type: field is immutable"));
        }
    }
    Ok(())
}

fn generation_differs(old: &Value, new: &Value) -> bool {
    let without = |object: &Value| {
        let mut object = object.clone();
        set(&mut object, "metadata", Value::Null);
        set(&mut object, "status", Value::Null);
        object
    };
    without(old) != without(new)
}

/// Deletes, or marks for deletion what has finalizers.
pub(super) fn remove(
    state: &mut State,
    collection: &'static Collection,
    namespace: &str,
    name: &str,
    options: &Value,
    now: Timestamp,
) -> Outcome {
    let old = found(state, collection, namespace, name)?;
    for (field, why) in [("uid", "the UID in the precondition does not match"), ("resourceVersion", "the ResourceVersion does not match")] {
        let given = options["preconditions"][field].as_str();
        if given.is_some_and(|text| old["metadata"][field] != *text) {
            return Err(conflict(collection.plural, name, why));
        }
    }
    let held = old["metadata"]["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty());
    if !held {
        state.objects.remove(collection, namespace, name, (*old).clone());
        return Ok(Answer::wrote(200, success(name, collection.plural, &old["metadata"]["uid"])));
    }
    if old["metadata"]["deletionTimestamp"].is_string() {
        return Ok(Answer::read((*old).clone()));
    }
    let mut new = (*old).clone();
    new["metadata"]["deletionTimestamp"] = whole_seconds(now).into();
    new["metadata"]["deletionGracePeriodSeconds"] = 0.into();
    if let Some(generation) = new["metadata"]["generation"].as_i64() {
        new["metadata"]["generation"] = (generation + 1).into();
    }
    Ok(Answer::wrote(200, (*state.objects.put(collection, namespace, name, new)).clone()))
}
