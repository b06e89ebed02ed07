//! An enrollment's JSON, in both directions.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::azure::dps::attestation::Attestation;
use crate::azure::dps::service::{Enrollment, ProvisioningService};
use crate::azure::dps::service_api::attestation;
use crate::azure::dps::service_api::refusal::bad;
use crate::engine::http::Response;

/// What an enrollment is for, and so what its id is called.
#[derive(Clone, Copy)]
pub(crate) enum Sort {
    Group,
    Individual,
}

impl Sort {
    /// What the service calls it when there is one of that id already.
    pub fn conflict(self) -> &'static str {
        match self {
            Self::Group => "EnrollmentGroupConflict",
            Self::Individual => "EnrollmentConflict",
        }
    }

    /// What its id is called.
    pub fn id(self) -> &'static str {
        match self {
            Self::Group => "enrollmentGroupId",
            Self::Individual => "registrationId",
        }
    }
}

/// A PUT body, checked.
pub(crate) struct Wanted {
    pub attestation: attestation::WantedAttestation,
    pub enabled: bool,
    pub allocation_policy: Option<String>,
    pub hubs: Vec<String>,
    pub update_hub_assignment: bool,
    pub migrate_device_data: bool,
    pub rest: Map<String, Value>,
}

/// The fields that are kept as they were written.
const KEPT: [&str; 7] = [
    "capabilities",
    "initialTwin",
    "customAllocationDefinition",
    "optionalDeviceInformation",
    "namespaceName",
    "certificateAuthorityName",
    "certificatePolicyName",
];

/// Reads and checks a PUT body; `old` is how devices proved themselves before.
pub(crate) fn read(
    service: &ProvisioningService,
    sort: Sort,
    id: &str,
    body: &Value,
    old: Option<&Attestation>,
    now: Timestamp,
) -> Result<Wanted, Response> {
    let refuse = |message: &str| bad(400_004, message, now);
    if body[sort.id()] != id {
        return Err(refuse(&format!("The {} differs from the path's.", sort.id())));
    }
    if !valid_id(id) {
        return Err(refuse(&format!("The {} is not valid.", sort.id())));
    }
    let attestation = attestation::read(service, sort, &body["attestation"], old).map_err(|message| refuse(&message))?;
    let status = body["provisioningStatus"].as_str().unwrap_or("enabled");
    if !["enabled", "disabled"].contains(&status) {
        return Err(refuse("The provisioningStatus is not valid."));
    }
    let allocation_policy = body["allocationPolicy"].as_str();
    let hubs = hubs(service, body, now)?;
    check_allocation(allocation_policy, &hubs, body).map_err(refuse)?;
    let reprovision = &body["reprovisionPolicy"];
    let kept = |name: &&String| KEPT.contains(&name.as_str());
    Ok(Wanted {
        attestation,
        enabled: status == "enabled",
        allocation_policy: allocation_policy.map(str::to_owned),
        hubs,
        update_hub_assignment: reprovision["updateHubAssignment"].as_bool().unwrap_or(true),
        migrate_device_data: reprovision["migrateDeviceData"].as_bool().unwrap_or(true),
        rest: body
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, value)| kept(name) && !value.is_null())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    })
}

fn check_allocation(policy: Option<&str>, hubs: &[String], body: &Value) -> Result<(), &'static str> {
    match policy {
        None | Some("hashed" | "geoLatency") => Ok(()),
        Some("static") if hubs.len() == 1 => Ok(()),
        Some("static") => Err("A static allocation needs exactly one hub."),
        Some("custom") if body["customAllocationDefinition"].is_object() => Ok(()),
        Some("custom") => Err("A custom allocation needs its definition."),
        Some(_) => Err("The allocationPolicy is not valid."),
    }
}

fn valid_id(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    (1..=128).contains(&id.len())
        && id.bytes().all(fits)
        && id.bytes().last().is_some_and(|last| last.is_ascii_alphanumeric() || last == b'-')
}

/// The hubs that the body names; each has to be linked.
fn hubs(service: &ProvisioningService, body: &Value, now: Timestamp) -> Result<Vec<String>, Response> {
    let list = body["iotHubs"].as_array().map_or(&[][..], Vec::as_slice);
    let one = body["iotHubHostName"].as_str().filter(|host| !host.is_empty());
    if one.is_some() && !list.is_empty() {
        let message = "iotHubs and iotHubHostName exclude each other.";
        return Err(bad(400_004, message, now));
    }
    let named = list.iter().filter_map(Value::as_str).chain(one);
    named
        .map(|host| {
            let message = format!("LinkedHubNotFound: the hub {host} is not linked.");
            service.link(host).map(|_| host.to_lowercase()).ok_or_else(|| bad(400_209, &message, now))
        })
        .collect()
}

/// What a GET or a PUT answers.
pub(crate) fn shown(sort: Sort, enrollment: &Enrollment) -> Value {
    let mut document = json!({
        sort.id(): enrollment.id,
        "attestation": attestation::shown(&enrollment.attestation),
        "etag": format!("\"{}\"", enrollment.etag),
        "provisioningStatus": if enrollment.enabled { "enabled" } else { "disabled" },
        "reprovisionPolicy": {
            "updateHubAssignment": enrollment.update_hub_assignment,
            "migrateDeviceData": enrollment.migrate_device_data,
        },
        "createdDateTimeUtc": enrollment.created,
        "lastUpdatedDateTimeUtc": enrollment.updated,
    });
    if let Some(policy) = &enrollment.allocation_policy {
        document["allocationPolicy"] = policy.as_str().into();
    }
    if !enrollment.hubs.is_empty() {
        document["iotHubs"] = json!(enrollment.hubs);
    }
    for (name, value) in &enrollment.rest {
        document[name] = value.clone();
    }
    document
}
