//! Disenrolling a device: it can no longer register.
//!
//! A disabled individual enrollment of the device's registration id disenrolls it, whatever its group says (Microsoft Learn: "How to
//! disenroll a device from Azure IoT Hub Device Provisioning Service"). It outlives the credential, and so does the ledger entry
//! that says that it is ours: a credential of the same name finds it, and takes away nothing that somebody else wrote.

use jiff::Timestamp;
use moorage_cloud::{IfMatch, RegistrationStatus};
use moorage_keys::RegistrationId;
use moorage_plan::{Act, Plan, Reason, Target};

use crate::{
    controller::reconcile::schedule::soon,
    kinds::device_credential::{
        assignment::hub::{AssignedHub, DeviceIdentity, out_of_reach},
        enrollment::{ledger::Meant, seen::ObservedEnrollment},
    },
    object::ObjectKey,
};

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
    /// Writes into the ledger that the enrollment, which somebody else has disabled, is left as it is.
    Leave { id: RegistrationId, service: ObjectKey },
    /// Writes into the ledger in which service the device is disenrolled by us, or strikes out that it is, or that it is enrolled by us.
    Record { id: RegistrationId, service: Option<String> },
}

impl Act for EnrollmentStep {
    fn reason(&self) -> Reason {
        match self {
            Self::Disenroll { .. } | Self::DeleteRegistration { .. } => Reason::Disenroll,
            Self::DeleteIdentity { .. } => Reason::Deprovision,
            Self::Reenroll { .. } => Reason::Reenroll,
            Self::Record { service: Some(_), .. } => Reason::RecordClaim,
            Self::Leave { .. } | Self::Record { service: None, .. } => Reason::DropClaim,
        }
    }

    fn note(&self) -> String {
        match self {
            Self::Disenroll { id, .. } => format!("Disenroll registration id {id} by a disabled individual enrollment"),
            Self::DeleteIdentity { identity } => format!("Delete device {} from hub {}", identity.device.as_str(), identity.hub),
            Self::DeleteRegistration { id, .. } => format!("Delete the registration record of {id}"),
            Self::Reenroll { id, .. } => format!("Delete the individual enrollment of registration id {id}"),
            Self::Leave { id, .. } => format!("Leave registration id {id} disenrolled, as somebody has disabled its enrollment"),
            Self::Record { id, service: Some(service) } => format!("Write down that we disenroll registration id {id} in {service}"),
            Self::Record { id, service: None } => {
                format!("Strike registration id {id}, whose enrollment is no longer ours, from the ledger")
            }
        }
    }

    fn target(&self) -> Target {
        match self {
            Self::Disenroll { .. } | Self::DeleteIdentity { .. } | Self::DeleteRegistration { .. } | Self::Reenroll { .. } => Target::Cloud,
            Self::Record { .. } | Self::Leave { .. } => Target::Cluster,
        }
    }

    fn is_news(&self) -> bool {
        !matches!(self, Self::Record { .. } | Self::Leave { .. })
    }
}

/// What is done so that the device cannot register: the enrollment first, for a device that registers meanwhile would have its
/// record again; then, on a fresh look, its identity, which only the record tells of; then the record, as often as there is one.
pub fn disenroll(seen: &ObservedEnrollment, now: Timestamp) -> Plan<EnrollmentStep> {
    let id = &seen.id;
    let note = format!("Registration id {id} is being disenrolled");
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
    // Whoever has disabled it does not want the device to register, also not through another object of this name.
    if seen.marked && seen.meant == Some(Meant::Enrolled) && !there.is_enabled() && !seen.off {
        let leave = EnrollmentStep::Leave { id: id.clone(), service: seen.service.clone() };
        return Plan::act(vec![leave], Reason::DropClaim, note);
    }
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
            AssignedHub::Foreign => return out_of_reach(&seen.group),
        }
    }
    if let Some(record) = &seen.registration {
        steps.push(EnrollmentStep::DeleteRegistration { id: id.clone(), over: IfMatch::of(record.etag()) });
    }
    if steps.is_empty() { Plan::met() } else { Plan::act(steps, Reason::Disenroll, note) }
}

#[cfg(test)]
mod tests;
