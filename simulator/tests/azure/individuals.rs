//! Individual enrollments: the service API's side, and what a device meets with.

use crate::bench::{self, Bench, Device, GROUP_KEY, HUBS, OTHER_GROUP_KEY, call, derive, east, sas};
use moorage_simulator::SecondKey;
use serde_json::{Value, json};

const ID: &str = "contoso-simdevice-east";
const PATH: &str = "/enrollments/contoso-simdevice-east";

fn body(status: &str) -> Value {
    json!({
        "registrationId": ID,
        "deviceId": "press-7",
        "attestation": { "type": "symmetricKey", "symmetricKey": { "primaryKey": OTHER_GROUP_KEY, "secondaryKey": GROUP_KEY } },
        "allocationPolicy": "static",
        "iotHubs": ["hub-west.azure-devices.net"],
        "provisioningStatus": status,
        "initialTwin": { "tags": { "line": { "number": 4 } } },
    })
}

/// A registration with a key as it is, not one derived from it.
async fn register_with(bench: &Bench, scope: &str, key: &str) -> bench::Got {
    let base = format!("https://global.azure-devices-provisioning.net/{scope}/registrations/{ID}");
    let expiry = bench.simulator.now().as_second() + 3_600;
    let signature = sas(&format!("{scope}/registrations/{ID}"), key, Some("registration"), expiry);
    let headers = [("authorization", signature.as_str())];
    let url = format!("{base}/register?api-version=2021-06-01");
    let got = call(&bench.client, "PUT", &url, &headers, Some(&json!({ "registrationId": ID }))).await;
    if got.status != 202 {
        return got;
    }
    bench.settle().await;
    let operation = got.body["operationId"].as_str().unwrap();
    call(&bench.client, "GET", &format!("{base}/operations/{operation}?api-version=2021-06-01"), &headers, None).await
}

#[tokio::test]
async fn an_individual_enrollment_is_created_without_if_match_and_updated_only_with_it() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    assert_eq!(bench.dps("GET", PATH, &[], None).await.body["errorCode"], 404_201);
    assert_eq!(bench.dps("PUT", PATH, &[("if-match", "*")], Some(&body("enabled"))).await.status, 412);
    assert_eq!(bench.dps("PUT", PATH, &[], Some(&body("enabled"))).await.status, 200);
    assert_eq!(bench.dps("PUT", PATH, &[], Some(&body("enabled"))).await.status, 409);
    let shown = bench.dps("GET", PATH, &[], None).await;
    assert_eq!(shown.body["attestation"], json!({ "type": "symmetricKey" }));
    assert_eq!((&shown.body["deviceId"], &shown.body["initialTwin"]["tags"]["line"]["number"]), (&json!("press-7"), &json!(4)));
    let etag = shown.etag();
    assert_eq!(bench.dps("PUT", PATH, &[("if-match", &etag)], Some(&body("disabled"))).await.body["provisioningStatus"], "disabled");
    assert_eq!(bench.dps("DELETE", PATH, &[("if-match", &etag)], None).await.status, 412);
    assert_eq!(bench.dps("DELETE", PATH, &[], None).await.status, 204);
    assert_eq!(bench.dps("DELETE", PATH, &[], None).await.status, 404);
    assert_eq!(bench.simulator.violations(), Vec::<String>::new());
    assert_eq!(bench.simulator.answer_violations(), Vec::<String>::new());
}

#[tokio::test]
async fn keys_that_are_left_out_are_made_and_shown_only_to_attestationmechanism() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let bare = json!({ "registrationId": ID, "attestation": { "type": "symmetricKey" } });
    assert_eq!(bench.dps("PUT", PATH, &[], Some(&bare)).await.status, 200);
    let keys = bench.dps("POST", &format!("{PATH}/attestationmechanism"), &[], None).await.body["symmetricKey"].clone();
    assert_eq!(keys["primaryKey"].as_str().unwrap().len(), 88);
    assert_ne!(keys["primaryKey"], keys["secondaryKey"]);
}

#[tokio::test]
async fn individual_enrollments_are_listed_and_counted() {
    let mut options = bench::options();
    options.limits.individual_enrollments = 2;
    let bench = Bench::with(options).await;
    bench.provisioned(&HUBS).await;
    bench.simulator.seed(|azure| ["one", "two"].map(|id| azure.add_enrollment("dps", id, true)));
    let query = json!({ "query": "SELECT * FROM enrollments" });
    let listed = bench.dps("POST", "/enrollments/query", &[("x-ms-max-item-count", "1")], Some(&query)).await;
    assert_eq!(listed.body.as_array().unwrap().iter().map(|one| &one["registrationId"]).collect::<Vec<_>>(), ["one"]);
    assert_ne!(listed.header("x-ms-continuation"), "");
    let full = bench.dps("PUT", PATH, &[], Some(&body("enabled"))).await;
    assert_eq!((full.status, full.body["errorCode"].as_u64()), (400, Some(400_210)));
}

#[tokio::test]
async fn an_individual_enrollment_wins_over_the_group_with_keys_of_its_own() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    assert_eq!(bench.register(&east(&scope)).await.body["status"], "assigned");
    bench.dps("PUT", PATH, &[], Some(&body("enabled"))).await;
    assert_eq!(bench.register(&east(&scope)).await.status, 401);
    let got = register_with(&bench, &scope, OTHER_GROUP_KEY).await;
    let state = &got.body["registrationState"];
    assert_eq!((&state["deviceId"], &state["assignedHub"]), (&json!("press-7"), &json!("hub-west.azure-devices.net")));
    assert_eq!(state["symmetricKey"], Value::Null);
    assert_eq!(bench.dps("GET", PATH, &[], None).await.body["registrationState"]["status"], "assigned");
    assert_eq!(bench.dps("POST", "/registrations/g1/query", &[], None).await.body, json!([]));
    // Others of the group are not concerned.
    let other = Device { id: "contoso-simdevice-west", ..east(&scope) };
    assert_eq!(bench.register(&other).await.body["status"], "assigned");
}

#[tokio::test]
async fn the_second_key_of_a_device_s_own_enrollment_may_be_refused() {
    for (variant, status) in [(SecondKey::Accepted, 200), (SecondKey::Refused, 401)] {
        let mut options = bench::options();
        options.variants.second_key = variant;
        let bench = Bench::with(options).await;
        let scope = bench.provisioned(&HUBS).await;
        bench.dps("PUT", PATH, &[], Some(&body("enabled"))).await;
        assert_eq!(register_with(&bench, &scope, GROUP_KEY).await.status, status, "{variant:?}");
        assert_eq!(register_with(&bench, &scope, OTHER_GROUP_KEY).await.body["status"], "assigned", "{variant:?}");
    }
}

#[tokio::test]
async fn a_disabled_individual_enrollment_bars_its_device_and_nobody_else() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    bench.dps("PUT", PATH, &[], Some(&body("disabled"))).await;
    assert_eq!(register_with(&bench, &scope, OTHER_GROUP_KEY).await.body["status"], "disabled");
    assert_eq!(register_with(&bench, &scope, &derive(GROUP_KEY, ID)).await.status, 401);
    let world = bench.simulator.snapshot();
    let line = world.lines().find(|line| line.contains("  enrollment ")).unwrap();
    assert!(line.starts_with("  enrollment contoso-simdevice-east disabled static [hub-west.azure-devices.net] update true migrate true "));
    assert!(line.ends_with(r#" {"initialTwin":{"tags":{"line":{"number":4}}}} device press-7"#), "{line}");

    bench.dps("DELETE", PATH, &[], None).await;
    assert_eq!(bench.register(&east(&scope)).await.body["status"], "assigned");
}

#[tokio::test]
async fn an_older_version_does_not_show_what_came_after_it() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let mut press = body("enabled");
    press["optionalDeviceInformation"] = json!({ "maker": "contoso" });
    press["capabilities"] = json!({ "iotEdge": true });
    let mut group = bench::group_body("g1", &[]);
    group["capabilities"] = json!({ "iotEdge": true });
    assert_eq!(bench.dps("PUT", PATH, &[], Some(&press)).await.status, 200);
    assert_eq!(bench.dps("PUT", "/enrollmentGroups/g1", &[("if-match", "*")], Some(&group)).await.status, 200);

    let seen = async |version: &str| {
        let press = bench.dps_of(version, "GET", PATH, &[], None).await.body;
        let query = json!({ "query": "SELECT * FROM enrollmentGroups" });
        let groups = bench.dps_of(version, "POST", "/enrollmentGroups/query", &[], Some(&query)).await.body;
        [press["capabilities"].is_null(), press["optionalDeviceInformation"].is_null(), groups[0]["capabilities"].is_null()]
    };
    assert_eq!(seen("2021-10-01").await, [false, false, false]);
    assert_eq!(seen("2018-09-01-preview").await, [false, true, true]);
    assert_eq!(bench.simulator.answer_violations(), Vec::<String>::new());
}
