use moorage_keys::{DeviceId, RegistrationId};
use serde_json::{Map, Value, json};

use super::enrollment_group::{AllocationPolicy, Reprovisioning};
use super::registration::Registration;
use super::{Document, document};
use crate::cloud::HubHost;
use crate::keys::KeyPair;

document! {
    /// The enrollment of one registration id, which wins over every enrollment group (Microsoft: "How to disenroll a
    /// device from Azure IoT Hub Device Provisioning Service").
    IndividualEnrollment, read_only: &[&["createdDateTimeUtc"], &["lastUpdatedDateTimeUtc"], &["registrationState"]]
}

impl IndividualEnrollment {
    /// An enrollment that is to be created with symmetric keys of ours, and that lets its device register.
    pub fn with_symmetric_keys(id: &RegistrationId, keys: &KeyPair) -> Self {
        Self::of_device(id).with_keys(keys)
    }

    /// The enrollment of a registration id, without keys yet.
    pub fn of_device(id: &RegistrationId) -> Self {
        Self(Document::of(json!({ "registrationId": id.as_str() })))
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

    /// How the device is given its hub; none if the service's own policy holds, or it says something unknown.
    pub fn allocation(&self) -> Option<AllocationPolicy> {
        AllocationPolicy::read(self.0.text(&["allocationPolicy"])?)
    }

    /// What happens when the device registers again.
    pub fn reprovisioning(&self) -> Reprovisioning {
        Reprovisioning::read(|field| self.0.get(&["reprovisionPolicy", field]).and_then(Value::as_bool).unwrap_or(true))
    }

    /// What the device is called in its hub, as it was read; none if it is called by its registration id.
    pub fn device_id(&self) -> Option<&str> {
        self.0.text(&["deviceId"]).filter(|id| !id.is_empty())
    }

    /// Says whether the device is an IoT Edge device.
    pub fn is_edge(&self) -> bool {
        self.0.get(&["capabilities", "iotEdge"]).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The webhook that chooses the device's hub, and the version of what it is sent.
    pub fn custom_allocation(&self) -> Option<(&str, &str)> {
        self.0.text(&["customAllocationDefinition", "webhookUrl"]).zip(self.0.text(&["customAllocationDefinition", "apiVersion"]))
    }

    /// The record of the device, once it registered through this enrollment.
    pub fn registration(&self) -> Option<Registration> {
        self.0.get(&["registrationState"]).map(|state| Registration(Document::of(state.clone())))
    }

    /// The desired properties that the device's twin starts with.
    pub fn initial_desired(&self) -> Option<&Map<String, Value>> {
        self.0.get(&["initialTwin", "properties", "desired"])?.as_object()
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

    /// The same with these hubs, and only these, chosen among by this policy.
    #[must_use]
    pub fn with_hubs(mut self, policy: AllocationPolicy, hubs: &[HubHost]) -> Self {
        let hosts: Vec<Value> = hubs.iter().map(|hub| hub.to_string().into()).collect();
        self.0.set(&["allocationPolicy"], policy.as_str());
        self.0.set(&["iotHubs"], hosts);
        self.0.remove(&["iotHubHostName"]);
        self
    }

    /// The same with a webhook that chooses the hub, and the version of what it is sent; or with none.
    #[must_use]
    pub fn with_custom_allocation(mut self, webhook: Option<(&str, &str)>) -> Self {
        match webhook {
            Some((url, version)) => {
                self.0.set(&["customAllocationDefinition", "webhookUrl"], url);
                self.0.set(&["customAllocationDefinition", "apiVersion"], version);
            }
            None => self.0.remove(&["customAllocationDefinition"]),
        }
        self
    }

    /// The same with another rule for when the device registers again.
    #[must_use]
    pub fn with_reprovisioning(mut self, rule: Reprovisioning) -> Self {
        let (update, migrate) = rule.fields();
        self.0.set(&["reprovisionPolicy", "updateHubAssignment"], update);
        self.0.set(&["reprovisionPolicy", "migrateDeviceData"], migrate);
        self
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

    /// The same, being an IoT Edge device or not.
    #[must_use]
    pub fn with_edge(mut self, edge: bool) -> Self {
        self.0.set(&["capabilities", "iotEdge"], edge);
        self
    }

    /// The same with other desired properties for the device's twin to start with.
    #[must_use]
    pub fn with_initial_desired(mut self, desired: Map<String, Value>) -> Self {
        self.0.set(&["initialTwin", "properties", "desired"], desired);
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
