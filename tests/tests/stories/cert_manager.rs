//! `examples/s0-x509-cert-manager.yaml`: devices whose certificates cert-manager issues. What plays cert-manager is a signer of our own.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use moorage_crds::annotations;
use moorage_tests::cert_manager::{self, Signer};
use moorage_tests::controlplane::{ControlPlane, Options, block_on, owned};
use moorage_tests::example::Example;
use moorage_tests::harness::{Harness, SOON, cloud_options};
use moorage_tests::progress::Silent;
use moorage_tests::signing::authority;
use moorage_tests::wait::{NotYet, until};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::steady::{TWO_PERIODS, writes};
use moorage_tests::tenants::{EAST, Tenants};

const HUB: &str = "tide-east-hub.azure-devices.net";
const CREDENTIAL: &str = "tide-turbine-1";

/// The example in a cluster with cert-manager.
struct Tide {
    tenants: Tenants,
    signer: Option<Signer>,
    /// Cert-manager's own namespace.
    home: String,
    namespace: String,
}

type Pair = (String, String);

/// Stories share a cluster and the issuer in it, and of two that apply it first one would be refused.
static APPLYING: Mutex<()> = Mutex::const_new(());

impl Tide {
    /// Applied, with an authority that cert-manager signs by and another, or the same, that the group accepts.
    async fn begun(control: &'static ControlPlane, story: &str, example: Example, signs: &Pair, accepted: &Pair) -> anyhow::Result<Self> {
        let harness = Harness::set(control, story, &example.namespaces(), cloud_options()).await?;
        let home = format!("cert-manager-{story}");
        harness.kubectl(&["create", "namespace", &home], "").await?;
        let namespace = example.namespace("tide");
        let (certificate, key) = signs;
        let kept = secret(&home, &json!({ "tls.crt": certificate, "tls.key": key }));
        harness.kubectl(&["apply", "-f", "-"], &kept.to_string()).await?;
        let tenants = {
            let _alone = APPLYING.lock().await;
            Tenants::applied(harness, example, None).await?
        };
        let tide = Self { tenants, signer: None, home, namespace };
        tide.accept(&json!({ "tls.crt": accepted.0 })).await?;
        Ok(tide)
    }

    /// With the one authority that there is, and a signer at work.
    async fn ready(story: &str) -> anyhow::Result<(Self, Pair)> {
        Self::ready_with(story, |_| ()).await
    }

    /// The same with another certificate.
    async fn ready_with(story: &str, change: impl FnOnce(&mut Value)) -> anyhow::Result<(Self, Pair)> {
        let pair = authority("Tide devices 2026", |_| ())?;
        let mut example = Example::read("s0-x509-cert-manager.yaml", story)?;
        change(&mut example.object_mut("DeviceCredential", CREDENTIAL).expect("it is in the example")["spec"]["certificate"]);
        let mut tide = Self::begun(owned().await?, story, example, &pair, &pair).await?;
        tide.install();
        tide.tenants.harness.until_all_ready().await?;
        Ok((tide, pair))
    }

    fn install(&mut self) {
        self.signer = Some(Signer::start(self.tenants.harness.env(), vec![self.namespace.clone()], &self.home));
    }

    /// What the group's Secret holds.
    async fn accept(&self, entries: &Value) -> anyhow::Result<()> {
        let platform = self.tenants.example.namespace("tide-platform");
        self.tenants.harness.kubectl(&["apply", "-f", "-"], &secret(&platform, entries).to_string()).await.map(drop)
    }

    async fn held(&self) -> anyhow::Result<BTreeMap<String, String>> {
        self.tenants.harness.secret(&self.namespace, CREDENTIAL).await
    }

    async fn register(&self) -> anyhow::Result<String> {
        Ok(self.tenants.device("tide", CREDENTIAL, EAST).await?.register(None, |_| {}).await?.0)
    }

    /// The sentence of a condition that holds for a reason. What cert-manager says is looked for every half a minute.
    async fn until(&self, type_: &str, reason: &str) -> anyhow::Result<String> {
        until(&format!("{CREDENTIAL} has {type_} for {reason}"), SOON, || async {
            let seen = |error: anyhow::Error| NotYet::seen(format!("{error:#}"));
            self.tenants.harness.cloud().advance(SignedDuration::from_secs(30)).await?;
            let object = self.tenants.object("DeviceCredential", "tide", CREDENTIAL).await.map_err(seen)?;
            let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let holds = |one: &&Value| one["type"] == type_ && one["status"] == "True" && one["reason"] == reason;
            let told = conditions.iter().find(holds).and_then(|one| one["message"].as_str()).map(str::to_owned);
            told.ok_or_else(|| NotYet::seen(&object["status"]["conditions"]))
        })
        .await
    }

    /// The Secret of an order as cert-manager makes it anew.
    fn delivered(&self, name: &str) -> Value {
        let annotations = json!({ annotations::OWNER_KIND: "DeviceCredential", annotations::OWNER_NAME: CREDENTIAL });
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "labels": { annotations::MANAGED_BY: annotations::MANAGER },
                "annotations": annotations,
            },
            "stringData": { "tls.crt": "too late", "tls.key": "too late" },
        })
    }

    /// Certificates and Secrets of certificates in the tenant's namespace, by their names.
    async fn left(&self) -> anyhow::Result<Vec<String>> {
        let names = ["get", "certificates.cert-manager.io,secrets", "-n", &self.namespace, "-o", "name"];
        Ok(self.tenants.harness.kubectl(&names, "").await?.lines().map(str::to_owned).collect())
    }

    async fn until_left(&self, expected: &[&str]) -> anyhow::Result<()> {
        until("the tenant's namespace holds only that", SOON, || async {
            let left = self.left().await.map_err(|error| NotYet::seen(format!("{error:#}")))?;
            if left == expected { Ok(()) } else { Err(NotYet::seen(left.join(", "))) }
        })
        .await
    }

    async fn patch(&self, spec: Value) -> anyhow::Result<()> {
        self.tenants.patch("DeviceCredential", "tide", CREDENTIAL, &json!({ "spec": spec })).await
    }
}

fn secret(namespace: &str, entries: &Value) -> Value {
    let metadata = json!({ "name": "tide-ca-2026", "namespace": namespace });
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": entries })
}

#[test]
fn s0_4_a_device_registers_with_a_certificate_of_cert_manager_and_with_the_next_one_when_it_is_renewed() -> anyhow::Result<()> {
    block_on(async {
        let a_day = |certificate: &mut Value| {
            (certificate["duration"], certificate["renewBefore"]) = (json!("24h"), json!("8h"));
        };
        let (tide, (certificate, key)) = Tide::ready_with("tide", a_day).await?;
        let first = tide.held().await?;
        let names: Vec<_> = first.keys().map(String::as_str).collect();
        assert_eq!(names, ["ca.crt", "idScope", "provisioningHost", "registrationId", "tls.crt", "tls.key"]);
        assert_eq!(first["ca.crt"].trim(), certificate.replace("\r\n", "\n").trim());
        let kind =
            tide.tenants.harness.kubectl(&["get", "secret", CREDENTIAL, "-n", &tide.namespace, "-o", "jsonpath={.type}"], "").await?;
        assert_eq!(kind, "kubernetes.io/tls");
        let secrets = tide.tenants.harness.kubectl(&["get", "secrets", "-n", &tide.namespace, "-o", "json"], "").await?;
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &key);
        assert!(!secrets.contains(&encoded), "the authority's key is with cert-manager alone");

        // At rest, nothing is written: not by a look at everything either.
        tide.tenants.harness.until_at_rest(&tide.tenants.operator).await?;
        let before = writes(&tide.tenants).await?;
        tide.tenants.harness.cloud().advance(TWO_PERIODS).await?;
        tide.tenants.harness.until_at_rest(&tide.tenants.operator).await?;
        assert_eq!(writes(&tide.tenants).await?, before);
        assert_eq!(tide.register().await?, HUB);

        // Eight hours before its end another takes its place; that one opens the door when the first does no more.
        let hours = |hours: i64| tide.tenants.harness.cloud().advance(SignedDuration::from_hours(hours));
        hours(2).await?;
        assert_eq!(tide.held().await?["tls.crt"], first["tls.crt"], "not before its time");
        hours(1).await?;
        until("the certificate is another", SOON, || async {
            let now = tide.held().await.map_err(|error| NotYet::seen(format!("{error:#}")))?;
            if now["tls.crt"] == first["tls.crt"] { Err(NotYet::seen("the same")) } else { Ok(()) }
        })
        .await?;
        hours(9).await?;
        assert_eq!(tide.register().await?, HUB);
        tide.until("Ready", "Ready").await?;
        tide.tenants.end().await
    })
}

#[test]
fn a_certificate_of_an_authority_that_the_group_does_not_accept_reaches_no_device() -> anyhow::Result<()> {
    block_on(async {
        let (theirs, ours) = (authority("Somebody else", |_| ())?, authority("Tide devices 2026", |_| ())?);
        let example = Example::read("s0-x509-cert-manager.yaml", "foreign")?;
        let mut tide = Tide::begun(owned().await?, "foreign", example, &theirs, &ours).await?;
        tide.install();
        let told = tide.until("Stalled", "CertificateUnfit").await?;
        let platform = tide.tenants.example.namespace("tide-platform");
        let expected = format!(
            "the certificate that ClusterIssuer tide-devices issued opens nothing: no authority of EnrollmentGroup {platform}/tide-turbines vouches for it"
        );
        assert!(told.starts_with(&expected), "{told}");
        assert!(tide.held().await.is_err(), "there is no Secret for the device");

        tide.accept(&json!({ "tls.crt": theirs.0 })).await?;
        tide.tenants.harness.until_all_ready().await?;
        assert_eq!(tide.register().await?, HUB);
        tide.tenants.end().await
    })
}

#[test]
fn where_there_is_no_cert_manager_that_is_told_and_it_is_found_once_it_is_installed() -> anyhow::Result<()> {
    block_on(async {
        // A cluster of its own: the kinds are not there.
        let control = ControlPlane::start(Options { kinds: moorage_crds::all(), ..Options::default() }, &Silent).await?;
        let control: &'static ControlPlane = Box::leak(Box::new(control));
        let pair = authority("Tide devices 2026", |_| ())?;
        let mut example = Example::read("s0-x509-cert-manager.yaml", "missing")?;
        let issuer = example.objects_mut().remove(0);
        let mut tide = Tide::begun(control, "missing", example, &pair, &pair).await?;
        let told = tide.until("Stalled", "DependencyMissing").await?;
        assert!(told.ends_with("install cert-manager, or leave issuerRef out to have the group's authority sign"), "{told}");
        assert_eq!(tide.left().await.err().map(|error| error.to_string().contains("doesn't have a resource type")), Some(true));

        let kinds = json!({ "apiVersion": "v1", "kind": "List", "items": cert_manager::kinds() });
        tide.tenants.harness.kubectl(&["apply", "-f", "-"], &kinds.to_string()).await?;
        tide.tenants.harness.kubectl(&["wait", "--for=condition=Established", "crd/clusterissuers.cert-manager.io"], "").await?;
        tide.tenants.harness.kubectl(&["apply", "-f", "-"], &issuer.to_string()).await?;
        tide.install();
        tide.tenants.harness.cloud().advance(SignedDuration::from_mins(1)).await?;
        tide.tenants.harness.until_all_ready().await?;
        assert_eq!(tide.register().await?, HUB);
        tide.tenants.end().await?;
        control.end().await
    })
}

#[test]
fn what_cert_manager_denies_is_told_in_its_own_words_and_what_the_device_has_stays_good() -> anyhow::Result<()> {
    block_on(async {
        let (tide, _) = Tide::ready("denied").await?;
        let first = tide.held().await?;
        let deny = |sentence: Option<&str>| tide.signer.as_ref().expect("it works").deny(sentence);
        deny(Some("no policy approved this request"));
        tide.patch(json!({ "certificate": { "issuerRef": { "name": "tide-others" } } })).await?;
        let told = tide.until("Stalled", "CertificateRefused").await?;
        assert!(told.contains("will be retried: no policy approved this request; correct ClusterIssuer tide-others"), "{told}");
        tide.until("Ready", "Ready").await?;
        assert_eq!(tide.held().await?, first);

        // Another issuer that does not exist is waited for.
        deny(None);
        let told = tide.until("Reconciling", "AwaitingCertificate").await?;
        assert!(told.contains("\"tide-others\" not found"), "{told}");
        tide.patch(json!({ "certificate": { "issuerRef": { "name": "tide-devices" } } })).await?;
        tide.tenants.harness.until_all_ready().await?;
        assert_ne!(tide.held().await?["tls.key"], first["tls.key"]);
        assert_eq!(tide.register().await?, HUB);
        tide.tenants.end().await
    })
}

#[test]
fn an_order_is_taken_back_with_its_issuer_and_nothing_is_left_of_a_credential_that_goes() -> anyhow::Result<()> {
    block_on(async {
        let (tide, (certificate, key)) = Tide::ready("leaving").await?;
        let first = tide.held().await?;
        let left = tide.left().await?;
        let [order, _, _] = &left[..] else { panic!("{left:?}") };
        let name = order.strip_prefix("certificate.cert-manager.io/").expect("a Certificate");
        assert_eq!(left, [order.clone(), format!("secret/{CREDENTIAL}"), format!("secret/{name}")]);

        // The group's authority signs instead, and has its key for that.
        tide.accept(&json!({ "tls.crt": certificate, "tls.key": key })).await?;
        tide.patch(json!({ "certificate": { "issuerRef": null } })).await?;
        tide.until_left(&[&format!("secret/{CREDENTIAL}")]).await?;
        tide.tenants.harness.until_all_ready().await?;
        assert_eq!(tide.register().await?, HUB);
        // Cert-manager was about to write it when the Certificate went.
        tide.tenants.harness.kubectl(&["create", "-f", "-"], &tide.delivered(name).to_string()).await?;
        tide.until_left(&[&format!("secret/{CREDENTIAL}")]).await?;

        tide.patch(json!({ "certificate": { "issuerRef": { "name": "tide-devices", "kind": "ClusterIssuer" } } })).await?;
        until("cert-manager's certificate is handed on", SOON, || async {
            let left = tide.left().await.map_err(|error| NotYet::seen(format!("{error:#}")))?;
            if left.len() == 3 { Ok(()) } else { Err(NotYet::seen(left.join(", "))) }
        })
        .await?;
        tide.tenants.harness.until_all_ready().await?;
        let held = tide.held().await?;
        assert!(held["tls.key"] != first["tls.key"] && held["tls.crt"] != first["tls.crt"]);

        tide.tenants.harness.kubectl(&["delete", "devicecredential", CREDENTIAL, "-n", &tide.namespace], "").await?;
        tide.until_left(&[]).await?;
        tide.tenants.end().await
    })
}
