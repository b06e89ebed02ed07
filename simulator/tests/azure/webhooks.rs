//! Custom allocation: a webhook of the customer's decides.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::bench::{self, Bench, Device, GROUP_KEY, HUBS, call, derive, group_body, sas};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use moorage_simulator::{Options, Webhooks};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const HOST: &str = "allocate.contoso.example";
const WEST: &str = "hub-west.azure-devices.net";

/// A customer's program at a local address, which answers by its path and remembers what it was asked.
struct Program {
    address: SocketAddr,
    root: String,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Program {
    async fn start() -> Self {
        let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let chain: Vec<CertificateDer<'static>> = vec![made.cert.der().clone()];
        let tls = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
        let tls = tls.with_safe_default_protocol_versions().unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let program = Self { address: listener.local_addr().unwrap(), root: made.cert.pem(), asked: Arc::default() };
        let (tls, asked) = (TlsAcceptor::from(Arc::new(tls)), Arc::clone(&program.asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, asked) = (tls.clone(), Arc::clone(&asked));
                tokio::spawn(async move {
                    let Ok(stream) = tls.accept(stream).await else { return };
                    let service = hyper::service::service_fn(move |request| answer(request, Arc::clone(&asked)));
                    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        program
    }

    fn options(&self) -> Options {
        let hosts = vec![(HOST.to_owned(), self.address)];
        let webhooks = Webhooks { hosts, roots: vec![self.root.clone()], patience: Duration::from_millis(500) };
        Options { webhooks, ..bench::options() }
    }
}

async fn answer(request: Request<Incoming>, asked: Arc<Mutex<Vec<Value>>>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    asked.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
    let (status, text) = match path.as_str() {
        "/west" => (200, json!({ "iotHubHostName": WEST }).to_string()),
        "/whole" => {
            let twin = json!({ "tags": { "from": "webhook" }, "properties": { "desired": { "rate": 5 } } });
            (200, json!({ "iotHubHostName": WEST, "initialTwin": twin, "payload": { "site": "west" } }).to_string())
        }
        "/foreign" => (200, json!({ "iotHubHostName": "foreign.azure-devices.net" }).to_string()),
        "/silent" => (200, "{}".to_owned()),
        "/empty" => (200, String::new()),
        "/text" => (200, "west".to_owned()),
        "/barred" => (401, String::new()),
        "/slow" => std::future::pending().await,
        _ => (500, String::new()),
    };
    Ok(Response::builder().status(status).body(Full::from(text)).unwrap())
}

fn group(path: &str) -> Value {
    let mut body = group_body("g1", &HUBS.map(|(name, _)| format!("{name}.azure-devices.net")));
    body["allocationPolicy"] = json!("custom");
    body["customAllocationDefinition"] = json!({ "webhookUrl": format!("https://{HOST}{path}"), "apiVersion": "2021-10-01" });
    body["initialTwin"] = json!({ "tags": { "from": "enrollment" } });
    body
}

async fn allocating(program: &Program, path: &str) -> (Bench, String) {
    let bench = Bench::with(program.options()).await;
    let scope = bench.provisioned(&HUBS).await;
    let put = bench.dps("PUT", "/enrollmentGroups/g1", &[("if-match", "*")], Some(&group(path))).await;
    assert_eq!(put.status, 200, "{}", put.body);
    (bench, scope)
}

/// Registers `press-1` of the group, and waits for as long as the webhook takes.
async fn register(bench: &Bench, scope: &str) -> Value {
    let base = format!("https://global.azure-devices-provisioning.net/{scope}/registrations/press-1");
    let expiry = bench.simulator.now().as_second() + 86_400;
    let signature = sas(&format!("{scope}/registrations/press-1"), &derive(GROUP_KEY, "press-1"), Some("registration"), expiry);
    let headers = [("authorization", signature.as_str())];
    let body = json!({ "registrationId": "press-1", "payload": { "line": 4 } });
    let begun = call(&bench.client, "PUT", &format!("{base}/register?api-version=2021-06-01"), &headers, Some(&body)).await;
    let url = format!("{base}/operations/{}?api-version=2021-06-01", begun.body["operationId"].as_str().unwrap());
    for _ in 0..200 {
        bench.settle().await;
        let got = call(&bench.client, "GET", &url, &headers, None).await;
        if got.status == 200 {
            assert_eq!(bench.simulator.answer_violations(), Vec::<String>::new());
            return got.body["registrationState"].clone();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Value::Null
}

#[tokio::test]
async fn a_webhook_is_told_of_the_device_and_says_which_hub_it_goes_to() {
    let program = Program::start().await;
    let (bench, scope) = allocating(&program, "/west").await;
    let mut told = bench.dps("GET", "/enrollmentGroups/g1", &[], None).await.body;
    let state = register(&bench, &scope).await;
    assert_eq!((&state["status"], &state["assignedHub"]), (&json!("assigned"), &json!(WEST)), "{state}");
    let hubs = ["hub-east.azure-devices.net", WEST];
    let device = json!({ "registrationId": "press-1", "symmetricKey": {}, "payload": { "line": 4 } });
    let wanted = json!({ "enrollmentGroup": told.take(), "deviceRuntimeContext": device, "linkedHubs": hubs });
    assert_eq!(program.asked.lock().unwrap()[0], wanted);
    register(&bench, &scope).await;
    let again = program.asked.lock().unwrap()[1]["deviceRuntimeContext"].clone();
    assert_eq!((&again["currentIotHubHostName"], &again["currentDeviceId"]), (&json!(WEST), &json!("press-1")));
}

#[tokio::test]
async fn what_a_webhook_wishes_for_the_twin_and_says_to_the_device_is_honoured() {
    let program = Program::start().await;
    let (bench, scope) = allocating(&program, "/whole").await;
    let state = register(&bench, &scope).await;
    assert_eq!(state["payload"], json!({ "site": "west" }));
    let record = bench.dps("GET", "/registrations/press-1", &[], None).await;
    assert_eq!(record.body["payload"], json!({ "site": "west" }));
    let twin = bench.hub("hub-west", "GET", "/twins/press-1", &[], None).await.body;
    assert_eq!((&twin["tags"], &twin["properties"]["desired"]["rate"]), (&json!({ "from": "webhook" }), &json!(5)));
}

#[tokio::test]
async fn a_webhook_that_wishes_no_twin_leaves_the_one_of_the_enrollment() {
    let program = Program::start().await;
    let (bench, scope) = allocating(&program, "/west").await;
    register(&bench, &scope).await;
    let twin = bench.hub("hub-west", "GET", "/twins/press-1", &[], None).await.body;
    assert_eq!(twin["tags"], json!({ "from": "enrollment" }));
}

#[tokio::test]
async fn a_webhook_that_does_not_say_which_hub_fails_the_registration_and_is_named_as_the_cause() {
    let program = Program::start().await;
    let rows = [
        ("/silent", "CustomAllocationIotHubNotSpecified: the webhook names no hub."),
        ("/empty", "CustomAllocationIotHubNotSpecified: the webhook names no hub."),
        ("/text", "CustomAllocationFailed: the webhook's answer is no JSON."),
        ("/foreign", "CustomAllocationFailed: foreign.azure-devices.net is not among the linked hubs."),
        ("/broken", "CustomAllocationFailed: the webhook answers 500."),
        ("/slow", "CustomAllocationFailed: the webhook does not answer in time."),
        ("/barred", "CustomAllocationUnauthorizedAccess: the webhook refuses the service."),
    ];
    for (path, message) in rows {
        let (bench, scope) = allocating(&program, path).await;
        let state = register(&bench, &scope).await;
        assert_eq!((&state["status"], &state["errorMessage"]), (&json!("failed"), &json!(message)), "{path}");
    }
}

#[tokio::test]
async fn a_webhook_elsewhere_than_the_options_say_is_never_called() {
    let program = Program::start().await;
    let (bench, scope) = allocating(&program, "/west").await;
    for url in ["https://another.example/west".to_owned(), format!("http://{HOST}/west")] {
        let mut body = group("/west");
        body["customAllocationDefinition"]["webhookUrl"] = json!(url);
        assert_eq!(bench.dps("PUT", "/enrollmentGroups/g1", &[("if-match", "*")], Some(&body)).await.status, 200);
        let state = register(&bench, &scope).await;
        assert_eq!(state["errorMessage"], "CustomAllocationFailed: the webhook cannot be reached over HTTPS.");
    }
    assert_eq!(*program.asked.lock().unwrap(), Vec::<Value>::new());
}

#[tokio::test]
async fn a_device_that_is_to_stay_where_it_is_asks_no_webhook() {
    let program = Program::start().await;
    let (bench, scope) = allocating(&program, "/west").await;
    register(&bench, &scope).await;
    let mut staying = group("/broken");
    staying["reprovisionPolicy"] = json!({ "updateHubAssignment": false, "migrateDeviceData": false });
    bench.dps("PUT", "/enrollmentGroups/g1", &[("if-match", "*")], Some(&staying)).await;
    let device = Device { scope: &scope, id: "press-1", group_key: GROUP_KEY, from: None };
    assert_eq!(bench.register(&device).await.body["registrationState"]["assignedHub"], WEST);
    assert_eq!(program.asked.lock().unwrap().len(), 1);
}
