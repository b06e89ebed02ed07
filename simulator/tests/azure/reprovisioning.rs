//! What becomes of a device's data when it registers again: the three choices of an enrollment.

use crate::bench::{Bench, HUBS, call, sas};
use serde_json::{Value, json};

const KEY: &str = crate::bench::OTHER_GROUP_KEY;

/// An enrollment that allocates to one hub.
fn enrollment(hub: &str, policy: [bool; 2]) -> Value {
    json!({
        "registrationId": "press-7",
        "deviceId": "seven",
        "attestation": { "type": "symmetricKey", "symmetricKey": { "primaryKey": KEY, "secondaryKey": KEY } },
        "allocationPolicy": "static",
        "iotHubs": [format!("{hub}.azure-devices.net")],
        "reprovisionPolicy": { "updateHubAssignment": policy[0], "migrateDeviceData": policy[1] },
        "initialTwin": { "tags": { "at": hub }, "properties": { "desired": { "rate": 1 } } },
        "capabilities": { "iotEdge": hub == "hub-west" },
        "optionalDeviceInformation": { "colour": "red" },
    })
}

async fn register(bench: &Bench, scope: &str) -> Value {
    let base = format!("https://global.azure-devices-provisioning.net/{scope}/registrations/press-7");
    let expiry = bench.simulator.now().as_second() + 3_600;
    let signature = sas(&format!("{scope}/registrations/press-7"), KEY, Some("registration"), expiry);
    let headers = [("authorization", signature.as_str())];
    let body = json!({ "registrationId": "press-7" });
    let begun = call(&bench.client, "PUT", &format!("{base}/register?api-version=2021-06-01"), &headers, Some(&body)).await;
    bench.settle().await;
    let url = format!("{base}/operations/{}?api-version=2021-06-01", begun.body["operationId"].as_str().unwrap());
    call(&bench.client, "GET", &url, &headers, None).await.body["registrationState"].clone()
}

/// A device that registers in the east, is told another rate there, and registers again when its enrollment says west.
async fn moved(policy: [bool; 2]) -> (Bench, Value) {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    let put = bench.dps("PUT", "/enrollments/press-7", &[], Some(&enrollment("hub-east", policy))).await;
    assert_eq!((put.status, &put.body["optionalDeviceInformation"]), (200, &json!({ "colour": "red" })), "{}", put.body);
    assert_eq!(register(&bench, &scope).await["substatus"], "initialAssignment");
    let told = json!({ "properties": { "desired": { "rate": 9 } } });
    assert_eq!(bench.hub("hub-east", "PATCH", "/twins/seven", &[("if-match", "*")], Some(&told)).await.status, 200);
    bench.dps("PUT", "/enrollments/press-7", &[("if-match", "*")], Some(&enrollment("hub-west", policy))).await;
    let state = register(&bench, &scope).await;
    assert_eq!(bench.simulator.answer_violations(), Vec::<String>::new());
    (bench, state)
}

/// The status of a read of the device's twin, with its tag, its rate, and whether it is an edge device.
async fn twin(bench: &Bench, hub: &str) -> [Value; 4] {
    let got = bench.hub(hub, "GET", "/twins/seven", &[], None).await;
    let at = |pointer: &str| got.body.pointer(pointer).cloned().unwrap_or_default();
    [json!(got.status), at("/tags/at"), at("/properties/desired/rate"), at("/capabilities/iotEdge")]
}

const GONE: [Value; 3] = [Value::Null, Value::Null, Value::Null];

#[tokio::test]
async fn a_device_whose_data_migrates_brings_its_twin_and_its_capabilities_along() {
    let (bench, state) = moved([true, true]).await;
    assert_eq!((&state["assignedHub"], &state["substatus"]), (&json!("hub-west.azure-devices.net"), &json!("deviceDataMigrated")));
    assert_eq!(twin(&bench, "hub-west").await, [json!(200), json!("hub-east"), json!(9), json!(false)]);
    assert_eq!(twin(&bench, "hub-east").await[1..], GONE);
}

#[tokio::test]
async fn a_device_that_is_reset_has_what_its_enrollment_says_now() {
    let (bench, state) = moved([true, false]).await;
    assert_eq!((&state["assignedHub"], &state["substatus"]), (&json!("hub-west.azure-devices.net"), &json!("deviceDataReset")));
    assert_eq!(twin(&bench, "hub-west").await, [json!(200), json!("hub-west"), json!(1), json!(true)]);
    assert_eq!(twin(&bench, "hub-east").await[1..], GONE);
}

#[tokio::test]
async fn a_device_that_never_reprovisions_stays_as_it_is_where_it_is() {
    let (bench, state) = moved([false, false]).await;
    assert_eq!((&state["assignedHub"], &state["substatus"]), (&json!("hub-east.azure-devices.net"), &json!("initialAssignment")));
    assert_eq!(twin(&bench, "hub-east").await, [json!(200), json!("hub-east"), json!(9), json!(false)]);
    assert_eq!(twin(&bench, "hub-west").await[1..], GONE);
}
