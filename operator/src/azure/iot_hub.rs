//! The identities of a tenant's hubs: by which key, and what is counted in them.

pub mod link_policy;

use moorage_cloud::{AccessKey, Arm, Hub, HubHost, PolicyKey, Registry, ResourceId};
use moorage_crds::TenantHubGroup;
use moorage_plan::Reason;

use crate::{
    azure::{Context, accounts::reach, arm_resource, clients::place_of, usage::What},
    error::{Error, ObserveError},
    object::Keyed,
};

/// The policy of a hub by which identities are managed where there is none of ours: Azure makes it with every hub.
const REGISTRY_POLICY: &str = "registryReadWrite";

/// The identities of a tenant's hub, by the policy that the hub group made for its link.
///
/// # Errors
/// Halts if the hub is none of the group's, or has neither that policy nor the one that Azure makes.
pub async fn registry(ctx: &Context, hubs: &TenantHubGroup, hub: &HubHost) -> Result<Registry, ObserveError> {
    let known = ctx.clients.hub_keys.get(hub);
    let access = if let Some(access) = known {
        access
    } else {
        let access = registry_key(ctx, hubs, hub).await?;
        ctx.clients.hub_keys.keep(hub.clone(), access.clone());
        access
    };
    let registry = ctx.clients.azure().registry(hub, PolicyKey { name: access.name, key: access.keys.primary });
    Ok(registry.on_behalf_of(&hubs.key().name.namespace))
}

async fn registry_key(ctx: &Context, hubs: &TenantHubGroup, hub: &HubHost) -> Result<AccessKey, ObserveError> {
    let at = hubs.key().name;
    let seen = hubs.status.iter().flat_map(|status| &status.hubs);
    let named = seen.filter(|seen| seen.host_name.as_deref().is_some_and(|host| host.eq_ignore_ascii_case(hub.host().as_str())));
    let name = named.map(|seen| seen.name.clone()).next();
    let name = name.ok_or_else(|| ObserveError::stalled(Reason::NotGranted, format!("TenantHubGroup {at} has no hub {hub}")))?;
    let group = &hubs.spec.resource_group.name;
    let arm = reach(ctx, &hubs.spec.account_ref, &at.namespace, group).await?;
    let id = ResourceId { group: group.clone(), name };
    for policy in [link_policy::name_of(&ctx.installation.id, hubs), REGISTRY_POLICY.to_owned()] {
        let read = arm.hub_key(&id, &policy).await;
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
}
