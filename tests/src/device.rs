//! A simulated device: it knows what its Secret holds and nothing else, and sits at an address of the network.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail};
use moorage_keys::{ConnectionString, DeviceId, HostName, IdScope, RegistrationId, Subject, SymmetricKey, sas};
use serde_json::{Value, json};

/// Where a device finds the cloud in a test: one address in place of every host.
#[derive(Clone, Debug)]
pub struct Network {
    /// The simulator's address.
    pub address: SocketAddr,
    /// The authority of its certificates, in PEM.
    pub ca_pem: String,
}

/// A device at a place.
pub struct Device {
    http: reqwest::Client,
    secret: BTreeMap<String, String>,
}

/// A step of a registration, as the device sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The provisioning service answers.
    Connected,
    /// It looks for a hub.
    Assigning,
    /// It has found one.
    Assigned {
        /// Host of the hub.
        hub: String,
        /// Name of the device in the hub.
        device_id: String,
    },
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connected => f.write_str("CONNECTED"),
            Self::Assigning => f.write_str("ASSIGNING"),
            Self::Assigned { hub, device_id } => write!(f, "ASSIGNED {hub}, deviceId {device_id}"),
        }
    }
}

impl Device {
    /// A device that holds the entries of a Secret and talks from a local address.
    ///
    /// # Errors
    /// If the address cannot be had or the authority is no certificate.
    pub fn new(secret: BTreeMap<String, String>, network: &Network, from: IpAddr) -> anyhow::Result<Self> {
        let identity = match (secret.get("tls.crt"), secret.get("tls.key")) {
            (Some(certificate), Some(key)) => {
                let identity = reqwest::Identity::from_pem(format!("{key}{certificate}").as_bytes());
                Some(identity.context("the Secret's certificate and key do not fit")?)
            }
            _ => None,
        };
        Ok(Self { http: client(network, from, identity)?, secret })
    }

    fn entry(&self, name: &str) -> anyhow::Result<&str> {
        self.secret.get(name).map(String::as_str).with_context(|| format!("the Secret has no entry {name}"))
    }

    fn key(&self, name: &str) -> anyhow::Result<SymmetricKey> {
        SymmetricKey::from_base64(self.entry(name)?).with_context(|| format!("the Secret's entry {name} is no key"))
    }

    /// Registers with the provisioning service (`Microsoft.Devices` device API 2021-06-01), and tells each step.
    ///
    /// `key_entry` is the entry with the device key; `None` uses the certificate, or the ready-made token under `dpsToken`.
    ///
    /// # Errors
    /// If the service refuses, or the device cannot be assigned.
    pub async fn register(&self, key_entry: Option<&str>, mut tell: impl FnMut(&Step)) -> anyhow::Result<(String, String)> {
        let (scope, id) = (self.entry("idScope")?, self.entry("registrationId")?);
        let host = self.entry("provisioningHost")?;
        let authorization = match key_entry {
            Some(entry) => {
                let token = sas::dps_device(
                    &IdScope::parse(scope)?,
                    &RegistrationId::parse(&id.to_ascii_lowercase())?,
                    &self.key(entry)?,
                    far_future(),
                );
                Some(token.expose().to_owned())
            }
            None if self.secret.contains_key("tls.crt") => None,
            None => Some(self.entry("dpsToken")?.to_owned()),
        };
        let base = format!("https://{host}/{scope}/registrations/{id}");
        let register = self.http.put(format!("{base}/register?api-version=2021-06-01"));
        let mut answer = self.ask(register.json(&json!({ "registrationId": id })), authorization.as_deref()).await?;
        tell(&Step::Connected);
        loop {
            match answer["status"].as_str() {
                Some("assigning") => {
                    tell(&Step::Assigning);
                    let operation = answer["operationId"].as_str().context("the answer has no operationId")?;
                    // Azure says how long to wait, in seconds; the simulator is done sooner.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    let poll = self.http.get(format!("{base}/operations/{operation}?api-version=2021-06-01"));
                    answer = self.ask(poll, authorization.as_deref()).await?;
                }
                Some("assigned") => {
                    let state = &answer["registrationState"];
                    let text = |field: &str| state[field].as_str().map(str::to_owned).with_context(|| format!("the answer has no {field}"));
                    let (hub, device_id) = (text("assignedHub")?, text("deviceId")?);
                    tell(&Step::Assigned { hub: hub.clone(), device_id: device_id.clone() });
                    return Ok((hub, device_id));
                }
                other => bail!("registration ended as {other:?}: {}", answer["registrationState"]),
            }
        }
    }

    /// Sends one message to its hub with its own key: the proof that the hub knows the device.
    ///
    /// # Errors
    /// If the hub refuses.
    pub async fn send_telemetry(&self, hub: &str, device_id: &str, key_entry: &str) -> anyhow::Result<()> {
        let token = sas::iot_hub_device(&HostName::parse(hub)?, &DeviceId::parse(device_id)?, &self.key(key_entry)?, far_future());
        self.send(hub, device_id, token.expose()).await
    }

    /// The same with the connection string that the Secret holds, and nothing else.
    ///
    /// # Errors
    /// If there is none, or the hub refuses.
    pub async fn send_by_connection_string(&self) -> anyhow::Result<()> {
        let text = ConnectionString::parse(self.entry("connectionString")?)?;
        let (Subject::Device(device), Some(key)) = (text.subject(), text.key()) else { bail!("it is not a device's") };
        let token = sas::iot_hub_device(text.host(), device, key, far_future());
        self.send(text.host().as_str(), device.as_str(), token.expose()).await
    }

    /// The same with the ready-made token under `hubToken`.
    ///
    /// # Errors
    /// If there is none, or the hub refuses.
    pub async fn send_by_token(&self, hub: &str, device_id: &str) -> anyhow::Result<()> {
        self.send(hub, device_id, self.entry("hubToken")?).await
    }

    async fn send(&self, hub: &str, device_id: &str, token: &str) -> anyhow::Result<()> {
        let url = format!("https://{hub}/devices/{device_id}/messages/events?api-version=2020-03-13");
        let sent = self.http.post(url).header("Authorization", token).body("{\"temperature\":21.5}").send().await?;
        if sent.status().is_success() { Ok(()) } else { bail!("{hub} refused the message: {}", sent.status()) }
    }

    async fn ask(&self, request: reqwest::RequestBuilder, authorization: Option<&str>) -> anyhow::Result<Value> {
        let request = match authorization {
            Some(token) => request.header("Authorization", token),
            None => request,
        };
        let answer = request.send().await.context("the provisioning service did not answer")?;
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or_default();
        if status.is_success() { Ok(body) } else { bail!("the provisioning service refused: {status} {}", body["message"]) }
    }
}

/// A client that finds every host at the network's one address, from a local address.
///
/// # Errors
/// If the address cannot be had or the authority is no certificate.
pub fn client(network: &Network, from: IpAddr, identity: Option<reqwest::Identity>) -> anyhow::Result<reqwest::Client> {
    let authority = reqwest::Certificate::from_pem(network.ca_pem.as_bytes()).context("the simulator's authority is no certificate")?;
    let builder = reqwest::Client::builder()
        .tls_certs_only([authority])
        .no_proxy()
        .local_address(from)
        .timeout(Duration::from_secs(20))
        .dns_resolver(std::sync::Arc::new(OneAddress(network.address)));
    let builder = identity.into_iter().fold(builder, reqwest::ClientBuilder::identity);
    builder.build().context("failed to build the client")
}

/// Devices of a test know no time: a token for long enough.
pub fn far_future() -> jiff::Timestamp {
    jiff::Timestamp::from_second(4_000_000_000).expect("in range")
}

struct OneAddress(SocketAddr);

impl reqwest::dns::Resolve for OneAddress {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let address = self.0;
        Box::pin(async move { Ok(Box::new(std::iter::once(address)) as reqwest::dns::Addrs) })
    }
}
