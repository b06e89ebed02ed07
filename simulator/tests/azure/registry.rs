//! The hubs' registry.

use crate::bench::{self, Bench, GROUP_KEY, HUBS, OTHER_GROUP_KEY, call, east, sas};
use serde_json::json;

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
    bench.simulator.seed(|azure| azure.set_hub_property("hub-east", "disableLocalAuth", true.into()));
    assert_eq!(bench.hub("hub-east", "GET", "/devices/d1", &[], None).await.status, 401);
    assert_eq!(bench.register(&east(&scope)).await.body["status"], "failed");
    let bearer = format!("Bearer {}", bench::token(&bench.client, "https://iothubs.azure.net/.default").await);
    let url = "https://hub-east.azure-devices.net/devices/d1?api-version=2021-04-12";
    assert_eq!(call(&bench.client, "GET", url, &[("authorization", &bearer)], None).await.status, 404);
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
async fn a_hub_takes_a_hundred_registry_operations_a_minute_and_unit() {
    let mut options = bench::options();
    options.limits.registry_operations_per_unit = 2;
    let bench = Bench::with(options).await;
    bench.provisioned(&HUBS).await;
    bench.simulator.seed(|azure| azure.set_sku("hub-west", "S1", 2));
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

#[tokio::test]
async fn each_device_of_a_bulk_operation_succeeds_or_fails_for_itself_and_one_failure_makes_the_answer_400() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let devices = |ids: &[&str], mode: &str| ids.iter().map(|id| json!({ "id": id, "importMode": mode })).collect::<serde_json::Value>();
    let made = bench.hub("hub-east", "POST", "/devices", &[], Some(&devices(&["d1"], "create"))).await;
    assert_eq!((made.status, &made.body["isSuccessful"]), (200, &json!(true)));
    let half = bench.hub("hub-east", "POST", "/devices", &[], Some(&devices(&["d1", "d2"], "create"))).await;
    let errors = json!([{ "deviceId": "d1", "errorCode": "DeviceAlreadyExists", "errorStatus": "The device exists" }]);
    assert_eq!((half.status, &half.body["errors"]), (400, &errors));
    assert_eq!(bench.hub("hub-east", "GET", "/devices/d2", &[], None).await.status, 200);
    let gone = bench.hub("hub-east", "POST", "/devices", &[], Some(&devices(&["d1", "d9"], "delete"))).await;
    assert_eq!((gone.status, &gone.body["errors"][0]["errorCode"]), (400, &json!("DeviceNotFound")));
    assert_eq!(bench.hub("hub-east", "GET", "/devices/d1", &[], None).await.status, 404);
}
