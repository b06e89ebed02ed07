//! Where a device lives: its identity in a hub, as the record of its registration tells.
//!
//! The record comes from a reply, and a reply may lie: an identity is touched only in a hub of the group's own tenant.

use moorage_cloud::{HubHost, IfMatch, Registration};
use moorage_crds::{EnrollmentGroup, TenantHubGroup};
use moorage_keys::{DeviceId, RegistrationId};
use moorage_plan::{Plan, Reason};

use crate::{clouds, env::Env, error::Error, kind::Kind, kinds::enrollment_group};

/// A device's identity, where it can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub(super) hub: HubHost,
    pub(super) device: DeviceId,
}

/// Where a device's identity is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// In no hub: the device was never assigned to one.
    Nowhere,
    /// In a hub of its tenant.
    In(Identity),
    /// In a hub that is not the tenant's, or not any more.
    Elsewhere(String),
}

/// Where the device of a record lives.
pub(super) fn home(env: &Env, group: &EnrollmentGroup, id: &RegistrationId, record: Option<&Registration>) -> Home {
    let Some(host) = record.and_then(Registration::assigned_hub) else { return Home::Nowhere };
    let elsewhere = || Home::Elsewhere(crate::error::bounded(host, 128));
    let Ok(hub) = env.clouds.azure().cloud().hub_host(host) else { return elsewhere() };
    let tenants = hubs_of(env, group).is_some_and(|hubs| has_hub(&hubs, &hub));
    let device = record.and_then(Registration::device_id).or_else(|| DeviceId::parse(id.as_str()).ok());
    device.filter(|_| tenants).map_or_else(elsewhere, |device| Home::In(Identity { hub, device }))
}

fn hubs_of(env: &Env, group: &EnrollmentGroup) -> Option<std::sync::Arc<TenantHubGroup>> {
    env.stores.hub_groups.get(&enrollment_group::hub_group_of(group).at)
}

fn has_hub(hubs: &TenantHubGroup, hub: &HubHost) -> bool {
    let seen = hubs.status.iter().flat_map(|status| &status.hubs);
    seen.filter_map(|seen| seen.host_name.as_deref()).any(|host| host.eq_ignore_ascii_case(hub.host().as_str()))
}

/// The plan of whoever must not touch an identity, because it is in a hub that is none of the tenant's.
pub(super) fn out_of_reach<A>(hub: &str, group: &str) -> Plan<A> {
    let note = format!(
        "the device is in hub {hub}, which is none of those that EnrollmentGroup {group} may use; delete its identity there, and the record \
         of its registration"
    );
    Plan::stuck(Reason::NotGranted, note)
}

/// Deletes an identity; one that is gone already is fine. The device's connection ends with it.
pub(super) async fn evict(env: &Env, group: &EnrollmentGroup, identity: &Identity) -> Result<(), Error> {
    let Identity { hub, device } = identity;
    let step = format!("failed to delete device {} from hub {hub}", device.as_str());
    let hubs = hubs_of(env, group).filter(|hubs| has_hub(hubs, hub));
    let hubs = hubs.ok_or_else(|| Error::own(format!("{step}: the hub is no longer the tenant's"), moorage_plan::Class::Conflict))?;
    let registry = crate::kinds::reached(clouds::registry(env, &hubs, hub).await)?;
    let deleted = registry.delete_device(device, &IfMatch::Any).await.map_err(|error| Error::cloud(step, error));
    deleted.inspect_err(|error| env.clouds.heed_hub(hub, error))
}

/// The group's name, as sentences have it.
pub(super) fn name_of(group: &EnrollmentGroup) -> String {
    group.key().at.to_string()
}
