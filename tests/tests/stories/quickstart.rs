//! The smallest example, as a newcomer applies it.

use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::device::Device;
use moorage_tests::example::Example;
use moorage_tests::harness::{Harness, cloud_options};

use moorage_tests::tenants::EAST;

#[test]
fn the_quickstart_goes_from_nothing_to_a_device_that_reports_to_its_hub() -> anyhow::Result<()> {
    block_on(async {
        let example = Example::read("quickstart.yaml", "quickstart")?;
        let harness = Harness::set(shared().await?, "quickstart", &example.namespaces(), cloud_options()).await?;
        let operator = harness.operator().await?;
        harness.apply(&example).await?;
        harness.until_all_ready().await?;
        let credential = example.objects().iter().find(|object| object["kind"] == "DeviceCredential").expect("it has a credential");
        let at = |field: &str| credential["metadata"][field].as_str().unwrap_or_default();
        let secret = harness.secret(at("namespace"), at("name")).await?;
        let device = Device::new(secret, &harness.network(), EAST)?;
        let (hub, device_id) = device.register(Some("deviceKey"), |_| {}).await?;
        device.send_telemetry(&hub, &device_id, "deviceKey").await?;
        assert_eq!(harness.cloud().violations(), Vec::<String>::new());
        operator.stop().await
    })
}
