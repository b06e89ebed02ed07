//! One request from the listener to its answer: log, description, faults, effect.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use jiff::Timestamp;

use crate::engine::cloud::Cloud;
use crate::engine::faults::Fault;
use crate::engine::http::body::Delivery;
use crate::engine::http::{Request, Response};
use crate::engine::log::LoggedRequest;
use crate::engine::server::Server;
use crate::spec::{Finding, product_of};

/// The connection ends here without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was cut by the fault plan")]
pub(crate) struct Cut;

/// Answers a request to a simulated host, or cuts its connection.
pub(crate) async fn serve<C: Cloud>(server: &Arc<Server<C>>, request: &Request) -> Result<(Response, Delivery), Cut> {
    let mut finding = C::check(request);
    let read = finding.as_read.take().map(|body| Request { json: Some(body).filter(|body| !body.is_null()), ..request.clone() });
    let request = read.as_ref().unwrap_or(request);
    handle(server, request, &finding, |cloud, now| cloud.answer(request, now)).await
}

/// Has a step of an MQTT connection take effect; `None` when the connection is to be cut.
pub(crate) async fn step<C: Cloud>(
    server: &Arc<Server<C>>,
    request: &Request,
    effect: impl FnOnce(&mut C, Timestamp) -> Response,
) -> Option<Response> {
    // Of MQTT there is no OpenAPI.
    let outcome = handle(server, request, &Finding::default(), effect).await;
    outcome.ok().filter(|(_, delivery)| *delivery == Delivery::Whole).map(|(response, _)| response)
}

/// Logs a request and lets the fault plan decide how it takes effect.
async fn handle<C: Cloud>(
    server: &Arc<Server<C>>,
    request: &Request,
    finding: &Finding,
    effect: impl FnOnce(&mut C, Timestamp) -> Response,
) -> Result<(Response, Delivery), Cut> {
    let (seq, fault) = note(server, request, finding);
    let now = server.clock.now();
    let delivery = match fault {
        Some(Fault::LostBefore) => return Err(Cut),
        Some(Fault::Throttle { retry_after }) => {
            let response = failure::<C>(request, 429, now).with("retry-after", retry_after.to_string());
            return Ok((logged(server, request, seq, response), Delivery::Whole));
        }
        Some(Fault::Status(status)) => {
            return Ok((logged(server, request, seq, failure::<C>(request, status, now)), Delivery::Whole));
        }
        Some(Fault::Slow(milliseconds)) => {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            Delivery::Whole
        }
        Some(Fault::Truncated) => Delivery::Truncated,
        Some(Fault::Oversized(length)) => Delivery::Oversized(length),
        Some(Fault::LostAfter) | None => Delivery::Whole,
    };
    let held = server.strictness.holds(&request.headers);
    let response = if finding.refused || (held && !finding.violations.is_empty()) {
        refuse::<C>(request, finding, now)
    } else {
        let response = server.change(effect);
        server.log.note_answer(seq, finding.operation(), response.status, C::check_answer(finding, &response));
        response
    };
    let response = logged(server, request, seq, response);
    let nothing_to_truncate = delivery == Delivery::Truncated && response.body.is_none();
    if fault == Some(Fault::LostAfter) || nothing_to_truncate {
        return Err(Cut);
    }
    Ok((response, delivery))
}

/// Whether a request can change anything, so that a repeated read is no write.
fn writes<C: Cloud>(request: &Request) -> bool {
    match request.method {
        Method::GET | Method::HEAD => false,
        Method::POST => !C::only_reads(request),
        _ => true,
    }
}

/// Writes the request into the log and finds the fault that hits it.
fn note<C: Cloud>(server: &Server<C>, request: &Request, finding: &Finding) -> (u64, Option<Fault>) {
    let caller = server.cloud().caller(request);
    let seq = server.log.push(LoggedRequest {
        seq: 0,
        when: server.clock.now(),
        remote_ip: request.peer.address,
        caller: caller.clone(),
        host: request.host.clone(),
        method: request.method.to_string(),
        path: request.path.clone(),
        query: request.query.clone(),
        operation: finding.operation().map(str::to_owned),
        status: None,
        writes: writes::<C>(request),
        fault: None,
        held: server.strictness.holds(&request.headers),
        product: product_of(&request.headers).to_owned(),
        violations: finding.violations.clone(),
    });
    let fault = server.faults.fault_for(seq, request, finding.operation(), &caller);
    server.log.complete(seq, |entry| entry.fault = fault);
    (seq, fault)
}

fn logged<C: Cloud>(server: &Server<C>, request: &Request, seq: u64, response: Response) -> Response {
    server.log.complete(seq, |entry| entry.status = Some(response.status));
    C::traced(request, seq, response)
}

/// The answer to a request that the fault plan fails.
fn failure<C: Cloud>(request: &Request, status: u16, now: Timestamp) -> Response {
    let text = if status == 429 { "Too many requests." } else { "The fault plan says so." };
    C::error(request, status, text, now)
}

fn refuse<C: Cloud>(request: &Request, finding: &Finding, now: Timestamp) -> Response {
    let text = format!("The request breaks the published OpenAPI: {}", finding.violations.join("; "));
    C::spec_error(request, finding, &text, now)
}
