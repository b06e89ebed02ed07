//! Clouds as accounts see them: clients are made once for each credential, and forgotten with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;
use moorage_cloud::{AccessKey, Arm, Attestation, Azure, Device, DpsService, HubHost, PolicyKey, Registry, ResourceId};
use moorage_crds::{CloudAccount, ProvisioningService, TenantHubGroup};
use moorage_plan::Reason;

use crate::{
    counts::{Count, Counts, What},
    env::Env,
    error::{Error, Halt},
    grants,
    key::{KindName, Name, ObjectKey},
    kind::Kind,
    kinds::tenant_hub_group,
};

mod accounts;
mod looks;
mod rolls;

pub use accounts::{accepted, arm_of, secret_of};
pub use looks::Looks;
pub use rolls::{List, Placed, Roll, Rolls, roll};

/// The policy of a provisioning service by which enrollments are managed: the one that Azure makes with every service.
const SERVICE_POLICY: &str = "provisioningserviceowner";
/// The policy of a hub by which identities are managed where there is none of ours: Azure makes it with every hub.
const REGISTRY_POLICY: &str = "registryReadWrite";

/// Enrollment groups with symmetric keys that a provisioning service can have (Microsoft Learn: "IoT Hub Device Provisioning Service
/// limits").
pub const MOST_SYMMETRIC_GROUPS: i64 = 100;

/// Clients, by account and by service.
pub struct Clouds {
    azure: Azure,
    known: Mutex<Known>,
    /// What was counted in them.
    pub counts: Counts,
    /// When what was made for a device was last seen as it is to be.
    pub settled: Looks<()>,
    /// Devices' identities, as they were last seen.
    pub identities: Looks<Option<Device>>,
    /// Where devices are.
    pub rolls: Rolls,
}

#[derive(Default)]
struct Known {
    accounts: HashMap<ObjectKey, (String, Arm)>,
    services: HashMap<ServiceId, AccessKey>,
    hubs: HashMap<HubHost, AccessKey>,
    turns: HashMap<ServiceId, Turns>,
    /// Keys of policies by which hubs are linked, as they were last read.
    link_keys: HashMap<(ServiceId, String), AccessKey>,
}

/// The right to write a provisioning service, for as long as it is held.
pub type Turn = tokio::sync::OwnedMutexGuard<()>;

/// Who writes a provisioning service, and who may wait for it.
#[derive(Clone)]
struct Turns {
    writer: Arc<tokio::sync::Mutex<()>>,
    waiting: Arc<tokio::sync::Semaphore>,
}

/// How many wait for their turn at a provisioning service with a worker in hand.
const WAITING: usize = 3;
/// About how long several writes of a provisioning service take.
const WRITE: SignedDuration = SignedDuration::from_secs(3);

impl Turns {
    fn new() -> Self {
        Self { writer: Arc::default(), waiting: Arc::new(tokio::sync::Semaphore::new(WAITING)) }
    }
}

/// A provisioning service or a hub in the world; Azure compares names without regard to case.
type ServiceId = (String, String, String);

/// What an account lets a namespace do in a resource group.
pub struct Reach {
    /// The resource manager, in the account's name.
    pub arm: Arm,
    /// How far existing things may be adopted.
    pub adoption: moorage_crds::Adoption,
}

/// A provisioning service that may be used.
pub struct Service {
    /// The object.
    pub object: Arc<ProvisioningService>,
    /// The resource manager, in the name of the service's own account.
    pub arm: Arm,
    /// Where it is.
    pub id: ResourceId,
    /// The namespace that pays for the calls.
    payer: Arc<str>,
}

impl Clouds {
    /// No client yet.
    pub fn new(azure: Azure) -> Self {
        let known = Mutex::default();
        Self { azure, known, counts: Counts::default(), settled: Looks::default(), identities: Looks::default(), rolls: Rolls::default() }
    }

    /// Forgets what was seen for an object.
    pub fn forget(&self, object: &ObjectKey) {
        self.settled.forget(object);
        self.identities.forget(object);
    }

    /// The cloud's endpoints, and what all clients share.
    pub fn azure(&self) -> &Azure {
        &self.azure
    }

    /// The turn to write a provisioning service: it has no `ETag` (api-version 2022-12-12), so the last writer wins, and there
    /// is only one at a time here.
    ///
    /// # Errors
    /// If so many wait for it that another would only keep a worker busy.
    pub async fn turn(&self, arm: &Arm, id: &ResourceId) -> Result<Turn, Error> {
        let Turns { writer, waiting } = self.lock().turns.entry(service_id(arm, id)).or_insert_with(Turns::new).clone();
        let busy = || Error::its_turn(format!("provisioning service {} is being written for others; nothing was sent", id.name), WRITE);
        let _waiting = waiting.try_acquire_owned().map_err(|_| busy())?;
        Ok(writer.lock_owned().await)
    }

    /// Forgets the key of a service: it was refused.
    pub fn forget_service(&self, arm: &Arm, id: &ResourceId) {
        self.lock().services.remove(&service_id(arm, id));
    }

    /// After a call that a service refused: its key may have been replaced, and is read anew next time.
    pub fn heed(&self, service: &Service, error: &Error) {
        if error.class == moorage_plan::Class::Denied {
            self.forget_service(&service.arm, &service.id);
        }
    }

    /// After a call that a hub refused: likewise.
    pub fn heed_hub(&self, hub: &HubHost, error: &Error) {
        if error.class == moorage_plan::Class::Denied {
            self.lock().hubs.remove(hub);
        }
    }

    /// The resource manager as an account sees it, made anew if it was made from something else.
    fn arm(&self, account: &ObjectKey, made_from: String, make: impl FnOnce() -> Result<Arm, Error>) -> Result<Arm, Error> {
        let mut known = self.lock();
        if let Some((_, arm)) = known.accounts.get(account).filter(|(from, _)| *from == made_from) {
            return Ok(arm.clone());
        }
        let arm = make()?;
        known.accounts.insert(account.clone(), (made_from, arm.clone()));
        Ok(arm)
    }

    /// The resource manager as an account saw it last, whatever has become of its credential.
    fn last_arm(&self, account: &ObjectKey) -> Option<Arm> {
        self.lock().accounts.get(account).map(|(_, arm)| arm.clone())
    }

    /// The key by which a hub is linked, as it was last read.
    pub fn known_link_key(&self, arm: &Arm, hub: &ResourceId, policy: &str) -> Option<AccessKey> {
        self.lock().link_keys.get(&(service_id(arm, hub), policy.to_owned())).cloned()
    }

    /// Remembers the key by which a hub is linked, or forgets it with the policy.
    pub fn remember_link_key(&self, arm: &Arm, hub: &ResourceId, policy: &str, key: Option<&AccessKey>) {
        let place = (service_id(arm, hub), policy.to_owned());
        match key {
            Some(key) => drop(self.lock().link_keys.insert(place, key.clone())),
            None => drop(self.lock().link_keys.remove(&place)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn service_id(arm: &Arm, id: &ResourceId) -> ServiceId {
    (arm.subscription().to_lowercase(), id.group.to_lowercase(), id.name.to_lowercase())
}

/// What an account lets an object of a namespace do in a resource group.
///
/// # Errors
/// Halts if the account is not there, or does not grant it.
pub async fn reach(env: &Env, reference: &moorage_crds::ObjectRef, namespace: &str, resource_group: &str) -> Result<Reach, Halt> {
    let at = Name::new(reference.namespace_or(namespace), &reference.name);
    let account = env.stores.accounts.get(&at).ok_or_else(|| {
        Halt::not_yet(Reason::DependencyMissing, format!("CloudAccount {at} does not exist; create it, or correct spec.accountRef"))
    })?;
    let adoption = grants::on_account(&account, namespace, resource_group)?;
    Ok(Reach { arm: arm_of(env, &account).await?.on_behalf_of(namespace), adoption })
}

/// A provisioning service that an object of a namespace may use, with calls that a namespace pays for: the tenant's, whoever the
/// object belongs to.
///
/// # Errors
/// Halts if it is not there, does not grant it, or is not ready.
pub async fn service(env: &Env, reference: &moorage_crds::ObjectRef, namespace: &str, payer: &str) -> Result<Service, Halt> {
    let at = Name::new(reference.namespace_or(namespace), &reference.name);
    let object = env.stores.provisioning_services.get(&at).ok_or_else(|| {
        let note = format!("ProvisioningService {at} does not exist; create it, or correct spec.provisioningServiceRef");
        Halt::not_yet(Reason::DependencyMissing, note)
    })?;
    grants::on_provisioning_service(&object, namespace)?;
    let own = reach(env, &object.spec.account_ref, &at.namespace, &object.spec.resource_group).await?;
    let id = ResourceId { group: object.spec.resource_group.clone(), name: object.spec.name.clone() };
    Ok(Service { object, arm: own.arm.on_behalf_of(payer), id, payer: payer.into() })
}

/// The enrollments of a provisioning service.
///
/// # Errors
/// Halts if the service does not exist in Azure, or lacks the policy.
pub async fn enrollments(env: &Env, service: &Service) -> Result<DpsService, Halt> {
    let name = &service.id.name;
    let host = service.object.status.as_ref().and_then(|status| status.service_operations_host.as_deref());
    let host = host.ok_or_else(|| not_ready(&service.object))?;
    let host = env.clouds.azure.cloud().dps_host(host).map_err(|_| {
        Halt::stuck(
            Reason::Invalid,
            format!("provisioning service {name} says that its host is one outside of Azure; nothing is sent there"),
        )
    })?;
    let place = service_id(&service.arm, &service.id);
    let known = env.clouds.lock().services.get(&place).cloned();
    let access = if let Some(access) = known {
        access
    } else {
        let read = service.arm.provisioning_service_key(&service.id, SERVICE_POLICY).await;
        let access = read.map_err(|error| Error::cloud(format!("failed to read the key of provisioning service {name}"), error))?;
        let note = format!("provisioning service {name} has no access policy {SERVICE_POLICY}; restore it");
        let access = access.ok_or_else(|| Halt::stuck(Reason::DependencyMissing, note))?;
        env.clouds.lock().services.insert(place, access.clone());
        access
    };
    let enrollments = env.clouds.azure.dps(&host, PolicyKey { name: access.name, key: access.keys.primary });
    Ok(enrollments.on_behalf_of(&service.payer))
}

/// The identities of a tenant's hub, by the policy that the hub group made for its link.
///
/// # Errors
/// Halts if the hub is none of the group's, or has neither that policy nor the one that Azure makes.
pub async fn registry(env: &Env, hubs: &TenantHubGroup, hub: &HubHost) -> Result<Registry, Halt> {
    let known = env.clouds.lock().hubs.get(hub).cloned();
    let access = if let Some(access) = known {
        access
    } else {
        let access = registry_key(env, hubs, hub).await?;
        env.clouds.lock().hubs.insert(hub.clone(), access.clone());
        access
    };
    let registry = env.clouds.azure.registry(hub, PolicyKey { name: access.name, key: access.keys.primary });
    Ok(registry.on_behalf_of(&hubs.key().at.namespace))
}

async fn registry_key(env: &Env, hubs: &TenantHubGroup, hub: &HubHost) -> Result<AccessKey, Halt> {
    let at = hubs.key().at;
    let seen = hubs.status.iter().flat_map(|status| &status.hubs);
    let named = seen.filter(|seen| seen.host_name.as_deref().is_some_and(|host| host.eq_ignore_ascii_case(hub.host().as_str())));
    let name = named.map(|seen| seen.name.clone()).next();
    let name = name.ok_or_else(|| Halt::stuck(Reason::NotGranted, format!("TenantHubGroup {at} has no hub {hub}")))?;
    let group = &hubs.spec.resource_group.name;
    let arm = reach(env, &hubs.spec.account_ref, &at.namespace, group).await?.arm;
    let id = ResourceId { group: group.clone(), name };
    for policy in [tenant_hub_group::policy_name(env, hubs), REGISTRY_POLICY.to_owned()] {
        let read = arm.hub_key(&id, &policy).await;
        if let Some(access) = read.map_err(|error| Error::cloud(format!("failed to read a key of IoT hub {}", id.name), error))? {
            return Ok(access);
        }
    }
    let note = format!("IoT hub {} has no access policy {REGISTRY_POLICY}; restore it, so that identities can be deleted", id.name);
    Err(Halt::stuck(Reason::DependencyMissing, note))
}

/// The enrollments of a provisioning service that something is to leave; `None` if the service is gone, and they with it.
///
/// # Errors
/// As [`enrollments`].
pub async fn enrollments_to_leave(env: &Env, service: &Service) -> Result<Option<DpsService>, Halt> {
    match enrollments(env, service).await {
        Err(halt @ Halt::Standing(_)) => {
            let there = service.arm.provisioning_service(&service.id).await;
            let there =
                there.map_err(|error| Error::cloud(format!("failed to look at provisioning service {}", service.id.name), error))?;
            if there.is_some() { Err(halt) } else { Ok(None) }
        }
        found => found.map(Some),
    }
}

/// What counts the enrollment groups of a service.
pub fn groups_of(service: &Service) -> What {
    What::EnrollmentGroups(place_of(&service.arm, &service.id))
}

/// What counts the devices of a hub.
pub fn devices_of(arm: &Arm, hub: &ResourceId) -> What {
    What::Devices(place_of(arm, hub))
}

/// What counts the paid hubs in the subscription of an account.
pub fn hubs_of(account: &CloudAccount) -> What {
    What::Hubs(account.spec.azure.subscription_id.to_lowercase())
}

fn place_of(arm: &Arm, id: &ResourceId) -> String {
    let (subscription, group, name) = service_id(arm, id);
    format!("{subscription}/{group}/{name}")
}

/// How many enrollment groups with symmetric keys a service has; counted anew if the last count is old.
///
/// # Errors
/// If they cannot be counted.
pub async fn count_groups(env: &Env, service: &Service) -> Result<Count, Halt> {
    let (what, now) = (groups_of(service), env.clock.now());
    if let Some(count) = env.clouds.counts.fresh(&what, now) {
        return Ok(count);
    }
    let began = env.clouds.counts.begin(&what);
    let listed = enrollments(env, service).await?.groups().await;
    let failed = |error| Error::cloud(format!("failed to count the enrollment groups of {}", service.id.name), error);
    let listed = listed.map_err(failed).inspect_err(|error| env.clouds.heed(service, error))?;
    let symmetric = listed.iter().filter(|group| group.attestation() == Some(Attestation::SymmetricKey)).count();
    let count = Count { used: i64::try_from(symmetric).unwrap_or(i64::MAX), limit: MOST_SYMMETRIC_GROUPS };
    env.clouds.counts.keep(what, began, count, now);
    Ok(count)
}

/// The halt of whoever needs a provisioning service that is not ready.
pub fn not_ready(service: &ProvisioningService) -> Halt {
    Halt::not_yet(Reason::DependencyNotReady, format!("ProvisioningService {} is not ready yet", service.key().at))
}

/// The key of the account that an object refers to.
pub fn account_key(reference: &moorage_crds::ObjectRef, namespace: &str) -> ObjectKey {
    ObjectKey::new(KindName::CloudAccount, reference.namespace_or(namespace), &reference.name)
}
