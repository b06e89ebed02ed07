//! The document of a provisioning service, which several objects write to: one at a time, on a fresh copy, and with every key.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use moorage_cloud::{AccessKey, Arm, Hub, LinkSeen, ProvisioningService as Document, ResourceId};
use moorage_crds::TenantHubGroup;
use moorage_keys::ConnectionString;
use moorage_plan::{Class, Reason};

use crate::{
    azure::{
        Context, Writer,
        arm_resource::ownership::{OWNER_TAG, is_ours},
        clients::service_id,
        dps::{self, Service},
        iot_hub::link_policy,
    },
    error::Error,
    ledger::entries::{self, BY_IDENTITY, HUB, LINK, LINKED_TO, SERVICE, STALE, is_in_place, recorded},
    object::{Dependency, Keyed, KindName},
};

/// How long a key is waited for that is known from before.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads a service, and says whether we made it for its object.
///
/// # Errors
/// What the cloud says.
pub async fn read(ctx: &Context, service: &Service) -> Result<Option<Document>, Error> {
    let key = service.object.key();
    let (mark, entries) = (ctx.owner_tag(&key), ctx.ledger.of(&key));
    let read = service.arm.provisioning_service(&service.id).await;
    let read = read.map_err(|error| Error::cloud(format!("failed to look at provisioning service {}", service.id.name), error))?;
    Ok(read.map(|document| {
        let is_ours = is_ours(&mark, document.tag(OWNER_TAG), recorded(&entries, SERVICE));
        document.made_by_us(is_ours)
    }))
}

/// Writes a service that others write to as well, and reads it again: gives what was written and what is there after it.
///
/// No api-version takes an `If-Match` (Microsoft's files up to that of 2026-11-01): whoever writes last wins. What was lost is seen
/// only by reading again.
///
/// # Errors
/// What the cloud says; `UnknownLinks` if it has links that cannot be carried over, `ApiVersionUnsupported` if something else cannot.
pub async fn rewrite(
    writer: &Writer<'_>,
    service: &Service,
    what: &str,
    change: impl FnOnce(Document) -> Document + Send,
) -> Result<(Document, Document), Error> {
    let name = &service.id.name;
    let failed = |error| Error::cloud(format!("failed to write {what}"), error);
    let _lock = writer.clients.write_lock(&service.arm, &service.id).await?;
    let gone = || Error::own(format!("provisioning service {name} is not there"), Class::Conflict);
    let before = read(writer, service).await?.ok_or_else(gone)?;
    if !before.keeps_every_link() {
        return Err(Error::own(format!("provisioning service {name} has links that cannot be carried over"), Class::Invalid)
            .because(Reason::UnknownLinks));
    }
    let keys = service.arm.provisioning_service_keys(&service.id).await.map_err(failed)?;
    let document = change(with_known_keys(writer, service, before.with_access_keys(&keys)).await.map_err(failed)?);
    service.arm.put_provisioning_service(writer.access(), &service.id, &document).await.map_err(failed)?;
    let after = read(writer, service).await?.ok_or_else(gone)?;
    Ok((document, after))
}

/// Puts the real keys into the links that hub groups made, other tenants' among them.
///
/// A link is read with its key masked. That a masked key keeps the stored one is what other tools rely on and what no
/// documentation says; where the real one can be read, nothing is left to that. The links of others go as they came: which of
/// their two keys is in use cannot be known. So do those that only look like ours: whoever can write a link can give it any name.
async fn with_known_keys(ctx: &Context, service: &Service, mut document: Document) -> Result<Document, moorage_cloud::Error> {
    let made = links_made(ctx, service);
    let ours = |link: &LinkSeen| {
        let (Some(host), Some(policy)) = (&link.host, &link.policy) else { return false };
        made.contains(&(host.as_str().to_lowercase(), policy.clone()))
    };
    let links = document.links();
    if !links.iter().any(ours) {
        return Ok(document);
    }
    let hubs = service.arm.hubs().await?;
    for link in links.into_iter().filter(ours) {
        let (Some(host), Some(policy)) = (link.host, link.policy) else { continue };
        let hub = hubs.iter().find(|hub| hub.host_name().is_some_and(|name| name.eq_ignore_ascii_case(host.as_str())));
        let Some(id) = hub.and_then(Hub::id).and_then(ResourceId::parse) else { continue };
        let Some(access) = link_key(ctx, service, &id, &policy).await? else { continue };
        if let Ok(connection) = ConnectionString::service(host, &policy, access.keys.primary) {
            document = document.with_link_key(&connection);
        }
    }
    Ok(document)
}

/// Hosts, in lower case, and policies of the links by key that the ledger says hub groups made on a service.
fn links_made(ctx: &Context, service: &Service) -> BTreeSet<(String, String)> {
    let key = service.object.key();
    let referrers = ctx.objects.referrers(&Dependency::Object(key.clone())).into_iter();
    let groups = referrers.filter(|referrer| referrer.kind == KindName::TenantHubGroup);
    let groups = groups.filter_map(|group| ctx.objects.of::<TenantHubGroup>().get(&group.name));
    let granted = groups.filter(|group| dps::granted(&ctx.objects, &key.name, &group.key().name.namespace).is_ok());
    let of_group = |group: Arc<TenantHubGroup>| {
        let policy = link_policy::name_of(&ctx.installation.id, &group);
        let entries = ctx.ledger.of(&group.key());
        // It is written down where a hub is linked to before it is linked, and by which key when it is.
        let by_key = |(entry, linked_to): (&String, &String)| {
            let name = entry.strip_prefix(LINKED_TO).filter(|_| *linked_to == service.object.key().name.to_string())?;
            if matches!(recorded(&entries, &entries::of(LINK, name)), Some(BY_IDENTITY | STALE)) {
                return None;
            }
            let is_there = is_in_place(recorded(&entries, &entries::of(HUB, name)));
            let host = service.arm.cloud().hub_named(name).ok().filter(|_| is_there)?;
            Some((host.host().as_str().to_lowercase(), policy.clone()))
        };
        entries.iter().filter_map(by_key).collect::<Vec<_>>()
    };
    granted.flat_map(of_group).collect()
}

/// The key of a link's policy, or, while its hub does not answer, the one that was read last: one tenant's dead hub must not keep
/// the others from linking theirs.
async fn link_key(ctx: &Context, service: &Service, id: &ResourceId, policy: &str) -> Result<Option<AccessKey>, moorage_cloud::Error> {
    let place = (service_id(&service.arm, id), policy.to_owned());
    let known = ctx.clients.link_keys.get(&place);
    let read = service.arm.hub_key(id, policy);
    let read = match &known {
        None => read.await,
        Some(known) => tokio::time::timeout(PATIENCE, read).await.unwrap_or_else(|_| Ok(Some(known.clone()))),
    };
    match read {
        Err(error) if error.class() == Class::Unavailable => known.map(Some).ok_or(error),
        Ok(access) => {
            remember_link_key(ctx, &service.arm, id, policy, access.as_ref());
            Ok(access)
        }
        Err(error) => Err(error),
    }
}

/// Remembers the key by which a hub is linked, or forgets it with the policy.
pub fn remember_link_key(ctx: &Context, arm: &Arm, hub: &ResourceId, policy: &str, key: Option<&AccessKey>) {
    let place = (service_id(arm, hub), policy.to_owned());
    match key {
        Some(key) => ctx.clients.link_keys.keep(place, key.clone()),
        None => ctx.clients.link_keys.forget(&place),
    }
}
