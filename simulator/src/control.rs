//! `/sim/*`: the simulator's own controls, on every host name.

use std::sync::Arc;

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::clock::Reading;
use crate::engine::clock::advance::Target;
use crate::engine::clock::followers::Report;
use crate::engine::cloud::{Boxed, Cloud};
use crate::engine::faults::Rule;
use crate::engine::http::{Answer, Call, Outcome};
use crate::engine::server::Server;
use crate::engine::snapshot::Secrets;

/// Answers a control request.
pub(crate) fn answer<'a, C: Cloud>(server: &'a Arc<Server<C>>, call: &'a Call) -> Boxed<'a, Answer> {
    Box::pin(answered(server, call))
}

fn unknown() -> Answer {
    Answer::json(404, json!({ "message": "No such control." }))
}

async fn answered<C: Cloud>(server: &Server<C>, call: &Call) -> Answer {
    let path: Vec<&str> = call.segments.iter().skip(1).map(String::as_str).collect();
    let outcome = match (call.method.as_str(), path.as_slice()) {
        ("GET", ["clock"]) => Ok(clock(server)),
        ("POST", ["clock", "follow"]) => follow(server, call).await,
        ("POST", ["advance"]) => advance(server, call).await,
        ("GET", ["faults"]) => Ok(Answer::json(200, json!({ "hits": server.faults.hits() }))),
        ("POST", ["faults"]) => add_faults(server, call),
        ("DELETE", ["faults"]) => {
            server.faults.clear();
            Ok(Answer::new(204))
        }
        ("GET", ["requests"]) => Ok(Answer::json(200, json!(server.log.requests()))),
        ("GET", ["violations"]) => Ok(Answer::json(
            200,
            json!({
                "requests": server.log.violations(),
                "answers": server.log.answer_violations(),
            }),
        )),
        ("GET", ["snapshot"]) => Ok(snapshot(server, call)),
        ("GET", ["ca"]) => Ok(Answer::json(200, json!({ "pem": server.authority.pem() }))),
        ("GET", path) => server.cloud().control(path).ok_or_else(unknown),
        _ => Err(unknown()),
    };
    outcome.unwrap_or_else(|refusal| refusal)
}

fn body<T: for<'a> Deserialize<'a>>(call: &Call) -> Result<T, Answer> {
    serde_json::from_slice(&call.bytes).map_err(|error| Answer::json(400, json!({ "message": error.to_string() })))
}

fn read(reading: &Reading) -> Value {
    json!({
        "now": reading.now,
        "offset": reading.offset,
        "offset_ns": i64::try_from(reading.offset.as_nanos()).unwrap_or(i64::MAX),
    })
}

fn clock<C: Cloud>(server: &Server<C>) -> Answer {
    let mut value = read(&server.clock.read());
    value["followers"] = server.clock.followers();
    Answer::json(200, value)
}

async fn follow<C: Cloud>(server: &Server<C>, call: &Call) -> Outcome {
    let report: Report = body(call)?;
    let reading = server.clock.follow(report).await;
    Ok(Answer::json(200, read(&reading)))
}

/// Where to move the clock; one of the two.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Destination {
    To(Timestamp),
    By(Span),
}

async fn advance<C: Cloud>(server: &Server<C>, call: &Call) -> Outcome {
    let target = match body(call)? {
        Destination::To(time) => Target::To(time),
        Destination::By(span) => {
            let by: SignedDuration = span
                .to_duration(SpanRelativeTo::days_are_24_hours())
                .map_err(|error| Answer::json(400, json!({ "message": error.to_string() })))?;
            Target::By(by)
        }
    };
    match server.advance(target).await {
        Ok(now) => Ok(Answer::json(200, json!({ "now": now }))),
        Err(error) => Err(Answer::json(409, json!({ "message": error.to_string() }))),
    }
}

fn add_faults<C: Cloud>(server: &Server<C>, call: &Call) -> Outcome {
    let many = call.json.as_ref().is_some_and(Value::is_array);
    let rules: Vec<Rule> = if many { body(call)? } else { vec![body(call)?] };
    for rule in rules {
        server.faults.add(rule).map_err(|error| Answer::json(400, json!({ "message": error.to_string() })))?;
    }
    Ok(Answer::new(204))
}

fn snapshot<C: Cloud>(server: &Server<C>, call: &Call) -> Answer {
    let secrets = match call.parameter("secrets") {
        Some("names") => Secrets::Names,
        _ => Secrets::Fingerprints,
    };
    let text = server.snapshot(secrets);
    Answer::json(200, json!({ "snapshot": text.lines().collect::<Vec<_>>() }))
}
