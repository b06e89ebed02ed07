//! A device that is created in a hub, without a provisioning service.
//!
//! An identity has no tags. That it is ours is written down before it is made, and shown by its keys; from then on by its generation, which
//! tells it from any other that is ever made under its name.

use kube::Resource;
use moorage_cloud::{Cloud, Device, HubHost, IfMatch, Registry};
use moorage_crds::{DeviceCredential, HubRef, TenantHubGroup};
use moorage_keys::{DeviceId, keyed_digest, owner_hash};
use moorage_plan::{Reason, Why};

use crate::{
    azure::{Context, facts::HubFacts, iot_hub},
    error::{Error, ObserveError, reached},
    kinds::device_credential::{
        admit::HubMember,
        assignment::hub::DeviceIdentity,
        enrollment::individual::asks_for_a_look,
        keys::{
            MadeFor, ObservedKeys,
            generated::{CloudDocument, FoundInCloud, GeneratedKeys, LedgerNote, StoredKeys},
        },
        observe::ObservedWithKeys,
        outputs::{secret_content::Origin, tokens::Renewals},
        secret::read::read_stored_keys,
        subject::{device_of, hub_group_of, secret_of},
    },
    ledger::entries::IDENTITY,
    object::Keyed,
};

/// How an identity stands in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityRecord<'a> {
    /// We are about to make it.
    Claimed,
    /// It is of this generation.
    Made(&'a str),
    /// It is of this generation, and we have disabled it.
    Disabled(&'a str),
}

impl<'a> IdentityRecord<'a> {
    /// Reads what the ledger says.
    pub fn read(text: &'a str) -> Option<Self> {
        let mut words = text.split(' ');
        match (words.next()?, words.next()) {
            ("claimed", _) => Some(Self::Claimed),
            ("made", Some(generation)) => Some(Self::Made(generation)),
            ("disabled", Some(generation)) => Some(Self::Disabled(generation)),
            _ => None,
        }
    }

    fn word(self) -> String {
        match self {
            Self::Claimed => "claimed".to_owned(),
            Self::Made(generation) => format!("made {generation}"),
            Self::Disabled(generation) => format!("disabled {generation}"),
        }
    }
}

impl DeviceIdentity {
    /// The name of its entry in the ledger.
    pub fn entry(&self) -> String {
        format!("{IDENTITY}{}", owner_hash("", "Identity", self.hub.host().as_str(), self.device.as_str()))
    }

    /// What is written into the ledger, for us and for people.
    pub fn note(&self, record: Option<IdentityRecord<'_>>) -> LedgerNote {
        let Self { hub, device } = self;
        let value = record.map(|record| format!("{} {hub}/devices/{device}", record.word()));
        let text = match record {
            Some(IdentityRecord::Claimed) => format!("Write down that device {device} is to be made in hub {hub}"),
            Some(IdentityRecord::Made(_)) => format!("Write down that device {device} in hub {hub} is the one that was made"),
            Some(IdentityRecord::Disabled(_)) => format!("Write down that we disable device {device} in hub {hub}"),
            None => format!("Strike device {device} of hub {hub} from the ledger"),
        };
        LedgerNote { entries: vec![(self.entry(), value)], text }
    }

    /// It, as sentences have it.
    pub fn what(&self) -> String {
        format!("device {} in hub {}", self.device, self.hub)
    }
}

/// Looks at a device in a hub, and at its Secret.
pub async fn observe_in_hub(
    credential: &DeviceCredential,
    ctx: &Context,
    member: &HubMember,
    renewals: Renewals,
) -> Result<ObservedWithKeys, ObserveError> {
    let HubMember { device, hub, hubs } = member;
    // One that comes back under its name does not know the device.
    let host = host_of(ctx, hubs, hub).inspect_err(|_| ctx.clients.forget(&credential.key()))?;
    let place = DeviceIdentity { hub: host, device: device.clone() };
    let at = secret_of(credential);
    let (secret, stored) = read_stored_keys(ctx, credential, &at, MadeFor::Identity).await?;
    let generated = observe_identity(ctx, credential, hubs, &place, stored).await?;
    let origin = Origin::Hub { hub: place.hub.host().clone(), device: place.device };
    let stale = ctx.secrets.owned_by(&credential.key()).into_iter().filter(|owned| *owned != at).collect();
    let keys = ObservedKeys::Generated(Box::new(generated), MadeFor::Identity);
    Ok(ObservedWithKeys { origin, keys, assigned: None, renewals, secret, stale, asked: None, group: String::new() })
}

/// The host of a hub that is named, as its group tells it.
pub fn host_of(ctx: &Context, hubs: &TenantHubGroup, hub: &HubRef) -> Result<HubHost, ObserveError> {
    let at = hubs.key().name;
    if !has_hub_named(hubs, hub) {
        let note = format!("TenantHubGroup {at} has no hub {}; add it there", hub.hub);
        return Err(ObserveError::reconciling(Reason::DependencyMissing, note));
    }
    let known = HubFacts::of(ctx, hubs).into_iter().find(|known| known.name.eq_ignore_ascii_case(&hub.hub));
    let HubFacts { host, .. } = known.ok_or_else(|| {
        ObserveError::reconciling(Reason::DependencyNotReady, format!("hub {} of TenantHubGroup {at} is not there yet", hub.hub))
    })?;
    let elsewhere = |_| {
        ObserveError::stalled(Reason::Invalid, format!("hub {} says that its host is one outside of Azure; nothing is sent there", hub.hub))
    };
    let cloud = iot_hub::cloud_of(&ctx.objects, hubs).unwrap_or(Cloud::public());
    cloud.hub_host(&host).map_err(elsewhere)
}

/// Whether a hub group has a hub of that name.
pub fn has_hub_named(hubs: &TenantHubGroup, hub: &HubRef) -> bool {
    hubs.spec.hubs.iter().any(|one| one.name.eq_ignore_ascii_case(&hub.hub))
}

async fn observe_identity(
    ctx: &Context,
    credential: &DeviceCredential,
    hubs: &TenantHubGroup,
    place: &DeviceIdentity,
    stored: StoredKeys,
) -> Result<GeneratedKeys, ObserveError> {
    let (key, entries) = (credential.key(), ctx.ledger.of(&credential.key()));
    let written = entries.get(&place.entry()).map(String::as_str);
    let keys = stored.live.as_ref().map(|keys| keyed_digest(&keys.primary, [keys.secondary.expose_bytes()]).to_string());
    let state = format!("{} {written:?} {keys:?}", place.what());
    let is_known = stored.live.is_some() && stored.pending.is_none() && !asks_for_a_look(credential);
    if is_known && ctx.clients.settled.fresh(&key, &state, ctx.clock.now()).is_some() {
        return Ok(GeneratedKeys::settled(place.what(), stored, fresh(place)));
    }
    let there = read_device(ctx, hubs, place).await?;
    if there.is_none() && hubs.meta().deletion_timestamp.is_some() {
        let note = format!("TenantHubGroup {} is being deleted, and no device is made in its hubs any more", hubs.key().name);
        return Err(ObserveError::reconciling(Reason::DependencyMissing, note));
    }
    let generated = generated_keys_of(place, stored, written.and_then(IdentityRecord::read), there);
    if generated.is_settled() {
        ctx.clients.settled.keep(&key, state, (), ctx.clock.now());
    } else {
        ctx.clients.settled.forget(&key);
    }
    Ok(generated)
}

fn fresh(place: &DeviceIdentity) -> CloudDocument {
    CloudDocument::Identity(Box::new(Device::of_id(&place.device)))
}

/// What is made of an identity and of what the ledger says of it.
pub fn generated_keys_of(
    place: &DeviceIdentity,
    stored: StoredKeys,
    record: Option<IdentityRecord<'_>>,
    there: Option<Device>,
) -> GeneratedKeys {
    let Some(there) = there else {
        let claim = (record != Some(IdentityRecord::Claimed)).then(|| place.note(Some(IdentityRecord::Claimed)));
        return GeneratedKeys { what: place.what(), stored, claim, there: None, wanted: fresh(place) };
    };
    let (keys, generation) = (there.keys(), there.generation().unwrap_or_default().to_owned());
    let is_that = |made: &str| !generation.is_empty() && made == generation;
    let obstacle = match record {
        // Its keys prove it before it was seen in place, and where the ledger was lost.
        Some(IdentityRecord::Claimed) | None if keys.is_some() && keys.as_ref() == stored.keys() => {
            (record.is_none() && !there.is_enabled()).then(|| disabled(place))
        }
        Some(IdentityRecord::Made(made)) if is_that(made) && !there.is_enabled() => Some(disabled(place)),
        Some(IdentityRecord::Made(made) | IdentityRecord::Disabled(made)) if is_that(made) => None,
        Some(_) | None => Some(somebody_elses(place)),
    };
    let differs = if there.is_enabled() { Vec::new() } else { vec!["status"] };
    let proof = (record != Some(IdentityRecord::Made(&generation))).then(|| place.note(Some(IdentityRecord::Made(&generation))));
    let over = IfMatch::of(there.etag());
    let found = FoundInCloud { obstacle, keys, differs, over, proof };
    let wanted = CloudDocument::Identity(Box::new(there.enabled()));
    GeneratedKeys { what: place.what(), stored, claim: None, there: Some(found), wanted }
}

fn somebody_elses(place: &DeviceIdentity) -> Why {
    let note =
        format!("{} exists, was not made for this object, and is left alone; delete it there, or choose another deviceId", place.what());
    Why::new(Reason::AlreadyExists, note)
}

/// Whoever disables a device by hand has a reason, and does not expect it to come back.
fn disabled(place: &DeviceIdentity) -> Why {
    Why::new(
        Reason::Disabled,
        format!("somebody has disabled {}, and that is left so; enable it there, or delete this object", place.what()),
    )
}

/// Looks at the identity; `None` if the hub does not know the device.
pub async fn read_device(ctx: &Context, hubs: &TenantHubGroup, place: &DeviceIdentity) -> Result<Option<Device>, ObserveError> {
    let registry = iot_hub::registry(ctx, hubs, &place.hub).await?;
    let read = registry.device(&place.device).await;
    let read = read.map_err(|error| Error::cloud(format!("failed to look at {}", place.what()), error));
    match read {
        Ok(device) => Ok(device),
        Err(error) => Err(iot_hub::refused(ctx, hubs, &place.hub, error).await.into()),
    }
}

/// The registry of the hub that a credential names, and the device's place in it.
pub async fn hub_registry(ctx: &Context, credential: &DeviceCredential) -> Result<(Registry, DeviceIdentity), Error> {
    let gone = || Error::own("the TenantHubGroup of the device does not exist", moorage_plan::Class::Conflict);
    let hub = credential.spec.hub_ref.as_ref().ok_or_else(gone)?;
    let hubs = ctx.objects.readable::<TenantHubGroup>(&hub_group_of(credential, hub)).ok_or_else(gone)?;
    let device = DeviceId::parse(device_of(credential)).map_err(|_| gone())?;
    let place = DeviceIdentity { hub: reached(host_of(ctx, &hubs, hub))?, device };
    Ok((reached(iot_hub::registry(ctx, &hubs, &place.hub).await)?, place))
}
