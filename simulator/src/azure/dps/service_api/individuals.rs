//! Individual enrollments: upsert, read, delete, keys, query.

use jiff::Timestamp;
use serde_json::Value;

use crate::azure::dps::service::{Individual, ProvisioningService, Through};
use crate::azure::dps::service_api::attestation::mechanism;
use crate::azure::dps::service_api::document::{self, Sort};
use crate::azure::dps::service_api::query::Query;
use crate::azure::dps::service_api::refusal::missing;
use crate::azure::dps::service_api::registrations;
use crate::azure::dps::service_api::upsert::{Upsert, body, check_tag, service};
use crate::azure::dps::service_api::version;
use crate::azure::microsoft_devices::pages::page;
use crate::azure::state::Azure;
use crate::engine::http::{Outcome, Request, Response};

fn no_such_enrollment(id: &str, now: Timestamp) -> Response {
    missing(404_201, &format!("EnrollmentNotFound: {id}."), now)
}

pub(crate) fn find<'a>(service: &'a ProvisioningService, id: &str, now: Timestamp) -> Result<&'a Individual, Response> {
    service.individual(id).ok_or_else(|| no_such_enrollment(id, now))
}

/// The enrollment, with its device's id in the hub.
pub(crate) fn shown(individual: &Individual) -> Value {
    let mut document = document::shown(Sort::Individual, &individual.enrollment);
    if let Some(device) = &individual.device {
        document["deviceId"] = device.as_str().into();
    }
    document
}

/// The same, with the record of its device once that registered through it.
fn with_record(service: &ProvisioningService, individual: &Individual) -> Value {
    let mut document = shown(individual);
    let record = service.registrations.get(&individual.enrollment.id.to_lowercase());
    if let Some(record) = record.filter(|record| record.through == Through::Individual) {
        document["registrationState"] = registrations::shown(record);
    }
    document
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
    let before = there.individual(id).map(|individual| individual.enrollment.clone());
    let most = (azure.options.limits.individual_enrollments, "individual enrollments");
    let upsert = Upsert { name, sort: Sort::Individual, id, body, tag, version, before, others: there.individuals.len(), most };
    let enrollment = upsert.enrollment(azure, now)?;
    let device = body["deviceId"].as_str().filter(|device| !device.is_empty()).map(str::to_owned);
    let individual = Individual { enrollment, device };
    let shown = with_record(service(azure, name, now)?, &individual);
    if let Some(service) = azure.provisioning_mut().get_mut(name) {
        service.individuals.insert(id.to_lowercase(), individual);
    }
    Ok(shown)
}

pub(crate) fn get(azure: &Azure, name: &str, id: &str, now: Timestamp) -> Outcome {
    let service = service(azure, name, now)?;
    let individual = find(service, id, now)?;
    if individual.enrollment.visible_from > now {
        return Err(no_such_enrollment(id, now));
    }
    Ok(Response::json(200, with_record(service, individual)))
}

pub(crate) fn keys(azure: &Azure, name: &str, id: &str, now: Timestamp) -> Outcome {
    Ok(mechanism(&find(service(azure, name, now)?, id, now)?.enrollment.attestation))
}

pub(crate) fn delete(azure: &mut Azure, name: &str, id: &str, request: &Request, now: Timestamp) -> Outcome {
    remove(azure, name, id, request.header("if-match"), now).map(|()| Response::new(204))
}

/// Deletes the enrollment; the record of its device stays.
pub(crate) fn remove(azure: &mut Azure, name: &str, id: &str, tag: Option<&str>, now: Timestamp) -> Result<(), Response> {
    check_tag(&find(service(azure, name, now)?, id, now)?.enrollment, tag, now)?;
    if let Some(service) = azure.provisioning_mut().get_mut(name) {
        service.individuals.remove(&id.to_lowercase());
    }
    Ok(())
}

/// Lists the individual enrollments that a query is for.
pub(crate) fn query(azure: &Azure, name: &str, request: &Request, now: Timestamp) -> Outcome {
    let query = Query::of(request, "enrollments", now)?;
    let service = service(azure, name, now)?;
    let seen = service.individuals.iter().filter(|(_, individual)| azure.queries(individual.enrollment.visible_from, now));
    let without = azure.options.variants.queries_leave_records_out;
    let told = |individual| if without { shown(individual) } else { with_record(service, individual) };
    let all = seen.map(|(id, individual)| (id.clone(), told(individual))).collect();
    Ok(page(request, "enrollment", query.among(all)))
}
