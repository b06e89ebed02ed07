//! Clients as accounts see them: clients are made once for each credential, and forgotten with it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;
use moorage_cloud::{AccessKey, Arm, Azure, Cloud, Device, HubHost, ResourceId, WriteAccess};

use crate::{
    azure::{
        dps::{Refusals, Service},
        network::{self, Networks},
        observation_cache::ObservationCache,
        registrations::RegistrationLists,
        usage::Counts,
    },
    controller::kind::CloudClients,
    error::Error,
    object::ObjectKey,
};

/// Clients, by account and by service.
pub struct Clients {
    azure: Azure,
    /// The resource manager as each account sees it, and as whom.
    accounts: Mutex<HashMap<ObjectKey, (Principal, Arm)>>,
    write_queues: Mutex<HashMap<ServiceId, WriteQueue>>,
    /// Keys by which the enrollments of provisioning services are managed.
    pub service_keys: AccessKeys<(Principal, ServiceId)>,
    /// Keys by which the identities of hubs are managed.
    pub hub_keys: AccessKeys<(Principal, HubHost)>,
    /// Keys of policies by which hubs are linked.
    pub link_keys: AccessKeys<(ServiceId, String)>,
    /// From where provisioning services can be reached.
    pub service_networks: Networks<ServiceId>,
    /// From where hubs can be reached.
    pub hub_networks: Networks<HubHost>,
    /// Why services refused the operator when they were last asked.
    pub refusals: Refusals,
    /// What was counted in them.
    pub counts: Counts,
    /// When what was made for a device was last seen as it is to be.
    pub settled: ObservationCache<()>,
    /// Devices' identities, as they were last seen.
    pub identities: ObservationCache<Option<Device>>,
    /// Where devices are.
    pub registration_lists: RegistrationLists,
    /// Held by whoever writes down what takes room in a grant.
    pub claims: tokio::sync::Mutex<()>,
}

/// An account and what proves it: whoever reads a key as one principal has not read it as another.
pub type Principal = Arc<str>;

/// Keys of access policies, as they were last read.
pub struct AccessKeys<P>(Mutex<HashMap<P, AccessKey>>);

impl<P> Default for AccessKeys<P> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<P: Eq + Hash> AccessKeys<P> {
    /// The key at a place, if one was read.
    pub fn get(&self, place: &P) -> Option<AccessKey> {
        self.lock().get(place).cloned()
    }

    /// Remembers the key of a place.
    pub fn keep(&self, place: P, key: AccessKey) {
        self.lock().insert(place, key);
    }

    /// Forgets the key of a place.
    pub fn forget(&self, place: &P) {
        self.lock().remove(place);
    }

    /// Forgets the keys of all places that are meant.
    pub fn forget_where(&self, is_meant: impl Fn(&P) -> bool) {
        self.lock().retain(|place, _| !is_meant(place));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<P, AccessKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to write a provisioning service, for as long as it is held.
pub type WriteLock = tokio::sync::OwnedMutexGuard<()>;

/// Who writes a provisioning service, and who may wait for it.
#[derive(Clone)]
struct WriteQueue {
    writer: Arc<tokio::sync::Mutex<()>>,
    waiting: Arc<tokio::sync::Semaphore>,
}

/// How many wait for their turn at a provisioning service with a worker in hand.
const WAITING: usize = 3;
/// About how long several writes of a provisioning service take.
const WRITE: SignedDuration = SignedDuration::from_secs(3);

impl WriteQueue {
    fn new() -> Self {
        Self { writer: Arc::default(), waiting: Arc::new(tokio::sync::Semaphore::new(WAITING)) }
    }
}

/// A provisioning service or a hub in the world; Azure compares names without regard to case.
pub type ServiceId = (String, String, String);

impl CloudClients for Clients {
    type WriteAccess = WriteAccess;
}

impl Clients {
    /// No client yet.
    pub fn new(azure: Azure) -> Self {
        Self {
            azure,
            accounts: Mutex::default(),
            write_queues: Mutex::default(),
            service_keys: AccessKeys::default(),
            hub_keys: AccessKeys::default(),
            link_keys: AccessKeys::default(),
            service_networks: Networks::default(),
            hub_networks: Networks::default(),
            refusals: Refusals::default(),
            counts: Counts::default(),
            settled: ObservationCache::default(),
            identities: ObservationCache::default(),
            claims: tokio::sync::Mutex::default(),
            registration_lists: RegistrationLists::default(),
        }
    }

    /// Forgets what was seen for an object.
    pub fn forget(&self, object: &ObjectKey) {
        self.settled.forget(object);
        self.identities.forget(object);
    }

    /// A cloud, and what the clients of all of them share.
    pub fn azure(&self, cloud: Cloud) -> Azure {
        self.azure.in_cloud(cloud)
    }

    /// The turn to write a provisioning service: no api-version takes an `ETag` for it, so the last writer wins, and there
    /// is only one at a time here.
    ///
    /// # Errors
    /// If so many wait for it that another would only keep a worker busy.
    pub async fn write_lock(&self, arm: &Arm, id: &ResourceId) -> Result<WriteLock, Error> {
        let WriteQueue { writer, waiting } = lock(&self.write_queues).entry(service_id(arm, id)).or_insert_with(WriteQueue::new).clone();
        let busy = || Error::backpressure(format!("provisioning service {} is being written for others; nothing was sent", id.name), WRITE);
        let _waiting = waiting.try_acquire_owned().map_err(|_| busy())?;
        Ok(writer.lock_owned().await)
    }

    /// After a call that a service refused: its key may have been replaced, and is read anew next time.
    pub fn forget_key_if_denied(&self, service: &Service, error: &Error) {
        if error.class == moorage_plan::Class::Denied {
            self.forget_service_keys(&service_id(&service.arm, &service.id));
        }
    }

    /// After a call that a hub refused: likewise; in words of what was last seen of its firewall.
    pub fn refused_by_hub(&self, hub: &HubHost, error: Error) -> Error {
        if error.class == moorage_plan::Class::Denied {
            self.hub_keys.forget_where(|(_, known)| known == hub);
        }
        network::explained(&format!("IoT hub {hub}"), self.hub_networks.last(hub), error)
    }

    /// Forgets the keys of a service, whoever has read them.
    pub fn forget_service_keys(&self, service: &ServiceId) {
        self.service_keys.forget_where(|(_, known)| known == service);
    }

    /// The resource manager as an account sees it, made anew if it was made from something else; with that, the keys are forgotten that
    /// were read before.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn arm(&self, account: &ObjectKey, made_from: &str, make: impl FnOnce() -> Result<Arm, Error>) -> Result<Arm, Error> {
        let principal = format!("{account} {made_from}");
        let mut known = lock(&self.accounts);
        if let Some((_, arm)) = known.get(account).filter(|(known, _)| **known == *principal) {
            return Ok(arm.clone());
        }
        let arm = make()?;
        if let Some((former, _)) = known.insert(account.clone(), (principal.into(), arm.clone())) {
            self.service_keys.forget_where(|(reader, _)| *reader == former);
            self.hub_keys.forget_where(|(reader, _)| *reader == former);
        }
        Ok(arm)
    }

    /// As whom an account was last used.
    pub fn principal(&self, account: &ObjectKey) -> Option<Principal> {
        lock(&self.accounts).get(account).map(|(principal, _)| principal.clone())
    }

    /// The resource manager as an account saw it last, whatever has become of its credential.
    pub fn last_arm(&self, account: &ObjectKey) -> Option<Arm> {
        lock(&self.accounts).get(account).map(|(_, arm)| arm.clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What tells one resource from every other.
pub fn service_id(arm: &Arm, id: &ResourceId) -> ServiceId {
    (arm.subscription().to_lowercase(), id.group.to_lowercase(), id.name.to_lowercase())
}

/// The same as one text.
pub fn place_of(arm: &Arm, id: &ResourceId) -> String {
    let (subscription, group, name) = service_id(arm, id);
    format!("{subscription}/{group}/{name}")
}
