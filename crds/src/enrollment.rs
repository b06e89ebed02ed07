//! What enrollments of groups and of single devices have in common.

mod twin;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

pub use self::twin::*;

/// What becomes of a device that registers again and is given another hub.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReprovisionPolicy {
    /// It may move to another hub, and its twin with it; in the portal: "Re-provision and migrate data".
    #[default]
    MigrateData,
    /// It may move to another hub, and begins there with the initial twin; in the portal: "Re-provision and reset to initial config".
    ResetData,
    /// It stays in the hub that it was given first; in the portal: "Never re-provision".
    Never,
}

/// What a device can do.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// Whether the device is an IoT Edge device.
    #[serde(default)]
    pub iot_edge: bool,
}
