//! A request, as the tests write it.

use http::{HeaderMap, HeaderValue, Method};
use moorage_simulator::spec::{OperationRef, SeenRequest, SpecBook, Verdict};
use serde_json::{Value, json};

pub const ARM: &str = "management.azure.com";
pub const DPS: &str = "contoso.azure-devices-provisioning.net";
pub const GLOBAL: &str = "global.azure-devices-provisioning.net";
pub const HUB: &str = "contoso-east.azure-devices.net";

pub const DEVICES: &str = "/subscriptions/2f5c/resourceGroups/plant/providers/Microsoft.Devices";

pub struct Call<'a> {
    pub method: Method,
    pub host: &'a str,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Option<Value>,
}

impl<'a> Call<'a> {
    pub fn new(method: &str, host: &'a str, path: impl Into<String>, version: &str) -> Self {
        Self {
            method: method.parse().expect("a method"),
            host,
            path: path.into(),
            query: vec![("api-version".to_owned(), version.to_owned())],
            headers: HeaderMap::new(),
            body: None,
        }
    }

    pub fn body(mut self, body: Value) -> Self {
        self.header("content-type", "application/json; charset=utf-8").body = Some(body);
        self
    }

    pub fn header(&mut self, name: &'static str, value: &'static str) -> &mut Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    pub fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.header(name, value);
        self
    }

    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn verdict(&self) -> Verdict {
        SpecBook::azure().check(&SeenRequest {
            method: &self.method,
            host: self.host,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: self.body.as_ref(),
        })
    }

    pub fn found(&self) -> Vec<String> {
        self.verdict().violations.iter().map(ToString::to_string).collect()
    }

    pub fn operation(&self) -> OperationRef {
        self.verdict().operation.expect("a declared operation")
    }
}

pub fn hub() -> Value {
    json!({
        "location": "eastus",
        "tags": {"moorage.dev/installation": "4f1c"},
        "sku": {"name": "S1", "capacity": 1},
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "minTlsVersion": "1.2",
            "publicNetworkAccess": "Enabled",
            "eventHubEndpoints": {"events": {"retentionTimeInDays": 1, "partitionCount": 4}},
            "authorizationPolicies": [{"keyName": "moorage", "rights": "RegistryWrite, ServiceConnect", "primaryKey": null}],
            "cloudToDevice": {"defaultTtlAsIso8601": "PT1H", "maxDeliveryCount": 10},
            "routing": {"routes": [{"name": "all", "source": "DeviceMessages", "endpointNames": ["events"], "isEnabled": true}]}
        }
    })
}

pub fn put_hub(body: Value) -> Call<'static> {
    Call::new("PUT", ARM, format!("{DEVICES}/IotHubs/contoso-east"), "2023-06-30").body(body)
}

pub fn hub_with(pointer: &str, value: Value) -> Value {
    let mut body = hub();
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    body.pointer_mut(parent).expect("the parent")[key] = value;
    body
}

pub fn group() -> Value {
    json!({
        "enrollmentGroupId": "plant",
        "attestation": {"type": "symmetricKey", "symmetricKey": {"primaryKey": "cHJpbWFyeQ==", "secondaryKey": "c2Vjb25kYXJ5"}},
        "allocationPolicy": "geoLatency",
        "iotHubs": ["contoso-east.azure-devices.net"],
        "provisioningStatus": "enabled",
        "reprovisionPolicy": {"updateHubAssignment": true, "migrateDeviceData": true},
        "initialTwin": {"tags": {"plant": "augsburg", "line": 3}, "properties": {"desired": {"rate": {"seconds": 5}}}},
        "capabilities": {"iotEdge": false}
    })
}

pub fn put_group(body: Value) -> Call<'static> {
    Call::new("PUT", DPS, "/enrollmentGroups/plant", "2021-10-01").body(body)
}
