//! The api-versions of the resource manager that released clients ask for.

use crate::bench::{ARM, Bench, Got, HUBS, call, dps_body, dps_path, hub_body, hub_path, options};
use moorage_simulator::{OlderPut, SUBSCRIPTION};
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
        ("2025-04-01", "2026-11-01", "2026-11-01"),
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

/// A hub and a group with what came in 2026-11-01, read and written back in the versions before it: what is left of that.
async fn written_back(older_put: OlderPut) -> [Value; 3] {
    let mut options = options();
    options.variants.older_put = older_put;
    let bench = Bench::with(options).await;
    bench.provisioned(&HUBS).await;
    let hub = format!("/resourceGroups/rg{}", hub_path("hub-east"));
    let mut body = ask(&bench, "2026-11-01", "GET", &hub, None).await.body;
    assert_eq!(body["properties"]["serviceHostName"], "hub-east.service.azure-devices.net");
    for (field, value) in
        [("deviceHostName", Value::Null), ("serviceHostName", Value::Null), ("iotHubDetails", Value::Null), ("ipVersion", json!("ipv6"))]
    {
        body["properties"][field] = value;
    }
    let stream = json!({ "name": "lake", "endpointUri": "sb://lake", "entityPath": "e" });
    body["properties"]["routing"]["endpoints"]["eventStreams"] = json!([stream]);
    assert_eq!(ask(&bench, "2026-11-01", "PUT", &hub, Some(&body)).await.status, 200);
    bench.settle().await;
    let mut group = bench.dps_of("2026-11-01", "GET", "/enrollmentGroups/g1", &[], None).await.body;
    group["namespaceName"] = json!("plants");
    let any = [("if-match", "*")];
    assert_eq!(bench.dps_of("2026-11-01", "PUT", "/enrollmentGroups/g1", &any, Some(&group)).await.status, 200);

    let older = ask(&bench, "2023-06-30", "GET", &hub, None).await.body;
    assert_eq!(
        (&older["properties"]["ipVersion"], &older["properties"]["routing"]["endpoints"]["eventStreams"]),
        (&Value::Null, &Value::Null)
    );
    ask(&bench, "2023-06-30", "PUT", &hub, Some(&older)).await;
    bench.settle().await;
    let older = bench.dps_of("2021-10-01", "GET", "/enrollmentGroups/g1", &[], None).await.body;
    assert_eq!(older["namespaceName"], Value::Null);
    bench.dps_of("2021-10-01", "PUT", "/enrollmentGroups/g1", &any, Some(&older)).await;

    let left = ask(&bench, "2026-11-01", "GET", &hub, None).await.body;
    let group = bench.dps_of("2026-11-01", "GET", "/enrollmentGroups/g1", &[], None).await.body;
    assert_eq!(bench.simulator.answer_violations(), [""; 0]);
    [&left["properties"]["ipVersion"], &left["properties"]["routing"]["endpoints"]["eventStreams"][0]["name"], &group["namespaceName"]]
        .map(Clone::clone)
}

#[tokio::test]
async fn an_older_put_resets_or_keeps_what_it_does_not_know() {
    assert_eq!(written_back(OlderPut::Reset).await, [Value::Null, Value::Null, Value::Null]);
    assert_eq!(written_back(OlderPut::Kept).await, [json!("ipv6"), json!("lake"), json!("plants")]);
}

#[tokio::test]
async fn a_cloud_that_is_behind_refuses_the_newest_version_in_the_words_of_each_service() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    bench.simulator.seed(|azure| azure.set_older_cloud(true));
    for (path, kind, spoken) in [(hub_path("hub-east"), "iothubs", "2023-06-30"), (dps_path("dps"), "provisioningservices", "2022-12-12")] {
        let path = format!("/resourceGroups/rg{path}");
        let got = ask(&bench, "2026-11-01", "GET", &path, None).await;
        let told = format!(
            "No registered resource provider found for API version '2026-11-01' for type '{kind}'. The supported api-versions are '{spoken}'."
        );
        let error = &got.body["error"];
        assert_eq!((got.status, &error["code"], &error["message"]), (400, &json!("NoRegisteredProviderFound"), &json!(told)));
        assert_eq!(ask(&bench, spoken, "GET", &path, None).await.status, 200);
    }
    let got = bench.dps_of("2026-11-01", "GET", "/enrollmentGroups/g1", &[], None).await;
    assert_eq!((got.status, &got.body["errorCode"]), (400, &json!(400_002)));
    assert_eq!(bench.dps_of("2021-10-01", "GET", "/enrollmentGroups/g1", &[], None).await.status, 200);
}
