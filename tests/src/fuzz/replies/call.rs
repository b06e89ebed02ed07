//! Which call of the client is made, and what is done with its answer.

use moorage_cloud::{
    Arm, Azure, Class, DpsService, Error, Hub, IfMatch, PolicyRights, ProvisioningService, Registry, ResourceId, WriteAccess,
};
use moorage_keys::DeviceId;

use super::{APPLICATION, SUBSCRIPTION, TENANT, policy, secret};

pub(super) const LOGIN: &str = "login.microsoftonline.com";
const RESOURCE_MANAGER: &str = "management.azure.com";
const PROVISIONING: &str = ".azure-devices-provisioning.net";
const HUBS: &str = ".azure-devices.net";
/// Whoever is asked after somebody said where to ask.
const ANYBODY: &str = ".net";

const CALLS: [(&str, &str); 20] = [
    ("sign_in", LOGIN),
    ("resource_group", RESOURCE_MANAGER),
    ("emptiness", RESOURCE_MANAGER),
    ("hub", RESOURCE_MANAGER),
    ("hubs", RESOURCE_MANAGER),
    ("hub_keys", RESOURCE_MANAGER),
    ("hub_key", RESOURCE_MANAGER),
    ("hub_quota", RESOURCE_MANAGER),
    ("hub_usages", RESOURCE_MANAGER),
    ("hub_name", RESOURCE_MANAGER),
    ("service", RESOURCE_MANAGER),
    ("service_keys", RESOURCE_MANAGER),
    ("group", PROVISIONING),
    ("groups", PROVISIONING),
    ("group_keys", PROVISIONING),
    ("enrollment", PROVISIONING),
    ("registrations", PROVISIONING),
    ("device", HUBS),
    ("service_host", ""),
    ("assigned_hub", ANYBODY),
];

/// A call of the client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call(usize);

impl Call {
    /// The call of that name, or some call.
    pub(super) fn named(name: &[u8]) -> Self {
        let known = CALLS.iter().position(|(call, _)| call.as_bytes() == name);
        Self(known.unwrap_or_else(|| name.iter().map(|byte| usize::from(*byte)).sum::<usize>() % CALLS.len()))
    }

    /// Whose replies are in question.
    pub(super) fn speaker(self) -> &'static str {
        match CALLS[self.0].1 {
            "" => RESOURCE_MANAGER,
            speaker => speaker,
        }
    }

    /// Makes it, and does with the answer what the operator does.
    pub(super) async fn make(self, azure: &Azure, access: &WriteAccess) -> Result<(), Error> {
        match CALLS[self.0] {
            (name, LOGIN | RESOURCE_MANAGER) => resources(name, &arm(azure)?, access).await,
            (name, PROVISIONING) => enrollments(name, &dps(azure)).await,
            (_, HUBS) => device(&registry(azure), access).await,
            ("service_host", _) => where_a_service_is(azure).await,
            _ => where_a_device_is(azure, access).await,
        }
    }
}

async fn resources(name: &str, arm: &Arm, access: &WriteAccess) -> Result<(), Error> {
    let at = ResourceId { group: "contoso-rg".to_owned(), name: "contoso-east-hub".to_owned() };
    match name {
        "resource_group" => arm.resource_group(&at.group).await.map(|group| drop(group.map(|group| group.with_tag("moorage-owner", "x")))),
        "emptiness" => arm.resource_group_is_empty(&at.group).await.map(drop),
        "hub" => rewrite_hub(access, arm, &at, arm.hub(&at).await?).await,
        "hubs" => arm.hubs().await.map(|hubs| hubs.iter().for_each(|hub| drop(hub.id().and_then(ResourceId::parse)))),
        "hub_keys" => arm.hub_keys(&at).await.map(drop),
        "hub_key" => arm.hub_key(&at, "moorage").await.map(drop),
        "hub_quota" => arm.hub_quota(&at).await.map(drop),
        "hub_usages" => arm.hub_usages().await.map(drop),
        "hub_name" => arm.hub_name(&at.name).await.map(drop),
        "service" => rewrite_service(access, arm, &at, arm.provisioning_service(&at).await?).await,
        "service_keys" => arm.provisioning_service_keys(&at).await.map(drop),
        _ => arm.probe().await,
    }
}

/// A hub that was read goes back with one policy more.
async fn rewrite_hub(access: &WriteAccess, arm: &Arm, at: &ResourceId, hub: Option<Hub>) -> Result<(), Error> {
    let Some(hub) = hub else { return Ok(()) };
    let _ = (hub.host_name(), hub.state(), hub.units(), hub.refuses_keys(), hub.is_public(), hub.provisioning_state());
    let condition = IfMatch::of(hub.etag());
    let hub = hub.with_access_keys(&arm.hub_keys(at).await?);
    let changed = hub.with_sku("S1", 2).with_policy("moorage", PolicyRights { registry_read: true, ..PolicyRights::default() });
    arm.put_hub(access, at, &changed.with_tag("moorage-owner", "x"), &condition).await.map(drop)
}

async fn rewrite_service(access: &WriteAccess, arm: &Arm, at: &ResourceId, service: Option<ProvisioningService>) -> Result<(), Error> {
    let Some(service) = service else { return Ok(()) };
    let links = service.links();
    let _ = (service.id_scope(), service.device_host(), service.state(), service.is_public(), service.keeps_every_link());
    let service = service.with_access_keys(&arm.provisioning_service_keys(at).await?);
    let changed = links.iter().filter_map(|link| link.host.as_ref()).fold(service, ProvisioningService::without_link);
    arm.put_provisioning_service(access, at, &changed.without_tag("moorage-owner")).await.map(drop)
}

async fn enrollments(name: &str, dps: &DpsService) -> Result<(), Error> {
    match name {
        "group" => dps.group("contoso").await.map(|group| drop(group.map(|group| (group.attestation(), group.with_enabled(false))))),
        "groups" => dps.groups().await.map(|groups| groups.iter().for_each(|group| drop((group.hubs(), group.keys())))),
        "group_keys" => dps.group_keys("contoso").await.map(drop),
        "enrollment" => dps.enrollment("contoso-device").await.map(|one| drop(one.map(|one| one.with_enabled(false)))),
        _ => {
            let first = dps.registrations_of("contoso", None).await?;
            let seen = |page: &moorage_cloud::Page<moorage_cloud::Registration>| {
                page.items.iter().for_each(|one| drop((one.id(), one.status(), one.created(), one.updated(), one.error_code())));
            };
            seen(&first);
            let Some(next) = first.next else { return Ok(()) };
            dps.registrations_of("contoso", Some(&next)).await.as_ref().map(seen).map_err(Clone::clone)
        }
    }
}

async fn device(registry: &Registry, access: &WriteAccess) -> Result<(), Error> {
    let id = DeviceId::parse("contoso-device").expect("a device id");
    let Some(device) = registry.device(&id).await? else { return Ok(()) };
    let condition = IfMatch::of(device.etag());
    let _ = (device.id(), device.keys(), device.is_enabled(), device.is_connected());
    registry.put_device(access, &id, &device.disabled("it is disenrolled"), &condition).await.map(drop)
}

/// The resource manager says where a service's own API is, and there the service is asked.
async fn where_a_service_is(azure: &Azure) -> Result<(), Error> {
    let at = ResourceId { group: "contoso-rg".to_owned(), name: "contoso".to_owned() };
    let service = arm(azure)?.provisioning_service(&at).await?;
    let Some(host) = service.as_ref().and_then(ProvisioningService::service_host) else { return Ok(()) };
    let host = azure.cloud().dps_host(host).map_err(|error| foreign(&error))?;
    azure.dps(&host, policy("provisioningserviceowner")).group_keys("contoso").await.map(drop)
}

/// A provisioning service says in which hub a device is, and there the device is looked for.
async fn where_a_device_is(azure: &Azure, access: &WriteAccess) -> Result<(), Error> {
    let registration = dps(azure).registration("contoso-device").await?;
    let Some(host) = registration.as_ref().and_then(moorage_cloud::Registration::assigned_hub) else { return Ok(()) };
    let host = azure.cloud().hub_host(host).map_err(|error| foreign(&error))?;
    device(&azure.registry(&host, policy("moorage")), access).await
}

fn foreign(error: &moorage_cloud::HostError) -> Error {
    Error::new("find out where to ask", Class::Invalid, error.to_string())
}

fn arm(azure: &Azure) -> Result<Arm, Error> {
    Ok(azure.arm(&azure.client_secret(TENANT, APPLICATION, &secret())?, SUBSCRIPTION))
}

fn dps(azure: &Azure) -> DpsService {
    let host = azure.cloud().dps_named("contoso").expect("a service's name");
    azure.dps(&host, policy("provisioningserviceowner"))
}

fn registry(azure: &Azure) -> Registry {
    let host = azure.cloud().hub_named("contoso-east-hub").expect("a hub's name");
    azure.registry(&host, policy("moorage"))
}
