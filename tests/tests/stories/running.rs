//! How the operator runs: the binary itself, and replicas that take turns.

use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::example::Example;
use moorage_tests::harness::{Harness, SOON, cloud_options, fabrikam_s_past};
use moorage_tests::operator::Running;
use moorage_tests::wait::{NotYet, until};
use rustix::process::Signal;

use crate::binary::Process;

#[test]
fn the_binary_serves_its_endpoints_reconciles_and_ends_in_good_order_on_sigterm() -> anyhow::Result<()> {
    block_on(async {
        let example = Example::read("s0-tenants.yaml", "binary")?;
        let harness = Harness::set(shared().await?, "binary", &example.namespaces(), cloud_options()).await?;
        harness.cloud().seed(fabrikam_s_past);
        let mut process = Process::start(&harness, "moorage-0", harness.login(), harness.cloud().address(), &["--follow-clock"]).await?;
        harness.apply(&example).await?;
        harness.until_all_ready().await?;
        assert_eq!(process.get("/livez").await?, "ok\n");
        assert_eq!(process.get("/readyz").await?, "ok\n");
        let metrics = process.get("/metrics").await?;
        assert!(
            metrics.contains(r#"moorage_effects_total{kind="DeviceCredential",target="cluster",reason="CreateSecret",outcome="Done"} 4"#),
            "{metrics}"
        );
        assert!(metrics.contains("moorage_leader 1"), "{metrics}");

        process.signal(Signal::TERM)?;
        let status = process.ended().await?;
        assert!(status.success(), "{status}");
        let lease = harness
            .kubectl(&["get", "lease", "moorage-binary", "-n", &harness.operator_namespace(), "-o", "jsonpath={.spec.holderIdentity}"], "")
            .await?;
        assert_eq!(lease, "", "the Lease was handed back");
        Ok(())
    })
}

#[test]
fn of_two_replicas_one_acts_and_the_other_follows_at_once_when_it_stops() -> anyhow::Result<()> {
    block_on(async {
        let example = Example::read("s0-tenants.yaml", "replicas")?;
        let harness = Harness::set(shared().await?, "replicas", &example.namespaces(), cloud_options()).await?;
        harness.cloud().seed(fabrikam_s_past);
        let replica = async |name: &str| {
            let mut launch = harness.launch();
            launch.replica = Some(name.to_owned());
            Running::start(launch).await
        };
        let leads = async |operator: &Running| {
            until("it leads", SOON, || async {
                if operator.controller().leadership.may_act() { Ok(()) } else { Err(NotYet::seen("another leads")) }
            })
            .await
        };
        let first = replica("first").await?;
        leads(&first).await?;
        let second = replica("second").await?;
        harness.apply(&example).await?;
        harness.until_all_ready().await?;
        assert!(!second.controller().leadership.leads());
        first.stop().await?;
        leads(&second).await?;

        harness.cloud().seed(|azure| azure.set_sku("contoso-east-hub", "S1", 9));
        let namespace = example.namespace("contoso");
        harness.kubectl(&["annotate", "thg", "contoso-us", "-n", &namespace, "moorage.dev/sync-requested-at=1"], "").await?;
        until("the second replica corrects the drift", SOON, || async {
            if harness.cloud().snapshot().contains(" S1x9 ") { Err(NotYet::seen("nine units")) } else { Ok(()) }
        })
        .await?;
        second.stop().await
    })
}
