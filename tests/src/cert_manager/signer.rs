//! Answers Certificates: makes a key, signs by the authority of the issuer, fills the Secret in cert-manager's layout, and says so.
//! What is due is renewed, on the domain clock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{Certificate, ClusterIssuer, Issuer as NamespaceIssuer};
use crate::test_env::TestEnv;

/// How often it looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
const MANAGER: &str = "cert-manager-certificates-issuing";

/// A signer that works until it is dropped.
pub struct Signer {
    work: JoinHandle<()>,
    refusal: Arc<Mutex<Option<String>>>,
}

/// What it works with.
struct Desk {
    client: Client,
    time: Box<dyn Fn() -> Timestamp + Send + Sync>,
    namespaces: Vec<String>,
    /// Where the authorities of cluster issuers are.
    home: String,
    refusal: Arc<Mutex<Option<String>>>,
}

/// What a Secret is to hold.
struct Issued {
    certificate: String,
    key: String,
    authority: String,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Signer {
    /// Begins to answer the Certificates of namespaces.
    pub fn start(env: &TestEnv, namespaces: Vec<String>, home: &str) -> Self {
        let refusal = Arc::new(Mutex::new(None));
        let desk = Desk { client: env.admin(), time: Box::new(env.time()), namespaces, home: home.to_owned(), refusal: refusal.clone() };
        let work = tokio::spawn(async move {
            let mut looks = tokio::time::interval(BETWEEN_LOOKS);
            loop {
                looks.tick().await;
                if let Err(error) = desk.look().await {
                    tracing::debug!("the signer looks again: {error:#}");
                }
            }
        });
        Self { work, refusal }
    }

    /// Has every request denied with a sentence, or none.
    pub fn deny(&self, sentence: Option<&str>) {
        *self.refusal.lock().expect("not poisoned") = sentence.map(str::to_owned);
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        self.work.abort();
    }
}

impl Desk {
    async fn look(&self) -> anyhow::Result<()> {
        for namespace in &self.namespaces {
            let api: Api<Certificate> = Api::namespaced(self.client.clone(), namespace);
            for certificate in api.list(&ListParams::default()).await? {
                // What is deleted takes its Secret with it, which is then no reason to issue anew.
                if self.is_due(&certificate).await? && is_still_there(&api, &certificate).await? {
                    self.answer(&certificate, namespace).await?;
                }
            }
        }
        Ok(())
    }

    /// Whether something is to be issued: nothing was yet, something else is asked for now, it is time, or the Secret has lost it.
    async fn is_due(&self, certificate: &Certificate) -> anyhow::Result<bool> {
        let status = certificate.status.clone().unwrap_or_default();
        let ready = status.conditions.iter().find(|one| one.type_ == "Ready" && one.status == "True");
        if ready.is_none_or(|ready| ready.observed_generation != certificate.metadata.generation) {
            return Ok(true);
        }
        let renewal = status.renewal_time.and_then(|time| time.parse::<Timestamp>().ok());
        if renewal.is_none_or(|renewal| renewal <= (self.time)()) {
            return Ok(true);
        }
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &certificate.namespace().unwrap_or_default());
        let secret = secrets.get_opt(&certificate.spec.secret_name).await?;
        Ok(secret.and_then(|secret| secret.data).and_then(|data| data.get("tls.crt").cloned()).is_none_or(|text| text.0.is_empty()))
    }

    async fn answer(&self, certificate: &Certificate, namespace: &str) -> anyhow::Result<()> {
        let refusal = self.refusal.lock().expect("not poisoned").clone();
        if let Some(sentence) = refusal {
            let message = format!("The certificate request has failed to complete and will be retried: {sentence}");
            return self.say(certificate, &json!({ "conditions": [condition(certificate, "Issuing", "False", "Denied", &message)] })).await;
        }
        let issued = match self.issue(certificate, namespace).await {
            Ok(issued) => issued,
            Err(error) => {
                // As long as there is no issuer, its request waits.
                let waits = [
                    condition(certificate, "Ready", "False", "DoesNotExist", "Issuing certificate as Secret does not exist"),
                    condition(certificate, "Issuing", "True", "DoesNotExist", &format!("{error:#}")),
                ];
                return self.say(certificate, &json!({ "conditions": waits })).await;
            }
        };
        self.fill(certificate, &issued).await?;
        let before = duration(certificate.spec.renew_before.as_deref())?;
        let revision = certificate.status.as_ref().and_then(|status| status.revision).unwrap_or(0) + 1;
        let up_to_date = condition(certificate, "Ready", "True", "Ready", "Certificate is up to date and has not expired");
        let status = json!({
            "conditions": [up_to_date],
            "notBefore": issued.not_before.to_string(),
            "notAfter": issued.not_after.to_string(),
            "renewalTime": (issued.not_after - before).to_string(),
            "revision": revision,
        });
        self.say(certificate, &status).await
    }

    /// Makes a key and signs its certificate.
    async fn issue(&self, certificate: &Certificate, namespace: &str) -> anyhow::Result<Issued> {
        let spec = &certificate.spec;
        let (name, kind) = (&spec.issuer_ref.name, spec.issuer_ref.kind.as_deref().unwrap_or("Issuer"));
        let (ca, home) = if kind == "ClusterIssuer" {
            let api: Api<ClusterIssuer> = Api::all(self.client.clone());
            (api.get(name).await?.spec.ca, self.home.as_str())
        } else {
            let api: Api<NamespaceIssuer> = Api::namespaced(self.client.clone(), namespace);
            (api.get(name).await?.spec.ca, namespace)
        };
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), home);
        let data = secrets.get(&ca.secret_name).await?.data.unwrap_or_default();
        let text = |entry: &str| String::from_utf8(data.get(entry).map(|text| text.0.clone()).unwrap_or_default());
        let (authority, authority_key) = (text("tls.crt")?, text("tls.key")?);
        let issuer = Issuer::from_ca_cert_pem(&authority, KeyPair::from_pem(&authority_key)?)?;
        // Whole seconds, as a certificate has them.
        let not_before = Timestamp::from_second((self.time)().as_second())?;
        let not_after = not_before + duration(spec.duration.as_deref())?;
        let key = KeyPair::generate()?;
        let signed = params(certificate, not_before, not_after)?.signed_by(&key, &issuer)?;
        Ok(Issued { certificate: signed.pem(), key: key.serialize_pem(), authority, not_before, not_after })
    }

    /// Fills the Secret, whoever made it.
    async fn fill(&self, certificate: &Certificate, issued: &Issued) -> anyhow::Result<()> {
        let spec = &certificate.spec;
        let template = spec.secret_template.clone().unwrap_or_default();
        let ours = [
            ("cert-manager.io/certificate-name", certificate.name_any()),
            ("cert-manager.io/common-name", spec.common_name.clone().unwrap_or_default()),
            ("cert-manager.io/issuer-name", spec.issuer_ref.name.clone()),
            ("cert-manager.io/issuer-kind", spec.issuer_ref.kind.clone().unwrap_or_default()),
            ("cert-manager.io/issuer-group", spec.issuer_ref.group.clone().unwrap_or_default()),
        ];
        let annotations: BTreeMap<_, _> =
            template.annotations.into_iter().chain(ours.map(|(name, value)| (name.to_owned(), value))).collect();
        let mut labels = template.labels;
        labels.insert("controller.cert-manager.io/fao".to_owned(), "true".to_owned());
        let encoded = |text: &str| k8s_openapi::ByteString(text.as_bytes().to_vec());
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": { "name": spec.secret_name, "labels": labels, "annotations": annotations },
            "data": {
                "tls.crt": encoded(&issued.certificate),
                "tls.key": encoded(&issued.key),
                "ca.crt": encoded(&issued.authority),
            },
        });
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &certificate.namespace().unwrap_or_default());
        api.patch(&spec.secret_name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&secret)).await?;
        Ok(())
    }

    async fn say(&self, certificate: &Certificate, status: &Value) -> anyhow::Result<()> {
        if serde_json::to_value(&certificate.status)?["conditions"] == status["conditions"] && status.get("revision").is_none() {
            return Ok(());
        }
        let api: Api<Certificate> = Api::namespaced(self.client.clone(), &certificate.namespace().unwrap_or_default());
        // What was said of an earlier look is gone.
        let said = json!({ "status": status });
        api.patch_status(&certificate.name_any(), &PatchParams::default(), &Patch::Merge(&said)).await?;
        Ok(())
    }
}

async fn is_still_there(api: &Api<Certificate>, seen: &Certificate) -> anyhow::Result<bool> {
    let now = api.get_opt(&seen.name_any()).await?;
    Ok(now.is_some_and(|now| now.metadata.uid == seen.metadata.uid && now.metadata.deletion_timestamp.is_none()))
}

fn condition(certificate: &Certificate, type_: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": certificate.metadata.generation,
    })
}

/// A duration as Go writes it.
fn duration(text: Option<&str>) -> anyhow::Result<SignedDuration> {
    let text = text.context("the operator asks for every duration")?;
    text.parse().with_context(|| format!("{text} is no duration"))
}

/// What the certificate says: what was asked for, and no more.
fn params(certificate: &Certificate, not_before: Timestamp, not_after: Timestamp) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, certificate.spec.common_name.clone().unwrap_or_default());
    params.is_ca = IsCa::ExplicitNoCa;
    for usage in certificate.spec.usages.iter().flatten() {
        match usage.as_str() {
            "digital signature" => params.key_usages.push(KeyUsagePurpose::DigitalSignature),
            "client auth" => params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth),
            other => anyhow::bail!("{other} is not known to this signer"),
        }
    }
    let time = |time: Timestamp| -> anyhow::Result<_> {
        Ok(rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(time.as_second())?))
    };
    (params.not_before, params.not_after) = (time(not_before)?, time(not_after)?);
    Ok(params)
}
