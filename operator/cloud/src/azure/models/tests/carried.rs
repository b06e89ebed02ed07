//! What only the newest api-version has a field for, and what nobody knows, is carried through a change of ours.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::files::{Definition, ENROLLMENT, GROUP, HUB, SERVICE, UNMARKED, read_only};
use super::{foreign, link_sent, link_to, read, sent};
use crate::azure::endpoints::Cloud;
use crate::azure::models::enrollment::AllocationPolicy;
use crate::azure::models::enrollment_group::EnrollmentGroup;
use crate::azure::models::hub::Hub;
use crate::azure::models::individual_enrollment::IndividualEnrollment;
use crate::azure::models::older::loss;
use crate::azure::models::provisioning_service::ProvisioningService;
use crate::azure::pipeline::service_client::Versioned;
use crate::azure::pipeline::version::Spoken;

/// A value of the shape of another one: with other texts and numbers, other lengths of lists, fields left out, and fields that
/// nobody knows.
fn like(form: &Value) -> BoxedStrategy<Value> {
    match form {
        Value::Null => Just(Value::Null).boxed(),
        Value::Bool(_) => any::<bool>().prop_map(Value::from).boxed(),
        Value::Number(_) => any::<i64>().prop_map(Value::from).boxed(),
        Value::String(_) => "\\PC{0,12}".prop_map(Value::from).boxed(),
        Value::Array(items) => prop::collection::vec(like(&items[0]), 0..3).prop_map(Value::from).boxed(),
        Value::Object(map) => {
            let fields: Vec<_> = map.iter().map(|(name, form)| (Just(name.clone()), prop::option::weighted(0.8, like(form)))).collect();
            (fields, foreign())
                .prop_map(|(fields, foreign)| {
                    let known = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
                    Value::Object(known.chain(foreign).collect::<Map<_, _>>())
                })
                .boxed()
        }
    }
}

fn hub() -> Value {
    let endpoint = json!({ "id": "i", "name": "n", "endpointUri": "u", "entityPath": "p", "connectionString": "c", "identity": { "userAssignedIdentity": "i" } });
    json!({
        "id": "i", "name": "n", "type": "t", "systemData": { "createdBy": "c" }, "etag": "e", "location": "l", "tags": { "team": "a" },
        "sku": { "name": "S1", "tier": "Standard", "capacity": 1 },
        "identity": { "type": "SystemAssigned, UserAssigned", "principalId": "p", "tenantId": "t", "userAssignedIdentities": { "u": { "principalId": "p", "clientId": "c" } } },
        "properties": {
            "provisioningState": "s", "state": "s", "hostName": "h", "deviceHostName": "h", "serviceHostName": "h", "locations": [{ "location": "l" }],
            "deviceRegistry": { "namespaceResourceId": "n", "linkingProperties": { "state": "s" } }, "iotHubDetails": { "gatewayVersion": "V1" },
            "encryption": { "keySource": "k", "keyVaultProperties": [{ "keyIdentifier": "k", "identity": { "userAssignedIdentity": "i" } }] },
            "rootCertificate": { "enableRootCertificateV2": true, "lastUpdatedTimeUtc": "t" },
            "ipVersion": "ipv6", "deviceStreams": { "streamingEndpoints": ["s"] }, "minTlsVersion": "1.2", "disableLocalAuth": false,
            "routing": {
                "endpoints": {
                    "eventHubs": [endpoint], "cosmosDBSqlContainers": [{ "id": "i", "name": "n" }],
                    "eventStreams": [{
                        "name": "n", "id": "i", "endpointUri": "u", "entityPath": "p", "authenticationType": "identityBased",
                        "identity": { "userAssignedIdentity": "i" }, "workspaceId": "w", "eventStreamId": "e", "sourceId": "s",
                    }],
                },
                "routes": [{ "name": "n", "source": "MqttBrokerMessages", "condition": "c", "endpointNames": ["n"], "isEnabled": true }],
                "fallbackRoute": { "name": "n", "source": "DigitalTwinChangeEvents", "endpointNames": ["events"], "isEnabled": true },
            },
            "privateEndpointConnections": [{ "id": "i", "name": "n", "type": "t", "systemData": {}, "properties": { "privateEndpoint": { "id": "i" }, "privateLinkServiceConnectionState": { "status": "s" } } }],
            "eventHubEndpoints": { "events": { "retentionTimeInDays": 1, "partitionCount": 4, "partitionIds": ["0"], "path": "p", "endpoint": "e" } },
        },
    })
}

fn service() -> Value {
    json!({
        "id": "i", "name": "n", "type": "t", "systemData": {}, "etag": "e", "resourcegroup": "r", "subscriptionid": "s", "location": "l", "tags": { "team": "a" },
        "sku": { "name": "S1", "tier": "Standard", "capacity": 1 },
        "identity": { "type": "SystemAssigned,UserAssigned", "principalId": "p", "tenantId": "t", "userAssignedIdentities": { "u": { "principalId": "p", "clientId": "c" } } },
        "properties": {
            "state": "s", "provisioningState": "s", "idScope": "i", "serviceOperationsHostName": "h", "deviceProvisioningHostName": "h",
            "portalOperationsHostName": "h", "allocationPolicy": "a", "enableDataResidency": false, "disableLocalAuth": false,
            "publicNetworkAccess": "p", "ipFilterRules": [{ "filterName": "f", "action": "a", "ipMask": "m", "target": "t" }],
            "privateEndpointConnections": [{ "id": "i", "properties": {} }],
            "deviceRegistryNamespaces": [{ "resourceId": "r", "authenticationType": "a", "linkingState": "l" }],
            "iotHubs": [{
                "name": "n", "hostName": "h", "authenticationType": "SystemAssigned", "selectedUserAssignedIdentityResourceId": "i",
                "connectionString": "c", "location": "l", "allocationWeight": 1, "applyAllocationPolicy": true,
            }],
        },
    })
}

fn enrollment(id: &str) -> Value {
    json!({
        id: "i", "namespaceName": "n", "certificateAuthorityName": "c", "certificatePolicyName": "p", "etag": "e",
        "attestation": { "type": "t", "symmetricKey": { "primaryKey": "p" } }, "capabilities": { "iotEdge": true },
        "iotHubHostName": "h", "iotHubs": ["h"], "allocationPolicy": "a", "provisioningStatus": "enabled",
        "initialTwin": { "tags": { "a": "b" }, "properties": { "desired": { "c": 1 } } },
        "reprovisionPolicy": { "updateHubAssignment": true, "migrateDeviceData": true },
        "customAllocationDefinition": { "webhookUrl": "u", "apiVersion": "v" },
        "createdDateTimeUtc": "t", "lastUpdatedDateTimeUtc": "t",
    })
}

/// Without what the file marks as read-only, and without more.
fn writable(mut value: Value, definition: &Definition, more: &[&str]) -> Value {
    for path in read_only(definition).iter().map(String::as_str).chain(more.iter().copied()) {
        let names: Vec<&str> = path.split('/').collect();
        drop_at(&mut value, &names);
    }
    value
}

fn drop_at(value: &mut Value, path: &[&str]) {
    match (path, value) {
        ([last], Value::Object(map)) => drop(map.remove(*last)),
        (["*", rest @ ..], Value::Array(list)) => list.iter_mut().for_each(|value| drop_at(value, rest)),
        (["*", rest @ ..], Value::Object(map)) => map.values_mut().for_each(|value| drop_at(value, rest)),
        ([first, rest @ ..], Value::Object(map)) => {
            if let Some(value) = map.get_mut(*first) {
                drop_at(value, rest);
            }
        }
        _ => {}
    }
}

fn hubs_set(mut value: Value) -> Value {
    value["allocationPolicy"] = "static".into();
    value["iotHubs"] = json!(["contoso-east.azure-devices.net"]);
    value["provisioningStatus"] = "disabled".into();
    drop_at(&mut value, &["iotHubHostName"]);
    value
}

proptest! {
    #[test]
    fn all_of_a_hub_is_carried_but_what_is_read_only_and_what_we_change(value in like(&hub())) {
        let mut expected = writable(value.clone(), &HUB, &[]);
        expected["sku"]["name"] = "S2".into();
        expected["sku"]["capacity"] = 4.into();
        expected["tags"]["moorage"] = "1".into();
        prop_assert_eq!(sent(&read::<Hub>(&value).with_sku("S2", 4).with_tag("moorage", "1").to_send()), expected);
    }

    #[test]
    fn all_of_a_service_is_carried_but_what_is_read_only_and_what_we_change(value in like(&service())) {
        let mut expected = writable(value.clone(), &SERVICE, &UNMARKED);
        expected["tags"]["moorage"] = "1".into();
        let links = &mut expected["properties"]["iotHubs"];
        if links.is_null() {
            *links = json!([]);
        }
        links.as_array_mut().expect("links").push(link_sent("ours.azure-devices.net"));
        let edited = read::<ProvisioningService>(&value).with_link(&link_to("ours.azure-devices.net")).with_tag("moorage", "1");
        prop_assert_eq!(sent(&edited.to_send()), expected);
    }

    #[test]
    fn all_of_an_enrollment_is_carried_but_what_is_read_only_and_what_we_change(
        group in like(&enrollment("enrollmentGroupId")), single in like(&enrollment("registrationId")),
    ) {
        let east = [Cloud::public().hub_named("contoso-east").expect("a hub's name")];
        let edited = read::<EnrollmentGroup>(&group).with_hubs(AllocationPolicy::Static, &east).with_enabled(false);
        prop_assert_eq!(sent(&edited.to_send()), hubs_set(writable(group, &GROUP, &[])));
        let edited = read::<IndividualEnrollment>(&single).with_hubs(AllocationPolicy::Static, &east).with_enabled(false);
        prop_assert_eq!(sent(&edited.to_send()), hubs_set(writable(single, &ENROLLMENT, &[])));
    }
}

const NEWEST: Spoken = Spoken { version: "2026-11-01", is_older: false };
const OLDER: Spoken = Spoken { version: "2023-06-30", is_older: true };

#[test]
fn in_an_older_version_only_what_we_made_is_rewritten_and_only_while_that_version_knows_all_of_it() {
    let plain = json!({ "etag": "e", "location": "l", "properties": { "routing": { "endpoints": { "eventHubs": [] } } } });
    let mut streams = plain.clone();
    streams["properties"]["routing"]["endpoints"]["eventStreams"] = json!([]);
    let mut unset = plain.clone();
    unset["properties"]["encryption"] = Value::Null;
    let not_ours = "it was not made by Moorage, and api-version 2023-06-30, the newest that its cloud takes, may not show all that it has";
    let unknown = "it has eventStreams, which api-version 2023-06-30, the newest that its cloud takes, does not know";
    let table = [
        ("ours, all known", &plain, OLDER, true, None),
        ("ours, with something that is unset", &unset, OLDER, true, None),
        ("ours, with something unknown", &streams, OLDER, true, Some(unknown)),
        ("adopted", &plain, OLDER, false, Some(not_ours)),
        ("adopted, in the newest version", &streams, NEWEST, false, None),
    ];
    for (what, value, spoken, is_ours, expected) in table {
        let hub = read::<Hub>(value).read_in(spoken).made_by_us(is_ours);
        assert_eq!(hub.possible_loss().as_deref(), expected, "{what}");
    }
    // What is new is nobody's else.
    assert_eq!(read::<Hub>(&plain).loss_in(OLDER), None);
    assert_eq!(read::<Hub>(&streams).loss_in(OLDER).as_deref(), Some(unknown));
    assert_eq!(loss(&read::<Hub>(&streams).0, Hub::KNOWN_TO_OLDER, NEWEST), None);
}
