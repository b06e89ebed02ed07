//! Devices that prove themselves with certificates.

use std::sync::Arc;

use crate::bench::{self, Bench, Got, HUBS, call};
use crate::talker::{Hello, Identity, Talker};
use jiff::SignedDuration;
use mqtt_proto::QoS;
use mqtt_proto::v3::ConnectReturnCode;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

const GLOBAL: &str = "global.azure-devices-provisioning.net";
const ID: &str = "press-7";

/// Who signs the devices' certificates.
struct Signer {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Signer {
    fn new() -> Self {
        let (key, mut params) = (KeyPair::generate().unwrap(), named("signer"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A device's certificate, good until the end of a year.
    fn device(&self, name: &str, last_year: i32) -> Identity {
        let (key, mut params) = (KeyPair::generate().unwrap(), named(name));
        params.not_after = rcgen::date_time_ymd(last_year, 12, 31);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity { chain: vec![certificate.der().clone()], key: key.serialize_der() }
    }
}

/// A service with two hubs and a group of these signers.
async fn provisioned(bench: &Bench, primary: &Signer, secondary: Option<&Signer>) -> String {
    let scope = bench.provisioned(&HUBS).await;
    let mut certificates = json!({ "primary": { "certificate": primary.pem } });
    if let Some(secondary) = secondary {
        certificates["secondary"] = json!({ "certificate": secondary.pem });
    }
    let body = json!({
        "enrollmentGroupId": "presses",
        "attestation": { "type": "x509", "x509": { "signingCertificates": certificates } },
        "allocationPolicy": "geoLatency",
    });
    let got = bench.dps("PUT", "/enrollmentGroups/presses", &[], Some(&body)).await;
    assert_eq!(got.status, 200, "{}", got.body);
    scope
}

fn client(bench: &Bench, identity: &Identity) -> reqwest::Client {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(bench.simulator.ca_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::try_from(identity.key.clone()).unwrap();
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(roots).with_client_auth_cert(identity.chain.clone(), key).unwrap();
    bench::client_on(&bench.simulator, tls, None)
}

/// Registers over HTTPS until the end.
async fn register(bench: &Bench, scope: &str, identity: &Identity) -> Got {
    let client = client(bench, identity);
    let base = format!("https://{GLOBAL}/{scope}/registrations/{ID}");
    let body = json!({ "registrationId": ID });
    let got = call(&client, "PUT", &format!("{base}/register?api-version=2021-06-01"), &[], Some(&body)).await;
    if got.status != 202 {
        return got;
    }
    bench.settle().await;
    let operation = got.body["operationId"].as_str().unwrap();
    call(&client, "GET", &format!("{base}/operations/{operation}?api-version=2021-06-01"), &[], None).await
}

async fn to_hub(bench: &Bench, identity: &Identity) -> (Talker, ConnectReturnCode) {
    let host = "hub-east.azure-devices.net";
    let user_name = format!("{host}/{ID}/?api-version=2020-09-30");
    let hello = Hello { name: host, client_id: ID, user_name: &user_name, password: None, identity: Some(identity) };
    Talker::try_hello(&bench.simulator, &hello).await
}

#[tokio::test]
async fn a_certificate_of_the_group_registers_a_device_which_its_hub_then_knows_by_it() {
    let (bench, signer) = (Bench::new().await, Signer::new());
    let scope = provisioned(&bench, &signer, None).await;
    let identity = signer.device(ID, 2099);
    let got = register(&bench, &scope, &identity).await;
    assert_eq!(got.body["registrationState"]["assignedHub"], "hub-east.azure-devices.net", "{}", got.body);
    assert_eq!(got.body["registrationState"]["x509"], json!({ "enrollmentGroupId": "presses" }));
    let device = bench.hub("hub-east", "GET", &format!("/devices/{ID}"), &[], None).await.body;
    assert_eq!(device["authentication"]["type"], "selfSigned");
    assert_eq!(device["authentication"]["x509Thumbprint"]["primaryThumbprint"].as_str().map(str::len), Some(40));
    let (mut talker, code) = to_hub(&bench, &identity).await;
    assert_eq!(code, ConnectReturnCode::Accepted);
    assert!(talker.publish_surely(&format!("devices/{ID}/messages/events/"), "x").await);
    let url = format!("https://hub-east.azure-devices.net/devices/{ID}/messages/events?api-version=2020-03-13");
    assert_eq!(call(&client(&bench, &identity), "POST", &url, &[], Some(&json!(7))).await.status, 204);
    // Another certificate of the same signer and name is not the one that registered.
    assert_eq!(to_hub(&bench, &signer.device(ID, 2099)).await.1, ConnectReturnCode::NotAuthorized);
    assert_eq!(bench.simulator.answer_violations(), [""; 0]);
}

#[tokio::test]
async fn a_device_registers_with_its_certificate_over_mqtt() {
    let (bench, signer) = (Bench::new().await, Signer::new());
    let scope = provisioned(&bench, &signer, None).await;
    let dial = async |identity: &Identity| {
        let user_name = format!("{scope}/registrations/{ID}/api-version=2019-03-31&ClientVersion=tests");
        let hello = Hello { name: GLOBAL, client_id: ID, user_name: &user_name, password: None, identity: Some(identity) };
        let (mut talker, code) = Talker::try_hello(&bench.simulator, &hello).await;
        assert_eq!(code, ConnectReturnCode::Accepted);
        talker.subscribe("$dps/registrations/res/#", QoS::Level0).await;
        talker.ask("$dps/registrations/PUT/iotdps-register/?$rid=1", &json!({ "registrationId": ID }).to_string()).await
    };
    assert_eq!(dial(&signer.device(ID, 2099)).await.0, "$dps/registrations/res/202/?$rid=1&retry-after=1");
    let (topic, body) = dial(&Signer::new().device(ID, 2099)).await;
    assert_eq!((topic.as_str(), &body["message"]), ("$dps/registrations/res/401/?$rid=1", &json!("CA certificate not found.")));
}

#[tokio::test]
async fn a_certificate_opens_nothing_for_another_device_or_after_its_end_on_the_domain_clock() {
    let (bench, signer) = (Bench::new().await, Signer::new());
    let scope = provisioned(&bench, &signer, None).await;
    let refused = |got: &Got| (got.status, got.body["message"].as_str().unwrap_or_default().to_owned());
    let other = register(&bench, &scope, &signer.device("press-8", 2099)).await;
    assert_eq!(refused(&other), (401, "The certificate's common name is not the registration id.".to_owned()));
    let identity = signer.device(ID, 2030);
    assert_eq!(register(&bench, &scope, &identity).await.body["status"], "assigned");
    bench.simulator.advance_to("2031-01-01T00:00:00Z".parse().unwrap()).await.unwrap();
    let late = register(&bench, &scope, &identity).await;
    assert_eq!(refused(&late), (401, "The certificate, or one above it, has expired.".to_owned()));
    assert_eq!(to_hub(&bench, &identity).await.1, ConnectReturnCode::NotAuthorized);
}

#[tokio::test]
async fn a_renewed_certificate_of_the_next_signer_is_told_to_the_hub_and_the_old_one_is_cut_off() {
    let (bench, old, new) = (Bench::new().await, Signer::new(), Signer::new());
    let scope = provisioned(&bench, &old, Some(&new)).await;
    let (first, second) = (old.device(ID, 2099), new.device(ID, 2099));
    register(&bench, &scope, &first).await;
    let (mut talker, _) = to_hub(&bench, &first).await;
    assert_eq!(register(&bench, &scope, &second).await.body["status"], "assigned");
    assert!(talker.read().await.is_none());
    assert_eq!(to_hub(&bench, &first).await.1, ConnectReturnCode::NotAuthorized);
    assert_eq!(to_hub(&bench, &second).await.1, ConnectReturnCode::Accepted);
    bench.simulator.advance(SignedDuration::from_mins(1)).await.unwrap();
}

#[tokio::test]
async fn a_device_with_an_enrollment_of_its_own_needs_the_certificate_that_it_names() {
    let (bench, signer) = (Bench::new().await, Signer::new());
    let scope = provisioned(&bench, &signer, None).await;
    let (own, other) = (signer.device(ID, 2099), signer.device(ID, 2099));
    let pem = base64(&own.chain[0]);
    let body = json!({
        "registrationId": ID,
        "attestation": { "type": "x509", "x509": { "clientCertificates": { "primary": { "certificate": pem } } } },
    });
    let got = bench.dps("PUT", &format!("/enrollments/{ID}"), &[], Some(&body)).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(register(&bench, &scope, &own).await.body["status"], "assigned");
    assert_eq!(register(&bench, &scope, &other).await.status, 401);
}

fn base64(der: &[u8]) -> Value {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(der).into()
}
