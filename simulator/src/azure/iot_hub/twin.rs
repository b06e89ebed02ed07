//! A device's twin: tags, and what is wished of it and told by it, each with its version and the times of its parts.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::engine::keys;

/// A device's twin.
#[derive(Clone)]
pub(crate) struct Twin {
    pub tags: Map<String, Value>,
    pub desired: Section,
    pub reported: Section,
    /// Grows with every change.
    pub version: u64,
    /// Grows with every change that a service makes.
    tag: u64,
}

/// Desired or reported properties.
#[derive(Clone)]
pub(crate) struct Section {
    values: Map<String, Value>,
    metadata: Map<String, Value>,
    version: u64,
}

/// How a document is written over what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TwinWrite {
    /// Merged: what is left out stays, and a null takes away.
    Patch,
    /// Put in the place of what was there.
    Replace,
}

impl Twin {
    /// The twin of a new device.
    pub fn new(now: Timestamp) -> Self {
        Self { tags: Map::new(), desired: Section::new(now), reported: Section::new(now), version: 2, tag: 1 }
    }

    /// The entity tag, which does not change with what the device reports.
    pub fn etag(&self) -> String {
        keys::encode(&self.tag.to_be_bytes())
    }

    /// Has a service write tags and desired properties; true when the device is to be told.
    pub fn write(
        &mut self,
        tags: Option<&Map<String, Value>>,
        desired: Option<&Map<String, Value>>,
        writing: TwinWrite,
        now: Timestamp,
    ) -> bool {
        if let Some(tags) = tags {
            match writing {
                TwinWrite::Patch => merge(&mut self.tags, tags),
                TwinWrite::Replace => self.tags = without_nulls(tags),
            }
        }
        if let Some(desired) = desired {
            self.desired.write(desired, writing, now);
        }
        self.tag += 1;
        self.version += 1;
        desired.is_some()
    }

    /// Has the device report; gives the new version of what it reports.
    pub fn report(&mut self, patch: &Map<String, Value>, now: Timestamp) -> u64 {
        self.reported.write(patch, TwinWrite::Patch, now);
        self.version += 1;
        self.reported.version
    }

    /// As the device reads it: no tags and no times.
    pub fn for_device(&self) -> Value {
        json!({ "desired": self.desired.plain(), "reported": self.reported.plain() })
    }

    /// Whether nothing was ever written to it.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.desired.values.is_empty() && self.reported.values.is_empty()
    }
}

impl Section {
    fn new(now: Timestamp) -> Self {
        let metadata = Map::from_iter([("$lastUpdated".to_owned(), json!(now))]);
        Self { values: Map::new(), metadata, version: 1 }
    }

    /// The properties alone.
    pub fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// The version, which grows with every write.
    pub fn version(&self) -> u64 {
        self.version
    }

    fn write(&mut self, document: &Map<String, Value>, writing: TwinWrite, now: Timestamp) {
        self.version += 1;
        let stamp = json!({ "$lastUpdated": now, "$lastUpdatedVersion": self.version });
        if writing == TwinWrite::Replace {
            self.values.clear();
            self.metadata.clear();
        }
        merge(&mut self.values, document);
        mark(&mut self.metadata, document, &stamp);
    }

    /// With the version.
    pub fn plain(&self) -> Value {
        let mut all = self.values.clone();
        all.insert("$version".to_owned(), self.version.into());
        Value::Object(all)
    }

    /// With the version and the times.
    pub fn whole(&self) -> Value {
        let mut all = self.plain();
        all["$metadata"] = Value::Object(self.metadata.clone());
        all
    }
}

/// What a service or a device is allowed to write: all but the parts that are the hub's own.
pub(crate) fn written(document: &Map<String, Value>) -> Map<String, Value> {
    document
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "$version" | "$metadata"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn without_nulls(document: &Map<String, Value>) -> Map<String, Value> {
    let mut clean = Map::new();
    merge(&mut clean, document);
    clean
}

/// JSON merge patch (RFC 7396) over an object.
fn merge(there: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => {
                there.remove(name);
            }
            Value::Object(inner) => {
                let old = there.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
                if !old.is_object() {
                    *old = Value::Object(Map::new());
                }
                if let Some(old) = old.as_object_mut() {
                    merge(old, inner);
                }
            }
            plain => {
                there.insert(name.clone(), plain.clone());
            }
        }
    }
}

/// Stamps every part that a patch writes, and forgets the stamps of what it takes away.
fn mark(there: &mut Map<String, Value>, patch: &Map<String, Value>, stamp: &Value) {
    if let Some(stamp) = stamp.as_object() {
        there.extend(stamp.clone());
    }
    for (name, value) in patch {
        match value {
            Value::Null => {
                there.remove(name);
            }
            Value::Object(inner) => {
                let old = there.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
                if let Some(old) = old.as_object_mut() {
                    mark(old, inner, stamp);
                }
            }
            _ => {
                there.insert(name.clone(), stamp.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Map, Value, json};

    use super::{Twin, TwinWrite};

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn a_patch_merges_a_null_takes_away_and_every_part_has_the_time_of_its_own_last_write() {
        let mut twin = Twin::new(time(0));
        let first = object(&json!({ "rate": 5, "route": { "via": "a", "to": "b" } }));
        twin.write(None, Some(&first), TwinWrite::Patch, time(1));
        let second = object(&json!({ "rate": null, "route": { "via": "c" } }));
        twin.write(None, Some(&second), TwinWrite::Patch, time(2));
        assert_eq!(twin.desired.plain(), json!({ "route": { "via": "c", "to": "b" }, "$version": 3 }));
        let stamp = |second, version: u64| json!({ "$lastUpdated": time(second), "$lastUpdatedVersion": version });
        let mut route = stamp(2, 3);
        (route["via"], route["to"]) = (stamp(2, 3), stamp(1, 2));
        let mut all = stamp(2, 3);
        all["route"] = route;
        assert_eq!(twin.desired.whole()["$metadata"], all);
    }

    #[test]
    fn a_replacement_leaves_nothing_of_what_was_there() {
        let mut twin = Twin::new(time(0));
        let (tags, desired) = (object(&json!({ "plant": 7 })), object(&json!({ "rate": 5 })));
        twin.write(Some(&tags), Some(&desired), TwinWrite::Replace, time(1));
        let (tags, desired) = (object(&json!({ "line": "a" })), object(&json!({ "mode": "slow" })));
        twin.write(Some(&tags), Some(&desired), TwinWrite::Replace, time(2));
        assert_eq!(Value::Object(twin.tags.clone()), json!({ "line": "a" }));
        assert_eq!(twin.desired.plain(), json!({ "mode": "slow", "$version": 3 }));
    }

    #[test]
    fn what_a_device_reports_changes_the_version_and_not_the_entity_tag() {
        let mut twin = Twin::new(time(0));
        assert_eq!((twin.version, twin.etag().as_str()), (2, "AAAAAAAAAAE="));
        assert_eq!(twin.report(&object(&json!({ "firmware": "1.2" })), time(1)), 2);
        assert_eq!((twin.version, twin.etag().as_str()), (3, "AAAAAAAAAAE="));
        twin.write(None, Some(&object(&json!({ "rate": 1 }))), TwinWrite::Patch, time(2));
        assert_eq!((twin.version, twin.etag().as_str()), (4, "AAAAAAAAAAI="));
        assert_eq!(twin.for_device(), json!({ "desired": { "rate": 1, "$version": 2 }, "reported": { "firmware": "1.2", "$version": 2 } }));
    }
}
