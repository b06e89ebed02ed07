//! `examples/s0-policies.yaml`: how devices get their hub, and what becomes of changes by others.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use moorage_tests::controlplane::block_on;
use moorage_tests::example::Example;
use moorage_tests::harness::{SOON, cloud_options};
use moorage_tests::wait::{NotYet, until};
use serde_json::{Value, json};

use moorage_tests::tenants::{EAST, Tenants, WEST};

/// The example, with some more devices, Ready.
pub async fn presses(story: &str, devices: &[(&str, &str)]) -> anyhow::Result<Tenants> {
    let mut example = Example::read("s0-policies.yaml", story)?;
    let form = example.object_mut("DeviceCredential", "press-1").expect("it is in the example").clone();
    for (name, group) in devices {
        let mut another = form.clone();
        another["metadata"]["name"] = json!(name);
        another["spec"]["enrollmentGroupRef"]["name"] = json!(group);
        example.objects_mut().push(another);
    }
    let tenants = Tenants::of(story, example, cloud_options()).await?;
    tenants.harness.until_all_ready().await?;
    Ok(tenants)
}

async fn hub_of(tenants: &Tenants, name: &str, from: std::net::IpAddr) -> anyhow::Result<String> {
    Ok(tenants.device("presses", name, from).await?.register(Some("deviceKey"), |_| {}).await?.0)
}

#[test]
fn s0_5_hashed_allocation_spreads_devices_by_the_weights_of_the_links_wherever_they_are() -> anyhow::Result<()> {
    block_on(async {
        let names: Vec<_> = (1..=24).map(|n| format!("roller-{n}")).collect();
        let devices: Vec<_> = names.iter().map(|name| (name.as_str(), "presses-anywhere")).collect();
        let tenants = presses("hashed", &devices).await?;
        let mut count = BTreeMap::<String, usize>::new();
        for (n, name) in names.iter().enumerate() {
            *count.entry(hub_of(&tenants, name, if n % 2 == 0 { EAST } else { WEST }).await?).or_default() += 1;
        }
        let large = count.get("presses-large-hub.azure-devices.net").copied().unwrap_or_default();
        // Three of four, give or take what 24 devices allow.
        assert!((14..=22).contains(&large) && count.values().sum::<usize>() == 24 && count.len() == 2, "{count:?}");
        tenants.end().await
    })
}

#[test]
fn s0_5_static_allocation_gives_every_device_the_one_hub_that_is_named() -> anyhow::Result<()> {
    block_on(async {
        let tenants = presses("static", &[("press-2", "presses-small")]).await?;
        let group = tenants.object("EnrollmentGroup", "presses", "presses-small").await?;
        assert_eq!(group["status"]["iotHubs"], json!(["presses-small-hub.azure-devices.net"]));
        // Its place is next to the other hub.
        assert_eq!(hub_of(&tenants, "press-1", EAST).await?, "presses-small-hub.azure-devices.net");
        assert_eq!(hub_of(&tenants, "press-2", WEST).await?, "presses-small-hub.azure-devices.net");

        tenants.patch("EnrollmentGroup", "presses", "presses-small", &json!({ "spec": { "hubs": ["presses-tiny-hub"] } })).await?;
        let stalled = tenants.until("EnrollmentGroup", "presses", "presses-small", "Stalled", "DependencyMissing").await?;
        assert!(stalled["status"]["conditions"][2]["message"].as_str().is_some_and(|text| text.contains("has no hub presses-tiny-hub")));
        tenants.patch("EnrollmentGroup", "presses", "presses-small", &json!({ "spec": { "hubs": ["presses-large-hub"] } })).await?;
        tenants.harness.until_all_ready().await?;
        assert_eq!(hub_of(&tenants, "press-1", WEST).await?, "presses-large-hub.azure-devices.net");
        tenants.end().await
    })
}

/// Somebody else changes the size of a hub, disables a group and gives it a hub of another tenant.
fn meddle(tenants: &Tenants) {
    tenants.harness.cloud().seed(|azure| {
        azure.set_sku("presses-large-hub", "S1", 7);
        azure.set_group_enabled("presses-dps", "presses-anywhere", false);
        azure.set_group_hubs(
            "presses-dps",
            "presses-anywhere",
            &["presses-large-hub.azure-devices.net", "fabrikam-asia-hub.azure-devices.net"],
        );
    });
}

#[test]
fn drift_is_listed_by_field_and_left_alone_until_the_spec_or_the_policy_changes() -> anyhow::Result<()> {
    block_on(async {
        let tenants = presses("report", &[]).await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        meddle(&tenants);
        let drifted = tenants.snapshot();
        tenants.harness.cloud().advance(SignedDuration::from_mins(35)).await?;
        let hubs = tenants.until("TenantHubGroup", "presses", "presses", "Drifted", "Drifted").await?;
        assert_eq!(hubs["status"]["conditions"][0]["status"], "True");
        assert_eq!(hubs["status"]["drift"], json!(["presses-large-hub sku"]));
        let group = tenants.until("EnrollmentGroup", "presses", "presses-anywhere", "Drifted", "Drifted").await?;
        // Drift alone stalls nothing; that somebody has disabled the group does.
        assert_eq!(hubs["status"]["conditions"][2]["status"], "False");
        assert_eq!(group["status"]["conditions"][2]["reason"], "Disabled");
        assert_eq!(group["status"]["drift"], json!(["iotHubs", "provisioningStatus"]));
        tenants.harness.cloud().advance(SignedDuration::from_hours(2)).await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert_eq!(tenants.snapshot(), drifted);

        // A change of the spec is carried out, over what had drifted.
        let hubs = json!({ "spec": { "hubs": [
            { "name": "presses-large-hub", "location": "eastus", "sku": { "name": "S1", "capacity": 4 } },
            { "name": "presses-small-hub", "location": "westus" },
        ] } });
        tenants.patch("TenantHubGroup", "presses", "presses", &hubs).await?;
        tenants.patch("EnrollmentGroup", "presses", "presses-anywhere", &json!({ "spec": { "driftPolicy": "Correct" } })).await?;
        for status in ["Disabled", "Enabled"] {
            let spec = json!({ "spec": { "provisioningStatus": status } });
            tenants.patch("EnrollmentGroup", "presses", "presses-anywhere", &spec).await?;
            tenants.harness.until_all_ready().await?;
        }
        let is_drifted = |object: &Value| object["status"]["drift"].is_array();
        until("nothing has drifted any more", SOON, || async {
            let world = tenants.snapshot();
            let found = (world.contains(" S1x4 "), world.contains(" disabled "));
            if found == (true, false) { Ok(()) } else { Err(NotYet::seen(world)) }
        })
        .await?;
        assert!(!is_drifted(&tenants.object("TenantHubGroup", "presses", "presses").await?));
        tenants.end().await
    })
}

#[test]
fn tags_and_labels_that_a_policy_wants_are_there_and_those_of_others_stay() -> anyhow::Result<()> {
    block_on(async {
        let tenants = presses("tags", &[]).await?;
        let namespace = tenants.example.namespace("presses");
        let lines = |what: &str| {
            let world = tenants.snapshot();
            world.lines().filter(|line| line.contains(what) && line.contains(" tags ")).map(str::to_owned).collect::<Vec<_>>()
        };
        for (what, tags) in [("presses-dps", vec!["4711"]), ("presses-large-hub", vec!["4711", "presses"]), ("/presses-rg ", vec!["4711"])]
        {
            let found = lines(what);
            assert!(found.iter().any(|line| tags.iter().all(|tag| line.contains(&format!("\"{tag}\"")))), "{what}: {found:?}");
        }
        let metadata = async || -> anyhow::Result<Value> {
            let text = tenants.harness.kubectl(&["get", "secret", "press-1", "-n", &namespace, "-o", "json"], "").await?;
            Ok(serde_json::from_str::<Value>(&text)?["metadata"].clone())
        };
        let before = metadata().await?;
        assert_eq!((&before["labels"]["team"], &before["annotations"]["reloader.stakater.com/match"]), (&json!("presses"), &json!("true")));

        // Somebody adds their own, and the spec changes: both are there afterwards.
        tenants.harness.kubectl(&["label", "secret", "press-1", "-n", &namespace, "theirs=yes"], "").await?;
        let secret = json!({ "spec": { "secret": { "metadata": { "labels": { "team": "rollers" } } } } });
        tenants.patch("DeviceCredential", "presses", "press-1", &secret).await?;
        for (kind, name) in [("TenantHubGroup", "presses"), ("ProvisioningService", "presses-dps")] {
            tenants.patch(kind, "presses", name, &json!({ "spec": { "tags": { "costCenter": "4712" } } })).await?;
        }
        until("the tags and labels are those of the spec", SOON, || async {
            let labels = metadata().await.map_err(|error| NotYet::seen(format!("{error:#}")))?["labels"].clone();
            let tagged = ["presses-dps", "presses-large-hub", "presses-small-hub"]
                .map(|what| lines(what).iter().any(|line| line.contains("\"4712\"")));
            let done = labels["team"] == "rollers" && labels["theirs"] == "yes" && tagged == [true; 3];
            if done { Ok(()) } else { Err(NotYet::seen(format!("{labels} {tagged:?}"))) }
        })
        .await?;
        assert!(lines("presses-large-hub").iter().any(|line| line.contains("\"presses\"")), "what is not in the spec stays");
        tenants.harness.until_all_ready().await?;

        let refused = json!({ "spec": { "tags": { "a/b": "c" } } });
        tenants.patch("ProvisioningService", "presses", "presses-dps", &refused).await?;
        tenants.until("ProvisioningService", "presses", "presses-dps", "Stalled", "Invalid").await?;
        for (kind, name, patch) in [
            ("ProvisioningService", "presses-dps", json!({ "spec": { "tags": { "moorage-owner": "me" } } })),
            (
                "DeviceCredential",
                "press-1",
                json!({ "spec": { "secret": { "metadata": { "annotations": { "moorage.dev/digest": "x" } } } } }),
            ),
            (
                "DeviceCredential",
                "press-1",
                json!({ "spec": { "secret": { "metadata": { "labels": { "app.kubernetes.io/managed-by": "me" } } } } }),
            ),
        ] {
            let told = tenants.patch(kind, "presses", name, &patch).await.expect_err("it is the operator's own").to_string();
            assert!(told.contains("operator"), "{told}");
        }
        tenants.end().await
    })
}
