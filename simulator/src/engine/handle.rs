//! One request from the listener to its answer: log, description, faults, effect.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use jiff::Timestamp;

use crate::engine::cloud::Cloud;
use crate::engine::faults::Fault;
use crate::engine::http::body::Delivery;
use crate::engine::http::{Answer, Call};
use crate::engine::log::LoggedRequest;
use crate::engine::server::Server;
use crate::spec::Finding;

/// The connection ends here without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was cut by the fault plan")]
pub(crate) struct Cut;

/// Answers a request to a simulated host, or cuts its connection.
pub(crate) async fn serve<C: Cloud>(server: &Arc<Server<C>>, call: &Call) -> Result<(Answer, Delivery), Cut> {
    let finding = C::check(call);
    handle(server, call, &finding, |cloud, now| cloud.answer(call, now)).await
}

/// Has a step of an MQTT connection take effect; `None` when the connection is to be cut.
pub(crate) async fn step<C: Cloud>(
    server: &Arc<Server<C>>,
    call: &Call,
    effect: impl FnOnce(&mut C, Timestamp) -> Answer,
) -> Option<Answer> {
    // Of MQTT there is no OpenAPI.
    let outcome = handle(server, call, &Finding::default(), effect).await;
    outcome.ok().filter(|(_, delivery)| *delivery == Delivery::Whole).map(|(answer, _)| answer)
}

/// Logs a request and lets the fault plan decide how it takes effect.
async fn handle<C: Cloud>(
    server: &Arc<Server<C>>,
    call: &Call,
    finding: &Finding,
    effect: impl FnOnce(&mut C, Timestamp) -> Answer,
) -> Result<(Answer, Delivery), Cut> {
    let (seq, fault) = note(server, call, finding);
    let now = server.clock.now();
    let delivery = match fault {
        Some(Fault::LostBefore) => return Err(Cut),
        Some(Fault::Throttle { retry_after }) => {
            let answer = failure::<C>(call, 429, now).with("retry-after", retry_after.to_string());
            return Ok((logged(server, call, seq, answer), Delivery::Whole));
        }
        Some(Fault::Status(status)) => {
            return Ok((logged(server, call, seq, failure::<C>(call, status, now)), Delivery::Whole));
        }
        Some(Fault::Slow(milliseconds)) => {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            Delivery::Whole
        }
        Some(Fault::Truncated) => Delivery::Truncated,
        Some(Fault::Oversized(length)) => Delivery::Oversized(length),
        Some(Fault::LostAfter) | None => Delivery::Whole,
    };
    let answer = if server.strict && !finding.violations.is_empty() {
        refuse::<C>(call, finding, now)
    } else {
        let answer = server.change(effect);
        server.log.note_answer(seq, finding.operation(), answer.status, C::check_answer(finding, &answer));
        answer
    };
    let answer = logged(server, call, seq, answer);
    let nothing_to_truncate = delivery == Delivery::Truncated && answer.body.is_none();
    if fault == Some(Fault::LostAfter) || nothing_to_truncate {
        return Err(Cut);
    }
    Ok((answer, delivery))
}

/// Whether a request can change anything, so that a repeated read is no write.
fn writes<C: Cloud>(call: &Call) -> bool {
    match call.method {
        Method::GET | Method::HEAD => false,
        Method::POST => !C::only_reads(call),
        _ => true,
    }
}

/// Writes the request into the log and finds the fault that hits it.
fn note<C: Cloud>(server: &Server<C>, call: &Call, finding: &Finding) -> (u64, Option<Fault>) {
    let caller = server.cloud().caller(call);
    let seq = server.log.push(LoggedRequest {
        seq: 0,
        when: server.clock.now(),
        remote_ip: call.peer.address,
        caller: caller.clone(),
        host: call.host.clone(),
        method: call.method.to_string(),
        path: call.path.clone(),
        query: call.query.clone(),
        operation: finding.operation().map(str::to_owned),
        status: None,
        writes: writes::<C>(call),
        fault: None,
        violations: finding.violations.clone(),
    });
    let fault = server.faults.strike(seq, call, finding.operation(), &caller);
    server.log.complete(seq, |entry| entry.fault = fault);
    (seq, fault)
}

fn logged<C: Cloud>(server: &Server<C>, call: &Call, seq: u64, answer: Answer) -> Answer {
    server.log.complete(seq, |entry| entry.status = Some(answer.status));
    C::traced(call, seq, answer)
}

/// The answer to a request that the fault plan fails.
fn failure<C: Cloud>(call: &Call, status: u16, now: Timestamp) -> Answer {
    let text = if status == 429 { "Too many requests." } else { "The fault plan says so." };
    C::error(call, status, text, now)
}

fn refuse<C: Cloud>(call: &Call, finding: &Finding, now: Timestamp) -> Answer {
    let text = format!("The request breaks the published OpenAPI: {}", finding.violations.join("; "));
    C::spec_error(call, finding, &text, now)
}
