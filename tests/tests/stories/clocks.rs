//! A machine whose clock is off.

use std::sync::Arc;

use jiff::SignedDuration;
use moorage_operator::clock::skew::ClockCorrection;
use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::example::Example;
use moorage_tests::harness::{Harness, cloud_options, condition, fabrikam_s_past};
use moorage_tests::operator::{Launch, Running};
use moorage_tests::tenants::{Tenants, WEST};

use crate::definitions::counts;

#[test]
fn a_machine_s_clock_that_is_two_hours_behind_is_told_of_and_what_the_operator_makes_holds_by_the_cloud_s() -> anyhow::Result<()> {
    block_on(async {
        let mut example = Example::read("s0-tenants.yaml", "skewed")?;
        let (device, from) = ("contoso-simdevice-west", WEST);
        example.object_mut("DeviceCredential", device).expect("it is in the example")["spec"]["dpsToken"]["ttl"] = "1h".into();
        let harness = Harness::set(shared().await?, "skewed", &example.namespaces(), cloud_options()).await?;
        harness.cloud().seed(fabrikam_s_past);
        harness.cloud().advance(SignedDuration::from_hours(2)).await?;
        let (correction, clock) = ClockCorrection::new();
        let dates = Arc::new(move |date| correction.heard(date));
        let operator = Running::start(Launch { clock: Some(clock), dates: Some(dates), ..harness.launch() }).await?;
        harness.apply(&example).await?;
        let tenants = Tenants { harness, example, operator };
        tenants.harness.until_all_ready().await?;

        let account = tenants.until("CloudAccount", "platform", "azure", "ClockSkewed", "ClockSkewed").await?;
        assert!(account.to_string().contains("the clock of the operator's machine is about 120 min behind Azure's"), "{account}");
        tenants.device("contoso", device, from).await?.register(None, |_| {}).await?;
        let metrics = counts(&tenants.operator);
        assert!(metrics.contains("moorage_clock_skew_seconds 7"), "{metrics}");
        assert!(condition(&account, "Ready").is_some_and(|(status, _)| status == "True"));
        tenants.end().await
    })
}
