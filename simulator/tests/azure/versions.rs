//! The api-versions of the resource manager that released clients ask for.

use crate::bench::{ARM, Bench, Got, call, dps_body, dps_path, hub_body, hub_path};
use moorage_simulator::SUBSCRIPTION;
use serde_json::{Value, json};

async fn ask(bench: &Bench, version: &str, method: &str, path: &str, body: Option<&Value>) -> Got {
    let bearer = format!("Bearer {}", bench.token);
    let url = format!("{ARM}/subscriptions/{SUBSCRIPTION}{path}?api-version={version}");
    call(&bench.client, method, &url, &[("authorization", &bearer)], body).await
}

#[tokio::test]
async fn what_the_clients_for_go_javascript_and_python_ask_for_is_known() {
    let bench = Bench::new().await;
    let clients = [
        ("2021-04-01", "2023-06-30", "2022-02-05"),
        ("2024-03-01", "2023-06-30", "2022-12-12"),
        ("2025-04-01", "2023-06-30", "2026-08-31"),
        ("2025-04-01", "2023-06-30", "2026-11-01"),
    ];
    for (number, (resources, hubs, services)) in clients.into_iter().enumerate() {
        let group = format!("/resourceGroups/rg-{number}");
        let (hub, service) = (format!("{group}{}", hub_path("hub")), format!("{group}{}", dps_path("service")));
        let made = ask(&bench, resources, "PUT", &group, Some(&json!({ "location": "eastus" }))).await;
        assert_eq!(made.status, 201, "{resources}: {}", made.body);
        assert_eq!(ask(&bench, hubs, "PUT", &hub, Some(&hub_body())).await.status, 201);
        assert_eq!(ask(&bench, services, "PUT", &service, Some(&dps_body(&json!([])))).await.status, 201);
        bench.settle().await;
        for (version, path) in [(resources, &group), (hubs, &hub), (services, &service)] {
            let got = ask(&bench, version, "GET", path, None).await;
            assert_eq!((got.status, &got.body["properties"]["provisioningState"]), (200, &json!("Succeeded")), "{version} {path}");
        }
        let deleted = ask(&bench, resources, "DELETE", &group, None).await;
        let bearer = format!("Bearer {}", bench.token);
        bench.settle().await;
        assert_eq!(call(&bench.client, "GET", &deleted.header("location"), &[("authorization", &bearer)], None).await.status, 200);
    }
    assert_eq!(bench.simulator.violations(), [""; 0]);
    assert_eq!(bench.simulator.answer_violations(), [""; 0]);
}

#[tokio::test]
async fn identities_of_a_service_are_told_since_2026_08_31_and_a_version_that_is_none_is_refused() {
    let bench = Bench::of_a_stranger().await;
    bench.group().await;
    let path = format!("/resourceGroups/rg{}", dps_path("service"));
    let mut body = dps_body(&json!([]));
    body["identity"] = json!({ "type": "SystemAssigned" });
    assert_eq!(ask(&bench, "2026-08-31", "PUT", &path, Some(&body)).await.body["identity"]["type"], "SystemAssigned");
    for (version, told) in [("2022-02-05", Value::Null), ("2022-12-12", Value::Null), ("2026-08-31", json!("SystemAssigned"))] {
        assert_eq!(ask(&bench, version, "GET", &path, None).await.body["identity"]["type"], told, "{version}");
    }
    let got = ask(&bench, "2022-02-06", "GET", &path, None).await;
    assert_eq!((got.status, &got.body["error"]["code"]), (400, &json!("InvalidApiVersionParameter")));
}
