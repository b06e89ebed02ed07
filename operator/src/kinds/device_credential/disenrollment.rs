//! Barring a device from registering, and letting it in again.
//!
//! The individual enrollment of a registration id is one thing, which is there for one of two purposes: enabled, with keys of the device's
//! own, because its credential asks for it (`enrolled`); or disabled, because its credential is gone. The ledger says for which, in one of
//! two entries, and is written before each change from one to the other.
//!
//! A disabled individual enrollment of the device's registration id bars it, whatever its group says (Microsoft Learn: "How to
//! disenroll a device from Azure IoT Hub Device Provisioning Service"). It outlives the credential, and so does the ledger entry
//! that says that it is ours: a credential of the same name finds it, and takes away nothing that somebody else wrote.

use std::sync::Arc;

use jiff::Timestamp;
use moorage_cloud::{DpsService, IfMatch, IndividualEnrollment, Registration, RegistrationStatus};
use moorage_crds::{DeviceCredential, DevicePolicy, EnrollmentGroup};
use moorage_keys::RegistrationId;
use moorage_plan::{Act, Goal, Plan, Reason, Target};
use serde_json::{Map, Value, json};

use super::claims::is_an_older_one_s;
use super::home::{self, AssignedHub, DeviceIdentity};
use super::observe::group_of;
use crate::{
    azure::{
        Context, Writer, dps,
        enrollment_group::{self, keys},
    },
    controller::reconcile::schedule::soon,
    error::{Error, ObserveError, reached},
    ledger::entries::{DISENROLLED, ENROLLED, recorded},
    object::{Keyed, ObjectKey},
};

/// What the names of ledger entries begin with; the registration id follows, and their value is the provisioning service.
const ENTRIES: [(Meant, &str); 2] = [(Meant::Disenrolled, DISENROLLED), (Meant::Enrolled, ENROLLED)];
/// Tag of the enrollment's initial twin that says whose it is: an enrollment has no tags of its own.
pub(super) const MARK: &str = "moorage";

/// What an individual enrollment of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meant {
    /// It bars its device.
    Disenrolled,
    /// Its device registers through it.
    Enrolled,
}

/// A look at what bars a device.
pub struct SeenEnrollment {
    id: RegistrationId,
    service: ObjectKey,
    /// The service is gone: there is nothing in which the device could register.
    nowhere: bool,
    enrollment: Option<IndividualEnrollment>,
    /// The device's record; asked only when it is to be removed.
    registration: Option<Registration>,
    /// Whether the enrollment bears our mark.
    marked: bool,
    /// What the ledger says that we wrote it for, or were about to.
    meant: Option<Meant>,
    /// The device's identity, if that is to go as well.
    assigned_hub: Option<AssignedHub>,
    /// NamespacedName of the group, as sentences have it.
    group: String,
}

/// A step towards a device that cannot register, or back.
#[derive(Debug)]
pub enum EnrollmentStep {
    /// Writes the disabled enrollment.
    Disenroll { id: RegistrationId, over: IfMatch },
    /// Deletes the device's identity.
    DeleteIdentity { identity: DeviceIdentity },
    /// Deletes the record of the device's registration.
    DeleteRegistration { id: RegistrationId, over: IfMatch },
    /// Deletes the disabled enrollment.
    Reenroll { id: RegistrationId, over: IfMatch },
    /// Writes into the ledger in which service the device is barred by us, or strikes out that it is, or that it is enrolled by us.
    Record { id: RegistrationId, service: Option<String> },
}

impl Act for EnrollmentStep {
    fn reason(&self) -> Reason {
        match self {
            Self::Disenroll { .. } | Self::DeleteRegistration { .. } => Reason::Disenroll,
            Self::DeleteIdentity { .. } => Reason::Deprovision,
            Self::Reenroll { .. } => Reason::Reenroll,
            Self::Record { service: Some(_), .. } => Reason::RecordClaim,
            Self::Record { service: None, .. } => Reason::DropClaim,
        }
    }

    fn note(&self) -> String {
        match self {
            Self::Disenroll { id, .. } => format!("Bar registration id {id} by a disabled individual enrollment"),
            Self::DeleteIdentity { identity } => format!("Delete device {} from hub {}", identity.device.as_str(), identity.hub),
            Self::DeleteRegistration { id, .. } => format!("Delete the registration record of {id}"),
            Self::Reenroll { id, .. } => format!("Delete the individual enrollment of registration id {id}"),
            Self::Record { id, service: Some(service) } => format!("Write down that we bar registration id {id} in {service}"),
            Self::Record { id, service: None } => {
                format!("Strike registration id {id}, whose enrollment is no longer ours, from the ledger")
            }
        }
    }

    fn target(&self) -> Target {
        match self {
            Self::Disenroll { .. } | Self::DeleteIdentity { .. } | Self::DeleteRegistration { .. } | Self::Reenroll { .. } => Target::Cloud,
            Self::Record { .. } => Target::Cluster,
        }
    }

    fn is_news(&self) -> bool {
        !matches!(self, Self::Record { .. })
    }
}

/// The ledger entry of a registration id. Names in a `ConfigMap` have no colons, and registration ids no capitals.
fn entry(prefix: &str, id: &RegistrationId) -> String {
    format!("{prefix}{}", id.as_str().replace(':', "C"))
}

/// The ledger's entries of a registration id that say what its enrollment is for, or that it is none of ours.
pub(super) fn entries(id: &RegistrationId, now: Option<(Meant, &ObjectKey)>) -> Vec<(String, Option<String>)> {
    let value = |meant: Meant| now.filter(|(now, _)| *now == meant).map(|(_, service)| service.name.to_string());
    ENTRIES.into_iter().map(|(meant, prefix)| (entry(prefix, id), value(meant))).collect()
}

/// What the ledger says that we wrote the enrollment for that a registration id has in that provisioning service.
pub(super) fn meant(ctx: &Context, owner: &ObjectKey, id: &RegistrationId, service: &ObjectKey) -> Option<Meant> {
    let entries = ctx.ledger.of(owner);
    if entries.is_empty() {
        return None;
    }
    let service = service.name.to_string();
    ENTRIES.into_iter().find(|(_, prefix)| recorded(&entries, &entry(prefix, id)) == Some(&service)).map(|(meant, _)| meant)
}

/// Another credential in whose name a device is barred, or enrolled, in that provisioning service: it has the id now, and not the key to it.
pub(super) fn written_for_another(
    ctx: &Context,
    owner: &ObjectKey,
    id: &RegistrationId,
    service: &ObjectKey,
) -> Option<(ObjectKey, Meant)> {
    let service = service.name.to_string();
    ENTRIES.into_iter().find_map(|(meant, prefix)| {
        let mut others = ctx.ledger.owners_of(&entry(prefix, id)).into_iter();
        others.find(|(other, there)| other != owner && *there == service).map(|(other, _)| (other, meant))
    })
}

/// Where a device stands whose enrollment was written in another credential's name; `None` if it is gone, or lets the device in again.
pub(super) fn held_up_by_another(seen: &SeenEnrollment, other: &ObjectKey, meant: Meant) -> Option<ObserveError> {
    seen.enrollment.as_ref().filter(|there| meant == Meant::Enrolled || !there.is_enabled())?;
    let id = &seen.id;
    let (state, goes) = match meant {
        Meant::Disenrolled => ("is barred", "is let in"),
        Meant::Enrolled => ("has kept its individual enrollment", "registers with what that object's Secret holds"),
    };
    let note = format!(
        "registration id {id} {state} in ProvisioningService {} since DeviceCredential {} was deleted; delete the individual enrollment \
         {id} there, or delete this object and create that one again, and the device {goes}",
        seen.service.name, other.name
    );
    Some(ObserveError::stalled(Reason::AlreadyExists, note))
}

/// Looks at the individual enrollment of a device, and, when that is to be removed, at its record.
pub(super) async fn observe_enrollment(
    credential: &DeviceCredential,
    ctx: &Context,
    group: &EnrollmentGroup,
    id: RegistrationId,
    goal: Goal,
) -> Result<SeenEnrollment, ObserveError> {
    let service =
        dps::service(ctx, &group.spec.provisioning_service_ref, &group.key().name.namespace, &credential.key().name.namespace).await?;
    let enrollments = match goal {
        Goal::Present => Some(dps::enrollments(ctx, &service).await?),
        Goal::Absent => dps::enrollments_to_leave(ctx, &service).await?,
    };
    let (enrollment, registration) = match &enrollments {
        Some(enrollments) => ask(enrollments, &id, goal).await.inspect_err(|error| ctx.clients.heed(&service, error))?,
        None => (None, None),
    };
    let nowhere = enrollments.is_none();
    let (owner, service) = (credential.key(), enrollment_group::service_of(group));
    let marked = enrollment.as_ref().is_some_and(|there| bears_mark(ctx, &owner, there));
    let meant = meant(ctx, &owner, &id, &service);
    let evicts = goal == Goal::Absent && credential.spec.deletion_policy == DevicePolicy::Deprovision;
    let assigned_hub = evicts.then(|| home::of_record(ctx, group, &id, registration.as_ref()));
    // What an older credential has created in the hub is not taken from it.
    let assigned_hub = assigned_hub
        .filter(|assigned_hub| !matches!(assigned_hub, AssignedHub::Own(identity) if is_an_older_one_s(ctx, credential, &identity.hub)));
    Ok(SeenEnrollment { id, service, nowhere, enrollment, registration, marked, meant, assigned_hub, group: home::name_of(group) })
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

/// What is done so that the device cannot register: the enrollment first, for a device that registers meanwhile would have its
/// record again; then, on a fresh look, its identity, which only the record tells of; then the record, as often as there is one.
pub(super) fn disenroll(seen: &SeenEnrollment, now: Timestamp) -> Plan<EnrollmentStep> {
    let id = &seen.id;
    let note = format!("Registration id {id} is being barred");
    if seen.nowhere {
        let strike = EnrollmentStep::Record { id: id.clone(), service: None };
        return if seen.meant.is_some() { Plan::act(vec![strike], Reason::DropClaim, note) } else { Plan::met() };
    }
    let write = |over| {
        let claim = EnrollmentStep::Record { id: id.clone(), service: Some(seen.service.name.to_string()) };
        let claim = (seen.meant != Some(Meant::Disenrolled)).then_some(claim);
        let steps = claim.into_iter().chain([EnrollmentStep::Disenroll { id: id.clone(), over }]).collect();
        Plan::act(steps, Reason::Disenroll, note.clone())
    };
    let Some(there) = &seen.enrollment else { return write(IfMatch::Unset) };
    let ours = seen.marked && seen.meant.is_some();
    // One that a device has registered through has the keys that its Secret held.
    let is_open = there.is_enabled() || (ours && seen.meant == Some(Meant::Enrolled));
    match (is_open, ours) {
        (true, true) => return write(IfMatch::of(there.etag())),
        (true, false) => {
            let note = format!(
                "somebody has enrolled registration id {id} individually in ProvisioningService {}, and that is left alone; delete that \
                 enrollment, or set spec.deletionPolicy: Retain",
                seen.service.name
            );
            return Plan::stalled(Reason::AlreadyExists, note);
        }
        (false, _) => {}
    }
    let mut steps = Vec::new();
    if seen.meant.is_some() && !seen.marked {
        steps.push(EnrollmentStep::Record { id: id.clone(), service: None });
    }
    if let (Some(record), Some(assigned_hub)) = (&seen.registration, &seen.assigned_hub) {
        if record.status() == Some(RegistrationStatus::Assigning) {
            return Plan::wait(Reason::Provisioning, format!("Registration id {id} is registering at this moment"), soon(now));
        }
        match assigned_hub {
            AssignedHub::None => {}
            AssignedHub::Own(identity) => steps.push(EnrollmentStep::DeleteIdentity { identity: identity.clone() }),
            AssignedHub::Foreign(hub) => return home::out_of_reach(hub, &seen.group),
        }
    }
    if let Some(record) = &seen.registration {
        steps.push(EnrollmentStep::DeleteRegistration { id: id.clone(), over: IfMatch::of(record.etag()) });
    }
    if steps.is_empty() { Plan::met() } else { Plan::act(steps, Reason::Disenroll, note) }
}

/// What is done so that a device that we barred, or enrolled individually, can register through its group again.
pub(super) fn reenroll(seen: &SeenEnrollment) -> Plan<EnrollmentStep> {
    let id = &seen.id;
    let strike = EnrollmentStep::Record { id: id.clone(), service: None };
    let note = format!("Registration id {id} is being let in again");
    match &seen.enrollment {
        None => Plan::act(vec![strike], Reason::DropClaim, note),
        Some(there) if seen.marked && (seen.meant == Some(Meant::Enrolled) || seen.meant.is_some() && !there.is_enabled()) => {
            let reenroll = EnrollmentStep::Reenroll { id: id.clone(), over: IfMatch::of(there.etag()) };
            Plan::act(vec![reenroll, strike], Reason::Reenroll, note)
        }
        Some(_) => Plan::stalled(
            Reason::AlreadyExists,
            format!(
                "registration id {id} has an individual enrollment in ProvisioningService {} that is not the one that we wrote, \
                 and that is left alone; delete it there, and the device can register through its group",
                seen.service.name
            ),
        ),
    }
}

/// Performs one step.
pub(super) async fn perform(credential: &DeviceCredential, writer: &Writer<'_>, step: &EnrollmentStep) -> Result<(), Error> {
    let key = credential.key();
    match step {
        EnrollmentStep::Record { id, service: None } => writer.record(&entries(id, None)).await,
        EnrollmentStep::Record { id, service: Some(_) } => {
            let service = enrollment_group::service_of(&*group(credential, writer)?);
            writer.record(&entries(id, Some((Meant::Disenrolled, &service)))).await
        }
        EnrollmentStep::Disenroll { id, over } => {
            let put = enrollments(credential, writer)
                .await?
                .put_enrollment(writer.access(), id.as_str(), &disabled_enrollment(writer, &key, id), over)
                .await;
            put.map(drop).map_err(|error| Error::cloud(format!("failed to bar registration id {id}"), error))
        }
        EnrollmentStep::DeleteIdentity { identity } => home::delete_identity(writer, &*group(credential, writer)?, identity).await,
        EnrollmentStep::DeleteRegistration { id, over } => {
            let deleted = enrollments(credential, writer).await?.delete_registration(writer.access(), id.as_str(), over).await;
            deleted.map_err(|error| Error::cloud(format!("failed to delete the registration record of {id}"), error))
        }
        EnrollmentStep::Reenroll { id, over } => {
            let deleted = enrollments(credential, writer).await?.delete_enrollment(writer.access(), id.as_str(), over).await;
            deleted.map_err(|error| Error::cloud(format!("failed to let registration id {id} in again"), error))
        }
    }
}

pub(super) fn group(credential: &DeviceCredential, ctx: &Context) -> Result<Arc<EnrollmentGroup>, Error> {
    let gone = || Error::own("the EnrollmentGroup of the device does not exist", moorage_plan::Class::Conflict);
    let at = group_of(credential).ok_or_else(gone)?.name;
    ctx.objects.of::<EnrollmentGroup>().get(&at).ok_or_else(gone)
}

pub(super) async fn enrollments(credential: &DeviceCredential, ctx: &Context) -> Result<DpsService, Error> {
    let group = group(credential, ctx)?;
    let (namespace, payer) = (group.key().name.namespace, credential.key().name.namespace);
    let service = reached(dps::service(ctx, &group.spec.provisioning_service_ref, &namespace, &payer).await)?;
    reached(dps::enrollments(ctx, &service).await)
}

/// The enrollment that bars a device. Its keys are drawn here and kept by nobody: with the device's own, a leaked or forgotten
/// Secret would open the door again as soon as somebody enabled the enrollment by hand. It names no hubs, for none is ever given.
fn disabled_enrollment(ctx: &Context, owner: &ObjectKey, id: &RegistrationId) -> IndividualEnrollment {
    let tags = Map::from_iter([(MARK.to_owned(), mark(ctx, owner))]);
    IndividualEnrollment::with_symmetric_keys(id, &keys::generate()).with_enabled(false).with_initial_tags(tags)
}

/// Whether an enrollment says that it was written for an object.
pub(super) fn bears_mark(ctx: &Context, owner: &ObjectKey, there: &IndividualEnrollment) -> bool {
    there.initial_tags().is_some_and(|tags| tags.get(MARK) == Some(&mark(ctx, owner)))
}

/// What says so.
pub(super) fn mark(ctx: &Context, owner: &ObjectKey) -> Value {
    json!({ "owner": ctx.owner_tag(owner) })
}

#[cfg(test)]
mod tests;
