//! `examples/s0-government.yaml`: a tenant in another cloud of Azure than the public one, and accounts that name the wrong one.

use moorage_simulator::{AzureCloud, Options};
use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::device::Device;
use moorage_tests::example::Example;
use moorage_tests::harness::{Harness, cloud_options};
use moorage_tests::tenants::EAST;
use serde_json::{Value, json};

/// A tenant of the public cloud, which Azure Government knows to be one.
const ELSEWHERE: &str = "88888888-8888-4888-8888-888888888888";

fn government() -> Options {
    let cloud = cloud_options();
    Options {
        cloud: AzureCloud::Government,
        tenants_elsewhere: vec![ELSEWHERE.to_owned()],
        default_region: "usgovvirginia".to_owned(),
        ..cloud
    }
}

fn message(object: &Value, number: usize) -> String {
    object["status"]["conditions"][number]["message"].as_str().unwrap_or_default().to_owned()
}

/// The example's object of a kind, under another name and changed.
fn another(example: &Example, kind: &str, name: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut object = example.objects().iter().find(|object| object["kind"] == kind).expect("it is in the example").clone();
    object["metadata"]["name"] = json!(name);
    change(&mut object["spec"]);
    object
}

#[test]
fn a_device_of_azure_government_registers_there_with_what_its_secret_holds() -> anyhow::Result<()> {
    block_on(async {
        let example = Example::read("s0-government.yaml", "government")?;
        let harness = Harness::set(shared().await?, "government", &example.namespaces(), government()).await?;
        let operator = harness.operator().await?;
        harness.apply(&example).await?;
        let namespace = example.namespace("agency");
        for (kind, name) in [("ProvisioningService", "agency-dps"), ("TenantHubGroup", "agency"), ("EnrollmentGroup", "agency-devices")] {
            harness.until_condition(kind, &namespace, name, "Ready", "Ready").await?;
        }
        harness.until_condition("DeviceCredential", &namespace, "gauge-1", "Reconciling", "AwaitingRegistration").await?;
        let secret = harness.secret(&namespace, "gauge-1").await?;
        assert_eq!(secret["provisioningHost"], "global.azure-devices-provisioning.us");

        let (hub, _) = Device::new(secret, &harness.network(), EAST)?.register(Some("deviceKey"), |_| {}).await?;
        assert_eq!(hub, "agency-hub.azure-devices.us");
        harness.cloud().advance(jiff::SignedDuration::from_mins(2)).await?;
        harness.until_all_ready().await?;
        let secret = harness.secret(&namespace, "gauge-1").await?;
        assert!(secret["connectionString"].starts_with("HostName=agency-hub.azure-devices.us;"), "the hub's host is of its cloud");
        Device::new(secret, &harness.network(), EAST)?.send_by_connection_string().await?;

        let ends = [".azure-devices.us", ".azure-devices-provisioning.us", "management.usgovcloudapi.net", "login.microsoftonline.us"];
        for request in harness.cloud().requests() {
            assert!(ends.iter().any(|end| request.host.ends_with(end)), "a request went to {}", request.host);
        }
        assert_eq!(harness.cloud().violations(), Vec::<String>::new());
        operator.stop().await
    })
}

#[test]
fn an_account_of_the_wrong_cloud_says_so_and_no_hub_is_linked_across_clouds() -> anyhow::Result<()> {
    block_on(async {
        let mut example = Example::read("s0-government.yaml", "wrongcloud")?;
        let elsewhere = another(&example, "CloudAccount", "elsewhere", |spec| spec["azure"]["tenantId"] = json!(ELSEWHERE));
        let unknown =
            another(&example, "CloudAccount", "unknown", |spec| spec["azure"]["tenantId"] = json!("99999999-9999-4999-8999-999999999999"));
        let public = another(&example, "CloudAccount", "public", |spec| spec["azure"]["cloud"] = json!("Public"));
        let across = another(&example, "TenantHubGroup", "across", |spec| {
            spec["accountRef"]["name"] = json!("public");
            spec["hubs"][0]["name"] = json!("across-hub");
        });
        example.objects_mut().extend([elsewhere, unknown, public, across]);
        let harness = Harness::set(shared().await?, "wrongcloud", &example.namespaces(), government()).await?;
        let operator = harness.operator().await?;
        harness.apply(&example).await?;
        let namespace = example.namespace("agency");

        let table = [
            ("elsewhere", "the tenant is one of another Azure cloud: check tenantId, and cloud (Public, Government or China)"),
            ("unknown", "there is no such tenant in this Azure cloud: check tenantId, and cloud"),
        ];
        for (name, sentence) in table {
            let refused = harness.until_condition("CloudAccount", &namespace, name, "Stalled", "Denied").await?;
            assert!(message(&refused, 2).contains(sentence), "{name}: {}", message(&refused, 2));
        }
        // The local Azure is of one cloud: the hosts of the others are not there.
        harness.until_condition("CloudAccount", &namespace, "public", "Reconciling", "Unavailable").await?;
        let across = harness.until_condition("TenantHubGroup", &namespace, "across", "Stalled", "Invalid").await?;
        let sentence = format!("the hubs are in Azure's cloud Public, and ProvisioningService {namespace}/agency-dps is in Government");
        assert!(message(&across, 2).contains(&sentence), "{}", message(&across, 2));
        harness.until_condition("EnrollmentGroup", &namespace, "agency-devices", "Ready", "Ready").await?;
        operator.stop().await
    })
}
