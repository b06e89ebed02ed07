//! The enrollments, seen and changed through `azure-iothub-provisioningserviceclient`, which speaks 2018-09-01-preview.

use moorage_tests::controlplane::block_on;
use serde_json::{Value, json};

use crate::place::{ASIA, EAST, Place, SERVICE, fingerprints};

const CONTOSO: &str = "contoso-us-devices";
const BARRED: &str = "fabrikam-simdevice-asia";

/// What the client reads while nobody else has had a hand in it.
fn as_the_example_says(place: &Place) -> Value {
    let group = |id: &str, hubs: [&str; 2]| {
        json!({
            "status": "enabled",
            "allocation": "geoLatency",
            "hubs": hubs,
            "reprovision": [true, true],
            "tags": null,
            "keys shown": false,
            "keys": group_keys(place, id),
        })
    };
    json!({
        "pages": [1, 1],
        "groups": {
            CONTOSO: group(CONTOSO, ["contoso-east-hub.azure-devices.net", "contoso-west-hub.azure-devices.net"]),
            "fabrikam-eu-devices": group("fabrikam-eu-devices", ["fabrikam-asia-hub.azure-devices.net", "fabrikam-eu-hub.azure-devices.net"]),
        },
        "individuals": {},
        "registrations": { "contoso-simdevice-east": ["assigned", "contoso-east-hub.azure-devices.net", "contoso-simdevice-east"] },
    })
}

fn group_keys(place: &Place, id: &str) -> Value {
    fingerprints(place.harness.cloud().seed(|azure| azure.group_keys(SERVICE, id)))
}

async fn read(place: &Place) -> anyhow::Result<Value> {
    place.vendors.run("read_enrollments.py", &["contoso-simdevice-east"]).await
}

#[test]
fn a_group_is_what_its_spec_says_and_the_initial_twin_that_an_administrator_gives_it_stays() -> anyhow::Result<()> {
    block_on(async {
        let place = Place::ready("vendorsgroup").await?;
        let device = place.device("contoso", "contoso-simdevice-east", EAST).await?;
        device.register(Some("IOTHUB_DEVICE_KEY"), |_| {}).await?;
        let as_made = as_the_example_says(&place);
        assert_eq!(read(&place).await?, as_made);

        let changed = |status: &str| {
            json!({
                "status": status,
                "allocation": "hashed",
                "hubs": null,
                "tags": { "plant": "7" },
                "desired": { "interval": 30 },
                "another_entity_tag": true,
                "late": ["ProvisioningServiceError", 412, 412_001],
            })
        };
        let platform = place.example.namespace("platform");
        assert_eq!(place.vendors.run("change_group.py", &[CONTOSO, "disabled"]).await?, changed("disabled"));
        place
            .harness
            .kubectl(&["annotate", "enrollmentgroup", CONTOSO, "-n", &platform, "moorage.dev/sync-requested-at=first"], "")
            .await?;
        place.harness.until_condition("EnrollmentGroup", &platform, CONTOSO, "Stalled", "Disabled").await?;
        assert_eq!(read(&place).await?["groups"][CONTOSO]["status"], "disabled", "it is not enabled unasked");
        assert_eq!(place.vendors.run("change_group.py", &[CONTOSO, "enabled"]).await?, changed("enabled"));
        assert_eq!(group_keys(&place, CONTOSO), as_made["groups"][CONTOSO]["keys"]);
        place.look_again("EnrollmentGroup", "platform", CONTOSO).await?;

        let mut corrected = as_made;
        corrected["groups"][CONTOSO]["tags"] = json!({ "plant": "7" });
        assert_eq!(read(&place).await?, corrected);
        device.register(Some("IOTHUB_DEVICE_KEY"), |_| {}).await?;
        place.end().await
    })
}

#[test]
fn the_enrollment_that_bars_a_device_is_disabled_and_says_whose_it_is() -> anyhow::Result<()> {
    block_on(async {
        let place = Place::ready("vendorsbarred").await?;
        place.device("fabrikam", BARRED, ASIA).await?.register(Some("deviceKey"), |_| {}).await?;
        let namespace = place.example.namespace("fabrikam");
        place.harness.kubectl(&["delete", "--wait=false", "devicecredential", BARRED, "-n", &namespace], "").await?;
        place.harness.until_gone("DeviceCredential", &namespace, BARRED).await?;

        let seen = place.vendors.run("read_enrollments.py", &[]).await?;
        let owner = format!("vendorsbarred/DeviceCredential/{namespace}/{BARRED}");
        let seen = &seen["individuals"][BARRED];
        assert_eq!((&seen["status"], &seen["tags"]), (&json!("disabled"), &json!({ "moorage": { "owner": owner } })));
        assert_ne!(seen["keys"], group_keys(&place, "fabrikam-eu-devices"));
        place.end().await
    })
}

#[test]
fn what_somebody_enrolls_and_takes_back_beside_ours_concerns_nobody() -> anyhow::Result<()> {
    block_on(async {
        let place = Place::ready("vendorsownenrollments").await?;
        let before = place.harness.cloud().snapshot();
        let lived = json!({
            "group": ["lab-devices", "enabled", "static", ["contoso-east-hub.azure-devices.net"]],
            "press": ["lab-press-7", "press-7", { "line": "4" }, false],
            "barred": ["disabled", { "line": "4" }],
            "made_again": ["ProvisioningServiceError", 409, 409_201],
            "deleted_by_a_stale_tag": ["ProvisioningServiceError", 412, 412_001],
            "afterwards": [["ProvisioningServiceError", 404, 404_201], ["ProvisioningServiceError", 404, 404_202]],
        });
        assert_eq!(place.vendors.run("own_enrollments.py", &["contoso-east-hub.azure-devices.net"]).await?, lived);
        place.look_again("EnrollmentGroup", "platform", CONTOSO).await?;
        assert_eq!(place.harness.cloud().snapshot(), before);
        place.end().await
    })
}
