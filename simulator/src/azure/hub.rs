//! An IoT hub and the devices in its registry.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Meter, Policy, Resource};

/// An IoT hub.
pub(crate) struct Hub {
    pub resource: Resource,
    pub sku: String,
    pub capacity: i64,
    pub identity: Option<Value>,
    /// The `properties` that the caller chose, with Azure's defaults; no policies, nothing read-only.
    pub properties: Map<String, Value>,
    pub policies: Vec<Policy>,
    /// By device id, which is case-sensitive.
    pub devices: BTreeMap<String, Device>,
    /// Device-to-cloud messages taken.
    pub messages: i64,
    pub operations: Meter,
}

impl Hub {
    /// The host name of its data plane.
    pub fn host(&self) -> String {
        format!("{}.azure-devices.net", self.resource.name.to_ascii_lowercase())
    }

    /// Whether a switch among the properties is on.
    pub fn switched_on(&self, property: &str) -> bool {
        self.properties.get(property) == Some(&Value::Bool(true))
    }

    /// The policy of that name.
    pub fn policy(&self, name: &str) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.name.eq_ignore_ascii_case(name))
    }
}

/// A device of a hub's registry, with symmetric keys.
#[derive(Clone)]
pub(crate) struct Device {
    pub id: String,
    pub generation: String,
    pub etag: String,
    pub enabled: bool,
    pub status_reason: Option<String>,
    pub primary: String,
    pub secondary: String,
    pub edge: bool,
    pub status_updated: Timestamp,
    pub last_activity: Option<Timestamp>,
    pub messages: i64,
}
