//! A client of the simulator that shares no code with it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use moorage_simulator::{CLIENT, CLIENT_SECRET, NewHub, NewService, Options, SUBSCRIPTION, Simulator, TENANT};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

pub const ARM: &str = "https://management.azure.com";
pub const GROUP_KEY: &str = "rLuyBPpIJ+hOre2SFIP9Ajvdty3j0EwSP/WvTVH9eZAw5HpDuEmf13nziHy5RRXmuTy84FCLpOnhhBPASSbHYg==";
pub const OTHER_GROUP_KEY: &str = "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==";

struct Everything(SocketAddr);

impl Resolve for Everything {
    fn resolve(&self, _name: Name) -> Resolving {
        let addrs: Addrs = Box::new(std::iter::once(self.0));
        Box::pin(std::future::ready(Ok(addrs)))
    }
}

/// A client that finds every host name at the simulator and trusts its authority.
pub fn client(simulator: &Simulator) -> reqwest::Client {
    client_from(simulator, None)
}

/// The same from a local address, which decides where the device stands.
pub fn client_from(simulator: &Simulator, from: Option<IpAddr>) -> reqwest::Client {
    client_on(simulator, roots(simulator), from)
}

/// TLS that trusts the simulator's authority.
fn roots(simulator: &Simulator) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(simulator.ca_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A client that says of itself what the operator says, and is held to the OpenAPI as the operator is.
const OPERATOR: &str = "azsdk-rust-moorage/0.0.0 (tests)";

/// A client that is not the operator, and is answered as Azure answers.
pub fn stranger(simulator: &Simulator) -> reqwest::Client {
    client_as(simulator, roots(simulator), None, "AHC/2.1")
}

/// The same with a TLS of its own.
pub fn client_on(simulator: &Simulator, tls: rustls::ClientConfig, from: Option<IpAddr>) -> reqwest::Client {
    client_as(simulator, tls, from, OPERATOR)
}

fn client_as(simulator: &Simulator, tls: rustls::ClientConfig, from: Option<IpAddr>, agent: &str) -> reqwest::Client {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(agent)
        .dns_resolver(Arc::new(Everything(simulator.address())))
        .local_address(from)
        .retry(reqwest::retry::never())
        .build()
        .unwrap()
}

/// A status, its headers and its JSON.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Got {
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned()
    }

    pub fn etag(&self) -> String {
        self.body["etag"].as_str().unwrap().to_owned()
    }
}

/// A request without credentials.
pub async fn call(client: &reqwest::Client, method: &str, url: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Got {
    try_call(client, method, url, headers, body).await.unwrap()
}

pub async fn try_call(
    client: &reqwest::Client,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> reqwest::Result<Got> {
    let mut request = client.request(method.parse().unwrap(), url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    let response = request.send().await?;
    Ok(Got {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null),
    })
}

/// A simulator and a client with a management token.
pub struct Bench {
    pub simulator: Simulator,
    pub client: reqwest::Client,
    pub token: String,
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(options()).await
    }

    pub async fn with(options: Options) -> Self {
        Self::with_client(options, client).await
    }

    /// With a client that is not held to the OpenAPI.
    pub async fn of_a_stranger() -> Self {
        Self::with_client(options(), stranger).await
    }

    async fn with_client(options: Options, client: fn(&Simulator) -> reqwest::Client) -> Self {
        let simulator = Simulator::start(options).await.unwrap();
        let client = client(&simulator);
        let token = token(&client, "https://management.azure.com/.default").await;
        Self { simulator, client, token }
    }

    /// A management call below the test's resource group, or below the subscription for `~/`.
    pub async fn arm(&self, method: &str, path: &str, body: Option<&Value>) -> Got {
        self.arm_if(method, path, None, body).await
    }

    pub async fn arm_if(&self, method: &str, path: &str, if_match: Option<&str>, body: Option<&Value>) -> Got {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![("authorization", bearer.as_str())];
        if let Some(etag) = if_match {
            headers.push(("if-match", etag));
        }
        call(&self.client, method, &arm_url(path), &headers, body).await
    }

    /// Moves the domain clock past every long-running operation.
    pub async fn settle(&self) {
        self.simulator.advance(SignedDuration::from_secs(5)).await.unwrap();
    }

    /// Makes the resource group by a request.
    pub async fn group(&self) {
        let body = json!({ "location": "eastus" });
        let got = self.arm("PUT", "", Some(&body)).await;
        assert_eq!(got.status, 201, "{}", got.body);
    }

    /// A linked hub, a service and a group `g1` with known keys, by other hands.
    pub async fn provisioned(&self, hubs: &[(&str, &str)]) -> String {
        self.simulator.seed(|azure| {
            azure.add_service(NewService { subscription: SUBSCRIPTION, group: "rg", name: "dps", location: "eastus" });
            for (name, location) in hubs {
                azure.add_hub(NewHub { subscription: SUBSCRIPTION, group: "rg", name, location, sku: "S1" });
                azure.link_hub("dps", name);
            }
        });
        let hosts: Vec<String> = hubs.iter().map(|(name, _)| format!("{name}.azure-devices.net")).collect();
        let body = group_body("g1", &hosts);
        let got = self.dps("PUT", "/enrollmentGroups/g1", &[], Some(&body)).await;
        assert_eq!(got.status, 200, "{}", got.body);
        self.simulator.seed(|azure| azure.id_scope("dps").unwrap())
    }

    /// A service API call to `dps` with its owner policy.
    pub async fn dps(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Got {
        self.dps_of("2021-10-01", method, path, headers, body).await
    }

    /// The same in a version of the API.
    pub async fn dps_of(&self, version: &str, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Got {
        let host = "dps.azure-devices-provisioning.net";
        let keys = self.simulator.seed(|azure| azure.service_policy_keys("dps", "provisioningserviceowner"));
        let expiry = self.simulator.now().as_second() + 3_600;
        let signature = sas(host, &keys.unwrap().0, Some("provisioningserviceowner"), expiry);
        let mut headers = headers.to_vec();
        headers.push(("authorization", &signature));
        let url = format!("https://{host}{path}?api-version={version}");
        call(&self.client, method, &url, &headers, body).await
    }

    /// A registry call with the hub's owner policy.
    pub async fn hub(&self, hub: &str, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Got {
        let host = format!("{hub}.azure-devices.net");
        let keys = self.simulator.seed(|azure| azure.hub_policy_keys(hub, "iothubowner"));
        let expiry = self.simulator.now().as_second() + 3_600;
        let signature = sas(&host, &keys.unwrap().0, Some("iothubowner"), expiry);
        let mut headers = headers.to_vec();
        headers.push(("authorization", &signature));
        let url = format!("https://{host}{path}?api-version=2021-04-12");
        call(&self.client, method, &url, &headers, body).await
    }

    /// Registers a device and waits until it is assigned or refused.
    pub async fn register(&self, device: &Device<'_>) -> Got {
        let client = client_from(&self.simulator, device.from);
        let base = format!("https://global.azure-devices-provisioning.net/{}/registrations/{}", device.scope, device.id);
        let expiry = self.simulator.now().as_second() + 3_600;
        let resource = format!("{}/registrations/{}", device.scope, device.id);
        let signature = sas(&resource, &derive(device.group_key, device.id), Some("registration"), expiry);
        let headers = [("authorization", signature.as_str())];
        let body = json!({ "registrationId": device.id });
        let url = format!("{base}/register?api-version=2021-06-01");
        let got = call(&client, "PUT", &url, &headers, Some(&body)).await;
        if got.status != 202 {
            return got;
        }
        self.settle().await;
        let operation = got.body["operationId"].as_str().unwrap();
        let url = format!("{base}/operations/{operation}?api-version=2021-06-01");
        call(&client, "GET", &url, &headers, None).await
    }
}

/// A device that knows its group's key.
pub struct Device<'a> {
    pub scope: &'a str,
    pub id: &'a str,
    pub group_key: &'a str,
    pub from: Option<IpAddr>,
}

/// Two hubs, far apart.
pub const HUBS: [(&str, &str); 2] = [("hub-east", "eastus"), ("hub-west", "westus")];

/// A device on the east coast.
pub fn east(scope: &str) -> Device<'_> {
    Device { scope, id: "contoso-simdevice-east", group_key: GROUP_KEY, from: Some(IpAddr::from([127, 0, 1, 9])) }
}

pub fn options() -> Options {
    Options { seed: Some("tests".to_owned()), ..Options::default() }
}

pub fn arm_url(path: &str) -> String {
    let (base, rest) = match path.strip_prefix('~') {
        Some(rest) => (format!("{ARM}/subscriptions/{SUBSCRIPTION}"), rest),
        None => (format!("{ARM}/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"), path),
    };
    let version = match rest {
        _ if rest.contains("IotHubs") || rest.contains("checkNameAvailability") || rest.contains("usages") => "2023-06-30",
        _ if rest.to_lowercase().contains("provisioningservice") => "2022-12-12",
        _ => "2024-03-01",
    };
    format!("{base}{rest}?api-version={version}")
}

pub fn hub_path(name: &str) -> String {
    format!("/providers/Microsoft.Devices/IotHubs/{name}")
}

pub fn dps_path(name: &str) -> String {
    format!("/providers/Microsoft.Devices/provisioningServices/{name}")
}

pub fn hub_body() -> Value {
    json!({ "location": "eastus", "sku": { "name": "S1", "capacity": 1 }, "properties": {} })
}

pub fn dps_body(links: &Value) -> Value {
    json!({
        "location": "eastus",
        "sku": { "name": "S1", "capacity": 1 },
        "properties": { "iotHubs": links },
    })
}

pub fn group_body(id: &str, hubs: &[String]) -> Value {
    json!({
        "enrollmentGroupId": id,
        "attestation": {
            "type": "symmetricKey",
            "symmetricKey": { "primaryKey": GROUP_KEY, "secondaryKey": OTHER_GROUP_KEY },
        },
        "allocationPolicy": "geoLatency",
        "iotHubs": hubs,
    })
}

pub async fn token(client: &reqwest::Client, scope: &str) -> String {
    let got = ask_token(client, TENANT, CLIENT, CLIENT_SECRET, scope).await;
    got.body["access_token"].as_str().unwrap().to_owned()
}

pub async fn ask_token(client: &reqwest::Client, tenant: &str, id: &str, secret: &str, scope: &str) -> Got {
    ask(client, tenant, &[("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret), ("scope", scope)]).await
}

pub async fn ask_token_by_assertion(client: &reqwest::Client, assertion: &str) -> Got {
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
        ("scope", "https://management.azure.com/.default"),
    ];
    ask(client, TENANT, &fields).await
}

async fn ask(client: &reqwest::Client, tenant: &str, fields: &[(&str, &str)]) -> Got {
    let form: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    let response = client
        .post(format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.join("&"))
        .send()
        .await
        .unwrap();
    Got { status: response.status().as_u16(), headers: response.headers().clone(), body: response.json().await.unwrap() }
}

pub fn base64_url(text: &str) -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn hmac_base64(key: &str, message: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(key).unwrap());
    STANDARD.encode(hmac::sign(&key, message.as_bytes()))
}

pub fn derive(group_key: &str, registration: &str) -> String {
    hmac_base64(group_key, registration)
}

pub fn sas(resource: &str, key: &str, policy: Option<&str>, expiry: i64) -> String {
    let signed = encode(resource);
    let sig = encode(&hmac_base64(key, &format!("{signed}\n{expiry}")));
    let policy = policy.map_or_else(String::new, |policy| format!("&skn={policy}"));
    format!("SharedAccessSignature sr={signed}&sig={sig}&se={expiry}{policy}")
}
