//! Provisioning services and hubs whose firewalls refuse the operator: told by name, and over once they let it in.

use jiff::SignedDuration;
use moorage_tests::controlplane::block_on;
use moorage_tests::harness::{Harness, SOON, cloud_options, condition};
use moorage_tests::tenants::Tenants;
use moorage_tests::wait::{NotYet, until};
use serde_json::{Value, json};

use crate::devices::mills;

const SERVICE: &str = "mills-dps";
const HUB: &str = "mills-east-hub";

fn message(object: &Value, number: usize) -> String {
    object["status"]["conditions"][number]["message"].as_str().unwrap_or_default().to_owned()
}

fn is(object: &Value, type_: &str, status: &str) -> bool {
    condition(object, type_).is_some_and(|(found, _)| found == status)
}

async fn until_not_stalled(harness: &Harness, kind: &str, namespace: &str, name: &str) -> anyhow::Result<Value> {
    until(&format!("{kind} {namespace}/{name} is not stalled"), SOON, || async {
        let object = harness.get(kind, namespace, name).await.map_err(|error| NotYet::seen(format!("{error:#}")))?;
        if is(&object, "Stalled", "False") && is(&object, "Ready", "True") { Ok(object) } else { Err(NotYet::seen(&object["status"])) }
    })
    .await
}

fn writes(tenants: &Tenants) -> usize {
    tenants.harness.cloud().requests().iter().filter(|request| request.writes).count()
}

#[test]
fn a_provisioning_service_behind_its_firewall_is_not_ready_and_says_why_and_so_does_what_is_in_it() -> anyhow::Result<()> {
    block_on(async {
        let tenants = mills("walled", cloud_options()).await?;
        let (harness, namespace) = (&tenants.harness, tenants.example.namespace("mills"));
        harness.until_condition("EnrollmentGroup", &namespace, "mills", "Ready", "Ready").await?;
        harness.until_at_rest(&tenants.operator).await?;
        let before = writes(&tenants);

        harness.cloud().seed(|azure| azure.set_service_property(SERVICE, "publicNetworkAccess", json!("Disabled")));
        harness.cloud().advance(SignedDuration::from_mins(31)).await?;
        let told =
            "the public network access of provisioning service mills-dps is disabled, so that it answers through private endpoints alone";
        let service = harness.until_condition("ProvisioningService", &namespace, SERVICE, "Stalled", "NetworkBlocked").await?;
        assert!(is(&service, "Ready", "False"), "{}", service["status"]);
        assert!(message(&service, 2).contains(told), "{}", message(&service, 2));
        let annotation = format!("moorage.dev/sync-requested-at={}", harness.cloud().now());
        for kind in ["enrollmentgroup", "devicecredential"] {
            harness.kubectl(&["annotate", "--overwrite", kind, "--all", "-n", &namespace, &annotation], "").await?;
        }
        for (kind, name) in [("EnrollmentGroup", "mills"), ("DeviceCredential", "mill-2")] {
            let object = harness.until_condition(kind, &namespace, name, "Stalled", "NetworkBlocked").await?;
            // What was made works: devices may come by another way.
            assert!(is(&object, "Ready", "True"), "{}", object["status"]);
            assert!(message(&object, 2).contains(told), "{}", message(&object, 2));
        }
        harness.cloud().advance(SignedDuration::from_hours(1)).await?;
        harness.until_at_rest(&tenants.operator).await?;
        assert_eq!(writes(&tenants), before, "nothing is written while it is so");

        harness.cloud().seed(|azure| azure.set_service_property(SERVICE, "publicNetworkAccess", json!("Enabled")));
        harness.cloud().advance(SignedDuration::from_mins(7)).await?;
        until_not_stalled(harness, "ProvisioningService", &namespace, SERVICE).await?;
        for (kind, name) in [("EnrollmentGroup", "mills"), ("DeviceCredential", "mill-2")] {
            until_not_stalled(harness, kind, &namespace, name).await?;
        }
        assert_eq!(writes(&tenants), before);
        tenants.end().await
    })
}

#[test]
fn a_hub_whose_ip_filter_refuses_the_operator_is_named_by_the_device_that_is_in_it() -> anyhow::Result<()> {
    block_on(async {
        let tenants = mills("filtered", cloud_options()).await?;
        let (harness, namespace) = (&tenants.harness, tenants.example.namespace("mills"));
        harness.until_condition("DeviceCredential", &namespace, "mill-3", "Ready", "Ready").await?;
        harness.until_at_rest(&tenants.operator).await?;

        let reject = json!([{ "filterName": "all", "action": "Reject", "ipMask": "0.0.0.0/0" }]);
        harness.cloud().seed(|azure| azure.set_hub_property(HUB, "ipFilterRules", reject));
        harness.cloud().advance(SignedDuration::from_mins(2)).await?;
        tenants.annotate("devicecredential", "mills", "mill-3", "moorage.dev/sync-requested-at=now").await?;
        let refused = harness.until_condition("DeviceCredential", &namespace, "mill-3", "Stalled", "NetworkBlocked").await?;
        assert!(is(&refused, "Ready", "True"), "{}", refused["status"]);
        let told =
            "IoT hub mills-east-hub.azure-devices.net has an IP filter, which refuses addresses in just these words: allow the operator's";
        assert!(message(&refused, 2).contains(told), "{}", message(&refused, 2));

        harness.cloud().seed(|azure| azure.set_hub_property(HUB, "ipFilterRules", json!([])));
        harness.cloud().advance(SignedDuration::from_mins(7)).await?;
        until_not_stalled(harness, "DeviceCredential", &namespace, "mill-3").await?;
        tenants.end().await
    })
}
