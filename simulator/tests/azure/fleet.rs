//! Many devices at once.

use std::time::Instant;

use crate::bench::{self, Bench, GROUP_KEY};
use serde_json::json;

/// `FLEET=5000` for the size that has to be fast; a hundred prove that it works.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_registers_over_kept_connections() {
    let size: usize = std::env::var("FLEET").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    let mut options = bench::options();
    options.limits.registrations_per_minute = u32::MAX;
    options.latency.assignment = jiff::SignedDuration::ZERO;
    let bench = Bench::with(options).await;
    let scope = bench.provisioned(&[("hub-a", "eastus"), ("hub-b", "westus")]).await;
    let started = Instant::now();
    let mut lanes = tokio::task::JoinSet::new();
    for lane in 0..16 {
        let client = bench::client(&bench.simulator);
        let (scope, expiry) = (scope.clone(), bench.simulator.now().as_second() + 3_600);
        lanes.spawn(async move {
            for n in (lane..size).step_by(16) {
                let id = format!("device-{n:05}");
                let resource = format!("{scope}/registrations/{id}");
                let signature = bench::sas(&resource, &bench::derive(GROUP_KEY, &id), Some("registration"), expiry);
                let headers = [("authorization", signature.as_str())];
                let base = format!("https://global.azure-devices-provisioning.net/{resource}");
                let url = format!("{base}/register?api-version=2021-06-01");
                let body = json!({ "registrationId": id });
                let got = bench::call(&client, "PUT", &url, &headers, Some(&body)).await;
                let operation = got.body["operationId"].as_str().unwrap_or_else(|| panic!("{}", got.body)).to_owned();
                let url = format!("{base}/operations/{operation}?api-version=2021-06-01");
                let got = bench::call(&client, "GET", &url, &headers, None).await;
                assert_eq!(got.body["status"], "assigned", "{}", got.body);
            }
        });
    }
    while let Some(lane) = lanes.join_next().await {
        lane.unwrap();
    }
    println!("{size} devices in {:?}", started.elapsed());
    assert_eq!(bench.simulator.snapshot().matches("registration device-").count(), size);
}
