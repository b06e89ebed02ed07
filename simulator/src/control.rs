//! `/sim/*`: the simulator's own controls, on every host name.

use std::sync::Arc;

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::clock::Reading;
use crate::engine::clock::advance::Target;
use crate::engine::clock::followers::Report;
use crate::engine::faults::Rule;
use crate::engine::http::{Answer, Call, Outcome};
use crate::engine::snapshot::Secrets;
use crate::simulator::Shared;

/// Answers a control request.
pub(crate) async fn answer(shared: &Arc<Shared>, call: &Call) -> Answer {
    let path: Vec<&str> = call.segments.iter().skip(1).map(String::as_str).collect();
    let outcome = match (call.method.as_str(), path.as_slice()) {
        ("GET", ["clock"]) => Ok(clock(shared)),
        ("POST", ["clock", "follow"]) => follow(shared, call).await,
        ("POST", ["advance"]) => advance(shared, call).await,
        ("GET", ["faults"]) => Ok(Answer::json(200, json!({ "hits": shared.faults.hits() }))),
        ("POST", ["faults"]) => add_faults(shared, call),
        ("DELETE", ["faults"]) => {
            shared.faults.clear();
            Ok(Answer::new(204))
        }
        ("GET", ["requests"]) => Ok(Answer::json(200, json!(shared.log.requests()))),
        ("GET", ["telemetry"]) => Ok(Answer::json(200, json!(shared.azure().telemetry))),
        ("GET", ["violations"]) => Ok(Answer::json(
            200,
            json!({
                "requests": shared.log.violations(),
                "answers": shared.log.answer_violations(),
            }),
        )),
        ("GET", ["world"]) => Ok(world(shared, call)),
        ("GET", ["ca"]) => Ok(Answer::json(200, json!({ "pem": shared.authority.pem() }))),
        _ => Err(Answer::json(404, json!({ "message": "No such control." }))),
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

fn clock(shared: &Shared) -> Answer {
    let mut value = read(&shared.clock.read());
    value["followers"] = shared.clock.followers();
    Answer::json(200, value)
}

async fn follow(shared: &Shared, call: &Call) -> Outcome {
    let report: Report = body(call)?;
    let reading = shared.clock.follow(report).await;
    Ok(Answer::json(200, read(&reading)))
}

/// Where to move the clock; one of the two.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Wish {
    To(Timestamp),
    By(Span),
}

async fn advance(shared: &Shared, call: &Call) -> Outcome {
    let target = match body(call)? {
        Wish::To(time) => Target::To(time),
        Wish::By(span) => {
            let by: SignedDuration = span
                .to_duration(SpanRelativeTo::days_are_24_hours())
                .map_err(|error| Answer::json(400, json!({ "message": error.to_string() })))?;
            Target::By(by)
        }
    };
    match shared.advance(target).await {
        Ok(now) => Ok(Answer::json(200, json!({ "now": now }))),
        Err(error) => Err(Answer::json(409, json!({ "message": error.to_string() }))),
    }
}

fn add_faults(shared: &Shared, call: &Call) -> Outcome {
    let many = call.json.as_ref().is_some_and(Value::is_array);
    let rules: Vec<Rule> = if many { body(call)? } else { vec![body(call)?] };
    for rule in rules {
        shared.faults.add(rule).map_err(|error| Answer::json(400, json!({ "message": error.to_string() })))?;
    }
    Ok(Answer::new(204))
}

fn world(shared: &Shared, call: &Call) -> Answer {
    let secrets = match call.parameter("secrets") {
        Some("names") => Secrets::Names,
        _ => Secrets::Fingerprints,
    };
    let text = shared.world(secrets);
    Answer::json(200, json!({ "world": text.lines().collect::<Vec<_>>() }))
}
