//! The S0 example, Ready in a cloud of its own, and somebody else in that cloud who works with Microsoft's clients.

use std::net::{IpAddr, Ipv4Addr};

use moorage_keys::{HostName, SymmetricKey, sas};
use moorage_simulator::{MqttListener, Options};
use moorage_tests::controlplane::shared;
use moorage_tests::device::Device;
use moorage_tests::example::Example;
use moorage_tests::harness::{CLIENT, CLIENT_SECRET, Harness, SUBSCRIPTION, TENANT, cloud_options, fabrikam_s_past};
use moorage_tests::operator::Running;
use moorage_tests::vendors::{Vendors, fingerprint};
use moorage_tests::wait::{NotYet, until};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose};
use serde_json::{Value, json};

/// The provisioning service of the example.
pub const SERVICE: &str = "contoso-dps";

/// An address next to Azure's East US.
pub const EAST: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1));
/// An address next to Azure's Southeast Asia.
pub const ASIA: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 4, 1));

/// The example on a harness, and the scripts beside it.
pub struct Place {
    pub harness: Harness,
    pub example: Example,
    pub operator: Running,
    pub vendors: Vendors,
}

impl Place {
    /// Applied, and Ready.
    pub async fn ready(story: &str) -> anyhow::Result<Self> {
        Self::ready_in(story, cloud_options()).await
    }

    /// The same in another cloud.
    pub async fn ready_in(story: &str, cloud: Options) -> anyhow::Result<Self> {
        let example = Example::read("s0-tenants.yaml", story)?;
        let harness = Harness::set(shared().await?, story, &example.namespaces(), cloud).await?;
        harness.cloud().seed(fabrikam_s_past);
        Self::applied(harness, example).await?.settled(SERVICE).await
    }

    /// The example of certificates, with an authority that signs, Ready in a cloud where the port of MQTT is open.
    pub async fn by_certificates(story: &str) -> anyhow::Result<Self> {
        let example = Example::read("s0-x509.yaml", story)?;
        let cloud = Options { mqtt: MqttListener::Anywhere, ..cloud_options() };
        let place = Self::applied(Harness::set(shared().await?, story, &example.namespaces(), cloud).await?, example).await?;
        let key = KeyPair::generate()?;
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        authority.distinguished_name = DistinguishedName::new();
        authority.distinguished_name.push(DnType::CommonName, "Wind devices");
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": { "name": "wind-ca-2026", "namespace": place.example.namespace("wind-platform") },
            "stringData": { "tls.crt": authority.self_signed(&key)?.pem(), "tls.key": key.serialize_pem() },
        });
        place.harness.kubectl(&["apply", "-f", "-"], &secret.to_string()).await?;
        place.settled("wind-dps").await
    }

    async fn applied(harness: Harness, example: Example) -> anyhow::Result<Self> {
        let operator = harness.operator().await?;
        harness.apply(&example).await?;
        let vendors = Vendors::on(&harness.network()).await?;
        Ok(Self { harness, example, operator, vendors })
    }

    /// Waits until all is Ready, and tells the scripts where they are.
    async fn settled(mut self, service: &str) -> anyhow::Result<Self> {
        self.harness.until_all_ready().await?;
        self.harness.until_at_rest(&self.operator).await?;
        let vendors = self.vendors.with("AZURE_TENANT_ID", TENANT).with("AZURE_SUBSCRIPTION_ID", SUBSCRIPTION);
        let vendors = vendors.with("AZURE_CLIENT_ID", CLIENT).with("AZURE_CLIENT_SECRET", CLIENT_SECRET);
        let keys = self.harness.cloud().seed(|azure| azure.service_policy_keys(service, "provisioningserviceowner"));
        let (key, _) = keys.expect("the service has its default policy");
        let host = format!("{service}.azure-devices-provisioning.net");
        let connection = format!("HostName={host};SharedAccessKeyName=provisioningserviceowner;SharedAccessKey={key}");
        self.vendors = vendors.with("PROVISIONING_CONNECTION_STRING", &connection);
        Ok(self)
    }

    /// Has the operator look at an object now, and waits until it has, and is at rest.
    pub async fn look_again(&self, kind: &str, namespace: &str, name: &str) -> anyhow::Result<()> {
        let namespace = self.example.namespace(namespace);
        let asked = ["annotate", "--overwrite", kind, name, "-n", &namespace, "moorage.dev/sync-requested-at=now-please"];
        self.harness.kubectl(&asked, "").await?;
        until(&format!("{kind} {name} was looked at"), moorage_tests::harness::SOON, || async {
            let object = self.harness.objects(kind, &namespace).get(name).await?;
            let echoed = &object.data["status"]["syncRequestedAt"];
            if echoed == "now-please" { Ok(()) } else { Err(NotYet::seen(&object.data["status"])) }
        })
        .await?;
        self.harness.until_all_ready().await?;
        self.harness.until_at_rest(&self.operator).await
    }

    /// A device of a tenant, at a place of the network.
    pub async fn device(&self, tenant: &str, name: &str, from: IpAddr) -> anyhow::Result<Device> {
        let secret = self.harness.secret(&self.example.namespace(tenant), name).await?;
        Device::new(secret, &self.harness.network(), from)
    }

    /// Asks a hub as an administrator who has its policy.
    pub async fn hub_call(&self, hub: &str, method: &str, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let (key, _) =
            self.harness.cloud().seed(|azure| azure.hub_policy_keys(hub, "iothubowner")).expect("the hub has its default policy");
        let host = HostName::parse(&format!("{hub}.azure-devices.net"))?;
        let token = sas::iot_hub_service(&host, "iothubowner", &SymmetricKey::from_base64(&key)?, moorage_tests::device::far_future());
        let network = self.harness.network();
        let http = moorage_tests::device::client(&network, EAST, None)?;
        let request = http.request(method.parse()?, format!("https://{}{path}?api-version=2021-04-12", host.as_str()));
        let mut request = request.header("Authorization", token.expose());
        if let Some(body) = body {
            request = request.header("If-Match", "*").json(&body);
        }
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// The end: the clients and the operator said, and were told, only what Microsoft's files know.
    pub async fn end(self) -> anyhow::Result<()> {
        assert_eq!(self.harness.cloud().violations(), Vec::<String>::new());
        assert_eq!(self.harness.cloud().answer_violations(), Vec::<String>::new());
        self.operator.stop().await
    }
}

/// Two keys, as the scripts tell them.
pub fn fingerprints(keys: Option<(String, String)>) -> Value {
    let (primary, secondary) = keys.expect("what has the keys is there");
    json!([fingerprint(&primary), fingerprint(&secondary)])
}
