//! Letting a device register again.

use moorage_cloud::IfMatch;
use moorage_plan::{Plan, Reason, Why};

use crate::kinds::device_credential::enrollment::{
    disenroll::EnrollmentStep,
    ledger::Meant,
    seen::{ObservedEnrollment, disabled},
};

/// What is done so that a device that we disenrolled, or enrolled individually, can register through its group again.
pub fn reenroll(seen: &ObservedEnrollment) -> Plan<EnrollmentStep> {
    let id = &seen.id;
    let strike = EnrollmentStep::Record { id: id.clone(), service: None };
    let note = format!("Registration id {id} is being re-enrolled");
    match &seen.enrollment {
        None => Plan::act(vec![strike], Reason::DropClaim, note),
        Some(there) if seen.marked && seen.meant == Some(Meant::Enrolled) && !there.is_enabled() && !seen.off => {
            let Why { reason, note } = disabled(id, &seen.service);
            Plan::stalled(reason, note)
        }
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
