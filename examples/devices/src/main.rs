//! A device that holds the entries of its Secret and knows nothing else: it registers with the provisioning service, connects to the hub
//! that it is assigned, sends one message, and reads its twin. To be copied.

mod https;
mod mqtt;
mod network;
mod sas;
mod secret;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::bail;
use clap::{Parser, ValueEnum};
use serde_json::Value;

use network::Network;
use secret::Secret;

/// Registers a device with the entries of its Secret, and says hello to its hub.
#[derive(Parser)]
struct Arguments {
    /// The folder where the Secret is mounted: a file for each entry.
    #[arg(long)]
    secret_dir: PathBuf,
    /// How to talk to the services.
    #[arg(long, value_enum)]
    transport: Transport,
    /// The entry with the device's key, if the credential calls it something else.
    #[arg(long, default_value = "deviceKey")]
    key_entry: String,
    /// Trust this authority, in PEM, and no other: for a local Azure.
    #[arg(long)]
    ca_file: Option<PathBuf>,
    /// Find every host at this address: for a local Azure.
    #[arg(long)]
    address: Option<SocketAddr>,
    /// Talk from this address of the machine.
    #[arg(long)]
    from: Option<IpAddr>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Transport {
    Https,
    Mqtt,
}

/// Where a registration has led.
struct Assigned {
    hub: String,
    device_id: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let secret = Secret::read(&arguments.secret_dir, &arguments.key_entry)?;
    let network = Network::new(arguments.ca_file.as_deref(), arguments.address, arguments.from, secret.certificate())?;
    match arguments.transport {
        Transport::Https => https::run(&network, &secret).await,
        Transport::Mqtt => mqtt::run(&network, &secret).await,
    }
}

/// What to do next, as a registration's answer says it.
enum Next {
    /// Ask again for this operation.
    Poll(String),
    Done(Assigned),
}

/// Reads the answer to a registration or to a poll; it has the same form over both transports.
fn next(answer: &Value) -> anyhow::Result<Next> {
    let state = &answer["registrationState"];
    let texts = |place: &Value, name: &str| place[name].as_str().map(str::to_owned);
    match (answer["status"].as_str(), texts(answer, "operationId"), texts(state, "assignedHub"), texts(state, "deviceId")) {
        (Some("assigning"), Some(operation), _, _) => {
            println!("ASSIGNING");
            Ok(Next::Poll(operation))
        }
        (Some("assigned"), _, Some(hub), Some(device_id)) => {
            println!("ASSIGNED {hub}, deviceId {device_id}");
            Ok(Next::Done(Assigned { hub, device_id }))
        }
        // What the service says of a failure holds no secret.
        _ => bail!("the provisioning service did not assign the device: {answer}"),
    }
}
