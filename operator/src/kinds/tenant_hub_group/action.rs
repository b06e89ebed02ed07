//! What can be done for a hub group, and how it is done.

use std::time::Duration;

use moorage_cloud::{
    AccessKey, Arm, Detail, Hub, HubHost, IfMatch, Link as CloudLink, LinkMeans, LinkSeen, PolicyRights,
    ProvisioningService as ServiceDocument, ResourceId,
};
use moorage_crds::{Link, TenantHubGroup};
use moorage_keys::{ConnectionString, HostName};
use moorage_plan::{Class, Reason};

use super::observe::{POLICY_PREFIX, service_of};
use crate::{
    clouds::{self, Service},
    effects::Target,
    env::Env,
    error::Error,
    kind::{Act, Kind},
    kinds::{ownership::OWNER_TAG, reached, resource_group},
    queue::Lane,
};

/// How long a key is waited for that is known from before.
const PATIENCE: Duration = Duration::from_secs(1);

/// A link as it is to be written.
#[derive(Debug)]
pub struct NewLink {
    pub(super) name: String,
    pub(super) host: HubHost,
    pub(super) access: AccessKey,
    pub(super) location: String,
    pub(super) link: Link,
    pub(super) digest: String,
    pub(super) is_new: bool,
}

/// What can be done for a hub group.
#[derive(Debug)]
pub enum Action {
    CreateGroup {
        name: String,
        location: String,
    },
    DeleteGroup {
        name: String,
    },
    CreateHub {
        id: ResourceId,
        location: String,
        sku: String,
        units: i64,
    },
    /// Another size, or our policy added, or both.
    ChangeHub {
        id: ResourceId,
        size: Option<(String, i64)>,
        policy: Option<String>,
        why: Reason,
    },
    RemovePolicy {
        id: ResourceId,
        policy: String,
    },
    DeleteHub {
        id: ResourceId,
    },
    WriteLinks {
        add: Vec<NewLink>,
        remove: Vec<HostName>,
    },
    Record {
        entries: Vec<(String, Option<String>)>,
    },
}

impl Act for Action {
    fn reason(&self) -> Reason {
        match self {
            Self::CreateGroup { .. } => Reason::CreateResourceGroup,
            Self::DeleteGroup { .. } => Reason::DeleteResourceGroup,
            Self::CreateHub { .. } => Reason::CreateHub,
            Self::ChangeHub { why, .. } => *why,
            Self::RemovePolicy { .. } => Reason::DeleteLinkPolicy,
            Self::DeleteHub { .. } => Reason::DeleteHub,
            Self::WriteLinks { add, .. } if add.is_empty() => Reason::UnlinkHub,
            Self::WriteLinks { .. } => Reason::LinkHub,
            Self::Record { entries } if entries.iter().all(|(_, to)| to.is_none()) => Reason::DropClaim,
            Self::Record { .. } => Reason::RecordClaim,
        }
    }

    fn note(&self) -> String {
        match self {
            Self::CreateGroup { name, location } => format!("Create resource group {name} in {location}"),
            Self::DeleteGroup { name } => format!("Delete resource group {name}, which is empty"),
            Self::CreateHub { id, location, sku, units } => format!("Create IoT hub {} in {location} ({sku}, units: {units})", id.name),
            Self::ChangeHub { id, size: Some((sku, units)), .. } => format!("Bring IoT hub {} to {sku}, units: {units}", id.name),
            Self::ChangeHub { id, .. } => format!("Make an access policy for the link in IoT hub {}", id.name),
            Self::RemovePolicy { id, .. } => format!("Take the link's access policy from IoT hub {}", id.name),
            Self::DeleteHub { id } => format!("Delete IoT hub {}", id.name),
            Self::WriteLinks { add, remove } if add.is_empty() => {
                let hosts: Vec<_> = remove.iter().map(HostName::as_str).collect();
                format!("Unlink {}", hosts.join(", "))
            }
            Self::WriteLinks { add, .. } => {
                let names: Vec<_> = add.iter().map(|link| link.name.as_str()).collect();
                format!("Link IoT hub {}", names.join(", "))
            }
            Self::Record { entries } => {
                let names: Vec<_> =
                    entries.iter().map(|(entry, to)| format!("{entry} ({})", if to.is_some() { "set" } else { "struck" })).collect();
                format!("Write down {}", names.join(", "))
            }
        }
    }

    fn target(&self) -> Target {
        if matches!(self, Self::Record { .. }) { Target::Cluster } else { Target::Cloud }
    }

    fn is_news(&self) -> bool {
        !matches!(self, Self::Record { .. })
    }
}

pub(super) async fn perform(group: &TenantHubGroup, env: &Env, action: &Action) -> Result<(), Error> {
    let key = group.key();
    let arm = async || {
        let reach = clouds::reach(env, &group.spec.account_ref, &key.at.namespace, &group.spec.resource_group.name).await;
        reached(reach).map(|reach| reach.arm)
    };
    match action {
        Action::Record { entries } => env.record(&key, entries).await,
        Action::CreateGroup { name, location } => resource_group::create(env, &arm().await?, &key, name, location).await,
        Action::DeleteGroup { name } => resource_group::delete(env, &arm().await?, &key, name).await,
        Action::CreateHub { id, location, sku, units } => {
            let hub = Hub::new(location, sku, *units).with_tag(OWNER_TAG, &env.owner_tag(&key));
            let put = arm().await?.put_hub(id, &hub, &IfMatch::Unset).await;
            put.map(drop).map_err(|error| creation_failed(id, error))
        }
        Action::ChangeHub { id, size, policy, .. } => {
            let change = |hub: Hub| {
                let hub = match size {
                    Some((sku, units)) => hub.with_sku(sku, *units),
                    None => hub,
                };
                match policy {
                    Some(policy) => hub.with_policy(policy, PolicyRights::LINK),
                    None => hub,
                }
            };
            change_hub(&arm().await?, id, change).await
        }
        Action::RemovePolicy { id, policy } => change_hub(&arm().await?, id, |hub| hub.without_policy(policy)).await,
        Action::DeleteHub { id } => {
            let deleted = arm().await?.delete_hub(id).await;
            deleted.map_err(|error| Error::cloud(format!("failed to delete IoT hub {}", id.name), error))
        }
        Action::WriteLinks { add, remove } => {
            let Some(service) = reached(service_of(env, group).await)? else { return Ok(()) };
            let written = write_links(env, &service, add, remove).await;
            // It tells how many links it has left.
            env.queue.push(service.object.key(), Lane::Refresh);
            written
        }
    }
}

fn creation_failed(id: &ResourceId, error: moorage_cloud::Error) -> Error {
    let taken = error.detail() == Detail::NameTaken;
    let error = Error::cloud(format!("failed to create IoT hub {}", id.name), error);
    if taken { error.because(Reason::NameTaken) } else { error }
}

/// Changes a hub under its `ETag`, with every policy and key that it has: a PUT replaces the whole list.
async fn change_hub(arm: &Arm, id: &ResourceId, change: impl FnOnce(Hub) -> Hub) -> Result<(), Error> {
    let failed = |error| Error::cloud(format!("failed to change IoT hub {}", id.name), error);
    let Some(hub) = arm.hub(id).await.map_err(failed)? else { return Ok(()) };
    // Read after the hub: a key that is rolled in between changes the ETag, and the PUT is refused.
    let keys = arm.hub_keys(id).await.map_err(failed)?;
    let condition = IfMatch::of(hub.etag());
    arm.put_hub(id, &change(hub.with_access_keys(&keys)), &condition).await.map(drop).map_err(failed)
}

/// Writes links into a provisioning service that others write to as well: one at a time here, on a fresh copy, and read again.
///
/// The api-version in use takes no `If-Match` (swagger of 2022-12-12): whoever writes last wins. What was lost is seen only by
/// reading again, and is then told.
async fn write_links(env: &Env, service: &Service, add: &[NewLink], remove: &[HostName]) -> Result<(), Error> {
    let name = &service.id.name;
    let failed = |error| Error::cloud(format!("failed to write the links of provisioning service {name}"), error);
    let _turn = env.clouds.turn(&service.arm, &service.id).await?;
    let gone = || Error::own(format!("provisioning service {name} is not there"), Class::Conflict);
    let before = service.arm.provisioning_service(&service.id).await.map_err(failed)?.ok_or_else(gone)?;
    if !before.keeps_every_link() {
        return Err(Error::own(format!("provisioning service {name} has links that cannot be carried over"), Class::Invalid)
            .because(Reason::UnknownLinks));
    }
    let keys = service.arm.provisioning_service_keys(&service.id).await.map_err(failed)?;
    let mut document = with_known_keys(env, service, before.clone().with_access_keys(&keys)).await.map_err(failed)?;
    for link in add {
        document = document.with_link(&cloud_link(link)?);
    }
    for host in remove {
        document = document.without_link(host);
    }
    service.arm.put_provisioning_service(&service.id, &document).await.map_err(failed)?;
    let after = service.arm.provisioning_service(&service.id).await.map_err(failed)?.ok_or_else(gone)?;
    let wanted = hosts(&document);
    let lost: Vec<_> = wanted.iter().filter(|host| !hosts(&after).contains(host)).cloned().collect();
    if lost.is_empty() {
        return Ok(());
    }
    let note =
        format!("another writer of provisioning service {name} has overwritten the link of {}; it is written again", lost.join(", "));
    Err(Error::own(note, Class::Conflict).because(Reason::LostUpdate))
}

/// Puts the real keys into the links that hub groups made, other tenants' among them.
///
/// A link is read with its key masked. That a masked key keeps the stored one is what other tools rely on and what no
/// documentation says; where the real one can be read, nothing is left to that. The links of others go as they came: which of
/// their two keys is in use cannot be known.
async fn with_known_keys(env: &Env, service: &Service, mut document: ServiceDocument) -> Result<ServiceDocument, moorage_cloud::Error> {
    let links = document.links();
    let ours = |link: &LinkSeen| link.policy.as_deref().is_some_and(|policy| policy.starts_with(POLICY_PREFIX));
    if !links.iter().any(ours) {
        return Ok(document);
    }
    let hubs = service.arm.hubs().await?;
    for link in links.into_iter().filter(ours) {
        let (Some(host), Some(policy)) = (link.host, link.policy) else { continue };
        let hub = hubs.iter().find(|hub| hub.host_name().is_some_and(|name| name.eq_ignore_ascii_case(host.as_str())));
        let Some(id) = hub.and_then(Hub::id).and_then(ResourceId::parse) else { continue };
        let Some(access) = link_key(env, service, &id, &policy).await? else { continue };
        if let Ok(connection) = ConnectionString::service(host, &policy, access.keys.primary) {
            document = document.with_link_key(&connection);
        }
    }
    Ok(document)
}

/// The key of a link's policy, or, while its hub does not answer, the one that was read last: one tenant's dead hub must not keep
/// the others from linking theirs.
async fn link_key(env: &Env, service: &Service, id: &ResourceId, policy: &str) -> Result<Option<AccessKey>, moorage_cloud::Error> {
    let known = env.clouds.known_link_key(&service.arm, id, policy);
    let read = service.arm.hub_key(id, policy);
    let read = match &known {
        None => read.await,
        Some(known) => tokio::time::timeout(PATIENCE, read).await.unwrap_or_else(|_| Ok(Some(known.clone()))),
    };
    match read {
        Err(error) if error.class() == moorage_cloud::Class::Unavailable => known.map(Some).ok_or(error),
        Ok(access) => {
            env.clouds.remember_link_key(&service.arm, id, policy, access.as_ref());
            Ok(access)
        }
        Err(error) => Err(error),
    }
}

fn hosts(document: &ServiceDocument) -> Vec<String> {
    document.links().into_iter().filter_map(|link| link.host.map(|host| host.as_str().to_lowercase())).collect()
}

fn cloud_link(link: &NewLink) -> Result<CloudLink, Error> {
    let connection = ConnectionString::service(link.host.host().clone(), &link.access.name, link.access.keys.primary.clone());
    let connection = connection.map_err(|_| Error::own(format!("the link of IoT hub {} cannot be written", link.name), Class::Invalid))?;
    Ok(CloudLink {
        host: link.host.host().clone(),
        means: LinkMeans::Key(connection),
        location: link.location.clone(),
        weight: Some(i64::from(link.link.allocation_weight)),
        apply_allocation_policy: link.link.apply_allocation_policy,
    })
}
