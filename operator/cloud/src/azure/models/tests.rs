//! What of a document is kept, changed and sent.

mod carried;
mod files;

use moorage_keys::{ConnectionString, HostName, SymmetricKey};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::enrollment::{AllocationPolicy, Reprovisioning};
use super::enrollment_group::EnrollmentGroup;
use super::hub::{Hub, PolicyRights};
use super::provisioning_service::{Link, LinkMeans, LinkSeen, MeansSeen, ProvisioningService};
use crate::azure::access_keys::{AccessKey, KeyPair};
use crate::azure::endpoints::Cloud;
use crate::azure::models::device::Device;
use crate::azure::models::resource_group::ResourceGroup;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER_KEY: &str = "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";

fn keys() -> KeyPair {
    KeyPair::from_base64(KEY, OTHER_KEY).expect("two keys")
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).expect("an object")
}

fn sent(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

fn link_to(host: &str) -> Link {
    let host = HostName::parse(host).expect("a host");
    let key = SymmetricKey::from_base64(KEY).expect("a key");
    Link {
        host: host.clone(),
        means: LinkMeans::Key(ConnectionString::service(host, "moorage-link", key).expect("a policy name")),
        location: "eastus".to_owned(),
        weight: Some(3),
        apply_allocation_policy: true,
    }
}

fn link_sent(host: &str) -> Value {
    json!({
        "connectionString": format!("HostName={host};SharedAccessKeyName=moorage-link;SharedAccessKey={KEY}"),
        "location": "eastus",
        "allocationWeight": 3,
        "applyAllocationPolicy": true,
    })
}

/// A provisioning service with one masked link of its own and one of somebody else.
fn linked() -> Value {
    json!({
        "id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/provisioningServices/dps",
        "name": "dps",
        "type": "Microsoft.Devices/provisioningServices",
        "location": "eastus",
        "etag": "AAAA",
        "tags": { "team": "platform" },
        "sku": { "name": "S1", "capacity": 1, "tier": "Standard" },
        "properties": {
            "state": "Active",
            "provisioningState": "Succeeded",
            "idScope": "0ne00123ABC",
            "serviceOperationsHostName": "dps.azure-devices-provisioning.net",
            "deviceProvisioningHostName": "global.azure-devices-provisioning.net",
            "allocationPolicy": "Hashed",
            "iotHubs": [
                {
                    "name": "foreign.azure-devices.net",
                    "connectionString": "HostName=foreign.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=****",
                    "location": "westus",
                    "allocationWeight": 7,
                },
                {
                    "name": "ours.azure-devices.net",
                    "connectionString": "HostName=ours.azure-devices.net;SharedAccessKeyName=moorage-link;SharedAccessKey=****",
                    "location": "eastus",
                    "somethingNew": true,
                },
            ],
        },
    })
}

#[test]
fn s0_3_a_link_is_added_beside_foreign_ones_which_stay_masked_as_they_were() {
    let service: ProvisioningService = read(&linked());
    assert_eq!(
        sent(&service.with_link(&link_to("new.azure-devices.net")).to_send()),
        json!({
            "location": "eastus",

            "tags": { "team": "platform" },
            "sku": { "name": "S1", "capacity": 1 },
            "properties": {
                "allocationPolicy": "Hashed",
                "iotHubs": [
                    {
                        "connectionString": "HostName=foreign.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=****",
                        "location": "westus",
                        "allocationWeight": 7,
                    },
                    {
                        "connectionString": "HostName=ours.azure-devices.net;SharedAccessKeyName=moorage-link;SharedAccessKey=****",
                        "location": "eastus",
                        "somethingNew": true,
                    },
                    link_sent("new.azure-devices.net"),
                ],
            },
        })
    );
}

#[test]
fn a_hub_that_is_linked_twice_is_linked_once_afterwards_in_its_first_place() {
    let mut doubled = linked();
    let links = doubled["properties"]["iotHubs"].as_array_mut().expect("links");
    links.insert(0, links[1].clone());
    let service: ProvisioningService = read(&doubled);
    let mut first = link_sent("ours.azure-devices.net");
    first["somethingNew"] = true.into();
    let after = sent(&service.with_link(&link_to("ours.azure-devices.net")).to_send());
    assert_eq!(after["properties"]["iotHubs"][0], first);
    assert_eq!(after["properties"]["iotHubs"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_link_is_taken_away_and_no_other() {
    let service: ProvisioningService = read(&linked());
    let ours = HostName::parse("OURS.azure-devices.net").expect("a host");
    let hosts: Vec<_> = service.without_link(&ours).links().into_iter().filter_map(|link| link.host).collect();
    assert_eq!(hosts, [HostName::parse("foreign.azure-devices.net").expect("a host")]);
}

#[test]
fn a_link_is_read_with_its_policy_and_its_weight() {
    let service: ProvisioningService = read(&linked());
    assert_eq!(
        service.links()[0],
        LinkSeen {
            host: Some(HostName::parse("foreign.azure-devices.net").expect("a host")),
            policy: Some("iothubowner".to_owned()),
            means: MeansSeen::Key,
            location: Some("westus".to_owned()),
            weight: Some(7),
            apply_allocation_policy: None,
        }
    );
}

#[test]
fn a_service_with_a_link_that_does_not_say_how_it_works_is_not_one_that_we_rewrite() {
    let mut value = linked();
    assert!(read::<ProvisioningService>(&value).keeps_every_link());
    let as_an_older_version_tells_it = json!({ "name": "x.azure-devices.net", "location": "eastus" });
    value["properties"]["iotHubs"].as_array_mut().expect("links").push(as_an_older_version_tells_it);
    assert!(!read::<ProvisioningService>(&value).keeps_every_link());
    let by_identity = json!({ "hostName": "x.azure-devices.net", "location": "eastus", "authenticationType": "SystemAssigned" });
    *value["properties"]["iotHubs"].as_array_mut().and_then(|links| links.last_mut()).expect("a link") = by_identity;
    assert!(read::<ProvisioningService>(&value).keeps_every_link());
}

#[test]
fn s0_3_a_link_by_identity_has_a_host_and_no_key_and_leaves_nothing_of_the_one_before_it() {
    let mut value = linked();
    value["properties"]["iotHubs"][1]["authenticationType"] = "KeyBased".into();
    let link = Link { means: LinkMeans::SystemAssignedIdentity, ..link_to("ours.azure-devices.net") };
    let mut expected = link_sent("ours.azure-devices.net");
    expected["somethingNew"] = true.into();
    expected["hostName"] = "ours.azure-devices.net".into();
    expected["authenticationType"] = "SystemAssigned".into();
    expected.as_object_mut().expect("a link").remove("connectionString");
    assert_eq!(sent(&read::<ProvisioningService>(&value).with_link(&link).to_send())["properties"]["iotHubs"][1], expected);
}

#[test]
fn a_service_gets_an_identity_from_azure_beside_those_that_it_was_given() {
    let identity = |before: Value| {
        let mut value = linked();
        value["identity"] = before;
        sent(&read::<ProvisioningService>(&value).with_system_assigned_identity().to_send())["identity"].clone()
    };
    assert_eq!(identity(json!({ "type": "None" })), json!({ "type": "SystemAssigned" }));
    assert_eq!(
        identity(json!({ "type": "UserAssigned", "userAssignedIdentities": { "/a": { "principalId": "p", "clientId": "c" } } })),
        json!({ "type": "SystemAssigned,UserAssigned", "userAssignedIdentities": { "/a": {} } })
    );
}

#[test]
fn a_policy_is_added_beside_all_others_with_their_keys() {
    let owner = AccessKey { name: "iothubowner".to_owned(), rights: "RegistryRead, RegistryWrite".to_owned(), keys: keys() };
    let hub: Hub = read(&json!({ "location": "eastus", "sku": { "name": "S1", "capacity": 1, "tier": "Standard" } }));
    let hub = hub.with_access_keys(&[owner]).with_policy("moorage-link", PolicyRights::LINK);
    assert_eq!(
        sent(&hub.to_send()),
        json!({
            "location": "eastus",
            "sku": { "name": "S1", "capacity": 1 },
            "properties": {
                "authorizationPolicies": [
                    { "keyName": "iothubowner", "rights": "RegistryRead, RegistryWrite", "primaryKey": KEY, "secondaryKey": OTHER_KEY },
                    { "keyName": "moorage-link", "rights": "RegistryWrite, ServiceConnect" },
                ],
            },
        })
    );
}

#[test]
fn a_hub_that_was_read_is_sent_without_what_only_the_service_writes() {
    let hub: Hub = read(&json!({
        "id": "i", "name": "n", "type": "t", "etag": "AAAA", "location": "eastus", "systemData": {},
        "sku": { "name": "S1", "tier": "Standard", "capacity": 1 },
        "identity": { "type": "UserAssigned", "tenantId": "t", "userAssignedIdentities": { "u": { "principalId": "p", "clientId": "c" } } },
        "properties": {
            "provisioningState": "Succeeded", "state": "Active", "hostName": "n.azure-devices.net", "locations": [],
            "eventHubEndpoints": { "events": { "retentionTimeInDays": 1, "partitionIds": ["0"], "path": "p", "endpoint": "e" } },
            "routing": { "endpoints": { "cosmosDBSqlContainers": [{ "id": "i", "name": "n" }] } },
            "privateEndpointConnections": [{ "id": "i", "name": "n", "type": "t", "properties": { "privateEndpoint": { "id": "i" } } }],
        },
    }));
    assert_eq!(
        sent(&hub.to_send()),
        json!({
            "etag": "AAAA", "location": "eastus", "sku": { "name": "S1", "capacity": 1 },
            "identity": { "type": "UserAssigned", "userAssignedIdentities": { "u": {} } },
            "properties": {
                "eventHubEndpoints": { "events": { "retentionTimeInDays": 1 } },
                "routing": { "endpoints": { "cosmosDBSqlContainers": [{ "name": "n" }] } },
                "privateEndpointConnections": [{ "properties": { "privateEndpoint": {} } }],
            },
        })
    );
}

#[test]
fn policies_that_were_read_without_keys_are_not_fit_to_be_sent() {
    let keyless =
        json!({ "etag": "AAAA", "properties": { "authorizationPolicies": [{ "keyName": "iothubowner", "rights": "RegistryRead" }] } });
    let owner = [AccessKey { name: "iothubowner".to_owned(), rights: "RegistryRead".to_owned(), keys: keys() }];
    let refusal = Err("policies are never written without the keys that they have");
    let (hub, service): (Hub, ProvisioningService) = (read(&keyless), read(&keyless));
    assert_eq!((hub.clone().with_sku("S1", 2).validate(), service.validate()), (refusal, refusal));
    assert_eq!((hub.with_access_keys(&owner).validate(), service.with_access_keys(&owner).validate()), (Ok(()), Ok(())));
    let bare: Hub = read(&json!({ "etag": "AAAA" }));
    assert_eq!(bare.validate(), Ok(()));
    assert_eq!(bare.with_policy("moorage-link", PolicyRights::LINK).validate(), refusal);
    assert_eq!(Hub::new("eastus", "S1", 1).with_policy("moorage-link", PolicyRights::LINK).validate(), Ok(()));
}

#[test]
fn s0_4_a_new_group_has_its_keys_and_its_own_hubs() {
    let cloud = Cloud::public();
    let hubs = [cloud.hub_named("east").expect("a hub"), cloud.hub_named("west").expect("a hub")];
    let group = EnrollmentGroup::with_symmetric_keys("contoso", &keys())
        .with_hubs(AllocationPolicy::GeoLatency, &hubs)
        .with_reprovisioning(Reprovisioning::Reset)
        .with_enabled(true);
    assert_eq!(
        sent(&group.to_send()),
        json!({
            "enrollmentGroupId": "contoso",
            "attestation": { "type": "symmetricKey", "symmetricKey": { "primaryKey": KEY, "secondaryKey": OTHER_KEY } },
            "allocationPolicy": "geoLatency",
            "iotHubs": ["east.azure-devices.net", "west.azure-devices.net"],
            "reprovisionPolicy": { "updateHubAssignment": true, "migrateDeviceData": false },
            "provisioningStatus": "enabled",
        })
    );
    assert_eq!(group.validate(), Ok(()));
}

#[test]
fn a_group_without_keys_or_without_hubs_is_not_fit_to_be_sent() {
    let hubs = [Cloud::public().hub_named("east").expect("a hub")];
    let as_read: EnrollmentGroup = read(&json!({ "enrollmentGroupId": "g", "attestation": { "type": "symmetricKey" }, "iotHubs": ["h"] }));
    assert_eq!(as_read.validate(), Err("a symmetric group is never written without both of its keys"));
    let bare = EnrollmentGroup::with_symmetric_keys("g", &keys());
    assert_eq!(bare.validate(), Err("a group is never written without a list of hubs"));
    assert_eq!(as_read.with_keys(&keys()).with_hubs(AllocationPolicy::Static, &hubs).validate(), Ok(()));
}

#[test]
fn a_disabled_device_keeps_its_keys_and_says_why() {
    let device: Device = read(&json!({
        "deviceId": "d1", "generationId": "1", "etag": "AAA=", "connectionState": "Connected", "status": "enabled",
        "lastActivityTime": "2026-11-22T10:00:00Z", "cloudToDeviceMessageCount": 0, "deviceScope": "s",
        "authentication": { "type": "sas", "symmetricKey": { "primaryKey": KEY, "secondaryKey": OTHER_KEY } },
    }));
    assert!(device.is_connected());
    assert_eq!(device.keys(), Some(keys()));
    assert_eq!(
        sent(&device.disabled("revoked").to_send()),
        json!({
            "deviceId": "d1", "etag": "AAA=", "status": "disabled", "statusReason": "revoked", "deviceScope": "s",
            "authentication": { "type": "sas", "symmetricKey": { "primaryKey": KEY, "secondaryKey": OTHER_KEY } },
        })
    );
}

#[test]
fn debug_shows_no_key_and_no_connection_string() {
    let device = Device::with_symmetric_keys(&"d1".parse().expect("a device id"), &keys());
    let service: ProvisioningService = read(&linked());
    let endpoint = json!({ "properties": { "routing": { "endpoints": { "eventHubs": [
        { "name": "e", "address": format!("sb://x;SharedAccessKey={KEY}") }
    ] } } } });
    let shown = [
        format!("{device:?}"),
        format!("{:?}", service.with_link(&link_to("new.azure-devices.net"))),
        format!("{:?}", read::<Hub>(&endpoint)),
        format!("{:?}", keys()),
    ];
    for text in &shown {
        assert!(!text.contains(KEY) && !text.contains(OTHER_KEY), "{text}");
    }
    let device = shown[0].strip_prefix("Device(").and_then(|text| text.strip_suffix(')')).expect("its name and its fields");
    assert_eq!(
        sent(device.as_bytes()),
        json!({
            "deviceId": "d1", "status": "enabled",
            "authentication": { "type": "sas", "symmetricKey": { "primaryKey": "[redacted]", "secondaryKey": "[redacted]" } },
        })
    );
}

#[test]
fn the_name_of_a_tag_is_the_same_in_any_case() {
    let hub: Hub = read(&json!({ "tags": { "Moorage.Owner": "a", "team": "b" } }));
    assert_eq!(hub.tag("moorage.owner"), Some("a"));
    assert_eq!(sent(&hub.clone().with_tag("moorage.owner", "c").to_send()), json!({ "tags": { "Moorage.Owner": "c", "team": "b" } }));
    assert_eq!(sent(&hub.without_tag("MOORAGE.OWNER").to_send()), json!({ "tags": { "team": "b" } }));
}

#[test]
fn a_group_that_was_read_is_sent_without_what_only_the_service_writes() {
    let group: ResourceGroup = read(&json!({
        "id": "i", "name": "n", "type": "t", "location": "eastus", "managedBy": "m", "properties": { "provisioningState": "Succeeded" },
    }));
    assert_eq!(
        sent(&group.with_tag("owner", "us").to_send()),
        json!({ "location": "eastus", "managedBy": "m", "properties": {}, "tags": { "owner": "us" } })
    );
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("x[a-zA-Z]{1,8}", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Fields that no specification knows: their names begin with an x.
fn foreign() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map("x[a-zA-Z]{1,8}", json_value(), 0..5).prop_map(|map| map.into_iter().collect())
}

fn foreign_links() -> impl Strategy<Value = Vec<Value>> {
    let link = ("[a-m]{1,8}", foreign()).prop_map(|(name, mut fields)| {
        let masked = format!("HostName=f-{name}.azure-devices.net;SharedAccessKeyName=p;SharedAccessKey=****");
        fields.insert("connectionString".to_owned(), masked.into());
        fields.insert("location".to_owned(), "westus".into());
        Value::Object(fields)
    });
    prop::collection::vec(prop_oneof![link, json_value()], 0..5)
}

proptest! {
    #[test]
    fn what_others_put_into_a_provisioning_service_survives_our_linking_and_unlinking(
        top in foreign(), inner in foreign(), tags in foreign(), links in foreign_links(),
    ) {
        let mut value = Value::Object(top);
        value["properties"] = Value::Object(inner);
        value["properties"]["iotHubs"] = Value::Array(links.clone());
        value["tags"] = Value::Object(tags);
        let link = link_to("ours.azure-devices.net");
        let edited = read::<ProvisioningService>(&value).with_link(&link).with_tag("moorage", "1");
        let mut expected = value.clone();
        expected["properties"]["iotHubs"].as_array_mut().expect("links").push(link_sent("ours.azure-devices.net"));
        expected["tags"]["moorage"] = "1".into();
        prop_assert_eq!(sent(&edited.to_send()), expected);
        let undone = edited.without_link(&link.host).without_tag("moorage");
        prop_assert_eq!(sent(&undone.to_send()), value);
    }

    #[test]
    fn what_others_put_into_a_hub_survives_our_resizing(top in foreign(), inner in foreign(), sku in foreign()) {
        let mut value = Value::Object(top);
        value["properties"] = Value::Object(inner);
        value["sku"] = Value::Object(sku);
        let mut expected = value.clone();
        expected["sku"]["name"] = "S2".into();
        expected["sku"]["capacity"] = 4.into();
        prop_assert_eq!(sent(&read::<Hub>(&value).with_sku("S2", 4).to_send()), expected);
    }

    #[test]
    fn what_others_put_into_a_group_or_a_device_survives_our_writes(top in foreign(), inner in foreign()) {
        let mut group = Value::Object(top.clone());
        group["attestation"] = Value::Object(inner.clone());
        let mut expected = group.clone();
        expected["provisioningStatus"] = "disabled".into();
        prop_assert_eq!(sent(&read::<EnrollmentGroup>(&group).with_enabled(false).to_send()), expected);
        let mut device = Value::Object(top);
        device["capabilities"] = Value::Object(inner);
        let mut expected = device.clone();
        expected["status"] = "enabled".into();
        prop_assert_eq!(sent(&read::<Device>(&device).enabled().to_send()), expected);
    }

    #[test]
    fn hostile_documents_never_panic(value in json_value()) {
        let mut hostile = json!({ "properties": value.clone(), "tags": value.clone(), "sku": value.clone(), "attestation": value.clone() });
        hostile["iotHubs"] = value.clone();
        hostile["initialTwin"] = value.clone();
        hostile["authentication"] = value;
        let service: ProvisioningService = read(&hostile);
        let _ = (service.links(), service.id_scope(), service.clone().with_link(&link_to("a.b")).with_tag("a", "b").to_send());
        let group: EnrollmentGroup = read(&hostile);
        let _ = (group.hubs().len(), group.validate(), group.clone().with_keys(&keys()).with_hubs(AllocationPolicy::Hashed, &[]).to_send());
        let hub: Hub = read(&hostile);
        let _ = (hub.units(), hub.clone().with_policy("p", PolicyRights::LINK).with_sku("S1", 1).without_policy("p").to_send());
        let device: Device = read(&hostile);
        let _ = (format!("{device:?}"), device.keys(), device.with_keys(&keys()).to_send());
    }
}
