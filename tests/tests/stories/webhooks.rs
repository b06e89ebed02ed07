//! Custom allocation: a program of the customer's chooses a device's hub, and its URL is a secret.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use moorage_simulator::{Options, Webhooks};
use moorage_tests::controlplane::block_on;
use moorage_tests::example::Example;
use moorage_tests::harness::cloud_options;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use moorage_tests::tenants::{EAST, Tenants};

const HOST: &str = "allocate.presses.example";
const CODE: &str = "dHVyYmluZS1mdW5jdGlvbi1rZXk";
const CHOSEN: &str = "presses-small-hub.azure-devices.net";

/// A function that sends every device to the one hub, if the question comes with its key.
async fn function() -> anyhow::Result<(SocketAddr, String)> {
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()])?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
    let chain: Vec<CertificateDer<'static>> = vec![made.cert.der().clone()];
    let tls = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    let tls = tls.with_safe_default_protocol_versions()?.with_no_client_auth().with_single_cert(chain, key)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let tls = TlsAcceptor::from(Arc::new(tls));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = tls.accept(stream).await else { continue };
            let service = hyper::service::service_fn(answer);
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok((address, made.cert.pem()))
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let knows = request.uri().query() == Some(&format!("code={CODE}"));
    let (status, body) = if knows { (200, json!({ "iotHubHostName": CHOSEN }).to_string()) } else { (401, String::new()) };
    Ok(Response::builder().status(status).body(Full::new(Bytes::from(body))).expect("a status and a body"))
}

#[test]
fn s0_5_a_webhook_chooses_the_hub_and_its_url_goes_to_azure_and_nowhere_else() -> anyhow::Result<()> {
    block_on(async {
        let (address, root) = function().await?;
        let webhooks = Webhooks { hosts: vec![(HOST.to_owned(), address)], roots: vec![root], patience: Duration::from_secs(20) };
        let mut example = Example::read("s0-policies.yaml", "webhook")?;
        let mut device = example.object_mut("DeviceCredential", "press-1").expect("it is in the example").clone();
        device["metadata"]["name"] = json!("press-2");
        device["spec"]["enrollmentGroupRef"]["name"] = json!("presses-anywhere");
        example.objects_mut().push(device);
        let tenants = Tenants::of("webhook", example, Options { webhooks, ..cloud_options() }).await?;
        tenants.harness.until_all_ready().await?;

        let namespace = tenants.example.namespace("presses");
        let custom = json!({ "webhookUrlSecretRef": { "name": "webhook", "key": "url" }, "apiVersion": "2021-10-01" });
        let patch = json!({ "spec": { "allocationPolicy": "Custom", "customAllocation": custom } });
        tenants.patch("EnrollmentGroup", "presses", "presses-anywhere", &patch).await?;
        tenants.until("EnrollmentGroup", "presses", "presses-anywhere", "Stalled", "DependencyMissing").await?;
        let literal = format!("--from-literal=url=https://{HOST}/api/hub?code={CODE}");
        tenants.harness.kubectl(&["create", "secret", "generic", "webhook", "-n", &namespace, &literal], "").await?;
        tenants.until("EnrollmentGroup", "presses", "presses-anywhere", "Ready", "Ready").await?;
        // The other hub is nearer, and has three times its weight.
        let (hub, _) = tenants.device("presses", "press-2", EAST).await?.register(Some("deviceKey"), |_| {}).await?;
        assert_eq!(hub, CHOSEN);

        // What is told and written down is looked at for two drift periods.
        tenants.harness.cloud().advance(SignedDuration::from_mins(70)).await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        let told = tenants.harness.kubectl(&["get", "enrollmentgroups,configmaps,events.events.k8s.io", "-A", "-o", "json"], "").await?;
        assert!(told.contains("presses-anywhere") && !told.contains(CODE) && !told.contains(HOST));
        tenants.end().await
    })
}
