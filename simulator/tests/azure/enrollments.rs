//! The service API of the provisioning service.

use crate::bench::{self, Bench, GROUP_KEY, HUBS, OTHER_GROUP_KEY, call, east, group_body, sas};
use moorage_simulator::KeysLeftOut;
use serde_json::{Value, json};

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
        bench.simulator.seed(|azure| azure.add_group("dps", id, &[]));
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
    bench.simulator.seed(|azure| (2..=100).for_each(|n| azure.add_group("dps", &format!("g{n}"), &[])));
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
    let keys = bench.simulator.seed(|azure| azure.service_policy_keys("dps", "provisioningserviceowner"));
    let expiry = bench.simulator.now().as_second() + 60;
    let signature = sas(host, &keys.unwrap().1, Some("provisioningserviceowner"), expiry);
    let url = format!("https://{host}/enrollmentGroups/g1?api-version=2021-10-01");
    let headers = [("authorization", signature.as_str())];
    assert_eq!(call(&bench.client, "GET", &url, &headers, None).await.status, 200);
    bench.simulator.advance(jiff::SignedDuration::from_hours(36)).await.unwrap();
    assert_eq!(call(&bench.client, "GET", &url, &headers, None).await.status, 401);
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
