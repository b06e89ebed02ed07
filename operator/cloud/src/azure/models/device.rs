//! A device's identity in a hub.

use moorage_keys::DeviceId;
use serde_json::json;

use super::{Document, document};
use crate::azure::access_keys::KeyPair;

document! {
    /// The identity of a device in a hub's registry; the fields that only the hub writes are those of Microsoft's
    /// "Understand the identity registry in your IoT hub".
    Device, read_only: &[
        &["generationId"],
        &["connectionState"],
        &["connectionStateUpdatedTime"],
        &["statusUpdatedTime"],
        &["lastActivityTime"],
        &["cloudToDeviceMessageCount"],
    ]
}

impl Device {
    /// An enabled identity that is to be created with these keys.
    pub fn with_symmetric_keys(id: &DeviceId, keys: &KeyPair) -> Self {
        Self::of_id(id).with_keys(keys)
    }

    /// An enabled identity without keys yet.
    pub fn of_id(id: &DeviceId) -> Self {
        Self(Document::of(json!({ "deviceId": id.as_str(), "status": "enabled", "authentication": { "type": "sas" } })))
    }

    /// The device's id.
    pub fn id(&self) -> Option<DeviceId> {
        DeviceId::parse(self.0.text(&["deviceId"])?).ok()
    }

    /// The tag of this state of the identity, for the condition of a write.
    pub fn etag(&self) -> Option<&str> {
        self.0.text(&["etag"])
    }

    /// What tells this identity from an earlier one of the same id.
    pub fn generation(&self) -> Option<&str> {
        self.0.text(&["generationId"])
    }

    /// Says whether the device may connect.
    pub fn is_enabled(&self) -> bool {
        self.0.text(&["status"]) != Some("disabled")
    }

    /// Why the device may not connect, in the words of whoever disabled it.
    pub fn status_reason(&self) -> Option<&str> {
        self.0.text(&["statusReason"])
    }

    /// Says whether the device was connected when the hub last looked.
    pub fn is_connected(&self) -> bool {
        self.0.text(&["connectionState"]) == Some("Connected")
    }

    /// The device's keys, unless it proves itself otherwise.
    pub fn keys(&self) -> Option<KeyPair> {
        let primary = self.0.text(&["authentication", "symmetricKey", "primaryKey"])?;
        let secondary = self.0.text(&["authentication", "symmetricKey", "secondaryKey"])?;
        KeyPair::from_base64(primary, secondary).ok()
    }

    /// The same with other keys.
    #[must_use]
    pub fn with_keys(mut self, keys: &KeyPair) -> Self {
        self.0.set(&["authentication", "symmetricKey", "primaryKey"], keys.primary.expose_base64().as_str());
        self.0.set(&["authentication", "symmetricKey", "secondaryKey"], keys.secondary.expose_base64().as_str());
        self
    }

    /// The same, allowed to connect.
    #[must_use]
    pub fn enabled(mut self) -> Self {
        self.0.set(&["status"], "enabled");
        self.0.remove(&["statusReason"]);
        self
    }

    /// The same, not allowed to connect, with the reason, of which the hub keeps 128 characters.
    #[must_use]
    pub fn disabled(mut self, reason: &str) -> Self {
        self.0.set(&["status"], "disabled");
        self.0.set(&["statusReason"], reason.chars().take(128).collect::<String>());
        self
    }
}
