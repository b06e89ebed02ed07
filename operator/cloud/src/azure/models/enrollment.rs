//! What every enrollment says, a group's and a single device's: into which hubs, by which policy, with what to start with.

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

/// What happens to a device that registers again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reprovisioning {
    /// It may move to another hub, and its twin with it.
    Migrate,
    /// It may move to another hub, and starts with the initial twin of its enrollment.
    Reset,
    /// It stays where it is.
    Never,
}

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

/// What every enrollment has.
macro_rules! enrollment {
    ($name:ident) => {
        impl $name {
            /// The tag of this state of the enrollment, for the condition of a write.
            pub fn etag(&self) -> Option<&str> {
                self.0.text(&["etag"])
            }

            /// Says whether devices may register through it.
            pub fn is_enabled(&self) -> bool {
                self.0.text(&["provisioningStatus"]) != Some("disabled")
            }

            /// The host names of the hubs that a device may be given, as they were read; none at all means every linked hub.
            pub fn hubs(&self) -> Vec<&str> {
                let single = self.0.text(&["iotHubHostName"]).into_iter();
                let listed: Vec<&str> = self.0.list(&["iotHubs"]).iter().filter_map(serde_json::Value::as_str).collect();
                if listed.is_empty() { single.collect() } else { listed }
            }

            /// How a device is given its hub; none if the service's own policy holds, or it says something unknown.
            pub fn allocation(&self) -> Option<$crate::azure::models::enrollment::AllocationPolicy> {
                $crate::azure::models::enrollment::AllocationPolicy::read(self.0.text(&["allocationPolicy"])?)
            }

            /// What happens to a device that registers again.
            pub fn reprovisioning(&self) -> $crate::azure::models::enrollment::Reprovisioning {
                let says = |field: &'static str| self.0.get(&["reprovisionPolicy", field]).and_then(serde_json::Value::as_bool);
                $crate::azure::models::enrollment::Reprovisioning::read(|field| says(field).unwrap_or(true))
            }

            /// The tags that a new device's twin starts with.
            pub fn initial_tags(&self) -> Option<&serde_json::Map<String, serde_json::Value>> {
                self.0.get(&["initialTwin", "tags"])?.as_object()
            }

            /// The desired properties that a new device's twin starts with.
            pub fn initial_desired(&self) -> Option<&serde_json::Map<String, serde_json::Value>> {
                self.0.get(&["initialTwin", "properties", "desired"])?.as_object()
            }

            /// The webhook that chooses a device's hub, and the version of what it is sent.
            pub fn custom_allocation(&self) -> Option<(&str, &str)> {
                self.0.text(&["customAllocationDefinition", "webhookUrl"]).zip(self.0.text(&["customAllocationDefinition", "apiVersion"]))
            }

            /// Says whether its devices are IoT Edge devices.
            pub fn is_edge(&self) -> bool {
                self.0.get(&["capabilities", "iotEdge"]).and_then(serde_json::Value::as_bool).unwrap_or(false)
            }

            /// The same with these keys; every write must have them, or the service may make others.
            #[must_use]
            pub fn with_keys(mut self, keys: &$crate::azure::access_keys::KeyPair) -> Self {
                self.0.set(&["attestation", "type"], "symmetricKey");
                self.0.set(&["attestation", "symmetricKey", "primaryKey"], keys.primary.expose_base64().as_str());
                self.0.set(&["attestation", "symmetricKey", "secondaryKey"], keys.secondary.expose_base64().as_str());
                self
            }

            /// The same with these hubs, and only these, chosen among by this policy.
            #[must_use]
            pub fn with_hubs(
                mut self,
                policy: $crate::azure::models::enrollment::AllocationPolicy,
                hubs: &[$crate::azure::iot_hub::HubHost],
            ) -> Self {
                let hosts: Vec<serde_json::Value> = hubs.iter().map(|hub| hub.to_string().into()).collect();
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
            pub fn with_reprovisioning(mut self, rule: $crate::azure::models::enrollment::Reprovisioning) -> Self {
                let (update, migrate) = rule.fields();
                self.0.set(&["reprovisionPolicy", "updateHubAssignment"], update);
                self.0.set(&["reprovisionPolicy", "migrateDeviceData"], migrate);
                self
            }

            /// The same with other tags for the twins of new devices to start with; a tag's value is an object.
            #[must_use]
            pub fn with_initial_tags(mut self, tags: serde_json::Map<String, serde_json::Value>) -> Self {
                self.0.set(&["initialTwin", "tags"], tags);
                self
            }

            /// The same with other desired properties for the twins of new devices to start with.
            #[must_use]
            pub fn with_initial_desired(mut self, desired: serde_json::Map<String, serde_json::Value>) -> Self {
                self.0.set(&["initialTwin", "properties", "desired"], desired);
                self
            }

            /// The same with a webhook that chooses a device's hub, and the version of what it is sent; or with none.
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

            /// The same for IoT Edge devices, or for others.
            #[must_use]
            pub fn with_edge(mut self, edge: bool) -> Self {
                self.0.set(&["capabilities", "iotEdge"], edge);
                self
            }

            fn has_both_keys(&self) -> bool {
                let keys = self.0.get(&["attestation", "symmetricKey"]);
                ["primaryKey", "secondaryKey"].iter().all(|key| keys.is_some_and(|keys| keys[*key].is_string()))
            }
        }
    };
}

pub(crate) use enrollment;
