//! The client of the API server, with the library's own retries off: ours are in one table.

use std::time::Duration;

use anyhow::Context as _;
use kube::{Client, Config};

/// How long a connection may be silent: longer than a watch lasts (290 s), so that one whose other end is gone is noticed.
const LONGEST_SILENCE: Duration = Duration::from_mins(5);

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
    config.read_timeout = Some(LONGEST_SILENCE);
    // What a pooled connection was idle before is no silence.
    config.reset_reader_on_write = true;
    Client::try_from(config).context("the cluster's configuration cannot be used")
}
