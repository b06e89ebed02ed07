//! What exists already, and who may take it over.

use moorage_tests::controlplane::block_on;
use moorage_tests::stage::condition;
use serde_json::{Value, json};

use crate::policies::presses;
use crate::tenants::Tenants;

fn message(object: &Value) -> &str {
    object["status"]["conditions"][2]["message"].as_str().unwrap_or_default()
}

/// An object of the example under another name, changed, and applied beside it.
async fn beside(tenants: &mut Tenants, kind: &str, name: &str, other: &str, change: impl FnOnce(&mut Value)) -> anyhow::Result<()> {
    let mut object = tenants.example.object_mut(kind, name).expect("it is in the example").clone();
    object["metadata"]["name"] = json!(other);
    change(&mut object["spec"]);
    tenants.stage.kubectl(&["apply", "-f", "-"], &object.to_string()).await.map(drop)
}

#[test]
fn of_two_objects_that_want_the_same_hub_or_the_same_group_the_older_one_keeps_it() -> anyhow::Result<()> {
    block_on(async {
        let mut tenants = presses("rivals", &[]).await?;
        let (world, always) = (tenants.world(), json!("Always"));
        beside(&mut tenants, "EnrollmentGroup", "presses-small", "intruder", |spec| {
            (spec["enrollmentGroupId"], spec["adoption"]) = (json!("presses-small"), always.clone());
        })
        .await?;
        let refused = tenants.until("EnrollmentGroup", "presses", "intruder", "Stalled", "AlreadyExists").await?;
        let older = format!("belongs to EnrollmentGroup {}/presses-small, which is older", tenants.example.namespace("presses"));
        assert!(message(&refused).contains(&older), "{}", message(&refused));
        beside(&mut tenants, "TenantHubGroup", "presses", "intruder", |spec| {
            for hub in spec["hubs"].as_array_mut().into_iter().flatten() {
                hub["adoption"] = always.clone();
            }
        })
        .await?;
        let refused = tenants.until("TenantHubGroup", "presses", "intruder", "Stalled", "AlreadyExists").await?;
        assert!(message(&refused).contains("belongs to another Moorage object"), "{}", message(&refused));
        tenants.stage.until_at_rest(&tenants.operator).await?;
        assert_eq!(tenants.world(), world);
        tenants.end().await
    })
}

#[test]
fn what_an_object_left_behind_is_taken_over_by_another_only_if_it_says_always_and_is_then_kept() -> anyhow::Result<()> {
    block_on(async {
        let mut tenants = presses("heir", &[]).await?;
        let namespace = tenants.example.namespace("presses");
        let world = tenants.world();
        for (kind, name) in [("EnrollmentGroup", "presses-anywhere"), ("EnrollmentGroup", "presses-small"), ("TenantHubGroup", "presses")] {
            tenants.annotate(kind, "presses", name, "moorage.dev/orphan=true").await?;
        }
        tenants.stage.kubectl(&["delete", "devcred", "press-1", "-n", &namespace], "").await?;
        for (kind, name) in [("EnrollmentGroup", "presses-anywhere"), ("EnrollmentGroup", "presses-small"), ("TenantHubGroup", "presses")] {
            tenants.stage.kubectl(&["delete", kind, name, "-n", &namespace, "--wait=false"], "").await?;
            tenants.stage.until_gone(kind, &namespace, name).await?;
        }
        let barred = |world: &str| world.lines().filter(|line| !line.contains("enrollment press-1 ")).collect::<Vec<_>>().join("\n");
        assert_eq!(barred(&tenants.world()), barred(&world), "the cloud is as it was");

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

        tenants.stage.kubectl(&["delete", "thg", "heir", "-n", &namespace, "--wait=false"], "").await?;
        tenants.stage.until_gone("TenantHubGroup", &namespace, "heir").await?;
        assert!(tenants.world().contains("presses-large-hub") && tenants.world().contains("presses-small-hub"), "{}", tenants.world());
        tenants.end().await
    })
}
