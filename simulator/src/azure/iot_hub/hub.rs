//! An IoT hub and the devices in its registry.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::azure::clouds::Names;
use crate::azure::iot_hub::connections::Connections;
use crate::azure::iot_hub::telemetry::Telemetry;
use crate::azure::iot_hub::twin::Twin;
use crate::azure::microsoft_devices::policies::{Policy, made};
use crate::azure::resource::Resource;
use crate::azure::resource::kind::ResourceKind;
use crate::azure::state::Azure;
use crate::azure::state::meter::Meter;
use crate::engine::keys::Keyring;

/// The end of the host names of hubs.
pub(crate) const HOST_SUFFIX: Names = Names { public: ".azure-devices.net", government: ".azure-devices.us", china: ".azure-devices.cn" };

/// The role that lets its holder write devices into a hub: "IoT Hub Data Contributor".
pub(crate) const DATA_CONTRIBUTOR: &str = "4fc6c259-987e-4a07-842e-c321cc9d413f";

/// The type of hubs.
pub(crate) const KIND: ResourceKind = ResourceKind { provider: "Microsoft.Devices", name: "IotHubs" };

/// The rights that a hub's policies can have.
pub(crate) const HUB_RIGHTS: [&str; 4] = ["RegistryRead", "RegistryWrite", "ServiceConnect", "DeviceConnect"];

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
        format!("{}{}", self.resource.name.to_ascii_lowercase(), HOST_SUFFIX.of(self.resource.cloud()))
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

/// The policies of a new hub (Microsoft Learn: "Control access to IoT Hub", default policies).
pub(crate) fn default_hub_policies(keyring: &mut Keyring, hub: &str) -> Vec<Policy> {
    let label = format!("hub/{}", hub.to_lowercase());
    [
        ("iothubowner", "RegistryRead, RegistryWrite, ServiceConnect, DeviceConnect"),
        ("service", "ServiceConnect"),
        ("device", "DeviceConnect"),
        ("registryRead", "RegistryRead"),
        ("registryReadWrite", "RegistryRead, RegistryWrite"),
    ]
    .map(|(name, rights)| made(keyring, &label, name, rights))
    .into()
}

/// What IoT Hub keeps.
#[derive(Default)]
pub(crate) struct HubState {
    /// By name in lower case; the name is the global host name too.
    pub hubs: BTreeMap<String, Hub>,
    /// The devices that are connected to their hubs.
    pub connections: Connections,
    /// Every device-to-cloud message, in the order of arrival.
    pub telemetry: Vec<Telemetry>,
}

impl Azure {
    /// Every hub, by name in lower case.
    pub(crate) fn hubs(&self) -> &BTreeMap<String, Hub> {
        &self.parts.get::<HubState>().hubs
    }

    /// Every device-to-cloud message, in the order of arrival.
    pub(crate) fn telemetry(&self) -> &[Telemetry] {
        &self.parts.get::<HubState>().telemetry
    }

    /// Whether a principal may write devices into a hub.
    pub(crate) fn may_register(&self, principal: &str, hub: &Hub) -> bool {
        self.has_role(principal, DATA_CONTRIBUTOR, &hub.resource.scope())
    }

    /// Every hub, to be changed.
    pub(crate) fn hubs_mut(&mut self) -> &mut BTreeMap<String, Hub> {
        &mut self.parts.get_mut::<HubState>().hubs
    }
}
