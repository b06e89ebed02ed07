//! The cloud as sorted text, for comparing the ends of two runs.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::azure::dps::attestation::{Attestation, Slots};
use crate::azure::dps::certificate::Certificate;
use crate::azure::dps::service::{Enrollment, Link, Means, Registration, Service, Through};
use crate::azure::iot_hub::hub::{Authentication, Device, Hub};
use crate::azure::resource::{Phase, Policy, Resource};
use crate::azure::state::Azure;
use crate::engine::keys;

/// How secrets are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrets {
    /// Eight digits of a hash.
    Fingerprints,
    /// `k1`, `k2`, … in the order in which they are met.
    Names,
}

/// Prints the world: no times, no entity tags, no operations.
pub(crate) fn print(azure: &Azure, secrets: Secrets) -> String {
    let mut page = Page { secrets, names: HashMap::new(), text: String::new() };
    for group in azure.groups.values() {
        let standing = if group.deleting { " deleting" } else { "" };
        page.line(0, &format!("resource group {}/{} {}{}{standing}", group.subscription, group.name, group.location, tags(&group.tags)));
    }
    for hub in azure.hubs.values() {
        page.hub(azure, hub);
    }
    for service in azure.services.values() {
        page.service(service);
    }
    page.text
}

struct Page {
    secrets: Secrets,
    names: HashMap<String, String>,
    text: String,
}

fn tags(tags: &Map<String, Value>) -> String {
    if tags.is_empty() {
        return String::new();
    }
    format!(" tags {}", canonical(&Value::Object(tags.clone())))
}

/// JSON with its keys sorted, also where another crate has turned on `preserve_order` of `serde_json`.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<(&String, &Value)> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            let fields: Vec<String> =
                sorted.into_iter().map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value))).collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(canonical).collect();
            format!("[{}]", values.join(","))
        }
        other => other.to_string(),
    }
}

fn standing(phase: Phase) -> &'static str {
    match phase {
        Phase::Active => "",
        Phase::Creating(_) => " creating",
        Phase::Updating(_) => " updating",
        Phase::Deleting(_) => " deleting",
    }
}

impl Page {
    fn line(&mut self, depth: usize, text: &str) {
        let _ = writeln!(self.text, "{:1$}{text}", "", depth * 2);
    }

    fn secret(&mut self, value: &str) -> String {
        match self.secrets {
            Secrets::Fingerprints => keys::fingerprint(value),
            Secrets::Names => {
                let next = format!("k{}", self.names.len() + 1);
                self.names.entry(value.to_owned()).or_insert(next).clone()
            }
        }
    }

    fn resource(&mut self, kind: &str, resource: &Resource, more: &str) {
        self.line(
            0,
            &format!(
                "{kind} {} in {}/{} {}{more}{}{}",
                resource.name,
                resource.subscription,
                resource.group,
                resource.location,
                tags(&resource.tags),
                standing(resource.phase)
            ),
        );
    }

    fn policies(&mut self, policies: &[Policy]) {
        let mut sorted: Vec<&Policy> = policies.iter().collect();
        sorted.sort_by_key(|policy| policy.name.to_lowercase());
        for policy in sorted {
            let (primary, secondary) = (self.secret(&policy.primary), self.secret(&policy.secondary));
            let text = format!("policy {} [{}] {primary} {secondary}", policy.name, policy.rights);
            self.line(1, &text);
        }
    }

    fn hub(&mut self, azure: &Azure, hub: &Hub) {
        let sku = format!(" {}x{}", hub.sku, hub.capacity);
        self.resource("hub", &hub.resource, &sku);
        if let Some(identity) = &hub.identity {
            self.line(1, &format!("identity {}", canonical(identity)));
        }
        // The values of connection strings must not be shown.
        let properties = crate::azure::iot_hub::manage::document::masked_properties(hub);
        self.line(1, &format!("properties {}", canonical(&Value::Object(properties))));
        self.policies(&hub.policies);
        let scope = hub.resource.scope("iothubs");
        for role in azure.roles.values().filter(|role| role.scope == scope) {
            self.line(1, &format!("role {} of {}", role.role(), role.principal));
        }
        for device in hub.devices.values() {
            self.device(azure, device);
        }
    }

    fn device(&mut self, azure: &Azure, device: &Device) {
        let proof = match &device.authentication {
            Authentication::Keys { primary, secondary } => {
                [primary, secondary].map(|key| self.device_key(azure, &device.id, key)).join(" ")
            }
            Authentication::Thumbprints { primary, secondary } => {
                let slots =
                    [primary, secondary].map(|slot| slot.as_ref().map_or_else(|| "-".to_owned(), |thumbprint| self.secret(thumbprint)));
                format!("thumbprints {}", slots.join(" "))
            }
        };
        let status = if device.enabled { "enabled" } else { "disabled" };
        self.line(1, &format!("device {} {status} {proof}", device.id));
        if !device.twin.is_empty() {
            let [desired, reported] =
                [&device.twin.desired, &device.twin.reported].map(|part| canonical(&Value::Object(part.values().clone())));
            self.line(2, &format!("twin{} desired {desired} reported {reported}", tags(&device.twin.tags)));
        }
    }

    /// A device's key by the group that it is derived from, where it is.
    fn device_key(&mut self, azure: &Azure, device: &str, key: &str) -> String {
        if self.secrets == Secrets::Fingerprints {
            return self.secret(key);
        }
        let groups = azure.services.values().flat_map(|service| service.groups.values());
        let origin = groups
            .filter_map(|group| {
                group.attestation.keys().map(|[primary, secondary]| [(group, "primary", primary), (group, "secondary", secondary)])
            })
            .flatten()
            .find(|(_, _, master)| keys::derive(master, device).as_deref() == Some(key));
        match origin {
            Some((group, slot, _)) => format!("derived({} {slot})", group.id),
            None => self.secret(key),
        }
    }

    fn service(&mut self, service: &Service) {
        let more = format!(" S1x{} {} {}", service.capacity, service.id_scope, service.allocation_policy);
        self.resource("service", &service.resource, &more);
        if !service.properties.is_empty() {
            let properties = Value::Object(service.properties.clone());
            self.line(1, &format!("properties {}", canonical(&properties)));
        }
        if let Some(principal) = &service.identities.system {
            self.line(1, &format!("identity {principal}"));
        }
        for given in service.identities.given.values() {
            self.line(1, &format!("identity {} {}", given.id, given.principal));
        }
        self.policies(&service.policies);
        let mut links: Vec<&Link> = service.links.iter().collect();
        links.sort_by_key(|link| (&link.host, link.masked()));
        for link in links {
            self.link(link);
        }
        for authority in service.authorities.values() {
            let standing = if authority.verified { "verified" } else { "unverified" };
            let text = format!("certificate {} {standing} {}", authority.name, self.certificate(&authority.certificate));
            self.line(1, &text);
        }
        for group in service.groups.values() {
            self.enrollment("group", group, "");
        }
        for individual in service.individuals.values() {
            let device = individual.device.as_ref().map_or_else(String::new, |device| format!(" device {device}"));
            self.enrollment("enrollment", &individual.enrollment, &device);
        }
        for record in service.registrations.values() {
            self.registration(record);
        }
    }

    fn link(&mut self, link: &Link) {
        let (means, key) = match &link.means {
            Means::Key { policy, key } => (policy.clone(), format!(" {}", self.secret(key))),
            Means::SystemAssigned => ("by its own identity".to_owned(), String::new()),
            Means::UserAssigned(id) => (format!("by {id}"), String::new()),
            Means::Lost => ("by nothing".to_owned(), String::new()),
        };
        let text =
            format!("link {} {} {means} weight {} apply {}{key}", link.host, link.location, link.weight, link.apply_allocation_policy);
        self.line(1, &text);
    }

    fn enrollment(&mut self, sort: &str, enrollment: &Enrollment, device: &str) {
        let attestation = self.attestation(&enrollment.attestation);
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
        self.line(1, &text);
    }

    /// A certificate by whose it is and by its thumbprint, which differs from run to run as keys do.
    fn certificate(&mut self, certificate: &Certificate) -> String {
        format!("{:?} {}", certificate.subject, self.secret(&certificate.sha256()))
    }

    fn attestation(&mut self, attestation: &Attestation) -> String {
        let mut certificates = |slots: &Slots<Certificate>| -> String {
            let all: Vec<String> = slots.filled().map(|one| self.certificate(one)).collect();
            all.join(" ")
        };
        match attestation {
            Attestation::Keys { primary, secondary } => format!("{} {}", self.secret(primary), self.secret(secondary)),
            Attestation::Signers(slots) => format!("signed by {}", certificates(slots)),
            Attestation::Leaves(slots) => format!("with {}", certificates(slots)),
            Attestation::References(names) => {
                format!("signed by {}", names.filled().map(String::as_str).collect::<Vec<_>>().join(" "))
            }
        }
    }

    fn registration(&mut self, record: &Registration) {
        let error = record.error.as_ref().map_or_else(String::new, |(code, _)| format!(" {code}"));
        let through = match &record.through {
            Through::Group(group) => group,
            Through::Individual => "its own",
        };
        let text = format!("registration {} of {through} {} {}{error}", record.id, record.status, record.hub.as_deref().unwrap_or("-"));
        self.line(1, &text);
    }
}
