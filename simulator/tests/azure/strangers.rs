//! Clients that are not the operator: what they send beyond Microsoft's OpenAPI is answered as Azure answers it, and recorded.

use crate::bench::{Bench, Got, HUBS, ask_token, call, derive, east, group_body, sas};
use moorage_simulator::{CLIENT, CLIENT_SECRET, TENANT};
use serde_json::{Value, json};

const SCOPES: &str = "https://management.azure.com/.default openid offline_access profile";

/// The breaches of the OpenAPI so far, without their numbers.
fn recorded(bench: &Bench) -> Vec<String> {
    bench.simulator.violations().iter().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
}

/// A device call with the group's key; `path` follows the id scope.
async fn device(bench: &Bench, scope: &str, method: &str, path: &str, body: Option<&Value>) -> Got {
    let device = east(scope);
    let expiry = bench.simulator.now().as_second() + 3_600;
    let signature =
        sas(&format!("{scope}/registrations/{}", device.id), &derive(device.group_key, device.id), Some("registration"), expiry);
    let url = format!("https://global.azure-devices-provisioning.net/{scope}{path}?api-version=2019-03-31");
    call(&bench.client, method, &url, &[("authorization", &signature)], body).await
}

#[tokio::test]
async fn a_scope_may_name_what_openid_connect_has_beside_its_one_resource() {
    let bench = Bench::of_a_stranger().await;
    for scope in [SCOPES, "openid https://management.azure.com//.default", &format!("{SCOPES} https://management.azure.com/.default")] {
        let got = ask_token(&bench.client, TENANT, CLIENT, CLIENT_SECRET, scope).await;
        assert_eq!(got.status, 200, "{scope}: {}", got.body);
        let bearer = format!("Bearer {}", got.body["access_token"].as_str().unwrap());
        let url = crate::bench::arm_url("~/resourcegroups");
        assert_eq!(call(&bench.client, "GET", &url, &[("authorization", &bearer)], None).await.status, 200, "{scope}");
    }
}

#[tokio::test]
async fn a_body_that_nobody_wants_is_no_reason_to_tell_a_device_that_it_failed() {
    let bench = Bench::of_a_stranger().await;
    let scope = bench.provisioned(&HUBS).await;
    let id = east(&scope).id;
    let body = json!({ "registrationId": id });
    let got = device(&bench, &scope, "PUT", &format!("/registrations/{id}/register"), Some(&body)).await;
    assert_eq!(got.status, 202, "{}", got.body);
    let operation = got.body["operationId"].as_str().unwrap().to_owned();
    bench.settle().await;
    let got = device(&bench, &scope, "GET", &format!("/registrations/{id}/operations/{operation}"), Some(&body)).await;
    assert_eq!((got.status, &got.body["status"]), (200, &json!("assigned")), "{}", got.body);
    let got = bench.dps("POST", "/registrations/g1/query", &[], Some(&json!({ "query": "*" }))).await;
    assert_eq!((got.status, &got.body[0]["registrationId"]), (200, &json!(id)), "{}", got.body);
    let expected = [
        format!("GET global.azure-devices-provisioning.net/{scope}/registrations/{id}/operations/{operation}: body is not declared"),
        "POST dps.azure-devices-provisioning.net/registrations/g1/query: body is not declared".to_owned(),
    ];
    assert_eq!(recorded(&bench), expected);
}

#[tokio::test]
async fn data_planes_route_paths_in_any_case_and_with_a_slash_at_their_end_and_ids_keep_their_case() {
    let bench = Bench::of_a_stranger().await;
    let scope = bench.provisioned(&HUBS).await;
    let put = bench.dps("PUT", "/enrollmentgroups/Lab/", &[], Some(&group_body("Lab", &[]))).await;
    assert_eq!((put.status, &put.body["enrollmentGroupId"]), (200, &json!("Lab")), "{}", put.body);
    assert_eq!(bench.dps("GET", "/EnrollmentGroups/Lab", &[], None).await.status, 200);
    assert_eq!(bench.dps("GET", "/enrollmentGroups/lab", &[], None).await.status, 404);
    let one = json!({ "registrationId": "press-1", "attestation": { "type": "symmetricKey" } });
    let bulk = bench.dps("POST", "/enrollments/", &[], Some(&json!({ "mode": "create", "enrollments": [one] }))).await;
    assert_eq!((bulk.status, &bulk.body["isSuccessful"]), (200, &json!(true)), "{}", bulk.body);
    assert_eq!(bench.dps("POST", "/enrollments/press-1/AttestationMechanism/", &[], None).await.status, 200);

    assert_eq!(bench.hub("hub-east", "PUT", "/Devices/Press", &[], Some(&json!({ "deviceId": "Press" }))).await.status, 200);
    let list = bench.hub("hub-east", "GET", "/devices/", &[], None).await;
    assert_eq!((list.status, &list.body[0]["deviceId"]), (200, &json!("Press")));
    assert_eq!(bench.hub("hub-east", "GET", "/TWINS/Press/", &[], None).await.status, 200);
    assert_eq!(bench.hub("hub-east", "GET", "/devices/press", &[], None).await.status, 404);

    let id = east(&scope).id;
    let body = json!({ "registrationId": id });
    let got = device(&bench, &scope, "PUT", &format!("/Registrations/{id}/Register/"), Some(&body)).await;
    assert_eq!(got.status, 202, "{}", got.body);
    bench.settle().await;
    let operation = got.body["operationId"].as_str().unwrap();
    let got = device(&bench, &scope, "GET", &format!("/Registrations/{id}/Operations/{operation}"), None).await;
    assert_eq!(got.body["status"], "assigned", "{}", got.body);

    assert_eq!(recorded(&bench).len(), 9, "{:#?}", recorded(&bench));
    let spelling = "path is declared in another case, or without the slash at its end";
    assert!(recorded(&bench).iter().all(|line| line.ends_with(spelling)), "{:#?}", recorded(&bench));
    assert_eq!(bench.dps("GET", "/enrollmentGroup/Lab", &[], None).await.status, 404);
}

#[tokio::test]
async fn a_bulk_operation_of_a_hub_takes_either_spelling_of_its_mode_and_of_the_entity_tag() {
    let bench = Bench::of_a_stranger().await;
    bench.provisioned(&HUBS).await;
    let bulk = async |device: Value| bench.hub("hub-east", "POST", "/devices", &[], Some(&json!([device]))).await;
    assert_eq!(bulk(json!({ "id": "press", "importMode": "Create", "status": "Enabled" })).await.body["isSuccessful"], true);
    let tag = bench.hub("hub-east", "GET", "/devices/press", &[], None).await.etag();
    assert_eq!(bulk(json!({ "id": "press", "importMode": "Update", "status": "disabled", "etag": "x" })).await.status, 200);
    let got = bench.hub("hub-east", "GET", "/devices/press", &[], None).await;
    assert_eq!(got.body["status"], "disabled");
    for (spelling, stale) in [("etag", &tag), ("eTag", &tag)] {
        let got = bulk(json!({ "id": "press", "importMode": "updateIfMatchETag", spelling: stale })).await;
        assert_eq!((got.status, &got.body["errors"][0]["errorCode"]), (400, &json!("PreconditionFailed")), "{}", got.body);
    }
    for spelling in ["etag", "eTag"] {
        let tag = bench.hub("hub-east", "GET", "/devices/press", &[], None).await.etag();
        let got = bulk(json!({ "id": "press", "importMode": "UpdateIfMatchETag", spelling: tag })).await;
        assert_eq!(got.status, 200, "{}", got.body);
    }
    assert_eq!(bulk(json!({ "id": "press", "importMode": "Delete" })).await.status, 200);
    assert_eq!(bulk(json!({ "id": "press", "importMode": "Forget" })).await.status, 400);
    assert!(recorded(&bench).iter().any(|line| line.ends_with("body/0/etag is spelt eTag")), "{:#?}", recorded(&bench));
}

#[tokio::test]
async fn what_azure_does_not_know_is_neither_refused_nor_kept() {
    let bench = Bench::of_a_stranger().await;
    bench.group().await;
    let mut body = crate::bench::hub_body();
    body["Location"] = "westus".into();
    body.as_object_mut().unwrap().remove("location");
    body["properties"]["colour"] = "red".into();
    let got = bench.arm("PUT", &crate::bench::hub_path("hub-a"), Some(&body)).await;
    assert_eq!((got.status, &got.body["location"]), (201, &json!("westus")), "{}", got.body);
    assert_eq!(got.body["properties"]["colour"], Value::Null);
    assert_eq!(bench.simulator.answer_violations(), [""; 0]);
}
