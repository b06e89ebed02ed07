//! The demo on somebody's own cluster: a second control plane, in a directory of its own, that the demo is given by its environment.

use std::process::Stdio;

use anyhow::Context as _;
use kube::Api;
use moorage_crds::CloudAccount;
use moorage_tests::controlplane::{ControlPlane, Options, block_on};
use moorage_tests::harness::{SOON, kubectl};
use moorage_tests::progress::Console;
use moorage_tests::wait::{NotYet, until};
use serde_json::json;
use tokio::process::Command;

use crate::Facts;

async fn a_cluster(options: Options) -> anyhow::Result<ControlPlane> {
    ControlPlane::start(options, &Console::stderr()).await
}

/// What a guest might leave behind.
async fn inventory(cluster: &ControlPlane) -> anyhow::Result<String> {
    kubectl(cluster, &["get", "namespaces,clusterroles,clusterrolebindings,customresourcedefinitions", "-o", "name"], "").await
}

fn demo_on(cluster: &ControlPlane, args: &[&str]) -> Command {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
    demo.args(args).env("KUBECONFIG", cluster.kubeconfig()).kill_on_drop(true);
    demo
}

#[test]
fn on_somebody_s_own_cluster_the_demo_says_which_and_leaves_it_as_it_was() -> anyhow::Result<()> {
    block_on(async {
        let cluster = a_cluster(Options::default()).await?;
        let before = inventory(&cluster).await?;
        let output = demo_on(&cluster, &["s0", "--json"]).output().await.context("failed to run the demo")?;
        let facts = Facts::of(&output)?;
        let last = facts.0.last().context("the demo told nothing")?;
        assert_eq!((&last["ok"], &last["cleanedUp"]), (&json!(true), &json!(true)), "{last}");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains("Using your cluster, as KUBECONFIG says: context moorage, server https://127.0.0.1:"), "{told}");
        assert_eq!(inventory(&cluster).await?, before);
        cluster.stop().await
    })
}

#[test]
fn a_demo_that_is_killed_leaves_somebody_s_own_cluster_as_it_was_too() -> anyhow::Result<()> {
    block_on(async {
        let cluster = a_cluster(Options::default()).await?;
        let before = inventory(&cluster).await?;
        let mut demo = demo_on(&cluster, &["s0", "--keep"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        until("the demo has made a finalized account", SOON * 5, || async {
            let account = Api::<CloudAccount>::namespaced(cluster.admin(), "platform").get("azure").await?;
            if account.metadata.finalizers.is_some() { Ok(()) } else { Err(NotYet::seen("no finalizer")) }
        })
        .await?;
        demo.kill().await?;
        until("the cluster is as it was", SOON * 3, || async {
            let now = inventory(&cluster).await.map_err(|error| NotYet::seen(format!("{error:#}")))?;
            if now == before { Ok(()) } else { Err(NotYet::seen(now)) }
        })
        .await?;
        cluster.stop().await
    })
}

/// The demo is refused, for the sake of something that is named, and changes nothing.
async fn refused(cluster: &ControlPlane, theirs: &str) -> anyhow::Result<()> {
    let before = inventory(cluster).await?;
    let output = demo_on(cluster, &["s0"]).output().await.context("failed to run the demo")?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{told}");
    assert!(told.contains(&format!("of somebody, and they are left alone: {theirs}")), "{told}");
    assert_eq!(inventory(cluster).await?, before);
    Ok(())
}

#[test]
fn a_cluster_that_has_an_operator_of_somebody_is_left_alone() -> anyhow::Result<()> {
    block_on(async {
        let cluster = a_cluster(Options { kinds: moorage_crds::all(), ..Options::default() }).await?;
        refused(&cluster, "kind cloudaccounts.moorage.dev").await?;
        cluster.stop().await
    })
}

#[test]
fn a_cluster_that_has_nothing_but_a_role_or_a_namespace_of_somebody_s_operator_is_left_alone_too() -> anyhow::Result<()> {
    block_on(async {
        let cluster = a_cluster(Options::default()).await?;
        for (kind, name, theirs) in [
            ("clusterrole", "moorage-secrets", "ClusterRole moorage-secrets; "),
            ("namespace", "moorage-system", "namespace moorage-system; "),
        ] {
            let more: &[&str] = if kind == "clusterrole" { &["--verb=get", "--resource=secrets"] } else { &[] };
            kubectl(&cluster, &[&["create", kind, name], more].concat(), "").await?;
            refused(&cluster, theirs).await?;
            kubectl(&cluster, &["delete", kind, name], "").await?;
        }
        cluster.stop().await
    })
}

#[test]
fn what_an_earlier_run_could_not_clear_away_goes_first() -> anyhow::Result<()> {
    block_on(async {
        let cluster = a_cluster(Options::default()).await?;
        let before = inventory(&cluster).await?;
        kubectl(&cluster, &["create", "namespace", "moorage-left"], "").await?;
        kubectl(&cluster, &["create", "clusterrole", "moorage", "--verb=get", "--resource=secrets"], "").await?;
        kubectl(&cluster, &["label", "namespace/moorage-left", "clusterrole/moorage", "moorage.dev/stage=an-earlier-run"], "").await?;
        let output = demo_on(&cluster, &["s0", "--json"]).output().await.context("failed to run the demo")?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && told.contains("Clearing away what an earlier run has left"), "{told}");
        assert_eq!(inventory(&cluster).await?, before);
        cluster.stop().await
    })
}
