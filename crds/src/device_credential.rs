//! `DeviceCredential`: what one device needs to register and connect.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::{Capabilities, CommonStatus, DeviceCertificate, InitialTwin, ObjectRef, ReprovisionPolicy};

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
    printcolumn(
        name = "Hub",
        type_ = "string",
        json_path = ".status.assignedHub.hub",
        priority = 1,
        description = "The hub where it is, where that is known."
    ),
    printcolumn(
        name = "Device ID",
        type_ = "string",
        json_path = ".status.assignedHub.deviceId",
        priority = 1,
        description = "What it is called there."
    ),
    printcolumn(name = "Secret", type_ = "string", json_path = ".status.secretName", description = "Where the credential is."),
    printcolumn(
        name = "Expires",
        type_ = "string",
        json_path = ".status.notAfter",
        description = "When the token or the certificate ends, if there is one."
    ),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason", description = "Why."),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Since when it exists.")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.enrollmentGroupRef) != has(self.hubRef)").message("give exactly one of enrollmentGroupRef (the device registers through a provisioning service) and hubRef (it is created in a hub)"))]
#[x_kube(validation = Rule::new("has(self.hubRef) == has(oldSelf.hubRef)").message("a device cannot change between enrollmentGroupRef and hubRef: make a new DeviceCredential"))]
#[x_kube(validation = Rule::new("has(self.registrationId) == has(oldSelf.registrationId)").message("registrationId cannot change: it is the device's identity; make a new DeviceCredential"))]
#[x_kube(validation = Rule::new("has(self.deviceId) == has(oldSelf.deviceId)").message("deviceId cannot change: it is the device's identity; make a new DeviceCredential"))]
#[x_kube(validation = Rule::new("!has(self.hubRef) || !has(self.individualEnrollment)").message("individualEnrollment goes with enrollmentGroupRef: a device with hubRef does not register"))]
#[x_kube(validation = Rule::new("!has(self.hubRef) || !has(self.dpsToken)").message("dpsToken goes with enrollmentGroupRef: a device with hubRef does not register; ask for hubToken"))]
#[x_kube(validation = Rule::new("!has(self.hubRef) || !has(self.certificate)").message("certificate goes with enrollmentGroupRef: a device with hubRef does not register"))]
#[x_kube(validation = Rule::new("!has(self.registrationId) || self.registrationId.size() <= 64 || !has(self.certificate) || !has(self.certificate.issuerRef)").message("cert-manager issues no certificate for a name of more than 64 characters: leave certificate.issuerRef out, or make a new DeviceCredential with a shorter registrationId"))]
#[x_kube(validation = Rule::new("has(self.hubRef) || !has(self.deviceId)").message("deviceId goes with hubRef; for a device that registers it is individualEnrollment.deviceId"))]
pub struct DeviceCredentialSpec {
    /// Enrollment group to which the device belongs: it registers through a provisioning service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment_group_ref: Option<ObjectRef>,
    /// Hub in which the device is created, without a provisioning service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hub_ref: Option<Box<HubRef>>,
    /// What the device registers as; the name of this object if left out. To the provisioning service it is the same in capitals; a key that is
    /// derived from the group's is derived from it as it is written here, in lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9._:-]*[a-z0-9-]$')")
        .message("a registration id is 1 to 128 lower-case letters, digits, '-', '.', '_' or ':', and ends with a letter, a digit or '-'"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("registrationId cannot change: it is the device's identity; make a new DeviceCredential"))]
    pub registration_id: Option<String>,
    /// With `hubRef`, what the device is called in the hub, where case counts; `registrationId` or the name of this object if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new("self.matches('^[-A-Za-z0-9.%_*?!(),:=@$\\']+$')")
        .message("a device id is 1 to 128 letters, digits and characters of - . % _ * ? ! ( ) , : = @ $ '"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("deviceId cannot change: it is the device's identity; make a new DeviceCredential"))]
    pub device_id: Option<String>,
    /// Give the device an individual enrollment with two keys of its own, which nothing is derived from; hubs, allocation and grants are
    /// those of the group. Added to a credential with a derived key, it gives the device new keys, and the derived one no longer registers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub individual_enrollment: Option<Box<IndividualEnrollment>>,
    /// The Secret that is written.
    #[serde(default)]
    pub secret: OutputSecret,
    /// Ask for a DPS token beside the keys, for devices that must not hold a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dps_token: Option<DpsToken>,
    /// Ask for the connection string of the device's hub. A device that registers has one as soon as its hub holds the Secret's key;
    /// until then this object is not Ready, and everything else is in the Secret.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub connection_string: bool,
    /// Ask for a token for the device's hub; it is there when a connection string would be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hub_token: Option<HubToken>,
    /// The device's certificate, in a group that knows its devices by certificates; with its defaults if left out there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Box<DeviceCertificate>>,
    /// What becomes of the device on deletion.
    #[serde(default)]
    pub deletion_policy: DevicePolicy,
}

/// A hub of a `TenantHubGroup` of the same namespace.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self == oldSelf").message("hubRef cannot change: the device's identity is in that hub; make a new DeviceCredential"))]
pub struct HubRef {
    /// Name of the `TenantHubGroup`, in the namespace of this object.
    #[schemars(length(min = 1, max = 253), regex(pattern = crate::schema::OBJECT_NAME))]
    pub name: String,
    /// Name of the hub in it.
    #[schemars(length(min = 3, max = 50))]
    pub hub: String,
}

/// The individual enrollment of a device.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct IndividualEnrollment {
    /// What the device is called in its hub, where case counts; the registration id if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new("self.matches('^[-A-Za-z0-9.%_*?!(),:=@$\\']+$')")
        .message("a device id is 1 to 128 letters, digits and characters of - . % _ * ? ! ( ) , : = @ $ '"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("deviceId cannot change: the device's identity in its hub is called so"))]
    pub device_id: Option<String>,
    /// The twin that the device begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_twin: Option<InitialTwin>,
    /// What the device can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// What becomes of the device when it registers again and is given another hub.
    #[serde(default)]
    pub reprovision_policy: ReprovisionPolicy,
}

/// The Secret that is written.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct OutputSecret {
    /// Name of the Secret; the name of the DeviceCredential if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = crate::schema::OBJECT_NAME))]
    pub name: Option<String>,
    /// Other names for the Secret's entries, for example `{deviceKey: IOTHUB_DEVICE_KEY}`.
    /// Entries: `registrationId`, `idScope`, `provisioningHost`, `dpsToken` of a device that registers; `deviceId`, `hubHost` of one with
    /// `hubRef`; `deviceKey`, `primaryKey`, `secondaryKey`, `connectionString`, `hubToken` of either.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16, "additionalProperties" = { "type": "string", "maxLength": 253 }))]
    #[x_kube(validation = Rule::new("self.all(k, k in ['registrationId', 'idScope', 'provisioningHost', 'deviceId', 'hubHost', 'deviceKey', 'primaryKey', 'secondaryKey', 'dpsToken', 'connectionString', 'hubToken'])")
        .message("entries are registrationId, idScope, provisioningHost, deviceId, hubHost, deviceKey, primaryKey, secondaryKey, dpsToken, connectionString and hubToken"))]
    #[x_kube(validation = Rule::new("self.all(k, !self[k].startsWith('moorage.'))")
        .message("names that begin with moorage. are the operator's own"))]
    #[x_kube(validation = Rule::new("self.all(k, !(self[k] in ['tls.crt', 'tls.key', 'ca.crt']))")
        .message("tls.crt, tls.key and ca.crt hold the device's certificate, and nothing else"))]
    #[x_kube(validation = Rule::new("self.all(k, self[k].matches('^[-._a-zA-Z0-9]+$'))")
        .message("a Secret's key has letters, digits, '-', '_' and '.' only"))]
    #[x_kube(validation = Rule::new("self.all(a, self.all(b, a == b || self[a] != self[b]))")
        .message("two entries cannot have the same name"))]
    #[x_kube(validation = Rule::new("self.all(k, self[k] == k || self[k] in self || !(self[k] in ['registrationId', 'idScope', 'provisioningHost', 'deviceId', 'hubHost', 'deviceKey', 'primaryKey', 'secondaryKey', 'dpsToken', 'connectionString', 'hubToken']))")
        .message("an entry cannot have the name of another one that keeps its own: rename that one too, or choose another name"))]
    pub keys: BTreeMap<String, String>,
    /// Labels and annotations that the Secret has, beside those of others, which stay.
    #[serde(default, skip_serializing_if = "SecretMetadata::is_empty")]
    pub metadata: SecretMetadata,
}

/// Labels and annotations of a Secret, for example those that an admission policy wants.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SecretMetadata {
    /// Labels; one that is taken out here stays on the Secret until that is made anew.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::labels")]
    #[x_kube(validation = Rule::new("!('app.kubernetes.io/managed-by' in self) && self.all(k, !k.startsWith('moorage.dev/'))")
        .message("app.kubernetes.io/managed-by, and labels that begin with moorage.dev/, are the operator's own"))]
    pub labels: BTreeMap<String, String>,
    /// Annotations; likewise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::annotations")]
    #[x_kube(validation = Rule::new("self.all(k, !k.startsWith('moorage.dev/') && !k.startsWith('cert-manager.io/'))")
        .message("annotations that begin with moorage.dev/ or cert-manager.io/ are the operator's, or cert-manager's, own"))]
    pub annotations: BTreeMap<String, String>,
}

impl SecretMetadata {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.annotations.is_empty()
    }
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

/// A token for the device's hub, renewed before it ends.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct HubToken {
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
    /// Enrollment, record, hub identity and the derivable key stay; the cloud is not called.
    #[default]
    Retain,
    /// The device can no longer register: a disabled individual enrollment keeps it out, whatever its group says, and its registration record is removed. Its identity in the hub stays.
    /// With `hubRef`: the identity is disabled.
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
    /// Where the device is, while a connection string or a hub token is asked for, and always with `hubRef`. A device that registers is
    /// looked for about once a minute, and less often in a group of more than a thousand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_hub: Option<Box<AssignedHub>>,
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
    /// Which of the two keys `deviceKey` is, or is derived from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
    /// From when the certificate or the token holds; of two tokens, the one that ends first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::date_time")]
    pub not_before: Option<Timestamp>,
    /// Until when the certificate or the token holds; of two tokens, the one that ends first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::date_time")]
    pub not_after: Option<Timestamp>,
    /// When the certificate or the next token is renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::date_time")]
    pub renewal_time: Option<Timestamp>,
    /// Last value of the annotation `moorage.dev/reprovision-requested-at` that was carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reprovision_requested_at: Option<String>,
}

/// Where a device is.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AssignedHub {
    /// Host of the hub.
    pub hub: String,
    /// What the device is called there.
    pub device_id: String,
    /// When it registered last, as the provisioning service tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::date_time")]
    pub registered_at: Option<Timestamp>,
}
