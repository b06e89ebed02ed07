//! Bulk operations on enrollments, and queries for some of them.

use crate::bench::{Bench, Device, GROUP_KEY, Got, HUBS, group_body};
use serde_json::{Value, json};

fn press(id: usize) -> Value {
    json!({ "registrationId": format!("press-{id}"), "attestation": { "type": "symmetricKey" } })
}

async fn bulk(bench: &Bench, mode: &str, enrollments: &[Value]) -> Got {
    bench.dps("POST", "/enrollments", &[], Some(&json!({ "mode": mode, "enrollments": enrollments }))).await
}

async fn ask(bench: &Bench, path: &str, query: &str) -> Value {
    let got = bench.dps("POST", path, &[], Some(&json!({ "query": query }))).await;
    assert_eq!(got.status, 200, "{}", got.body);
    got.body
}

#[tokio::test]
async fn each_enrollment_of_a_bulk_operation_succeeds_or_fails_for_itself() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    assert_eq!(bulk(&bench, "create", &[press(1)]).await.body, json!({ "isSuccessful": true, "errors": [] }));
    let got = bulk(&bench, "create", &[press(2), press(1), press(3)]).await;
    assert_eq!(got.status, 200);
    let errors = json!([{ "registrationId": "press-1", "errorCode": 409_201, "errorStatus": "EnrollmentConflict: press-1 exists." }]);
    assert_eq!(got.body, json!({ "isSuccessful": false, "errors": errors }));
    let all = ask(&bench, "/enrollments/query", "SELECT * FROM enrollments").await;
    assert_eq!(all.as_array().unwrap().len(), 3);
    let got = bulk(&bench, "delete", &[press(1), press(9), press(2)]).await;
    assert_eq!(got.body["errors"][0]["errorCode"], 404_201);
    let left = ask(&bench, "/enrollments/query", "SELECT * FROM enrollments").await;
    assert_eq!([&left[0]["registrationId"], &left[1]], [&json!("press-3"), &Value::Null]);
    assert_eq!(bench.simulator.answer_violations(), Vec::<String>::new());
}

#[tokio::test]
async fn an_update_in_bulk_takes_any_entity_tag_unless_it_is_to_match() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    bulk(&bench, "create", &[press(1)]).await;
    let tag = bench.dps("GET", "/enrollments/press-1", &[], None).await.etag();
    let mut disabled = press(1);
    disabled["provisioningStatus"] = json!("disabled");
    assert_eq!(bulk(&bench, "update", std::slice::from_ref(&disabled)).await.body["isSuccessful"], true);
    assert_eq!(bench.dps("GET", "/enrollments/press-1", &[], None).await.body["provisioningStatus"], "disabled");
    disabled["etag"] = json!(tag);
    let code = async |mode: &str, one: &Value| bulk(&bench, mode, std::slice::from_ref(one)).await.body["errors"][0]["errorCode"].clone();
    assert_eq!(code("updateIfMatchETag", &disabled).await, 412_001);
    disabled["etag"] = json!(bench.dps("GET", "/enrollments/press-1", &[], None).await.etag());
    assert_eq!(code("updateIfMatchETag", &disabled).await, Value::Null);
    assert_eq!(code("update", &press(2)).await, 404_201);
}

#[tokio::test]
async fn a_bulk_operation_is_for_ten_enrollments_at_most() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let presses: Vec<Value> = (0..11).map(press).collect();
    let got = bulk(&bench, "create", &presses).await;
    assert_eq!((got.status, &got.body["errorCode"]), (400, &json!(400_004)));
    assert_eq!(bulk(&bench, "create", &presses[1..]).await.body["isSuccessful"], true);
}

#[tokio::test]
async fn groups_are_changed_in_bulk_too() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let groups = |mode: &str, ids: [&str; 2]| json!({ "mode": mode, "enrollmentGroups": ids.map(|id| group_body(id, &[])) });
    let got = bench.dps("POST", "/enrollmentGroups", &[], Some(&groups("create", ["g1", "g2"]))).await;
    let errors = json!([{ "enrollmentGroupId": "g1", "errorCode": 409_201, "errorStatus": "EnrollmentGroupConflict: g1 exists." }]);
    assert_eq!(got.body, json!({ "isSuccessful": false, "errors": errors }));
    let got = bench.dps("POST", "/enrollmentGroups", &[], Some(&groups("delete", ["g2", "g3"]))).await;
    assert_eq!(got.body["errors"][0]["errorCode"], 404_202);
    assert_eq!(bench.dps("GET", "/enrollmentGroups/g2", &[], None).await.status, 404);
}

#[tokio::test]
async fn a_query_may_ask_for_what_equals_something_and_still_comes_in_pages() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let mut presses: Vec<Value> = (0..5).map(press).collect();
    for at in [1, 3, 4] {
        presses[at]["provisioningStatus"] = json!("disabled");
    }
    bulk(&bench, "create", &presses).await;
    let body = json!({ "query": "SELECT * FROM enrollments WHERE provisioningStatus = 'disabled'" });
    let ids =
        |got: &Got| got.body.as_array().unwrap().iter().map(|one| one["registrationId"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let first = bench.dps("POST", "/enrollments/query", &[("x-ms-max-item-count", "2")], Some(&body)).await;
    assert_eq!(ids(&first), ["press-1", "press-3"]);
    let next = first.header("x-ms-continuation");
    let second = bench.dps("POST", "/enrollments/query", &[("x-ms-continuation", &next)], Some(&body)).await;
    assert_eq!(ids(&second), ["press-4"]);
    let none = ask(&bench, "/enrollmentGroups/query", "SELECT * FROM enrollmentGroups WHERE attestation.type = 'x509'").await;
    assert_eq!(none, json!([]));
}

#[tokio::test]
async fn the_registrations_of_a_group_come_in_pages_too() {
    let bench = Bench::new().await;
    let scope = bench.provisioned(&HUBS).await;
    for id in ["press-1", "press-2", "press-3"] {
        let device = Device { scope: &scope, id, group_key: GROUP_KEY, from: None };
        assert_eq!(bench.register(&device).await.body["status"], "assigned");
    }
    let ids =
        |got: &Got| got.body.as_array().unwrap().iter().map(|one| one["registrationId"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let first = bench.dps("POST", "/registrations/g1/query", &[("x-ms-max-item-count", "2")], None).await;
    assert_eq!((ids(&first), first.header("x-ms-item-type")), (vec!["press-1".into(), "press-2".into()], "deviceRegistration".into()));
    let next = first.header("x-ms-continuation");
    let second = bench.dps("POST", "/registrations/g1/query", &[("x-ms-continuation", &next)], None).await;
    assert_eq!((ids(&second), second.header("x-ms-continuation")), (vec!["press-3".into()], String::new()));
}
