//! `examples/s0-devices.yaml`: devices with keys of their own, in an individual enrollment or in a hub.

use jiff::SignedDuration;
use moorage_keys::{RegistrationId, SymmetricKey, derive_device_key};
use moorage_simulator::Options;
use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::device::Device;
use moorage_tests::example::Example;
use moorage_tests::harness::{SOON, cloud_options};
use moorage_tests::wait::{NotYet, until};
use serde_json::{Value, json};

use crate::steady::writes;
use moorage_tests::tenants::{EAST, Tenants};

/// The hub next to which the devices are.
pub const HUB: &str = "mills-east-hub.azure-devices.net";

/// The example in a cloud, settled but for the device that has to register first.
pub async fn mills(story: &str, cloud: Options) -> anyhow::Result<Tenants> {
    let tenants = Tenants::of(story, Example::read("s0-devices.yaml", story)?, cloud).await?;
    tenants.until("DeviceCredential", "mills", "mill-1", "Reconciling", "AwaitingRegistration").await?;
    for name in ["mill-2", "mill-3"] {
        tenants.until("DeviceCredential", "mills", name, "Ready", "Ready").await?;
    }
    tenants.harness.until_at_rest(&tenants.operator).await?;
    Ok(tenants)
}

/// A device as its Secret is now.
pub async fn device(tenants: &Tenants, name: &str) -> anyhow::Result<Device> {
    tenants.device("mills", name, EAST).await
}

/// Registers it with the key in its Secret, and gives its hub.
pub async fn register(tenants: &Tenants, name: &str) -> anyhow::Result<String> {
    Ok(device(tenants, name).await?.register(Some("deviceKey"), |_| {}).await?.0)
}

/// An entry of a Secret as soon as it is another one than it was.
pub async fn until_changed(tenants: &Tenants, name: &str, entry: &str, before: Option<&String>) -> anyhow::Result<Option<String>> {
    let namespace = tenants.example.namespace("mills");
    until(&format!("{entry} of {name} changes"), SOON, || async {
        let secret = tenants.harness.secret(&namespace, name).await.map_err(|error| NotYet::seen(format!("{error:#}")))?;
        let now = secret.get(entry).cloned();
        if now.as_ref() == before { Err(NotYet::seen("it is as it was")) } else { Ok(now) }
    })
    .await
}

pub async fn entry(tenants: &Tenants, name: &str, entry: &str) -> anyhow::Result<Option<String>> {
    Ok(tenants.harness.secret(&tenants.example.namespace("mills"), name).await?.get(entry).cloned())
}

/// The key that a device of the group derives.
async fn derived_key(tenants: &Tenants, id: &str) -> anyhow::Result<String> {
    let stored = tenants.harness.secret(&tenants.example.namespace("mills"), "mills-keys").await?;
    let key = SymmetricKey::from_base64(&stored["primaryKey"])?;
    Ok(derive_device_key(&key, &RegistrationId::parse(id)?).expose_base64().to_string())
}

async fn delete(tenants: &Tenants, name: &str) -> anyhow::Result<()> {
    let namespace = tenants.example.namespace("mills");
    tenants.harness.kubectl(&["delete", "--wait=false", "devcred", name, "-n", &namespace], "").await?;
    tenants.harness.until_gone("DeviceCredential", &namespace, name).await
}

/// The lines of the world about a registration id: its enrollment and its record.
fn about(tenants: &Tenants, id: &str) -> Vec<String> {
    let of_it = |line: &&str| [format!("enrollment {id} "), format!("registration {id} ")].iter().any(|one| line.trim().starts_with(one));
    tenants.snapshot().lines().filter(of_it).map(|line| line.trim().to_owned()).collect()
}

fn identity(tenants: &Tenants, hub: &str, id: &str) -> Option<Value> {
    tenants.harness.cloud().seed(|azure| azure.device(hub, id))
}

/// Applies a credential like one of the example, with another name and other fields.
async fn apply_like(tenants: &Tenants, of: &str, name: &str, fields: Value) -> anyhow::Result<()> {
    let mut object = tenants.example.clone().object_mut("DeviceCredential", of).expect("it is in the example").clone();
    object["metadata"]["name"] = name.into();
    object["spec"].as_object_mut().expect("a spec").extend(fields.as_object().expect("fields").clone());
    tenants.harness.kubectl(&["apply", "-f", "-"], &object.to_string()).await.map(drop)
}

/// The three reasons that conditions give.
async fn reasons(tenants: &Tenants, name: &str) -> anyhow::Result<Vec<String>> {
    let object = tenants.object("DeviceCredential", "mills", name).await?;
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    Ok(conditions.iter().map(|one| format!("{} {}", one["status"].as_str().unwrap_or(""), one["reason"].as_str().unwrap_or(""))).collect())
}

/// Waits until what a credential's status says is about its spec.
async fn until_observed(tenants: &Tenants, name: &str) -> anyhow::Result<()> {
    until(&format!("the spec of {name} is looked at"), SOON, || async {
        let object = tenants.object("DeviceCredential", "mills", name).await.map_err(|error| NotYet::seen(format!("{error:#}")))?;
        let (seen, wanted) = (&object["status"]["observedGeneration"], &object["metadata"]["generation"]);
        if seen == wanted { Ok(()) } else { Err(NotYet::seen(format!("{seen} of {wanted}"))) }
    })
    .await
}

#[test]
fn s0_4_a_device_with_an_individual_enrollment_registers_with_keys_of_its_own_and_no_derived_one_does() -> anyhow::Result<()> {
    block_on(async {
        let tenants = mills("individual-keys", cloud_options()).await?;
        let world = about(&tenants, "mill-2");
        assert!(world.len() == 1 && world[0].starts_with("enrollment mill-2 enabled geoLatency "), "{world:?}");
        assert!(world[0].contains(HUB) && world[0].contains("mills-west-hub.azure-devices.net"), "{world:?}");
        let (hub, id) = device(&tenants, "mill-2").await?.register(Some("deviceKey"), |_| {}).await?;
        assert_eq!((hub.as_str(), id.as_str()), (HUB, "Mill-2"));
        let secret = tenants.harness.secret(&tenants.example.namespace("mills"), "mill-2").await?;
        let entries: Vec<_> = secret.keys().map(String::as_str).collect();
        assert_eq!(entries, ["deviceKey", "idScope", "primaryKey", "provisioningHost", "registrationId", "secondaryKey"]);
        let there = identity(&tenants, "mills-east-hub", "Mill-2").unwrap_or_default();
        assert_eq!(there["primaryKey"].as_str(), secret.get("primaryKey").map(String::as_str));

        let derived = derived_key(&tenants, "mill-2").await?;
        assert_ne!(secret.get("deviceKey"), Some(&derived));
        let mut stolen = secret;
        stolen.insert("deviceKey".to_owned(), derived);
        let thief = Device::new(stolen, &tenants.harness.network(), EAST)?;
        assert!(thief.register(Some("deviceKey"), |_| {}).await.is_err());
        tenants.end().await
    })
}

#[test]
fn s0_6_a_leaked_derived_key_is_replaced_by_keys_of_the_device_s_own_and_opens_nothing_any_more() -> anyhow::Result<()> {
    block_on(async {
        let tenants = mills("leaked", cloud_options()).await?;
        let plain = json!({ "spec": { "connectionString": null, "hubToken": null } });
        tenants.patch("DeviceCredential", "mills", "mill-1", &plain).await?;
        tenants.until("DeviceCredential", "mills", "mill-1", "Ready", "Ready").await?;
        assert_eq!(register(&tenants, "mill-1").await?, HUB);
        let thief = device(&tenants, "mill-1").await?;
        let leaked = entry(&tenants, "mill-1", "deviceKey").await?;

        tenants.patch("DeviceCredential", "mills", "mill-1", &json!({ "spec": { "individualEnrollment": {} } })).await?;
        until_changed(&tenants, "mill-1", "deviceKey", leaked.as_ref()).await?;
        tenants.until("DeviceCredential", "mills", "mill-1", "Ready", "Ready").await?;
        let refused = thief.register(Some("deviceKey"), |_| {}).await.expect_err("the key is a derived one");
        assert!(format!("{refused:#}").contains("401"), "{refused:#}");
        // The hub goes on with the key that the device registered with, until that registration is ended.
        thief.send_telemetry(HUB, "mill-1", "deviceKey").await?;
        tenants.annotate("DeviceCredential", "mills", "mill-1", "moorage.dev/reprovision-requested-at=leak").await?;
        until("the identity is gone", SOON, || async {
            identity(&tenants, "mills-east-hub", "mill-1").map_or(Ok(()), |there| Err(NotYet::seen(there["status"].clone())))
        })
        .await?;
        assert_eq!(register(&tenants, "mill-1").await?, HUB);
        assert!(thief.send_telemetry(HUB, "mill-1", "deviceKey").await.is_err());
        device(&tenants, "mill-1").await?.send_telemetry(HUB, "mill-1", "deviceKey").await?;

        // Back to the derived key, which is the same as ever.
        let own = entry(&tenants, "mill-1", "deviceKey").await?;
        tenants.patch("DeviceCredential", "mills", "mill-1", &json!({ "spec": { "individualEnrollment": null } })).await?;
        assert_eq!(until_changed(&tenants, "mill-1", "deviceKey", own.as_ref()).await?, leaked);
        tenants.until("DeviceCredential", "mills", "mill-1", "Ready", "Ready").await?;
        assert!(about(&tenants, "mill-1").iter().all(|line| line.starts_with("registration")), "{:?}", about(&tenants, "mill-1"));
        register(&tenants, "mill-1").await?;
        tenants.end().await
    })
}

#[test]
fn a_device_of_a_hub_sends_with_the_connection_string_and_with_the_token_in_its_secret() -> anyhow::Result<()> {
    block_on(async {
        let tenants = mills("hubref", cloud_options()).await?;
        let secret = tenants.harness.secret(&tenants.example.namespace("mills"), "mill-3").await?;
        let entries: Vec<_> = secret.keys().map(String::as_str).collect();
        assert_eq!(entries, ["connectionString", "deviceId", "deviceKey", "hubHost", "hubToken", "primaryKey", "secondaryKey"]);
        assert_eq!((secret["hubHost"].as_str(), secret["deviceId"].as_str()), (HUB, "Mill-3"));
        let mill = device(&tenants, "mill-3").await?;
        mill.send_by_connection_string().await?;
        mill.send_by_token(HUB, "Mill-3").await?;
        let there = identity(&tenants, "mills-east-hub", "Mill-3").unwrap_or_default();
        assert_eq!(there["messages"], 2);
        let object = tenants.object("DeviceCredential", "mills", "mill-3").await?;
        assert_eq!(object["status"]["assignedHub"], json!({ "hub": HUB, "deviceId": "Mill-3" }));

        // The token is renewed in time, and the device goes on.
        tenants.harness.cloud().advance(SignedDuration::from_hours(20)).await?;
        until_changed(&tenants, "mill-3", "hubToken", secret.get("hubToken")).await?;
        tenants.harness.cloud().advance(SignedDuration::from_hours(5)).await?;
        assert!(mill.send_by_token(HUB, "Mill-3").await.is_err(), "the first token has ended");
        device(&tenants, "mill-3").await?.send_by_token(HUB, "Mill-3").await?;

        delete(&tenants, "mill-3").await?;
        assert_eq!(identity(&tenants, "mills-east-hub", "Mill-3"), None);
        assert!(mill.send_by_connection_string().await.is_err());
        tenants.end().await
    })
}

#[test]
fn s0_8_a_device_of_a_hub_is_kept_or_disabled_as_its_policy_says_and_comes_back_with_its_credential() -> anyhow::Result<()> {
    block_on(async {
        let tenants = mills("hubpolicy", cloud_options()).await?;
        let first = entry(&tenants, "mill-3", "primaryKey").await?;
        let mill = device(&tenants, "mill-3").await?;
        for policy in ["Retain", "Disenroll"] {
            tenants.patch("DeviceCredential", "mills", "mill-3", &json!({ "spec": { "deletionPolicy": policy } })).await?;
            tenants.until("DeviceCredential", "mills", "mill-3", "Ready", "Ready").await?;
            tenants.harness.until_at_rest(&tenants.operator).await?;
            let asked = tenants.harness.cloud().requests().len();
            delete(&tenants, "mill-3").await?;
            let (status, sends) = if policy == "Retain" { ("enabled", true) } else { ("disabled", false) };
            assert_eq!(identity(&tenants, "mills-east-hub", "Mill-3").unwrap_or_default()["status"], status);
            assert_eq!(mill.send_by_connection_string().await.is_ok(), sends, "{policy}");
            let of_ours = |path: &str| path.starts_with("/devices/") && !path.ends_with("/events");
            let calls = tenants.harness.cloud().requests()[asked..].iter().filter(|one| of_ours(&one.path)).count();
            assert_eq!(calls == 0, policy == "Retain", "{calls} calls");

            // Made anew, it finds its device, which has the keys that it had.
            tenants.harness.apply(&tenants.example).await?;
            tenants.until("DeviceCredential", "mills", "mill-3", "Ready", "Ready").await?;
            assert_eq!(entry(&tenants, "mill-3", "primaryKey").await?, first);
            mill.send_by_connection_string().await?;
        }
        tenants.end().await
    })
}

#[test]
fn s0_8_hubs_that_go_wait_for_the_devices_that_are_reached_through_them() -> anyhow::Result<()> {
    block_on(async {
        let tenants = mills("mills-hubs-go", cloud_options()).await?;
        let namespace = tenants.example.namespace("mills");
        tenants.harness.kubectl(&["delete", "tenanthubgroup", "mills", "-n", &namespace, "--wait=false"], "").await?;
        tenants.annotate("DeviceCredential", "mills", "mill-3", "moorage.dev/sync-requested-at=now").await?;
        let waiting = tenants.until("TenantHubGroup", "mills", "mills", "Reconciling", "InUse").await?;
        assert!(waiting["status"]["conditions"][1]["message"].as_str().is_some_and(|text| text.contains("/mill-3 ")), "{waiting}");
        assert!(identity(&tenants, "mills-east-hub", "Mill-3").is_some(), "the device is there as long as its credential");

        delete(&tenants, "mill-3").await?;
        tenants.harness.until_gone("TenantHubGroup", &namespace, "mills").await?;
        assert_eq!(identity(&tenants, "mills-east-hub", "Mill-3"), None);
        tenants.end().await
    })
}

#[test]
fn s0_8_an_individual_enrollment_is_disabled_with_its_device_and_comes_back_with_new_keys() -> anyhow::Result<()> {
    block_on(async {
        let tenants = mills("individualbar", cloud_options()).await?;
        register(&tenants, "mill-2").await?;
        let first = entry(&tenants, "mill-2", "deviceKey").await?;
        let mill = device(&tenants, "mill-2").await?;
        delete(&tenants, "mill-2").await?;
        let disenrolled = about(&tenants, "mill-2");
        assert!(disenrolled.len() == 1 && disenrolled[0].starts_with("enrollment mill-2 disabled - [] "), "{disenrolled:?}");
        assert!(mill.register(Some("deviceKey"), |_| {}).await.is_err());
        // Even enabled by hand it does not take the keys of the Secret that is gone.
        tenants.harness.cloud().seed(|azure| azure.set_enrollment_enabled("mills-dps", "mill-2", true));
        assert!(mill.register(Some("deviceKey"), |_| {}).await.is_err());

        tenants.harness.apply(&tenants.example).await?;
        tenants.until("DeviceCredential", "mills", "mill-2", "Ready", "Ready").await?;
        assert_ne!(entry(&tenants, "mill-2", "deviceKey").await?, first);
        register(&tenants, "mill-2").await?;

        // Retained, the enrollment is what it was, and its keys come back into the Secret.
        tenants.patch("DeviceCredential", "mills", "mill-2", &json!({ "spec": { "deletionPolicy": "Retain" } })).await?;
        tenants.until("DeviceCredential", "mills", "mill-2", "Ready", "Ready").await?;
        let kept = entry(&tenants, "mill-2", "deviceKey").await?;
        delete(&tenants, "mill-2").await?;
        tenants.harness.apply(&tenants.example).await?;
        tenants.until("DeviceCredential", "mills", "mill-2", "Ready", "Ready").await?;
        assert_eq!(entry(&tenants, "mill-2", "deviceKey").await?, kept);
        tenants.end().await
    })
}

#[test]
fn a_device_of_a_hub_that_was_lost_is_made_again_with_the_hub_and_its_credential_waits_for_that() -> anyhow::Result<()> {
    block_on(async {
        let tenants = mills("lost-hub", cloud_options()).await?;
        let key = entry(&tenants, "mill-3", "deviceKey").await?;
        tenants.harness.cloud().seed(|azure| azure.delete_hub("mills-east-hub"));
        tenants.annotate("TenantHubGroup", "mills", "mills", "moorage.dev/sync-requested-at=now").await?;
        tenants.until("DeviceCredential", "mills", "mill-3", "Reconciling", "DependencyNotReady").await?;
        tenants.annotate("TenantHubGroup", "mills", "mills", "moorage.dev/recreate=mills-east-hub").await?;
        let made = async || identity(&tenants, "mills-east-hub", "Mill-3").ok_or_else(|| NotYet::seen("no device"));
        let there = until("the device is made again", SOON, made).await?;
        assert_eq!(there["primaryKey"].as_str(), key.as_deref());
        tenants.until("DeviceCredential", "mills", "mill-3", "Ready", "Ready").await?;
        tenants.end().await
    })
}

#[test]
fn a_device_that_somebody_disables_stays_so_and_is_told_of_until_somebody_enables_it() -> anyhow::Result<()> {
    block_on(async {
        let tenants = mills("disabled-device", cloud_options()).await?;
        let enable = |enabled| tenants.harness.cloud().seed(|azure| azure.set_device_enabled("mills-east-hub", "Mill-3", enabled));
        enable(false);
        tenants.annotate("DeviceCredential", "mills", "mill-3", "moorage.dev/sync-requested-at=now").await?;
        tenants.until("DeviceCredential", "mills", "mill-3", "Stalled", "Disabled").await?;
        // Another look, that nobody asks the cloud for: what was seen before it was disabled is no answer any more.
        tenants.patch("DeviceCredential", "mills", "mill-3", &json!({ "spec": { "deletionPolicy": "Disenroll" } })).await?;
        until_observed(&tenants, "mill-3").await?;
        assert_eq!(reasons(&tenants, "mill-3").await?[2], "True Disabled");
        assert_eq!(identity(&tenants, "mills-east-hub", "Mill-3").unwrap_or_default()["status"], "disabled");

        enable(true);
        tenants.annotate("DeviceCredential", "mills", "mill-3", "moorage.dev/sync-requested-at=later").await?;
        tenants.until("DeviceCredential", "mills", "mill-3", "Ready", "Ready").await?;
        tenants.end().await
    })
}

#[test]
fn what_somebody_else_has_made_under_a_device_s_name_is_left_alone_and_told_of() -> anyhow::Result<()> {
    block_on(async {
        let tenants = mills("foreign", cloud_options()).await?;
        tenants.harness.cloud().seed(|azure| azure.add_enrollment("mills-dps", "mill-1", true));
        let theirs = about(&tenants, "mill-1");
        tenants.patch("DeviceCredential", "mills", "mill-1", &json!({ "spec": { "individualEnrollment": {} } })).await?;
        tenants.until("DeviceCredential", "mills", "mill-1", "Stalled", "AlreadyExists").await?;
        assert_eq!(about(&tenants, "mill-1"), theirs);

        // Another object for the same device is the younger one.
        let mut rival = tenants.example.clone().object_mut("DeviceCredential", "mill-3").expect("it is in the example").clone();
        rival["metadata"]["name"] = json!("mill-4");
        tenants.harness.kubectl(&["apply", "-f", "-"], &rival.to_string()).await?;
        let stalled = tenants.until("DeviceCredential", "mills", "mill-4", "Stalled", "AlreadyExists").await?;
        let message = stalled["status"]["conditions"][2]["message"].as_str().unwrap_or_default();
        assert!(message.contains("belongs to DeviceCredential") && message.contains("mill-3, which came first"), "{message}");
        delete(&tenants, "mill-4").await?;
        assert!(identity(&tenants, "mills-east-hub", "Mill-3").is_some(), "it was not the younger one's");
        tenants.end().await
    })
}

#[test]
fn a_device_in_a_hub_belongs_to_the_older_of_two_credentials_whether_it_registers_or_was_created_there() -> anyhow::Result<()> {
    block_on(async {
        let tenants = mills("one-device", cloud_options()).await?;
        apply_like(&tenants, "mill-3", "mill-5", json!({ "deviceId": "mill-5" })).await?;
        tenants.until("DeviceCredential", "mills", "mill-5", "Ready", "Ready").await?;
        let world = tenants.snapshot();

        // A name that comes later loses a tie as well.
        let table = [
            ("mill-3", "mill-2-younger", json!({ "deviceId": "Mill-2" }), "Mill-2", "mill-2", "deviceId"),
            (
                "mill-2",
                "mill-3-younger",
                json!({ "individualEnrollment": { "deviceId": "Mill-3" } }),
                "Mill-3",
                "mill-3",
                "individualEnrollment.deviceId",
            ),
            ("mill-1", "mill-5-younger", json!({ "registrationId": "mill-5" }), "mill-5", "mill-5", "registrationId"),
        ];
        let namespace = tenants.example.namespace("mills");
        for (of, name, spec, device, older, field) in table {
            apply_like(&tenants, of, name, spec).await?;
            let stalled = tenants.until("DeviceCredential", "mills", name, "Stalled", "AlreadyExists").await?;
            let sentence = format!(
                "device {device} in hub {HUB} belongs to DeviceCredential {namespace}/{older}, which came first; choose another {field}, or \
                 delete one of the two"
            );
            assert_eq!(stalled["status"]["conditions"][2]["message"], sentence);
        }
        assert_eq!(tenants.snapshot(), world, "none of them has made anything");

        // The next in line takes over when the older one goes.
        delete(&tenants, "mill-5").await?;
        tenants.until("DeviceCredential", "mills", "mill-5-younger", "Reconciling", "AwaitingRegistration").await?;
        assert_eq!(register(&tenants, "mill-5-younger").await?, HUB);
        tenants.end().await
    })
}

#[test]
fn a_credential_that_goes_leaves_what_an_older_one_has_created_in_a_hub() -> anyhow::Result<()> {
    block_on(async {
        let tenants = mills("older-device", cloud_options()).await?;
        let west_only = json!({ "spec": { "hubs": ["mills-west-hub"] } });
        tenants.patch("EnrollmentGroup", "mills", "mills", &west_only).await?;
        apply_like(&tenants, "mill-3", "mill-9-created", json!({ "deviceId": "Mill-9" })).await?;
        let registers = json!({ "individualEnrollment": { "deviceId": "Mill-9" }, "deletionPolicy": "Deprovision" });
        apply_like(&tenants, "mill-2", "mill-9-registers", registers).await?;
        for name in ["mill-9-created", "mill-9-registers"] {
            tenants.until("DeviceCredential", "mills", name, "Ready", "Ready").await?;
        }
        register(&tenants, "mill-9-registers").await?;

        // They are in each other's way only once both may be in the same hub, and the device has moved there.
        tenants.patch("EnrollmentGroup", "mills", "mills", &json!({ "spec": { "hubs": null } })).await?;
        tenants.until("DeviceCredential", "mills", "mill-9-registers", "Stalled", "AlreadyExists").await?;
        tenants.harness.cloud().seed(|azure| azure.set_assigned_hub("mills-dps", "mill-9-registers", HUB));
        delete(&tenants, "mill-9-registers").await?;
        assert!(about(&tenants, "mill-9-registers")[0].contains(" disabled "), "{:?}", about(&tenants, "mill-9-registers"));
        assert!(identity(&tenants, "mills-east-hub", "Mill-9").is_some(), "it was not the younger one's");
        tenants.end().await
    })
}

#[test]
fn an_enrollment_that_somebody_disables_stays_so_and_otherwise_nothing_is_written_over_two_periods_and_a_restart() -> anyhow::Result<()> {
    block_on(async {
        let story = "an_enrollment_that_somebody_disables_stays_so_and_otherwise_nothing_is_written_over_two_periods_and_a_restart";
        if !shared().await?.counts_requests(story) {
            return Ok(());
        }
        let mut tenants = mills("devicesteady", cloud_options()).await?;
        for name in ["mill-1", "mill-2"] {
            register(&tenants, name).await?;
        }
        tenants.harness.cloud().advance(SignedDuration::from_mins(2)).await?;
        tenants.until("DeviceCredential", "mills", "mill-1", "Ready", "Ready").await?;
        // A token has to be renewed, and that is a write.
        for name in ["mill-1", "mill-3"] {
            tenants.patch("DeviceCredential", "mills", name, &json!({ "spec": { "hubToken": null } })).await?;
        }
        tenants.harness.until_all_ready().await?;
        // How many devices a hub has is counted twice an hour.
        tenants.harness.cloud().advance(SignedDuration::from_hours(1)).await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        let before = writes(&tenants).await?;
        tenants.harness.cloud().advance(SignedDuration::from_hours(13)).await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert_eq!(writes(&tenants).await?, before);
        let fresh = tenants.harness.operator().await?;
        std::mem::replace(&mut tenants.operator, fresh).stop().await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert_eq!(writes(&tenants).await?, before);
        assert_eq!(reasons(&tenants, "mill-1").await?, ["True Ready", "False Ready", "False Ready", "False Ready"]);

        tenants.harness.cloud().seed(|azure| azure.set_enrollment_enabled("mills-dps", "mill-2", false));
        tenants.harness.cloud().advance(SignedDuration::from_hours(7)).await?;
        let told = tenants.until("DeviceCredential", "mills", "mill-2", "Stalled", "Disabled").await?;
        assert_eq!(told["status"]["conditions"][0]["status"], "False", "the device cannot register");
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert!(register(&tenants, "mill-2").await.is_err(), "whoever disabled the enrollment had a reason");

        // Its owner has the group say so, and then the contrary: that is a word.
        for status in ["Disabled", "Enabled"] {
            let spec = json!({ "spec": { "provisioningStatus": status } });
            tenants.patch("EnrollmentGroup", "mills", "mills", &spec).await?;
            tenants.harness.until_all_ready().await?;
            tenants.harness.until_at_rest(&tenants.operator).await?;
        }
        register(&tenants, "mill-2").await?;
        tenants.end().await
    })
}
