//! The simulator as a program: a local Azure on one TLS port.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use jiff::SignedDuration;
use moorage_simulator::{Application, AzureCloud, MqttListener, Network, Options, Profile, Simulator, Strictness, Subscription};

/// A local Azure: Entra, the resource manager, IoT Hub and the Device Provisioning Service.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where to listen at port 8883 too, for MQTT clients that know no other: an address, or `any` for a free one of 127.0.0.0/8.
    #[arg(long)]
    mqtt_address: Option<MqttListener>,
    /// Where to write the certificate of the simulator's own authority.
    #[arg(long)]
    ca_file: Option<PathBuf>,
    /// Which of Azure's clouds it is: Public, Government or China. Hosts of the others lead nowhere.
    #[arg(long, default_value = "Public")]
    cloud: AzureCloud,
    /// The tenant of all subscriptions.
    #[arg(long, default_value = moorage_simulator::TENANT)]
    tenant: String,
    /// The client id of the application that may sign in.
    #[arg(long, default_value = moorage_simulator::CLIENT)]
    client_id: String,
    /// Its client secret.
    #[arg(long, env = "SIMULATOR_CLIENT_SECRET", hide_env_values = true, default_value = moorage_simulator::CLIENT_SECRET)]
    client_secret: String,
    /// A subscription; may be given several times.
    #[arg(long = "subscription", default_value = moorage_simulator::SUBSCRIPTION)]
    subscriptions: Vec<String>,
    /// A network and the region next to it, as 127.0.1.0/24=eastus; replaces the built-in ones.
    #[arg(long = "network")]
    networks: Vec<Network>,
    /// A network that reaches hubs and provisioning services through private endpoints, as 127.0.9.0/24=eastus; no firewall asks it.
    #[arg(long = "private-network")]
    private_networks: Vec<Network>,
    /// The region of every other address.
    #[arg(long, default_value = "eastus")]
    default_region: String,
    /// What keys and id scopes are made from; drawn when left out.
    #[arg(long)]
    seed: Option<String>,
    /// How long a long-running operation takes, as 150ms.
    #[arg(long)]
    latency: Option<SignedDuration>,
    /// The Retry-After of operations under way, as 1s.
    #[arg(long)]
    retry_after: Option<SignedDuration>,
    /// instant, or azure-like: things take their time, and are seen late.
    #[arg(long, default_value = "instant")]
    profile: Profile,
    /// Refuse whatever breaks the published OpenAPI, whoever sends it; by default only the operator is held to it.
    #[arg(long, conflicts_with = "lenient")]
    strict: bool,
    /// Hold nobody to the published OpenAPI beyond what Azure itself refuses.
    #[arg(long)]
    lenient: bool,
    /// End when the standard input ends, so that nothing outlives the program that started this.
    #[arg(long)]
    until_stdin_closes: bool,
}

impl Arguments {
    fn strictness(&self) -> Strictness {
        match (self.strict, self.lenient) {
            (true, _) => Strictness::Everybody,
            (false, true) => Strictness::Nobody,
            (false, false) => Strictness::default(),
        }
    }

    fn options(&self) -> Options {
        let mut options = Options {
            cloud: self.cloud,
            listen: self.listen,
            mqtt: self.mqtt_address.unwrap_or_default(),
            seed: self.seed.clone(),
            strictness: self.strictness(),
            profile: self.profile,
            private_networks: self.private_networks.clone(),
            default_region: self.default_region.clone(),
            applications: vec![Application {
                tenants: vec![self.tenant.clone()],
                client_id: self.client_id.clone(),
                client_secrets: vec![self.client_secret.clone()],
                ..Application::default()
            }],
            ..Options::default()
        };
        let subscription = |id: &String| Subscription { id: id.clone(), tenant: self.tenant.clone() };
        options.subscriptions = self.subscriptions.iter().map(subscription).collect();
        if !self.networks.is_empty() {
            options.networks.clone_from(&self.networks);
        }
        if let Some(latency) = self.latency {
            options.latency.operation = latency;
            options.latency.assignment = latency;
        }
        if let Some(retry_after) = self.retry_after {
            options.latency.retry_after = retry_after;
        }
        options
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    let simulator = Simulator::start(arguments.options()).await.context("failed to open the simulator's listener")?;
    if let Some(path) = &arguments.ca_file {
        std::fs::write(path, simulator.ca_pem()).with_context(|| format!("failed to write the CA certificate to {}", path.display()))?;
    }
    println!("{}", simulator.address());
    if let Some(address) = simulator.mqtt_address() {
        println!("{address}");
    }
    if arguments.until_stdin_closes {
        let closed = tokio::task::spawn_blocking(|| {
            let mut rest = [0_u8; 1_024];
            while std::io::stdin().read(&mut rest).is_ok_and(|read| read > 0) {}
        });
        return closed.await.context("failed to watch the standard input");
    }
    tokio::signal::ctrl_c().await.context("failed to wait for the interrupt")
}
