//! A namespace whose name begins with the victim's.

use moorage_tests::controlplane::block_on;
use moorage_tests::harness::cloud_options;
use moorage_tests::tenants::Tenants;
use serde_json::json;

use crate::attacker::{Attack, VICTIM};
use crate::attempts::Attempt;

#[test]
fn the_victims_grants_by_a_namespace_of_nearly_its_name() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready_with("prefix", cloud_options(), |example| {
            let namespace = format!("{}-evil", example.namespace(VICTIM));
            example.objects_mut().insert(0, json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } }));
            let first = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "namespace": namespace, "name": "mallory" } });
            example.objects_mut().push(first);
        })
        .await?;
        let namespace = format!("{}-evil", tenants.example.namespace(VICTIM));
        let attack = Attack::from(tenants, namespace).await?;
        let platform = attack.tenants.example.namespace("platform");
        let (account, service) =
            (json!({ "name": "azure", "namespace": platform }), json!({ "name": "contoso-dps", "namespace": platform }));
        let group = json!({ "name": "contoso-us-devices", "namespace": platform });
        let hubs = |name: &str, resource_group: &str| {
            json!({
                "accountRef": account, "provisioningServiceRef": service, "resourceGroup": { "name": resource_group, "location": "eastus" },
                "hubs": [{ "name": name, "location": "eastus" }],
            })
        };
        attack
            .is_refused(&[
                Attempt::ungranted("hubs", "TenantHubGroup", hubs("contoso-evil-hub", "contoso-evil")),
                Attempt::ungranted("the-victims-hub", "TenantHubGroup", hubs("contoso-east-hub", "contoso-us-resource-group")),
                Attempt::ungranted("in-capitals", "TenantHubGroup", hubs("CONTOSO-EAST-HUB", "CONTOSO-US-RESOURCE-GROUP")),
                Attempt::ungranted(
                    "a-service",
                    "ProvisioningService",
                    json!({ "accountRef": account, "resourceGroup": "contoso-evil", "name": "contoso-evil-dps", "location": "eastus" }),
                ),
                Attempt::ungranted(
                    "a-device",
                    "DeviceCredential",
                    json!({ "enrollmentGroupRef": group, "registrationId": "contoso-future" }),
                ),
                Attempt::ungranted(
                    "the-victims-device",
                    "DeviceCredential",
                    json!({ "enrollmentGroupRef": group, "registrationId": "contoso-simdevice-east" }),
                ),
                Attempt::ungranted(
                    "barring-it",
                    "DeviceCredential",
                    json!({ "enrollmentGroupRef": group, "registrationId": "contoso-simdevice-west", "deletionPolicy": "Deprovision" }),
                ),
            ])
            .await?;
        attack.end().await
    })
}
