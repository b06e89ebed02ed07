//! Provisioning services, and what they hold, as text.

use serde_json::Value;

use crate::azure::dps::attestation::{Attestation, Slots, derive};
use crate::azure::dps::certificate::Certificate;
use crate::azure::dps::service::{Enrollment, Link, LinkAuthentication, ProvisioningService, Registration, Through};
use crate::azure::microsoft_devices::policies;
use crate::azure::resource;
use crate::azure::state::Azure;
use crate::engine::snapshot::{Snapshot, canonical};

/// Names a device's key by the group that it is derived from.
pub(crate) fn origin(azure: &Azure, device: &str, key: &str) -> Option<String> {
    let groups = azure.provisioning().values().flat_map(|service| service.groups.values());
    let slots = groups.filter_map(|group| {
        group.attestation.keys().map(|[primary, secondary]| [(group, "primary", primary), (group, "secondary", secondary)])
    });
    let (group, slot, _) = slots.flatten().find(|(_, _, master)| derive(master, device).as_deref() == Some(key))?;
    Some(format!("derived({} {slot})", group.id))
}

/// Prints a service.
pub(crate) fn service(page: &mut Snapshot<'_>, service: &ProvisioningService) {
    let more = format!(" S1x{} {} {}", service.capacity, service.id_scope, service.allocation_policy);
    resource::print(page, "service", &service.resource, &more);
    if !service.properties.is_empty() {
        let properties = Value::Object(service.properties.clone());
        page.line(1, &format!("properties {}", canonical(&properties)));
    }
    if let Some(principal) = &service.identities.system {
        page.line(1, &format!("identity {principal}"));
    }
    for given in service.identities.given.values() {
        page.line(1, &format!("identity {} {}", given.id, given.principal));
    }
    policies::print(page, &service.policies);
    let mut links: Vec<&Link> = service.links.iter().collect();
    links.sort_by_key(|link| (&link.host, link.masked()));
    for link in links {
        print_link(page, link);
    }
    for authority in service.authorities.values() {
        let standing = if authority.verified { "verified" } else { "unverified" };
        let text = format!("certificate {} {standing} {}", authority.name, certificate(page, &authority.certificate));
        page.line(1, &text);
    }
    for group in service.groups.values() {
        enrollment(page, "group", group, "");
    }
    for individual in service.individuals.values() {
        let device = individual.device.as_ref().map_or_else(String::new, |device| format!(" device {device}"));
        enrollment(page, "enrollment", &individual.enrollment, &device);
    }
    for record in service.registrations.values() {
        registration(page, record);
    }
}

fn print_link(page: &mut Snapshot<'_>, link: &Link) {
    let (authentication, key) = match &link.authentication {
        LinkAuthentication::Key { policy, key } => (policy.clone(), format!(" {}", page.secret(key))),
        LinkAuthentication::SystemAssigned => ("by its own identity".to_owned(), String::new()),
        LinkAuthentication::UserAssigned(id) => (format!("by {id}"), String::new()),
        LinkAuthentication::Lost => ("by nothing".to_owned(), String::new()),
    };
    let text =
        format!("link {} {} {authentication} weight {} apply {}{key}", link.host, link.location, link.weight, link.apply_allocation_policy);
    page.line(1, &text);
}

fn enrollment(page: &mut Snapshot<'_>, sort: &str, enrollment: &Enrollment, device: &str) {
    let attestation = attestation(page, &enrollment.attestation);
    let mut hubs = enrollment.hubs.clone();
    hubs.sort();
    let text = format!(
        "{sort} {} {} {} [{}] update {} migrate {} {attestation} {}{device}",
        enrollment.id,
        if enrollment.enabled { "enabled" } else { "disabled" },
        enrollment.allocation_policy.as_deref().unwrap_or("-"),
        hubs.join(" "),
        enrollment.update_hub_assignment,
        enrollment.migrate_device_data,
        canonical(&Value::Object(enrollment.rest.clone()))
    );
    page.line(1, &text);
}

/// A certificate by whose it is and by its thumbprint, which differs from run to run as keys do.
fn certificate(page: &mut Snapshot<'_>, certificate: &Certificate) -> String {
    format!("{:?} {}", certificate.subject, page.secret(&certificate.sha256()))
}

fn attestation(page: &mut Snapshot<'_>, attestation: &Attestation) -> String {
    let mut certificates = |slots: &Slots<Certificate>| -> String {
        let all: Vec<String> = slots.filled().map(|one| certificate(page, one)).collect();
        all.join(" ")
    };
    match attestation {
        Attestation::Keys { primary, secondary } => format!("{} {}", page.secret(primary), page.secret(secondary)),
        Attestation::Signers(slots) => format!("signed by {}", certificates(slots)),
        Attestation::Leaves(slots) => format!("with {}", certificates(slots)),
        Attestation::References(names) => {
            format!("signed by {}", names.filled().map(String::as_str).collect::<Vec<_>>().join(" "))
        }
    }
}

fn registration(page: &mut Snapshot<'_>, record: &Registration) {
    let error = record.error.as_ref().map_or_else(String::new, |(code, _)| format!(" {code}"));
    let through = match &record.through {
        Through::Group(group) => group,
        Through::Individual => "its own",
    };
    let text = format!("registration {} of {through} {} {}{error}", record.id, record.status, record.hub.as_deref().unwrap_or("-"));
    page.line(1, &text);
}
