//! Queries for devices: all of them, or those of which some fields equal something.

use regex::Regex;
use serde_json::Value;
use std::sync::LazyLock;

use crate::azure::iot_hub::registry::errors::refused;
use crate::azure::iot_hub::registry::twins;
use crate::azure::microsoft_devices::pages::page;
use crate::azure::state::Azure;
use crate::engine::http::{Outcome, Request, Response};

/// One condition: the field's path, and what it may be.
#[derive(Debug, PartialEq)]
struct Condition {
    field: String,
    values: Vec<Value>,
}

/// The devices that fit as twins, in pages.
pub(crate) fn answer(azure: &Azure, hub: &str, request: &Request) -> Outcome {
    let text = request.json.as_ref().and_then(|body| body["query"].as_str()).unwrap_or_default();
    let conditions = conditions(text).ok_or_else(not_simulated)?;
    let devices = azure.hubs()[hub].devices.iter();
    let all = devices.map(|(id, device)| (id.clone(), twins::shown(device, azure.connected(hub, id))));
    let fitting = all.filter(|(_, twin)| conditions.iter().all(|condition| condition.holds(twin))).collect();
    Ok(page(request, "Twin", fitting))
}

fn not_simulated() -> Response {
    let text = "Only SELECT * FROM devices is simulated, with WHERE deviceId, status or tags.… = or IN, joined by AND";
    refused(400, "ArgumentInvalid", text)
}

impl Condition {
    fn holds(&self, twin: &Value) -> bool {
        let pointer = format!("/{}", self.field.replace('.', "/"));
        twin.pointer(&pointer).is_some_and(|value| self.values.contains(value))
    }
}

/// Reads a query; `None` when it asks for more than is known here.
fn conditions(text: &str) -> Option<Vec<Condition>> {
    static QUERY: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?is)^\s*select\s+\*\s+from\s+devices(?:\s+where\s+(.+?))?\s*$").expect("the pattern is right"));
    static CONDITION: LazyLock<Regex> = LazyLock::new(|| {
        let literal = r"(?:'[^']*'|-?\d+(?:\.\d+)?|true|false)";
        let pattern = format!(
            r"(?is)^\s*(deviceId|status|tags(?:\.\w+)+)\s*(?:=\s*({literal})|in\s*\[\s*({literal}(?:\s*,\s*{literal})*)\s*\])\s*(and\b|$)"
        );
        Regex::new(&pattern).expect("the pattern is right")
    });
    let mut rest = QUERY.captures(text)?.get(1).map_or("", |found| found.as_str());
    let mut conditions = Vec::new();
    let mut more = !rest.is_empty();
    while more {
        let found = CONDITION.captures(rest)?;
        let values = found.get(2).or_else(|| found.get(3))?.as_str();
        conditions.push(Condition { field: spelt(found.get(1)?.as_str()), values: literals(values) });
        more = !found.get(4)?.is_empty();
        rest = &rest[found.get(0)?.end()..];
    }
    Some(conditions)
}

/// Keywords have no case here; the two fields of the device itself are spelt as in its document.
fn spelt(field: &str) -> String {
    match field.to_ascii_lowercase().as_str() {
        "deviceid" => "deviceId".to_owned(),
        "status" => "status".to_owned(),
        _ => field.to_owned(),
    }
}

fn literals(text: &str) -> Vec<Value> {
    static LITERAL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"'([^']*)'|([^\s,']+)").expect("the pattern is right"));
    let one = |found: regex::Captures<'_>| match (found.get(1), found.get(2)) {
        (Some(text), _) => Value::from(text.as_str()),
        (None, plain) => plain.and_then(|plain| serde_json::from_str(&plain.as_str().to_ascii_lowercase()).ok()).unwrap_or_default(),
    };
    LITERAL.captures_iter(text).map(one).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Condition, conditions};

    fn condition(field: &str, values: &[serde_json::Value]) -> Condition {
        Condition { field: field.to_owned(), values: values.to_vec() }
    }

    #[test]
    fn a_query_is_for_all_devices_or_for_those_whose_fields_equal_something() {
        assert_eq!(conditions("SELECT * FROM devices"), Some(Vec::new()));
        assert_eq!(conditions("select * from devices where deviceId = 'a and b'"), Some(vec![condition("deviceId", &[json!("a and b")])]));
        let both = conditions("SELECT * FROM devices WHERE deviceId IN ['a', 'b'] AND tags.plant.line = 7 and tags.on=true");
        let wanted = [
            condition("deviceId", &[json!("a"), json!("b")]),
            condition("tags.plant.line", &[json!(7)]),
            condition("tags.on", &[json!(true)]),
        ];
        assert_eq!(both, Some(wanted.into()));
    }

    #[test]
    fn a_query_that_is_not_understood_whole_is_not_understood() {
        for text in [
            "SELECT deviceId FROM devices",
            "SELECT * FROM devices.modules",
            "SELECT * FROM devices WHERE",
            "SELECT * FROM devices WHERE deviceId = 'a' OR deviceId = 'b'",
            "SELECT * FROM devices WHERE deviceId = 'a' AND",
            "SELECT * FROM devices WHERE properties.desired.x = 1",
            "SELECT * FROM devices WHERE deviceId IN []",
            "SELECT * FROM devices WHERE deviceId = 'it''s'",
        ] {
            assert_eq!(conditions(text), None, "{text}");
        }
    }
}
