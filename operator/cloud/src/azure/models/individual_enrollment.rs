//! Enrollments of single registration ids.

use moorage_keys::{DeviceId, RegistrationId};
use serde_json::json;

use super::enrollment::enrollment;
use super::registration::Registration;
use super::{Document, document, written_in_one_version};
use crate::azure::access_keys::KeyPair;

document! {
    /// The enrollment of one registration id, which wins over every enrollment group (Microsoft: "How to disenroll a
    /// device from Azure IoT Hub Device Provisioning Service").
    IndividualEnrollment, read_only: &[&["createdDateTimeUtc"], &["lastUpdatedDateTimeUtc"], &["registrationState"]]
}

enrollment!(IndividualEnrollment);
// As api-version 2021-10-01 has them.
written_in_one_version!(
    IndividualEnrollment,
    &[(
        &[],
        &[
            "allocationPolicy",
            "attestation",
            "capabilities",
            "createdDateTimeUtc",
            "customAllocationDefinition",
            "deviceId",
            "etag",
            "initialTwin",
            "iotHubHostName",
            "iotHubs",
            "lastUpdatedDateTimeUtc",
            "optionalDeviceInformation",
            "provisioningStatus",
            "registrationId",
            "registrationState",
            "reprovisionPolicy"
        ]
    )]
);

impl IndividualEnrollment {
    /// An enrollment that is to be created with symmetric keys of ours, and that lets its device register.
    pub fn with_symmetric_keys(id: &RegistrationId, keys: &KeyPair) -> Self {
        Self::of_device(id).with_keys(keys)
    }

    /// The enrollment of a registration id, without keys yet.
    pub fn of_device(id: &RegistrationId) -> Self {
        Self(Document::of(json!({ "registrationId": id.as_str() })))
    }

    /// The registration id, in lower case; none if it is not one that we could have given.
    pub fn id(&self) -> Option<RegistrationId> {
        RegistrationId::parse(&self.0.text(&["registrationId"])?.to_ascii_lowercase()).ok()
    }

    /// What the device is called in its hub, as it was read; none if it is called by its registration id.
    pub fn device_id(&self) -> Option<&str> {
        self.0.text(&["deviceId"]).filter(|id| !id.is_empty())
    }

    /// The record of the device, once it registered through this enrollment.
    pub fn registration(&self) -> Option<Registration> {
        self.0.get(&["registrationState"]).map(|state| Registration(Document::of(state.clone())))
    }

    /// The same, with the device called so in its hub, or by its registration id.
    #[must_use]
    pub fn with_device_id(mut self, id: Option<&DeviceId>) -> Self {
        match id {
            Some(id) => self.0.set(&["deviceId"], id.as_str()),
            None => self.0.remove(&["deviceId"]),
        }
        self
    }

    /// Refuses a write that would leave the choice of keys, or of a device's hub, to the service.
    pub(crate) fn validate(&self) -> Result<(), &'static str> {
        if self.0.text(&["attestation", "type"]) == Some("symmetricKey") && !self.has_both_keys() {
            return Err("an individual enrollment is never written without both of its keys");
        }
        if self.is_enabled() && self.hubs().is_empty() {
            return Err("an enrollment that lets a device in is never written without a list of hubs");
        }
        Ok(())
    }
}
