//! Registration: what a device gets, and what its hub then knows.

use std::net::IpAddr;

use crate::bench::{self, Bench, Device, GROUP_KEY, HUBS, OTHER_GROUP_KEY, call, derive, east, group_body, sas};
use moorage_simulator::{Reregistration, SecondKey};
use serde_json::json;

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
    assert!(bench.simulator.seed(|azure| azure.device("hub-east", "contoso-simdevice-east")).is_none());
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
    bench.simulator.seed(|azure| azure.set_group_enabled("dps", "g1", false));
    let got = bench.register(&east(&scope)).await;
    assert_eq!((got.status, &got.body["status"]), (200, &json!("disabled")));
}

#[tokio::test]
async fn a_link_whose_key_was_rolled_breaks_every_registration_through_it() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    bench.simulator.seed(|azure| azure.roll_hub_policy("hub-east", "iothubowner"));
    let got = bench.register(&east(&scope)).await;
    assert_eq!((got.status, &got.body["status"]), (200, &json!("failed")));
    assert_eq!(got.body["registrationState"]["errorCode"], 401_002);
}

#[tokio::test]
async fn a_group_that_names_no_hub_uses_every_linked_one() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    bench.simulator.seed(|azure| azure.set_group_hubs("dps", "g1", &["hub-west.azure-devices.net"]));
    let got = bench.register(&east(&scope)).await;
    assert_eq!(got.body["registrationState"]["assignedHub"], "hub-west.azure-devices.net");
    bench.simulator.seed(|azure| azure.set_group_hubs("dps", "g1", &[]));
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
    let device = bench.simulator.seed(|azure| azure.device("hub-east", second.id)).unwrap();
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
    options.variants.second_key = SecondKey::Refused;
    let bench = Bench::with(options).await;
    let scope = bench.provisioned(&HUBS).await;
    let second = Device { group_key: OTHER_GROUP_KEY, ..east(&scope) };
    assert_eq!(bench.register(&second).await.status, 401);
    assert_eq!(bench.register(&east(&scope)).await.status, 200);
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
    let keys = bench.simulator.seed(|azure| {
        azure.remove_link("dps", "hub-east.azure-devices.net");
        azure.hub_policy_keys("hub-east", "registryReadWrite").unwrap()
    });
    let text = format!("HostName=hub-east.azure-devices.net;SharedAccessKeyName=registryReadWrite;SharedAccessKey={}", keys.0);
    bench.simulator.seed(|azure| azure.add_foreign_link("dps", &json!({ "connectionString": text, "location": "eastus" })));
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
async fn a_link_outside_the_allocation_policy_is_used_only_when_it_is_named() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    let host = "hub-east.azure-devices.net";
    bench.simulator.seed(|azure| {
        azure.remove_link("dps", host);
        let (key, _) = azure.hub_policy_keys("hub-east", "iothubowner").unwrap();
        let text = format!("HostName={host};SharedAccessKeyName=iothubowner;SharedAccessKey={key}");
        azure.add_foreign_link("dps", &json!({ "connectionString": text, "location": "eastus", "applyAllocationPolicy": false }));
    });
    assert_eq!(bench.register(&east(&scope)).await.body["registrationState"]["assignedHub"], host);
    bench.simulator.seed(|azure| azure.set_group_hubs("dps", "g1", &[]));
    let got = bench.register(&east(&scope)).await;
    assert_eq!(got.body["registrationState"]["assignedHub"], "hub-west.azure-devices.net");
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
    bench.simulator.seed(|azure| {
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
    bench.simulator.seed(|azure| azure.add_service(other));
    let device = east(&scope);
    let resource = format!("{scope}/registrations/{}", device.id);
    let signature = sas(&resource, &derive(GROUP_KEY, device.id), None, bench.simulator.now().as_second() + 60);
    let body = json!({ "registrationId": device.id });
    for (name, status) in [("dps", 202), ("other", 404)] {
        let url = format!("https://{name}.azure-devices-provisioning.net/{resource}/register?api-version=2021-06-01");
        assert_eq!(call(&bench.client, "PUT", &url, &[("authorization", &signature)], Some(&body)).await.status, status);
    }
}
