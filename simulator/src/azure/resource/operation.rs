//! Long-running operations: the headers that announce them and the addresses to poll.

use jiff::Timestamp;
use serde_json::json;

use crate::azure::resource::ResourceId;
use crate::azure::resource::errors::arm;
use crate::azure::resource::kind::ResourceType;
use crate::azure::state::{Azure, Begun};
use crate::engine::http::{Outcome, Request, Response};

/// A long-running operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    /// When it is done.
    pub due: Timestamp,
    /// Whether nothing is left at its end.
    pub deletes: bool,
}

/// Announces an operation on a resource of `Microsoft.Devices`.
pub(crate) fn announce(azure: &Azure, request: &Request, begun: &Begun, response: Response) -> Response {
    let version = request.parameter("api-version").unwrap_or_default();
    let base =
        format!("https://{}{}/operationResults/{}?api-version={version}", request.authority, request.path.trim_end_matches('/'), begun.id);
    response.with("azure-asyncoperation", format!("{base}&asyncinfo")).with("location", base).with("retry-after", seconds(azure))
}

/// Announces the deletion of a resource group, which has only a `Location`.
pub(crate) fn announce_location(azure: &Azure, request: &Request, begun: &Begun) -> Response {
    let version = request.parameter("api-version").unwrap_or_default();
    let subscription = request.segments.get(1).map_or("", String::as_str);
    let location =
        format!("https://{}/subscriptions/{subscription}/operationresults/{}?api-version={version}", request.authority, begun.id);
    Response::new(202).with("location", location).with("retry-after", seconds(azure))
}

fn seconds(azure: &Azure) -> String {
    azure.options.latency.retry_after.as_secs().to_string()
}

/// Answers the poll of an operation on a resource: its status, or 202 until it is done and then the resource, unless it is deleted.
pub(crate) fn poll(
    azure: &mut Azure,
    request: &Request,
    kind: &dyn ResourceType,
    resource: &ResourceId<'_>,
    id: &str,
    now: Timestamp,
) -> Outcome {
    let operation = find(azure, id)?;
    if request.parameter("asyncinfo").is_none() {
        let response = location(azure, request, id, now)?;
        let there = kind.resource_mut(azure, resource).is_some_and(|there| there.is_in(resource.subscription, resource.group));
        let shown = response.status == 200 && there && !operation.deletes;
        return Ok(if shown { Response::json(200, kind.shown(azure, request, resource)) } else { response });
    }
    if operation.due > now {
        return Ok(Response::json(200, json!({ "status": "Running" })).with("retry-after", seconds(azure)));
    }
    Ok(Response::json(200, json!({ "status": "Succeeded" })))
}

/// Answers the poll of a `Location`.
pub(crate) fn location(azure: &Azure, request: &Request, id: &str, now: Timestamp) -> Outcome {
    if find(azure, id)?.due <= now {
        return Ok(Response::new(200));
    }
    Ok(Response::new(202)
        .with("location", format!("https://{}{}?{}", request.authority, request.path, query(request)))
        .with("retry-after", seconds(azure)))
}

fn query(request: &Request) -> String {
    let version = request.parameter("api-version").unwrap_or_default();
    format!("api-version={version}")
}

fn find(azure: &Azure, id: &str) -> Result<Operation, Response> {
    // Operation ids are the one part of a path whose case matters, and paths come folded.
    azure
        .operations
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(id))
        .map(|(_, operation)| *operation)
        .ok_or_else(|| arm(404, "OperationNotFound", "The operation was not found."))
}
