//! `examples/s0-x509.yaml`: devices that prove themselves by certificates, and the authorities that sign them.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use moorage_tests::controlplane::block_on;
use moorage_tests::device::Device;
use moorage_tests::example::Example;
use moorage_tests::harness::{SOON, cloud_options};
use moorage_tests::signing::authority;
use moorage_tests::wait::{NotYet, until};
use rcgen::{IsCa, KeyUsagePurpose};
use serde_json::json;

use moorage_tests::tenants::{EAST, Tenants};

type Secret = BTreeMap<String, String>;

/// A Secret as `kubectl create secret tls` and cert-manager make it, in the platform's namespace.
async fn keep(tenants: &Tenants, name: &str, certificate: &str, key: &str) -> anyhow::Result<()> {
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": { "name": name, "namespace": tenants.example.namespace("wind-platform") },
        "stringData": { "tls.crt": certificate, "tls.key": key },
    });
    tenants.harness.kubectl(&["apply", "-f", "-"], &secret.to_string()).await.map(drop)
}

/// The example, with its authority, Ready.
pub async fn wind(story: &str) -> anyhow::Result<Tenants> {
    wind_with(story, |_| ()).await
}

/// The same with a changed example.
async fn wind_with(story: &str, change: impl FnOnce(&mut Example)) -> anyhow::Result<Tenants> {
    let mut example = Example::read("s0-x509.yaml", story)?;
    change(&mut example);
    let tenants = Tenants::of(story, example, cloud_options()).await?;
    let (certificate, key) = authority("Wind devices 2026", |_| ())?;
    keep(&tenants, "wind-ca-2026", &certificate, &key).await?;
    tenants.harness.until_all_ready().await?;
    Ok(tenants)
}

async fn secret(tenants: &Tenants) -> anyhow::Result<Secret> {
    tenants.harness.secret(&tenants.example.namespace("wind"), "wind-turbine-1").await
}

async fn register(tenants: &Tenants, secret: &Secret) -> anyhow::Result<String> {
    let device = Device::new(secret.clone(), &tenants.harness.network(), EAST)?;
    Ok(device.register(None, |_| {}).await?.0)
}

/// The Secret once its certificate is another than before.
async fn renewed(tenants: &Tenants, before: &Secret) -> anyhow::Result<Secret> {
    until("the certificate is another", SOON, || async {
        let now = secret(tenants).await.map_err(|error| NotYet::seen(error.to_string()))?;
        if now["tls.crt"] == before["tls.crt"] { Err(NotYet::seen("the same certificate")) } else { Ok(now) }
    })
    .await
}

async fn sign_by(tenants: &Tenants, primary: &str, secondary: Option<&str>) -> anyhow::Result<()> {
    let named = |name: &str| json!({ "secretName": name });
    let pair = json!({ "primary": named(primary), "secondary": secondary.map(named) });
    let patch = json!({ "spec": { "attestation": { "x509": { "signingCertificates": pair } } } });
    tenants.patch("EnrollmentGroup", "wind-platform", "wind-turbines", &patch).await
}

/// Waits until Azure accepts as many authorities as that.
async fn until_accepted(tenants: &Tenants, names: &[&str]) -> anyhow::Result<()> {
    until("Azure accepts these authorities", SOON, || async {
        let group =
            tenants.object("EnrollmentGroup", "wind-platform", "wind-turbines").await.map_err(|error| NotYet::seen(error.to_string()))?;
        let told = group["status"]["certificateAuthorities"].as_array().cloned().unwrap_or_default();
        let subjects: Vec<_> = told.iter().filter_map(|one| one["subject"].as_str()?.strip_prefix("CN=")).collect();
        if subjects == names { Ok(()) } else { Err(NotYet::seen(group["status"].to_string())) }
    })
    .await
}

#[test]
fn s0_4_a_device_registers_with_the_certificate_that_its_group_s_authority_signed() -> anyhow::Result<()> {
    block_on(async {
        let tenants = wind("leaf").await?;
        let held = secret(&tenants).await?;
        let names: Vec<_> = held.keys().map(String::as_str).collect();
        assert_eq!(names, ["ca.crt", "idScope", "provisioningHost", "registrationId", "tls.crt", "tls.key"]);
        let namespace = tenants.example.namespace("wind");
        let kind = tenants.harness.kubectl(&["get", "secret", "wind-turbine-1", "-n", &namespace, "-o", "jsonpath={.type}"], "").await?;
        assert_eq!(kind, "kubernetes.io/tls");
        assert_eq!(register(&tenants, &held).await?, "wind-east-hub.azure-devices.net");

        let authority = tenants.harness.secret(&tenants.example.namespace("wind-platform"), "wind-ca-2026").await?;
        assert!(!held.values().any(|text| *text == authority["tls.key"]), "the authority's key stays with the platform");
        let group = tenants.object("EnrollmentGroup", "wind-platform", "wind-turbines").await?;
        let [told] = &group["status"]["certificateAuthorities"].as_array().expect("a list")[..] else { panic!("{group}") };
        assert_eq!(
            (&told["subject"], &told["notAfter"], &told["issues"]),
            (&json!("CN=Wind devices 2026"), &json!("2045-01-01T00:00:00Z"), &json!(true))
        );
        tenants.end().await
    })
}

#[test]
fn s0_4_while_an_authority_takes_over_from_another_devices_of_both_register() -> anyhow::Result<()> {
    block_on(async {
        let tenants = wind("takeover").await?;
        let old = secret(&tenants).await?;
        let (certificate, key) = authority("Wind devices 2027", |_| ())?;
        keep(&tenants, "wind-ca-2027", &certificate, &key).await?;

        // First the next one is accepted as well, and devices keep what they have.
        sign_by(&tenants, "wind-ca-2026", Some("wind-ca-2027")).await?;
        until_accepted(&tenants, &["Wind devices 2026", "Wind devices 2027"]).await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert_eq!(secret(&tenants).await?["tls.crt"], old["tls.crt"]);

        // Then it takes over: devices get certificates of it, and those that have not fetched theirs register all the same.
        sign_by(&tenants, "wind-ca-2027", Some("wind-ca-2026")).await?;
        let new = renewed(&tenants, &old).await?;
        assert_ne!((&new["ca.crt"], &new["tls.key"]), (&old["ca.crt"], &old["tls.key"]));
        for held in [&old, &new] {
            assert_eq!(register(&tenants, held).await?, "wind-east-hub.azure-devices.net");
        }

        // At last only its devices are accepted.
        sign_by(&tenants, "wind-ca-2027", None).await?;
        until_accepted(&tenants, &["Wind devices 2027"]).await?;
        let refused = register(&tenants, &old).await.expect_err("nobody vouches for it any more").to_string();
        assert!(refused.contains("401"), "{refused}");
        assert_eq!(register(&tenants, &new).await?, "wind-east-hub.azure-devices.net");
        tenants.end().await
    })
}

#[test]
fn s0_4_a_device_of_a_group_of_certificates_can_have_keys_of_its_own() -> anyhow::Result<()> {
    block_on(async {
        let tenants = wind("own-keys").await?;
        let enrolled = json!({ "spec": { "certificate": null, "individualEnrollment": {} } });
        tenants.patch("DeviceCredential", "wind", "wind-turbine-1", &enrolled).await?;
        let held = until("the Secret has keys in place of the certificate", SOON, || async {
            let now = secret(&tenants).await.map_err(|error| NotYet::seen(error.to_string()))?;
            if now.contains_key("deviceKey") { Ok(now) } else { Err(NotYet::seen("the certificate")) }
        })
        .await?;
        tenants.harness.until_all_ready().await?;
        assert!(!held.contains_key("tls.crt"), "a certificate opens nothing any more");
        let device = Device::new(held, &tenants.harness.network(), EAST)?;
        assert_eq!(device.register(Some("deviceKey"), |_| {}).await?.0, "wind-east-hub.azure-devices.net");
        tenants.end().await
    })
}

#[test]
fn a_certificate_is_renewed_before_its_end_and_opens_nothing_afterwards() -> anyhow::Result<()> {
    block_on(async {
        let a_day = |example: &mut Example| {
            let credential = example.object_mut("DeviceCredential", "wind-turbine-1").expect("it is in the example");
            credential["spec"]["certificate"] = json!({ "duration": "24h", "renewAtPercent": 60 });
        };
        let tenants = wind_with("renewal", a_day).await?;
        let old = secret(&tenants).await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        tenants.harness.cloud().advance(SignedDuration::from_hours(11)).await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert_eq!(secret(&tenants).await?["tls.crt"], old["tls.crt"], "not before its time");

        tenants.harness.cloud().advance(SignedDuration::from_hours(4)).await?;
        let new = renewed(&tenants, &old).await?;
        // The old one still holds: the device has hours to fetch the new one.
        assert_eq!(register(&tenants, &old).await?, "wind-east-hub.azure-devices.net");
        tenants.harness.cloud().advance(SignedDuration::from_hours(10)).await?;
        let refused = register(&tenants, &old).await.expect_err("it has ended").to_string();
        assert!(refused.contains("401") && refused.contains("expired"), "{refused}");
        assert_eq!(register(&tenants, &new).await?, "wind-east-hub.azure-devices.net");
        tenants.end().await
    })
}

#[test]
fn what_cannot_sign_is_refused_with_a_sentence_that_says_what_to_do() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::of("unfit", Example::read("s0-x509.yaml", "unfit")?, cloud_options()).await?;
        let leaf = authority("leaf", |params| params.is_ca = IsCa::ExplicitNoCa)?;
        let lists = authority("lists", |params| params.key_usages = vec![KeyUsagePurpose::CrlSign])?;
        let ended = authority("ended", |params| params.not_after = rcgen::date_time_ymd(2026, 1, 1))?;
        let none = ("not a certificate".to_owned(), leaf.1.clone());
        let stalled = async |reason: &str, sentence: &str| -> anyhow::Result<()> {
            let group = tenants.until("EnrollmentGroup", "wind-platform", "wind-turbines", "Stalled", reason).await?;
            let told = group["status"]["conditions"][2]["message"].as_str().unwrap_or_default().to_owned();
            assert!(told.contains(sentence), "{told}");
            Ok(())
        };
        stalled("DependencyMissing", "kubectl create secret tls").await?;
        let table = [
            (none, "SecretMalformed", "put the authority's certificate there, in PEM"),
            (leaf, "NotAnAuthority", "basicConstraints lacks CA:TRUE"),
            (ended, "CertificateExpired", "the authority CN=ended"),
            (lists, "NotAnAuthority", "have it issued anew with that usage"),
        ];
        for ((certificate, key), reason, sentence) in table {
            keep(&tenants, "wind-ca-2026", &certificate, &key).await?;
            stalled(reason, sentence).await?;
        }
        assert!(!tenants.snapshot().contains("wind-turbines"), "{}", tenants.snapshot());

        let (certificate, key) = authority("Wind devices 2026", |_| ())?;
        keep(&tenants, "wind-ca-2026", &certificate, &key).await?;
        tenants.harness.until_all_ready().await?;
        tenants.end().await
    })
}

/// The same at a time at which the service takes another registration of the device.
async fn again(tenants: &Tenants, secret: &Secret) -> anyhow::Result<String> {
    tenants.harness.cloud().advance(SignedDuration::from_mins(1)).await?;
    register(tenants, secret).await
}

#[test]
fn an_authority_whose_secret_is_issued_anew_locks_no_device_out() -> anyhow::Result<()> {
    block_on(async {
        let tenants = wind("rekeyed").await?;
        let old = secret(&tenants).await?;
        register(&tenants, &old).await?;
        // As cert-manager does by default in many charts: the same Secret, another key.
        let (certificate, key) = authority("Wind devices 2026", |_| ())?;
        keep(&tenants, "wind-ca-2026", &certificate, &key).await?;
        let new = renewed(&tenants, &old).await?;
        tenants.harness.until_all_ready().await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        for credential in [&old, &new] {
            again(&tenants, credential).await?;
        }
        // A third one finds no place beside the first, whose devices may not have followed.
        let (certificate, key) = authority("Wind devices 2026", |_| ())?;
        keep(&tenants, "wind-ca-2026", &certificate, &key).await?;
        let asked = tenants.until("EnrollmentGroup", "wind-platform", "wind-turbines", "Reconciling", "AwaitingConfirmation").await?;
        for credential in [&old, &new] {
            again(&tenants, credential).await?;
        }
        let message = asked["status"]["conditions"][1]["message"].as_str().unwrap_or_default();
        let annotation = message.split("annotate this object with ").nth(1).unwrap_or_default();
        tenants.annotate("EnrollmentGroup", "wind-platform", "wind-turbines", annotation).await?;
        let newest = renewed(&tenants, &new).await?;
        tenants.harness.until_all_ready().await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        for credential in [&new, &newest] {
            again(&tenants, credential).await?;
        }
        assert!(again(&tenants, &old).await.is_err(), "its devices had followed, as was said");
        tenants.end().await
    })
}
