//! What exists already, and who may take it over.

use moorage_simulator::{Fault, Match, NewHub, Occurrence, Rule, Subscription};
use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::example::Example;
use moorage_tests::harness::{Harness, SOON, cloud_options, condition, fabrikam_s_past};
use moorage_tests::wait::{NotYet, until};
use serde_json::{Value, json};

use crate::policies::presses;
use moorage_tests::tenants::Tenants;

/// Another subscription in the same cloud.
const ELSEWHERE: &str = "99999999-9999-4999-8999-999999999999";

fn message(object: &Value) -> &str {
    object["status"]["conditions"][2]["message"].as_str().unwrap_or_default()
}

/// An object of the example under another name, changed, and applied beside it.
async fn beside(tenants: &mut Tenants, kind: &str, name: &str, other: &str, change: impl FnOnce(&mut Value)) -> anyhow::Result<()> {
    let mut object = tenants.example.object_mut(kind, name).expect("it is in the example").clone();
    object["metadata"]["name"] = json!(other);
    change(&mut object["spec"]);
    tenants.harness.kubectl(&["apply", "-f", "-"], &object.to_string()).await.map(drop)
}

#[test]
fn of_two_objects_that_want_the_same_hub_or_the_same_group_the_older_one_keeps_it() -> anyhow::Result<()> {
    block_on(async {
        let mut tenants = presses("rivals", &[]).await?;
        let (world, always) = (tenants.snapshot(), json!("Always"));
        beside(&mut tenants, "EnrollmentGroup", "presses-small", "intruder", |spec| {
            (spec["enrollmentGroupId"], spec["adoption"]) = (json!("presses-small"), always.clone());
        })
        .await?;
        let refused = tenants.until("EnrollmentGroup", "presses", "intruder", "Stalled", "AlreadyExists").await?;
        let older = format!("belongs to EnrollmentGroup {}/presses-small, which came first", tenants.example.namespace("presses"));
        assert!(message(&refused).contains(&older), "{}", message(&refused));
        beside(&mut tenants, "TenantHubGroup", "presses", "intruder", |spec| {
            for hub in spec["hubs"].as_array_mut().into_iter().flatten() {
                hub["adoption"] = always.clone();
            }
        })
        .await?;
        let refused = tenants.until("TenantHubGroup", "presses", "intruder", "Stalled", "AlreadyExists").await?;
        assert!(message(&refused).contains("belongs to another Moorage object"), "{}", message(&refused));
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert_eq!(tenants.snapshot(), world);
        tenants.end().await
    })
}

#[test]
fn what_an_object_left_behind_is_taken_over_by_another_only_if_it_says_always_and_is_then_kept() -> anyhow::Result<()> {
    block_on(async {
        let mut tenants = presses("heir", &[]).await?;
        let namespace = tenants.example.namespace("presses");
        let world = tenants.snapshot();
        for (kind, name) in [("EnrollmentGroup", "presses-anywhere"), ("EnrollmentGroup", "presses-small"), ("TenantHubGroup", "presses")] {
            tenants.annotate(kind, "presses", name, "moorage.dev/orphan=true").await?;
        }
        tenants.harness.kubectl(&["delete", "devcred", "press-1", "-n", &namespace], "").await?;
        for (kind, name) in [("EnrollmentGroup", "presses-anywhere"), ("EnrollmentGroup", "presses-small"), ("TenantHubGroup", "presses")] {
            tenants.harness.kubectl(&["delete", kind, name, "-n", &namespace, "--wait=false"], "").await?;
            tenants.harness.until_gone(kind, &namespace, name).await?;
        }
        let disenrolled = |world: &str| world.lines().filter(|line| !line.contains("enrollment press-1 ")).collect::<Vec<_>>().join("\n");
        assert_eq!(disenrolled(&tenants.snapshot()), disenrolled(&world), "the cloud is as it was");

        beside(&mut tenants, "TenantHubGroup", "presses", "heir", |spec| spec["deletionPolicy"] = json!("Delete")).await?;
        let refused = tenants.until("TenantHubGroup", "presses", "heir", "Stalled", "AlreadyExists").await?;
        assert!(message(&refused).contains("was made by a Moorage object that is no more"), "{}", message(&refused));
        assert!(message(&refused).contains("set adoption: Always"), "{}", message(&refused));
        assert_eq!(condition(&refused, "Ready").map(|(status, _)| status).as_deref(), Some("False"));

        beside(&mut tenants, "TenantHubGroup", "presses", "heir", |spec| {
            spec["deletionPolicy"] = json!("Delete");
            for hub in spec["hubs"].as_array_mut().into_iter().flatten() {
                hub["adoption"] = json!("Always");
            }
        })
        .await?;
        let taken = tenants.until("TenantHubGroup", "presses", "heir", "Ready", "Ready").await?;
        assert_eq!(taken["status"]["hubs"][0]["adopted"], true);

        tenants.harness.kubectl(&["delete", "thg", "heir", "-n", &namespace, "--wait=false"], "").await?;
        tenants.harness.until_gone("TenantHubGroup", &namespace, "heir").await?;
        assert!(
            tenants.snapshot().contains("presses-large-hub") && tenants.snapshot().contains("presses-small-hub"),
            "{}",
            tenants.snapshot()
        );
        tenants.end().await
    })
}

#[test]
fn a_hub_whose_name_somebody_in_the_world_has_is_told_of_and_made_when_the_name_is_free() -> anyhow::Result<()> {
    block_on(async {
        let mut cloud = cloud_options();
        cloud.subscriptions.push(Subscription { id: ELSEWHERE.to_owned(), tenant: ELSEWHERE.to_owned() });
        let example = Example::read("s0-policies.yaml", "taken")?;
        let harness = Harness::set(shared().await?, "taken", &example.namespaces(), cloud).await?;
        harness.cloud().seed(|azure| {
            azure.add_resource_group(ELSEWHERE, "theirs", "eastus");
            let (group, location, sku) = ("theirs", "eastus", "S1");
            azure.add_hub(NewHub { subscription: ELSEWHERE, group, name: "presses-large-hub", location, sku });
        });
        let operator = harness.operator().await?;
        harness.apply(&example).await?;
        let namespace = example.namespace("presses");
        let stalled = harness.until_condition("TenantHubGroup", &namespace, "presses", "Stalled", "NameTaken").await?;
        assert!(message(&stalled).contains("the name of IoT hub presses-large-hub is taken in the world"), "{}", message(&stalled));
        harness.cloud().seed(|azure| azure.delete_hub("presses-large-hub"));
        harness.cloud().advance(jiff::SignedDuration::from_mins(6)).await?;
        harness.until_all_ready().await?;
        operator.stop().await
    })
}

#[test]
fn a_hub_that_azure_denies_for_a_moment_is_not_written_over() -> anyhow::Result<()> {
    block_on(async {
        let example = Example::read("s0-tenants.yaml", "denied")?;
        let harness = Harness::set(shared().await?, "denied", &example.namespaces(), cloud_options()).await?;
        harness.cloud().seed(|azure| {
            fabrikam_s_past(azure);
            azure.set_hub_tag("fabrikam-asia-hub", "theirs", "yes");
            azure.add_hub_policy("fabrikam-asia-hub", "precious", "ServiceConnect");
        });
        let of_the_hub = Match { method: Some("GET".to_owned()), path: Some("IotHubs/fabrikam-asia-hub$".to_owned()), ..Match::default() };
        harness.cloud().faults().add(Rule { matching: of_the_hub, occurrence: Occurrence::First(2), fault: Fault::Status(404) })?;
        let operator = harness.operator().await?;
        harness.apply(&example).await?;
        until("Azure has denied the hub twice", SOON, || async {
            let denied = harness.cloud().faults().hits().len();
            if denied == 2 { Ok(()) } else { Err(NotYet::seen(denied)) }
        })
        .await?;
        harness.cloud().advance(jiff::SignedDuration::from_mins(6)).await?;
        harness.until_all_ready().await?;
        let kept = harness.cloud().seed(|azure| azure.hub_policy_keys("fabrikam-asia-hub", "precious"));
        assert!(kept.is_some() && harness.cloud().snapshot().contains(r#""theirs":"yes""#), "{}", harness.cloud().snapshot());
        operator.stop().await
    })
}
