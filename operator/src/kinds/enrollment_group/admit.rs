//! Whether a group may be what its spec says, as far as the objects tell.

use moorage_crds::{DeletionPolicy, EnrollmentGroup, TenantHubGroup};
use moorage_keys::RegistrationId;
use moorage_plan::{Goal, Reason, Standing};
use std::sync::Arc;

use crate::{
    azure::{
        arm_resource::ownership::{Claim, earlier_claim},
        dps::{self, GrantedService},
        enrollment_group::{disjoint::are_disjoint, hub_group_of, keys::id_of, service_of},
        grants, iot_hub, twin,
    },
    controller::{context::Caches, reconcile::dependents::users_to_wait_for},
    ledger::entries::{GROUP, is_in_place, recorded},
    object::Keyed,
};

/// What is to become of a group.
#[derive(Debug)]
pub enum Admitted {
    /// It is to go, and the cloud is none of its business; or not yet, for the sake of those who need it.
    Kept {
        /// Who needs it.
        users: Option<String>,
    },
    /// It is to be looked at.
    Sought(Box<Sought>),
}

/// What a group rests on.
#[derive(Debug)]
pub struct Sought {
    /// The provisioning service, which lets the group's namespace use it.
    pub(super) service: GrantedService,
    /// The hubs that it may assign devices to; asked only while it is to be there.
    pub(super) hub_group: Option<Arc<TenantHubGroup>>,
}

/// Judges the group.
///
/// # Errors
/// Where that leaves it.
pub(super) fn admit(group: &EnrollmentGroup, caches: &Caches, goal: Goal) -> Result<Admitted, Standing> {
    if goal == Goal::Absent {
        let users = users_to_wait_for(caches, &group.key());
        // Whoever has nothing in the ledger has made nothing.
        let made_nothing = !caches.ledger.says_made(&group.key());
        if made_nothing || group.spec.deletion_policy == DeletionPolicy::Retain || users.is_some() {
            return Ok(Admitted::Kept { users });
        }
    }
    let wrong = |error| Standing::stalled(Reason::Invalid, format!("the enrollment group's id: {error}"));
    RegistrationId::parse(id_of(group)).map_err(wrong)?;
    if goal == Goal::Present {
        is_the_first(group, caches)?;
        if let Some(flaw) = group.spec.initial_twin.as_ref().and_then(|twin| twin::validate(twin, "spec.initialTwin")) {
            return Err(Standing::stalled(Reason::Invalid, flaw));
        }
    }
    let service = dps::granted(&caches.objects, &service_of(group).name, &group.key().name.namespace)?;
    if goal == Goal::Present {
        are_disjoint(caches, group)?;
    }
    let hub_group = if goal == Goal::Present { Some(named_hubs(group, caches)?) } else { None };
    Ok(Admitted::Sought(Box::new(Sought { service, hub_group })))
}

/// The hub group that a group names, if it is linked to the same service, and has every hub that the group names of it.
fn named_hubs(group: &EnrollmentGroup, caches: &Caches) -> Result<Arc<TenantHubGroup>, Standing> {
    let named = hub_group_of(group);
    let at = &named.name;
    // Of another namespace's hub group no more is told than whether it serves: it may come, and it may be linked, later.
    let hub_group = caches.objects.readable::<TenantHubGroup>(&named).filter(|hubs| iot_hub::service_of(hubs) == Some(service_of(group)));
    let hub_group = hub_group.ok_or_else(|| {
        if *at.namespace == *group.key().name.namespace && caches.objects.unreadable().get(&named).is_some() {
            return grants::unreadable_reference(&named);
        }
        let note = format!(
            "TenantHubGroup {at} does not exist, cannot be read, or does not have its hubs linked to the provisioning service of this group; create it with \
             that spec.provisioningServiceRef, or correct spec.tenantHubGroupRef"
        );
        Standing::reconciling(Reason::DependencyMissing, note)
    })?;
    wanted_hubs(group, &hub_group)?;
    Ok(hub_group)
}

/// The names of the hubs that the spec means: all of the hub group, or those that are named.
pub(super) fn wanted_hubs<'a>(group: &EnrollmentGroup, hub_group: &'a TenantHubGroup) -> Result<Vec<&'a str>, Standing> {
    let there = || hub_group.spec.hubs.iter().map(|hub| hub.name.as_str());
    let named = &group.spec.hubs;
    if let Some(unknown) = named.iter().find(|name| !there().any(|hub| hub.eq_ignore_ascii_case(name))) {
        let note = format!("TenantHubGroup {} has no hub {unknown}; add it there, or correct spec.hubs", hub_group.key().name);
        return Err(Standing::stalled(Reason::DependencyMissing, note));
    }
    Ok(there().filter(|hub| named.is_empty() || named.iter().any(|name| name.eq_ignore_ascii_case(hub))).collect())
}

/// Only one object can have the group of one name: a group has no tags that could tell whose it is.
fn is_the_first(group: &EnrollmentGroup, caches: &Caches) -> Result<(), Standing> {
    earlier_claim(caches, group, &Id(group)).map_or(Ok(()), |first| {
        let note = format!(
            "enrollment group {} belongs to EnrollmentGroup {}, which came first; choose another enrollmentGroupId, or delete one of the two",
            id_of(group),
            first.name
        );
        Err(Standing::stalled(Reason::AlreadyExists, note))
    })
}

/// The id of a group, of which there is one in its service.
struct Id<'a>(&'a EnrollmentGroup);

impl Claim<EnrollmentGroup> for Id<'_> {
    fn is_same(&self, rival: &EnrollmentGroup) -> bool {
        service_of(rival) == service_of(self.0) && id_of(rival) == id_of(self.0)
    }

    fn is_granted(&self, caches: &Caches, rival: &EnrollmentGroup) -> bool {
        dps::granted(&caches.objects, &service_of(rival).name, &rival.key().name.namespace).is_ok()
    }

    fn is_held(&self, caches: &Caches, object: &EnrollmentGroup) -> bool {
        is_in_place(recorded(&caches.ledger.of(&object.key()), GROUP))
    }
}
