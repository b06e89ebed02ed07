//! Keys of others: written into one's own service, or used after the right to them was withdrawn.

use anyhow::Context as _;
use moorage_tests::controlplane::block_on;
use serde_json::json;

use crate::attacker::{ATTACKER, Attack, VICTIM};

/// A word of a line of the snapshot that begins so.
fn word<'a>(snapshot: &'a str, beginning: &str, number: usize) -> Option<&'a str> {
    snapshot.lines().find(|line| line.trim_start().starts_with(beginning))?.split_whitespace().nth(number)
}

#[test]
fn the_real_key_of_another_tenants_link_written_into_ones_own_service() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::on_tenants("linkkey").await?;
        let (platform, namespace) = (attack.tenants.example.namespace("platform"), attack.namespace());
        let service = json!({
            "accountRef": { "name": "azure", "namespace": platform }, "resourceGroup": "fabrikam-rg", "name": "fabrikam-own-dps",
            "location": "westeurope",
        });
        attack.create("ProvisioningService", "own", &service).await?;
        attack.tenants.harness.until_condition("ProvisioningService", &namespace, "own", "Ready", "Ready").await?;
        // A link to the victim's hub, by the name of the victim's own policy, with a key that is none: whoever fills keys in finds it.
        let snapshot = attack.tenants.snapshot();
        let policy = word(&snapshot, "link contoso-east-hub.azure-devices.net", 3).context("the victim's hub is linked")?.to_owned();
        let nonsense = json!({
            "connectionString": format!(
                "HostName=contoso-east-hub.azure-devices.net;SharedAccessKeyName={policy};SharedAccessKey=bm9uc2Vuc2Ugbm9uc2Vuc2Ugbm9uc2Vuc2U="
            ),
            "location": "eastus",
        });
        attack.tenants.harness.cloud().seed(|azure| azure.add_foreign_link("fabrikam-own-dps", &nonsense));
        let links = |snapshot: &str| -> Vec<String> {
            let mut of_own = snapshot.lines().skip_while(|line| !line.starts_with("service fabrikam-own-dps")).skip(1);
            let links = of_own.by_ref().take_while(|line| line.starts_with("  "));
            links.map(str::trim).filter(|line| line.starts_with("link contoso")).map(str::to_owned).collect()
        };
        let planted = links(&attack.tenants.snapshot());
        assert_eq!(planted.len(), 1, "{}", attack.tenants.snapshot());

        let hubs = json!({
            "accountRef": { "name": "azure", "namespace": platform }, "provisioningServiceRef": { "name": "own" },
            "resourceGroup": { "name": "fabrikam-rg" }, "hubs": [{ "name": "fabrikam-own-hub", "location": "westeurope" }],
        });
        attack.create("TenantHubGroup", "own", &hubs).await?;
        attack.tenants.harness.until_condition("TenantHubGroup", &namespace, "own", "Ready", "Ready").await?;
        assert_eq!(links(&attack.tenants.snapshot()), planted, "the link has the key that was there, and not the hub's");
        attack.end().await
    })
}

#[test]
fn going_on_by_keys_that_were_read_before_the_grant_was_withdrawn() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::on_tenants("cachedkey").await?;
        let namespace = attack.namespace();
        let in_hub = json!({ "hubRef": { "name": "fabrikam-eu", "hub": "fabrikam-eu-hub" }, "deletionPolicy": "Deprovision" });
        attack.create("DeviceCredential", "before", &in_hub).await?;
        attack.tenants.harness.until_condition("DeviceCredential", &namespace, "before", "Ready", "Ready").await?;
        let grants = attack.tenants.object("CloudAccount", "platform", "azure").await?["spec"]["grants"].clone();
        let mut withdrawn = grants.clone();
        withdrawn[1]["namespaces"] = json!(["nobody"]);
        attack.tenants.patch("CloudAccount", "platform", "azure", &json!({ "spec": { "grants": withdrawn } })).await?;
        attack.tenants.until("TenantHubGroup", ATTACKER, "fabrikam-eu", "Stalled", "NotGranted").await?;
        attack.tenants.harness.until_at_rest(&attack.tenants.operator).await?;
        let asked = || {
            let requests = attack.tenants.harness.cloud().requests();
            requests.iter().filter(|request| request.host.starts_with("fabrikam-eu-hub.")).count()
        };
        let before = asked();
        // Neither a device more, nor one less, nor a look at one.
        attack.create("DeviceCredential", "after", &in_hub).await?;
        attack.until_refused("DeviceCredential", "after", "DependencyNotReady").await?;
        attack.delete("DeviceCredential", "before").await?;
        attack.tenants.harness.until_at_rest(&attack.tenants.operator).await?;
        assert_eq!(asked(), before, "the hub was asked with a key that nobody has a right to");
        let has = |device| attack.tenants.harness.cloud().seed(|azure| azure.device("fabrikam-eu-hub", device)).is_some();
        assert!(has("before") && !has("after"));
        attack.end().await
    })
}

#[test]
fn a_device_put_into_another_tenants_hub_by_a_group_that_is_refused() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::on_tenants("intruder").await?;
        let (platform, victims) = (attack.tenants.example.namespace("platform"), attack.tenants.example.namespace(VICTIM));
        let namespace = attack.namespace();
        let service = json!({
            "accountRef": { "name": "azure", "namespace": platform }, "resourceGroup": "fabrikam-rg", "name": "fabrikam-own-dps",
            "location": "westeurope",
        });
        attack.create("ProvisioningService", "own", &service).await?;
        attack.tenants.harness.until_condition("ProvisioningService", &namespace, "own", "Ready", "Ready").await?;
        // The victim's hub stands in the status of its group, if anybody believed that.
        let group = json!({
            "provisioningServiceRef": { "name": "own" }, "tenantHubGroupRef": { "name": "contoso-us", "namespace": victims },
            "attestation": { "symmetricKey": {} },
        });
        attack.create("EnrollmentGroup", "refused", &group).await?;
        attack.until_refused("EnrollmentGroup", "refused", "DependencyMissing").await?;
        let real = attack.tenants.object("EnrollmentGroup", "platform", "contoso-us-devices").await?["status"].clone();
        attack.forge("EnrollmentGroup", "refused", &real).await?;
        for (name, more) in [("derived", json!({})), ("enrolled", json!({ "individualEnrollment": { "deviceId": "intruder" } }))] {
            let mut spec = json!({ "enrollmentGroupRef": { "name": "refused" } });
            spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            attack.create("DeviceCredential", name, &spec).await?;
            attack.until_refused("DeviceCredential", name, "DependencyNotReady").await?;
            assert!(!attack.has_secret(name).await?, "{name}");
        }
        assert!(!attack.tenants.snapshot().contains("intruder "), "{}", attack.tenants.snapshot());
        attack.end().await
    })
}
