//! What it does not take, of what the operator writes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::collections::Collection;
use super::refusal::{Answer, bad, invalid};

/// Longest note of an Event, in bytes.
const NOTE: usize = 1024;
/// Longest action and reason of an Event, in bytes.
const WORD: usize = 128;

/// What a Secret for TLS must hold.
const TLS: [&str; 2] = ["tls.crt", "tls.key"];

/// Checks an object before it is stored.
pub(super) fn check(collection: &Collection, name: &str, object: &Value) -> Result<(), Answer> {
    if !is_subdomain(name) {
        return Err(invalid(
            collection.kind,
            name,
            "metadata.name: a lowercase RFC 1123 subdomain must consist of lower case letters, digits, '-' and '.'",
        ));
    }
    match collection.kind {
        "Secret" => {
            data(collection, name, object, true)?;
            let lacks = |entry: &&&str| object["data"].get(**entry).is_none();
            match TLS.iter().find(lacks).filter(|_| object["type"] == "kubernetes.io/tls") {
                Some(entry) => Err(invalid(collection.kind, name, &format!("data[{entry}]: Required value"))),
                None => Ok(()),
            }
        }
        "ConfigMap" => data(collection, name, object, false),
        "Event" => event(name, object),
        _ => Ok(()),
    }
}

fn is_subdomain(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let label = |label: &str| {
        let bytes = label.as_bytes();
        let ends = [bytes.first(), bytes.last()];
        ends.iter().all(|end| end.is_some_and(|byte| inner(*byte))) && bytes.iter().all(|byte| inner(*byte) || *byte == b'-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn data(collection: &Collection, name: &str, object: &Value, encoded: bool) -> Result<(), Answer> {
    for (key, value) in object["data"].as_object().into_iter().flatten() {
        let Some(text) = value.as_str() else { return Err(bad("data: a value is no string")) };
        if encoded && STANDARD.decode(text).is_err() {
            return Err(bad("data: illegal base64 data"));
        }
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if key.is_empty() || key.len() > 253 || !key.bytes().all(fits) {
            return Err(invalid(
                collection.kind,
                name,
                "data: a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
            ));
        }
    }
    Ok(())
}

fn event(name: &str, object: &Value) -> Result<(), Answer> {
    let too_long = |field: &str, most: usize| object[field].as_str().is_some_and(|text| text.len() > most);
    if too_long("note", NOTE) || too_long("action", WORD) || too_long("reason", WORD) {
        return Err(invalid("Event", name, "note, action or reason: too long"));
    }
    let series = &object["series"];
    if series.is_object() && series["count"].as_i64().is_none_or(|count| count < 2) {
        return Err(invalid("Event", name, "series.count: should be at least 2"));
    }
    Ok(())
}
