//! One request from the door to its answer: log, spec, faults, service.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::azure::access::{directory, sas};
use crate::azure::arm;
use crate::azure::check::{self, Finding};
use crate::azure::dps::{device_api, service_api};
use crate::azure::iot_hub::registry;
use crate::azure::state::Azure;
use crate::engine::faults::Fault;
use crate::engine::http::body::Writing;
use crate::engine::http::{Answer, Call};
use crate::engine::listener::Cut;
use crate::engine::log::LoggedRequest;
use crate::simulator::Shared;

/// Which service a host name belongs to.
pub(crate) enum Face {
    Directory,
    Manager,
    /// The device API under its global name.
    Devices,
    /// A provisioning service under its own name, which serves both its APIs.
    Provisioning,
    Hub,
    Unknown,
}

impl Face {
    pub fn of(call: &Call) -> Self {
        let host = call.host.as_str();
        match host {
            "login.microsoftonline.com" => Self::Directory,
            "management.azure.com" => Self::Manager,
            "global.azure-devices-provisioning.net" => Self::Devices,
            _ if host.ends_with(".azure-devices-provisioning.net") => Self::Provisioning,
            _ if host.ends_with(".azure-devices.net") => Self::Hub,
            // Clients that can only be pointed at one local address are told apart by the path.
            "localhost" | "127.0.0.1" => {
                let first = call.segments.first().map(|first| first.to_lowercase());
                match first.as_deref() {
                    Some("subscriptions" | "providers") => Self::Manager,
                    _ => Self::Directory,
                }
            }
            _ => Self::Unknown,
        }
    }
}

/// Answers a request to a simulated host, or cuts its connection.
pub(crate) async fn serve(shared: &Arc<Shared>, call: &Call) -> Result<(Answer, Writing), Cut> {
    let finding = check::inspect(call);
    conduct(shared, call, &finding, |azure, now| dispatch(azure, call, now)).await
}

/// Has a step of an MQTT connection take effect; `None` when the connection is to be cut.
pub(crate) async fn step(shared: &Arc<Shared>, call: &Call, effect: impl FnOnce(&mut Azure, Timestamp) -> Answer) -> Option<Answer> {
    // Of MQTT there is no OpenAPI.
    let outcome = conduct(shared, call, &Finding::default(), effect).await;
    outcome.ok().filter(|(_, writing)| *writing == Writing::Whole).map(|(answer, _)| answer)
}

/// Logs a request and lets the fault plan decide how it takes effect.
async fn conduct(
    shared: &Arc<Shared>,
    call: &Call,
    finding: &Finding,
    effect: impl FnOnce(&mut Azure, Timestamp) -> Answer,
) -> Result<(Answer, Writing), Cut> {
    let (seq, fault) = note(shared, call, finding);
    let now = shared.clock.now();
    let writing = match fault {
        Some(Fault::LostBefore) => return Err(Cut),
        Some(Fault::Throttle { retry_after }) => {
            let answer = failure(call, 429, now).with("retry-after", retry_after.to_string());
            return Ok((logged(shared, call, seq, answer), Writing::Whole));
        }
        Some(Fault::Status(status)) => {
            return Ok((logged(shared, call, seq, failure(call, status, now)), Writing::Whole));
        }
        Some(Fault::Slow(milliseconds)) => {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            Writing::Whole
        }
        Some(Fault::Truncated) => Writing::Truncated,
        Some(Fault::Oversized(length)) => Writing::Oversized(length),
        Some(Fault::LostAfter) | None => Writing::Whole,
    };
    let answer = if shared.strict && !finding.violations.is_empty() {
        refuse(call, finding, now)
    } else {
        let answer = take_effect(shared, effect);
        shared.log.check_answer(seq, finding, &answer);
        answer
    };
    let answer = logged(shared, call, seq, answer);
    let nothing_to_truncate = writing == Writing::Truncated && answer.body.is_none();
    if fault == Some(Fault::LostAfter) || nothing_to_truncate {
        return Err(Cut);
    }
    Ok((answer, writing))
}

/// Writes the request into the log and finds the fault that hits it.
fn note(shared: &Shared, call: &Call, finding: &Finding) -> (u64, Option<Fault>) {
    let caller = caller(&shared.azure(), call);
    let seq = shared.log.push(LoggedRequest {
        seq: 0,
        when: shared.clock.now(),
        remote_ip: call.peer.address,
        caller: caller.clone(),
        host: call.host.clone(),
        method: call.method.to_string(),
        path: call.path.clone(),
        query: call.query.clone(),
        operation: finding.operation().map(str::to_owned),
        status: None,
        writes: call.writes(),
        fault: None,
        violations: finding.violations.clone(),
    });
    let fault = shared.faults.strike(seq, call, finding.operation(), &caller);
    shared.log.edit(seq, |entry| entry.fault = fault);
    (seq, fault)
}

fn take_effect(shared: &Shared, effect: impl FnOnce(&mut Azure, Timestamp) -> Answer) -> Answer {
    let mut azure = shared.azure();
    // Read under the lock, so that the cloud never sees time go back.
    let now = shared.clock.now();
    azure.settle(now);
    let answer = effect(&mut azure, now);
    azure.cut_stale_connections(now);
    answer
}

fn logged(shared: &Shared, call: &Call, seq: u64, answer: Answer) -> Answer {
    shared.log.edit(seq, |entry| entry.status = Some(answer.status));
    match Face::of(call) {
        Face::Manager => arm::traced(call, seq, answer),
        Face::Directory | Face::Devices | Face::Provisioning | Face::Hub | Face::Unknown => answer,
    }
}

fn dispatch(azure: &mut Azure, call: &Call, now: Timestamp) -> Answer {
    match Face::of(call) {
        Face::Manager => arm::answer(azure, call, now),
        Face::Devices => device_api::answer(azure, call, now, None),
        Face::Provisioning => {
            let device_call = call.segments.get(1).is_some_and(|kind| kind == "registrations");
            if device_call { device_api::answer(azure, call, now, Some(&call.host)) } else { service_api::answer(azure, call, now) }
        }
        Face::Hub => registry::answer(azure, call, now),
        Face::Directory => token_or_description(azure, call),
        Face::Unknown => Answer::json(404, json!({ "message": "No such host is simulated." })),
    }
}

fn token_or_description(azure: &mut Azure, call: &Call) -> Answer {
    if let Some(answer) = directory::describe(call) {
        return answer;
    }
    match call.segments.as_slice() {
        [tenant, oauth, version, token]
            if call.method == http::Method::POST && (oauth.as_str(), version.as_str(), token.as_str()) == ("oauth2", "v2.0", "token") =>
        {
            let tenant = tenant.clone();
            let Azure { directory, keyring, .. } = azure;
            crate::azure::entra::token::answer(directory, keyring, &tenant, call)
        }
        _ => Answer::json(404, json!({ "error": "not_found" })),
    }
}

/// The error body that the host's service writes for a status.
fn failure(call: &Call, status: u16, now: Timestamp) -> Answer {
    let text = if status == 429 { "Too many requests." } else { "The fault plan says so." };
    explained(call, status, text, now)
}

fn refuse(call: &Call, finding: &Finding, now: Timestamp) -> Answer {
    let text = format!("The request breaks the published OpenAPI: {}", finding.violations.join("; "));
    match Face::of(call) {
        Face::Manager => arm::not_understood(finding, &text),
        Face::Devices | Face::Provisioning => service_api::refusal::not_understood(finding, &text, now),
        Face::Directory | Face::Hub | Face::Unknown => explained(call, 400, &text, now),
    }
}

fn explained(call: &Call, status: u16, text: &str, now: Timestamp) -> Answer {
    match Face::of(call) {
        Face::Manager => arm::refused(status, text),
        Face::Devices | Face::Provisioning => service_api::refusal::refused(status, u32::from(status) * 1_000 + 1, text, now),
        Face::Hub => registry::failed(status, text),
        Face::Directory | Face::Unknown => {
            Answer::json(status, json!({ "error": "temporarily_unavailable", "error_description": text, "error_codes": [] }))
        }
    }
}

/// Who calls, as far as the credentials say it, without the credentials.
fn caller(azure: &Azure, call: &Call) -> String {
    if let Some(text) = call.bearer() {
        return azure.directory.token(text).map_or_else(|| "unknown".to_owned(), |token| token.client.clone());
    }
    let signature = call.header("authorization").and_then(sas::Signature::parse);
    match signature {
        Some(signature) => match signature.policy {
            Some(policy) if policy != "registration" => policy,
            _ => signature.resource.rsplit('/').next().unwrap_or_default().to_owned(),
        },
        None => String::new(),
    }
}
