//! The resource manager: routes below `management.azure.com`.

pub(crate) mod gate;
pub(crate) mod resource_groups;
pub(crate) mod roles;
pub(crate) mod throttle;

use crate::azure::dps::manage as provisioning;
use crate::azure::iot_hub::manage as iot_hubs;
use crate::azure::iot_hub::manage::usages;
use crate::azure::resource::{errors, operation};
use http::Method;
use jiff::Timestamp;

use crate::azure::check::Finding;
use crate::azure::state::Azure;
use crate::engine::http::{Answer, Call, Outcome};
use crate::spec::Kind;

/// A resource's place as the path names it.
pub(crate) struct Place<'a> {
    pub subscription: &'a str,
    pub group: &'a str,
    pub name: &'a str,
}

/// Answers a request to the resource manager.
pub(crate) fn answer(azure: &mut Azure, call: &Call, now: Timestamp) -> Answer {
    route(azure, call, now).unwrap_or_else(|refusal| refusal)
}

fn route(azure: &mut Azure, call: &Call, now: Timestamp) -> Outcome {
    let folded = call.folded();
    let folded: Vec<&str> = folded.iter().map(String::as_str).collect();
    let ["subscriptions", subscription, rest @ ..] = folded.as_slice() else {
        return Err(errors::unknown_path(call));
    };
    if call.parameter("api-version").is_none_or(str::is_empty) {
        return Err(errors::no_api_version());
    }
    gate::admit(azure, call, subscription)?;
    let (header, left) = throttle::count(azure, call, subscription, now)?;
    let answer = match rest {
        ["operationresults", id] => operation::location(azure, call, id, now),
        ["resourcegroups", rest @ ..] => in_groups(azure, call, now, subscription, rest),
        ["providers", "microsoft.devices", rest @ ..] => in_subscription(azure, call, now, subscription, rest),
        _ => Err(errors::unknown_path(call)),
    };
    answer.map(|answer| answer.with(header, left))
}

fn in_subscription(azure: &mut Azure, call: &Call, now: Timestamp, subscription: &str, rest: &[&str]) -> Outcome {
    match (call.method.as_str(), rest) {
        ("POST", ["checknameavailability"]) => iot_hubs::check_name(azure, call),
        ("POST", ["checkprovisioningservicenameavailability"]) => provisioning::check_name(azure, call),
        ("GET", ["usages"]) => Ok(usages::list(azure, subscription)),
        ("GET", ["iothubs"]) => Ok(iot_hubs::list(azure, call, subscription, None, now)),
        ("GET", ["provisioningservices"]) => Ok(provisioning::list(azure, call, subscription, None, now)),
        _ => Err(errors::unknown_path(call)),
    }
}

fn in_groups(azure: &mut Azure, call: &Call, now: Timestamp, subscription: &str, rest: &[&str]) -> Outcome {
    // Names keep the casing that the caller chose.
    let written = |place: usize| call.segments.get(place).map_or("", String::as_str);
    match rest {
        [] if call.method == Method::GET => Ok(resource_groups::list(azure, call, subscription)),
        [_] => resource_groups::one(azure, call, now, written(1), written(3)),
        [group, "resources"] if call.method == Method::GET => resource_groups::contents(azure, call, subscription, group),
        [group, "providers", "microsoft.devices", kind] if call.method == Method::GET => {
            resource_groups::must_exist(azure, subscription, group)?;
            match *kind {
                "iothubs" => Ok(iot_hubs::list(azure, call, subscription, Some(group), now)),
                "provisioningservices" => Ok(provisioning::list(azure, call, subscription, Some(group), now)),
                _ => Err(errors::unknown_path(call)),
            }
        }
        [_, "providers", "microsoft.devices", "iothubs", _, "providers", "microsoft.authorization", "roleassignments", rest @ ..] => {
            let place = Place { subscription: written(1), group: written(3), name: written(7) };
            roles::on_hub(azure, call, now, &place, rest, written(11))
        }
        [_, "providers", "microsoft.devices", kind, _, rest @ ..] => {
            let place = Place { subscription: written(1), group: written(3), name: written(7) };
            match *kind {
                "iothubs" => iot_hubs::one(azure, call, now, &place, rest),
                "provisioningservices" => provisioning::one(azure, call, now, &place, rest),
                _ => Err(errors::unknown_path(call)),
            }
        }
        _ => Err(errors::unknown_path(call)),
    }
}

/// An error of the resource manager for a status that something else decided.
pub(crate) fn refused(status: u16, text: &str) -> Answer {
    let code = match status {
        400 => "BadRequest",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        _ => "InternalServerError",
    };
    errors::arm(status, code, text)
}

/// The refusal of a request that breaks the OpenAPI.
pub(crate) fn not_understood(finding: &Finding, text: &str) -> Answer {
    let code = if finding.breaks(Kind::MissingApiVersion) {
        "MissingApiVersionParameter"
    } else if finding.breaks(Kind::UnknownApiVersion) {
        "InvalidApiVersionParameter"
    } else if finding.breaks(Kind::MissingBody) {
        "InvalidRequestContent"
    } else {
        "BadRequest"
    };
    errors::arm(400, code, text)
}

/// Gives an answer the ids by which support finds a request again.
pub(crate) fn traced(call: &Call, seq: u64, answer: Answer) -> Answer {
    let id = format!("{seq:032x}");
    let correlation = call.header("x-ms-correlation-request-id").unwrap_or(&id).to_owned();
    answer.with("x-ms-request-id", id).with("x-ms-correlation-request-id", correlation)
}
