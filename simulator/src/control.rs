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
use crate::engine::http::{Outcome, Request, Response};
use crate::engine::server::Server;
use crate::engine::snapshot::Secrets;

/// Answers a control request.
pub(crate) fn answer<'a, C: Cloud>(server: &'a Arc<Server<C>>, request: &'a Request) -> Boxed<'a, Response> {
    Box::pin(answered(server, request))
}

fn unknown() -> Response {
    Response::json(404, json!({ "message": "No such control." }))
}

async fn answered<C: Cloud>(server: &Server<C>, request: &Request) -> Response {
    let path: Vec<&str> = request.segments.iter().skip(1).map(String::as_str).collect();
    let outcome = match (request.method.as_str(), path.as_slice()) {
        ("GET", ["clock"]) => Ok(clock(server)),
        ("POST", ["clock", "follow"]) => follow(server, request).await,
        ("POST", ["advance"]) => advance(server, request).await,
        ("GET", ["faults"]) => Ok(Response::json(200, json!({ "hits": server.faults.hits() }))),
        ("POST", ["faults"]) => add_faults(server, request),
        ("DELETE", ["faults"]) => {
            server.faults.clear();
            Ok(Response::new(204))
        }
        ("GET", ["requests"]) => Ok(Response::json(200, json!(server.log.requests()))),
        ("GET", ["violations"]) => Ok(Response::json(
            200,
            json!({
                "requests": server.log.violations(),
                "answers": server.log.answer_violations(),
            }),
        )),
        ("GET", ["snapshot"]) => Ok(snapshot(server, request)),
        ("GET", ["ca"]) => Ok(Response::json(200, json!({ "pem": server.authority.pem() }))),
        ("GET", path) => server.cloud().control(path).ok_or_else(unknown),
        _ => Err(unknown()),
    };
    outcome.unwrap_or_else(|refusal| refusal)
}

fn body<T: for<'a> Deserialize<'a>>(request: &Request) -> Result<T, Response> {
    serde_json::from_slice(&request.bytes).map_err(|error| Response::json(400, json!({ "message": error.to_string() })))
}

fn read(reading: &Reading) -> Value {
    json!({
        "now": reading.now,
        "offset": reading.offset,
        "offset_ns": i64::try_from(reading.offset.as_nanos()).unwrap_or(i64::MAX),
    })
}

fn clock<C: Cloud>(server: &Server<C>) -> Response {
    let mut value = read(&server.clock.read());
    value["followers"] = server.clock.followers();
    Response::json(200, value)
}

async fn follow<C: Cloud>(server: &Server<C>, request: &Request) -> Outcome {
    let report: Report = body(request)?;
    let reading = server.clock.follow(report).await;
    Ok(Response::json(200, read(&reading)))
}

/// Where to move the clock; one of the two.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Destination {
    To(Timestamp),
    By(Span),
}

async fn advance<C: Cloud>(server: &Server<C>, request: &Request) -> Outcome {
    let target = match body(request)? {
        Destination::To(time) => Target::To(time),
        Destination::By(span) => {
            let by: SignedDuration = span
                .to_duration(SpanRelativeTo::days_are_24_hours())
                .map_err(|error| Response::json(400, json!({ "message": error.to_string() })))?;
            Target::By(by)
        }
    };
    match server.advance(target).await {
        Ok(now) => Ok(Response::json(200, json!({ "now": now }))),
        Err(error) => Err(Response::json(409, json!({ "message": error.to_string() }))),
    }
}

fn add_faults<C: Cloud>(server: &Server<C>, request: &Request) -> Outcome {
    let many = request.json.as_ref().is_some_and(Value::is_array);
    let rules: Vec<Rule> = if many { body(request)? } else { vec![body(request)?] };
    for rule in rules {
        server.faults.add(rule).map_err(|error| Response::json(400, json!({ "message": error.to_string() })))?;
    }
    Ok(Response::new(204))
}

fn snapshot<C: Cloud>(server: &Server<C>, request: &Request) -> Response {
    let secrets = match request.parameter("secrets") {
        Some("names") => Secrets::Names,
        _ => Secrets::Fingerprints,
    };
    let text = server.snapshot(secrets);
    Response::json(200, json!({ "snapshot": text.lines().collect::<Vec<_>>() }))
}
