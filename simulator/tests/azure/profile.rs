//! A cloud in which things take their time, and are seen late.

use crate::bench::{self, Bench, HUBS, dps_body, dps_path, east, group_body};
use jiff::SignedDuration;
use moorage_simulator::Profile;
use serde_json::{Value, json};

async fn azure_like() -> Bench {
    Bench::with(moorage_simulator::Options { profile: Profile::AzureLike, ..bench::options() }).await
}

async fn wait(bench: &Bench, milliseconds: i64) {
    bench.simulator.advance(SignedDuration::from_millis(milliseconds)).await.unwrap();
}

async fn all(bench: &Bench, path: &str, table: &str) -> usize {
    let body = json!({ "query": format!("SELECT * FROM {table}") });
    bench.dps("POST", path, &[], Some(&body)).await.body.as_array().unwrap().len()
}

#[tokio::test]
async fn a_new_group_is_read_late_and_listed_later() {
    let bench = azure_like().await;
    bench.provisioned(&HUBS).await;
    let status = async || bench.dps("GET", "/enrollmentGroups/g1", &[], None).await.status;
    assert_eq!(status().await, 404);
    wait(&bench, 2_000).await;
    assert_eq!(status().await, 200);
    assert_eq!(all(&bench, "/enrollmentGroups/query", "enrollmentGroups").await, 0);
    wait(&bench, 2_000).await;
    assert_eq!(all(&bench, "/enrollmentGroups/query", "enrollmentGroups").await, 1);
    // Only what is new is seen late.
    let changed = group_body("g1", &[]);
    assert_eq!(bench.dps("PUT", "/enrollmentGroups/g1", &[("if-match", "*")], Some(&changed)).await.status, 200);
    assert_eq!(status().await, 200);
}

#[tokio::test]
async fn a_new_service_is_busy_and_seen_late() {
    let bench = azure_like().await;
    bench.group().await;
    let made = bench.arm("PUT", &dps_path("slow"), Some(&dps_body(&json!([])))).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let get = async || bench.arm("GET", &dps_path("slow"), None).await;
    assert_eq!(get().await.status, 404);
    let listed =
        async || bench.arm("GET", &dps_path("").replace("Services/", "Services"), None).await.body["value"].as_array().unwrap().len();
    wait(&bench, 2_200).await;
    assert_eq!((get().await.body["properties"]["state"].clone(), listed().await), (json!("Active"), 0));
    wait(&bench, 2_000).await;
    assert_eq!(listed().await, 1);
}

#[tokio::test]
async fn a_registration_is_queried_late() {
    let bench = azure_like().await;
    let scope = bench.provisioned(&HUBS).await;
    wait(&bench, 5_000).await;
    let count = async || bench.dps("POST", "/registrations/g1/query", &[], None).await.body.as_array().unwrap().len();
    let device = east(&scope);
    let client = bench::client_from(&bench.simulator, device.from);
    let url = format!("https://global.azure-devices-provisioning.net/{scope}/registrations/{}/register?api-version=2021-06-01", device.id);
    let expiry = bench.simulator.now().as_second() + 3_600;
    let key = bench::derive(device.group_key, device.id);
    let signature = bench::sas(&format!("{scope}/registrations/{}", device.id), &key, Some("registration"), expiry);
    let body = json!({ "registrationId": device.id });
    bench::call(&client, "PUT", &url, &[("authorization", &signature)], Some(&body)).await;
    let status = async || bench.dps("GET", &format!("/registrations/{}", device.id), &[], None).await.status;
    wait(&bench, 100).await;
    assert_eq!(status().await, 404);
    wait(&bench, 2_000).await;
    assert_eq!((status().await, count().await), (200, 0));
    wait(&bench, 2_000).await;
    assert_eq!((status().await, count().await), (200, 1));
}

/// Whether a new group is seen at each tenth of a second.
async fn seen(seed: &str) -> Vec<bool> {
    let options = moorage_simulator::Options { seed: Some(seed.to_owned()), profile: Profile::AzureLike, ..bench::options() };
    let bench = Bench::with(options).await;
    bench.provisioned(&HUBS).await;
    let mut each = Vec::new();
    for _ in 0..4 {
        each.push(bench.dps("GET", "/enrollmentGroups/g1", &[], None).await.body["errorCode"] == Value::Null);
        wait(&bench, 500).await;
    }
    each
}

#[tokio::test]
async fn how_late_depends_on_the_seed() {
    assert_eq!(seen("one").await, seen("one").await);
    let mut others = Vec::new();
    for seed in ["two", "three", "four", "five", "six"] {
        others.push(seen(seed).await);
    }
    assert!(others.iter().any(|other| *other != others[0]), "{others:?}");
}
