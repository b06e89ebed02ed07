//! What becomes of a device whose credential is deleted.

use moorage_tests::controlplane::block_on;
use serde_json::{Value, json};

use moorage_tests::tenants::{ASIA, EUROPE, Tenants};

const DEVICE: &str = "fabrikam-simdevice-asia";

/// The lines of the world that tell of the device's enrollment and of its record.
fn of_the_device(tenants: &Tenants) -> Vec<String> {
    let world = tenants.snapshot();
    let told =
        |line: &&str| [format!("  enrollment {DEVICE} "), format!("  registration {DEVICE} ")].iter().any(|one| line.starts_with(one));
    world.lines().filter(told).map(str::to_owned).collect()
}

async fn delete(tenants: &Tenants, name: &str) -> anyhow::Result<()> {
    let namespace = tenants.example.namespace("fabrikam");
    tenants.harness.kubectl(&["delete", "--wait=false", "devicecredential", name, "-n", &namespace], "").await?;
    tenants.harness.until_gone("DeviceCredential", &namespace, name).await
}

/// Deletes, and waits until it stands still.
async fn delete_in_vain(tenants: &Tenants, name: &str) -> anyhow::Result<String> {
    let namespace = tenants.example.namespace("fabrikam");
    tenants.harness.kubectl(&["delete", "--wait=false", "devicecredential", name, "-n", &namespace], "").await?;
    let stalled = tenants.until("DeviceCredential", "fabrikam", name, "Stalled", "AlreadyExists").await?;
    Ok(message(&stalled))
}

/// What a stalled object says.
fn message(object: &Value) -> String {
    let conditions = object["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    let stalled = conditions.iter().find(|condition| condition["type"] == "Stalled");
    stalled.and_then(|condition| condition["message"].as_str()).unwrap_or_default().to_owned()
}

/// The ledger's pages of credentials, without their names, which are hashes.
async fn ledger(tenants: &Tenants) -> anyhow::Result<Vec<Value>> {
    let namespace = tenants.harness.operator_namespace();
    let listed = tenants.harness.kubectl(&["get", "configmaps", "-n", &namespace, "-o", "json"], "").await?;
    let listed: Value = serde_json::from_str(&listed)?;
    let of_a_credential = |page: &&Value| page["metadata"]["annotations"]["moorage.dev/owner-kind"] == "DeviceCredential";
    Ok(listed["items"].as_array().into_iter().flatten().filter(of_a_credential).map(|page| page["data"].clone()).collect())
}

#[test]
fn s0_8_a_deleted_credential_disenrolls_its_device_and_one_made_again_re_enrolls_it() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("disenroll").await?;
        let device = tenants.device("fabrikam", DEVICE, ASIA).await?;
        device.register(Some("deviceKey"), |_| {}).await?;
        assert_eq!(of_the_device(&tenants).len(), 1);
        let group = |world: &str| world.lines().find(|line| line.contains("  group fabrikam")).map(str::to_owned);
        let (group_before, platform) = (group(&tenants.snapshot()), tenants.example.namespace("platform"));

        delete(&tenants, DEVICE).await?;
        let disenrolled = of_the_device(&tenants);
        let wanted = format!("  enrollment {DEVICE} disabled - [] update true migrate true ");
        assert!(disenrolled.len() == 1 && disenrolled[0].starts_with(&wanted), "{disenrolled:?}");
        assert_eq!(ledger(&tenants).await?, [json!({ format!("disenrolled.{DEVICE}"): format!("{platform}/contoso-dps") })]);
        let refused = device.register(Some("deviceKey"), |_| {}).await.expect_err("it is disenrolled");
        assert!(format!("{refused:#}").contains("401"), "{refused:#}");
        // Neither the group nor any other device of it is concerned, and the device's identity stays in its hub.
        assert_eq!(group(&tenants.snapshot()), group_before);
        tenants.device("fabrikam", "fabrikam-simdevice-eu", EUROPE).await?.register(Some("deviceKey"), |_| {}).await?;
        assert!(tenants.harness.cloud().seed(|azure| azure.device("fabrikam-asia-hub", DEVICE)).is_some());

        tenants.harness.apply(&tenants.example).await?;
        tenants.until("DeviceCredential", "fabrikam", DEVICE, "Ready", "Ready").await?;
        tenants.device("fabrikam", DEVICE, ASIA).await?.register(Some("deviceKey"), |_| {}).await?;
        assert!(of_the_device(&tenants)[0].starts_with(&format!("  registration {DEVICE} of fabrikam-eu-devices assigned ")));
        assert_eq!(ledger(&tenants).await?, Vec::<Value>::new());
        tenants.end().await
    })
}

#[test]
fn s0_8_a_credential_that_retains_its_device_asks_the_cloud_for_nothing() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("retain").await?;
        tenants.device("fabrikam", "fabrikam-simdevice-eu", EUROPE).await?.register(Some("deviceKey"), |_| {}).await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        let (world, asked) = (tenants.snapshot(), tenants.harness.cloud().requests().len());
        delete(&tenants, "fabrikam-simdevice-eu").await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert_eq!(tenants.harness.cloud().requests().len(), asked);

        // Neither does one whose owner thought better of it.
        tenants.patch("DeviceCredential", "fabrikam", DEVICE, &json!({ "spec": { "deletionPolicy": "Retain" } })).await?;
        delete(&tenants, DEVICE).await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        let requests = tenants.harness.cloud().requests();
        let of_devices = |path: &str| path.starts_with("/enrollments/") || path.starts_with("/registrations/fabrikam");
        assert_eq!(requests.iter().filter(|request| of_devices(&request.path)).count(), 0);
        assert_eq!(tenants.snapshot(), world);
        assert_eq!(ledger(&tenants).await?, Vec::<Value>::new());
        tenants.end().await
    })
}

#[test]
fn a_disabled_enrollment_of_somebody_else_is_never_enabled_nor_deleted() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("disenrolledbefore").await?;
        tenants.device("fabrikam", DEVICE, ASIA).await?.register(Some("deviceKey"), |_| {}).await?;
        tenants.harness.cloud().seed(|azure| azure.add_enrollment("contoso-dps", DEVICE, false));
        let theirs = of_the_device(&tenants)[0].clone();
        delete(&tenants, DEVICE).await?;
        // It disenrolls the device as well as ours would; only the record goes.
        assert_eq!(of_the_device(&tenants), std::slice::from_ref(&theirs));
        tenants.harness.apply(&tenants.example).await?;
        tenants.until("DeviceCredential", "fabrikam", DEVICE, "Ready", "Ready").await?;
        assert_eq!(of_the_device(&tenants), [theirs]);
        tenants.end().await
    })
}

#[test]
fn an_enrollment_that_took_the_place_of_ours_is_left_alone_and_told_of() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("disenrolledafter").await?;
        delete(&tenants, DEVICE).await?;
        tenants.harness.cloud().seed(|azure| azure.add_enrollment("contoso-dps", DEVICE, false));
        let theirs = of_the_device(&tenants);
        tenants.harness.apply(&tenants.example).await?;
        let stalled = tenants.until("DeviceCredential", "fabrikam", DEVICE, "Stalled", "AlreadyExists").await?;
        let message = message(&stalled);
        assert!(message.contains("not the one that we wrote") && message.contains("delete it there"), "{message}");
        assert_eq!(of_the_device(&tenants), theirs);

        tenants.harness.cloud().seed(|azure| azure.delete_enrollment("contoso-dps", DEVICE));
        tenants.annotate("DeviceCredential", "fabrikam", DEVICE, "moorage.dev/sync-requested-at=now").await?;
        tenants.until("DeviceCredential", "fabrikam", DEVICE, "Ready", "Ready").await?;
        assert_eq!(ledger(&tenants).await?, Vec::<Value>::new());
        tenants.end().await
    })
}

#[test]
fn a_device_that_somebody_enrolled_individually_is_not_disenrolled_over_their_heads() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("individual").await?;
        tenants.harness.cloud().seed(|azure| azure.add_enrollment("contoso-dps", DEVICE, true));
        let theirs = of_the_device(&tenants);
        let message = delete_in_vain(&tenants, DEVICE).await?;
        assert!(message.contains("enrolled registration id") && message.contains("spec.deletionPolicy: Retain"), "{message}");
        assert_eq!((of_the_device(&tenants), ledger(&tenants).await?), (theirs.clone(), Vec::new()));

        tenants.patch("DeviceCredential", "fabrikam", DEVICE, &json!({ "spec": { "deletionPolicy": "Retain" } })).await?;
        tenants.harness.until_gone("DeviceCredential", &tenants.example.namespace("fabrikam"), DEVICE).await?;
        assert_eq!(of_the_device(&tenants), theirs);
        tenants.end().await
    })
}

#[test]
fn our_enrollment_that_somebody_enabled_by_hand_is_disabled_again_while_the_credential_goes() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("enabledbyhand").await?;
        delete(&tenants, DEVICE).await?;
        tenants.harness.cloud().seed(|azure| azure.set_enrollment_enabled("contoso-dps", DEVICE, true));
        // Enabled, it is no longer the one that we wrote.
        tenants.harness.apply(&tenants.example).await?;
        tenants.until("DeviceCredential", "fabrikam", DEVICE, "Stalled", "AlreadyExists").await?;
        assert!(of_the_device(&tenants)[0].contains(" enabled "));
        delete(&tenants, DEVICE).await?;
        let disenrolled = of_the_device(&tenants);
        assert!(disenrolled.len() == 1 && disenrolled[0].contains(" disabled "), "{disenrolled:?}");
        tenants.end().await
    })
}
