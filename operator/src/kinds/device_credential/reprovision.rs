//! Having a device register anew, as if for the first time, because its owner asks for it.
//!
//! The device's identity and the record of its registration are deleted; a device whose hub turns it away registers again
//! (Microsoft Learn: "Provision devices", on reprovisioning after an error of the hub), and gets the hub that its group's policy
//! gives it now. Which registration is meant is written on the credential's Secret first: one that is newer is left alone,
//! whatever was lost on the way.

pub mod perform;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_cloud::{IfMatch, Registration, RegistrationStatus};
use moorage_crds::{DeviceCredential, EnrollmentGroup, annotations as names};
use moorage_keys::RegistrationId;
use moorage_plan::{Act, Plan, Reason, Target};

use crate::{
    azure::{Context, dps, enrollment_group},
    controller::{kind::Kind, reconcile::schedule::soon},
    error::{Error, ObserveError, bounded},
    kinds::device_credential::{
        assignment::hub::{AssignedHub, DeviceIdentity, group_name_of, of_record, out_of_reach},
        secret::annotations::annotation,
    },
};

/// A request, and the registration that it can concern.
#[derive(Clone, Debug)]
pub struct ReprovisionRequest {
    pub id: RegistrationId,
    /// The value of the annotation.
    pub token: String,
    /// What was written on the Secret before the first effect.
    pub noted: Option<String>,
    pub record: Option<Registration>,
    pub assigned_hub: AssignedHub,
    pub group: String,
}

/// A step towards a device that registers anew.
#[derive(Debug)]
pub enum ReprovisionStep {
    /// Writes down which registration is to end.
    Note { text: String },
    /// Deletes the device's identity.
    DeleteIdentity { identity: DeviceIdentity },
    /// Deletes the record of the registration.
    DeleteRegistration { id: RegistrationId, over: IfMatch },
    /// Writes down that the request was carried out.
    Done { token: String },
}

impl Act for ReprovisionStep {
    fn reason(&self) -> Reason {
        match self {
            Self::DeleteIdentity { .. } | Self::DeleteRegistration { .. } => Reason::Reprovision,
            Self::Note { .. } => Reason::RecordClaim,
            Self::Done { .. } => Reason::DropClaim,
        }
    }

    fn note(&self) -> String {
        match self {
            Self::Note { .. } => "Write down which registration is to end".to_owned(),
            Self::DeleteIdentity { identity } => format!("Delete device {} from hub {}", identity.device.as_str(), identity.hub),
            Self::DeleteRegistration { id, .. } => format!("Delete the registration record of {id}, which then registers anew"),
            Self::Done { .. } => "Write down that the device was reprovisioned".to_owned(),
        }
    }

    fn target(&self) -> Target {
        match self {
            Self::DeleteIdentity { .. } | Self::DeleteRegistration { .. } => Target::Cloud,
            Self::Note { .. } | Self::Done { .. } => Target::Cluster,
        }
    }

    fn is_news(&self) -> bool {
        matches!(self, Self::DeleteIdentity { .. } | Self::DeleteRegistration { .. })
    }
}

/// The request that an object makes and its Secret does not say was carried out.
pub fn open_request(credential: &DeviceCredential, secret: &ObjectMeta) -> Option<String> {
    let asked = request(credential)?;
    (annotation(secret, names::REPROVISIONED) != Some(&asked)).then_some(asked)
}

/// The request that an object makes.
pub fn request(credential: &DeviceCredential) -> Option<String> {
    credential.annotation(names::REPROVISION_REQUESTED_AT).filter(|text| !text.is_empty()).map(|text| bounded(text, 64))
}

/// Looks at the registration that a request concerns.
pub async fn observe_request(
    ctx: &Context,
    from: &EnrollmentGroup,
    id: &RegistrationId,
    token: String,
    secret: &ObjectMeta,
) -> Result<ReprovisionRequest, ObserveError> {
    let service = enrollment_group::service(ctx, from).await?;
    let record = dps::enrollments(ctx, &service).await?.registration(id.as_str()).await;
    let record = record.map_err(|error| Error::cloud(format!("failed to look at the registration of {id}"), error));
    let record = match record {
        Ok(record) => record,
        Err(error) => return Err(dps::refused(ctx, &service, error).await.into()),
    };
    let assigned_hub = of_record(ctx, from, id, record.as_ref());
    let noted = annotation(secret, names::REPROVISIONING).cloned();
    Ok(ReprovisionRequest { id: id.clone(), token, noted, record, assigned_hub, group: group_name_of(from) })
}

/// First which registration is meant, then its identity, then its record; a newer one was not meant.
pub fn plan_reprovision(asked: &ReprovisionRequest, now: Timestamp) -> Plan<ReprovisionStep> {
    let id = &asked.id;
    let note = format!("Registration id {id} is being reprovisioned");
    let act = |steps| Plan::act(steps, Reason::Reprovision, note.clone()).usable(true);
    let done = || act(vec![ReprovisionStep::Done { token: asked.token.clone() }]);
    let Some(record) = &asked.record else { return done() };
    if record.status() == Some(RegistrationStatus::Assigning) {
        return Plan::wait(Reason::Provisioning, format!("Registration id {id} is registering at this moment"), soon(now)).usable(true);
    }
    let meant = meant(&asked.token, record);
    match &asked.noted {
        Some(noted) if *noted == meant => {}
        // It was written for this request, and that registration has ended.
        Some(noted) if noted.starts_with(&format!("{} ", asked.token)) => return done(),
        Some(_) | None => return act(vec![ReprovisionStep::Note { text: meant }]),
    }
    let forget = ReprovisionStep::DeleteRegistration { id: id.clone(), over: IfMatch::of(record.etag()) };
    match &asked.assigned_hub {
        AssignedHub::None => act(vec![forget]),
        AssignedHub::Own(identity) => act(vec![ReprovisionStep::DeleteIdentity { identity: identity.clone() }, forget]),
        AssignedHub::Foreign => out_of_reach(&asked.group).usable(true),
    }
}

/// A request and the registration that it means: a registration that is made again has another time.
fn meant(token: &str, record: &Registration) -> String {
    let created = record.created().map_or_else(|| "unknown".to_owned(), |time| time.to_string());
    format!("{token} {created}")
}

#[cfg(test)]
mod tests;
