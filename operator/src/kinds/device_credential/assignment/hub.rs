//! Where a device lives: its identity in a hub, as the record of its registration tells.
//!
//! The record comes from a reply, and a reply may lie: an identity is touched only in a hub of the group's own tenant.

use std::sync::Arc;

use moorage_cloud::{Device, HubHost, Registration, Registry};
use moorage_crds::{EnrollmentGroup, TenantHubGroup};
use moorage_keys::{DeviceId, RegistrationId};
use moorage_plan::{Plan, Reason};

use crate::{
    azure::{Context, enrollment_group, facts::HubFacts, iot_hub},
    error::{Error, ObserveError},
    object::Keyed,
};

/// A device's identity, where it can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceIdentity {
    pub hub: HubHost,
    pub device: DeviceId,
}

/// Where a device's identity is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssignedHub {
    /// In no hub: the device was never assigned to one.
    None,
    /// In a hub of its tenant.
    Own(DeviceIdentity),
    /// In a hub that is not the tenant's, or not any more.
    Foreign,
}

/// Where the device of a record lives.
pub fn of_record(ctx: &Context, group: &EnrollmentGroup, id: &RegistrationId, record: Option<&Registration>) -> AssignedHub {
    find_hub(ctx, group, id, record.and_then(Registration::assigned_hub), record.and_then(Registration::device_id))
}

/// Where a device lives that a provisioning service says to be in a hub, under a name or its registration id.
pub fn find_hub(ctx: &Context, group: &EnrollmentGroup, id: &RegistrationId, host: Option<&str>, device: Option<DeviceId>) -> AssignedHub {
    let Some(host) = host else { return AssignedHub::None };
    let hubs = hubs_of(ctx, group);
    let cloud = hubs.as_ref().and_then(|hubs| iot_hub::cloud_of(&ctx.objects, hubs));
    let Some(hub) = cloud.and_then(|cloud| cloud.hub_host(host).ok()) else { return AssignedHub::Foreign };
    let tenants = hubs.is_some_and(|hubs| has_hub(ctx, &hubs, &hub));
    let device = device.or_else(|| DeviceId::parse(id.as_str()).ok());
    device.filter(|_| tenants).map_or(AssignedHub::Foreign, |device| AssignedHub::Own(DeviceIdentity { hub, device }))
}

/// The hub group of an enrollment group, if it is linked to the same service.
fn hubs_of(ctx: &Context, group: &EnrollmentGroup) -> Option<Arc<TenantHubGroup>> {
    let hubs = ctx.objects.readable::<TenantHubGroup>(&enrollment_group::hub_group_of(group));
    hubs.filter(|hubs| iot_hub::service_of(hubs) == Some(enrollment_group::service_of(group)))
}

fn has_hub(ctx: &Context, hubs: &TenantHubGroup, hub: &HubHost) -> bool {
    HubFacts::of(ctx, hubs).iter().any(|known| known.host.eq_ignore_ascii_case(hub.host().as_str()))
}

/// The plan of whoever must not touch an identity, because it is in a hub that is none of the tenant's.
///
/// The hub may be another tenant's, and is not named.
pub fn out_of_reach<A>(group: &str) -> Plan<A> {
    let note = format!(
        "the device is in a hub that is none of those that EnrollmentGroup {group} may use; have the owner of the provisioning service \
         delete the record of its registration, and the owner of the hub its identity there"
    );
    Plan::stalled(Reason::NotGranted, note)
}

/// Looks at an identity; `None` if the hub does not know the device.
pub async fn read_identity(ctx: &Context, group: &EnrollmentGroup, identity: &DeviceIdentity) -> Result<Option<Device>, ObserveError> {
    let DeviceIdentity { hub, device } = identity;
    let step = format!("failed to look at device {device} in hub {hub}");
    let read = registry(ctx, group, hub, &step).await?.device(device).await.map_err(|error| Error::cloud(step, error));
    match (read, hubs_of(ctx, group)) {
        (Err(error), Some(hubs)) => Err(iot_hub::refused(ctx, &hubs, hub, error).await.into()),
        (read, _) => Ok(read?),
    }
}

/// The registry of a hub, as long as it is the tenant's.
pub async fn registry(ctx: &Context, group: &EnrollmentGroup, hub: &HubHost, step: &str) -> Result<Registry, ObserveError> {
    let hubs = hubs_of(ctx, group).filter(|hubs| has_hub(ctx, hubs, hub));
    let hubs = hubs.ok_or_else(|| Error::own(format!("{step}: the hub is no longer the tenant's"), moorage_plan::Class::Conflict))?;
    iot_hub::registry(ctx, &hubs, hub).await
}

/// The group's name, as sentences have it.
pub fn group_name_of(group: &EnrollmentGroup) -> String {
    group.key().name.to_string()
}
