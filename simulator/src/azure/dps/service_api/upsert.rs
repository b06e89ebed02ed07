//! What writing and reading an enrollment is like, be it a group's or an individual one.

use jiff::Timestamp;
use serde_json::Value;

use crate::azure::dps::attestation::Attestation;
use crate::azure::dps::service::{Enrollment, ProvisioningService};
use crate::azure::dps::service_api::attestation::WantedAttestation;
use crate::azure::dps::service_api::document::{Sort, read};
use crate::azure::dps::service_api::refusal::{bad, no_such_host, refused, stale};
use crate::azure::dps::service_api::version;
use crate::azure::options::KeysLeftOut;
use crate::azure::state::Azure;
use crate::engine::http::{Request, Response};

pub(crate) fn service<'a>(azure: &'a Azure, name: &str, now: Timestamp) -> Result<&'a ProvisioningService, Response> {
    azure.provisioning().get(name).ok_or_else(|| no_such_host(name, now))
}

/// Whether the entity tag of a request, if it has one, is the enrollment's.
pub(crate) fn check_tag(enrollment: &Enrollment, tag: Option<&str>, now: Timestamp) -> Result<(), Response> {
    let fits = tag.is_none_or(|tag| {
        let wanted = tag.trim_matches('"');
        wanted == "*" || wanted == enrollment.etag
    });
    if fits { Ok(()) } else { Err(stale(now)) }
}

/// A creation has no entity tag, an update has one.
fn check_condition(sort: Sort, before: Option<&Enrollment>, tag: Option<&str>, id: &str, now: Timestamp) -> Result<(), Response> {
    match (before, tag) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(stale(now)),
        (Some(before), Some(_)) => check_tag(before, tag, now),
        (Some(_), None) => Err(refused(409, 409_201, &format!("{}: {id} exists.", sort.conflict()), now)),
    }
}

/// What was asked for; for keys that were left out new ones, or the old ones where the variant says so.
fn attestation_after(azure: &mut Azure, label: &str, wanted: WantedAttestation, old: Option<&Attestation>) -> Attestation {
    let [primary, secondary] = match wanted {
        WantedAttestation::Certificates(attestation) => return *attestation,
        WantedAttestation::Keys(keys) => keys,
    };
    let kept = azure.options.variants.group_keys_left_out == KeysLeftOut::Kept;
    let old = old.filter(|_| kept).and_then(Attestation::keys);
    let mut slot = |given: Option<String>, old: Option<&String>, slot: &str| match given.or_else(|| old.cloned()) {
        Some(key) => azure.keyring.keep(key),
        None => azure.keyring.long_key(&format!("{label}/{slot}")),
    };
    Attestation::Keys {
        primary: slot(primary, old.map(|[primary, _]| primary), "primary"),
        secondary: slot(secondary, old.map(|[_, secondary]| secondary), "secondary"),
    }
}

/// An enrollment to be written, of which there were so many of its sort before.
pub(crate) struct Upsert<'a> {
    pub name: &'a str,
    pub sort: Sort,
    pub id: &'a str,
    pub body: &'a Value,
    /// The entity tag that the enrollment has to have; without one it must not be there.
    pub tag: Option<&'a str>,
    /// The api-version in which it is written.
    pub version: &'a str,
    pub before: Option<Enrollment>,
    pub others: usize,
    /// How many there may be, and what they are called in the refusal.
    pub most: (usize, &'static str),
}

impl Upsert<'_> {
    /// The enrollment that is there afterwards; it is not stored yet.
    pub fn enrollment(self, azure: &mut Azure, now: Timestamp) -> Result<Enrollment, Response> {
        let there = service(azure, self.name, now)?;
        let old = self.before.as_ref();
        check_condition(self.sort, old, self.tag, self.id, now)?;
        let wanted = read(there, self.sort, self.id, self.body, old.map(|old| &old.attestation), now)?;
        let (most, what) = self.most;
        if old.is_none() && self.others >= most {
            return Err(bad(400_210, &format!("TooManyEnrollments: {most} {what} at most."), now));
        }
        let label = match self.sort {
            Sort::Group => format!("service/{}/group/{}", self.name, self.id),
            Sort::Individual => format!("service/{}/enrollment/{}", self.name, self.id),
        };
        let rest = version::after(&azure.options.variants, self.version, old.map(|old| &old.rest), wanted.rest);
        let attestation = attestation_after(azure, &label, wanted.attestation, old.map(|old| &old.attestation));
        let visible_from = azure.visible_from(now);
        Ok(Enrollment {
            id: old.map_or(self.id, |old| &old.id).to_owned(),
            etag: format!("{:08x}-0000-0100-0000-{:012x}", azure.count(), now.as_second()),
            attestation,
            enabled: wanted.enabled,
            allocation_policy: wanted.allocation_policy,
            hubs: wanted.hubs,
            update_hub_assignment: wanted.update_hub_assignment,
            migrate_device_data: wanted.migrate_device_data,
            rest,
            created: old.map_or(now, |old| old.created),
            updated: now,
            visible_from: old.map_or(visible_from, |old| old.visible_from),
        })
    }
}

/// The body, which has to be an object.
pub(crate) fn body(request: &Request, now: Timestamp) -> Result<&Value, Response> {
    let body = request.json.as_ref().filter(|body| body.is_object());
    body.ok_or_else(|| bad(400_003, "The body is no JSON object.", now))
}
