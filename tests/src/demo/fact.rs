//! What the demo tells: each fact once, for people as cells of a line, for programs as JSON.

use serde::Serialize;

/// Something that was seen.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "fact", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum Fact {
    /// The API server answers.
    ControlPlane { version: String, kubeconfig: String },
    /// The local Azure answers, and this is in it before anything is applied.
    Cloud { address: String, subscription: String, there_before: Vec<String> },
    /// The operator runs, as this user.
    Operator { namespace: String, user: String },
    /// A command was run as it stands here.
    Command { line: String },
    /// The operator said so in an Event.
    Event { kind: String, namespace: String, name: String, reason: String, note: String },
    /// An object became Ready.
    Ready { kind: String, namespace: String, name: String },
    /// A `TenantHubGroup` tells that the state of a hub has changed.
    HubTold { namespace: String, name: String, hub: String, state: String, adopted: bool, linked: bool },
    /// A Secret was written for an object.
    SecretWritten { namespace: String, name: String, entries: Vec<String> },
    /// An object is gone from the API server.
    Gone { kind: String, namespace: String, name: String },
    /// A namespace is gone from the API server, and all that was in it.
    NamespaceGone { name: String },
    /// A hub in the cloud, as its `TenantHubGroup` tells it.
    Hub { name: String, region: String, sku: String, origin: Origin, linked: bool },
    /// A link of a provisioning service in the cloud.
    Link { service: String, hub: String, region: String, policy: String },
    /// An enrollment group in the cloud.
    EnrollmentGroup { service: String, name: String, allocation: String, hubs: Vec<String> },
    /// A Secret with what a device needs; never its values.
    Secret { namespace: String, name: String, entries: Vec<String> },
    /// A step of a device's registration.
    Step { device: String, step: String },
    /// A device that was assigned, and whose message its hub took.
    Device { name: String, address: String, region: String, proof: String, hub: String, device_id: String, telemetry: &'static str },
    /// How to reach what is left running.
    Reach { kubeconfig: String, kubectl: String },
    /// An object waits until its deletion is confirmed.
    AwaitingConfirmation { kind: String, namespace: String, name: String, message: String },
    /// What was made in the cloud is there no more.
    Removed { what: String, name: String },
    /// What was in the cloud before is still there, as it was.
    Kept {
        what: String,
        name: String,
        /// Of a hub: whether a provisioning service links it.
        #[serde(skip_serializing_if = "Option::is_none")]
        linked: Option<bool>,
        /// Of a hub: whether a policy of ours is left in it.
        #[serde(skip_serializing_if = "Option::is_none")]
        our_policy: Option<bool>,
        /// Of a hub: how many devices are registered in it.
        #[serde(skip_serializing_if = "Option::is_none")]
        devices: Option<usize>,
    },
    /// How many of the secrets that were ever held were printed, of how many.
    Secrets { printed: usize, held: usize },
}

/// Where a hub comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Origin {
    /// Made for the object.
    Created,
    /// There before.
    Adopted,
}

impl Fact {
    /// What it says to people, in the columns of its table or of the chronicle.
    pub fn cells(&self) -> Vec<String> {
        let object = |kind: &str, namespace: &str, name: &str, words: String| vec![kind.to_owned(), format!("{namespace}/{name}"), words];
        match self {
            Self::ControlPlane { version, .. } => cells(["Kubernetes", version]),
            Self::Cloud { address, there_before, .. } => {
                vec!["Azure".to_owned(), format!("simulated at {address}; there before: {}", there_before.join(", "))]
            }
            Self::Operator { namespace, user } => vec!["Operator".to_owned(), format!("of namespace {namespace}, as {user}")],
            Self::Command { line } => vec![format!("$ {line}")],
            Self::Event { kind, namespace, name, note, .. } => object(kind, namespace, name, note.clone()),
            Self::Ready { kind, namespace, name } => object(kind, namespace, name, "Ready".to_owned()),
            Self::HubTold { namespace, name, hub, state, adopted, linked } => {
                let (adopted, linked) = (if *adopted { ", adopted" } else { "" }, if *linked { ", linked" } else { "" });
                object("TenantHubGroup", namespace, name, format!("hub {hub} is {state}{adopted}{linked}"))
            }
            Self::SecretWritten { namespace, name, entries } => {
                object("Secret", namespace, name, format!("written: {}", entries.join(", ")))
            }
            Self::Gone { kind, namespace, name } => object(kind, namespace, name, "gone".to_owned()),
            Self::NamespaceGone { name } => cells(["Namespace", name, "gone"]),
            Self::AwaitingConfirmation { kind, namespace, name, message } => {
                object(kind, namespace, name, format!("waits for confirmation: {message}"))
            }
            Self::Hub { name, region, sku, origin, linked } => {
                let origin = if *origin == Origin::Adopted { "adopted" } else { "created" };
                cells([name, region, sku, origin, if *linked { "yes" } else { "no" }])
            }
            Self::Link { service, hub, region, policy } => cells([service, hub, region, policy]),
            Self::EnrollmentGroup { name, allocation, hubs, service } => cells([service, name, allocation, &hubs.join(", ")]),
            Self::Secret { namespace, name, entries } => vec![format!("{namespace}/{name}"), entries.join(", ")],
            Self::Step { device, step } => cells([device, step]),
            Self::Device { name, address, region, proof, hub, telemetry, .. } => {
                vec![name.clone(), format!("{address} ({region})"), proof.clone(), hub.clone(), (*telemetry).to_owned()]
            }
            Self::Reach { kubeconfig, kubectl } => cells([kubeconfig, kubectl]),
            Self::Removed { what, name } => cells([what, name, "removed"]),
            Self::Kept { what, name, linked, our_policy, devices } => {
                let mut words = vec!["kept as it was".to_owned()];
                words.extend(linked.map(|linked| if linked { "still linked" } else { "not linked" }.to_owned()));
                words.extend(our_policy.map(|ours| if ours { "with our policy" } else { "without our policy" }.to_owned()));
                words.extend(devices.map(|devices| format!("device identities in it: {devices}")));
                vec![what.clone(), name.clone(), words.join(", ")]
            }
            Self::Secrets { printed, held } => {
                vec![format!("Of the {held} secret values that cluster and cloud held, {printed} were printed.")]
            }
        }
    }
}

fn cells<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}
