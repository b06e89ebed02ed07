use moorage_keys::RegistrationId;
use serde_json::{Map, Value, json};

use super::{Document, document};
use crate::keys::KeyPair;

document! {
    /// The enrollment of one registration id, which wins over every enrollment group (Microsoft: "How to disenroll a
    /// device from Azure IoT Hub Device Provisioning Service").
    IndividualEnrollment, read_only: &[&["createdDateTimeUtc"], &["lastUpdatedDateTimeUtc"], &["registrationState"]]
}

impl IndividualEnrollment {
    /// An enrollment that is to be created with symmetric keys of ours, and that lets its device register.
    pub fn with_symmetric_keys(id: &RegistrationId, keys: &KeyPair) -> Self {
        Self(Document::of(json!({ "registrationId": id.as_str() }))).with_keys(keys)
    }

    /// The registration id; none if it is not one that we could have given.
    pub fn id(&self) -> Option<RegistrationId> {
        RegistrationId::parse(self.0.text(&["registrationId"])?).ok()
    }

    /// The tag of this state of the enrollment, for the condition of a write.
    pub fn etag(&self) -> Option<&str> {
        self.0.text(&["etag"])
    }

    /// Says whether the device may register.
    pub fn is_enabled(&self) -> bool {
        self.0.text(&["provisioningStatus"]) != Some("disabled")
    }

    /// The host names of the hubs that the device may be given, as they were read; none at all means every linked hub.
    pub fn hubs(&self) -> Vec<&str> {
        let single = self.0.text(&["iotHubHostName"]).into_iter();
        let listed: Vec<&str> = self.0.list(&["iotHubs"]).iter().filter_map(Value::as_str).collect();
        if listed.is_empty() { single.collect() } else { listed }
    }

    /// The tags that the device's twin starts with.
    pub fn initial_tags(&self) -> Option<&Map<String, Value>> {
        self.0.get(&["initialTwin", "tags"])?.as_object()
    }

    /// The same with these keys; every write must have them, or the service may make others.
    #[must_use]
    pub fn with_keys(mut self, keys: &KeyPair) -> Self {
        self.0.set(&["attestation", "type"], "symmetricKey");
        self.0.set(&["attestation", "symmetricKey", "primaryKey"], keys.primary.expose_base64().as_str());
        self.0.set(&["attestation", "symmetricKey", "secondaryKey"], keys.secondary.expose_base64().as_str());
        self
    }

    /// The same, letting the device register or not.
    #[must_use]
    pub fn with_enabled(mut self, enabled: bool) -> Self {
        self.0.set(&["provisioningStatus"], if enabled { "enabled" } else { "disabled" });
        self
    }

    /// The same with other tags for the device's twin to start with; a tag's value is an object.
    #[must_use]
    pub fn with_initial_tags(mut self, tags: Map<String, Value>) -> Self {
        self.0.set(&["initialTwin", "tags"], tags);
        self
    }

    /// Says whether a write would leave the choice of keys, or of a device's hub, to the service.
    pub(crate) fn flaw(&self) -> Option<&'static str> {
        let keys = self.0.get(&["attestation", "symmetricKey"]);
        let has_keys = ["primaryKey", "secondaryKey"].iter().all(|key| keys.is_some_and(|keys| keys[*key].is_string()));
        if self.0.text(&["attestation", "type"]) == Some("symmetricKey") && !has_keys {
            return Some("an individual enrollment is never written without both of its keys");
        }
        (self.is_enabled() && self.hubs().is_empty())
            .then_some("an enrollment that lets a device in is never written without a list of hubs")
    }
}
