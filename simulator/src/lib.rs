//! A local Azure, thin but true: enough of Entra, the resource manager, IoT Hub and the Device
//! Provisioning Service to test programs that manage device identities, over TLS, with one domain
//! clock, a fault plan and a snapshot that prints canonically.

mod azure;
mod control;
mod engine;
mod simulator;
pub mod spec;

pub use azure::clouds::AzureCloud;
pub use azure::dps::seed::NewService;
pub use azure::iot_hub::seed::NewHub;
pub use azure::iot_hub::telemetry::{Telemetry, Transport};
pub use azure::options::{
    Application, CLIENT, CLIENT_SECRET, FederatedCredential, IdentityLink, KeysLeftOut, Latency, Limits, MaskedLink, Network, OlderPut,
    Options, PoliciesOnGet, Profile, Reregistration, SUBSCRIPTION, SecondKey, Subscription, TENANT, TokenBucket, Variants, Webhooks,
};
pub use azure::state::Azure;
pub use engine::clock::advance::AdvanceError;
pub use engine::faults::{BadRule, Fault, Faults, Match, Occurrence, Rule};
pub use engine::listener::MqttListener;
pub use engine::log::LoggedRequest;
pub use simulator::Simulator;
pub use spec::Strictness;
