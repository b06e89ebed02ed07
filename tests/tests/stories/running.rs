//! How the operator runs: the binary itself, and replicas that take turns.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::example::Example;
use moorage_tests::operator::Running;
use moorage_tests::stage::{SOON, Stage, cloud_options};
use moorage_tests::wait::{NotYet, until};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use moorage_tests::stage::fabrikam_s_past;

/// Builds the operator's binary, if it is not built, and gives its path. With the features of the whole workspace: what the tests
/// have compiled is used again.
async fn binary() -> anyhow::Result<std::path::PathBuf> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--workspace", "--bin", "moorage", "--message-format=json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .await?;
    let messages = cargo_metadata::Message::parse_stream(built.stdout.as_slice()).flatten();
    let executables = messages.filter_map(|message| match message {
        cargo_metadata::Message::CompilerArtifact(artifact) => artifact.executable,
        _ => None,
    });
    Ok(executables.last().context("cargo told of no executable")?.into_std_path_buf())
}

#[test]
fn the_binary_serves_its_endpoints_reconciles_and_ends_in_good_order_on_sigterm() -> anyhow::Result<()> {
    block_on(async {
        let example = Example::read("s0-tenants.yaml", "binary")?;
        let stage = Stage::set(shared().await?, "binary", &example.namespaces(), cloud_options()).await?;
        stage.cloud().edit(fabrikam_s_past);
        let directory = tempfile::tempdir()?;
        let (kubeconfig, ca) = (directory.path().join("kubeconfig"), directory.path().join("ca.pem"));
        stage.login().write_to(&kubeconfig)?;
        std::fs::write(&ca, stage.cloud().ca_pem())?;
        let mut child = Command::new(binary().await?)
            .env("KUBECONFIG", &kubeconfig)
            .env("RUST_LOG", "info")
            .args([
                "--installation-id",
                "binary",
                "--namespace",
                &stage.operator_namespace(),
                "--namespaces",
                &example.namespaces().join(","),
            ])
            .args(["--replica", "moorage-0", "--listen", "127.0.0.1:0", "--log-json", "--follow-clock"])
            .args(["--cloud-address", &stage.cloud().address().to_string(), "--cloud-ca", &ca.to_string_lossy()])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("it has an output")?).lines();
        let address = loop {
            let line = lines.next_line().await?.context("it says where it listens before it ends")?;
            let told: serde_json::Value = serde_json::from_str(&line)?;
            if let Some(address) = told["fields"]["address"].as_str() {
                break address.to_owned();
            }
        };
        let log = tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        stage.apply(&example).await?;
        stage.until_all_ready().await?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        let get = async |path: &str| -> anyhow::Result<String> {
            Ok(http.get(format!("http://{address}{path}")).send().await?.error_for_status()?.text().await?)
        };
        assert_eq!(get("/livez").await?, "ok\n");
        assert_eq!(get("/readyz").await?, "ok\n");
        let metrics = get("/metrics").await?;
        assert!(
            metrics.contains(r#"moorage_effects_total{kind="DeviceCredential",target="cluster",reason="CreateSecret",outcome="Done"} 4"#),
            "{metrics}"
        );
        assert!(metrics.contains("moorage_leader 1"), "{metrics}");

        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw).context("it runs")?;
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        let status = tokio::time::timeout(Duration::from_secs(40), child.wait()).await.context("it did not end")??;
        assert!(status.success(), "{status}");
        log.await?;
        let lease = stage
            .kubectl(&["get", "lease", "moorage-binary", "-n", &stage.operator_namespace(), "-o", "jsonpath={.spec.holderIdentity}"], "")
            .await?;
        assert_eq!(lease, "", "the Lease was handed back");
        Ok(())
    })
}

#[test]
fn of_two_replicas_one_acts_and_the_other_follows_at_once_when_it_stops() -> anyhow::Result<()> {
    block_on(async {
        let example = Example::read("s0-tenants.yaml", "replicas")?;
        let stage = Stage::set(shared().await?, "replicas", &example.namespaces(), cloud_options()).await?;
        stage.cloud().edit(fabrikam_s_past);
        let replica = async |name: &str| {
            let mut launch = stage.launch();
            launch.replica = Some(name.to_owned());
            Running::start(launch).await
        };
        let leads = async |operator: &Running| {
            until("it leads", SOON, || async {
                if operator.env().leadership.may_act() { Ok(()) } else { Err(NotYet::seen("another leads")) }
            })
            .await
        };
        let first = replica("first").await?;
        leads(&first).await?;
        let second = replica("second").await?;
        stage.apply(&example).await?;
        stage.until_all_ready().await?;
        assert!(!second.env().leadership.leads());
        first.stop().await?;
        leads(&second).await?;

        stage.cloud().edit(|azure| azure.set_sku("contoso-east-hub", "S1", 9));
        let namespace = example.namespace("contoso");
        stage.kubectl(&["annotate", "thg", "contoso-us", "-n", &namespace, "moorage.dev/sync-requested-at=1"], "").await?;
        until("the second replica corrects the drift", SOON, || async {
            if stage.cloud().world().contains(" S1x9 ") { Err(NotYet::seen("nine units")) } else { Ok(()) }
        })
        .await?;
        second.stop().await
    })
}
