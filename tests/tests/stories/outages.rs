//! What the operator stands on gives way for a while: the API server, etcd, the clock.

use std::time::Duration;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use moorage_operator::clock::Clock;
use moorage_tests::controlplane::{ControlPlane, Options, block_on, shared};
use moorage_tests::example::Example;
use moorage_tests::harness::{Harness, SOON, cloud_options};
use moorage_tests::progress::Console;
use moorage_tests::wait::{NotYet, until};
use serde_json::json;
use tokio::sync::watch;

use crate::faults::{Outcome, comes_to_rest, pass, warnings};
use crate::steady::writes;
use moorage_tests::tenants::Tenants;

/// Longer than a decision of the API server may wait for etcd before the operator notices.
/// One of the two hubs of the group that somebody changes.
const EAST_HUB: &str = "contoso-east-hub.azure-devices.net";
const A_WHILE: Duration = Duration::from_secs(3);

/// Waits until the cloud has been written to, but is not yet what it is to be.
async fn under_way(tenants: &Tenants) -> anyhow::Result<()> {
    until("the first thing is made", SOON, || async {
        let made = tenants.harness.cloud().requests().iter().filter(|request| request.status == Some(201)).count();
        if made > 0 { Ok(()) } else { Err(NotYet::seen("nothing is made")) }
    })
    .await
}

/// Waits until nothing is left to do, and nothing waited for: the clock of the story stands still.
async fn ready_and_at_rest(tenants: &Tenants) -> anyhow::Result<()> {
    until("everything is Ready and the operator at rest", SOON, || async {
        tenants.harness.look_ready().await?;
        let controller = tenants.operator.controller();
        if controller.rest().0 { tenants.harness.look_ready().await } else { Err(NotYet::seen("it works")) }
    })
    .await
}

#[test]
fn the_api_server_restarts_and_etcd_stands_still_under_way() -> anyhow::Result<()> {
    block_on(async {
        let fair = Outcome::fair().await?;
        let options = Options { kinds: moorage_crds::all(), ..Options::default() };
        // One of its own: others would meet with the outage. It ends with this story.
        let control: &'static ControlPlane = Box::leak(Box::new(ControlPlane::start(options, &Console::stderr()).await?));
        let example = Example::read("s0-tenants.yaml", "outage")?;
        let harness = Harness::set(control, "outage", &example.namespaces(), cloud_options()).await?;
        let tenants = Tenants::applied(harness, example, None).await?;
        under_way(&tenants).await?;
        control.restart_apiserver().await?;
        comes_to_rest(&tenants).await?;
        assert_eq!(&Outcome::of(&tenants), fair);

        let patch = json!({ "spec": { "secret": { "keys": { "deviceKey": "DEVICE_KEY" } } } });
        tenants.patch("DeviceCredential", "contoso", "contoso-simdevice-east", &patch).await?;
        let etcd = control.pause_etcd().await?;
        let namespaces: Api<Namespace> = Api::all(control.admin());
        let answer = tokio::time::timeout(A_WHILE, namespaces.get("default")).await;
        assert!(answer.is_err(), "the API server answers without etcd: {answer:?}");
        etcd.resume().await?;
        until("the Secret has the entry's new name", SOON, || async {
            let secret = tenants.harness.secret(&tenants.example.namespace("contoso"), "contoso-simdevice-east").await;
            let secret = secret.map_err(|error| NotYet::seen(format!("{error:#}")))?;
            if secret.contains_key("DEVICE_KEY") { Ok(()) } else { Err(NotYet::seen(format!("{:?}", secret.keys()))) }
        })
        .await?;
        comes_to_rest(&tenants).await?;
        let before = writes(&tenants).await?;
        pass(&tenants, SignedDuration::from_mins(31)).await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert_eq!(writes(&tenants).await?, before);
        assert_eq!(&Outcome::of(&tenants), fair);
        // An API server that has just begun does not know everybody's rights yet, and refuses what it will allow.
        let refused = |line: &String| ["MissingRoleBinding", "Denied"].iter().any(|reason| line.contains(reason));
        let warnings: Vec<_> = warnings(&tenants).await?.into_iter().filter(|line| !refused(line)).collect();
        assert_eq!(warnings, [""; 0], "an outage passes, and nobody has to do anything");
        tenants.end().await?;
        control.end().await
    })
}

#[test]
fn a_clock_that_is_set_ahead_by_days_and_back_again_holds_nothing_up() -> anyhow::Result<()> {
    block_on(async {
        let fair = Outcome::fair().await?;
        let (ahead, offset) = watch::channel(SignedDuration::ZERO);
        let example = Example::read("s0-tenants.yaml", "clock")?;
        let harness = Harness::set(shared().await?, "clock", &example.namespaces(), cloud_options()).await?;
        let tenants = Tenants::applied(harness, example, Some(Clock::following(offset))).await?;
        under_way(&tenants).await?;
        ahead.send_replace(SignedDuration::from_hours(72));
        ready_and_at_rest(&tenants).await?;
        assert_eq!(&Outcome::of(&tenants), fair);

        ahead.send_replace(SignedDuration::ZERO);
        ready_and_at_rest(&tenants).await?;
        let before = tenants.harness.cloud().requests().len();
        tenants.harness.cloud().seed(|azure| azure.set_group_hubs("contoso-dps", "contoso-us-devices", &[EAST_HUB]));
        ahead.send_replace(SignedDuration::from_mins(31));
        until("the drift is found when it is time again", SOON, || async {
            let world = tenants.snapshot();
            if world.contains(&format!("[{EAST_HUB}]")) { Err(NotYet::seen(world)) } else { Ok(()) }
        })
        .await?;
        ready_and_at_rest(&tenants).await?;
        assert_eq!(&Outcome::of(&tenants), fair);
        let since = tenants.harness.cloud().requests().into_iter().skip(before).filter(|request| request.writes);
        let since: Vec<_> = since.map(|request| format!("{} {}", request.method, request.path)).collect();
        assert_eq!(since, ["PUT /enrollmentGroups/contoso-us-devices"]);
        tenants.end().await
    })
}
