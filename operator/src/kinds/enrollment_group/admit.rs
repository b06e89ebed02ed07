//! Whether a group may be what its spec says, as far as the objects tell.

use moorage_crds::{DeletionPolicy, EnrollmentGroup};
use moorage_keys::RegistrationId;
use moorage_plan::{Goal, Reason, Standing};

use super::twin;
use crate::{
    azure::{
        arm_resource::ownership::older_claim,
        enrollment_group::{keys::id_of, service_of},
    },
    controller::{context::Caches, reconcile::dependents::users_to_wait_for},
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
    Sought,
}

/// Judges the group.
///
/// # Errors
/// Where that leaves it.
pub(super) fn admit(group: &EnrollmentGroup, caches: &Caches, goal: Goal) -> Result<Admitted, Standing> {
    if goal == Goal::Absent {
        let users = users_to_wait_for(&caches.objects, &group.key());
        if group.spec.deletion_policy == DeletionPolicy::Retain || users.is_some() {
            return Ok(Admitted::Kept { users });
        }
    }
    let wrong = |error| Standing::stalled(Reason::Invalid, format!("the enrollment group's id: {error}"));
    RegistrationId::parse(id_of(group)).map_err(wrong)?;
    if goal == Goal::Present {
        is_the_oldest(group, caches)?;
        if let Some(flaw) = group.spec.initial_twin.as_ref().and_then(twin::validate) {
            return Err(Standing::stalled(Reason::Invalid, flaw));
        }
    }
    Ok(Admitted::Sought)
}

/// The oldest of the objects that want the group of one name keeps it: a group has no tags that could tell whose it is.
fn is_the_oldest(group: &EnrollmentGroup, caches: &Caches) -> Result<(), Standing> {
    let is_same = |other: &EnrollmentGroup| service_of(other) == service_of(group) && id_of(other) == id_of(group);
    older_claim(caches, group, is_same).map_or(Ok(()), |older| {
        let note = format!(
            "enrollment group {} belongs to EnrollmentGroup {}, which is older; choose another enrollmentGroupId, or delete one of the two",
            id_of(group),
            older.name
        );
        Err(Standing::stalled(Reason::AlreadyExists, note))
    })
}
