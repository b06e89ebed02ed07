//! The provisioning service's service API: enrollment groups, individual enrollments and registrations.

pub(crate) mod attestation;
pub(crate) mod bulk;
pub(crate) mod document;
pub(crate) mod groups;
pub(crate) mod individuals;
pub(crate) mod query;
pub(crate) mod refusal;
pub(crate) mod registrations;
pub(crate) mod upsert;
pub(crate) mod version;

use jiff::{SignedDuration, Timestamp};

use crate::azure::access::sas::Signature;
use crate::azure::clouds::Names;
use crate::azure::dps::manage::identities::LOCAL_AUTH_OFF;
use crate::azure::dps::service::{HOST_SUFFIX, ProvisioningService, Through};
use crate::azure::dps::service_api::document::Sort;
use crate::azure::dps::service_api::refusal::{bad, no_such_host, throttled, unauthorized, unknown_path};
use crate::azure::microsoft_devices::network::{Side, lets_in};
use crate::azure::state::Azure;
use crate::engine::http::{Outcome, Request, Response};

/// The audience of bearer tokens for this API.
pub(crate) const AUDIENCE: Names = Names {
    public: "https://azure-devices-provisioning.net",
    government: "https://azure-devices-provisioning.us",
    china: "https://azure-devices-provisioning.cn",
};

/// Answers a request to `{service}.azure-devices-provisioning.net`.
pub(crate) fn answer(azure: &mut Azure, request: &Request, now: Timestamp) -> Response {
    version::as_of(request, route(azure, request, now).unwrap_or_else(|refusal| refusal))
}

fn route(azure: &mut Azure, request: &Request, now: Timestamp) -> Outcome {
    let name = request.host.strip_suffix(HOST_SUFFIX.of(azure.options.cloud)).unwrap_or_default().to_owned();
    let service = azure
        .provisioning()
        .get(&name)
        .filter(|service| service.resource.phase.serves())
        .ok_or_else(|| no_such_host(&request.host, now))?;
    if !lets_in(&service.properties, Side::Service, request.peer.address, &azure.options.private_networks) {
        return Err(unauthorized("Unauthorized", now));
    }
    let folded = request.folded();
    let folded: Vec<&str> = folded.iter().map(String::as_str).collect();
    let method = request.method.as_str();
    let right = right_for(method, &folded).ok_or_else(|| unknown_path(request, now))?;
    let signature = admit(azure, service, request, now, right)?;
    if let Some(signature) = signature {
        azure.keyring.keep(signature.sig);
    }
    if request.parameter("api-version").is_none_or(str::is_empty) {
        return Err(bad(400_002, "The api-version is missing.", now));
    }
    version::check(&azure.options.variants, request, now)?;
    count(azure, &name, now)?;
    let written = |place: usize| request.segments.get(place).map_or("", String::as_str);
    match (method, folded.as_slice()) {
        ("POST", ["enrollmentgroups"]) => bulk::run(azure, &name, Sort::Group, request, now),
        ("POST", ["enrollmentgroups", "query"]) => groups::query(azure, &name, request, now),
        ("PUT", ["enrollmentgroups", _]) => groups::put(azure, &name, written(1), request, now),
        ("GET", ["enrollmentgroups", _]) => groups::get(azure, &name, written(1), now),
        ("DELETE", ["enrollmentgroups", _]) => groups::delete(azure, &name, written(1), request, now),
        ("POST", ["enrollmentgroups", _, _]) => groups::keys(azure, &name, written(1), now),
        ("POST", ["enrollments"]) => bulk::run(azure, &name, Sort::Individual, request, now),
        ("POST", ["enrollments", "query"]) => individuals::query(azure, &name, request, now),
        ("PUT", ["enrollments", _]) => individuals::put(azure, &name, written(1), request, now),
        ("GET", ["enrollments", _]) => individuals::get(azure, &name, written(1), now),
        ("DELETE", ["enrollments", _]) => individuals::delete(azure, &name, written(1), request, now),
        ("POST", ["enrollments", _, _]) => individuals::keys(azure, &name, written(1), now),
        ("POST", ["registrations", _, _]) => registrations::query(azure, &name, written(1), request, now),
        ("GET", _) => registrations::get(azure, &name, written(1), now),
        _ => registrations::delete(azure, &name, written(1), request, now),
    }
}

/// The right that a call needs (Microsoft Learn: "Control access to the provisioning service");
/// `None` for a path that nothing serves.
fn right_for(method: &str, path: &[&str]) -> Option<&'static str> {
    match (method, path) {
        ("POST", ["enrollmentgroups" | "enrollments", "query"]) | ("GET", ["enrollmentgroups" | "enrollments", _]) => {
            Some("EnrollmentRead")
        }
        ("PUT" | "DELETE", ["enrollmentgroups" | "enrollments", _])
        | ("POST", ["enrollmentgroups" | "enrollments"] | ["enrollmentgroups" | "enrollments", _, "attestationmechanism"]) => {
            Some("EnrollmentWrite")
        }
        ("POST", ["registrations", _, "query"]) | ("GET", ["registrations", _]) => Some("RegistrationStatusRead"),
        ("DELETE", ["registrations", _]) => Some("RegistrationStatusWrite"),
        _ => None,
    }
}

/// An enrollment as a webhook is told of it: under which name, and in which version of this API.
pub(crate) fn told(
    service: &ProvisioningService,
    through: &Through,
    registration: &str,
    version: &str,
) -> Option<(&'static str, serde_json::Value)> {
    let (name, mut document) = match through {
        Through::Group(group) => ("enrollmentGroup", document::shown(Sort::Group, service.groups.get(group)?)),
        Through::Individual => ("individualEnrollment", individuals::shown(service.individual(registration)?)),
    };
    version::forget(&mut document, version);
    Some((name, document))
}

/// Checks the caller; gives back the signature that was accepted, if it was one.
fn admit(
    azure: &Azure,
    service: &ProvisioningService,
    request: &Request,
    now: Timestamp,
    right: &str,
) -> Result<Option<Signature>, Response> {
    if let Some(text) = request.bearer() {
        return match azure.directory.admits(text, AUDIENCE.of(azure.options.cloud), &service.resource.subscription) {
            Some(true) => Ok(None),
            Some(false) => Err(unauthorized("The principal holds no role here.", now)),
            None => Err(unauthorized("The bearer token is not valid here.", now)),
        };
    }
    let signature =
        request.header("authorization").and_then(Signature::parse).ok_or_else(|| unauthorized("No credential was sent.", now))?;
    if service.properties.get(LOCAL_AUTH_OFF) == Some(&true.into()) {
        return Err(unauthorized("The service takes no shared access signatures.", now));
    }
    let policy =
        signature.policy.as_deref().and_then(|name| service.policy(name)).ok_or_else(|| unauthorized("There is no such policy.", now))?;
    if signature.expired(now) {
        return Err(unauthorized("The signature has expired.", now));
    }
    if !signature.covers(&format!("{}/{}", service.host(), request.segments.join("/"))) {
        return Err(unauthorized("The signature is for another resource.", now));
    }
    if ![&policy.primary, &policy.secondary].iter().any(|key| signature.made_with(key)) {
        return Err(unauthorized("The signature does not fit.", now));
    }
    // Writing implies reading.
    let stronger = right.replace("Read", "Write");
    if !policy.grants(right) && !policy.grants(&stronger) {
        let text = format!("The policy lacks the right {right}.");
        return Err(unauthorized(&text, now));
    }
    Ok(Some(signature))
}

fn count(azure: &mut Azure, name: &str, now: Timestamp) -> Result<(), Response> {
    let most = azure.options.limits.service_operations_per_minute;
    let service = azure.provisioning_mut().get_mut(name);
    let counted = service.map_or(Ok(()), |service| service.operations.count(now, SignedDuration::from_mins(1), most));
    counted.map_err(|wait| throttled(wait, now))
}
