//! A look at the individual enrollment of a device that is to be disenrolled, or enrolled again.

use std::sync::Arc;

use moorage_cloud::{DpsService, IndividualEnrollment, Registration};
use moorage_crds::{DeviceCredential, DevicePolicy, EnrollmentGroup};
use moorage_keys::RegistrationId;
use moorage_plan::{Class, Goal, Reason, Why};
use serde_json::{Value, json};

use crate::{
    azure::{Context, dps, enrollment_group},
    error::{Error, ObserveError, reached},
    kinds::device_credential::{
        admit::{
            GroupMember,
            uniqueness::{is_another_s, shown},
        },
        assignment::hub::{AssignedHub, group_name_of, of_record},
        enrollment::ledger::{Meant, is_disabled_by_us, meant},
        subject::group_of,
    },
    object::{Keyed, ObjectKey},
};

/// Tag of the enrollment's initial twin that says whose it is: an enrollment has no tags of its own.
pub const MARK: &str = "moorage";

/// A look at what disenrolls a device.
pub struct ObservedEnrollment {
    pub id: RegistrationId,
    pub service: ObjectKey,
    /// The service is gone: there is nothing in which the device could register.
    pub nowhere: bool,
    pub enrollment: Option<IndividualEnrollment>,
    /// The device's record; asked only when it is to be removed.
    pub registration: Option<Registration>,
    /// Whether the enrollment bears our mark.
    pub marked: bool,
    /// What the ledger says that we wrote it for, or were about to.
    pub meant: Option<Meant>,
    /// Whether the ledger says that it is we who have disabled it.
    pub off: bool,
    /// The device's identity, if that is to go as well.
    pub assigned_hub: Option<AssignedHub>,
    /// Name of the group, as sentences have it.
    pub group: String,
}

/// Where a device stands whose enrollment was written in another credential's name; `None` if it is gone, or lets the device in again.
pub fn held_up_by_another(seen: &ObservedEnrollment, other: &ObjectKey, meant: Meant, to: &ObjectKey) -> Option<ObserveError> {
    seen.enrollment.as_ref().filter(|there| meant == Meant::Enrolled || !there.is_enabled())?;
    let id = &seen.id;
    let (state, goes) = match meant {
        Meant::Disenrolled => ("is disenrolled", "is re-enrolled"),
        Meant::Enrolled => ("has kept its individual enrollment", "registers with what that object's Secret holds"),
    };
    let note = format!(
        "registration id {id} {state} in ProvisioningService {} since {} was deleted; delete the individual enrollment \
         {id} there, or delete this object and create that one again, and the device {goes}",
        seen.service.name,
        shown(other, to)
    );
    Some(ObserveError::stalled(Reason::AlreadyExists, note))
}

/// Whoever disables an enrollment by hand has a reason, and does not expect it to come back.
pub fn disabled(id: &RegistrationId, service: &ObjectKey) -> Why {
    let note = format!(
        "somebody has disabled the individual enrollment {id} in ProvisioningService {}, and the device cannot register; it is not enabled \
         unasked: enable it there, or set provisioningStatus of the group to Disabled and then to Enabled",
        service.name
    );
    Why::new(Reason::Disabled, note)
}

/// Looks at the individual enrollment of a device, and, when that is to be removed, at its record.
pub async fn observe_enrollment(
    credential: &DeviceCredential,
    ctx: &Context,
    member: &GroupMember,
    goal: Goal,
) -> Result<ObservedEnrollment, ObserveError> {
    let GroupMember { id, group } = member;
    let service = enrollment_group::service_for(ctx, group, &credential.key().name.namespace).await?;
    let enrollments = match goal {
        Goal::Present => Some(dps::enrollments(ctx, &service).await?),
        Goal::Absent => dps::enrollments_to_leave(ctx, &service).await?,
    };
    let (enrollment, registration) = match &enrollments {
        Some(enrollments) => match ask(enrollments, id, goal).await {
            Ok(found) => found,
            Err(error) => return Err(dps::refused(ctx, &service, error).await.into()),
        },
        None => (None, None),
    };
    let nowhere = enrollments.is_none();
    let (owner, service) = (credential.key(), enrollment_group::service_of(group));
    let marked = enrollment.as_ref().is_some_and(|there| bears_mark(ctx, &owner, there));
    let (meant, off) = (meant(ctx, &owner, id, &service), is_disabled_by_us(ctx, &owner, id, &service));
    if let Some(enrollments) = enrollments.filter(|_| enrollment.is_none() && meant.is_some()) {
        is_really_gone(&enrollments, id).await?;
    }
    let evicts = goal == Goal::Absent && credential.spec.deletion_policy == DevicePolicy::Deprovision;
    let assigned_hub = evicts.then(|| of_record(ctx, group, id, registration.as_ref()));
    // What an older credential has created in the hub is not taken from it.
    let assigned_hub = assigned_hub
        .filter(|assigned_hub| !matches!(assigned_hub, AssignedHub::Own(identity) if is_another_s(ctx, credential, &identity.hub)));
    Ok(ObservedEnrollment {
        id: id.clone(),
        service,
        nowhere,
        enrollment,
        registration,
        marked,
        meant,
        off,
        assigned_hub,
        group: group_name_of(group),
    })
}

/// Whether an enrollment that we wrote, and that is not found, has no attestation either: Azure may fail to find what it has.
///
/// # Errors
/// If it has one: what somebody disabled would be written anew, and enabled.
pub async fn is_really_gone(enrollments: &DpsService, id: &RegistrationId) -> Result<(), ObserveError> {
    let failed = |error| Error::cloud(format!("failed to look at the attestation of {id}"), error);
    if enrollments.enrollment_keys(id.as_str()).await.map_err(failed)?.is_some() {
        let note = format!(
            "the individual enrollment {id} is not shown, although the provisioning service has its keys; nothing is done until it is"
        );
        return Err(Error::own(note, Class::Conflict).because(Reason::Vanished).into());
    }
    Ok(())
}

async fn ask(
    enrollments: &DpsService,
    id: &RegistrationId,
    goal: Goal,
) -> Result<(Option<IndividualEnrollment>, Option<Registration>), Error> {
    let failed = |error| Error::cloud(format!("failed to look at the enrollment of {id}"), error);
    let enrollment = enrollments.enrollment(id.as_str()).await.map_err(failed)?;
    let registration = match goal {
        Goal::Absent => enrollments.registration(id.as_str()).await.map_err(failed)?,
        Goal::Present => None,
    };
    Ok((enrollment, registration))
}

/// The group of a credential, as last seen.
pub fn group_object(credential: &DeviceCredential, ctx: &Context) -> Result<Arc<EnrollmentGroup>, Error> {
    let gone = || Error::own("the EnrollmentGroup of the device does not exist", moorage_plan::Class::Conflict);
    ctx.objects.readable(&group_of(credential).ok_or_else(gone)?).ok_or_else(gone)
}

/// The enrollments among which the device of a credential has its own.
pub async fn enrollments_of(credential: &DeviceCredential, ctx: &Context) -> Result<DpsService, Error> {
    let group = group_object(credential, ctx)?;
    let service = reached(enrollment_group::service_for(ctx, &group, &credential.key().name.namespace).await)?;
    reached(dps::enrollments(ctx, &service).await)
}

/// Whether an enrollment says that it was written for an object.
pub fn bears_mark(ctx: &Context, owner: &ObjectKey, there: &IndividualEnrollment) -> bool {
    there.initial_tags().is_some_and(|tags| tags.get(MARK) == Some(&mark(ctx, owner)))
}

/// What says so.
pub fn mark(ctx: &Context, owner: &ObjectKey) -> Value {
    json!({ "owner": ctx.owner_tag(owner) })
}
