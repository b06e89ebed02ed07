//! The hubs, seen and changed through `azure-mgmt-iothub`.

use moorage_tests::controlplane::block_on;
use serde_json::{Value, json};

use crate::place::{EAST, Place, fingerprints};

const GROUP: &str = "contoso-us-resource-group";

/// The policy that the operator makes in each hub of contoso's, for the link; no person would choose that name.
const OURS: &str = "moorage-4rg3ouyphd4cyucn";

/// What the client reads of the two hubs while nobody else has had a hand in them.
fn as_the_example_says(place: &Place) -> Value {
    json!({
        "contoso-east-hub": hub(place, "contoso-east-hub", "eastus"),
        "contoso-west-hub": hub(place, "contoso-west-hub", "westus"),
    })
}

fn hub(place: &Place, name: &str, location: &str) -> Value {
    let rights = json!({
        "iothubowner": "RegistryRead, RegistryWrite, ServiceConnect, DeviceConnect",
        "service": "ServiceConnect",
        "device": "DeviceConnect",
        "registryRead": "RegistryRead",
        "registryReadWrite": "RegistryRead, RegistryWrite",
        OURS: "RegistryWrite, ServiceConnect",
    });
    json!({
        "location": location,
        "sku": ["S1", "Standard", 1],
        "tags": { "moorage-cluster": place.harness.cluster(), "moorage-owner": "vendorshubs/TenantHubGroup/contoso-vendorshubs/contoso-us" },
        "state": ["Succeeded", "Active"],
        "host": format!("{name}.azure-devices.net"),
        "rights": rights,
        "keys": keys(place, name, &["iothubowner", "service", "device", "registryRead", "registryReadWrite", OURS]),
        "last policy asked for by name": [OURS, keys(place, name, &[OURS])[OURS][0]],
        "quota": { "TotalMessages": [0, 400_000], "TotalDeviceCount": [0, 1_000_000] },
    })
}

fn keys(place: &Place, hub: &str, policies: &[&str]) -> Value {
    let keys = |policy: &&str| (policy.to_string(), fingerprints(place.harness.cloud().seed(|azure| azure.hub_policy_keys(hub, policy))));
    policies.iter().map(keys).collect::<serde_json::Map<_, _>>().into()
}

#[test]
fn a_hub_is_what_its_spec_says_and_what_an_administrator_adds_to_it_stays() -> anyhow::Result<()> {
    block_on(async {
        let place = Place::ready("vendorshubs").await?;
        assert_eq!(place.vendors.run("read_hubs.py", &[GROUP]).await?, as_the_example_says(&place));
        let linked_by = keys(&place, "contoso-east-hub", &[OURS]);

        let changed = json!({
            "units": 2,
            "tags": ["cost-centre", "moorage-cluster", "moorage-owner"],
            "policies": ["iothubowner", "service", "device", "registryRead", "registryReadWrite", "auditor"],
            "another_entity_tag": true,
            "late": ["HttpResponseError", 412, 412_001],
        });
        assert_eq!(place.vendors.run("change_hub.py", &[GROUP, "contoso-east-hub"]).await?, changed);
        place.look_again("TenantHubGroup", "contoso", "contoso-us").await?;

        let mut corrected = as_the_example_says(&place);
        let east = &mut corrected["contoso-east-hub"];
        east["tags"]["cost-centre"] = json!("4711");
        east["rights"]["auditor"] = json!("RegistryRead");
        east["keys"]["auditor"] = keys(&place, "contoso-east-hub", &["auditor"])["auditor"].clone();
        assert_eq!(place.vendors.run("read_hubs.py", &[GROUP]).await?, corrected);

        // The policy is a new one, and the provisioning service has its key: a device is let in.
        assert_ne!(keys(&place, "contoso-east-hub", &[OURS]), linked_by);
        let (hub, _) = place.device("contoso", "contoso-simdevice-east", EAST).await?.register(Some("IOTHUB_DEVICE_KEY"), |_| {}).await?;
        assert_eq!(hub, "contoso-east-hub.azure-devices.net");
        place.end().await
    })
}

#[test]
fn a_hub_that_somebody_makes_and_deletes_beside_ours_concerns_nobody() -> anyhow::Result<()> {
    block_on(async {
        let place = Place::ready("vendorsownhub").await?;
        let before = place.harness.cloud().snapshot();
        let lived = json!({
            "made": ["InProgress", "Succeeded", "Active", "acme-lab-hub.azure-devices.net", "B1", 2],
            "tags": { "for": "an experiment" },
            "listed": ["acme-lab-hub", "contoso-east-hub", "contoso-west-hub"],
            "policies": ["iothubowner", "service", "device", "registryRead", "registryReadWrite"],
            "name_is_free": [true, false, true],
            "deleted": "Succeeded",
            "afterwards": ["ResourceNotFoundError", 404, "ResourceNotFound"],
        });
        assert_eq!(place.vendors.run("own_hub.py", &[GROUP, "acme-lab-hub"]).await?, lived);
        place.look_again("TenantHubGroup", "contoso", "contoso-us").await?;
        assert_eq!(place.harness.cloud().snapshot(), before);
        place.end().await
    })
}
