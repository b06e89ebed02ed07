//! Long-running operations: the headers that announce them and the addresses to poll.

use jiff::Timestamp;
use serde_json::json;

use crate::azure::resource::errors::arm;
use crate::azure::state::{Azure, Begun};
use crate::engine::http::{Answer, Call, Outcome};

/// Announces an operation on a resource of `Microsoft.Devices`.
pub(crate) fn announce(azure: &Azure, call: &Call, begun: &Begun, answer: Answer) -> Answer {
    let version = call.parameter("api-version").unwrap_or_default();
    let base = format!("https://{}{}/operationResults/{}?api-version={version}", call.authority, call.path.trim_end_matches('/'), begun.id);
    answer.with("azure-asyncoperation", format!("{base}&asyncinfo")).with("location", base).with("retry-after", seconds(azure))
}

/// Announces the deletion of a resource group, which has only a `Location`.
pub(crate) fn announce_location(azure: &Azure, call: &Call, begun: &Begun) -> Answer {
    let version = call.parameter("api-version").unwrap_or_default();
    let subscription = call.segments.get(1).map_or("", String::as_str);
    let location = format!("https://{}/subscriptions/{subscription}/operationresults/{}?api-version={version}", call.authority, begun.id);
    Answer::new(202).with("location", location).with("retry-after", seconds(azure))
}

fn seconds(azure: &Azure) -> String {
    azure.options.latency.retry_after.as_secs().to_string()
}

/// Answers the poll of an operation on a resource: its status, or 202 until it is done.
pub(crate) fn poll(azure: &Azure, call: &Call, id: &str, now: Timestamp) -> Outcome {
    let wants_status = call.parameter("asyncinfo").is_some();
    if !wants_status {
        return location(azure, call, id, now);
    }
    let due = find(azure, id)?;
    if due > now {
        return Ok(Answer::json(200, json!({ "status": "Running" })).with("retry-after", seconds(azure)));
    }
    Ok(Answer::json(200, json!({ "status": "Succeeded" })))
}

/// Answers the poll of a `Location`.
pub(crate) fn location(azure: &Azure, call: &Call, id: &str, now: Timestamp) -> Outcome {
    if find(azure, id)? <= now {
        return Ok(Answer::new(200));
    }
    Ok(Answer::new(202)
        .with("location", format!("https://{}{}?{}", call.authority, call.path, query(call)))
        .with("retry-after", seconds(azure)))
}

fn query(call: &Call) -> String {
    let version = call.parameter("api-version").unwrap_or_default();
    format!("api-version={version}")
}

fn find(azure: &Azure, id: &str) -> Result<Timestamp, Answer> {
    // Operation ids are the one part of a path whose case matters, and paths come folded.
    azure
        .operations
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(id))
        .map(|(_, due)| *due)
        .ok_or_else(|| arm(404, "OperationNotFound", "The operation was not found."))
}
