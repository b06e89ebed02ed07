//! The operator's binary, as a process of its own.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use moorage_tests::controlplane::Login;
use moorage_tests::harness::Harness;
use moorage_tests::process;
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Builds a program, if it is not built, and gives its path. With the features of the whole workspace: what the tests have compiled
/// is used again.
pub async fn built(program: &str) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--workspace", "--bin", program, "--message-format=json-render-diagnostics"])
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

/// A process of the binary; it is killed when this is dropped.
pub struct Process {
    child: Child,
    address: String,
    metrics_address: String,
    log: Arc<Mutex<String>>,
    _files: TempDir,
}

impl Process {
    /// Starts it on a harness as one of its replicas, by the login given, and waits until it listens.
    pub async fn start(
        harness: &Harness,
        replica: &str,
        login: &Login,
        clouds: std::net::SocketAddr,
        more: &[&str],
    ) -> anyhow::Result<Self> {
        let files = tempfile::tempdir()?;
        let (kubeconfig, ca) = (files.path().join("kubeconfig"), files.path().join("ca.pem"));
        login.write_to(&kubeconfig)?;
        std::fs::write(&ca, harness.cloud().ca_pem())?;
        let installation = harness.launch().installation;
        let mut child = Command::new(built("moorage").await?)
            .env("KUBECONFIG", &kubeconfig)
            .env("RUST_LOG", "info")
            .args(["--installation-id", &installation.id, "--namespace", &installation.namespace])
            .args(["--namespaces", &harness.launch().namespaces.join(","), "--replica", replica])
            .args(["--health-probe-bind-address", "127.0.0.1:0", "--metrics-bind-address", "127.0.0.1:0", "--log-json"])
            .args(["--cloud-address", &clouds.to_string(), "--cloud-ca", &ca.to_string_lossy()])
            .args(more)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("it has an output")?).lines();
        let (address, metrics_address) = loop {
            let line = lines.next_line().await?.context("it says where it listens before it ends")?;
            let told: serde_json::Value = serde_json::from_str(&line)?;
            let address = |field: &str| told["fields"][field].as_str().map(str::to_owned);
            if let Some(addresses) = address("health_probe_address").zip(address("metrics_address")) {
                break addresses;
            }
        };
        let log = Arc::new(Mutex::new(String::new()));
        let kept = log.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        Ok(Self { child, address, metrics_address, log, _files: files })
    }

    /// Where it gives the metrics that name objects.
    pub fn metrics_address(&self) -> &str {
        &self.metrics_address
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What one of its endpoints answers that are open to everybody.
    pub async fn get(&self, path: &str) -> anyhow::Result<String> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(http.get(format!("http://{}{path}", self.address)).send().await?.error_for_status()?.text().await?)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        process::send(self.child.id().context("it runs")?, signal)
    }

    /// Stops it where it is, until it gets `Signal::CONT`.
    pub async fn freeze(&self) -> anyhow::Result<()> {
        process::freeze(self.child.id().context("it runs")?).await
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> anyhow::Result<std::process::ExitStatus> {
        let ended = tokio::time::timeout(std::time::Duration::from_secs(40), self.child.wait()).await;
        Ok(ended.context("it did not end")??)
    }
}

/// What it logged is shown with a test that fails.
impl Drop for Process {
    fn drop(&mut self) {
        println!("{}", self.log());
    }
}
