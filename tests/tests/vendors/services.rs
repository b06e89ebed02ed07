//! The provisioning service, seen and changed through `azure-mgmt-iothubprovisioningservices`, which speaks 2026-11-01.

use moorage_tests::controlplane::block_on;
use moorage_tests::harness::TENANT;
use serde_json::{Value, json};

use crate::place::{Place, SERVICE, fingerprints};

const GROUP: &str = "platform-iot";

/// The policies that the operator makes in the tenants' hubs, for the links; no person would choose these names.
const CONTOSO_S: &str = "moorage-ykzqnp77fls54ymi";
const FABRIKAM_S: &str = "moorage-pk26diwe3iy2aw7f";

fn link(hub: &str, location: &str, policy: &str) -> Value {
    json!([format!("{hub}.azure-devices.net"), location, 1, false, "KeyBased", policy, "****"])
}

fn as_the_example_says(place: &Place) -> Value {
    let cloud = place.harness.cloud();
    let keys = fingerprints(cloud.seed(|azure| azure.service_policy_keys(SERVICE, "provisioningserviceowner")));
    json!({ SERVICE: {
        "location": "eastus",
        "sku": ["S1", "Standard", 1],
        "state": ["Succeeded", "Active"],
        "hosts": ["contoso-dps.azure-devices-provisioning.net", "global.azure-devices-provisioning.net"],
        "id scope": cloud.seed(|azure| azure.id_scope(SERVICE)),
        "allocation": "Hashed",
        "identity": null,
        "links": [
            link("contoso-east-hub", "eastus", CONTOSO_S),
            link("contoso-west-hub", "westus", CONTOSO_S),
            link("fabrikam-asia-hub", "southeastasia", FABRIKAM_S),
            link("fabrikam-eu-hub", "westeurope", FABRIKAM_S),
        ],
        "first policy asked for by name": ["provisioningserviceowner", keys[0]],
        "keys": { "provisioningserviceowner": keys },
        "certificates": [],
    } })
}

#[test]
fn the_service_links_the_tenants_hubs_and_one_that_somebody_makes_beside_it_concerns_nobody() -> anyhow::Result<()> {
    block_on(async {
        let place = Place::ready("vendorsservice").await?;
        assert_eq!(place.vendors.run("read_services.py", &[GROUP]).await?, as_the_example_says(&place));

        let before = place.harness.cloud().snapshot();
        let host = "contoso-east-hub.azure-devices.net";
        let lived = json!({
            "name_is_free": [true, true],
            "too_early": ["HttpResponseError", 400, 400_309],
            "identity": ["SystemAssigned", TENANT],
            "same_principal": true,
            "link": [host, host, "SystemAssigned", null],
            "authority": {
                "made": false,
                "made again": ["HttpResponseError", 412, 412_001],
                "late": ["ResourceModifiedError", 412, 412_001],
                "listed": [["acme", "CN=Acme root", true]],
                "left": 0,
            },
            "afterwards": ["ResourceNotFoundError", 404, "ResourceNotFound"],
        });
        assert_eq!(place.vendors.run("own_service.py", &[GROUP, "acme-lab-dps", host]).await?, lived);
        assert_eq!(place.harness.cloud().snapshot(), before);
        place.end().await
    })
}
