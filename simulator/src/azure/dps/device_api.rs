//! The provisioning service's device API: register, poll, look up. Over MQTT the same requests come as messages.

pub(crate) mod proof;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::azure::dps::assignment;
use crate::azure::dps::device_api::proof::{Proved, prove};
use crate::azure::dps::service::{Assignment, ProvisioningService, Registration, Through};
use crate::azure::dps::service_api::refusal::{bad, missing, no_such_host, throttled, unauthorized, unknown_path};
use crate::azure::dps::service_api::registrations;
use crate::azure::microsoft_devices::network::{Side, lets_in};
use crate::azure::state::Azure;
use crate::engine::http::{Outcome, Request, Response};

/// Answers a device; `own_host` is set when the service was called by its own name.
pub(crate) fn answer(azure: &mut Azure, request: &Request, now: Timestamp, own_host: Option<&str>) -> Response {
    route(azure, request, now, own_host).unwrap_or_else(|refusal| refusal)
}

/// Answers 200 to a device that may connect over MQTT; what a certificate opens is only looked at when it registers.
pub(crate) fn admit(azure: &mut Azure, request: &Request, now: Timestamp, own_host: Option<&str>) -> Response {
    let admitted = addressed(azure, request, now, own_host).and_then(|(service, id, _)| {
        let later = request.header("authorization").is_none() && !request.peer.chain.is_empty();
        if later { Ok(()) } else { prove(azure, &service, &id, request, now).map(|_| ()) }
    });
    admitted.map_or_else(|refusal| refusal, |()| Response::new(200))
}

/// The service and the registration id that a call is for, and what the path says behind them.
fn addressed(azure: &Azure, request: &Request, now: Timestamp, own_host: Option<&str>) -> Result<(String, String, Vec<String>), Response> {
    let [scope, registrations, id, rest @ ..] = request.segments.as_slice() else {
        return Err(unknown_path(request, now));
    };
    if !registrations.eq_ignore_ascii_case("registrations") {
        return Err(unknown_path(request, now));
    }
    let service = azure
        .service_of_scope(scope)
        .filter(|name| azure.provisioning()[*name].resource.phase.serves())
        .ok_or_else(|| missing(404_205, &format!("There is no id scope {scope}."), now))?;
    if own_host.is_some_and(|host| azure.provisioning()[service].host() != host) {
        return Err(no_such_host(&request.host, now));
    }
    if !lets_in(&azure.provisioning()[service].properties, Side::Device, request.peer.address, &azure.options.private_networks) {
        return Err(unauthorized("Unauthorized", now));
    }
    if request.parameter("api-version").is_none_or(str::is_empty) {
        return Err(bad(400_002, "The api-version is missing.", now));
    }
    if !valid_id(id) {
        return Err(bad(400_004, "The registration id is not valid.", now));
    }
    Ok((service.to_owned(), id.clone(), rest.to_vec()))
}

fn route(azure: &mut Azure, request: &Request, now: Timestamp, own_host: Option<&str>) -> Outcome {
    let (service, id, rest) = addressed(azure, request, now, own_host)?;
    // Operation ids keep their case.
    let folded: Vec<String> = rest.iter().map(|segment| segment.to_lowercase()).collect();
    let folded: Vec<&str> = folded.iter().map(String::as_str).collect();
    match (request.method.as_str(), folded.as_slice()) {
        ("PUT", ["register"]) => {
            let proved = prove(azure, &service, &id, request, now)?;
            same_id(request, &id, now)?;
            count_attempt(azure, &service, now)?;
            Ok(register(azure, proved, request, now))
        }
        ("GET", ["operations", _]) => {
            let proved = prove(azure, &service, &id, request, now)?;
            count_poll(azure, &service, &id, now)?;
            poll(azure, &proved, &rest[1], request, now)
        }
        ("POST", []) => {
            let proved = prove(azure, &service, &id, request, now)?;
            count_attempt(azure, &service, now)?;
            look_up(azure, &proved, now)
        }
        _ => Err(unknown_path(request, now)),
    }
}

/// Registration ids: up to 128 letters, digits and `-._:`, the last a letter, digit or hyphen.
fn valid_id(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    (1..=128).contains(&id.len()) && id.bytes().all(fits) && !id.ends_with(['.', '_', ':'])
}

fn same_id(request: &Request, id: &str, now: Timestamp) -> Result<(), Response> {
    let body = request.json.as_ref().map(|body| &body["registrationId"]);
    let named = body.and_then(Value::as_str);
    match named {
        Some(named) if named.eq_ignore_ascii_case(id) => Ok(()),
        _ => Err(bad(400_004, "The body's registrationId differs from the path's.", now)),
    }
}

fn count_attempt(azure: &mut Azure, name: &str, now: Timestamp) -> Result<(), Response> {
    let most = azure.options.limits.registrations_per_minute;
    let service = azure.provisioning_mut().get_mut(name);
    let counted = service.map_or(Ok(()), |service| service.attempts.count(now, SignedDuration::from_mins(1), most));
    counted.map_err(|wait| throttled(wait, now))
}

fn count_poll(azure: &mut Azure, name: &str, id: &str, now: Timestamp) -> Result<(), Response> {
    let most = azure.options.limits.polls_per_ten_seconds;
    let service = azure.provisioning_mut().get_mut(name);
    let counted = service.map_or(Ok(()), |service| {
        let meter = service.polls.entry(id.to_lowercase()).or_default();
        meter.count(now, SignedDuration::from_secs(10), most)
    });
    counted.map_err(|wait| throttled(wait, now))
}

fn register(azure: &mut Azure, proved: Proved, request: &Request, now: Timestamp) -> Response {
    let operation = format!("5.{:016x}.{:016x}", azure.count(), now.as_second());
    let due = now + azure.options.latency.assignment + azure.delay();
    let (service, assigned) = (proved.service.clone(), operation.clone());
    azure.schedule(due, move |azure, at| assignment::complete(azure, &service, &assigned, at));
    let response = assigning(azure, request, &proved.registration, &operation);
    if let Some(service) = azure.provisioning_mut().get_mut(&proved.service) {
        let before = service.registrations.get(&proved.registration.to_lowercase()).map(|record| record.device.clone());
        let named = service.individual(&proved.registration).and_then(|individual| individual.device.clone());
        let assignment = Assignment {
            device: named.or(before).unwrap_or_else(|| proved.registration.clone()),
            registration: proved.registration,
            through: proved.through,
            credential: proved.credential,
            payload: request.json.as_ref().map(|body| body["payload"].clone()).filter(|payload| !payload.is_null()),
            from: request.peer.address,
            done: false,
        };
        service.assignments.insert(operation, assignment);
    }
    response
}

fn assigning(azure: &Azure, request: &Request, id: &str, operation: &str) -> Response {
    let version = request.parameter("api-version").unwrap_or_default();
    let scope = request.segments.first().map_or("", String::as_str);
    let location = format!("https://{}/{scope}/registrations/{id}/operations/{operation}?api-version={version}", request.authority);
    let seconds = azure.options.latency.retry_after.as_secs();
    Response::json(202, json!({ "operationId": operation, "status": "assigning" }))
        .with("location", location)
        .with("retry-after", seconds.to_string())
}

fn poll(azure: &Azure, proved: &Proved, operation: &str, request: &Request, now: Timestamp) -> Outcome {
    let service = &azure.provisioning()[&proved.service];
    let assignment = service
        .assignments
        .get(operation)
        .filter(|assignment| assignment.registration.eq_ignore_ascii_case(&proved.registration))
        .ok_or_else(|| missing(404_204, "There is no such operation.", now))?;
    if !assignment.done {
        return Ok(assigning(azure, request, &proved.registration, operation));
    }
    let record = record(service, proved, now)?;
    Ok(Response::json(
        200,
        json!({
            "operationId": operation,
            "status": record.status,
            "registrationState": result(service, record),
        }),
    ))
}

fn record<'a>(service: &'a ProvisioningService, proved: &Proved, now: Timestamp) -> Result<&'a Registration, Response> {
    service.registrations.get(&proved.registration.to_lowercase()).ok_or_else(|| missing(404_203, "DeviceRegistrationNotFound.", now))
}

/// A record with the group that the device came through, under the name of how its devices prove themselves.
fn result(service: &ProvisioningService, record: &Registration) -> Value {
    let mut result = registrations::shown(record);
    if let Through::Group(group) = &record.through {
        let certificates = service.groups.get(group).is_some_and(|group| group.attestation.keys().is_none());
        result[if certificates { "x509" } else { "symmetricKey" }] = json!({ "enrollmentGroupId": group });
    }
    result
}

fn look_up(azure: &Azure, proved: &Proved, now: Timestamp) -> Outcome {
    let service = &azure.provisioning()[&proved.service];
    let record = record(service, proved, now)?;
    Ok(Response::json(200, result(service, record)))
}
