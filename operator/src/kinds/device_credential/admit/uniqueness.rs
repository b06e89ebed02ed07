//! Who has the right to a registration id or to a device in a hub, and how many devices a grant has room for: the oldest objects win.

use moorage_cloud::HubHost;
use moorage_crds::{DeviceCredential, EnrollmentGroup, TenantHubGroup};
use moorage_keys::RegistrationId;
use moorage_plan::{Pattern, Reason, Standing, counted};

use crate::{
    azure::{self, arm_resource::ownership::age, enrollment_group, facts::HubFacts, grants},
    controller::context::Caches,
    kinds::device_credential::{
        enrollment::ledger::meant,
        subject::{device_of, group_of, hub_group_of},
    },
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
    let is_granted = |rival: &DeviceCredential| {
        let theirs = group_of(rival).and_then(|group| caches.objects.of::<EnrollmentGroup>().get(&group.name));
        let namespace = rival.key().name.namespace;
        theirs.is_some_and(|theirs| {
            let is_same_service = enrollment_group::service_of(&theirs) == service;
            is_same_service && grants::on_enrollment_group(&theirs, &namespace, "registration id", id.as_str()).is_ok()
        })
    };
    let rivals = caches.objects.referrers(&azure::registration_id(id.as_str())).into_iter().filter(|rival| *rival != key);
    let rivals = rivals.filter_map(|rival| caches.objects.of::<DeviceCredential>().get(&rival.name));
    let older = rivals.filter(|rival| is_granted(rival)).find(|rival| rank(rival) < mine).map(|rival| rival.key());
    older.map_or(Ok(()), |older| {
        let note = format!(
            "registration id {} belongs to {}, which came first; choose another, or delete one of the two",
            id.as_str(),
            shown(&older, &key)
        );
        Err(Standing::stalled(Reason::AlreadyExists, note))
    })
}

/// The oldest credential of a device in a hub keeps it, be it created there or registered: a hub has one device of a name.
pub fn first_in_the_hub(caches: &Caches, credential: &DeviceCredential) -> Result<(), Standing> {
    let (spec, device) = (&credential.spec, device_of(credential));
    older_in(caches, credential, || hubs_of(caches, credential)).map_or(Ok(()), |(hub, older)| {
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
fn shown(object: &ObjectKey, to: &ObjectKey) -> String {
    if object.name.namespace == to.name.namespace {
        format!("{} {}", object.kind, object.name)
    } else {
        "an object of another namespace".to_owned()
    }
}

/// Whether a device of this credential's name, in a hub, belongs to an older one.
pub fn is_an_older_one_s(caches: &Caches, credential: &DeviceCredential, hub: &HubHost) -> bool {
    older_in(caches, credential, || vec![hub.host().as_str().to_lowercase()]).is_some()
}

/// An older credential of a device of the same name in one of these hubs, and the hub.
fn older_in(caches: &Caches, credential: &DeviceCredential, hubs: impl Fn() -> Vec<String>) -> Option<(String, ObjectKey)> {
    let (mine, device) = (age(credential), device_of(credential));
    let [by_name, by_registration] = [azure::device_id(device), azure::registration_id(device)];
    let rivals = [by_name, by_registration].into_iter().flat_map(|thing| caches.objects.referrers(&thing)).filter(|rival| *rival != mine.1);
    let older = rivals.filter_map(|rival| caches.objects.of::<DeviceCredential>().get(&rival.name)).filter(|rival| age(&**rival) < mine);
    older.filter(|rival| device_of(rival) == device).find_map(|rival| {
        let meant = hubs();
        let hub = hubs_of(caches, &rival).into_iter().find(|hub| meant.contains(hub))?;
        Some((hub, rival.key()))
    })
}

/// The hosts of the hubs that a credential's device is in or may come to, in lower case. A hub counts from when it is its group's:
/// whoever only names one has no right in it.
fn hubs_of(caches: &Caches, credential: &DeviceCredential) -> Vec<String> {
    let (hubs, named) = if let Some(hub) = &credential.spec.hub_ref {
        (hub_group_of(credential, hub), vec![hub.hub.clone()])
    } else {
        let group = group_of(credential).and_then(|group| caches.objects.of::<EnrollmentGroup>().get(&group.name));
        let Some(group) = group else { return Vec::new() };
        (enrollment_group::hub_group_of(&group), group.spec.hubs.clone())
    };
    let hubs = caches.objects.of::<TenantHubGroup>().get(&hubs.name);
    let known = hubs.map(|hubs| HubFacts::of(caches, &hubs)).unwrap_or_default().into_iter();
    let meant = known.filter(|hub| named.is_empty() || named.iter().any(|name| name.eq_ignore_ascii_case(&hub.name)));
    meant.map(|hub| hub.host).collect()
}

/// The oldest credentials of a grant keep their place in it.
pub fn within_the_limit(
    caches: &Caches,
    credential: &DeviceCredential,
    group: &ObjectKey,
    namespaces: &[String],
    limit: i32,
) -> Result<(), Standing> {
    let most = usize::try_from(limit).unwrap_or(0);
    let group_itself = Dependency::Object(group.clone());
    // Mostly the answer, and the rest takes as long as the group is large.
    if caches.objects.count_referrers(&group_itself) <= most {
        return Ok(());
    }
    let mine = age(credential);
    let here = |key: &ObjectKey| namespaces.iter().any(|pattern| Pattern::new(pattern).matches(&key.name.namespace));
    let members = caches.objects.referrers(&group_itself).into_iter().filter(here);
    let older =
        members.filter_map(|key| caches.objects.of::<DeviceCredential>().get(&key.name)).filter(|other| age(&**other) < mine).count();
    if older < most {
        return Ok(());
    }
    let note = format!(
        "EnrollmentGroup {} grants {} to this namespace and has as many; ask its owner for more",
        group.name,
        counted(i64::from(limit), "device")
    );
    Err(Standing::stalled(Reason::QuotaExceeded, note))
}
