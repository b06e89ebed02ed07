//! A provisioning service that is somebody else's, by an object over it or by a forged status.

use moorage_tests::controlplane::block_on;
use serde_json::{Value, json};

use crate::attacker::Attack;

fn over(platform: &str, name: &str, adoption: &str) -> Value {
    json!({
        "accountRef": { "name": "azure", "namespace": platform },
        "resourceGroup": "fabrikam-rg",
        "name": name,
        "location": "westeurope",
        "adoption": adoption,
    })
}

#[test]
fn the_id_scope_and_the_use_of_a_service_by_an_object_over_it() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::on_tenants("overit").await?;
        let platform = attack.tenants.example.namespace("platform");
        attack.create("ProvisioningService", "contoso-dps", &over(&platform, "contoso-dps", "Always")).await?;
        attack.until_refused("ProvisioningService", "contoso-dps", "NameTaken").await?;
        let object = attack.tenants.harness.get("ProvisioningService", &attack.namespace(), "contoso-dps").await?;
        assert_eq!(object["status"]["idScope"], Value::Null, "{object}");

        // What it could read elsewhere, written into the status: nothing is decided from that.
        let real = attack.tenants.object("ProvisioningService", "platform", "contoso-dps").await?["status"].clone();
        let status = json!({
            "idScope": real["idScope"], "serviceOperationsHost": real["serviceOperationsHost"],
            "deviceProvisioningHost": real["deviceProvisioningHost"],
        });
        attack.forge("ProvisioningService", "contoso-dps", &status).await?;
        let hubs = json!({
            "accountRef": { "name": "azure", "namespace": platform }, "provisioningServiceRef": { "name": "contoso-dps" },
            "resourceGroup": { "name": "fabrikam-rg" }, "hubs": [{ "name": "fabrikam-mine-hub", "location": "westeurope" }],
        });
        attack.create("TenantHubGroup", "mine", &hubs).await?;
        let linked = json!({ "hubs": [{ "name": "fabrikam-mine-hub", "hostName": "contoso-east-hub.azure-devices.net", "adopted": false, "linked": true }] });
        attack.forge("TenantHubGroup", "mine", &linked).await?;
        let group = json!({
            "provisioningServiceRef": { "name": "contoso-dps" }, "tenantHubGroupRef": { "name": "mine" },
            "enrollmentGroupId": "contoso-us-devices", "adoption": "Always", "attestation": { "symmetricKey": {} },
        });
        attack.create("EnrollmentGroup", "thief", &group).await?;
        attack.until_refused("EnrollmentGroup", "thief", "DependencyNotReady").await?;
        assert!(!attack.has_secret("thief-keys").await?, "the keys of the victim's group are in the attacker's namespace");
        attack.end().await
    })
}

#[test]
fn requests_in_the_platforms_name_by_an_account_that_cannot_even_sign_in() -> anyhow::Result<()> {
    block_on(async {
        let attack = Attack::on_tenants("noaccount").await?;
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "namespace": attack.namespace(), "name": "azure" },
            "stringData": { "clientSecret": "wrong" },
        });
        attack.kubectl(&["create", "-f", "-"], &secret.to_string()).await?;
        let azure = json!({ "azure": {
            "tenantId": moorage_tests::harness::TENANT, "subscriptionId": moorage_tests::harness::SUBSCRIPTION,
            "clientSecret": { "clientId": moorage_tests::harness::CLIENT, "secretRef": { "name": "azure", "key": "clientSecret" } },
        } });
        attack.create("CloudAccount", "azure", &azure).await?;
        // The very place of the platform's service, in the name of the attacker's own account, which grants it everything.
        let mut service = over(&attack.namespace(), "contoso-dps", "Always");
        service["resourceGroup"] = "platform-iot".into();
        attack.create("ProvisioningService", "contoso-dps", &service).await?;
        let real = attack.tenants.object("ProvisioningService", "platform", "contoso-dps").await?["status"].clone();
        attack.forge("ProvisioningService", "contoso-dps", &real).await?;
        let group = json!({
            "provisioningServiceRef": { "name": "contoso-dps" }, "tenantHubGroupRef": { "name": "mine" },
            "enrollmentGroupId": "contoso-us-devices", "adoption": "Always", "attestation": { "symmetricKey": {} },
        });
        let hubs = json!({
            "accountRef": { "name": "azure" }, "provisioningServiceRef": { "name": "contoso-dps" },
            "resourceGroup": { "name": "contoso-us-resource-group" }, "hubs": [{ "name": "contoso-east-hub", "location": "eastus" }],
        });
        attack.create("TenantHubGroup", "mine", &hubs).await?;
        attack.forge("TenantHubGroup", "mine", &json!({ "hubs": [{ "name": "contoso-east-hub", "hostName": "contoso-east-hub.azure-devices.net", "adopted": true, "linked": true }] })).await?;
        attack.create("EnrollmentGroup", "thief", &group).await?;
        attack.create("DeviceCredential", "in-hub", &json!({ "hubRef": { "name": "mine", "hub": "contoso-east-hub" } })).await?;
        attack.until_refused("DeviceCredential", "in-hub", "DependencyNotReady").await?;
        attack.tenants.harness.until_at_rest(&attack.tenants.operator).await?;
        assert!(!attack.has_secret("thief-keys").await? && !attack.has_secret("in-hub").await?);
        assert!(attack.tenants.harness.cloud().seed(|azure| azure.device("contoso-east-hub", "in-hub")).is_none());
        attack.end().await
    })
}
