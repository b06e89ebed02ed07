//! Enrollment groups: upsert, read, delete, keys, query.

use jiff::Timestamp;
use serde_json::Value;

use crate::azure::dps::service::Enrollment;
use crate::azure::dps::service_api::attestation::mechanism;
use crate::azure::dps::service_api::document::{Sort, shown};
use crate::azure::dps::service_api::query::Query;
use crate::azure::dps::service_api::refusal::missing;
use crate::azure::dps::service_api::upsert::{Upsert, body, check_tag, service};
use crate::azure::dps::service_api::version;
use crate::azure::microsoft_devices::pages::page;
use crate::azure::state::Azure;
use crate::engine::http::{Outcome, Request, Response};

pub(crate) fn no_such_group(id: &str, now: Timestamp) -> Response {
    missing(404_202, &format!("EnrollmentGroupNotFound: {id}."), now)
}

fn find<'a>(azure: &'a Azure, name: &str, id: &str, now: Timestamp) -> Result<&'a Enrollment, Response> {
    service(azure, name, now)?.groups.get(id).ok_or_else(|| no_such_group(id, now))
}

pub(crate) fn put(azure: &mut Azure, name: &str, id: &str, request: &Request, now: Timestamp) -> Outcome {
    let tag = request.header("if-match");
    write(azure, name, id, body(request, now)?, (tag, version::of(request)), now).map(|shown| Response::json(200, shown))
}

/// Creates without an entity tag, updates with it; as the api-version has it.
pub(crate) fn write(
    azure: &mut Azure,
    name: &str,
    id: &str,
    body: &Value,
    (tag, version): (Option<&str>, &str),
    now: Timestamp,
) -> Result<Value, Response> {
    let there = service(azure, name, now)?;
    let by_keys = body["attestation"]["type"] == "symmetricKey";
    let limits = &azure.options.limits;
    let most = if by_keys { (limits.symmetric_groups, "symmetric-key groups") } else { (limits.certificate_groups, "X.509 groups") };
    let others = there.groups.values().filter(|group| group.attestation.keys().is_some() == by_keys).count();
    let upsert = Upsert { name, sort: Sort::Group, id, body, tag, version, before: there.groups.get(id).cloned(), others, most };
    let group = upsert.enrollment(azure, now)?;
    let shown = shown(Sort::Group, &group);
    if let Some(service) = azure.provisioning_mut().get_mut(name) {
        service.groups.insert(id.to_owned(), group);
    }
    Ok(shown)
}

pub(crate) fn get(azure: &Azure, name: &str, id: &str, now: Timestamp) -> Outcome {
    let group = find(azure, name, id, now)?;
    if group.visible_from > now {
        return Err(no_such_group(id, now));
    }
    Ok(Response::json(200, shown(Sort::Group, group)))
}

pub(crate) fn keys(azure: &Azure, name: &str, id: &str, now: Timestamp) -> Outcome {
    Ok(mechanism(&find(azure, name, id, now)?.attestation))
}

pub(crate) fn delete(azure: &mut Azure, name: &str, id: &str, request: &Request, now: Timestamp) -> Outcome {
    remove(azure, name, id, request.header("if-match"), now).map(|()| Response::new(204))
}

/// Deletes the group; the registrations that it made stay.
pub(crate) fn remove(azure: &mut Azure, name: &str, id: &str, tag: Option<&str>, now: Timestamp) -> Result<(), Response> {
    check_tag(find(azure, name, id, now)?, tag, now)?;
    if let Some(service) = azure.provisioning_mut().get_mut(name) {
        service.groups.remove(id);
    }
    Ok(())
}

/// Lists the groups that a query is for.
pub(crate) fn query(azure: &Azure, name: &str, request: &Request, now: Timestamp) -> Outcome {
    let query = Query::of(request, "enrollmentGroups", now)?;
    let groups = service(azure, name, now)?.groups.iter().filter(|(_, group)| azure.queries(group.visible_from, now));
    let all: Vec<(String, Value)> = groups.map(|(id, group)| (id.clone(), shown(Sort::Group, group))).collect();
    Ok(page(request, "enrollmentGroup", query.among(all)))
}
