//! Who has the right to a registration id or to a device in a hub, and how many devices a grant has room for.

use std::collections::HashSet;

use moorage_cloud::HubHost;
use moorage_crds::{DeviceCredential, EnrollmentGrant, EnrollmentGroup, TenantHubGroup};
use moorage_keys::RegistrationId;
use moorage_plan::{Reason, Standing, counted};

use crate::{
    azure::{
        self,
        arm_resource::ownership::age,
        enrollment_group,
        facts::{GroupFacts, HubFacts},
        grants,
    },
    controller::context::Caches,
    kinds::device_credential::{
        enrollment::ledger::meant,
        subject::{device_of, group_of, hub_group_of, registration_id_of},
    },
    ledger::entries::{self, IDENTITY},
    object::{Dependency, Keyed, ObjectKey},
};

/// One credential of a registration id keeps it, within one provisioning service: the one that the ledger knows, then the oldest. Who was
/// not granted the id is no rival.
pub fn first_to_claim(
    caches: &Caches,
    credential: &DeviceCredential,
    id: &RegistrationId,
    group: &EnrollmentGroup,
) -> Result<(), Standing> {
    let service = enrollment_group::service_of(group);
    let rank = |credential: &DeviceCredential| (meant(caches, &credential.key(), id, &service).is_none(), age(credential));
    let (mine, key) = (rank(credential), credential.key());
    let wants_it = |rival: &DeviceCredential| {
        let theirs = group_of(rival).and_then(|group| caches.objects.of::<EnrollmentGroup>().get(&group.name));
        theirs.is_some_and(|theirs| enrollment_group::service_of(&theirs) == service) && is_granted(caches, rival)
    };
    let rivals = caches.objects.referrers(&azure::registration_id(id.as_str())).into_iter().filter(|rival| *rival != key);
    let rivals = rivals.filter_map(|rival| caches.objects.of::<DeviceCredential>().get(&rival.name));
    let older = rivals.filter(|rival| wants_it(rival)).find(|rival| rank(rival) < mine).map(|rival| rival.key());
    older.map_or(Ok(()), |older| {
        let note = format!(
            "registration id {} belongs to {}, which came first; choose another, or delete one of the two",
            id.as_str(),
            shown(&older, &key)
        );
        Err(Standing::stalled(Reason::AlreadyExists, note))
    })
}

/// Whether the owners of what a credential refers to let its namespace have the names that it asks for. A hub is of its own namespace, and
/// is asked for with the hub.
fn is_granted(caches: &Caches, credential: &DeviceCredential) -> bool {
    let Some(group) = group_of(credential) else { return true };
    let Some(group) = caches.objects.of::<EnrollmentGroup>().get(&group.name) else { return false };
    let own_name = credential.spec.individual_enrollment.as_ref().and_then(|own| own.device_id.as_deref());
    let mut names = [Some(registration_id_of(credential)), own_name].into_iter().flatten();
    names.all(|name| grants::on_enrollment_group(&group, &credential.key().name.namespace, "device", name).is_ok())
}

/// One credential of a device in a hub keeps it, be it created there or registered, for a hub has one device of a name: the one that the
/// ledger knows, then the oldest.
pub fn first_in_the_hub(caches: &Caches, credential: &DeviceCredential) -> Result<(), Standing> {
    let (spec, device) = (&credential.spec, device_of(credential));
    first_in(caches, credential, || hubs_of(caches, credential)).map_or(Ok(()), |(hub, older)| {
        let field = match (&spec.hub_ref, &spec.individual_enrollment) {
            (Some(_), _) => "deviceId",
            (None, Some(_)) => "individualEnrollment.deviceId",
            (None, None) => "registrationId",
        };
        let note = format!(
            "device {device} in hub {hub} belongs to {}, which came first; choose another {field}, or delete one of the two",
            shown(&older, &credential.key())
        );
        Err(Standing::stalled(Reason::AlreadyExists, note))
    })
}

/// An object, in words that say nothing of another tenant.
pub fn shown(object: &ObjectKey, to: &ObjectKey) -> String {
    if object.name.namespace == to.name.namespace {
        format!("{} {}", object.kind, object.name)
    } else {
        "an object of another namespace".to_owned()
    }
}

/// Whether a device of this credential's name, in a hub, belongs to another.
pub fn is_another_s(caches: &Caches, credential: &DeviceCredential, hub: &HubHost) -> bool {
    first_in(caches, credential, || vec![hub.host().as_str().to_lowercase()]).is_some()
}

/// Another credential that comes first for a device of the same name in one of these hubs, and the hub.
fn first_in(caches: &Caches, credential: &DeviceCredential, hubs: impl Fn() -> Vec<String>) -> Option<(String, ObjectKey)> {
    let (key, device) = (credential.key(), device_of(credential));
    let rank = |credential: &DeviceCredential| (!is_recorded(caches, credential, device), age(credential));
    let [by_name, by_registration] = [azure::device_id(device), azure::registration_id(device)];
    let rivals = [by_name, by_registration].into_iter().flat_map(|thing| caches.objects.referrers(&thing)).filter(|rival| *rival != key);
    let rivals = rivals.filter_map(|rival| caches.objects.of::<DeviceCredential>().get(&rival.name));
    let mut first = rivals.filter(|rival| device_of(rival) == device && is_granted(caches, rival) && rank(rival) < rank(credential));
    first.find_map(|rival| {
        let meant = hubs();
        let hub = hubs_of(caches, &rival).into_iter().find(|hub| meant.contains(hub))?;
        Some((hub, rival.key()))
    })
}

/// Whether the ledger says that a credential created a device of a name in a hub.
fn is_recorded(caches: &Caches, credential: &DeviceCredential, device: &str) -> bool {
    let place = format!("/devices/{device}");
    caches.ledger.of(&credential.key()).iter().any(|(entry, value)| entry.starts_with(IDENTITY) && value.ends_with(&place))
}

/// The hosts of the hubs that a credential's device is in or may come to, in lower case. A hub counts from when it is its group's, or from
/// when the enrollment group is in its service with it: whoever only names one has no right in it.
fn hubs_of(caches: &Caches, credential: &DeviceCredential) -> Vec<String> {
    if let Some(hub) = &credential.spec.hub_ref {
        let hubs = caches.objects.of::<TenantHubGroup>().get(&hub_group_of(credential, hub).name);
        let known = hubs.map(|hubs| HubFacts::of(caches, &hubs)).unwrap_or_default().into_iter();
        return known.filter(|known| known.name.eq_ignore_ascii_case(&hub.hub)).map(|hub| hub.host).collect();
    }
    let group = group_of(credential).and_then(|group| caches.objects.of::<EnrollmentGroup>().get(&group.name));
    let known = group.and_then(|group| GroupFacts::of(caches, &group));
    known.map(|known| known.hubs.iter().map(|host| host.to_lowercase()).collect()).unwrap_or_default()
}

/// The devices that have an enrollment in the service keep their place in a grant, be their credential there or gone; what is left goes to
/// the oldest credentials.
pub fn within_the_limit(
    caches: &Caches,
    credential: &DeviceCredential,
    group: &EnrollmentGroup,
    grant: &EnrollmentGrant,
    limit: i32,
) -> Result<(), Standing> {
    let most = usize::try_from(limit).unwrap_or(0);
    let group_itself = Dependency::Object(group.key());
    // Mostly the answer, and the rest takes as long as the group is large.
    if caches.objects.count_referrers(&group_itself) + entries::most_enrollments(&caches.ledger) <= most {
        return Ok(());
    }
    let enrolled = enrolled_under(caches, group, grant);
    let rank = |one: &DeviceCredential| (!enrolled.contains(registration_id_of(one)), age(one));
    let mine = rank(credential);
    let members = caches.objects.referrers(&group_itself).into_iter();
    let members = members.filter_map(|key| caches.objects.of::<DeviceCredential>().get(&key.name));
    let members = members.filter(|one| grants::covers(grant, &one.key().name.namespace, registration_id_of(one)));
    // What is being deleted keeps a place only by what is enrolled.
    let members = members.filter(|one| one.metadata.deletion_timestamp.is_none() || enrolled.contains(registration_id_of(one)));
    // Several objects of one id are one device.
    let (mut first, mut living) = (HashSet::new(), HashSet::from([registration_id_of(credential).to_owned()]));
    for member in members {
        let id = registration_id_of(&member).to_owned();
        if rank(&member) < mine && id != registration_id_of(credential) {
            first.insert(id.clone());
        }
        living.insert(id);
    }
    let left = enrolled.difference(&living).count();
    if first.len() + left < most {
        return Ok(());
    }
    let among = if left > 0 { ", with those that were left in the service" } else { "" };
    let most = counted(i64::from(limit), "device");
    let note =
        format!("EnrollmentGroup {} grants {most} to this namespace and has as many{among}; ask its owner for more", group.key().name);
    Err(Standing::stalled(Reason::QuotaExceeded, note))
}

/// The registration ids that have an enrollment in a group's service in the name of credentials of a grant, be they there or gone.
fn enrolled_under(caches: &Caches, group: &EnrollmentGroup, grant: &EnrollmentGrant) -> HashSet<String> {
    let service = enrollment_group::service_of(group);
    let enrolled = entries::enrollments_in(&caches.ledger, &service).into_iter();
    enrolled.filter(|(owner, id)| grants::covers(grant, &owner.name.namespace, id)).map(|(_, id)| id).collect()
}
