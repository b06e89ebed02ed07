//! What becomes of an identity that was made in a hub, when its credential is deleted.

use moorage_cloud::{Device, IfMatch};
use moorage_crds::{DeviceCredential, DevicePolicy};
use moorage_plan::{Act, Plan, Reason, Target};

use crate::{
    azure::Context,
    error::ObserveError,
    kinds::device_credential::{
        admit::HubMember,
        assignment::hub::DeviceIdentity,
        hub_identity::identity::{IdentityRecord, host_of, read_device},
        keys::{MadeFor, generated::LedgerNote},
        secret::read::read_stored_keys,
        subject::secret_of,
    },
    object::Keyed,
};

/// The reason that a hub keeps with a device that we have disabled.
const WHY: &str = "Its DeviceCredential was deleted";

/// A look at an identity whose credential goes.
#[derive(Clone, Debug)]
pub struct LeavingIdentity {
    pub place: DeviceIdentity,
    pub policy: DevicePolicy,
    /// What the ledger says of it.
    pub record: Option<String>,
    pub there: Option<Device>,
    /// Whether it has the keys that the Secret holds; asked only where nothing else tells that it is ours.
    pub has_our_keys: bool,
}

/// A step towards a device that cannot connect.
#[derive(Debug)]
pub enum IdentityStep {
    /// Writes into the ledger.
    Note(LedgerNote),
    /// Disables the identity.
    Disable { device: Box<Device>, what: String },
    /// Deletes the identity.
    Delete { over: IfMatch, what: String },
}

impl Act for IdentityStep {
    fn reason(&self) -> Reason {
        match self {
            Self::Note(LedgerNote { entries, .. }) if entries.iter().all(|(_, value)| value.is_none()) => Reason::DropClaim,
            Self::Note(_) => Reason::RecordClaim,
            Self::Disable { .. } => Reason::Disenroll,
            Self::Delete { .. } => Reason::Deprovision,
        }
    }

    fn note(&self) -> String {
        match self {
            Self::Note(note) => note.text.clone(),
            Self::Disable { what, .. } => format!("Disable {what}"),
            Self::Delete { what, .. } => format!("Delete {what}"),
        }
    }

    fn target(&self) -> Target {
        if matches!(self, Self::Note(_)) { Target::Cluster } else { Target::Cloud }
    }

    fn is_news(&self) -> bool {
        !matches!(self, Self::Note(_))
    }
}

/// Looks at the identity of a device whose credential goes.
pub async fn observe_leaving(credential: &DeviceCredential, ctx: &Context, member: &HubMember) -> Result<LeavingIdentity, ObserveError> {
    let HubMember { device, hub, hubs } = member;
    let entries = ctx.ledger.of(&credential.key());
    let place = DeviceIdentity { hub: host_of(ctx, hubs, hub)?, device: device.clone() };
    let record = entries.get(&place.entry()).cloned();
    let there = read_device(ctx, hubs, &place).await?;
    let has_our_keys = match (&there, record.as_deref().and_then(IdentityRecord::read)) {
        (Some(there), Some(IdentityRecord::Claimed)) => {
            let (_, stored) = read_stored_keys(ctx, credential, &secret_of(credential), MadeFor::Identity).await?;
            stored.keys().is_some() && there.keys().as_ref() == stored.keys()
        }
        _ => false,
    };
    Ok(LeavingIdentity { place, policy: credential.spec.deletion_policy, record, there, has_our_keys })
}

/// What is done with an identity that is ours; any other is left alone.
pub fn leave(seen: &LeavingIdentity) -> Plan<IdentityStep> {
    let place = &seen.place;
    let record = seen.record.as_deref().and_then(IdentityRecord::read);
    let strike = || match record {
        Some(_) => {
            Plan::act(vec![IdentityStep::Note(place.note(None))], Reason::DropClaim, "What the ledger says of the device is struck out")
        }
        None => Plan::met(),
    };
    let Some(there) = &seen.there else { return strike() };
    let generation = there.generation().unwrap_or_default();
    let ours = match record {
        None => false,
        Some(IdentityRecord::Claimed) => seen.has_our_keys,
        Some(IdentityRecord::Made(made) | IdentityRecord::Disabled(made)) => !generation.is_empty() && made == generation,
    };
    if !ours {
        return strike();
    }
    let over = IfMatch::of(there.etag());
    match seen.policy {
        DevicePolicy::Retain => Plan::met(),
        DevicePolicy::Disenroll if !there.is_enabled() => Plan::met(),
        DevicePolicy::Disenroll => {
            let disabled = Box::new(there.clone().disabled(WHY));
            let mut steps = vec![IdentityStep::Disable { device: disabled, what: place.what() }];
            if record != Some(IdentityRecord::Disabled(generation)) {
                steps.insert(0, IdentityStep::Note(place.note(Some(IdentityRecord::Disabled(generation)))));
            }
            Plan::act(steps, Reason::Disenroll, format!("The {} is being disabled", place.what()))
        }
        DevicePolicy::Deprovision => Plan::act(
            vec![IdentityStep::Delete { over, what: place.what() }],
            Reason::Deprovision,
            format!("The {} is being deleted", place.what()),
        ),
    }
}
