//! A local Azure, thin but true: enough of Entra, the resource manager, IoT Hub and the Device
//! Provisioning Service to test programs that manage device identities, over TLS, with one domain
//! clock, a fault plan and a world that prints canonically.

mod arm;
mod assignment;
mod azure;
mod certificates;
mod clock;
mod control;
mod device_api;
mod directory;
mod door;
mod edit;
mod enrollment;
mod exchange;
mod faults;
mod inspection;
mod keys;
mod log;
mod mqtt;
mod options;
mod regions;
mod registry;
mod sas;
mod serving;
mod simulator;
pub mod spec;
mod webhook;
mod world;

pub use azure::{Azure, Telemetry, Transport};
pub use clock::AdvanceError;
pub use edit::{NewHub, NewService};
pub use faults::{BadRule, Fault, Faults, Match, Occurrence, Rule};
pub use log::LoggedRequest;
pub use options::{
    Application, CLIENT, CLIENT_SECRET, FederatedCredential, IdentityLink, KeysLeftOut, Latency, Limits, MaskedLink, MqttDoor, Network,
    Options, PoliciesOnGet, Profile, Reregistration, SUBSCRIPTION, SecondKey, Subscription, TENANT, TokenBucket, Variants, Webhooks,
};
pub use simulator::Simulator;
