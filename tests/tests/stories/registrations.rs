//! Devices that have registered, and are found although the service tells of them in another way than expected.

use jiff::SignedDuration;
use moorage_tests::controlplane::block_on;
use moorage_tests::device::Device;
use moorage_tests::harness::cloud_options;
use moorage_tests::tenants::EAST;
use serde_json::json;

use crate::devices::{mills, register};

#[test]
fn a_device_is_found_whose_record_the_list_of_individual_enrollments_leaves_out() -> anyhow::Result<()> {
    block_on(async {
        let mut cloud = cloud_options();
        cloud.variants.queries_leave_records_out = true;
        let tenants = mills("untold", cloud).await?;
        tenants.patch("DeviceCredential", "mills", "mill-2", &json!({ "spec": { "hubToken": { "ttl": "24h" } } })).await?;
        tenants.until("DeviceCredential", "mills", "mill-2", "Reconciling", "AwaitingRegistration").await?;
        register(&tenants, "mill-2").await?;
        tenants.harness.cloud().advance(SignedDuration::from_mins(2)).await?;
        tenants.until("DeviceCredential", "mills", "mill-2", "Ready", "Ready").await?;
        tenants.end().await
    })
}

#[test]
fn a_device_is_found_that_registers_in_capitals() -> anyhow::Result<()> {
    block_on(async {
        let tenants = mills("capitals", cloud_options()).await?;
        tenants.patch("DeviceCredential", "mills", "mill-2", &json!({ "spec": { "hubToken": { "ttl": "24h" } } })).await?;
        tenants.until("DeviceCredential", "mills", "mill-2", "Reconciling", "AwaitingRegistration").await?;
        let mut secret = tenants.harness.secret(&tenants.example.namespace("mills"), "mill-2").await?;
        secret.insert("registrationId".to_owned(), "MILL-2".to_owned());
        Device::new(secret, &tenants.harness.network(), EAST)?.register(Some("deviceKey"), |_| {}).await?;
        tenants.harness.cloud().advance(SignedDuration::from_mins(2)).await?;
        tenants.until("DeviceCredential", "mills", "mill-2", "Ready", "Ready").await?;
        tenants.end().await
    })
}
