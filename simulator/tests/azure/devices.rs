//! Enrollment groups, registrations and the hubs' registry.

use std::net::IpAddr;

use crate::bench::{self, Bench, Device, GROUP_KEY, OTHER_GROUP_KEY, call, derive, group_body, sas};
use moorage_simulator::{KeysLeftOut, Reregistration, SecondKey};
use serde_json::{Value, json};

const HUBS: [(&str, &str); 2] = [("hub-east", "eastus"), ("hub-west", "westus")];

fn east(scope: &str) -> Device<'_> {
    Device { scope, id: "contoso-simdevice-east", group_key: GROUP_KEY, from: Some(IpAddr::from([127, 0, 1, 9])) }
}

#[tokio::test]
async fn a_group_is_created_without_if_match_and_updated_only_with_it() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let body = group_body("g1", &[String::from("hub-east.azure-devices.net")]);
    let path = "/enrollmentGroups/g1";
    assert_eq!(bench.dps("PUT", path, &[], Some(&body)).await.status, 409);
    assert_eq!(bench.dps("PUT", path, &[("if-match", "\"old\"")], Some(&body)).await.status, 412);
    let etag = bench.dps("GET", path, &[], None).await.etag();
    assert!(etag.starts_with('"'));
    assert_eq!(bench.dps("PUT", path, &[("if-match", &etag)], Some(&body)).await.status, 200);
    assert_eq!(bench.dps("PUT", path, &[("if-match", "*")], Some(&body)).await.status, 200);
    assert_eq!(bench.dps("DELETE", path, &[("if-match", &etag)], None).await.status, 412);
    assert_eq!(bench.dps("DELETE", path, &[], None).await.status, 204);
    assert_eq!(bench.dps("DELETE", path, &[], None).await.status, 404);
}

#[tokio::test]
async fn a_group_shows_its_keys_only_to_attestationmechanism() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let shown = bench.dps("GET", "/enrollmentGroups/g1", &[], None).await;
    assert_eq!(shown.body["attestation"], json!({ "type": "symmetricKey" }));
    let keys = bench.dps("POST", "/enrollmentGroups/g1/attestationmechanism", &[], None).await;
    assert_eq!(keys.body, json!({ "type": "symmetricKey", "symmetricKey": { "primaryKey": GROUP_KEY, "secondaryKey": OTHER_GROUP_KEY } }));
}

async fn keys_after_a_put_without_keys(left_out: KeysLeftOut) -> Value {
    let mut options = bench::options();
    options.variants.group_keys_left_out = left_out;
    let bench = Bench::with(options).await;
    bench.provisioned(&HUBS).await;
    let body = json!({ "enrollmentGroupId": "g1", "attestation": { "type": "symmetricKey" }, "iotHubs": [] });
    let put = bench.dps("PUT", "/enrollmentGroups/g1", &[("if-match", "*")], Some(&body)).await;
    assert_eq!(put.status, 200, "{}", put.body);
    bench.dps("POST", "/enrollmentGroups/g1/attestationmechanism", &[], None).await.body["symmetricKey"].clone()
}

#[tokio::test]
async fn an_update_without_keys_makes_new_ones_or_keeps_them_as_the_variant_says() {
    let regenerated = keys_after_a_put_without_keys(KeysLeftOut::Regenerated).await;
    assert_ne!(regenerated["primaryKey"], GROUP_KEY);
    assert_eq!(regenerated["primaryKey"].as_str().unwrap().len(), 88);
    let kept = keys_after_a_put_without_keys(KeysLeftOut::Kept).await;
    assert_eq!(kept, json!({ "primaryKey": GROUP_KEY, "secondaryKey": OTHER_GROUP_KEY }));
}

#[tokio::test]
async fn a_group_may_only_name_linked_hubs_and_static_names_exactly_one() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let put = async |body: Value| bench.dps("PUT", "/enrollmentGroups/g2", &[], Some(&body)).await.status;
    assert_eq!(put(group_body("g2", &[String::from("foreign.azure-devices.net")])).await, 400);
    let mut body = group_body("g2", &HUBS.map(|(name, _)| format!("{name}.azure-devices.net")));
    body["allocationPolicy"] = "static".into();
    assert_eq!(put(body.clone()).await, 400);
    body["iotHubs"] = json!(["hub-east.azure-devices.net"]);
    assert_eq!(put(body).await, 200);
}

#[tokio::test]
async fn groups_are_listed_in_pages() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    for id in ["g2", "g3"] {
        bench.simulator.edit(|azure| azure.add_group("dps", id, &[]));
    }
    let body = json!({ "query": "SELECT * FROM enrollmentGroups" });
    let path = "/enrollmentGroups/query";
    let first = bench.dps("POST", path, &[("x-ms-max-item-count", "2")], Some(&body)).await;
    let ids = |got: &bench::Got| -> Vec<String> {
        got.body.as_array().unwrap().iter().map(|group| group["enrollmentGroupId"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&first), ["g1", "g2"]);
    let token = first.header("x-ms-continuation");
    let headers = [("x-ms-max-item-count", "2"), ("x-ms-continuation", token.as_str())];
    let second = bench.dps("POST", path, &headers, Some(&body)).await;
    assert_eq!(ids(&second), ["g3"]);
    assert_eq!(second.header("x-ms-continuation"), "");
}

#[tokio::test]
async fn the_hundred_and_first_group_is_refused() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    bench.simulator.edit(|azure| (2..=100).for_each(|n| azure.add_group("dps", &format!("g{n}"), &[])));
    let got = bench.dps("PUT", "/enrollmentGroups/g101", &[], Some(&group_body("g101", &[]))).await;
    assert_eq!(got.status, 400);
    assert!(got.body["message"].as_str().unwrap().starts_with("TooManyEnrollments"));
}

#[tokio::test]
async fn too_many_service_operations_wait_for_the_next_minute_of_the_domain_clock() {
    let mut options = bench::options();
    options.limits.service_operations_per_minute = 3;
    let bench = Bench::with(options).await;
    bench.provisioned(&HUBS).await;
    let path = "/enrollmentGroups/g1";
    bench.dps("GET", path, &[], None).await;
    bench.dps("GET", path, &[], None).await;
    let got = bench.dps("GET", path, &[], None).await;
    assert_eq!(got.status, 429);
    let wait: i64 = got.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait));
    bench.simulator.advance(jiff::SignedDuration::from_secs(wait)).await.unwrap();
    assert_eq!(bench.dps("GET", path, &[], None).await.status, 200);
}

#[tokio::test]
async fn a_device_gets_the_hub_nearest_to_its_network_address() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    let got = bench.register(&east(&scope)).await;
    assert_eq!(got.body["status"], "assigned", "{}", got.body);
    assert_eq!(got.body["registrationState"]["assignedHub"], "hub-east.azure-devices.net");
    let west = Device { id: "contoso-simdevice-west", from: Some(IpAddr::from([127, 0, 2, 9])), ..east(&scope) };
    let got = bench.register(&west).await;
    assert_eq!(got.body["registrationState"]["assignedHub"], "hub-west.azure-devices.net");
    let swapped = Device { from: Some(IpAddr::from([127, 0, 2, 9])), ..east(&scope) };
    let got = bench.register(&swapped).await;
    assert_eq!(got.body["registrationState"]["assignedHub"], "hub-west.azure-devices.net");
    assert_eq!(got.body["registrationState"]["substatus"], "deviceDataMigrated");
    assert!(bench.simulator.edit(|azure| azure.device("hub-east", "contoso-simdevice-east")).is_none());
}

#[tokio::test]
async fn the_key_that_registered_is_the_devices_key_at_its_hub() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    bench.register(&east(&scope)).await;
    let device = bench.hub("hub-east", "GET", "/devices/contoso-simdevice-east", &[], None).await;
    assert_eq!(device.body["authentication"]["symmetricKey"]["primaryKey"], "p3w2DQr9WqEGBLUSlFi1jPQ7UWQL4siAGy75HFTFbf8=");
    let send = async |key: &str| {
        let resource = "hub-east.azure-devices.net/devices/contoso-simdevice-east";
        let signature = sas(resource, key, None, bench.simulator.now().as_second() + 60);
        let url = format!("https://{resource}/messages/events?api-version=2020-03-13");
        call(&bench.client, "POST", &url, &[("authorization", &signature)], None).await.status
    };
    assert_eq!(send(&derive(GROUP_KEY, "contoso-simdevice-east")).await, 204);
    assert_eq!(send(&derive(OTHER_GROUP_KEY, "contoso-simdevice-east")).await, 401);
}

#[tokio::test]
async fn a_wrong_key_is_401_and_an_unknown_id_scope_404() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    let wrong = Device { group_key: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", ..east(&scope) };
    assert_eq!(bench.register(&wrong).await.status, 401);
    let elsewhere = Device { ..east("0neFFFFFFFF") };
    assert_eq!(bench.register(&elsewhere).await.status, 404);
    bench.dps("DELETE", "/enrollmentGroups/g1", &[], None).await;
    let none = bench.register(&east(&scope)).await;
    assert_eq!((none.status, &none.body["errorCode"]), (404, &json!(404_201)));
}

#[tokio::test]
async fn a_device_of_a_disabled_group_is_told_so_in_its_status() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    bench.simulator.edit(|azure| azure.set_group_enabled("dps", "g1", false));
    let got = bench.register(&east(&scope)).await;
    assert_eq!((got.status, &got.body["status"]), (200, &json!("disabled")));
}

#[tokio::test]
async fn a_link_whose_key_was_rolled_breaks_every_registration_through_it() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    bench.simulator.edit(|azure| azure.roll_hub_policy("hub-east", "iothubowner"));
    let got = bench.register(&east(&scope)).await;
    assert_eq!((got.status, &got.body["status"]), (200, &json!("failed")));
    assert_eq!(got.body["registrationState"]["errorCode"], 401_002);
}

#[tokio::test]
async fn a_group_that_names_no_hub_uses_every_linked_one() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    bench.simulator.edit(|azure| azure.set_group_hubs("dps", "g1", &["hub-west.azure-devices.net"]));
    let got = bench.register(&east(&scope)).await;
    assert_eq!(got.body["registrationState"]["assignedHub"], "hub-west.azure-devices.net");
    bench.simulator.edit(|azure| azure.set_group_hubs("dps", "g1", &[]));
    let got = bench.register(&east(&scope)).await;
    assert_eq!(got.body["registrationState"]["assignedHub"], "hub-east.azure-devices.net");
}

/// The hub's keys after the device registered with the first key, then with the second.
async fn reregistered(variant: Reregistration) -> [bool; 2] {
    let mut options = bench::options();
    options.variants.reregistration = variant;
    let bench = Bench::with(options).await;
    let scope = bench.provisioned(&HUBS).await;
    bench.register(&east(&scope)).await;
    let second = Device { group_key: OTHER_GROUP_KEY, ..east(&scope) };
    assert_eq!(bench.register(&second).await.body["status"], "assigned");
    let device = bench.simulator.edit(|azure| azure.device("hub-east", second.id)).unwrap();
    let (first, second) = (derive(GROUP_KEY, second.id), derive(OTHER_GROUP_KEY, second.id));
    [device["primaryKey"] == second, device["secondaryKey"] == first]
}

#[tokio::test]
async fn what_a_second_registration_writes_is_the_variants_choice() {
    assert_eq!(reregistered(Reregistration::NothingUnlessMoved).await, [false, false]);
    assert_eq!(reregistered(Reregistration::KeyUsed).await, [true, false]);
    assert_eq!(reregistered(Reregistration::BothKeys).await, [true, true]);
}

#[tokio::test]
async fn the_second_key_of_a_group_may_be_refused() {
    let mut options = bench::options();
    options.variants.second_group_key = SecondKey::Refused;
    let bench = Bench::with(options).await;
    let scope = bench.provisioned(&HUBS).await;
    let second = Device { group_key: OTHER_GROUP_KEY, ..east(&scope) };
    assert_eq!(bench.register(&second).await.status, 401);
    assert_eq!(bench.register(&east(&scope)).await.status, 200);
}

#[tokio::test]
async fn registrations_are_listed_by_group_and_outlive_it() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    bench.register(&east(&scope)).await;
    let listed = bench.dps("POST", "/registrations/g1/query", &[], None).await;
    assert_eq!(listed.body[0]["registrationId"], "contoso-simdevice-east");
    assert_eq!(listed.body[0]["status"], "assigned");
    bench.dps("DELETE", "/enrollmentGroups/g1", &[], None).await;
    let path = "/registrations/contoso-simdevice-east";
    assert_eq!(bench.dps("GET", path, &[], None).await.status, 200);
    assert_eq!(bench.dps("DELETE", path, &[], None).await.status, 204);
    assert_eq!(bench.dps("GET", path, &[], None).await.status, 404);
}

#[tokio::test]
async fn an_expired_signature_is_refused_on_the_domain_clock() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let host = "dps.azure-devices-provisioning.net";
    let keys = bench.simulator.edit(|azure| azure.service_policy_keys("dps", "provisioningserviceowner"));
    let expiry = bench.simulator.now().as_second() + 60;
    let signature = sas(host, &keys.unwrap().1, Some("provisioningserviceowner"), expiry);
    let url = format!("https://{host}/enrollmentGroups/g1?api-version=2021-10-01");
    let headers = [("authorization", signature.as_str())];
    assert_eq!(call(&bench.client, "GET", &url, &headers, None).await.status, 200);
    bench.simulator.advance(jiff::SignedDuration::from_hours(36)).await.unwrap();
    assert_eq!(call(&bench.client, "GET", &url, &headers, None).await.status, 401);
}

#[tokio::test]
async fn a_device_is_created_without_if_match_and_updated_with_its_quoted_tag() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let body = json!({ "deviceId": "d1", "status": "enabled", "authentication": { "type": "sas" } });
    let path = "/devices/d1";
    let created = bench.hub("hub-east", "PUT", path, &[], Some(&body)).await;
    assert_eq!(created.status, 200, "{}", created.body);
    let again = bench.hub("hub-east", "PUT", path, &[], Some(&body)).await;
    assert_eq!((again.status, again.header("iothub-errorcode").as_str()), (409, "DeviceAlreadyExists"));
    let unquoted = bench.hub("hub-east", "PUT", path, &[("if-match", &created.etag())], Some(&body)).await;
    assert_eq!(unquoted.status, 412);
    let quoted = format!("\"{}\"", created.etag());
    let updated = bench.hub("hub-east", "PUT", path, &[("if-match", &quoted)], Some(&created.body)).await;
    assert_eq!(updated.status, 200);
    assert_eq!(updated.body["authentication"], created.body["authentication"]);
    assert_eq!(bench.hub("hub-east", "DELETE", path, &[("if-match", &quoted)], None).await.status, 412);
    assert_eq!(bench.hub("hub-east", "DELETE", path, &[("if-match", "\"*\"")], None).await.status, 204);
    assert_eq!(bench.hub("hub-east", "GET", path, &[], None).await.status, 404);
}

#[tokio::test]
async fn local_authentication_switched_off_breaks_signatures_and_the_link() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    bench.simulator.edit(|azure| azure.set_hub_property("hub-east", "disableLocalAuth", true.into()));
    assert_eq!(bench.hub("hub-east", "GET", "/devices/d1", &[], None).await.status, 401);
    assert_eq!(bench.register(&east(&scope)).await.body["status"], "failed");
    let bearer = format!("Bearer {}", bench::token(&bench.client, "https://iothubs.azure.net/.default").await);
    let url = "https://hub-east.azure-devices.net/devices/d1?api-version=2021-04-12";
    assert_eq!(call(&bench.client, "GET", url, &[("authorization", &bearer)], None).await.status, 404);
}

#[tokio::test]
async fn five_polls_in_ten_seconds_are_enough_for_a_device() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    let device = east(&scope);
    let expiry = bench.simulator.now().as_second() + 60;
    let resource = format!("{scope}/registrations/{}", device.id);
    let signature = sas(&resource, &derive(GROUP_KEY, device.id), None, expiry);
    let url = format!("https://global.azure-devices-provisioning.net/{resource}/operations/none?api-version=2021-06-01");
    let headers = [("authorization", signature.as_str())];
    for _ in 0..5 {
        assert_eq!(call(&bench.client, "GET", &url, &headers, None).await.status, 404);
    }
    let got = call(&bench.client, "GET", &url, &headers, None).await;
    assert_eq!(got.status, 429);
}

#[tokio::test]
async fn hashed_allocation_is_stable_and_spreads_devices() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    let mut body = group_body("g1", &HUBS.map(|(name, _)| format!("{name}.azure-devices.net")));
    body["allocationPolicy"] = "hashed".into();
    bench.dps("PUT", "/enrollmentGroups/g1", &[("if-match", "*")], Some(&body)).await;
    let mut hubs = Vec::new();
    for n in 0..12 {
        let id = format!("device-{n}");
        let device = Device { id: &id, ..east(&scope) };
        let first = bench.register(&device).await.body["registrationState"]["assignedHub"].clone();
        let second = bench.register(&device).await.body["registrationState"]["assignedHub"].clone();
        assert_eq!(first, second);
        hubs.push(first);
    }
    hubs.sort_by_key(ToString::to_string);
    hubs.dedup();
    assert_eq!(hubs, ["hub-east.azure-devices.net", "hub-west.azure-devices.net"]);
}

#[tokio::test]
async fn a_group_that_never_reprovisions_keeps_a_device_where_it_is() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    let mut body = group_body("g1", &HUBS.map(|(name, _)| format!("{name}.azure-devices.net")));
    body["reprovisionPolicy"] = json!({ "updateHubAssignment": false, "migrateDeviceData": false });
    bench.dps("PUT", "/enrollmentGroups/g1", &[("if-match", "*")], Some(&body)).await;
    bench.register(&east(&scope)).await;
    let moved = Device { from: Some(IpAddr::from([127, 0, 2, 9])), ..east(&scope) };
    let got = bench.register(&moved).await;
    assert_eq!(got.body["registrationState"]["assignedHub"], "hub-east.azure-devices.net");
}

#[tokio::test]
async fn a_link_needs_the_rights_to_write_the_registry_and_to_connect() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    let keys = bench.simulator.edit(|azure| {
        azure.remove_link("dps", "hub-east.azure-devices.net");
        azure.hub_policy_keys("hub-east", "registryReadWrite").unwrap()
    });
    let text = format!("HostName=hub-east.azure-devices.net;SharedAccessKeyName=registryReadWrite;SharedAccessKey={}", keys.0);
    bench.simulator.edit(|azure| azure.add_foreign_link("dps", &json!({ "connectionString": text, "location": "eastus" })));
    assert_eq!(bench.register(&east(&scope)).await.body["status"], "failed");
}

#[tokio::test]
async fn a_registration_id_is_one_whatever_its_case() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    bench.register(&Device { id: "Device-A", ..east(&scope) }).await;
    bench.register(&Device { id: "device-a", ..east(&scope) }).await;
    let listed = bench.dps("POST", "/registrations/g1/query", &[], None).await;
    assert_eq!(listed.body.as_array().unwrap().len(), 1);
    assert_eq!(bench.dps("GET", "/registrations/DEVICE-A", &[], None).await.body["registrationId"], "Device-A");
}

#[tokio::test]
async fn the_service_api_takes_a_bearer_token_of_its_own_audience_only() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let url = "https://dps.azure-devices-provisioning.net/enrollmentGroups/g1?api-version=2021-10-01";
    for (scope, status) in [("https://azure-devices-provisioning.net/.default", 200), ("https://iothubs.azure.net/.default", 401)] {
        let bearer = format!("Bearer {}", crate::bench::token(&bench.client, scope).await);
        assert_eq!(call(&bench.client, "GET", url, &[("authorization", &bearer)], None).await.status, status);
    }
}

#[tokio::test]
async fn a_link_outside_the_allocation_policy_is_used_only_when_it_is_named() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    let host = "hub-east.azure-devices.net";
    bench.simulator.edit(|azure| {
        azure.remove_link("dps", host);
        let (key, _) = azure.hub_policy_keys("hub-east", "iothubowner").unwrap();
        let text = format!("HostName={host};SharedAccessKeyName=iothubowner;SharedAccessKey={key}");
        azure.add_foreign_link("dps", &json!({ "connectionString": text, "location": "eastus", "applyAllocationPolicy": false }));
    });
    assert_eq!(bench.register(&east(&scope)).await.body["registrationState"]["assignedHub"], host);
    bench.simulator.edit(|azure| azure.set_group_hubs("dps", "g1", &[]));
    let got = bench.register(&east(&scope)).await;
    assert_eq!(got.body["registrationState"]["assignedHub"], "hub-west.azure-devices.net");
}

#[tokio::test]
async fn a_policy_that_may_only_read_enrollments_cannot_write_them() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let mut shown = bench.arm("GET", &crate::bench::dps_path("dps"), None).await.body;
    shown["properties"]["authorizationPolicies"] =
        json!([{ "keyName": "reader", "rights": "EnrollmentRead", "primaryKey": GROUP_KEY, "secondaryKey": OTHER_GROUP_KEY }]);
    assert_eq!(bench.arm("PUT", &crate::bench::dps_path("dps"), Some(&shown)).await.status, 200);
    let host = "dps.azure-devices-provisioning.net";
    let signature = sas(host, GROUP_KEY, Some("reader"), bench.simulator.now().as_second() + 60);
    let url = format!("https://{host}/enrollmentGroups/g1?api-version=2021-10-01");
    let headers = [("authorization", signature.as_str())];
    assert_eq!(call(&bench.client, "GET", &url, &headers, None).await.status, 200);
    assert_eq!(call(&bench.client, "DELETE", &url, &headers, None).await.status, 401);
}

#[tokio::test]
async fn a_disabled_device_is_turned_away_whatever_its_key() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let body = json!({
        "deviceId": "d1",
        "status": "disabled",
        "authentication": { "type": "sas", "symmetricKey": { "primaryKey": GROUP_KEY, "secondaryKey": OTHER_GROUP_KEY } },
    });
    bench.hub("hub-east", "PUT", "/devices/d1", &[], Some(&body)).await;
    let resource = "hub-east.azure-devices.net/devices/d1";
    let signature = sas(resource, GROUP_KEY, None, bench.simulator.now().as_second() + 60);
    let url = format!("https://{resource}/messages/events?api-version=2020-03-13");
    assert_eq!(call(&bench.client, "POST", &url, &[("authorization", &signature)], None).await.status, 403);
}

#[tokio::test]
async fn too_many_registrations_wait_and_a_look_up_counts_as_one() {
    let mut options = bench::options();
    options.limits.registrations_per_minute = 2;
    let bench = Bench::with(options).await;
    let scope = bench.provisioned(&HUBS).await;
    let device = east(&scope);
    assert_eq!(bench.register(&device).await.body["status"], "assigned");
    let expiry = bench.simulator.now().as_second() + 60;
    let resource = format!("{scope}/registrations/{}", device.id);
    let signature = sas(&resource, &derive(GROUP_KEY, device.id), Some("registration"), expiry);
    let url = format!("https://dps.azure-devices-provisioning.net/{resource}?api-version=2021-06-01");
    let body = json!({ "registrationId": device.id });
    let got = call(&bench.client, "POST", &url, &[("authorization", &signature)], Some(&body)).await;
    assert_eq!(got.body["symmetricKey"], json!({ "enrollmentGroupId": "g1" }));
    assert_eq!(got.body["assignedHub"], "hub-east.azure-devices.net");
    let got = bench.register(&device).await;
    assert_eq!(got.status, 429);
    assert_ne!(got.header("retry-after"), "");
}

#[tokio::test]
async fn hashed_allocation_follows_the_weights_of_the_links() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    bench.simulator.edit(|azure| {
        for ((hub, location), weight) in HUBS.into_iter().zip([1, 1_000]) {
            let host = format!("{hub}.azure-devices.net");
            azure.remove_link("dps", &host);
            let (key, _) = azure.hub_policy_keys(hub, "iothubowner").unwrap();
            let text = format!("HostName={host};SharedAccessKeyName=iothubowner;SharedAccessKey={key}");
            azure.add_foreign_link("dps", &json!({ "connectionString": text, "location": location, "allocationWeight": weight }));
        }
    });
    let mut body = group_body("g1", &HUBS.map(|(name, _)| format!("{name}.azure-devices.net")));
    body["allocationPolicy"] = "hashed".into();
    bench.dps("PUT", "/enrollmentGroups/g1", &[("if-match", "*")], Some(&body)).await;
    for n in 0..12 {
        let device = Device { id: &format!("device-{n}"), ..east(&scope) };
        let got = bench.register(&device).await;
        assert_eq!(got.body["registrationState"]["assignedHub"], "hub-west.azure-devices.net");
    }
}

#[tokio::test]
async fn another_services_own_name_does_not_serve_an_id_scope() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    let other =
        moorage_simulator::NewService { subscription: moorage_simulator::SUBSCRIPTION, group: "rg", name: "other", location: "eastus" };
    bench.simulator.edit(|azure| azure.add_service(other));
    let device = east(&scope);
    let resource = format!("{scope}/registrations/{}", device.id);
    let signature = sas(&resource, &derive(GROUP_KEY, device.id), None, bench.simulator.now().as_second() + 60);
    let body = json!({ "registrationId": device.id });
    for (name, status) in [("dps", 202), ("other", 404)] {
        let url = format!("https://{name}.azure-devices-provisioning.net/{resource}/register?api-version=2021-06-01");
        assert_eq!(call(&bench.client, "PUT", &url, &[("authorization", &signature)], Some(&body)).await.status, status);
    }
}

#[tokio::test]
async fn a_hub_takes_a_hundred_registry_operations_a_minute_and_unit() {
    let mut options = bench::options();
    options.limits.registry_operations_per_unit = 2;
    let bench = Bench::with(options).await;
    bench.provisioned(&HUBS).await;
    bench.simulator.edit(|azure| azure.set_sku("hub-west", "S1", 2));
    let statuses = async |hub: &str| {
        let mut statuses = Vec::new();
        for _ in 0..5 {
            statuses.push(bench.hub(hub, "GET", "/devices/none", &[], None).await.status);
        }
        statuses
    };
    assert_eq!(statuses("hub-east").await, [404, 404, 429, 429, 429]);
    assert_eq!(statuses("hub-west").await, [404, 404, 404, 404, 429]);
    bench.simulator.advance(jiff::SignedDuration::from_mins(1)).await.unwrap();
    assert_eq!(bench.hub("hub-east", "GET", "/devices/none", &[], None).await.status, 404);
}
