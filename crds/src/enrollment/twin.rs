//! The twin that a device begins with.

use std::fmt;

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

/// The twin that a device begins with in its hub.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct InitialTwin {
    /// Tags, which services see and devices do not; 8 KiB at most. The tag `moorage` is the operator's own.
    #[serde(default, skip_serializing_if = "TwinPart::is_empty")]
    pub tags: TwinPart,
    /// Desired properties, which the device sees; 32 KiB at most.
    #[serde(default, skip_serializing_if = "TwinPart::is_empty")]
    pub desired: TwinPart,
}

/// Tags or desired properties: names with any JSON below them.
///
/// A schema cannot say how large they may be in all, so whoever may write an object may write any size. They are kept as text, of which
/// many small values take a tenth of the room, and what no service takes is not kept at all.
#[derive(Clone, PartialEq, Eq)]
pub struct TwinPart(Kept);

#[derive(Clone, PartialEq, Eq)]
enum Kept {
    Text(Box<str>),
    /// Its size in bytes.
    TooLarge(usize),
}

/// What is not kept is larger than this, in bytes: above every limit of a service.
const LARGEST: usize = 64 << 10;
/// Under which name the size of what was not kept is written.
const SIZE: &str = "$size";

impl TwinPart {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 2
    }

    /// How long it is as JSON without blanks, in bytes.
    pub fn len(&self) -> usize {
        match &self.0 {
            Kept::Text(text) => text.len(),
            Kept::TooLarge(size) => *size,
        }
    }

    /// What is in it; nothing, if that was too much to be kept.
    pub fn read(&self) -> Map<String, Value> {
        match &self.0 {
            Kept::Text(text) => serde_json::from_str(text).expect("it was written from an object"),
            Kept::TooLarge(_) => Map::new(),
        }
    }
}

impl Default for TwinPart {
    fn default() -> Self {
        Self(Kept::Text("{}".into()))
    }
}

impl From<Map<String, Value>> for TwinPart {
    fn from(map: Map<String, Value>) -> Self {
        let text = Value::Object(map).to_string();
        Self(if text.len() > LARGEST { Kept::TooLarge(text.len()) } else { Kept::Text(text.into()) })
    }
}

impl<'de> Deserialize<'de> for TwinPart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Map::deserialize(deserializer).map(Self::from)
    }
}

impl Serialize for TwinPart {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Kept::Text(_) => self.read().serialize(serializer),
            Kept::TooLarge(size) => json!({ SIZE: size }).serialize(serializer),
        }
    }
}

impl fmt::Debug for TwinPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kept::Text(text) => f.write_str(text),
            Kept::TooLarge(size) => write!(f, "{size} bytes"),
        }
    }
}

impl JsonSchema for TwinPart {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TwinPart".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        crate::schema::any_objects(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(value: Value) -> TwinPart {
        serde_json::from_value(value).expect("an object")
    }

    #[test]
    fn what_was_written_is_read() {
        let value = json!({ "b": [1, { "c": null }], "a": "\u{e9}\n" });
        assert_eq!(Value::Object(part(value.clone()).read()), value);
        assert_eq!(serde_json::to_value(part(value.clone())).expect("JSON"), value);
        assert_eq!(part(value.clone()).len(), value.to_string().len());
        assert!(part(json!({})).is_empty() && TwinPart::default().is_empty() && !part(value).is_empty());
        assert!(serde_json::from_value::<TwinPart>(json!([1])).is_err());
    }

    #[test]
    fn what_no_service_takes_is_not_kept() {
        let large = part(json!({ "a": "x".repeat(LARGEST) }));
        assert_eq!((large.len(), large.is_empty()), (LARGEST + "{\"a\":\"\"}".len(), false));
        assert!(large.read().is_empty());
        assert_eq!(serde_json::to_value(&large).expect("JSON"), json!({ "$size": large.len() }));
    }
}
