//! A hub's registry and its twins, seen and changed through `azure-iot-hub`.

use moorage_tests::controlplane::block_on;
use moorage_tests::vendors::fingerprint;
use serde_json::json;

use crate::place::{EAST, Place};

const HUB: &str = "contoso-east-hub";
const DEVICE: &str = "contoso-simdevice-east";

#[test]
fn a_device_that_registered_through_a_group_is_in_the_registry_and_those_made_beside_it_concern_nobody() -> anyhow::Result<()> {
    block_on(async {
        let mut place = Place::ready("vendorsregistry").await?;
        place.device("contoso", DEVICE, EAST).await?.register(Some("IOTHUB_DEVICE_KEY"), |_| {}).await?;
        let (key, _) =
            place.harness.cloud().seed(|azure| azure.hub_policy_keys(HUB, "iothubowner")).expect("the hub has its default policy");
        let connection = format!("HostName={HUB}.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey={key}");
        place.vendors = place.vendors.with("HUB_CONNECTION_STRING", &connection);
        let before = place.harness.cloud().snapshot();

        let ours = place.harness.cloud().seed(|azure| azure.device(HUB, DEVICE)).expect("it registered");
        let keys = ["primaryKey", "secondaryKey"].map(|slot| fingerprint(ours[slot].as_str().unwrap_or_default()));
        let lived = json!({
            "ours": [DEVICE, "enabled", "sas", keys],
            "swapped": true,
            "barred": ["disabled", "sold"],
            "made_again": ["HttpOperationError", 409, null],
            "late": ["HttpOperationError", 412, null],
            "bulk": [true, []],
            "half": [false, [["acme-mill", "DeviceAlreadyExists"]]],
            "twin": [{ "plant": "7" }, { "interval": 30 }],
            "stale": ["HttpOperationError", 412, null],
            "devices": ["acme-lathe", "acme-mill", "acme-press", "acme-saw", DEVICE],
            "of_plant": [DEVICE],
            "counted": [5, 4, 1],
            "afterwards": [[DEVICE], ["HttpOperationError", 404, null]],
        });
        assert_eq!(place.vendors.run("registry.py", &[DEVICE]).await?, lived);
        assert_eq!(place.harness.cloud().snapshot(), before);
        place.end().await
    })
}
