//! The metrics of the binary: counts for everybody, and what names objects for those whom the cluster lets read it.

use moorage_tests::controlplane::{block_on, shared};
use moorage_tests::example::Example;
use moorage_tests::harness::{Harness, SOON, SUBSCRIPTION, cloud_options, fabrikam_s_past, marked};
use moorage_tests::wait::{NotYet, until};
use rcgen::{CertificateParams, KeyPair};
use reqwest::{Certificate, Client, StatusCode};
use rustix::process::Signal;
use serde_json::json;

use crate::binary::Process;

/// What the operator's metrics' port answers to whoever trusts one certificate.
struct Scraper {
    http: Client,
    url: String,
}

impl Scraper {
    async fn get(&self, token: Option<&str>) -> anyhow::Result<(StatusCode, String)> {
        let request = self.http.get(&self.url);
        let answer = token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth).send().await?;
        Ok((answer.status(), answer.text().await?))
    }

    async fn status(&self, token: Option<&str>) -> anyhow::Result<StatusCode> {
        Ok(self.get(token).await?.0)
    }
}

/// Makes a service account that may read metrics, as the documentation tells an administrator to.
async fn reader(harness: &Harness) -> anyhow::Result<String> {
    let namespace = harness.operator_namespace();
    harness.kubectl(&["create", "serviceaccount", "prometheus", "-n", &namespace], "").await?;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": { "name": format!("moorage-metrics-reader-{namespace}"), "labels": marked(harness.control()) },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "moorage-metrics-reader" },
        "subjects": [{ "kind": "ServiceAccount", "name": "prometheus", "namespace": namespace }],
    });
    harness.kubectl(&["create", "-f", "-"], &binding.to_string()).await?;
    token(harness, &namespace, "prometheus", &[]).await
}

async fn token(harness: &Harness, namespace: &str, service_account: &str, more: &[&str]) -> anyhow::Result<String> {
    let told = harness.kubectl(&[&["create", "token", service_account, "-n", namespace], more].concat(), "").await?;
    Ok(told.trim().to_owned())
}

#[test]
fn counts_are_for_everybody_and_what_names_objects_for_those_who_may_get_the_metrics() -> anyhow::Result<()> {
    block_on(async {
        let example = Example::read("s0-tenants.yaml", "metrics")?;
        let harness = Harness::set(shared().await?, "metrics", &example.namespaces(), cloud_options()).await?;
        harness.cloud().seed(fabrikam_s_past);
        let prometheus = reader(&harness).await?;
        let files = tempfile::tempdir()?;
        let (certificate, key) = (files.path().join("tls.crt"), files.path().join("tls.key"));
        let signing = KeyPair::generate()?;
        let signed = CertificateParams::new(["127.0.0.1".to_owned()])?.self_signed(&signing)?;
        std::fs::write(&certificate, signed.pem())?;
        std::fs::write(&key, signing.serialize_pem())?;
        let tls = ["--metrics-tls-cert", &certificate.to_string_lossy(), "--metrics-tls-key", &key.to_string_lossy(), "--follow-clock"];
        let mut process = Process::start(&harness, "moorage-0", harness.login(), harness.cloud().address(), &tls).await?;
        harness.apply(&example).await?;
        harness.until_all_ready().await?;

        let trusted = Certificate::from_pem(signed.pem().as_bytes())?;
        let http = Client::builder().no_proxy().tls_certs_only([trusted]).build()?;
        let scraper = Scraper { http, url: format!("https://{}/metrics", process.metrics_address()) };
        let contoso = example.namespace("contoso");
        let tenant = token(&harness, &contoso, "default", &[]).await?;
        let for_somebody_else = token(&harness, &harness.operator_namespace(), "prometheus", &["--audience=api://elsewhere"]).await?;

        assert_eq!(scraper.status(None).await?, StatusCode::UNAUTHORIZED);
        assert_eq!(scraper.status(Some("nobody's")).await?, StatusCode::UNAUTHORIZED);
        assert_eq!(scraper.status(Some(&for_somebody_else)).await?, StatusCode::UNAUTHORIZED);
        let (status, told) = scraper.get(Some(&tenant)).await?;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert!(!told.contains("moorage_effects"), "{told}");

        // The API server's authorizer learns of the binding by a watch.
        let everything = until("Prometheus reads the metrics", SOON, || async {
            let (status, told) = scraper.get(Some(&prometheus)).await.map_err(|error| NotYet::seen(format!("{error:#}")))?;
            if status == StatusCode::OK { Ok(told) } else { Err(NotYet::seen(format!("{status}: {told}"))) }
        })
        .await?;
        let counted = r#"moorage_effects_total{kind="DeviceCredential",target="cluster",reason="CreateSecret",outcome="Done"} 4"#;
        let named = [format!(r#"namespace="{contoso}",name="contoso-us""#), format!(r#"scope="the account for {SUBSCRIPTION} as "#)];
        assert!(everything.contains(counted) && named.iter().all(|name| everything.contains(name)), "{everything}");

        let counts = process.get("/metrics").await?;
        assert!(counts.contains(counted), "{counts}");
        let of_tenants = ["contoso", "fabrikam", "platform", SUBSCRIPTION, "azure-devices"];
        assert!(of_tenants.iter().all(|name| !counts.contains(name)), "{counts}");

        process.signal(Signal::TERM)?;
        assert!(process.ended().await?.success());
        let log = process.log();
        assert!([&tenant, &prometheus, &for_somebody_else].iter().all(|token| !log.contains(token.as_str())), "{log}");
        Ok(())
    })
}
