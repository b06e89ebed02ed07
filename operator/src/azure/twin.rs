//! What a twin can take, before Azure refuses it (Microsoft Learn: "Understand and use device twins in IoT Hub", limits).

use moorage_crds::{InitialTwin, TwinPart};
use serde_json::{Map, Value};

const MOST_TAGS: usize = 8 << 10;
const MOST_DESIRED: usize = 32 << 10;
const DEEPEST: usize = 10;
const LONGEST_NAME: usize = 1 << 10;
const LONGEST_TEXT: usize = 4 << 10;
const LARGEST_INTEGER: i64 = 4_503_599_627_370_496;

/// What a new device's twin could not start with, as a sentence about a field.
pub fn validate(twin: &InitialTwin, field: &str) -> Option<String> {
    let parts = [("tags", &twin.tags, MOST_TAGS), ("desired", &twin.desired, MOST_DESIRED)];
    parts.into_iter().find_map(|(name, part, most)| {
        let flaw = too_large(part, most).or_else(|| parts_flaw(&part.read(), 1))?;
        Some(format!("{field}.{name} {flaw}"))
    })
}

/// Azure counts every character but control characters and the blanks between values.
fn too_large(part: &TwinPart, most: usize) -> Option<String> {
    let size = part.len();
    (size > most).then(|| format!("has {size} bytes, and a twin takes {most} there; leave some of it out"))
}

fn parts_flaw(map: &Map<String, Value>, depth: usize) -> Option<String> {
    let flaw_of = |(name, value): (&String, &Value)| name_flaw(name).or_else(|| value_flaw(name, value, depth));
    too_deep(depth).or_else(|| map.iter().find_map(flaw_of))
}

fn too_deep(depth: usize) -> Option<String> {
    (depth > DEEPEST).then(|| format!("is nested deeper than {DEEPEST} levels; flatten it"))
}

fn name_flaw(name: &str) -> Option<String> {
    let shown: String = name.chars().take(32).collect();
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Some(format!("has the name {shown:?}; a name has 1 to {LONGEST_NAME} bytes"));
    }
    let strange = name.chars().any(|c| c.is_control() || matches!(c, '.' | '$' | ' '));
    strange.then(|| format!("has the name {shown:?}; a name has no '.', '$', blank or control character"))
}

fn value_flaw(name: &str, value: &Value, depth: usize) -> Option<String> {
    match value {
        Value::Object(map) => parts_flaw(map, depth + 1),
        Value::Array(items) => too_deep(depth + 1).or_else(|| items.iter().find_map(|item| value_flaw(name, item, depth + 1))),
        Value::String(text) => (text.len() > LONGEST_TEXT)
            .then(|| format!("has a text of {} bytes under {name}; a text has {LONGEST_TEXT} at most", text.len())),
        Value::Number(number) => {
            let fits = number.is_f64() || number.as_i64().is_some_and(|n| n.unsigned_abs() <= LARGEST_INTEGER.unsigned_abs());
            (!fits).then(|| format!("has {number} under {name}; an integer is at most {LARGEST_INTEGER}, give it as a text"))
        }
        Value::Null => Some(format!("has null under {name}; leave the name out")),
        Value::Bool(_) => None,
    }
}

/// Whether Azure holds what is wanted; it writes names with `$` beside it, which nobody else may.
pub fn holds(there: Option<&Map<String, Value>>, wanted: &Map<String, Value>) -> bool {
    let there = there.into_iter().flatten().filter(|(name, _)| !name.starts_with('$'));
    let (mut same, mut count) = (true, 0);
    for (name, value) in there {
        count += 1;
        same &= wanted.get(name) == Some(value);
    }
    same && count == wanted.len()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with_tags(tags: Value) -> InitialTwin {
        InitialTwin { tags: serde_json::from_value(tags).expect("an object"), ..InitialTwin::default() }
    }

    fn lists(levels: usize) -> Value {
        json!({ "a": (2..levels).fold(json!([1]), |inner, _| json!([inner])) })
    }

    fn nested(levels: usize) -> Value {
        (1..levels).fold(json!({ "a": 1 }), |inner, _| json!({ "a": inner }))
    }

    #[test]
    fn what_a_twin_cannot_take_is_told_in_a_sentence() {
        let table = [
            (json!({ "a.b": 1 }), "spec.initialTwin.tags has the name \"a.b\"; a name has no '.', '$', blank or control character"),
            (json!({ "a": { "$b": 1 } }), "spec.initialTwin.tags has the name \"$b\"; a name has no '.', '$', blank or control character"),
            (json!({ "": 1 }), "spec.initialTwin.tags has the name \"\"; a name has 1 to 1024 bytes"),
            (json!({ "a": "x".repeat(4097) }), "spec.initialTwin.tags has a text of 4097 bytes under a; a text has 4096 at most"),
            (
                json!({ "a": 4_503_599_627_370_497_i64 }),
                "spec.initialTwin.tags has 4503599627370497 under a; an integer is at most 4503599627370496, give it as a text",
            ),
            (json!({ "a": null }), "spec.initialTwin.tags has null under a; leave the name out"),
            (nested(11), "spec.initialTwin.tags is nested deeper than 10 levels; flatten it"),
            (lists(11), "spec.initialTwin.tags is nested deeper than 10 levels; flatten it"),
            (
                json!({ "a": "x".repeat(4000), "b": "x".repeat(4000), "c": "x".repeat(200) }),
                "spec.initialTwin.tags has 8222 bytes, and a twin takes 8192 there; leave some of it out",
            ),
        ];
        for (tags, sentence) in table {
            assert_eq!(validate(&with_tags(tags), "spec.initialTwin").as_deref(), Some(sentence));
        }
        let desired = InitialTwin { tags: TwinPart::default(), desired: with_tags(json!({ "a b": 1 })).tags };
        let sentence = "spec.initialTwin.desired has the name \"a b\"; a name has no '.', '$', blank or control character";
        assert_eq!(validate(&desired, "spec.initialTwin").as_deref(), Some(sentence));
    }

    #[test]
    fn what_just_fits_is_taken() {
        for tags in
            [json!({}), nested(10), lists(10), json!({ "a": "x".repeat(4096), "b": -4_503_599_627_370_496_i64, "c": [1.5, true, "d"] })]
        {
            assert_eq!(validate(&with_tags(tags), "spec.initialTwin"), None);
        }
    }

    #[test]
    fn what_azure_adds_is_no_difference_and_everything_else_is() {
        let map = |value: Value| value.as_object().cloned().expect("an object");
        let wanted = map(json!({ "line": 7 }));
        assert!(holds(Some(&map(json!({ "line": 7, "$version": 1 }))), &wanted));
        assert!(!holds(Some(&map(json!({ "line": 8 }))), &wanted));
        assert!(!holds(Some(&map(json!({ "line": 7, "hall": 2 }))), &wanted));
        assert!(!holds(None, &wanted));
        assert!(holds(None, &Map::new()));
    }
}
