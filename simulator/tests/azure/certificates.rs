//! Certificates: of authorities, in the resource manager, and of enrollments.

use crate::bench::{self, Bench, HUBS, dps_path, group_body};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SerialNumber};
use serde_json::{Value, json};

/// A certificate and who can sign with its key.
pub struct Authority {
    pub pem: String,
    pub der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Contoso");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2026, 1, 2);
    params.not_after = rcgen::date_time_ymd(2036, 1, 2);
    params.serial_number = Some(SerialNumber::from_slice(&[0x0a, 0xbc]));
    params
}

pub fn authority(name: &str) -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    Authority { pem: certificate.pem(), der: certificate.der().to_vec(), issuer: Issuer::new(params, key) }
}

impl Authority {
    /// A leaf of that common name.
    pub fn sign(&self, name: &str) -> String {
        params(name).signed_by(&KeyPair::generate().unwrap(), &self.issuer).unwrap().pem()
    }
}

fn sha(algorithm: &'static aws_lc_rs::digest::Algorithm, der: &[u8]) -> String {
    aws_lc_rs::digest::digest(algorithm, der).as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().concat()
}

fn info(name: &str, der: &[u8]) -> Value {
    json!({
        "subjectName": format!("CN={name}, O=Contoso"),
        "sha1Thumbprint": sha(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, der),
        "sha256Thumbprint": sha(&aws_lc_rs::digest::SHA256, der),
        "issuerName": format!("CN={name}, O=Contoso"),
        "notBeforeUtc": "2026-01-02T00:00:00Z",
        "notAfterUtc": "2036-01-02T00:00:00Z",
        "serialNumber": "0ABC",
        "version": 3,
    })
}

fn x509_group(id: &str, x509: &Value) -> Value {
    let mut body = group_body(id, &["hub-east.azure-devices.net".to_owned()]);
    body["attestation"] = json!({ "type": "x509", "x509": x509 });
    body
}

async fn put_group(bench: &Bench, headers: &[(&str, &str)], x509: &Value) -> bench::Got {
    bench.dps("PUT", "/enrollmentGroups/roots", headers, Some(&x509_group("roots", x509))).await
}

#[tokio::test]
async fn a_group_of_signers_tells_what_its_certificates_say_and_not_the_certificates() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let (old, new) = (authority("old"), authority("new"));
    let uploaded = json!({ "signingCertificates": {
        "primary": { "certificate": old.pem },
        "secondary": { "certificate": STANDARD.encode(&new.der) },
    } });
    let put = put_group(&bench, &[], &uploaded).await;
    assert_eq!(put.status, 200, "{}", put.body);
    let wanted = json!({ "type": "x509", "x509": { "signingCertificates": {
        "primary": { "info": info("old", &old.der) },
        "secondary": { "info": info("new", &new.der) },
    } } });
    assert_eq!(put.body["attestation"], wanted);
    assert_eq!(bench.dps("GET", "/enrollmentGroups/roots", &[], None).await.body["attestation"], wanted);
    assert_eq!(bench.dps("POST", "/enrollmentGroups/roots/attestationmechanism", &[], None).await.body, wanted);
    assert_eq!(bench.simulator.answer_violations(), Vec::<String>::new());
    assert!(
        bench.simulator.snapshot().contains(
            "group roots enabled geoLatency [hub-east.azure-devices.net] update true migrate true signed by \"CN=old, O=Contoso\""
        )
    );
}

#[tokio::test]
async fn a_certificate_that_get_told_of_stays_where_an_update_brings_what_it_was_told() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let (old, new) = (authority("old"), authority("new"));
    put_group(&bench, &[], &json!({ "signingCertificates": { "primary": { "certificate": old.pem } } })).await;
    let told = json!({ "info": info("old", &old.der) });
    let both = json!({ "signingCertificates": { "primary": { "certificate": new.pem }, "secondary": told } });
    let put = put_group(&bench, &[("if-match", "*")], &both).await;
    assert_eq!(put.status, 200, "{}", put.body);
    let slots = &put.body["attestation"]["x509"]["signingCertificates"];
    assert_eq!(
        [&slots["primary"]["info"]["subjectName"], &slots["secondary"]["info"]["subjectName"]],
        ["CN=new, O=Contoso", "CN=old, O=Contoso"]
    );
    let stranger = json!({ "signingCertificates": { "primary": { "info": info("other", &authority("other").der) } } });
    assert_eq!(put_group(&bench, &[("if-match", "*")], &stranger).await.status, 400);
}

#[tokio::test]
async fn a_single_device_has_its_own_certificates_and_no_signers() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let pem = authority("press").sign("press-7");
    let body = |kind: &str| json!({ "registrationId": "press-7", "attestation": { "type": "x509", "x509": { kind: { "primary": { "certificate": pem } } } } });
    let refused = bench.dps("PUT", "/enrollments/press-7", &[], Some(&body("signingCertificates"))).await;
    assert_eq!((refused.status, &refused.body["errorCode"]), (400, &json!(400_004)));
    let put = bench.dps("PUT", "/enrollments/press-7", &[], Some(&body("clientCertificates"))).await;
    assert_eq!(put.status, 200, "{}", put.body);
    assert_eq!(put.body["attestation"]["x509"]["clientCertificates"]["primary"]["info"]["issuerName"], "CN=press, O=Contoso");
    assert_eq!(bench.simulator.answer_violations(), Vec::<String>::new());
}

fn certificate(pem: &str, verified: bool) -> Value {
    json!({ "properties": { "certificate": STANDARD.encode(pem), "isVerified": verified } })
}

#[tokio::test]
async fn a_group_refers_only_to_an_authority_that_is_verified() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let by_name = json!({ "caReferences": { "primary": "corp" } });
    let path = format!("{}/certificates/corp", dps_path("dps"));
    assert_eq!(put_group(&bench, &[], &by_name).await.status, 400);
    let authority = authority("corp");
    let made = bench.arm("PUT", &path, Some(&certificate(&authority.pem, false))).await;
    assert_eq!(made.status, 200, "{}", made.body);
    assert_eq!(put_group(&bench, &[], &by_name).await.status, 400);
    let verified = bench.arm_if("PUT", &path, Some(&made.etag()), Some(&certificate(&authority.pem, true))).await;
    assert_eq!(verified.body["properties"]["isVerified"], true);
    let put = put_group(&bench, &[], &by_name).await;
    assert_eq!(put.body["attestation"], json!({ "type": "x509", "x509": { "caReferences": { "primary": "corp" } } }));
}

#[tokio::test]
async fn an_authority_is_verified_by_a_certificate_that_it_signs_for_the_code() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let (mine, other) = (authority("corp"), authority("corp"));
    let path = format!("{}/certificates/corp", dps_path("dps"));
    let made = bench.arm("PUT", &path, Some(&certificate(&mine.pem, false))).await;
    assert_eq!(made.body["properties"]["isVerified"], false);
    assert_eq!(made.body["properties"]["subject"], "CN=corp, O=Contoso");
    assert_eq!(made.body["properties"]["expiry"], "Wed, 02 Jan 2036 00:00:00 GMT");
    assert_eq!(made.body["properties"]["certificate"], STANDARD.encode(&mine.der));
    let verify = async |etag: &str, leaf: String| {
        bench.arm_if("POST", &format!("{path}/verify"), Some(etag), Some(&json!({ "certificate": leaf }))).await
    };
    assert_eq!(verify(&made.etag(), mine.sign("")).await.status, 400);
    let asked = bench.arm_if("POST", &format!("{path}/generateVerificationCode"), Some(&made.etag()), None).await;
    let code = asked.body["properties"]["verificationCode"].as_str().unwrap();
    assert_eq!(code.len(), 48);
    assert_eq!(verify(&made.etag(), mine.sign(code)).await.status, 412);
    assert_eq!(verify(&asked.etag(), other.sign(code)).await.status, 400);
    assert_eq!(verify(&asked.etag(), mine.sign("another")).await.status, 400);
    let done = verify(&asked.etag(), mine.sign(code)).await;
    assert_eq!((done.status, &done.body["properties"]["isVerified"]), (200, &json!(true)), "{}", done.body);
    assert_eq!(bench.simulator.answer_violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_certificate_is_changed_and_deleted_only_by_its_entity_tag() {
    let bench = Bench::new().await;
    bench.provisioned(&HUBS).await;
    let (all, path) = (format!("{}/certificates", dps_path("dps")), format!("{}/certificates/corp", dps_path("dps")));
    let body = certificate(&authority("corp").pem, true);
    let made = bench.arm("PUT", &path, Some(&body)).await;
    assert_eq!(bench.arm("PUT", &path, Some(&body)).await.status, 412);
    let again = bench.arm_if("PUT", &path, Some(&made.etag()), Some(&body)).await;
    assert_eq!(again.status, 200);
    assert_eq!(bench.arm("GET", &all, None).await.body["value"], json!([bench.arm("GET", &path, None).await.body]));
    assert_eq!(bench.arm_if("DELETE", &path, Some(&made.etag()), None).await.status, 412);
    assert_eq!(bench.arm_if("DELETE", &path, Some(&again.etag()), None).await.status, 200);
    assert_eq!(bench.arm_if("DELETE", &path, Some("*"), None).await.status, 204);
    assert_eq!(bench.arm("GET", &path, None).await.status, 404);
    assert_eq!(bench.arm("GET", &all, None).await.body, json!({ "value": [] }));
}
