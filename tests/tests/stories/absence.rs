//! What Azure does not show for a moment is not lost, and nothing that rests on it moves.

use moorage_simulator::{Fault, Match, Occurrence, Rule};
use moorage_tests::controlplane::block_on;
use moorage_tests::harness::SOON;
use moorage_tests::tenants::Tenants;
use moorage_tests::wait::{NotYet, until};

#[test]
fn a_hub_that_azure_does_not_show_for_a_moment_stays_ready_and_in_its_enrollment_group() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("notshown").await?;
        let cloud = tenants.harness.cloud();
        let world = tenants.snapshot();
        let changes = || cloud.requests().iter().filter(|request| request.writes).count();
        let before = changes();
        let of_the_hub = Match { method: Some("GET".to_owned()), path: Some("IotHubs/contoso-east-hub$".to_owned()), ..Match::default() };
        cloud.faults().add(Rule { matching: of_the_hub, occurrence: Occurrence::First(1000), fault: Fault::Status(404) })?;
        tenants.annotate("TenantHubGroup", "contoso", "contoso-us", "moorage.dev/sync-requested-at=now").await?;
        let told = tenants.until("TenantHubGroup", "contoso", "contoso-us", "Reconciling", "Vanished").await?;
        let conditions = &told["status"]["conditions"];
        assert_eq!(conditions[0]["status"], "True", "what is linked can be used: {conditions}");
        let told = conditions[1]["message"].as_str().unwrap_or_default();
        assert!(told.contains("IoT hub contoso-east-hub is not shown in resource group contoso-us-resource-group"), "{told}");
        // Whoever rests on it looks as well.
        for (kind, namespace, name) in
            [("EnrollmentGroup", "platform", "contoso-us-devices"), ("DeviceCredential", "contoso", "contoso-simdevice-east")]
        {
            tenants.annotate(kind, namespace, name, "moorage.dev/sync-requested-at=now").await?;
            until("it has looked", SOON, || async {
                let object = tenants.harness.get(kind, &tenants.example.namespace(namespace), name).await.map_err(NotYet::seen)?;
                if object["status"]["syncRequestedAt"] == "now" { Ok(()) } else { Err(NotYet::seen(object["status"].clone())) }
            })
            .await?;
            tenants.until(kind, namespace, name, "Ready", "Ready").await?;
        }
        assert_eq!((tenants.snapshot(), changes()), (world.clone(), before), "nothing is changed");

        cloud.faults().clear();
        tenants.annotate("TenantHubGroup", "contoso", "contoso-us", "moorage.dev/sync-requested-at=later").await?;
        tenants.until("TenantHubGroup", "contoso", "contoso-us", "Ready", "Ready").await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert_eq!((tenants.snapshot(), changes()), (world, before));
        tenants.end().await
    })
}
