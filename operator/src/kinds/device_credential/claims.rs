//! Who has the right to a registration id, and how many devices a grant has room for: the oldest objects win.

use moorage_crds::{DeviceCredential, EnrollmentGroup};
use moorage_keys::RegistrationId;
use moorage_plan::{Pattern, Reason};

use super::observe::group_of;
use crate::{
    env::Env,
    error::Halt,
    key::{ObjectKey, Thing},
    kinds::{enrollment_group, ownership::age},
};

/// The oldest credential of a registration id keeps it, within one provisioning service.
pub(super) fn first_to_claim(env: &Env, credential: &DeviceCredential, id: &RegistrationId, group: &EnrollmentGroup) -> Result<(), Halt> {
    let service = enrollment_group::service_of(group);
    let mine = age(credential);
    let rivals = env.stores.referrers(&Thing::Registration(id.as_str().into()));
    let older = rivals.into_iter().filter(|rival| *rival != mine.1).find(|rival| {
        env.stores.device_credentials.get(&rival.at).is_some_and(|rival| {
            let theirs = group_of(&rival).and_then(|group| env.stores.enrollment_groups.get(&group.at));
            theirs.is_some_and(|theirs| enrollment_group::service_of(&theirs) == service) && age(&*rival) < mine
        })
    });
    older.map_or(Ok(()), |older| {
        let note = format!(
            "registration id {} belongs to DeviceCredential {}, which is older; choose another, or delete one of the two",
            id.as_str(),
            older.at
        );
        Err(Halt::stuck(Reason::AlreadyExists, note))
    })
}

/// The oldest credentials of a grant keep their place in it.
pub(super) fn within_the_limit(
    env: &Env,
    credential: &DeviceCredential,
    group: &ObjectKey,
    namespaces: &[String],
    limit: i32,
) -> Result<(), Halt> {
    let most = usize::try_from(limit).unwrap_or(0);
    let group_itself = Thing::Object(group.clone());
    // Mostly the answer, and the rest takes as long as the group is large.
    if env.stores.count_referrers(&group_itself) <= most {
        return Ok(());
    }
    let mine = age(credential);
    let here = |key: &ObjectKey| namespaces.iter().any(|pattern| Pattern::new(pattern).matches(&key.at.namespace));
    let members = env.stores.referrers(&group_itself).into_iter().filter(here);
    let older = members.filter_map(|key| env.stores.device_credentials.get(&key.at)).filter(|other| age(&**other) < mine).count();
    if older < most {
        return Ok(());
    }
    let note = format!("EnrollmentGroup {} grants {limit} devices to this namespace and has as many; ask its owner for more", group.at);
    Err(Halt::stuck(Reason::QuotaExceeded, note))
}
