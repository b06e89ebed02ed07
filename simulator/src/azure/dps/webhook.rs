//! Custom allocation: the service asks a program of the customer's which hub a device goes to
//! (Microsoft Learn: "Understand custom allocation policies").

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::azure::dps::assignment::{self, Failure};
use crate::azure::dps::service::{Assignment, Credential, Question, Registration};
use crate::azure::dps::service_api;
use crate::azure::options::Webhooks;
use crate::azure::state::Azure;
use crate::engine::server::Server;
use crate::engine::tls;

/// What a webhook decided.
pub(crate) struct Allocation {
    pub host: String,
    pub initial_twin: Option<Value>,
    /// What the device is to be told.
    pub payload: Option<Value>,
}

/// The question about a device, if its enrollment leaves the allocation to a webhook.
pub(crate) fn question(
    azure: &Azure,
    service: &str,
    operation: &str,
    assignment: &Assignment,
    before: Option<&Registration>,
) -> Option<Question> {
    let there = &azure.provisioning()[service];
    let asked = there.enrollment(&assignment.through, &assignment.registration)?;
    let hub = before.and_then(|record| record.hub.as_ref());
    let stays = hub.is_some() && !asked.update_hub_assignment;
    if !asked.enabled || stays || asked.allocation_policy.as_deref() != Some("custom") {
        return None;
    }
    let definition = asked.rest.get("customAllocationDefinition")?;
    let version = definition["apiVersion"].as_str().unwrap_or_default();
    let (sort, document) = service_api::told(there, &assignment.through, &assignment.registration, version)?;
    let mut device = json!({ "registrationId": assignment.registration });
    if let Some(hub) = hub {
        device["currentIotHubHostName"] = hub.as_str().into();
        device["currentDeviceId"] = assignment.device.as_str().into();
    }
    match &assignment.credential {
        Credential::Key(_) => device["symmetricKey"] = json!({}),
        Credential::Certificate(thumbprint) => {
            device["x509"] = json!({ "clientCertificates": { "primary": { "info": { "sha1Thumbprint": thumbprint } } } });
        }
    }
    if let Some(payload) = &assignment.payload {
        device["payload"] = payload.clone();
    }
    let links = assignment::links(there, asked).into_iter().map(|link| link.host.as_str());
    let body = json!({ sort: document, "deviceRuntimeContext": device, "linkedHubs": links.collect::<Vec<_>>() });
    let url = definition["webhookUrl"].as_str().unwrap_or_default().to_owned();
    Some(Question { service: service.to_owned(), operation: operation.to_owned(), url, body })
}

struct Book(HashMap<String, SocketAddr>);

impl Resolve for Book {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.0.get(&name.as_str().to_lowercase()).copied();
        let found = found.map(|address| Box::new(std::iter::once(address)) as Addrs);
        let unknown = format!("no webhook is known at {}", name.as_str());
        Box::pin(std::future::ready(found.ok_or_else(|| unknown.into())))
    }
}

/// A client that finds nothing but the webhooks of the options.
pub(crate) fn client(webhooks: &Webhooks) -> io::Result<reqwest::Client> {
    let mut roots = RootCertStore::empty();
    for pem in &webhooks.roots {
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).map_err(io::Error::other)?).map_err(io::Error::other)?;
    }
    let tls = rustls::ClientConfig::builder_with_provider(tls::provider());
    let tls = tls.with_safe_default_protocol_versions().map_err(io::Error::other)?.with_root_certificates(roots).with_no_client_auth();
    let hosts = webhooks.hosts.iter().map(|(host, address)| (host.to_lowercase(), *address)).collect();
    let builder = reqwest::Client::builder().tls_backend_preconfigured(tls).https_only(true).dns_resolver(Arc::new(Book(hosts)));
    builder.no_proxy().redirect(Policy::none()).retry(reqwest::retry::never()).build().map_err(io::Error::other)
}

/// Puts every question, and has its registration go on with the answer; until the task is aborted.
pub(crate) async fn serve(client: reqwest::Client, patience: Duration, server: Arc<Server<Azure>>) {
    let notify = Arc::clone(&server.cloud().questions().notify);
    let mut asked = JoinSet::new();
    loop {
        tokio::select! {
            () = notify.notified() => {
                let waiting = std::mem::take(&mut server.cloud().questions_mut().waiting);
                for question in waiting {
                    asked.spawn(settle(client.clone(), patience, question, Arc::clone(&server)));
                }
            }
            Some(_) = asked.join_next() => {}
        }
    }
}

async fn settle(client: reqwest::Client, patience: Duration, question: Question, server: Arc<Server<Azure>>) {
    let response = tokio::time::timeout(patience, ask(&client, &question)).await;
    let response = response.unwrap_or_else(|_| Err(failed("the webhook does not answer in time")));
    let mut azure = server.cloud();
    let now = server.clock.now();
    azure.settle(now);
    assignment::allocated(&mut azure, &question.service, &question.operation, response, now);
}

fn failed(why: &str) -> Failure {
    (400_207, format!("CustomAllocationFailed: {why}."))
}

async fn ask(client: &reqwest::Client, question: &Question) -> Result<Allocation, Failure> {
    let sent = client.post(&question.url).json(&question.body).send().await;
    // Its address may have a key in it, so nothing is told of why.
    let response = sent.map_err(|_| failed("the webhook cannot be reached over HTTPS"))?;
    match response.status().as_u16() {
        200..=299 => {}
        401 | 403 => return Err((400_211, "CustomAllocationUnauthorizedAccess: the webhook refuses the service.".to_owned())),
        status => return Err(failed(&format!("the webhook answers {status}"))),
    }
    let bytes = response.bytes().await.map_err(|_| failed("the webhook's answer ends early"))?;
    read(&bytes)
}

fn read(bytes: &[u8]) -> Result<Allocation, Failure> {
    let nothing = || (400_208, "CustomAllocationIotHubNotSpecified: the webhook names no hub.".to_owned());
    if bytes.is_empty() {
        return Err(nothing());
    }
    let response: Value = serde_json::from_slice(bytes).map_err(|_| failed("the webhook's answer is no JSON"))?;
    let object = |field: &str| match &response[field] {
        Value::Null => Ok(None),
        value @ Value::Object(_) => Ok(Some(value.clone())),
        _ => Err(failed(&format!("the webhook's {field} is no object"))),
    };
    Ok(Allocation {
        host: response["iotHubHostName"].as_str().filter(|host| !host.is_empty()).ok_or_else(nothing)?.to_lowercase(),
        initial_twin: object("initialTwin")?,
        payload: object("payload")?,
    })
}
