//! Twins, devices in bulk and queries, through the service API.

use crate::bench::{Bench, HUBS, east};
use serde_json::{Value, json};

async fn made(bench: &Bench, ids: &[&str]) {
    bench.provisioned(&HUBS).await;
    let list: Vec<Value> = ids.iter().map(|id| json!({ "id": id, "importMode": "create", "authentication": { "type": "sas" } })).collect();
    let got = bench.hub("hub-east", "POST", "/devices", &[], Some(&Value::Array(list))).await;
    assert_eq!(got.status, 200, "{}", got.body);
}

#[tokio::test]
async fn a_twin_is_patched_and_replaced_under_its_entity_tag() {
    let bench = Bench::new().await;
    made(&bench, &["d1"]).await;
    let twin = bench.hub("hub-east", "GET", "/twins/d1", &[], None).await;
    assert_eq!((twin.status, twin.etag().as_str()), (200, "AAAAAAAAAAE="));
    let write =
        async |method: &str, tag: &str, body: Value| bench.hub("hub-east", method, "/twins/d1", &[("if-match", tag)], Some(&body)).await;
    let patched = write("PATCH", "\"AAAAAAAAAAE=\"", json!({ "tags": { "plant": "7", "line": { "no": 1 } } })).await;
    assert_eq!((patched.status, patched.etag().as_str()), (200, "AAAAAAAAAAI="), "{}", patched.body);
    assert_eq!(write("PATCH", "\"AAAAAAAAAAE=\"", json!({ "tags": {} })).await.status, 412);
    let merged = write("PATCH", "*", json!({ "tags": { "plant": null }, "properties": { "desired": { "rate": 5 } } })).await;
    assert_eq!(merged.body["tags"], json!({ "line": { "no": 1 } }));
    assert_eq!(merged.body["properties"]["desired"]["$version"], 2);
    let replaced = write("PUT", "*", json!({ "tags": { "plant": "8" }, "properties": { "desired": { "mode": "slow" } } })).await;
    assert_eq!(replaced.body["tags"], json!({ "plant": "8" }));
    let desired = &replaced.body["properties"]["desired"];
    assert_eq!((&desired["mode"], &desired["rate"], &desired["$version"]), (&json!("slow"), &Value::Null, &json!(3)));
    // A twin can be sent back as it was read.
    assert_eq!(write("PATCH", "*", replaced.body.clone()).await.status, 200);
    assert_eq!(bench.hub("hub-east", "GET", "/twins/none", &[], None).await.status, 404);
    assert_eq!(bench.simulator.answer_violations(), [""; 0]);
}

#[tokio::test]
async fn what_a_twin_cannot_hold_is_refused_and_changes_nothing() {
    let bench = Bench::new().await;
    made(&bench, &["d1"]).await;
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!({ "a": inner }));
    let filled = |length: usize| Value::Object((0..length / 1_000).map(|n| (format!("k{n:03}"), json!("x".repeat(990)))).collect());
    let rows = [
        ("a dot in a name", json!({ "tags": { "a.b": 1 } }), 400),
        ("a dollar in a name", json!({ "properties": { "desired": { "$x": 1 } } }), 400),
        ("a blank in a name", json!({ "tags": { "a b": 1 } }), 400),
        ("ten levels", json!({ "tags": nested(10) }), 200),
        ("eleven levels", json!({ "tags": nested(11) }), 400),
        ("the longest text", json!({ "tags": { "t": "x".repeat(4_096) } }), 200),
        ("a longer text", json!({ "tags": { "t": "x".repeat(4_097) } }), 400),
        ("the greatest number", json!({ "tags": { "n": 4_503_599_627_370_496_i64 } }), 200),
        ("a greater number", json!({ "tags": { "n": 4_503_599_627_370_497_i64 } }), 400),
        ("too many tags", json!({ "tags": filled(9_000) }), 413),
        ("as many properties", json!({ "properties": { "desired": filled(32_000) } }), 200),
        ("too many properties", json!({ "properties": { "desired": filled(34_000) } }), 413),
        ("tags that are none", json!({ "properties": { "desired": 7 } }), 400),
    ];
    for (what, body, status) in rows {
        let got = bench.hub("hub-east", "PUT", "/twins/d1", &[("if-match", "*")], Some(&body)).await;
        assert_eq!(got.status, status, "{what}: {}", got.body);
    }
    let twin = bench.hub("hub-east", "GET", "/twins/d1", &[], None).await.body;
    assert_eq!(twin["properties"]["desired"].as_object().unwrap().len(), 32 + 2);
}

#[tokio::test]
async fn devices_in_bulk_succeed_and_fail_each_for_itself() {
    let bench = Bench::new().await;
    made(&bench, &["d1", "d2"]).await;
    let list = json!([
        { "id": "d1", "importMode": "create" },
        { "id": "d3", "importMode": "create", "status": "disabled" },
        { "id": "d2", "importMode": "delete" },
        { "id": "d4", "importMode": "update" },
        { "id": "d1", "importMode": "deleteIfMatchETag", "eTag": "old" },
    ]);
    let got = bench.hub("hub-east", "POST", "/devices", &[], Some(&list)).await;
    assert_eq!((got.status, &got.body["isSuccessful"]), (400, &json!(false)));
    let errors: Vec<(&str, &str)> = got.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["deviceId"].as_str().unwrap(), error["errorCode"].as_str().unwrap()))
        .collect();
    assert_eq!(errors, [("d1", "DeviceAlreadyExists"), ("d4", "DeviceNotFound"), ("d1", "DeviceDefinedMultipleTimes")]);
    let left = bench.hub("hub-east", "GET", "/devices", &[], None).await.body;
    let left: Vec<&str> = left.as_array().unwrap().iter().map(|device| device["deviceId"].as_str().unwrap()).collect();
    assert_eq!(left, ["d1", "d3"]);
    let many: Vec<Value> = (0..101).map(|n| json!({ "id": format!("m{n}"), "importMode": "create" })).collect();
    assert_eq!(bench.hub("hub-east", "POST", "/devices", &[], Some(&Value::Array(many))).await.status, 413);
    assert_eq!(bench.simulator.answer_violations(), [""; 0]);
}

#[tokio::test]
async fn a_query_finds_devices_by_id_and_by_tags_in_pages() {
    let bench = Bench::new().await;
    made(&bench, &["d1", "d2", "d3"]).await;
    for (id, plant) in [("d1", "7"), ("d3", "7"), ("d2", "8")] {
        let body = json!({ "tags": { "plant": plant } });
        bench.hub("hub-east", "PATCH", &format!("/twins/{id}"), &[("if-match", "*")], Some(&body)).await;
    }
    let ask = async |text: &str, headers: &[(&str, &str)]| {
        let got = bench.hub("hub-east", "POST", "/devices/query", headers, Some(&json!({ "query": text }))).await;
        assert_eq!(got.status, 200, "{}", got.body);
        let ids: Vec<String> = got.body.as_array().unwrap().iter().map(|twin| twin["deviceId"].as_str().unwrap().to_owned()).collect();
        (ids, got.header("x-ms-continuation"))
    };
    assert_eq!(ask("SELECT * FROM devices WHERE deviceId IN ['d1','d2']", &[]).await.0, ["d1", "d2"]);
    let plant = "SELECT * FROM devices WHERE tags.plant = '7'";
    let (first, more) = ask(plant, &[("x-ms-max-item-count", "1")]).await;
    assert_eq!(first, ["d1"]);
    let (second, end) = ask(plant, &[("x-ms-max-item-count", "1"), ("x-ms-continuation", &more)]).await;
    assert_eq!((second, end.as_str()), (vec!["d3".to_owned()], ""));
    let unknown = json!({ "query": "SELECT * FROM devices WHERE tags.plant > '7'" });
    assert_eq!(bench.hub("hub-east", "POST", "/devices/query", &[], Some(&unknown)).await.status, 400);
    assert_eq!(bench.simulator.answer_violations(), [""; 0]);
}

#[tokio::test]
async fn a_new_device_has_the_initial_twin_of_its_group_and_keeps_what_became_of_it() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    let mut body = crate::bench::group_body("g1", &HUBS.map(|(name, _)| format!("{name}.azure-devices.net")));
    body["initialTwin"] = json!({ "tags": { "plant": "7" }, "properties": { "desired": { "rate": 5 } } });
    assert_eq!(bench.dps("PUT", "/enrollmentGroups/g1", &[("if-match", "*")], Some(&body)).await.status, 200);
    let device = east(&scope);
    bench.register(&device).await;
    let path = format!("/twins/{}", device.id);
    let twin = bench.hub("hub-east", "GET", &path, &[], None).await.body;
    assert_eq!((&twin["tags"], &twin["properties"]["desired"]["rate"]), (&json!({ "plant": "7" }), &json!(5)));
    bench.hub("hub-east", "PATCH", &path, &[("if-match", "*")], Some(&json!({ "tags": { "plant": "8" } }))).await;
    bench.register(&device).await;
    let moved = crate::bench::Device { from: Some([127, 0, 2, 9].into()), ..east(&scope) };
    bench.register(&moved).await;
    let twin = bench.hub("hub-west", "GET", &path, &[], None).await.body;
    assert_eq!(twin["tags"], json!({ "plant": "8" }));
    body["reprovisionPolicy"] = json!({ "updateHubAssignment": true, "migrateDeviceData": false });
    bench.dps("PUT", "/enrollmentGroups/g1", &[("if-match", "*")], Some(&body)).await;
    bench.register(&device).await;
    let twin = bench.hub("hub-east", "GET", &path, &[], None).await.body;
    assert_eq!(twin["tags"], json!({ "plant": "7" }));
}
