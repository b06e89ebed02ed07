//! Steady state costs nothing, a restart neither, and drift is still found.

use jiff::SignedDuration;
use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::harness::SOON;
use moorage_tests::wait::{NotYet, until};

use moorage_tests::tenants::Tenants;

/// Longer than twice the longest drift period of any kind.
pub const TWO_PERIODS: SignedDuration = SignedDuration::from_hours(13);

/// Writes by the operator so far: to the cloud, and to the API server but for its Lease.
pub async fn writes(tenants: &Tenants) -> anyhow::Result<Vec<String>> {
    let cloud =
        tenants.harness.cloud().requests().into_iter().filter(|request| request.writes).map(|one| format!("{} {}", one.method, one.path));
    // The audit log is written just after the answer: a write of our own marks how far it has come.
    let marker = format!("marker-{}", tenants.harness.cloud().requests().len());
    let namespace = tenants.harness.operator_namespace();
    let audit = tenants.harness.control().audit().from_now()?;
    tenants.harness.kubectl(&["create", "configmap", &marker, "-n", &namespace], "").await?;
    audit.until("the marker is in the audit log", |event| event.name == marker).await?;
    tenants.harness.kubectl(&["delete", "configmap", &marker, "-n", &namespace], "").await?;
    let cluster = tenants.harness.control().audit().writes_of(tenants.harness.operator_user())?;
    let cluster =
        cluster.into_iter().filter(|event| event.resource != "leases").map(|event| format!("{} {}", event.verb, event.request_uri));
    Ok(cloud.chain(cluster).collect())
}

#[test]
fn over_two_drift_periods_nothing_is_written_and_then_a_planted_drift_is_found() -> anyhow::Result<()> {
    block_on(async {
        if !shared().await?.counts_requests("over_two_drift_periods_nothing_is_written_and_then_a_planted_drift_is_found") {
            return Ok(());
        }
        let tenants = Tenants::ready_with("steady", moorage_tests::harness::cloud_options(), |example| {
            // A token has to be renewed, and that is a write.
            let west = example.object_mut("DeviceCredential", "contoso-simdevice-west").expect("it is in the example");
            west["spec"].as_object_mut().expect("a spec").remove("dpsToken");
        })
        .await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        let before = writes(&tenants).await?;
        let looks = tenants.harness.cloud().requests().len();
        tenants.harness.cloud().advance(TWO_PERIODS).await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert!(tenants.harness.cloud().requests().len() > looks, "the cloud was looked at");
        assert_eq!(writes(&tenants).await?, before);

        tenants.harness.cloud().seed(|azure| {
            azure.set_sku("contoso-east-hub", "S1", 7);
            azure.set_group_hubs("contoso-dps", "contoso-us-devices", &["contoso-east-hub.azure-devices.net"]);
            azure.remove_link("contoso-dps", "contoso-west-hub.azure-devices.net");
        });
        let drifted = tenants.snapshot();
        tenants.harness.cloud().advance(TWO_PERIODS).await?;
        until("the drift is corrected", SOON, || async {
            let world = tenants.snapshot();
            if world == drifted || world.contains("[contoso-east-hub.azure-devices.net]") || world.contains(" S1x7 ") {
                Err(NotYet::seen(world))
            } else {
                Ok(())
            }
        })
        .await?;
        tenants.harness.until_all_ready().await?;
        tenants.end().await
    })
}

#[test]
fn a_restart_writes_nothing_and_an_operator_that_lost_its_statuses_decides_the_same() -> anyhow::Result<()> {
    block_on(async {
        if !shared().await?.counts_requests("a_restart_writes_nothing_and_an_operator_that_lost_its_statuses_decides_the_same") {
            return Ok(());
        }
        let mut tenants = Tenants::ready("restart").await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        let before = writes(&tenants).await?;
        let fresh = tenants.harness.operator().await?;
        std::mem::replace(&mut tenants.operator, fresh).stop().await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert_eq!(writes(&tenants).await?, before);

        // Statuses are history: without them the same is decided, and the cloud is not written to.
        let world = tenants.snapshot();
        let cloud = tenants.harness.cloud().requests().iter().filter(|request| request.writes).count();
        for (kind, namespace, name) in [
            ("DeviceCredential", "contoso", "contoso-simdevice-west"),
            ("TenantHubGroup", "contoso", "contoso-us"),
            ("EnrollmentGroup", "platform", "contoso-us-devices"),
        ] {
            let namespace = tenants.example.namespace(namespace);
            tenants
                .harness
                .kubectl(&["patch", kind, name, "-n", &namespace, "--subresource=status", "--type=merge", "-p", r#"{"status":null}"#], "")
                .await?;
        }
        tenants.harness.until_all_ready().await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert_eq!(tenants.harness.cloud().requests().iter().filter(|request| request.writes).count(), cloud);
        assert_eq!(tenants.snapshot(), world);
        tenants.end().await
    })
}

#[test]
fn a_token_is_renewed_before_it_ends_and_the_keys_beside_it_stay() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("token").await?;
        let namespace = tenants.example.namespace("contoso");
        let first = tenants.harness.secret(&namespace, "contoso-simdevice-west").await?;
        tenants.harness.cloud().advance(SignedDuration::from_hours(20)).await?;
        let second = until("the token is renewed", SOON, || async {
            let now =
                tenants.harness.secret(&namespace, "contoso-simdevice-west").await.map_err(|error| NotYet::seen(format!("{error:#}")))?;
            if now["dpsToken"] == first["dpsToken"] { Err(NotYet::seen("the same token")) } else { Ok(now) }
        })
        .await?;
        assert_eq!(second["deviceKey"], first["deviceKey"]);
        let device = tenants.device("contoso", "contoso-simdevice-west", moorage_tests::tenants::WEST).await?;
        tenants.harness.cloud().advance(SignedDuration::from_hours(3)).await?;
        device.register(None, |_| {}).await?;
        let credential = tenants.object("DeviceCredential", "contoso", "contoso-simdevice-west").await?;
        assert_eq!(credential["status"]["revision"], 2);
        tenants.end().await
    })
}
