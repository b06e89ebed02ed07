//! Assigning a device: which hub, whether the link opens it, and what is written there.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::Value;

use crate::azure::dps::service::{Assignment, Credential, Enrollment, Link, LinkAuthentication, ProvisioningService, Registration};
use crate::azure::dps::webhook::{self, Allocation};
use crate::azure::iot_hub::hub::{Authentication, Device};
use crate::azure::iot_hub::registry::twins;
use crate::azure::options::Reregistration;
use crate::azure::resource::regions;
use crate::azure::resource::regions::region_name;
use crate::azure::state::Azure;
use crate::engine::keys;

/// Why a registration failed: the error code and its text.
pub(crate) type Failure = (i64, String);

/// Ends a registration that was begun, or has a webhook asked first.
pub(crate) fn complete(azure: &mut Azure, service: &str, operation: &str, now: Timestamp) {
    let Some((assignment, before)) = under_way(azure, service, operation) else {
        return;
    };
    match webhook::question(azure, service, operation, &assignment, before.as_ref()) {
        Some(question) => azure.questions_mut().push(question),
        None => end(azure, service, operation, &assignment, before.as_ref(), None, now),
    }
}

/// Ends a registration for which a webhook was asked.
pub(crate) fn allocated(azure: &mut Azure, service: &str, operation: &str, response: Result<Allocation, Failure>, now: Timestamp) {
    if let Some((assignment, before)) = under_way(azure, service, operation) {
        end(azure, service, operation, &assignment, before.as_ref(), Some(response), now);
    }
}

/// What is to be assigned, and what is recorded of it so far.
fn under_way(azure: &Azure, service: &str, operation: &str) -> Option<(Assignment, Option<Registration>)> {
    let service = azure.provisioning().get(service)?;
    let assignment = service.assignments.get(operation)?.clone();
    let before = service.registrations.get(&assignment.registration.to_lowercase()).cloned();
    Some((assignment, before))
}

fn end(
    azure: &mut Azure,
    service: &str,
    operation: &str,
    assignment: &Assignment,
    before: Option<&Registration>,
    response: Option<Result<Allocation, Failure>>,
    now: Timestamp,
) {
    let payload = response.as_ref().and_then(|response| response.as_ref().ok()?.payload.clone());
    let decided = decide(azure, service, assignment, before, response, now);
    let record = Registration { payload, ..record(azure, assignment, before, decided, now) };
    if let Some(service) = azure.provisioning_mut().get_mut(service) {
        service.registrations.insert(assignment.registration.to_lowercase(), record);
        service.assignments.entry(operation.to_owned()).and_modify(|assignment| assignment.done = true);
    }
}

/// The outcome: a hub with what happened to the device's data, disabled, or failed.
enum Decided {
    Assigned { hub: String, substatus: &'static str },
    Disabled,
    Failed(Failure),
}

fn decide(
    azure: &mut Azure,
    service: &str,
    assignment: &Assignment,
    before: Option<&Registration>,
    response: Option<Result<Allocation, Failure>>,
    now: Timestamp,
) -> Decided {
    let there = &azure.provisioning()[service];
    let Some(enrollment) = there.enrollment(&assignment.through, &assignment.registration).cloned() else {
        let text = "EnrollmentNotFound: the enrollment was deleted.".to_owned();
        return Decided::Failed((404_201, text));
    };
    if !enrollment.enabled {
        return Decided::Disabled;
    }
    let current = before.and_then(|record| record.hub.clone());
    if let Some(hub) = current.clone().filter(|_| !enrollment.update_hub_assignment) {
        return Decided::Assigned { hub, substatus: before.and_then(|record| record.substatus).unwrap_or("initialAssignment") };
    }
    let chosen = match response {
        Some(response) => response.and_then(|allocation| named(there, &enrollment, allocation)),
        None => choose(azure, there, &enrollment, assignment).map(|link| (link.clone(), None)),
    };
    let (chosen, wished) = match chosen {
        Ok(chosen) => chosen,
        Err(failure) => return Decided::Failed(failure),
    };
    let initial = wished.or_else(|| enrollment.rest.get("initialTwin").cloned());
    let moved = current.as_ref().is_some_and(|hub| *hub != chosen.host);
    // The device's twin and capabilities go along when its data does.
    let carried =
        current.as_deref().filter(|_| moved && enrollment.migrate_device_data).and_then(|old| device_in(azure, old, &assignment.device));
    let move_in = MoveIn { moved, carried, initial };
    if let Err(failure) = write(azure, service, &chosen, &enrollment, assignment, move_in, now) {
        return Decided::Failed(failure);
    }
    if let Some(old) = current.filter(|_| moved) {
        let link = azure.provisioning()[service].link(&old).cloned();
        leave(azure, service, link, &assignment.device);
    }
    Decided::Assigned {
        hub: chosen.host,
        substatus: match (before.is_some(), moved, enrollment.migrate_device_data) {
            (_, true, true) => "deviceDataMigrated",
            (_, true, false) => "deviceDataReset",
            (true, false, _) => "reprovisionedToInitialAssignment",
            (false, false, _) => "initialAssignment",
        },
    }
}

fn record(azure: &mut Azure, assignment: &Assignment, before: Option<&Registration>, decided: Decided, now: Timestamp) -> Registration {
    let etag = format!("{:08x}-0000-0100-0000-{:012x}", azure.count(), now.as_second());
    let (status, hub, substatus, error) = match decided {
        Decided::Assigned { hub, substatus } => ("assigned", Some(hub), Some(substatus), None),
        Decided::Disabled => ("disabled", None, None, None),
        Decided::Failed(failure) => ("failed", None, None, Some(failure)),
    };
    Registration {
        id: before.map_or_else(|| assignment.registration.clone(), |record| record.id.clone()),
        through: assignment.through.clone(),
        device: assignment.device.clone(),
        // A device that cannot be assigned now is still in the hub where it was.
        hub: hub.or_else(|| before.and_then(|record| record.hub.clone())),
        status,
        substatus,
        error,
        payload: None,
        etag,
        created: before.map_or(now, |record| record.created),
        updated: now,
    }
}

/// The links among which an enrollment's devices are allocated: to its own hubs, or to all that take part.
pub(crate) fn links<'a>(service: &'a ProvisioningService, enrollment: &Enrollment) -> Vec<&'a Link> {
    let mut links: Vec<&Link> = if enrollment.hubs.is_empty() {
        service.links.iter().filter(|link| link.apply_allocation_policy).collect()
    } else {
        enrollment.hubs.iter().filter_map(|host| service.link(host)).collect()
    };
    links.sort_by(|a, b| a.host.cmp(&b.host));
    links.dedup_by(|a, b| a.host == b.host);
    links
}

/// The link to the hub that a webhook chose, and the twin that it wishes.
fn named(service: &ProvisioningService, enrollment: &Enrollment, allocation: Allocation) -> Result<(Link, Option<Value>), Failure> {
    let link = links(service, enrollment).into_iter().find(|link| link.host == allocation.host).cloned();
    let text = format!("CustomAllocationFailed: {} is not among the linked hubs.", allocation.host);
    link.map(|link| (link, allocation.initial_twin)).ok_or((400_207, text))
}

/// Chooses one of the links.
fn choose<'a>(
    azure: &Azure,
    service: &'a ProvisioningService,
    enrollment: &Enrollment,
    assignment: &Assignment,
) -> Result<&'a Link, Failure> {
    let links = links(service, enrollment);
    let policy = enrollment.allocation_policy.as_deref().unwrap_or(&service.allocation_policy);
    let chosen = match policy.to_ascii_lowercase().as_str() {
        "geolatency" => nearest(azure, &links, assignment.from),
        "hashed" => heaviest(&links, &assignment.registration),
        "static" => links.first().copied(),
        _ => {
            let text = "CustomAllocationFailed: no webhook is defined.".to_owned();
            return Err((400_207, text));
        }
    };
    let nothing = "LinkedHubNotFound: no linked hub can take the device.".to_owned();
    chosen.ok_or((404_206, nothing))
}

/// The region that the device's network address lies next to.
fn region_of(azure: &Azure, from: IpAddr) -> &str {
    azure
        .options
        .networks
        .iter()
        .find(|network| network.contains(from))
        .map_or(azure.options.default_region.as_str(), |network| &network.region)
}

fn nearest<'a>(azure: &Azure, links: &[&'a Link], from: IpAddr) -> Option<&'a Link> {
    let from = region_of(azure, from);
    let distance = |link: &Link| {
        let hub = azure.hubs().values().find(|hub| hub.host() == link.host);
        let region = hub.map_or(link.location.as_str(), |hub| &hub.resource.location);
        regions::latency(from, &region_name(region))
    };
    // Sorted by name, so that the first of equals is the first by name.
    links.iter().copied().min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

/// Weighted rendezvous hashing: stable for a device, and few devices move when hubs change.
fn heaviest<'a>(links: &[&'a Link], registration: &str) -> Option<&'a Link> {
    let score = |link: &Link| {
        let text = format!("{}\n{}", registration.to_lowercase(), link.host);
        let hash = keys::hmac_sha256(b"allocation", text.as_bytes());
        let weight = f64::from(u32::try_from(link.weight).unwrap_or(1));
        -weight / keys::unit(&hash).max(f64::MIN_POSITIVE).ln()
    };
    links.iter().copied().max_by(|a, b| score(a).total_cmp(&score(b)))
}

/// Opens the hub with nothing but what the link has stored; gives the hub's key in the map.
fn open(azure: &Azure, service: &str, link: &Link) -> Result<String, Failure> {
    let refused = |text: &str| (401_002_i64, format!("{text}: {}", link.host));
    let (name, hub) = azure
        .hubs()
        .iter()
        .find(|(_, hub)| hub.host() == link.host && hub.resource.phase.serves())
        .ok_or_else(|| (404_206, format!("LinkedHubNotFound: {}", link.host)))?;
    let LinkAuthentication::Key { policy, key } = &link.authentication else {
        let principal = azure.provisioning()[service].principal(&link.authentication);
        let allowed = principal.is_some_and(|principal| azure.may_register(principal, hub));
        return if allowed { Ok(name.clone()) } else { Err(refused("The link's identity holds no role on the linked hub")) };
    };
    if hub.switched_on("disableLocalAuth") {
        return Err(refused("The linked hub takes no shared access signatures"));
    }
    let policy = hub.policy(policy).filter(|policy| policy.has_key(key)).ok_or_else(|| refused("The linked hub refuses the stored key"))?;
    if !policy.grants("RegistryWrite") || !policy.grants("ServiceConnect") {
        return Err(refused("The link's policy lacks RegistryWrite or ServiceConnect"));
    }
    Ok(name.clone())
}

/// How a device comes to a hub: from another one or not, and with which twin.
struct MoveIn {
    moved: bool,
    carried: Option<Device>,
    /// What its twin says where it brings none.
    initial: Option<Value>,
}

fn device_in(azure: &Azure, host: &str, device: &str) -> Option<Device> {
    let hub = azure.hubs().values().find(|hub| hub.host() == host)?;
    hub.devices.get(device).cloned()
}

/// Creates the device or writes its keys, as the variant of this run says.
fn write(
    azure: &mut Azure,
    service: &str,
    link: &Link,
    enrollment: &Enrollment,
    assignment: &Assignment,
    MoveIn { moved, carried, initial }: MoveIn,
    now: Timestamp,
) -> Result<(), Failure> {
    let name = open(azure, service, link)?;
    let id = &assignment.device;
    let variant = azure.options.variants.reregistration;
    let there = azure.hubs()[&name].devices.get(id).cloned();
    let kept = there.as_ref().is_some_and(|there| match &assignment.credential {
        Credential::Key(_) => variant == Reregistration::NothingUnlessMoved,
        // A renewed certificate has to be told to the hub, or the device could not connect.
        Credential::Certificate(thumbprint) => there.authentication.knows(std::slice::from_ref(thumbprint)),
    });
    if kept && !moved {
        return Ok(());
    }
    let authentication = authentication(azure, &name, enrollment, assignment, there.as_ref());
    let etag = azure.etag();
    let device = Device {
        id: id.clone(),
        generation: there.as_ref().map_or_else(|| azure.count().to_string(), |there| there.generation.clone()),
        etag,
        enabled: there.as_ref().is_none_or(|there| there.enabled),
        status_reason: there.as_ref().and_then(|there| there.status_reason.clone()),
        authentication,
        edge: carried
            .as_ref()
            .map_or_else(|| enrollment.rest.get("capabilities").is_some_and(|all| all["iotEdge"] == true), |old| old.edge),
        status_updated: there.as_ref().map_or(now, |there| there.status_updated),
        last_activity: there.as_ref().and_then(|there| there.last_activity),
        messages: there.as_ref().map_or(0, |there| there.messages),
        twin: there.or(carried).map_or_else(|| twins::initial(initial.as_ref(), now), |device| device.twin),
    };
    if let Some(hub) = azure.hubs_mut().get_mut(&name) {
        hub.devices.insert(id.clone(), device);
    }
    Ok(())
}

/// What the hub is told of how the device proves itself: as it did here.
fn authentication(
    azure: &mut Azure,
    hub: &str,
    enrollment: &Enrollment,
    assignment: &Assignment,
    there: Option<&Device>,
) -> Authentication {
    let key = match &assignment.credential {
        Credential::Certificate(thumbprint) => {
            return Authentication::Thumbprints { primary: Some(thumbprint.clone()), secondary: None };
        }
        Credential::Key(key) => key,
    };
    let both = azure.options.variants.reregistration == Reregistration::BothKeys;
    let keys = assignment.through.device_keys(enrollment, &assignment.registration);
    let other = keys.into_iter().flatten().find(|other| both && other != key);
    let old = there.and_then(|there| there.authentication.keys());
    let secondary = match (other, old) {
        (Some(other), _) => azure.keyring.keep(other),
        (None, Some([_, secondary])) => secondary.clone(),
        (None, None) => azure.keyring.key(&format!("hub/{hub}/device/{}/secondary", assignment.device)),
    };
    Authentication::Keys { primary: key.clone(), secondary }
}

/// Takes the device out of the hub that it leaves, if the link to it still opens it.
fn leave(azure: &mut Azure, service: &str, link: Option<Link>, device: &str) {
    let hub = link.and_then(|link| open(azure, service, &link).ok());
    if let Some(hub) = hub.and_then(|name| azure.hubs_mut().get_mut(&name)) {
        hub.devices.remove(device);
    }
}
