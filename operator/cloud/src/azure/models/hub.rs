//! IoT hubs, as the resource manager describes them.

use serde_json::{Value, json};

use super::network::{self, NetworkAccess};
use super::policies::{self, POLICIES};
use super::{Document, document, tagged, written_in_one_version};
use crate::azure::access_keys::AccessKey;

document! {
    /// An IoT hub.
    Hub, read_only: &[
        &["id"],
        &["name"],
        &["type"],
        &["systemData"],
        &["sku", "tier"],
        &["identity", "principalId"],
        &["identity", "tenantId"],
        &["identity", "userAssignedIdentities", "*", "principalId"],
        &["identity", "userAssignedIdentities", "*", "clientId"],
        &["properties", "provisioningState"],
        &["properties", "state"],
        &["properties", "hostName"],
        &["properties", "deviceHostName"],
        &["properties", "serviceHostName"],
        &["properties", "deviceRegistry"],
        &["properties", "iotHubDetails"],
        &["properties", "locations"],
        &["properties", "rootCertificate", "lastUpdatedTimeUtc"],
        &["properties", "eventHubEndpoints", "*", "partitionIds"],
        &["properties", "eventHubEndpoints", "*", "path"],
        &["properties", "eventHubEndpoints", "*", "endpoint"],
        &["properties", "routing", "endpoints", "cosmosDBSqlContainers", "*", "id"],
        &["properties", "routing", "endpoints", "eventStreams", "*", "id"],
        &["properties", "privateEndpointConnections", "*", "id"],
        &["properties", "privateEndpointConnections", "*", "name"],
        &["properties", "privateEndpointConnections", "*", "type"],
        &["properties", "privateEndpointConnections", "*", "systemData"],
        &["properties", "privateEndpointConnections", "*", "properties", "privateEndpoint", "id"],
    ]
}
tagged!(Hub);
// As api-version 2023-06-30 has them.
written_in_one_version!(
    Hub,
    &[
        (&[], &["id", "name", "type", "location", "tags", "etag", "properties", "sku", "identity", "systemData"]),
        (
            &["properties"],
            &[
                "allowedFqdnList",
                "authorizationPolicies",
                "cloudToDevice",
                "comments",
                "disableDeviceSAS",
                "disableLocalAuth",
                "disableModuleSAS",
                "enableDataResidency",
                "enableFileUploadNotifications",
                "eventHubEndpoints",
                "features",
                "hostName",
                "ipFilterRules",
                "locations",
                "messagingEndpoints",
                "minTlsVersion",
                "networkRuleSets",
                "privateEndpointConnections",
                "provisioningState",
                "publicNetworkAccess",
                "restrictOutboundNetworkAccess",
                "routing",
                "state",
                "storageEndpoints",
            ],
        ),
        (
            &["properties", "routing", "endpoints"],
            &["cosmosDBSqlContainers", "eventHubs", "serviceBusQueues", "serviceBusTopics", "storageContainers"],
        ),
    ]
);

/// What a shared access policy of a hub allows; at least one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "four rights, each given or not")]
pub struct PolicyRights {
    /// To read device identities.
    pub registry_read: bool,
    /// To write device identities.
    pub registry_write: bool,
    /// To speak with devices as a service.
    pub service_connect: bool,
    /// To speak as any device.
    pub device_connect: bool,
}

impl PolicyRights {
    /// What a provisioning service needs of the policy by which it is linked (Microsoft: "How to link and manage IoT
    /// hubs", permissions): to write the registry and to connect as a service.
    pub const LINK: Self = Self { registry_read: false, registry_write: true, service_connect: true, device_connect: false };

    /// The rights in the order and the form in which hubs take them, such as `RegistryWrite, ServiceConnect`.
    pub fn text(self) -> String {
        let rights = [
            (self.registry_read, "RegistryRead"),
            (self.registry_write, "RegistryWrite"),
            (self.service_connect, "ServiceConnect"),
            (self.device_connect, "DeviceConnect"),
        ];
        let given: Vec<&str> = rights.iter().filter(|(given, _)| *given).map(|(_, name)| *name).collect();
        given.join(", ")
    }
}

impl Hub {
    /// A hub that is to be created in a region, of a size such as `S1` and a number of units.
    pub fn new(location: &str, sku: &str, units: i64) -> Self {
        Self(Document::of(json!({
            "location": location,
            "sku": { "name": sku, "capacity": units },
            "properties": {},
        })))
    }

    /// The tag of this state of the hub, for the condition of a write.
    pub fn etag(&self) -> Option<&str> {
        self.0.text(&["etag"])
    }

    /// The hub's host name; check it before a token is signed for it.
    pub fn host_name(&self) -> Option<&str> {
        self.0.text(&["properties", "hostName"])
    }

    /// The hub's own state, such as `Active` or `Transitioning`.
    pub fn state(&self) -> Option<&str> {
        self.0.text(&["properties", "state"])
    }

    /// The size, such as `S1`.
    pub fn sku(&self) -> Option<&str> {
        self.0.text(&["sku", "name"])
    }

    /// The number of units.
    pub fn units(&self) -> Option<i64> {
        self.0.get(&["sku", "capacity"])?.as_i64()
    }

    /// Says whether the hub accepts no shared access keys, which breaks links by key.
    pub fn refuses_keys(&self) -> bool {
        self.0.get(&["properties", "disableLocalAuth"]).and_then(Value::as_bool).unwrap_or(false)
    }

    /// From where the hub's service API can be reached.
    pub fn network_access(&self) -> NetworkAccess {
        network::access(&self.0)
    }

    /// Says whether the hub can be reached from the internet; one that says nothing can.
    pub fn is_public(&self) -> bool {
        self.0.text(&["properties", "publicNetworkAccess"]) != Some("Disabled")
    }

    /// The same with another size and number of units.
    #[must_use]
    pub fn with_sku(mut self, sku: &str, units: i64) -> Self {
        self.0.set(&["sku", "name"], sku);
        self.0.set(&["sku", "capacity"], units);
        self
    }

    /// The same with exactly these policies and their keys, as they were listed.
    ///
    /// A hub that is read has no keys, and a list that is written replaces the whole list: before
    /// [`Hub::with_policy`], everything that was listed goes in here.
    #[must_use]
    pub fn with_access_keys(mut self, listed: &[AccessKey]) -> Self {
        policies::put(&mut self.0, listed);
        self
    }

    /// The same with a policy added or its rights replaced; without keys of its own it gets new ones from the service.
    #[must_use]
    pub fn with_policy(mut self, name: &str, rights: PolicyRights) -> Self {
        let policies = self.0.list_mut(POLICIES);
        match policies.iter_mut().find(|policy| policy["keyName"] == name) {
            Some(policy) => policy["rights"] = rights.text().into(),
            None => policies.push(json!({ "keyName": name, "rights": rights.text() })),
        }
        self
    }

    /// The same with the keys of a policy replaced; a policy that is not there is not made.
    #[must_use]
    pub fn with_policy_keys(mut self, key: &AccessKey) -> Self {
        let policies = self.0.list_mut(POLICIES);
        if let Some(policy) = policies.iter_mut().find(|policy| policy["keyName"] == key.name.as_str()) {
            policy["primaryKey"] = key.keys.primary.expose_base64().as_str().into();
            policy["secondaryKey"] = key.keys.secondary.expose_base64().as_str().into();
        }
        self
    }

    /// The same without a policy.
    #[must_use]
    pub fn without_policy(mut self, name: &str) -> Self {
        self.0.list_mut(POLICIES).retain(|policy| policy["keyName"] != name);
        self
    }

    /// Refuses a write that would take keys from policies that have some.
    pub(crate) fn validate(&self) -> Result<(), &'static str> {
        policies::validate(&self.0)
    }
}
