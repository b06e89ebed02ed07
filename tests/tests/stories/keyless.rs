//! `examples/s0-keyless.yaml`: a provisioning service that enters hubs by its managed identity.

use jiff::SignedDuration;
use moorage_simulator::{Fault, Match, Occurrence, Rule};
use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::example::Example;
use moorage_tests::harness::{Harness, SOON, cloud_options};
use moorage_tests::wait::{NotYet, until};
use serde_json::{Value, json};

use crate::steady::writes;
use moorage_tests::tenants::{EAST, Tenants, WEST};

const SERVICE: &str = "looms-dps";
const HUB: &str = "looms-east-hub";
const HOST: &str = "looms-east-hub.azure-devices.net";

async fn looms(story: &str) -> anyhow::Result<Tenants> {
    let tenants = Tenants::of(story, Example::read("s0-keyless.yaml", story)?, cloud_options()).await?;
    tenants.harness.until_all_ready().await?;
    Ok(tenants)
}

async fn registers(tenants: &Tenants) -> anyhow::Result<String> {
    Ok(tenants.device("looms", "loom-1", EAST).await?.register(Some("deviceKey"), |_| {}).await?.0)
}

/// How many roles there are on hubs.
fn roles(tenants: &Tenants) -> usize {
    tenants.snapshot().lines().filter(|line| line.trim_start().starts_with("role ")).count()
}

/// The lines of the world that speak of policies that were made for links.
fn policies(tenants: &Tenants) -> Vec<String> {
    let world = tenants.snapshot();
    let made = world.lines().filter(|line| line.contains("moorage-") && !line.contains("moorage-owner"));
    made.map(|line| line.trim().to_owned()).collect()
}

#[test]
fn s0_3_a_hub_is_linked_by_the_identity_of_the_service_and_a_device_registers_in_it() -> anyhow::Result<()> {
    block_on(async {
        let tenants = looms("keyless").await?;
        assert_eq!(registers(&tenants).await?, HOST);
        let keys = tenants.harness.cloud().seed(|azure| azure.hub_property(HUB, "authorizationPolicies"));
        assert!(!format!("{keys:?}").contains("moorage-"), "a key was made that nobody needs: {keys:?}");

        // It is by that role and by nothing else.
        let principal = tenants.object("ProvisioningService", "looms", SERVICE).await?["status"]["principalId"].clone();
        let principal = principal.as_str().expect("the service has an identity").to_owned();
        tenants.harness.cloud().seed(|azure| azure.withdraw_hub_roles(HUB, &principal));
        assert!(registers(&tenants).await.is_err(), "the hub let in whom it should not");
        tenants.annotate("TenantHubGroup", "looms", "looms", "moorage.dev/sync-requested-at=now").await?;
        until("the role is given again", SOON, || async { registers(&tenants).await.map_err(|error| NotYet::seen(format!("{error:#}"))) })
            .await?;
        tenants.end().await
    })
}

#[test]
fn links_by_identity_cost_nothing_once_they_are_made() -> anyhow::Result<()> {
    block_on(async {
        if !shared().await?.counts_requests("links_by_identity_cost_nothing_once_they_are_made") {
            return Ok(());
        }
        let tenants = looms("keyless-steady").await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        let before = writes(&tenants).await?;
        tenants.harness.cloud().advance(SignedDuration::from_mins(70)).await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert_eq!(writes(&tenants).await?, before);
        tenants.end().await
    })
}

#[test]
fn an_account_that_may_not_assign_roles_is_told_who_can_and_how() -> anyhow::Result<()> {
    block_on(async {
        let example = Example::read("s0-keyless.yaml", "keyless-denied")?;
        let harness = Harness::set(shared().await?, "keyless-denied", &example.namespaces(), cloud_options()).await?;
        let matching = Match { method: Some("PUT".to_owned()), path: Some("roleAssignments".to_owned()), ..Match::default() };
        harness.cloud().faults().add(Rule { matching, occurrence: Occurrence::Every, fault: Fault::Status(403) })?;
        let tenants = Tenants::applied(harness, example, None).await?;
        let denied = tenants.until("TenantHubGroup", "looms", "looms", "Stalled", "Denied").await?;
        let message = denied["status"]["conditions"][2]["message"].as_str().unwrap_or_default().to_owned();
        let principal = tenants.harness.cloud().seed(|azure| azure.service_principal(SERVICE)).expect("the service has an identity");
        let command = format!("az role assignment create --role \"IoT Hub Data Contributor\" --assignee-object-id {principal}");
        assert!(message.contains(&command), "{message}");

        tenants.harness.cloud().seed(|azure| azure.grant_hub_role(HUB, &principal));
        tenants.annotate("TenantHubGroup", "looms", "looms", "moorage.dev/sync-requested-at=now").await?;
        tenants.harness.until_all_ready().await?;
        assert_eq!(registers(&tenants).await?, HOST);
        tenants.end().await
    })
}

#[test]
fn a_link_by_key_becomes_one_by_identity_when_that_is_confirmed_and_its_key_goes() -> anyhow::Result<()> {
    block_on(async {
        let tenants = looms("keyless-relink").await?;
        let device = tenants.device("looms", "loom-1", WEST).await?;
        assert_eq!(device.register(Some("deviceKey"), |_| {}).await?.0, "looms-west-hub.azure-devices.net");
        assert!(!policies(&tenants).is_empty(), "there is a key that goes");
        let identity = json!([{ "op": "add", "path": "/spec/hubs/1/link", "value": { "authentication": "Identity" } }]);
        let namespace = tenants.example.namespace("looms");
        let patch = async |change: &Value| {
            let change = change.to_string();
            let patch = ["patch", "tenanthubgroup", "looms", "-n", &namespace, "--type=json", "-p", &change];
            tenants.harness.kubectl(&patch, "").await.map(drop)
        };
        let before = roles(&tenants);
        patch(&identity).await?;
        tenants.until("TenantHubGroup", "looms", "looms", "Reconciling", "AwaitingConfirmation").await?;
        assert_eq!(roles(&tenants), before + 1);
        // Whoever changes their mind leaves no way in behind.
        patch(&json!([{ "op": "remove", "path": "/spec/hubs/1/link" }])).await?;
        tenants.harness.until_all_ready().await?;
        assert_eq!(roles(&tenants), before);
        patch(&identity).await?;
        tenants.until("TenantHubGroup", "looms", "looms", "Reconciling", "AwaitingConfirmation").await?;
        assert_eq!(device.register(Some("deviceKey"), |_| {}).await?.0, "looms-west-hub.azure-devices.net");

        tenants.annotate("TenantHubGroup", "looms", "looms", "moorage.dev/relink=looms-west-hub").await?;
        tenants.harness.until_all_ready().await?;
        until("the link's key is gone", SOON, || async {
            let left = policies(&tenants);
            if left.is_empty() { Ok(()) } else { Err(NotYet::seen(left.join("\n"))) }
        })
        .await?;
        assert_eq!(device.register(Some("deviceKey"), |_| {}).await?.0, "looms-west-hub.azure-devices.net");
        tenants.end().await
    })
}

#[test]
fn what_was_made_for_a_link_by_identity_goes_with_it() -> anyhow::Result<()> {
    block_on(async {
        let tenants = looms("keyless-gone").await?;
        let hubs = json!([{ "op": "test", "path": "/spec/hubs/0/name", "value": HUB }, { "op": "remove", "path": "/spec/hubs/0" }]);
        let namespace = tenants.example.namespace("looms");
        tenants
            .harness
            .kubectl(&["patch", "tenanthubgroup", "looms", "-n", &namespace, "--type=json", "-p", &hubs.to_string()], "")
            .await?;
        until("the hub and its link are gone", SOON, || async {
            let world = tenants.snapshot();
            if world.contains(HUB) { Err(NotYet::seen(world)) } else { Ok(()) }
        })
        .await?;
        tenants.end().await
    })
}
