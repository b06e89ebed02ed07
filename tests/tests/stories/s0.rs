//! S0: two tenants, regional hubs, one shared provisioning service, one hub that was there before.

use moorage_keys::{RegistrationId, SymmetricKey, derive_device_key};
use moorage_tests::controlplane::block_on;
use moorage_tests::device::Step;
use moorage_tests::harness::condition;
use moorage_tests::wait::{NotYet, until};
use serde_json::json;

use moorage_tests::tenants::{ASIA, EAST, EUROPE, Tenants, WEST};

#[test]
fn s0_1_a_tenant_s_hubs_are_created_and_one_that_was_there_is_adopted() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("hubs").await?;
        let contoso = tenants.object("TenantHubGroup", "contoso", "contoso-us").await?;
        let hub = |name: &str, adopted: bool| json!({ "name": name, "hostName": format!("{name}.azure-devices.net"), "state": "Active", "adopted": adopted, "linked": true, "devices": { "used": 0, "limit": 1_000_000 } });
        assert_eq!(contoso["status"]["hubs"], json!([hub("contoso-east-hub", false), hub("contoso-west-hub", false)]));
        let fabrikam = tenants.object("TenantHubGroup", "fabrikam", "fabrikam-eu").await?;
        assert_eq!(fabrikam["status"]["hubs"], json!([hub("fabrikam-eu-hub", false), hub("fabrikam-asia-hub", true)]));
        assert_eq!(fabrikam["status"]["linked"], "2/2");

        tenants
            .patch(
                "TenantHubGroup",
                "contoso",
                "contoso-us",
                &json!({ "spec": { "hubs": [
            { "name": "contoso-east-hub", "location": "eastus", "sku": { "name": "S1", "capacity": 2 } },
            { "name": "contoso-west-hub", "location": "westus", "sku": { "name": "S1", "capacity": 1 } },
        ] } }),
            )
            .await?;
        until("the hub has two units", moorage_tests::harness::SOON, || async {
            let world = tenants.snapshot();
            let line = world.lines().find(|line| line.contains("contoso-east-hub")).unwrap_or_default().to_owned();
            if line.contains(" S1x2 ") { Ok(()) } else { Err(NotYet::seen(world)) }
        })
        .await?;
        tenants.end().await
    })
}

#[test]
fn s0_2_a_provisioning_service_is_created_and_tells_its_id_scope_and_hosts() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("service").await?;
        let service = tenants.object("ProvisioningService", "platform", "contoso-dps").await?;
        let id_scope = tenants.harness.cloud().seed(|azure| azure.id_scope("contoso-dps"));
        assert_eq!(service["status"]["idScope"].as_str().map(str::to_owned), id_scope);
        assert_eq!(service["status"]["serviceOperationsHost"], "contoso-dps.azure-devices-provisioning.net");
        assert_eq!(service["status"]["deviceProvisioningHost"], "global.azure-devices-provisioning.net");
        assert_eq!(service["status"]["adopted"], false);
        assert_eq!(service["status"]["linkedHubs"], json!({ "used": 4, "limit": 50 }));
        tenants.end().await
    })
}

#[test]
fn s0_3_hubs_are_linked_by_a_policy_made_for_it_with_no_more_rights_than_a_link_needs() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("links").await?;
        let world = tenants.snapshot();
        let ours: Vec<_> = world.lines().map(str::trim).filter(|line| line.starts_with("policy moorage-")).collect();
        assert_eq!(ours.len(), 4, "{world}");
        assert!(ours.iter().all(|line| line.contains("RegistryWrite, ServiceConnect") && !line.contains("DeviceConnect")), "{ours:?}");
        let links: Vec<_> = world.lines().map(str::trim).filter(|line| line.starts_with("link ")).collect();
        assert_eq!(links.len(), 4, "{world}");
        assert!(links.iter().all(|line| line.contains("moorage-")), "{links:?}");
        tenants.end().await
    })
}

#[test]
fn s0_4_an_enrollment_group_has_generated_symmetric_keys_that_are_kept_by_the_platform_alone() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("group").await?;
        let group = tenants.object("EnrollmentGroup", "platform", "contoso-us-devices").await?;
        assert_eq!(group["status"]["iotHubs"], json!(["contoso-east-hub.azure-devices.net", "contoso-west-hub.azure-devices.net"]));
        let stored = tenants.harness.secret(&tenants.example.namespace("platform"), "contoso-us-devices-keys").await?;
        let keys = tenants.harness.cloud().seed(|azure| azure.group_keys("contoso-dps", "contoso-us-devices"));
        assert_eq!(keys, Some((stored["primaryKey"].clone(), stored["secondaryKey"].clone())));
        assert_eq!(SymmetricKey::from_base64(&stored["primaryKey"])?.expose_bytes().len(), 64);
        tenants.end().await
    })
}

#[test]
fn s0_5_the_device_s_place_decides_which_of_its_tenant_s_hubs_it_gets() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("places").await?;
        let hub_of = async |tenant, name, from, key| -> anyhow::Result<String> {
            Ok(tenants.device(tenant, name, from).await?.register(Some(key), |_| {}).await?.0)
        };
        assert_eq!(hub_of("contoso", "contoso-simdevice-east", EAST, "IOTHUB_DEVICE_KEY").await?, "contoso-east-hub.azure-devices.net");
        assert_eq!(hub_of("contoso", "contoso-simdevice-west", WEST, "deviceKey").await?, "contoso-west-hub.azure-devices.net");
        // The two change places.
        assert_eq!(hub_of("contoso", "contoso-simdevice-east", WEST, "IOTHUB_DEVICE_KEY").await?, "contoso-west-hub.azure-devices.net");
        assert_eq!(hub_of("contoso", "contoso-simdevice-west", EAST, "deviceKey").await?, "contoso-east-hub.azure-devices.net");
        // A device of fabrikam at contoso's door still gets a hub of fabrikam.
        assert_eq!(hub_of("fabrikam", "fabrikam-simdevice-eu", EUROPE, "deviceKey").await?, "fabrikam-eu-hub.azure-devices.net");
        assert_eq!(hub_of("fabrikam", "fabrikam-simdevice-asia", ASIA, "deviceKey").await?, "fabrikam-asia-hub.azure-devices.net");
        assert_eq!(hub_of("fabrikam", "fabrikam-simdevice-eu", EAST, "deviceKey").await?, "fabrikam-eu-hub.azure-devices.net");
        tenants.end().await
    })
}

#[test]
fn s0_6_a_device_key_is_derived_from_the_group_s_and_the_group_s_never_reaches_the_tenant() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("derive").await?;
        let stored = tenants.harness.secret(&tenants.example.namespace("platform"), "contoso-us-devices-keys").await?;
        let device = tenants.harness.secret(&tenants.example.namespace("contoso"), "contoso-simdevice-west").await?;
        let derived = |slot: &str| -> anyhow::Result<String> {
            let id = RegistrationId::parse("contoso-simdevice-west")?;
            Ok(derive_device_key(&SymmetricKey::from_base64(&stored[slot])?, &id).expose_base64().to_string())
        };
        assert_eq!(device["primaryKey"], derived("primaryKey")?);
        assert_eq!(device["secondaryKey"], derived("secondaryKey")?);
        assert_eq!(device["deviceKey"], device["primaryKey"]);
        let entries: Vec<_> = device.keys().map(String::as_str).collect();
        assert_eq!(entries, ["deviceKey", "dpsToken", "idScope", "primaryKey", "provisioningHost", "registrationId", "secondaryKey"]);
        assert!(device.values().all(|value| !stored.values().any(|key| value.contains(key.as_str()))));
        tenants.end().await
    })
}

#[test]
fn s0_7_each_region_s_device_gets_its_tenant_s_nearest_hub_with_what_its_secret_holds() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("nearest").await?;
        let mut steps = Vec::new();
        let east = tenants.device("contoso", "contoso-simdevice-east", EAST).await?;
        let (hub, device_id) = east.register(Some("IOTHUB_DEVICE_KEY"), |step| steps.push(step.clone())).await?;
        assert_eq!((hub.as_str(), device_id.as_str()), ("contoso-east-hub.azure-devices.net", "contoso-simdevice-east"));
        assert_eq!(steps.first(), Some(&Step::Connected));
        assert!(steps.contains(&Step::Assigning), "{steps:?}");
        east.send_telemetry(&hub, &device_id, "IOTHUB_DEVICE_KEY").await?;

        // The ready-made token is enough, for a device that must not hold a key.
        let west = tenants.device("contoso", "contoso-simdevice-west", WEST).await?;
        let (hub, _) = west.register(None, |_| {}).await?;
        assert_eq!(hub, "contoso-west-hub.azure-devices.net");
        tenants.end().await
    })
}

#[test]
fn s0_8_clean_up_removes_what_was_made_and_nothing_else() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("cleanup").await?;
        let past = {
            let before = moorage_simulator::Simulator::start(moorage_tests::harness::cloud_options()).await?;
            before.seed(moorage_tests::harness::fabrikam_s_past);
            before.snapshot()
        };
        for (tenant, name, from, key) in
            [("contoso", "contoso-simdevice-east", EAST, "IOTHUB_DEVICE_KEY"), ("fabrikam", "fabrikam-simdevice-eu", EUROPE, "deviceKey")]
        {
            tenants.device(tenant, name, from).await?.register(Some(key), |_| {}).await?;
        }
        tenants.harness.kubectl(&["delete", "--wait=false", "-f", "-"], &tenants.example.text()).await?;

        // What would strand devices waits to be confirmed, and says how.
        let asking = tenants.until("EnrollmentGroup", "platform", "contoso-us-devices", "Reconciling", "AwaitingConfirmation").await?;
        let (_, message) = (condition(&asking, "Ready"), asking["status"]["conditions"][0]["message"].as_str().unwrap_or_default());
        assert!(message.contains("kubectl annotate enrollmentgroup") && message.contains("moorage.dev/confirm-delete="), "{message}");
        confirm_all(&tenants).await?;
        tenants.harness.until_gone("CloudAccount", &tenants.example.namespace("platform"), "azure").await?;
        assert_eq!(tenants.snapshot(), past);
        let left = tenants
            .harness
            .kubectl(
                &[
                    "get",
                    "configmaps",
                    "-n",
                    &tenants.harness.operator_namespace(),
                    "-l",
                    "app.kubernetes.io/managed-by=moorage",
                    "-o",
                    "name",
                ],
                "",
            )
            .await?;
        assert_eq!(left, "");
        tenants.end().await
    })
}

/// Confirms all deletions of the example, as they are asked for.
pub async fn confirm_all(tenants: &Tenants) -> anyhow::Result<()> {
    for (kind, namespace, name) in [
        ("EnrollmentGroup", "platform", "contoso-us-devices"),
        ("EnrollmentGroup", "platform", "fabrikam-eu-devices"),
        ("TenantHubGroup", "contoso", "contoso-us"),
        ("TenantHubGroup", "fabrikam", "fabrikam-eu"),
        ("ProvisioningService", "platform", "contoso-dps"),
    ] {
        confirm(tenants, kind, namespace, name).await?;
    }
    Ok(())
}

/// Confirms if it is still there, as a user would who follows the message.
async fn confirm(tenants: &Tenants, kind: &str, namespace: &str, name: &str) -> anyhow::Result<()> {
    let Ok(object) = tenants.object(kind, namespace, name).await else { return Ok(()) };
    let uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    tenants.annotate(kind, namespace, name, &format!("moorage.dev/confirm-delete={uid}")).await?;
    tenants.harness.until_gone(kind, &tenants.example.namespace(namespace), name).await
}
