//! What becomes of an identity that was made in a hub, when its credential is deleted.

use moorage_cloud::{Device, IfMatch};
use moorage_crds::{DeviceCredential, DevicePolicy, HubRef, TenantHubGroup};
use moorage_keys::DeviceId;
use moorage_plan::{Act, Plan, Reason, Target};

use super::{Place, Record, host_of, names, read, registry};
use crate::{
    azure::{Context, Writer},
    error::{Error, ObserveError},
    kinds::device_credential::{
        content::MadeFor,
        custody::Note,
        observe::{Seen, secret_of},
        secret::held,
    },
    ledger::entries::IDENTITY,
    object::Keyed,
};

/// The reason that a hub keeps with a device that we have disabled.
const WHY: &str = "Its DeviceCredential was deleted";

/// A look at an identity whose credential goes.
#[derive(Clone, Debug)]
pub struct Leaving {
    pub(in crate::kinds::device_credential) place: Place,
    pub(in crate::kinds::device_credential) policy: DevicePolicy,
    /// What the ledger says of it.
    pub(in crate::kinds::device_credential) record: Option<String>,
    pub(in crate::kinds::device_credential) there: Option<Device>,
    /// Whether it has the keys that the Secret holds; asked only where nothing else tells that it is ours.
    pub(in crate::kinds::device_credential) has_our_keys: bool,
}

/// A step towards a device that cannot connect.
#[derive(Debug)]
pub enum Step {
    /// Writes into the ledger.
    Note(Note),
    /// Disables the identity.
    Disable { device: Box<Device>, what: String },
    /// Deletes the identity.
    Delete { over: IfMatch, what: String },
}

impl Act for Step {
    fn reason(&self) -> Reason {
        match self {
            Self::Note(Note { entries, .. }) if entries.iter().all(|(_, value)| value.is_none()) => Reason::DropClaim,
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

pub(super) async fn observe(
    credential: &DeviceCredential,
    ctx: &Context,
    hub: &HubRef,
    hubs: &TenantHubGroup,
    device: DeviceId,
) -> Result<Seen, ObserveError> {
    let entries = ctx.ledger.of(&credential.key());
    let any = entries.keys().find(|entry| entry.starts_with(IDENTITY));
    // What was never claimed was never made, and a hub that was taken out of its group is out of reach.
    let (Some(_), true) = (any, names(hubs, hub)) else { return Ok(Seen::Kept) };
    let place = Place { hub: host_of(ctx, hubs, hub)?, device };
    let record = entries.get(&place.entry()).cloned();
    let there = read(ctx, hubs, &place).await?;
    let has_our_keys = match (&there, record.as_deref().and_then(Record::read)) {
        (Some(there), Some(Record::Claimed)) => {
            let (_, held) = held(ctx, credential, &secret_of(credential), MadeFor::Identity).await?;
            held.keys().is_some() && there.keys().as_ref() == held.keys()
        }
        _ => false,
    };
    Ok(Seen::Leaving(Box::new(Leaving { place, policy: credential.spec.deletion_policy, record, there, has_our_keys })))
}

/// What is done with an identity that is ours; any other is left alone.
pub fn leave(seen: &Leaving) -> Plan<Step> {
    let place = &seen.place;
    let record = seen.record.as_deref().and_then(Record::read);
    let strike = || match record {
        Some(_) => Plan::act(vec![Step::Note(place.note(None))], Reason::DropClaim, "What the ledger says of the device is struck out"),
        None => Plan::met(),
    };
    let Some(there) = &seen.there else { return strike() };
    let generation = there.generation().unwrap_or_default();
    let ours = match record {
        None => false,
        Some(Record::Claimed) => seen.has_our_keys,
        Some(Record::Made(made) | Record::Disabled(made)) => !generation.is_empty() && made == generation,
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
            let mut steps = vec![Step::Disable { device: disabled, what: place.what() }];
            if record != Some(Record::Disabled(generation)) {
                steps.insert(0, Step::Note(place.note(Some(Record::Disabled(generation)))));
            }
            Plan::act(steps, Reason::Disenroll, format!("The {} is being disabled", place.what()))
        }
        DevicePolicy::Deprovision => Plan::act(
            vec![Step::Delete { over, what: place.what() }],
            Reason::Deprovision,
            format!("The {} is being deleted", place.what()),
        ),
    }
}

/// Performs one step.
pub async fn perform(credential: &DeviceCredential, writer: &Writer<'_>, step: &Step) -> Result<(), Error> {
    if let Step::Note(note) = step {
        return writer.record(&note.entries).await;
    }
    let (registry, place) = registry(writer, credential).await?;
    let done = match step {
        Step::Note(_) => Ok(()),
        Step::Disable { device, .. } => {
            registry.put_device(writer.access(), &place.device, device, &IfMatch::of(device.etag())).await.map(drop)
        }
        Step::Delete { over, .. } => registry.delete_device(writer.access(), &place.device, over).await,
    };
    let done = done.map_err(|error| Error::cloud(format!("failed to part with {}", place.what()), error));
    done.inspect_err(|error| writer.clients.heed_hub(&place.hub, error))
}
