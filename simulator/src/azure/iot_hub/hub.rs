//! An IoT hub and the devices in its registry.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::azure::dps::service::Meter;
use crate::azure::iot_hub::twin::Twin;
use crate::azure::resource::{Policy, Resource};

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

    /// Whether devices may come with shared access signatures.
    pub fn takes_device_signatures(&self) -> bool {
        !self.switched_on("disableLocalAuth") && !self.switched_on("disableDeviceSAS")
    }

    /// The policy of that name.
    pub fn policy(&self, name: &str) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.name.eq_ignore_ascii_case(name))
    }
}

/// A device of a hub's registry.
#[derive(Clone)]
pub(crate) struct Device {
    pub id: String,
    /// Another one for a device that was made again under its id.
    pub generation: String,
    pub etag: String,
    pub enabled: bool,
    pub status_reason: Option<String>,
    pub authentication: Authentication,
    pub edge: bool,
    pub status_updated: Timestamp,
    pub last_activity: Option<Timestamp>,
    pub messages: i64,
    pub twin: Twin,
}

/// How a device proves to its hub who it is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Authentication {
    Keys {
        primary: String,
        secondary: String,
    },
    /// The thumbprints of its certificates, SHA-1 or SHA-256, in upper case.
    Thumbprints {
        primary: Option<String>,
        secondary: Option<String>,
    },
}

impl Authentication {
    /// The name of its kind on the wire.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Keys { .. } => "sas",
            Self::Thumbprints { .. } => "selfSigned",
        }
    }

    /// Both keys, if it has keys.
    pub fn keys(&self) -> Option<[&String; 2]> {
        match self {
            Self::Keys { primary, secondary } => Some([primary, secondary]),
            Self::Thumbprints { .. } => None,
        }
    }

    /// Whether a certificate with one of these thumbprints opens the hub.
    pub fn knows(&self, thumbprints: &[String]) -> bool {
        match self {
            Self::Keys { .. } => false,
            Self::Thumbprints { primary, secondary } => {
                [primary, secondary].into_iter().flatten().any(|mine| thumbprints.iter().any(|other| mine.eq_ignore_ascii_case(other)))
            }
        }
    }
}
