//! What can be done for a hub group, and how it is done.

use std::collections::BTreeSet;

use moorage_cloud::{Arm, Hub, IfMatch, PolicyRights, ResourceId};
use moorage_crds::{CloudAccount, TenantHubGroup};
use moorage_keys::HostName;
use moorage_plan::{Act, Class, Goal, Reason, Standing, Target};

use crate::{
    azure::{
        Writer, accounts,
        arm_resource::{
            ownership::{OWNER_TAG, is_ours},
            perform::{created, deleted},
            resource_group,
        },
        claims, dps,
        iot_hub::service_of,
        tags,
    },
    controller::{
        context::Caches,
        kind::{Kind, Performed},
    },
    error::{Error, reached},
    kinds::tenant_hub_group::{
        admit::{Admitted, Crowded, Grant},
        links::{NewLink, perform::write_links},
    },
    ledger::entries::{self, ADOPTED, CLAIMED, HUB, HUB_PLACE, LEFT, LINKED_TO, MADE, recorded},
    object::{Keyed, ObjectKey},
};

/// What can be done for a hub group.
#[derive(Debug)]
pub enum Action {
    Group(resource_group::Change),
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
        /// Whether the tags of the spec are set.
        tagged: bool,
        why: Reason,
    },
    RemovePolicy {
        id: ResourceId,
        policy: String,
    },
    /// Lets the provisioning service register devices in a hub without a key.
    AssignRole {
        id: ResourceId,
        name: String,
        principal: String,
        /// Whether one of that name is for somebody else, and is deleted first.
        instead: bool,
    },
    DeleteRole {
        id: ResourceId,
        name: String,
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
    /// Strikes out what is known of a device whose hub is gone.
    ForgetDevice {
        owner: ObjectKey,
        entry: String,
    },
}

impl Act for Action {
    fn reason(&self) -> Reason {
        match self {
            Self::Group(change) => change.reason(),
            Self::CreateHub { .. } => Reason::CreateHub,
            Self::ChangeHub { why, .. } => *why,
            Self::RemovePolicy { .. } => Reason::DeleteLinkPolicy,
            Self::AssignRole { .. } => Reason::AssignRole,
            Self::DeleteRole { .. } => Reason::DeleteRole,
            Self::DeleteHub { .. } => Reason::DeleteHub,
            Self::WriteLinks { add, .. } if add.is_empty() => Reason::UnlinkHub,
            Self::WriteLinks { .. } => Reason::LinkHub,
            Self::Record { entries } if entries.iter().all(|(entry, to)| to.is_none() || entry.starts_with(LEFT)) => Reason::DropClaim,
            Self::ForgetDevice { .. } => Reason::DropClaim,
            Self::Record { .. } => Reason::RecordClaim,
        }
    }

    fn note(&self) -> String {
        match self {
            Self::Group(change) => change.note(),
            Self::CreateHub { id, location, sku, units } => format!("Create IoT hub {} in {location} ({sku}, units: {units})", id.name),
            Self::ChangeHub { id, size: Some((sku, units)), .. } => format!("Bring IoT hub {} to {sku}, units: {units}", id.name),
            Self::ChangeHub { id, policy: None, .. } => format!("Set the tags of IoT hub {}", id.name),
            Self::ChangeHub { id, .. } => format!("Make an access policy for the link in IoT hub {}", id.name),
            Self::RemovePolicy { id, .. } => format!("Take the link's access policy from IoT hub {}", id.name),
            Self::AssignRole { id, instead: false, .. } => format!("Let the provisioning service into IoT hub {} by its identity", id.name),
            Self::AssignRole { id, .. } => {
                format!("Let the provisioning service into IoT hub {} by its identity, in place of the one that it had before", id.name)
            }
            Self::DeleteRole { id, .. } => format!("Take the provisioning service's role from IoT hub {}", id.name),
            Self::DeleteHub { id } => format!("Delete IoT hub {}", id.name),
            Self::WriteLinks { add, remove } if add.is_empty() => {
                let hosts: Vec<_> = remove.iter().map(HostName::as_str).collect();
                format!("Unlink {}", hosts.join(", "))
            }
            Self::WriteLinks { add, remove } => {
                let names: Vec<_> = add.iter().map(|link| link.name.as_str()).chain(remove.iter().map(HostName::as_str)).collect();
                format!("Link IoT hub {}", names.join(", "))
            }
            Self::Record { entries } => {
                // Where a hub is goes with what it is.
                let told = entries.iter().filter(|(entry, _)| !entry.starts_with(HUB_PLACE));
                let names: Vec<_> = told.map(|(entry, to)| format!("{entry} ({})", if to.is_some() { "set" } else { "struck" })).collect();
                format!("Write down {}", names.join(", "))
            }
            Self::ForgetDevice { owner, .. } => format!("Strike the device of {owner}, whose hub is gone, from the ledger"),
        }
    }

    fn target(&self) -> Target {
        if matches!(self, Self::Record { .. } | Self::ForgetDevice { .. }) { Target::Cluster } else { Target::Cloud }
    }

    fn is_news(&self) -> bool {
        !matches!(self, Self::Record { .. } | Self::ForgetDevice { .. })
    }
}

/// Performs an action. However it ends, there may be a hub or a link more, or one less: whoever tells how many there are looks again.
pub(super) async fn perform(group: &TenantHubGroup, writer: &Writer<'_>, action: &Action) -> Performed {
    let performed = Performed::from(carry_out(group, writer, action).await);
    match action {
        Action::Record { entries } if entries.iter().any(changes_count) => {
            let account = accounts::account_key(&group.spec.account_ref, &group.key().name.namespace);
            let Some(object) = writer.objects.of::<CloudAccount>().get(&account.name) else { return performed };
            writer.clients.counts.forget(&accounts::hubs_of(&object));
            performed.waking(account)
        }
        Action::WriteLinks { .. } => match service_of(group) {
            Some(service) => performed.waking(service),
            None => performed,
        },
        _ => performed,
    }
}

/// Whether a hub is one that was made just now, or one that is gone.
fn changes_count((entry, to): &(String, Option<String>)) -> bool {
    entry.starts_with(HUB) && to.as_deref().is_none_or(|to| to == MADE)
}

async fn carry_out(group: &TenantHubGroup, writer: &Writer<'_>, action: &Action) -> Result<(), Error> {
    let key = group.key();
    let arm = async || {
        let reach = accounts::reach(writer, &group.spec.account_ref, &key.name.namespace, &group.spec.resource_group.name).await;
        reached(reach)
    };
    match action {
        Action::Record { entries } => {
            let judge = || match group.admit(writer.caches(), Goal::Present)? {
                Admitted::Granted(Grant { crowded, contested, .. }) => may_be_taken(crowded, &contested, entries),
                Admitted::Kept { .. } => Ok(()),
            };
            claims::record(writer, &key, entries, judge).await
        }
        Action::ForgetDevice { owner, entry } => writer.record_for(owner, &[(entry.clone(), None)]).await,
        Action::Group(change) => resource_group::perform(writer, &arm().await?, &key, change).await,
        Action::CreateHub { id, location, sku, units } => {
            let hub = with_tags(writer, group, Hub::new(location, sku, *units)).with_tag(OWNER_TAG, &writer.owner_tag(&key));
            let put = arm().await?.put_hub(writer.access(), id, &hub, &IfMatch::Unset).await;
            created(&format!("IoT hub {}", id.name), put)
        }
        Action::ChangeHub { id, size, policy, tagged, .. } => {
            let change = |hub: Hub| {
                let hub = match size {
                    Some((sku, units)) => hub.with_sku(sku, *units),
                    None => hub,
                };
                let hub = if *tagged { with_tags(writer, group, hub) } else { hub };
                match policy {
                    Some(policy) => hub.with_policy(policy, PolicyRights::LINK),
                    None => hub,
                }
            };
            change_hub(writer, &key, &arm().await?, id, change).await
        }
        Action::RemovePolicy { id, policy } => change_hub(writer, &key, &arm().await?, id, |hub| hub.without_policy(policy)).await,
        Action::AssignRole { id, name, principal, instead } => {
            let arm = arm().await?;
            if *instead {
                arm.delete_hub_role(writer.access(), id, name).await.map_err(|error| role_kept(id, error))?;
            }
            let assigned = arm.assign_hub_contributor(writer.access(), id, name, principal).await;
            assigned.map_err(|error| Error::cloud(role_refused(&arm, id, principal), error))
        }
        Action::DeleteRole { id, name } => {
            arm().await?.delete_hub_role(writer.access(), id, name).await.map_err(|error| role_kept(id, error))
        }
        Action::DeleteHub { id } => {
            let answer = arm().await?.delete_hub(writer.access(), id).await;
            deleted(&format!("IoT hub {}", id.name), answer)
        }
        Action::WriteLinks { add, remove } => {
            let gone = || Error::own("the hubs are to be linked to no provisioning service any more", Class::Conflict);
            let service = service_of(group).ok_or_else(gone)?;
            let service = reached(dps::service(writer, &service.name, &key.name.namespace, &key.name.namespace).await)?;
            write_links(writer, &service, add, remove).await
        }
    }
}

fn with_tags(caches: &Caches, group: &TenantHubGroup, hub: Hub) -> Hub {
    tags::over(&tags::wanted(caches, &group.spec.tags), hub, Hub::with_tag)
}

/// Whether what is about to take room has it now.
fn may_be_taken(crowded: Crowded, contested: &BTreeSet<String>, entries: &[(String, Option<String>)]) -> Result<(), Standing> {
    let is_contested = |(entry, value): &(String, Option<String>)| {
        matches!(value.as_deref(), Some(ADOPTED | CLAIMED)) && entry.strip_prefix(HUB).is_some_and(|hub| contested.contains(hub))
    };
    if entries.iter().any(is_contested) {
        return Err(Standing::reconciling(Reason::AlreadyExists, "another object has the hub"));
    }
    let takes = |prefix: &str, to: &str| {
        entries.iter().any(|(entry, value)| entry.starts_with(prefix) && value.as_deref().is_some_and(|value| to.is_empty() || value == to))
    };
    let hubs = crowded.hubs.filter(|_| takes(HUB, CLAIMED));
    let links = crowded.links.filter(|_| takes(LINKED_TO, ""));
    hubs.or(links).map_or(Ok(()), |why| Err(Standing::reconciling(Reason::QuotaExceeded, why)))
}

fn role_kept(id: &ResourceId, error: moorage_cloud::Error) -> Error {
    Error::cloud(format!("failed to take the provisioning service's role from IoT hub {}", id.name), error)
}

/// What was tried, and how whoever may assign roles does it in the account's place.
fn role_refused(arm: &Arm, id: &ResourceId, principal: &str) -> String {
    format!(
        "failed to let the provisioning service into IoT hub {}; if the account may not assign roles, somebody who may does it: az role \
         assignment create --role \"IoT Hub Data Contributor\" --assignee-object-id {principal} --assignee-principal-type ServicePrincipal \
         --scope {}",
        id.name,
        arm.hub_scope(id)
    )
}

/// Changes a hub under its `ETag`, with every policy and key that it has: a PUT replaces the whole list.
async fn change_hub(
    writer: &Writer<'_>,
    owner: &ObjectKey,
    arm: &Arm,
    id: &ResourceId,
    change: impl FnOnce(Hub) -> Hub,
) -> Result<(), Error> {
    let failed = |error| Error::cloud(format!("failed to change IoT hub {}", id.name), error);
    let Some(hub) = arm.hub(id).await.map_err(failed)? else { return Ok(()) };
    let (mark, entries) = (writer.owner_tag(owner), writer.ledger.of(owner));
    let is_ours = is_ours(&mark, hub.tag(OWNER_TAG), recorded(&entries, &entries::of(HUB, &id.name)));
    let hub = hub.made_by_us(is_ours);
    // Read after the hub: a key that is rolled in between changes the ETag, and the PUT is refused.
    let keys = arm.hub_keys(id).await.map_err(failed)?;
    let condition = IfMatch::of(hub.etag());
    arm.put_hub(writer.access(), id, &change(hub.with_access_keys(&keys)), &condition).await.map(drop).map_err(failed)
}
