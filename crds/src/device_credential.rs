use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::{CommonStatus, ObjectRef};

/// What one device needs to register and connect, in a Secret.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "moorage.dev",
    version = "v1alpha1",
    kind = "DeviceCredential",
    plural = "devicecredentials",
    shortname = "devcred",
    category = "moorage",
    namespaced,
    status = "DeviceCredentialStatus",
    derive = "PartialEq",
    doc = "A DeviceCredential is what one device needs to register and connect, kept in a Secret and renewed in time.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether the Secret holds a working credential."
    ),
    printcolumn(
        name = "Registration ID",
        type_ = "string",
        json_path = ".status.registrationId",
        description = "What the device registers as."
    ),
    printcolumn(name = "Secret", type_ = "string", json_path = ".status.secretName", description = "Where the credential is."),
    printcolumn(name = "Expires", type_ = "string", json_path = ".status.notAfter", description = "When the token ends, if there is one."),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason", description = "Why."),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Since when it exists.")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.registrationId) == has(oldSelf.registrationId)").message("registrationId cannot change: it is the device's identity; make a new DeviceCredential"))]
pub struct DeviceCredentialSpec {
    /// Enrollment group to which the device belongs.
    pub enrollment_group_ref: ObjectRef,
    /// What the device registers as; the name of this object if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9._:-]*[a-z0-9-]$')")
        .message("a registration id is 1 to 128 lower-case letters, digits, '-', '.', '_' or ':', and ends with a letter, a digit or '-'"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("registrationId cannot change: it is the device's identity; make a new DeviceCredential"))]
    pub registration_id: Option<String>,
    /// The Secret that is written.
    #[serde(default)]
    pub secret: OutputSecret,
    /// Ask for a DPS token beside the keys, for devices that must not hold a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dps_token: Option<DpsToken>,
    /// What becomes of the device on deletion.
    #[serde(default)]
    pub deletion_policy: DevicePolicy,
}

/// The Secret that is written.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct OutputSecret {
    /// Name of the Secret; the name of the DeviceCredential if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub name: Option<String>,
    /// Other names for the Secret's entries, for example `{deviceKey: IOTHUB_DEVICE_KEY}`.
    /// Entries: `registrationId`, `idScope`, `provisioningHost`, `deviceKey`, `primaryKey`, `secondaryKey`, `dpsToken`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16, "additionalProperties" = { "type": "string", "maxLength": 253 }))]
    #[x_kube(validation = Rule::new("self.all(k, k in ['registrationId', 'idScope', 'provisioningHost', 'deviceKey', 'primaryKey', 'secondaryKey', 'dpsToken'])")
        .message("entries are registrationId, idScope, provisioningHost, deviceKey, primaryKey, secondaryKey and dpsToken"))]
    #[x_kube(validation = Rule::new("self.all(k, self[k].matches('^[-._a-zA-Z0-9]+$'))")
        .message("a Secret's key has letters, digits, '-', '_' and '.' only"))]
    #[x_kube(validation = Rule::new("self.all(a, self.all(b, a == b || self[a] != self[b]))")
        .message("two entries cannot have the same name"))]
    pub keys: BTreeMap<String, String>,
}

/// A token for the DPS device API, renewed before it ends.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DpsToken {
    /// Lifetime, for example `24h`; at least `10m`.
    #[serde(default = "a_day")]
    #[schemars(schema_with = "crate::schema::duration")]
    pub ttl: String,
    /// Share of the lifetime after which it is renewed, in percent.
    #[serde(default = "two_thirds")]
    #[schemars(range(min = 10, max = 90))]
    pub renew_at_percent: i32,
}

fn a_day() -> String {
    "24h".to_owned()
}

fn two_thirds() -> i32 {
    66
}

/// What becomes of a device when its credential is deleted.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DevicePolicy {
    /// Record, hub identity and the derivable key stay; the cloud is not called.
    #[default]
    Retain,
    /// The device can no longer register: a disabled individual enrollment bars it, and its registration record is removed. Its identity in the hub stays.
    Disenroll,
    /// As `Disenroll`, and the device's identity in its hub is deleted, which cuts its connection and takes its twin with it.
    Deprovision,
}

/// Which of a group's two keys.
#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slot {
    /// The primary key.
    #[default]
    Primary,
    /// The secondary key.
    Secondary,
}

/// What the operator saw.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DeviceCredentialStatus {
    /// Conditions and bookkeeping.
    #[serde(flatten)]
    pub common: CommonStatus,
    /// What the device registers as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_id: Option<String>,
    /// Id scope of the provisioning service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_scope: Option<String>,
    /// Secret that holds the credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,
    /// Version of the Secret that was last checked; a hint that saves reading it, nothing is decided by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_resource_version: Option<String>,
    /// Number of the Secret's content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
    /// Which of the group's two keys `deviceKey` is derived from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
    /// From when the token holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::date_time")]
    pub not_before: Option<Timestamp>,
    /// Until when the token holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::date_time")]
    pub not_after: Option<Timestamp>,
    /// When the token is renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::date_time")]
    pub renewal_time: Option<Timestamp>,
    /// Last value of the annotation `moorage.dev/reprovision-requested-at` that was carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reprovision_requested_at: Option<String>,
}
