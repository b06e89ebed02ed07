//! Judges what was asked for, before anything is read for it: its names, what its group granted, and who was first.

pub mod uniqueness;

use std::sync::Arc;

use jiff::SignedDuration;
use moorage_crds::{DeviceCredential, DevicePolicy, EnrollmentGrant, EnrollmentGroup, HubRef, SecretMetadata, TenantHubGroup};
use moorage_keys::{DeviceId, IdScope, RegistrationId};
use moorage_plan::{Goal, Reason, Renewal, Standing, parse_duration};

use crate::{
    azure::{enrollment_group, facts::GroupFacts, grants},
    controller::context::Caches,
    kinds::device_credential::{
        admit::uniqueness::{first_in_the_hub, first_to_claim, within_the_limit},
        certificate::{
            cert_manager::{cert_manager_issuer_of, document::DesiredCertificate},
            lifetime::certificate_renewal,
            needs_certificate,
            registration_info::{RegistrationInfo, registration_info_of},
            signed_here::signing_secret_of,
        },
        enrollment::{
            individual::Individual,
            ledger::{Meant, enrolled_elsewhere, meant, written_for_another},
        },
        hub_identity::identity::has_hub_named,
        outputs::tokens::Renewals,
        subject::Subject,
    },
    ledger::entries::IDENTITY,
    object::{Keyed, ObjectKey},
};

/// What was asked for, once it is known to be well-formed, granted and nobody else's.
#[derive(Debug)]
pub enum Admitted {
    /// It is to go, and the cloud is none of its business.
    Nothing,
    /// It is to go, and its device is not to register any more.
    Disenrollment(GroupMember),
    /// Its device is to register through its group again.
    Reenrollment(GroupMember),
    /// Its device is to register with what is written.
    Registration(GroupMember, Box<Terms>),
    /// It is to go, and its device with it, which was created in a hub.
    Departure(HubMember),
    /// Its device is to be in a hub.
    Identity(HubMember, Renewals),
}

/// A device that registers through an enrollment group.
#[derive(Clone, Debug)]
pub struct GroupMember {
    /// What it registers as.
    pub id: RegistrationId,
    /// Its group, as it was when this was judged.
    pub group: Arc<EnrollmentGroup>,
}

/// A device that is created in a hub.
#[derive(Clone, Debug)]
pub struct HubMember {
    /// What it is called there.
    pub device: DeviceId,
    /// The hub.
    pub hub: HubRef,
    /// The group of hubs that has it.
    pub hubs: Arc<TenantHubGroup>,
}

/// How a device of a group may register.
#[derive(Debug)]
pub struct Terms {
    /// By what it proves itself.
    pub proof: Proof,
    /// Another credential in whose name there was an individual enrollment of the device: the cloud tells whether there still is.
    pub written_for: Option<(ObjectKey, Meant)>,
}

/// What a device proves itself with.
#[derive(Debug)]
pub enum Proof {
    /// Two keys: of its own if it has an enrollment of its own, and otherwise derived.
    Keys {
        /// How its tokens are renewed.
        renewals: Renewals,
        /// Where it registers.
        place: (IdScope, String),
        /// Its own enrollment.
        individual: Option<Box<Individual>>,
    },
    /// A certificate that its group's authority signs here.
    SignedHere {
        /// How it is renewed.
        renewal: Renewal,
        /// What it needs beside.
        info: RegistrationInfo,
        /// The Secret of the authority.
        issuer: crate::object::NamespacedName,
    },
    /// A certificate that cert-manager issues.
    CertManager {
        /// What cert-manager is asked for.
        desired: Box<DesiredCertificate>,
        /// What it needs beside.
        info: RegistrationInfo,
        /// How long a certificate may last at most, if the group says so.
        longest: Option<SignedDuration>,
    },
}

/// Judges a credential.
pub fn admit(credential: &DeviceCredential, caches: &Caches, goal: Goal) -> Result<Admitted, Standing> {
    if goal == Goal::Absent && credential.spec.deletion_policy == DevicePolicy::Retain {
        return Ok(Admitted::Nothing);
    }
    if goal == Goal::Present {
        is_small(&credential.spec.secret.metadata)?;
    }
    match Subject::of(credential)? {
        Subject::OfGroup { id, group } => of_group(credential, caches, id, &group, goal),
        Subject::InHub { device, hub, hubs } => in_hub(credential, caches, device, hub, &hubs, goal),
    }
}

/// How many bytes the labels and annotations may have together that are asked for on a Secret: what is larger than is kept of a Secret's metadata would not
/// be known to be ours.
const MOST_METADATA: usize = 8 << 10;

fn is_small(asked: &SecretMetadata) -> Result<(), Standing> {
    let size: usize = asked.labels.iter().chain(&asked.annotations).map(|(name, value)| name.len() + value.len()).sum();
    if size <= MOST_METADATA {
        return Ok(());
    }
    let note =
        format!("spec.secret.metadata: labels and annotations have {size} bytes, and may have {MOST_METADATA} together; shorten them");
    Err(Standing::stalled(Reason::Invalid, note))
}

/// A device that registers through an enrollment group, which is the boundary of what it may have.
fn of_group(credential: &DeviceCredential, caches: &Caches, id: RegistrationId, at: &ObjectKey, goal: Goal) -> Result<Admitted, Standing> {
    let key = credential.key();
    let namespace = &key.name.namespace;
    // Make sure that there is such a group.
    let group = grants::enrollment_group(&caches.objects, at, namespace, id.as_str())?;
    // Make sure that its owner lets this namespace have this device.
    let grant = grants::on_enrollment_group(&group, namespace, "registration id", id.as_str())?;
    // Make sure that it lets it have that name in the hubs, too.
    if let Some(device) = credential
        .spec
        .individual_enrollment
        .as_ref()
        .and_then(|individual| individual.device_id.as_deref())
        .filter(|id| DeviceId::parse(id).is_ok())
    {
        grants::on_enrollment_group(&group, namespace, "device id", device)?;
    }
    // Make sure that what was written for it in another service is not forgotten.
    if let Some(elsewhere) = enrolled_elsewhere(caches, &key, &id, &enrollment_group::service_of(&group)) {
        let note = format!(
            "registration id {} has an individual enrollment of this object in ProvisioningService {elsewhere}, which would be forgotten; point \
             spec.enrollmentGroupRef at a group of that service, or give the device of this service to an object of another name",
            id.as_str()
        );
        return Err(Standing::stalled(Reason::Invalid, note));
    }
    let claimed = first_to_claim(caches, credential, &id, &group);
    let member = GroupMember { id, group: group.clone() };
    if goal == Goal::Absent {
        // The device is that of the older credential, if there is one.
        return Ok(if claimed.is_ok() { Admitted::Disenrollment(member) } else { Admitted::Nothing });
    }
    // Make sure that what is asked for makes sense, and is no longer than was granted.
    let renewals = Renewals::asked_by(credential, longest_of(grant))?;
    // Make sure that there is room for it.
    if let Some((grant, limit)) = grant.and_then(|grant| Some((grant, grant.max_devices?))) {
        within_the_limit(caches, credential, &group, grant, limit)?;
    }
    // Make sure that the device is nobody else's.
    claimed?;
    first_in_the_hub(caches, credential)?;
    let service = enrollment_group::service_of(&group);
    if credential.spec.individual_enrollment.is_none() && meant(caches, &key, &member.id, &service).is_some() {
        return Ok(Admitted::Reenrollment(member));
    }
    let written_for = written_for_another(caches, &key, &member.id, &service);
    let proof = proof(credential, caches, &member, renewals, longest_of(grant))?;
    Ok(Admitted::Registration(member, Box::new(Terms { proof, written_for })))
}

fn longest_of(grant: Option<&EnrollmentGrant>) -> Option<&str> {
    grant.and_then(|grant| grant.max_token_ttl.as_deref())
}

/// By what the device proves itself, as its group knows its devices.
fn proof(
    credential: &DeviceCredential,
    caches: &Caches,
    member: &GroupMember,
    renewals: Renewals,
    longest: Option<&str>,
) -> Result<Proof, Standing> {
    let GroupMember { id, group } = member;
    if !needs_certificate(credential, group)? {
        let individual = credential.spec.individual_enrollment.as_ref().map(|spec| Individual::of(spec)).transpose()?.map(Box::new);
        return Ok(Proof::Keys { renewals, place: place_of(caches, group)?, individual });
    }
    let renewal = certificate_renewal(credential, longest)?;
    let Some(issuer) = cert_manager_issuer_of(credential) else {
        let info = registration_info_of(credential, caches, group, id.clone())?;
        return Ok(Proof::SignedHere { renewal, info, issuer: signing_secret_of(group)? });
    };
    let desired = Box::new(DesiredCertificate::of(credential, issuer, id, renewal)?);
    let info = registration_info_of(credential, caches, group, id.clone())?;
    Ok(Proof::CertManager { desired, info, longest: longest.and_then(|longest| parse_duration(longest).ok()) })
}

/// A device that is created in a hub, for which its own namespace's group of hubs is the boundary.
fn in_hub(
    credential: &DeviceCredential,
    caches: &Caches,
    device: DeviceId,
    hub: HubRef,
    at: &ObjectKey,
    goal: Goal,
) -> Result<Admitted, Standing> {
    let claimed = first_in_the_hub(caches, credential);
    // Make sure that there is such a group.
    let hubs = caches.objects.readable::<TenantHubGroup>(at).ok_or_else(|| {
        if caches.objects.unreadable().get(at).is_some() {
            return grants::unreadable_reference(at);
        }
        let note = format!(
            "TenantHubGroup {} does not exist; create it, or let a DeviceCredential with another spec.hubRef take this one's place",
            at.name
        );
        match goal {
            Goal::Present => Standing::reconciling(Reason::DependencyMissing, note),
            Goal::Absent => Standing::stalled(Reason::DependencyMissing, note),
        }
    })?;
    if goal == Goal::Absent {
        // The identity is that of the older credential, if there is one. What was never claimed was never made, and a hub that was taken
        // out of its group is out of reach.
        let is_recorded = caches.ledger.of(&credential.key()).keys().any(|entry| entry.starts_with(IDENTITY));
        let is_ours = claimed.is_ok() && is_recorded && has_hub_named(&hubs, &hub);
        return Ok(if is_ours { Admitted::Departure(HubMember { device, hub, hubs }) } else { Admitted::Nothing });
    }
    // Make sure that the device is nobody else's.
    claimed?;
    // Make sure that what is asked for makes sense.
    let renewals = Renewals::asked_by(credential, None)?;
    Ok(Admitted::Identity(HubMember { device, hub, hubs }, renewals))
}

/// Where a credential stands whose group is not ready for it.
pub fn waiting(group: &EnrollmentGroup, what: &str) -> Standing {
    Standing::reconciling(Reason::DependencyNotReady, format!("EnrollmentGroup {} {what}", group.key().name))
}

/// Where a device of a group registers: the id scope, and the host.
///
/// # Errors
/// A standing until the group is in the provisioning service.
pub fn place_of(caches: &Caches, group: &EnrollmentGroup) -> Result<(IdScope, String), Standing> {
    let known = GroupFacts::of(caches, group).ok_or_else(|| waiting(group, "is not in the provisioning service yet"))?;
    if known.hubs.is_empty() {
        // Such a group gives its devices any hub that is linked, other tenants' among them.
        return Err(waiting(group, "names no hub of its tenant in the provisioning service yet"));
    }
    let id_scope = IdScope::parse(&known.service.id_scope).map_err(|_| waiting(group, "tells an id scope that is none"))?;
    Ok((id_scope, known.service.device_host))
}

#[cfg(test)]
mod tests;
