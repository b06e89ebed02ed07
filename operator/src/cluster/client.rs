//! The client of the API server, with the library's own retries off: ours are in one table.

use anyhow::Context as _;
use kube::{Client, Config};

/// A client from the environment: the Pod's service account, or a kubeconfig.
///
/// # Errors
/// If neither is there.
pub async fn from_environment() -> anyhow::Result<Client> {
    let config = Config::infer().await.context("no Kubernetes cluster is configured; set KUBECONFIG, or run in a Pod")?;
    to(config)
}

/// A client by a configuration.
///
/// # Errors
/// If the configuration's TLS parts cannot be used.
pub fn to(mut config: Config) -> anyhow::Result<Client> {
    config.default_retry = false;
    Client::try_from(config).context("the cluster's configuration cannot be used")
}
