//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use moorage_cloud::LOUD_TARGETS;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::controller::leader_election::Term;

/// Reconciles multi-tenant IoT identity: tenants as YAML, their cloud side kept, every device's credential in a Secret.
#[derive(Parser, Debug, Clone)]
#[command(name = "moorage", version)]
pub struct Args {
    /// Id of this installation; marks what is ours in a cloud, so keep it on a restore or a move to another cluster.
    #[arg(long, env = "MOORAGE_INSTALLATION_ID", value_parser = installation_id)]
    pub installation_id: String,

    /// The tag moorage-cluster of a cluster with the same installation id that acts no more: what it made is taken over.
    #[arg(long, env = "MOORAGE_TAKE_OVER_FROM")]
    pub take_over_from: Option<String>,

    /// The operator's own namespace, where the ledger and the Lease are.
    #[arg(long, env = "MOORAGE_NAMESPACE", default_value = "moorage-system")]
    pub namespace: String,

    /// Namespaces to watch, separated by commas; all if left out.
    #[arg(long, env = "MOORAGE_WATCH_NAMESPACES", value_delimiter = ',')]
    pub namespaces: Vec<String>,

    /// How many objects are worked on at the same time.
    #[arg(long, env = "MOORAGE_CONCURRENCY", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub concurrency: u16,

    /// This replica's name in the Lease; without it there is no Lease, for a single replica.
    #[arg(long, env = "MOORAGE_POD_NAME")]
    pub replica: Option<String>,

    /// How long the Lease holds without being renewed, from 6s to 60s: about as long as it takes until another replica acts when
    /// this one is lost. An effect has two thirds of it to finish, so a short one suits only a cloud that answers fast.
    #[arg(long, env = "MOORAGE_LEASE_DURATION", default_value = "45s")]
    pub lease_duration: Term,

    /// Address of /livez and /readyz, for probes, and of /metrics without what names objects, hosts or subscriptions. Plain HTTP.
    #[arg(long, env = "MOORAGE_HEALTH_PROBE_BIND_ADDRESS", default_value = "0.0.0.0:8081")]
    pub health_probe_bind_address: SocketAddr,

    /// Address of /metrics with everything, over HTTPS, for those whom the cluster lets get the path /metrics.
    #[arg(long, env = "MOORAGE_METRICS_BIND_ADDRESS", default_value = "0.0.0.0:8443")]
    pub metrics_bind_address: SocketAddr,

    /// PEM file of the certificate of the address above, read again when it changes; without it, one is made that nobody vouches for.
    #[arg(long, env = "MOORAGE_METRICS_TLS_CERT", requires = "metrics_tls_key")]
    pub metrics_tls_cert: Option<PathBuf>,

    /// PEM file of that certificate's private key.
    #[arg(long, env = "MOORAGE_METRICS_TLS_KEY", requires = "metrics_tls_cert")]
    pub metrics_tls_key: Option<PathBuf>,

    /// For tests: send all cloud traffic to this address instead.
    #[arg(long, hide = true, requires = "cloud_ca")]
    pub cloud_address: Option<SocketAddr>,

    /// For tests: PEM file of the authority that the address above is trusted by.
    #[arg(long, hide = true, requires = "cloud_address")]
    pub cloud_ca: Option<PathBuf>,

    /// For tests: follow the clock of the simulator at the address above.
    #[arg(long, hide = true, requires = "cloud_address")]
    pub follow_clock: bool,

    /// Log as JSON, one object a line.
    #[arg(long, env = "MOORAGE_LOG_JSON")]
    pub log_json: bool,
}

/// What is logged: what `RUST_LOG` asks for, but of libraries that may print headers or bodies only warnings, and of the API server's client
/// only errors: it warns of a list that it cannot read with the whole of it, specs and all.
///
/// # Errors
/// None that a user can cause: a target that is no directive.
pub fn log_filter() -> Result<EnvFilter, ParseError> {
    let asked = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let bounds = LOUD_TARGETS.iter().map(|target| format!("{target}=warn")).chain(["kube_client=error".to_owned()]);
    bounds.into_iter().try_fold(asked, |filter, bound| Ok(filter.add_directive(bound.parse()?)))
}

/// Longest id of an installation: it is part of names and of tags in a cloud.
const LONGEST_ID: usize = 40;

/// Reads the id of an installation; the chart's schema has the same rule.
fn installation_id(text: &str) -> Result<String, String> {
    let of_its_letters = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let fits = (1..=LONGEST_ID).contains(&text.len()) && !text.starts_with('-') && !text.ends_with('-');
    if of_its_letters && fits {
        return Ok(text.to_owned());
    }
    Err(format!("1 to {LONGEST_ID} lower-case letters, digits and '-', which it neither begins nor ends with"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_that_quote_what_they_read_are_held_to_warnings_and_the_api_client_to_errors() {
        let filter = log_filter().expect("directives").to_string();
        assert!(filter.contains("kube_client=error"), "{filter}");
        assert!(LOUD_TARGETS.iter().all(|target| filter.contains(&format!("{target}=warn"))), "{filter}");
    }

    #[test]
    fn an_installation_has_an_id_that_can_be_part_of_a_name() {
        let longest = "a".repeat(LONGEST_ID);
        for id in ["prod", "a", "eu-1", &longest] {
            assert_eq!(installation_id(id).as_deref(), Ok(id));
        }
        let longer = "a".repeat(LONGEST_ID + 1);
        for id in ["", "-a", "a-", "a/b c", "Prod", "a_b", &longer] {
            assert!(installation_id(id).is_err(), "{id}");
        }
    }
}
