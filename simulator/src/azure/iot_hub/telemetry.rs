//! What devices have sent to their hubs.

use jiff::Timestamp;
use serde::Serialize;

/// How a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// A POST of the device API.
    Https,
    /// A PUBLISH.
    Mqtt,
}

/// A device-to-cloud message; of its body only the length is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Telemetry {
    /// The hub's name in lower case.
    pub hub: String,
    /// The device.
    pub device: String,
    /// The domain time of its arrival.
    pub when: Timestamp,
    /// How it came.
    pub transport: Transport,
    /// The properties that the device gave it, decoded, the system's own among them.
    pub properties: Vec<(String, String)>,
    /// The bytes of its body.
    pub bytes: usize,
}
