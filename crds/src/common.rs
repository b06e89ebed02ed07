//! What the kinds share: references, policies, and the part of a status that every kind has.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Another object, in the same namespace unless one is named.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// Name of the object.
    #[schemars(length(min = 1, max = 253), regex(pattern = crate::schema::OBJECT_NAME))]
    pub name: String,
    /// Namespace of the object; the namespace of this object if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = crate::schema::NAMESPACE))]
    pub namespace: Option<String>,
}

impl ObjectRef {
    /// The namespace meant, seen from an object in `own`.
    pub fn namespace_or<'a>(&'a self, own: &'a str) -> &'a str {
        self.namespace.as_deref().unwrap_or(own)
    }
}

/// Another object in the same namespace, and in no other.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LocalObjectRef {
    /// Name of the object.
    #[schemars(length(min = 1, max = 253), regex(pattern = crate::schema::OBJECT_NAME))]
    pub name: String,
}

/// One value of a Secret in the same namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = crate::schema::OBJECT_NAME))]
    pub name: String,
    /// Key within the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = crate::schema::ENTRY_NAME))]
    pub key: String,
}

/// What becomes of the cloud side when the object is deleted.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// The cloud side stays as it is; the cloud is not called.
    #[default]
    Retain,
    /// What Moorage created is removed; what it adopted is left as it was found.
    Delete,
}

/// Whether something that exists already may be taken under management.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Adoption {
    /// An existing one is refused.
    #[default]
    Never,
    /// An existing one is adopted if no other Moorage object has created it.
    IfUnmanaged,
    /// An existing one is adopted even if a Moorage object that is no more has created it, in this installation or another.
    Always,
}

/// What becomes of a difference that somebody else made in the cloud.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DriftPolicy {
    /// It is told in an Event and corrected.
    #[default]
    Correct,
    /// It is listed in `status.drift`, the condition `Drifted` is true, and the cloud is left as it is. A change of the spec is carried out all the same.
    Report,
}

/// Conditions, and what every kind tells beside them.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CommonStatus {
    /// Generation of the spec that this status speaks of; -1 before the first look.
    #[serde(default = "unseen")]
    #[schemars(schema_with = "crate::schema::observed_generation")]
    pub observed_generation: i64,
    /// `Ready`, `Reconciling` and `Stalled`, as kstatus reads them, and `Drifted`.
    #[serde(default)]
    #[schemars(schema_with = "crate::schema::conditions")]
    pub conditions: Vec<Condition>,
    /// What would be done now, while the object is paused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub planned: Vec<String>,
    /// Last value of the annotation `moorage.dev/sync-requested-at` that was acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_requested_at: Option<String>,
}

fn unseen() -> i64 {
    -1
}

/// Names of the condition types, in the order in which they are shown.
pub mod conditions {
    /// The object can be used.
    pub const READY: &str = "Ready";
    /// Something is still to be done, or a dependency is away.
    pub const RECONCILING: &str = "Reconciling";
    /// Nothing more happens until somebody changes something.
    pub const STALLED: &str = "Stalled";
    /// Somebody has changed something in the cloud, and that is left so.
    pub const DRIFTED: &str = "Drifted";
    /// The clock of the operator's machine is off; told for as long as it holds.
    pub const CLOCK_SKEWED: &str = "ClockSkewed";
    /// The cluster's definition of the kind is of another version than the operator; told for as long as it holds.
    pub const DEFINITION_OUTDATED: &str = "DefinitionOutdated";
    /// Those that people are warned of by an Event.
    pub const WARNED_OF: [&str; 4] = [STALLED, DRIFTED, CLOCK_SKEWED, DEFINITION_OUTDATED];
}

/// Location of a device-facing or service-facing quota: how much of it is used.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Headroom {
    /// How many are used.
    pub used: i32,
    /// How many the cloud allows.
    pub limit: i32,
}
