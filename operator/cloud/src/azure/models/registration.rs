//! What a provisioning service knows of a device that registered.

use jiff::Timestamp;
use moorage_keys::{DeviceId, RegistrationId};
use serde_json::Value;

use super::document;

document! {
    /// The record that a provisioning service keeps of a device which registered; it is only ever read or deleted.
    Registration
}

/// How far a registration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationStatus {
    /// The device has no hub.
    Unassigned,
    /// A hub is being chosen.
    Assigning,
    /// The device has a hub.
    Assigned,
    /// No hub could be given; the error code says why.
    Failed,
    /// The device may not register.
    Disabled,
}

impl Registration {
    /// The id under which the device registered, in lower case: to the service it is the same in any (Microsoft Learn: "Terminology used with
    /// Device Provisioning Service", registration ID). None if it is not one that we could have given.
    pub fn id(&self) -> Option<RegistrationId> {
        RegistrationId::parse(&self.raw_id()?.to_ascii_lowercase()).ok()
    }

    /// The id as it was read.
    pub fn raw_id(&self) -> Option<&str> {
        self.0.text(&["registrationId"])
    }

    /// How far the registration is; none if the service says something unknown.
    pub fn status(&self) -> Option<RegistrationStatus> {
        match self.0.text(&["status"])? {
            "unassigned" => Some(RegistrationStatus::Unassigned),
            "assigning" => Some(RegistrationStatus::Assigning),
            "assigned" => Some(RegistrationStatus::Assigned),
            "failed" => Some(RegistrationStatus::Failed),
            "disabled" => Some(RegistrationStatus::Disabled),
            _ => None,
        }
    }

    /// The host name of the device's hub; check it before a token is signed for it.
    pub fn assigned_hub(&self) -> Option<&str> {
        self.0.text(&["assignedHub"])
    }

    /// The id that the device has in its hub.
    pub fn device_id(&self) -> Option<DeviceId> {
        DeviceId::parse(self.0.text(&["deviceId"])?).ok()
    }

    /// Why the registration failed, as a number of the service; 0 if it did not.
    pub fn error_code(&self) -> i64 {
        self.0.get(&["errorCode"]).and_then(Value::as_i64).unwrap_or(0)
    }

    /// The tag of this state of the record, for the condition of a deletion.
    pub fn etag(&self) -> Option<&str> {
        self.0.text(&["etag"])
    }

    /// When the device first registered.
    pub fn created(&self) -> Option<Timestamp> {
        self.0.text(&["createdDateTimeUtc"])?.parse().ok()
    }

    /// When the record last changed.
    pub fn updated(&self) -> Option<Timestamp> {
        self.0.text(&["lastUpdatedDateTimeUtc"])?.parse().ok()
    }
}
