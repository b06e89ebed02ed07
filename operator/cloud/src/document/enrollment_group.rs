mod signers;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Document, document};
use crate::cloud::HubHost;
use crate::keys::KeyPair;

pub use self::signers::{Pair, Signers};

document! {
    /// An enrollment group of a provisioning service.
    EnrollmentGroup, read_only: &[&["createdDateTimeUtc"], &["lastUpdatedDateTimeUtc"]]
}

/// How a provisioning service chooses the hub of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllocationPolicy {
    /// Evenly, by the hubs' weights.
    Hashed,
    /// The hub that answers the device's network fastest.
    GeoLatency,
    /// Always the one hub that is listed.
    Static,
    /// As a webhook says.
    Custom,
}

/// By what a device proves that it belongs to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attestation {
    /// A key derived from the group's.
    SymmetricKey,
    /// A certificate that the group's authority signed.
    X509,
    /// The endorsement key of a trusted platform module.
    Tpm,
    /// Nothing.
    None,
}

/// What happens to a device that registers again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reprovisioning {
    /// It may move to another hub, and its twin with it.
    Migrate,
    /// It may move to another hub, and starts with the group's initial twin.
    Reset,
    /// It stays where it is.
    Never,
}

const KEYS: &[&str] = &["attestation", "symmetricKey"];

impl AllocationPolicy {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Hashed, "hashed"), (Self::GeoLatency, "geoLatency"), (Self::Static, "static"), (Self::Custom, "custom")];

    pub(super) fn read(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(policy, _)| *policy)
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Hashed => "hashed",
            Self::GeoLatency => "geoLatency",
            Self::Static => "static",
            Self::Custom => "custom",
        }
    }
}

impl Reprovisioning {
    /// As the two fields of an enrollment say it: whether the hub may change, and whether the data goes along.
    pub(super) fn read(says: impl Fn(&'static str) -> bool) -> Self {
        match (says("updateHubAssignment"), says("migrateDeviceData")) {
            (true, true) => Self::Migrate,
            (true, false) => Self::Reset,
            (false, _) => Self::Never,
        }
    }

    /// The two fields.
    pub(super) fn fields(self) -> (bool, bool) {
        match self {
            Self::Migrate => (true, true),
            Self::Reset => (true, false),
            Self::Never => (false, false),
        }
    }
}

impl EnrollmentGroup {
    /// A group that is to be created with symmetric keys of ours.
    ///
    /// The keys are given even to a new group: the service would make some, but only a key that is stored before it is
    /// registered survives a crash in between.
    pub fn with_symmetric_keys(id: &str, keys: &KeyPair) -> Self {
        Self(Document::of(json!({ "enrollmentGroupId": id }))).with_keys(keys)
    }

    /// The group's name.
    pub fn id(&self) -> Option<&str> {
        self.0.text(&["enrollmentGroupId"])
    }

    /// The tag of this state of the group, for the condition of a write.
    pub fn etag(&self) -> Option<&str> {
        self.0.text(&["etag"])
    }

    /// By what its devices prove themselves; none if the service says something unknown.
    pub fn attestation(&self) -> Option<Attestation> {
        match self.0.text(&["attestation", "type"])? {
            "symmetricKey" => Some(Attestation::SymmetricKey),
            "x509" => Some(Attestation::X509),
            "tpm" => Some(Attestation::Tpm),
            "none" => Some(Attestation::None),
            _ => None,
        }
    }

    /// The group's keys, which only the answer to a write has.
    pub fn keys(&self) -> Option<KeyPair> {
        let primary = self.0.text(&["attestation", "symmetricKey", "primaryKey"])?;
        let secondary = self.0.text(&["attestation", "symmetricKey", "secondaryKey"])?;
        KeyPair::from_base64(primary, secondary).ok()
    }

    /// How devices are given their hub; none if the service's own policy holds, or it says something unknown.
    pub fn allocation(&self) -> Option<AllocationPolicy> {
        AllocationPolicy::read(self.0.text(&["allocationPolicy"])?)
    }

    /// The host names of the hubs that devices may be given, as they were read; none at all means every linked hub.
    pub fn hubs(&self) -> Vec<&str> {
        let single = self.0.text(&["iotHubHostName"]).into_iter();
        let listed: Vec<&str> = self.0.list(&["iotHubs"]).iter().filter_map(Value::as_str).collect();
        if listed.is_empty() { single.collect() } else { listed }
    }

    /// Says whether devices may register.
    pub fn is_enabled(&self) -> bool {
        self.0.text(&["provisioningStatus"]) != Some("disabled")
    }

    /// What happens to a device that registers again.
    pub fn reprovisioning(&self) -> Reprovisioning {
        let says = |field: &'static str| self.0.get(&["reprovisionPolicy", field]).and_then(Value::as_bool).unwrap_or(true);
        Reprovisioning::read(says)
    }

    /// The tags that a new device's twin starts with.
    pub fn initial_tags(&self) -> Option<&Map<String, Value>> {
        self.0.get(&["initialTwin", "tags"])?.as_object()
    }

    /// The desired properties that a new device's twin starts with.
    pub fn initial_desired(&self) -> Option<&Map<String, Value>> {
        self.0.get(&["initialTwin", "properties", "desired"])?.as_object()
    }

    /// The webhook that chooses a device's hub, and the version of what it is sent.
    pub fn custom_allocation(&self) -> Option<(&str, &str)> {
        self.0.text(&["customAllocationDefinition", "webhookUrl"]).zip(self.0.text(&["customAllocationDefinition", "apiVersion"]))
    }

    /// Says whether the group's devices are IoT Edge devices.
    pub fn is_edge(&self) -> bool {
        self.0.get(&["capabilities", "iotEdge"]).and_then(Value::as_bool).unwrap_or(false)
    }

    /// When the group was created.
    pub fn created(&self) -> Option<Timestamp> {
        self.0.text(&["createdDateTimeUtc"])?.parse().ok()
    }

    /// The same with these keys; every write of a symmetric group must have them, or its devices' keys may all change.
    #[must_use]
    pub fn with_keys(mut self, keys: &KeyPair) -> Self {
        self.0.set(&["attestation", "type"], "symmetricKey");
        self.0.set(&["attestation", "symmetricKey", "primaryKey"], keys.primary.expose_base64().as_str());
        self.0.set(&["attestation", "symmetricKey", "secondaryKey"], keys.secondary.expose_base64().as_str());
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

    /// The same, letting devices register or not.
    #[must_use]
    pub fn with_enabled(mut self, enabled: bool) -> Self {
        self.0.set(&["provisioningStatus"], if enabled { "enabled" } else { "disabled" });
        self
    }

    /// The same with another rule for devices that register again.
    #[must_use]
    pub fn with_reprovisioning(mut self, rule: Reprovisioning) -> Self {
        let (update, migrate) = rule.fields();
        self.0.set(&["reprovisionPolicy", "updateHubAssignment"], update);
        self.0.set(&["reprovisionPolicy", "migrateDeviceData"], migrate);
        self
    }

    /// The same with other tags for the twins of new devices to start with.
    #[must_use]
    pub fn with_initial_tags(mut self, tags: Map<String, Value>) -> Self {
        self.0.set(&["initialTwin", "tags"], tags);
        self
    }

    /// The same with other desired properties for the twins of new devices to start with.
    #[must_use]
    pub fn with_initial_desired(mut self, desired: Map<String, Value>) -> Self {
        self.0.set(&["initialTwin", "properties", "desired"], desired);
        self
    }

    /// The same with this webhook to choose a device's hub, and the version of what it is sent.
    #[must_use]
    pub fn with_custom_allocation(mut self, url: &str, version: &str) -> Self {
        self.0.set(&["customAllocationDefinition", "webhookUrl"], url);
        self.0.set(&["customAllocationDefinition", "apiVersion"], version);
        self
    }

    /// The same without a webhook, whose URL may hold a key.
    #[must_use]
    pub fn without_custom_allocation(mut self) -> Self {
        self.0.remove(&["customAllocationDefinition"]);
        self
    }

    /// The same for IoT Edge devices, or for others.
    #[must_use]
    pub fn with_edge(mut self, edge: bool) -> Self {
        self.0.set(&["capabilities", "iotEdge"], edge);
        self
    }

    /// Says whether a write would leave the choice of keys, of signers, or of hubs, to the service.
    pub(crate) fn flaw(&self) -> Option<&'static str> {
        if self.attestation() == Some(Attestation::SymmetricKey) && !self.has_both_keys() {
            return Some("a symmetric group is never written without both of its keys");
        }
        if self.attestation() == Some(Attestation::X509) && !self.has_any_signer() {
            return Some("a group of certificates is never written without who signs them");
        }
        self.hubs().is_empty().then_some("a group is never written without a list of hubs")
    }

    fn has_both_keys(&self) -> bool {
        let keys = self.0.get(KEYS);
        ["primaryKey", "secondaryKey"].iter().all(|key| keys.is_some_and(|keys| keys[*key].is_string()))
    }
}
