//! The identities of a tenant's hubs: by which key, and what is counted in them.

pub mod link_policy;

use moorage_cloud::{AccessKey, Arm, Cloud, Hub, HubHost, PolicyKey, Registry, ResourceId};
use moorage_crds::{CloudAccount, TenantHubGroup};
use moorage_plan::Reason;

use crate::{
    azure::{
        Context,
        accounts::{self, GrantedAccount},
        arm_resource,
        clients::place_of,
        facts::HubFacts,
        network,
        usage::What,
    },
    cache::objects::Objects,
    error::{Error, ObserveError},
    object::{Keyed, KindName, ObjectKey},
};

/// The policy of a hub by which identities are managed where there is none of ours: Azure makes it with every hub.
const REGISTRY_POLICY: &str = "registryReadWrite";

/// The provisioning service to which a hub group's hubs are linked, if there is to be one.
pub fn service_of(hubs: &TenantHubGroup) -> Option<ObjectKey> {
    let service = hubs.spec.provisioning_service_ref.as_ref()?;
    Some(ObjectKey::new(KindName::ProvisioningService, service.namespace_or(&hubs.key().name.namespace), &service.name))
}

/// The cloud that a hub group's hubs are in, while its account is there.
pub fn cloud_of(objects: &Objects, hubs: &TenantHubGroup) -> Option<Cloud> {
    let account = accounts::account_key(&hubs.spec.account_ref, &hubs.key().name.namespace);
    objects.of::<CloudAccount>().get(&account.name).map(|account| accounts::cloud_of(&account))
}

/// The identities of a tenant's hub, by the policy that the hub group made for its link.
///
/// # Errors
/// Halts if the hub is none of the group's, or has neither that policy nor the one that Azure makes.
pub async fn registry(ctx: &Context, hubs: &TenantHubGroup, hub: &HubHost) -> Result<Registry, ObserveError> {
    let (account, id) = place_in(ctx, hubs, hub)?;
    let (arm, principal) = account.sign_in(ctx).await?;
    let place = (principal, hub.clone());
    let access = if let Some(access) = ctx.clients.hub_keys.get(&place) {
        access
    } else {
        let access = registry_key(ctx, &arm, hubs, &id).await?;
        ctx.clients.hub_keys.keep(place, access.clone());
        access
    };
    let registry = ctx.clients.azure(account.cloud()).registry(hub, PolicyKey { name: access.name, key: access.keys.primary });
    Ok(registry.on_behalf_of(&hubs.key().name.namespace))
}

/// A failure of a hub's registry, in words that say how to go on: its key is read anew next time, and its firewall may be the reason.
pub async fn refused(ctx: &Context, hubs: &TenantHubGroup, hub: &HubHost, error: Error) -> Error {
    if network::may_be_blocked(&error)
        && ctx.clients.hub_networks.explaining(hub, ctx.clock.now()).is_none()
        && let Some(document) = read(ctx, hubs, hub).await
    {
        ctx.clients.hub_networks.keep(hub.clone(), document.network_access(), ctx.clock.now());
    }
    ctx.clients.refused_by_hub(hub, error)
}

/// A hub of a group, as the resource manager has it; what cannot be read explains nothing.
async fn read(ctx: &Context, hubs: &TenantHubGroup, hub: &HubHost) -> Option<Hub> {
    let (account, id) = place_in(ctx, hubs, hub).ok()?;
    account.arm(ctx).await.ok()?.hub(&id).await.ok()?
}

/// The account of a group's hub, and where that is.
fn place_in(ctx: &Context, hubs: &TenantHubGroup, hub: &HubHost) -> Result<(GrantedAccount, ResourceId), ObserveError> {
    let (at, spec) = (hubs.key().name, &hubs.spec);
    let host = hub.host().as_str().to_lowercase();
    let known = HubFacts::of(ctx, hubs).into_iter().find(|known| known.host == host);
    let known = known.ok_or_else(|| ObserveError::stalled(Reason::NotGranted, format!("TenantHubGroup {at} has no hub {hub}")))?;
    let name = spec.hubs.iter().map(|hub| &hub.name).find(|name| name.eq_ignore_ascii_case(&known.name)).cloned();
    let id = ResourceId { group: spec.resource_group.name.clone(), name: name.unwrap_or(known.name) };
    let account = accounts::granted(&ctx.objects, &spec.account_ref, &at.namespace, &id.group)?;
    Ok((account, id))
}

async fn registry_key(ctx: &Context, arm: &Arm, hubs: &TenantHubGroup, id: &ResourceId) -> Result<AccessKey, ObserveError> {
    for policy in [link_policy::name_of(&ctx.installation.id, hubs), REGISTRY_POLICY.to_owned()] {
        let read = arm.hub_key(id, &policy).await;
        if let Some(access) = read.map_err(|error| Error::cloud(format!("failed to read a key of IoT hub {}", id.name), error))? {
            return Ok(access);
        }
    }
    let note = format!("IoT hub {} has no access policy {REGISTRY_POLICY}; restore it, so that identities can be deleted", id.name);
    Err(ObserveError::stalled(Reason::DependencyMissing, note))
}

/// What counts the devices of a hub.
pub fn devices_of(arm: &Arm, hub: &ResourceId) -> What {
    What::Devices(place_of(arm, hub))
}

impl arm_resource::Document for Hub {
    fn provisioning_state(&self) -> Option<&str> {
        self.provisioning_state()
    }

    fn own_state(&self) -> Option<&str> {
        self.state()
    }

    fn tag(&self, name: &str) -> Option<&str> {
        self.tag(name)
    }

    fn made_by_us(self, is_ours: bool) -> Self {
        Self::made_by_us(self, is_ours)
    }
}
