//! The fixed vectors, against the check as the services do it.

use crate::bench::{self, Bench, derive};
use serde_json::Value;

#[test]
fn the_derived_keys_are_those_of_the_vectors() {
    let vectors: Value = serde_json::from_str(include_str!("../vectors/sas-vectors.json")).unwrap();
    for row in vectors["derivedKeys"].as_array().unwrap() {
        let derived = derive(row["groupKey"].as_str().unwrap(), row["registrationId"].as_str().unwrap());
        assert_eq!(derived, row["deviceKey"].as_str().unwrap());
    }
}

#[tokio::test]
async fn the_second_documented_slot_of_a_policy_works_and_a_foreign_resource_does_not() {
    let bench = Bench::new().await;
    bench.provisioned(&[("hub-a", "eastus"), ("hub-b", "eastus")]).await;
    let (_, secondary) = bench.simulator.seed(|azure| azure.hub_policy_keys("hub-a", "iothubowner")).unwrap();
    let get = async |resource: &str| {
        let expiry = bench.simulator.now().as_second() + 60;
        let signature = bench::sas(resource, &secondary, Some("iothubowner"), expiry);
        let url = "https://hub-a.azure-devices.net/devices/none?api-version=2021-04-12";
        bench::call(&bench.client, "GET", url, &[("authorization", &signature)], None).await.status
    };
    assert_eq!(get("hub-a.azure-devices.net").await, 404);
    assert_eq!(get("HUB-A.azure-devices.net").await, 404);
    assert_eq!(get("hub-a.azure-devices.net/devices/none").await, 404);
    assert_eq!(get("hub-a.azure-devices.net/devices/no").await, 401);
    assert_eq!(get("hub-b.azure-devices.net").await, 401);
}
