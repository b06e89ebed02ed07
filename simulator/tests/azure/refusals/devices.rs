//! What the provisioning service refuses a device, and a hub its callers.

use crate::bench::{GROUP_KEY, OTHER_GROUP_KEY, derive, sas};
use crate::refusals::{Bearers, Row, Says, Signatures, all_hold, cloud, row};
use serde_json::json;

const ID: &str = "contoso-simdevice-east";

/// The registration of a device, at the global endpoint.
fn register(what: &'static str, by: &str, scope: &str) -> Row {
    let url = format!("https://global.azure-devices-provisioning.net/{scope}/registrations/{ID}/register?api-version=2021-06-01");
    row(what, by, "PUT", &url).json(&json!({ "registrationId": ID }))
}

#[tokio::test]
async fn a_device_without_the_key_of_an_enrollment_is_not_registered() {
    let bench = cloud(|options| options.limits.registrations_per_minute = 1).await;
    let scope = bench.simulator.seed(|azure| azure.id_scope("dps")).unwrap();
    let now = bench.simulator.now().as_second();
    let resource = format!("{scope}/registrations/{ID}");
    let key = derive(GROUP_KEY, ID);
    let sign = |resource: &str, key: &str, expiry: i64| sas(resource, key, Some("registration"), now + expiry);
    let good = sign(&resource, &key, 600);
    let unauthorized = |row: Row| row.refused(401, Says::Provisioning(401_002));
    let poll = format!("https://global.azure-devices-provisioning.net/{resource}/operations/none?api-version=2021-06-01");
    let rows = [
        unauthorized(register("nothing", "", &scope)),
        unauthorized(register("the group's key itself", &sign(&resource, GROUP_KEY, 600), &scope)),
        unauthorized(register("another device's key", &sign(&resource, &derive(GROUP_KEY, "other"), 600), &scope)),
        unauthorized(register("an expired signature", &sign(&resource, &key, -1), &scope)),
        unauthorized(register("another device's resource", &sign(&format!("{scope}/registrations/other"), &key, 600), &scope)),
        register("no such id scope", &good, "0ne00000000").refused(404, Says::Provisioning(404_205)),
        register("another id in the body", &good, &scope)
            .json(&json!({ "registrationId": "other" }))
            .refused(400, Says::Provisioning(400_004)),
        row("no such operation", &good, "GET", &poll).refused(404, Says::Provisioning(404_204)),
    ];
    all_hold(&bench, &rows).await;
    bench.simulator.seed(|azure| azure.delete_group("dps", "g1"));
    let unknown = register("no enrollment at all", &good, &scope).refused(404, Says::Provisioning(404_201));
    all_hold(&bench, &[unknown]).await;
}

#[tokio::test]
async fn registrations_and_polls_beyond_their_quotas_are_told_when_to_come_back() {
    let bench = cloud(|options| {
        options.limits.registrations_per_minute = 1;
        options.limits.polls_per_ten_seconds = 1;
    })
    .await;
    let scope = bench.simulator.seed(|azure| azure.id_scope("dps")).unwrap();
    let resource = format!("{scope}/registrations/{ID}");
    let good = sas(&resource, &derive(GROUP_KEY, ID), Some("registration"), bench.simulator.now().as_second() + 600);
    assert_eq!(bench.register(&crate::bench::east(&scope)).await.body["status"], "assigned");
    let poll = format!("https://global.azure-devices-provisioning.net/{resource}/operations/any?api-version=2021-06-01");
    let throttled = |row: Row| row.refused(429, Says::Provisioning(429_001));
    let rows = [throttled(register("registered too often", &good, &scope)), throttled(row("polled too often", &good, "GET", &poll))];
    // Each was done once just now.
    all_hold(&bench, &rows).await;
}

#[tokio::test]
async fn what_a_hub_refuses_is_named_in_its_body_and_in_a_header() {
    let host = "hub-east.azure-devices.net";
    let bench = cloud(|_| {}).await;
    let keys = |policy: &str| bench.simulator.seed(|azure| azure.hub_policy_keys("hub-east", policy)).unwrap().0;
    let by = Signatures::of(&bench, host, ("iothubowner", &keys("iothubowner")), ("registryRead", &keys("registryRead")));
    let bearers = Bearers::of(&bench, "https://iothubs.azure.net").await;
    let for_the_manager = Bearers::of(&bench, "https://management.azure.com").await.good;
    let there = json!({ "deviceId": "there", "status": "enabled", "authentication": { "type": "sas" } });
    assert_eq!(bench.hub("hub-east", "PUT", "/devices/there", &[], Some(&there)).await.status, 200);
    let url = |path: &str| format!("https://{host}{path}?api-version=2021-04-12");
    let device = url("/devices/there");
    let unauthorized = |what, by: &str, method| row(what, by, method, &device).refused(401, Says::Hub("IotHubUnauthorizedAccess"));
    let put = |what| row(what, &by.good, "PUT", &device).json(&there);
    let own = |key: &str, expiry: i64| sas(&format!("{host}/devices/there"), key, None, bench.simulator.now().as_second() + expiry);
    let message = format!("https://{host}/devices/there/messages/events?api-version=2020-03-13");
    let rows = [
        unauthorized("nothing", "", "GET"),
        unauthorized("another key", &by.by_another_key, "GET"),
        unauthorized("an expired signature", &by.expired, "GET"),
        unauthorized("another hub's signature", &by.for_another_resource, "GET"),
        unauthorized("no policy", &by.without_a_policy, "GET"),
        unauthorized("an unknown policy", &by.by_no_policy, "GET"),
        unauthorized("a reader who writes", &by.by_a_reader, "DELETE"),
        unauthorized("a token for the resource manager", &for_the_manager, "GET"),
        unauthorized("a token of another tenant", &bearers.of_another_tenant, "GET"),
        unauthorized("no role", &bearers.without_a_role, "GET"),
        row("a message by another key", &own(OTHER_GROUP_KEY, 600), "POST", &message).refused(401, Says::Hub("IotHubUnauthorizedAccess")),
        row("no such device", &by.good, "GET", &url("/devices/none")).refused(404, Says::Hub("DeviceNotFound")),
        put("made again").refused(409, Says::Hub("DeviceAlreadyExists")),
        put("a stale tag").if_match("\"old\"").refused(412, Says::Hub("PreconditionFailed")),
        row("a stale tag to delete by", &by.good, "DELETE", &device).if_match("\"old\"").refused(412, Says::Hub("PreconditionFailed")),
        put("another id than the path's").json(&json!({ "deviceId": "other" })).refused(400, Says::Hub("ArgumentInvalid")),
        put("an unknown field").json(&json!({ "deviceId": "there", "colour": "red" })).refused(400, Says::Hub("ArgumentInvalid")),
    ];
    all_hold(&bench, &rows).await;
}

#[tokio::test]
async fn the_registry_operation_too_many_in_a_minute_is_told_when_to_come_back() {
    let bench = cloud(|options| options.limits.registry_operations_per_unit = 1).await;
    let (host, key) = ("hub-east.azure-devices.net", bench.simulator.seed(|azure| azure.hub_policy_keys("hub-east", "iothubowner")));
    let good = sas(host, &key.unwrap().0, Some("iothubowner"), bench.simulator.now().as_second() + 600);
    assert_eq!(bench.hub("hub-east", "GET", "/devices/none", &[], None).await.status, 404);
    let url = format!("https://{host}/devices/none?api-version=2021-04-12");
    all_hold(&bench, &[row("too often", &good, "GET", &url).refused(429, Says::Hub("ThrottlingException"))]).await;
}
