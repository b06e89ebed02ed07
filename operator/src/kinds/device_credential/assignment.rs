//! In which hub a device is that registers, and which of its keys that hub takes.
//!
//! A hub goes on with the key that a device had when it registered, whatever has become of its enrollment since. A connection string, or a
//! token for the hub, is worth something only while the hub holds the key that it is made with.

pub mod hub;
pub mod perform;

use jiff::{SignedDuration, Timestamp};
use moorage_cloud::Device;
use moorage_crds::{DeviceCredential, EnrollmentGroup, Slot, annotations as names};
use moorage_keys::RegistrationId;
use moorage_plan::{Plan, Reason};

use crate::{
    azure::{
        Context,
        enrollment_group::{self, keys},
        registrations::{self, List},
    },
    error::ObserveError,
    kinds::device_credential::{
        assignment::hub::{AssignedHub, DeviceIdentity, find_hub, out_of_reach, read_identity},
        enrollment::individual::asks_for_a_look,
        keys::Keys,
        outputs::secret_content::Login,
        plan::Action,
    },
    object::Keyed,
};

/// How often it is looked at least, while the list of registrations cannot be read.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// Where a device is, and what its hub knows of it.
#[derive(Clone, Debug)]
pub struct Assignment {
    pub assigned_hub: AssignedHub,
    /// Its identity; `None` if it is in no hub of its tenant, or the hub does not know it.
    pub identity: Option<Device>,
    pub registered: Option<Timestamp>,
    /// When the list that tells of it is read again.
    pub next: Timestamp,
}

/// Whether a credential holds something for which its device has to be in a hub.
pub fn needs_hub(credential: &DeviceCredential) -> bool {
    credential.spec.connection_string || credential.spec.hub_token.is_some()
}

/// Looks where a device is: in a list that is read for many, and at its identity when it has registered, or long after.
pub async fn observe_assignment(
    ctx: &Context,
    credential: &DeviceCredential,
    group: &EnrollmentGroup,
    id: &RegistrationId,
) -> Result<Assignment, ObserveError> {
    let service = enrollment_group::service(ctx, group).await?;
    let list = match &credential.spec.individual_enrollment {
        Some(_) => List::Individuals,
        None => List::Group(keys::id_of(group).to_owned()),
    };
    let asked = asks_for_a_look(credential);
    let roll = registrations::registration_list(ctx, &service, list, asked).await?;
    let (placed, now) = (roll.of(id), ctx.clock.now());
    let assigned_hub = find_hub(ctx, group, id, placed.map(|placed| &*placed.hub), placed.and_then(|placed| placed.device.clone()));
    let registered = placed.and_then(|placed| placed.registered);
    let identity = match &assigned_hub {
        AssignedHub::Own(identity) => known(ctx, credential, group, identity, registered, asked, now).await?,
        AssignedHub::None | AssignedHub::Foreign => {
            // A hub that comes back under its name does not know the device.
            ctx.clients.identities.forget(&credential.key());
            None
        }
    };
    let next = roll.next.max(now.saturating_add(PATIENCE).unwrap_or(Timestamp::MAX));
    Ok(Assignment { assigned_hub, identity, registered, next })
}

async fn known(
    ctx: &Context,
    credential: &DeviceCredential,
    group: &EnrollmentGroup,
    identity: &DeviceIdentity,
    registered: Option<Timestamp>,
    asked: bool,
    now: Timestamp,
) -> Result<Option<Device>, ObserveError> {
    let (key, of) = (credential.key(), format!("{} {} {registered:?}", identity.hub, identity.device));
    let known = ctx.clients.identities.fresh(&key, &of, now).filter(|_| !asked);
    if let Some(device) = known {
        return Ok(device);
    }
    let device = read_identity(ctx, group, identity).await?;
    ctx.clients.identities.keep(&key, of, device.clone(), now);
    Ok(device)
}

/// What the device can log in with, or where that leaves the credential.
pub fn hub_login(credential: &DeviceCredential, seen: &Assignment, keys: &Keys, group: &str) -> Result<Login, Plan<Action>> {
    let what = if credential.spec.connection_string { "connectionString" } else { "hubToken" };
    let wait = |note: String| Plan::wait(Reason::AwaitingRegistration, format!("{note}; {what} is written then"), None);
    let DeviceIdentity { hub, device } = match &seen.assigned_hub {
        AssignedHub::None => return Err(wait("the device has not registered yet: have it register with what the Secret holds".to_owned())),
        AssignedHub::Foreign => return Err(out_of_reach(group)),
        AssignedHub::Own(identity) => identity,
    };
    let Some(identity) = &seen.identity else {
        return Err(wait(format!("hub {hub} no longer knows device {device}: have it register again")));
    };
    let there = identity.keys();
    let takes = |slot: Slot| there.as_ref().is_some_and(|there| [&there.primary, &there.secondary].contains(&keys.key(slot)));
    let other = if keys.slot == Slot::Primary { Slot::Secondary } else { Slot::Primary };
    match [keys.slot, other].into_iter().find(|slot| takes(*slot)) {
        Some(slot) => Ok(Login { hub: hub.host().clone(), device: device.clone(), slot }),
        None => Err(wait(format!(
            "hub {hub} still holds another key of device {device}: have it register again, and if the hub keeps that key, annotate this object \
             with {}",
            names::REPROVISION_REQUESTED_AT
        ))),
    }
}
