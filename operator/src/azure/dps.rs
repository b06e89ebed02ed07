//! A provisioning service that objects use: in whose name, by which key, and what it holds.

pub mod links;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use moorage_cloud::{Arm, Attestation, Cloud, DpsHost, DpsService, PolicyKey, ProvisioningService as Document, ResourceId};
use moorage_crds::ProvisioningService;
use moorage_plan::{Class, Reason, Standing, Why};

use crate::{
    azure::{
        Context,
        accounts::{self, GrantedAccount},
        arm_resource,
        clients::{Principal, ServiceId, place_of, service_id},
        facts::{self, ServiceFacts},
        grants::{self, LinkRight},
        network,
        usage::{Count, What},
    },
    cache::objects::Objects,
    error::{Error, ObserveError},
    object::{Keyed, KindName, NamespacedName, ObjectKey},
};

/// The policy of a provisioning service by which enrollments are managed: the one that Azure makes with every service.
const SERVICE_POLICY: &str = "provisioningserviceowner";
/// Enrollment groups with symmetric keys that a provisioning service can have (Microsoft Learn: "IoT Hub Device Provisioning Service
/// limits").
pub const MOST_SYMMETRIC_GROUPS: i64 = 100;

/// IoT hubs that a provisioning service can have linked (Microsoft Learn: "IoT Hub Device Provisioning Service limits").
pub const MOST_LINKS: usize = 50;

/// A provisioning service that an object may use.
#[derive(Clone, Debug)]
pub struct GrantedService {
    /// The object.
    pub object: Arc<ProvisioningService>,
    /// How far the namespace may link hubs.
    pub right: LinkRight,
    /// The service's own account.
    account: GrantedAccount,
}

/// The provisioning service of a name, if it lets a namespace use it.
///
/// # Errors
/// If it is not there, or does not grant it; or if its own account does not.
pub fn granted(objects: &Objects, at: &NamespacedName, namespace: &str) -> Result<GrantedService, Standing> {
    let key = ObjectKey { kind: KindName::ProvisioningService, name: at.clone() };
    let (object, right) = grants::provisioning_service(objects, &key, namespace)?;
    let account = accounts::granted(objects, &object.spec.account_ref, &at.namespace, &object.spec.resource_group);
    let account = account.map_err(|standing| if *at.namespace == *namespace { standing } else { not_in_words_of_its_owner(at) })?;
    Ok(GrantedService { object, right, account })
}

/// Why a service's own account refuses it is for its owner to read.
fn not_in_words_of_its_owner(at: &NamespacedName) -> Standing {
    Standing::stalled(Reason::NotGranted, format!("ProvisioningService {at} may not be used: its owner sees why in its conditions"))
}

impl GrantedService {
    /// The cloud that it is in.
    pub fn cloud(&self) -> Cloud {
        self.account.cloud()
    }

    /// Where it is in Azure.
    pub fn place(&self) -> String {
        facts::service_place(&self.account.object.spec.azure.subscription_id, &self.object)
    }

    /// The service, with calls that a namespace pays for: the tenant's, whoever the object belongs to.
    ///
    /// # Errors
    /// Halts if what proves its account is not there.
    pub async fn connect(&self, ctx: &Context, payer: &str) -> Result<Service, ObserveError> {
        let (arm, principal) = self.account.sign_in(ctx).await?;
        let spec = &self.object.spec;
        let id = ResourceId { group: spec.resource_group.clone(), name: spec.name.clone() };
        Ok(Service { object: self.object.clone(), arm: arm.on_behalf_of(payer), principal, id, payer: payer.into() })
    }
}

/// A provisioning service that may be used.
pub struct Service {
    /// The object.
    pub object: Arc<ProvisioningService>,
    /// The resource manager, in the name of the service's own account.
    pub arm: Arm,
    /// As whom that account was used.
    principal: Principal,
    /// Where it is.
    pub id: ResourceId,
    /// The namespace that pays for the calls.
    payer: Arc<str>,
}

impl Service {
    /// Where it is, and through which account it was reached.
    pub fn place(&self) -> String {
        facts::service_place(self.arm.subscription(), &self.object)
    }
}

/// A provisioning service that an object of a namespace may use, with calls that a namespace pays for.
///
/// # Errors
/// Halts if it is not there, does not grant it, or what proves its account is not there.
pub async fn service(ctx: &Context, at: &NamespacedName, namespace: &str, payer: &str) -> Result<Service, ObserveError> {
    granted(&ctx.objects, at, namespace)?.connect(ctx, payer).await
}

/// Why provisioning services refused the operator when they were last asked.
#[derive(Default)]
pub struct Refusals(Mutex<HashMap<ServiceId, Why>>);

impl Refusals {
    fn keep(&self, service: ServiceId, why: Option<Why>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            Some(why) => known.insert(service, why),
            None => known.remove(&service),
        };
    }

    fn last(&self, service: &ServiceId) -> Option<Why> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(service).cloned()
    }
}

/// Why a service refuses the operator, if it does: it is asked for one enrollment group. What is no answer leaves what was known.
pub async fn refusal(ctx: &Context, service: &Service, document: &Document) -> Option<Why> {
    let id = service_id(&service.arm, &service.id);
    ctx.clients.service_networks.keep(id.clone(), document.network_access(), ctx.clock.now());
    let cloud = service.arm.cloud();
    let (own, devices) = (document.service_host()?, document.device_host()?);
    let host = cloud.dps_host(own).ok().filter(|_| cloud.registers_devices_at(devices));
    let Some(host) = host else {
        let note = format!(
            "provisioning service {} says that its hosts are ones outside of Azure's cloud {cloud}; nothing is sent there",
            service.id.name
        );
        return Some(Why::new(Reason::Invalid, note));
    };
    for is_last in [false, true] {
        let asked = match enrollments_at(ctx, service, &host).await {
            Ok(enrollments) => enrollments.probe().await,
            Err(_) => break,
        };
        let failed = |error| Error::cloud(format!("failed to use provisioning service {}", service.id.name), error);
        match asked.map_err(failed) {
            Ok(()) => {
                ctx.clients.refusals.keep(id, None);
                return None;
            }
            // Its key may have been replaced: it is read once more.
            Err(error) if error.class == Class::Denied => {
                let error = refused(ctx, service, error).await;
                if is_last {
                    let why = Why::new(error.reason(), error.chain());
                    ctx.clients.refusals.keep(id, Some(why.clone()));
                    return Some(why);
                }
            }
            Err(error) => {
                tracing::debug!(service = %service.id, error = error.chain(), "it could not be asked");
                break;
            }
        }
    }
    ctx.clients.refusals.last(&id)
}

/// A failure of a service's own interface, in words that say how to go on: its key is read anew next time, and its firewall may be the
/// reason.
pub async fn refused(ctx: &Context, service: &Service, error: Error) -> Error {
    ctx.clients.forget_key_if_denied(service, &error);
    if !network::may_be_blocked(&error) {
        return error;
    }
    let (id, now) = (service_id(&service.arm, &service.id), ctx.clock.now());
    let mut access = ctx.clients.service_networks.explaining(&id, now);
    if access.is_none()
        && let Ok(Some(document)) = service.arm.provisioning_service(&service.id).await
    {
        access = Some(document.network_access());
        ctx.clients.service_networks.keep(id, document.network_access(), now);
    }
    network::explained(&format!("provisioning service {}", service.id.name), access, error)
}

/// The enrollments of a provisioning service.
///
/// # Errors
/// Halts if the service does not exist in Azure, or lacks the policy.
pub async fn enrollments(ctx: &Context, service: &Service) -> Result<DpsService, ObserveError> {
    let name = &service.id.name;
    let known = ServiceFacts::of(&ctx.ledger, &service.object.key(), &service.place(), service.arm.cloud());
    let facts = known.ok_or_else(|| not_ready(&service.object))?;
    let host = service.arm.cloud().dps_host(&facts.service_host).map_err(|_| {
        ObserveError::stalled(
            Reason::Invalid,
            format!("provisioning service {name} says that its host is one outside of Azure; nothing is sent there"),
        )
    })?;
    enrollments_at(ctx, service, &host).await
}

async fn enrollments_at(ctx: &Context, service: &Service, host: &DpsHost) -> Result<DpsService, ObserveError> {
    let name = &service.id.name;
    let place = (service.principal.clone(), service_id(&service.arm, &service.id));
    let known = ctx.clients.service_keys.get(&place);
    let access = if let Some(access) = known {
        access
    } else {
        let read = service.arm.provisioning_service_key(&service.id, SERVICE_POLICY).await;
        let access = read.map_err(|error| Error::cloud(format!("failed to read the key of provisioning service {name}"), error))?;
        let note = format!("provisioning service {name} has no access policy {SERVICE_POLICY}; restore it");
        let access = access.ok_or_else(|| ObserveError::stalled(Reason::DependencyMissing, note))?;
        ctx.clients.service_keys.keep(place, access.clone());
        access
    };
    let enrollments = ctx.clients.azure(service.arm.cloud()).dps(host, PolicyKey { name: access.name, key: access.keys.primary });
    Ok(enrollments.on_behalf_of(&service.payer))
}

/// The enrollments of a provisioning service that something is to leave; `None` if the service is gone, and they with it.
///
/// # Errors
/// As [`enrollments`].
pub async fn enrollments_to_leave(ctx: &Context, service: &Service) -> Result<Option<DpsService>, ObserveError> {
    match enrollments(ctx, service).await {
        Err(halt @ ObserveError::Blocked(_)) => {
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

/// How many enrollment groups with symmetric keys a service has; counted anew if the last count is old.
///
/// # Errors
/// If they cannot be counted.
pub async fn count_groups(ctx: &Context, service: &Service) -> Result<Count, ObserveError> {
    let (what, now) = (groups_of(service), ctx.clock.now());
    if let Some(count) = ctx.clients.counts.fresh(&what, now) {
        return Ok(count);
    }
    let began = ctx.clients.counts.begin(&what);
    let listed = enrollments(ctx, service).await?.groups().await;
    let failed = |error| Error::cloud(format!("failed to count the enrollment groups of {}", service.id.name), error);
    let listed = match listed.map_err(failed) {
        Ok(listed) => listed,
        Err(error) => return Err(refused(ctx, service, error).await.into()),
    };
    let symmetric = listed.iter().filter(|group| group.attestation() == Some(Attestation::SymmetricKey)).count();
    let count = Count { used: i64::try_from(symmetric).unwrap_or(i64::MAX), limit: MOST_SYMMETRIC_GROUPS };
    ctx.clients.counts.keep(what, began, count, now);
    Ok(count)
}

/// The halt of whoever needs a provisioning service that is not ready.
pub fn not_ready(service: &ProvisioningService) -> ObserveError {
    ObserveError::reconciling(Reason::DependencyNotReady, format!("ProvisioningService {} is not ready yet", service.key().name))
}

impl arm_resource::Document for Document {
    fn provisioning_state(&self) -> Option<&str> {
        self.provisioning_state()
    }

    fn own_state(&self) -> Option<&str> {
        self.state()
    }

    fn is_complete(&self) -> bool {
        self.id_scope().is_some()
    }

    fn tag(&self, name: &str) -> Option<&str> {
        self.tag(name)
    }

    fn made_by_us(self, is_ours: bool) -> Self {
        Self::made_by_us(self, is_ours)
    }
}
