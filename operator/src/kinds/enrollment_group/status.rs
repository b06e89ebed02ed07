//! What a group's status says of what was seen.

use super::{authorities, observe::Observed, plan};
use crate::{
    azure::{
        enrollment_group::{
            hub_group_of,
            keys::{self, digest_of},
        },
        facts::GroupFacts,
    },
    controller::kind::Facts,
    ledger::entries::{ADOPTED, GROUP_FACTS, is_in_place},
};
use moorage_crds::{CommonStatus, EnrollmentGroup, EnrollmentGroupStatus};
use moorage_plan::counted;

/// What the group is good for.
pub(super) fn ready_message(group: &EnrollmentGroup, seen: &Observed) -> String {
    let Observed::Live(seen) = seen else { return String::new() };
    if seen.group.as_ref().is_some_and(|there| !there.is_enabled()) {
        return format!("Enrollment group {} is disabled as its spec says, and no device can register through it", keys::id_of(group));
    }
    let hubs = seen.group.as_ref().map_or(0, |group| group.hubs().len());
    let hubs = counted(i64::try_from(hubs).unwrap_or(i64::MAX), "IoT hub");
    format!("Enrollment group {} assigns devices to {hubs} of TenantHubGroup {}", keys::id_of(group), hub_group_of(group).name)
}

/// What those need to know who rest on the group; nothing while it is not there, or not its object's.
pub(super) fn facts(seen: &Observed) -> Option<Facts> {
    let Observed::Live(seen) = seen else { return None };
    let there = seen.group.as_ref().filter(|_| is_in_place(seen.record.as_deref()));
    let written = there.map(|there| {
        let hubs: Vec<_> = there.hubs().into_iter().map(str::to_lowercase).collect();
        let accepted = seen.signers.as_ref().map(|who| authorities::status(there, who, seen.issues)).unwrap_or_default();
        let authorities: Vec<_> = accepted.into_iter().filter_map(|one| Some((one.slot, one.thumbprint?))).collect();
        GroupFacts::written(&seen.place, &hubs, seen.keys.as_ref().map(digest_of).as_deref(), &authorities)
    });
    Some(written.map(|facts| (GROUP_FACTS.to_owned(), facts)).into_iter().collect())
}

/// The status.
pub(super) fn build(group: &EnrollmentGroup, seen: &Observed, common: CommonStatus) -> EnrollmentGroupStatus {
    let before = group.status.clone().unwrap_or_default();
    match seen {
        Observed::Kept { .. } => EnrollmentGroupStatus { common, ..before },
        Observed::Live(seen) => EnrollmentGroupStatus {
            common,
            enrollment_group_id: Some(keys::id_of(group).to_owned()),
            iot_hubs: seen.group.as_ref().map(|group| group.hubs().into_iter().map(str::to_owned).collect()).unwrap_or_default(),
            id_scope: seen.service.as_ref().map(|service| service.id_scope.clone()),
            provisioning_host: seen.service.as_ref().map(|service| service.device_host.clone()),
            keys_secret: seen.stored.as_ref().map(|_| keys::secret_of(group).name.to_string()),
            keys_digest: seen.keys.as_ref().map(digest_of),
            certificate_authorities: seen
                .group
                .as_ref()
                .zip(seen.signers.as_ref())
                .map(|(there, who)| authorities::status(there, who, seen.issues))
                .unwrap_or_default(),
            adopted: seen.group.as_ref().map(|_| seen.record.as_deref() == Some(ADOPTED)),
            drift: plan::reported(group, seen),
        },
    }
}
