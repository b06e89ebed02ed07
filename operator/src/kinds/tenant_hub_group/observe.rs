//! What a hub group needs to know: its resource group, its hubs, their link policies, and the links of the provisioning service.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use moorage_cloud::{
    AccessKey, Arm, Class, Hub, HubHost, HubUsage, LinkSeen, MeansSeen, ProvisioningService as ServiceDocument, ResourceId, RoleAssignment,
};
use moorage_crds::{Adoption, IotHub, LinkAuthentication, TenantHubGroup};
use moorage_keys::keyed_digest;
use moorage_plan::Goal;

use crate::{
    azure::{
        Context,
        arm_resource::{
            self, ObservedResource, is_active,
            observe::Known,
            ownership::Whose,
            resource_group::{self, ObservedGroup},
        },
        dps::{
            self, Service,
            links::{self, remember_link_key},
        },
        facts::{HubFacts, ServiceFacts, WrittenHub, place_of_hubs},
        iot_hub::{self, link_policy},
        tags,
        usage::Count,
    },
    error::{Error, ObserveError},
    kinds::tenant_hub_group::{
        admit::{Admitted, Crowded, Grant},
        roles::Roles,
    },
    ledger::{
        Entries,
        entries::{self, BY_IDENTITY, HUB, HUB_FACTS, LINK, ROLE, STALE, recorded},
    },
    object::{Keyed, ObjectKey},
};

/// Azure's name for the number of devices of a hub.
const DEVICES: &str = "TotalDeviceCount";

/// What was seen of a hub group's world.
pub enum Observed {
    /// It is to go, and the cloud is none of its business; or not yet, for the sake of devices that are reached through it.
    Kept { devices: Option<String> },
    /// It was looked at.
    Live(Box<LiveState>),
}

/// A look at a hub group.
pub struct LiveState {
    pub(super) group: ObservedGroup,
    pub(super) granted: Adoption,
    /// What has to wait, although there is room in the end.
    pub(super) crowded: Crowded,
    /// Whether there is a provisioning service to which the hubs are to be linked.
    pub(super) is_to_link: bool,
    /// Whether that service is there and its object's, so that something may be added to it.
    pub(super) may_link: bool,
    /// `None` if there is no such service in Azure.
    pub(super) service: Option<ServiceDocument>,
    pub(super) hubs: Vec<ObservedHub>,
    pub(super) entries: Arc<Entries>,
    pub(super) policy: String,
    /// How the name of a role assignment of ours follows from that of its hub.
    pub(super) roles: Roles,
    /// How many hubs the subscription has and may have; asked only before one is made.
    pub(super) usages: Vec<HubUsage>,
    /// Hosts that enrollment groups of the provisioning service name, with the group; asked only before a hub is unlinked.
    pub(super) enrolled: Vec<(String, String)>,
    /// The resource group of the hubs, in its subscription.
    pub(super) place: String,
    /// The provisioning service to which the hubs are to be linked.
    pub(super) links_to: Option<ObjectKey>,
    /// The tags that hubs are to have.
    pub(super) tags: BTreeMap<String, String>,
}

impl LiveState {
    /// What the ledger says that is known of a hub, where the hubs are now.
    pub(super) fn known(&self, hub: &ObservedHub) -> Option<&str> {
        let facts = recorded(&self.entries, &entries::of(HUB_FACTS, &hub.name))?;
        HubFacts::linked_at(facts, &self.place).map(|_| facts)
    }

    /// Whether a hub that is busy, or not shown at the moment, was in use before.
    pub(super) fn was_in_use(&self, hub: &ObservedHub) -> bool {
        let known = self.known(hub).filter(|_| hub.resource.is_unsettled());
        let linked_to = known.and_then(|facts| HubFacts::linked_at(facts, &self.place));
        linked_to.is_some_and(|linked_to| self.links_to.as_ref().is_none_or(|service| service.name.to_string() == linked_to))
    }
}

/// One hub, of the spec or of the ledger.
pub(super) struct ObservedHub {
    pub(super) name: String,
    /// `None` if it was taken out of the spec.
    pub(super) desired: Option<IotHub>,
    pub(super) resource: ObservedResource<Hub>,
    pub(super) host: Option<HubHost>,
    /// The policy that we made for the link, with its keys.
    pub(super) access: Option<AccessKey>,
    pub(super) link: Option<LinkSeen>,
    /// Digest of the key that the link was last written with, [`BY_IDENTITY`], or [`STALE`].
    pub(super) link_record: Option<String>,
    /// Who may register devices in it; asked only where a link is by identity, or is to be, or was to be.
    pub(super) roles: Vec<RoleAssignment>,
    /// Whether the ledger says that we let the provisioning service in.
    pub(super) role_recorded: bool,
    /// Devices in it; asked only when it could be deleted.
    pub(super) devices: i64,
    /// Devices in it, as they were counted last.
    pub(super) counted: Option<Count>,
    /// What the ledger says of devices that were in it; asked only when it is gone, and is to be.
    pub(super) left: Vec<(ObjectKey, String)>,
}

impl ObservedHub {
    /// Whether the link is one that we wrote: it is by the policy that only we know the name of, or by an identity, and we have
    /// written down before that it would be.
    pub(super) fn is_linked_by(&self, policy: &str) -> bool {
        let by_key = self.link.as_ref().and_then(|link| link.policy.as_deref()) == Some(policy);
        by_key || self.is_linked_by_identity()
    }

    /// Whether its link leads to a hub that had its name before we made it.
    pub(super) fn has_stale_link(&self, policy: &str) -> bool {
        let foreign = self.link.is_some() && !self.is_linked_by(policy);
        foreign && self.resource.whose == Whose::Ours && self.link_record.as_deref() == Some(STALE)
    }

    pub(super) fn is_linked_by_identity(&self) -> bool {
        let by_identity = self.link.as_ref().is_some_and(|link| link.means == MeansSeen::SystemAssignedIdentity);
        by_identity && self.link_record.as_deref() == Some(BY_IDENTITY)
    }

    /// Whether a principal may register devices in it.
    pub(super) fn admits(&self, principal: &str) -> bool {
        self.roles.iter().any(|role| role.principal.eq_ignore_ascii_case(principal))
    }

    /// Whether it is to be linked without a key.
    pub(super) fn wants_identity(&self) -> bool {
        self.desired.as_ref().is_some_and(|hub| hub.link.authentication == LinkAuthentication::Identity)
    }

    /// How many devices would go with it; `None` where that cannot be asked.
    pub(super) fn counted_devices(&self) -> Option<i64> {
        let asked = self.resource.whose != Whose::Ours || self.resource.document.as_ref().is_none_or(is_active);
        asked.then_some(self.devices)
    }

    /// Digest of the key that the link should have.
    pub(super) fn key_digest(&self) -> Option<String> {
        self.access.as_ref().map(digest_of)
    }

    /// Whether it is there, and the provisioning service can register devices in it now.
    pub(super) fn takes_devices(&self, policy: &str) -> bool {
        self.resource.own().is_some_and(is_active) && self.is_linked(policy)
    }

    /// Whether the provisioning service can register devices in it.
    pub(super) fn is_linked(&self, policy: &str) -> bool {
        match &self.link {
            None => false,
            Some(_) if self.is_linked_by_identity() => true,
            Some(_) if self.has_stale_link(policy) => false,
            Some(_) if self.is_linked_by(policy) => self.link_record.is_some() && self.link_record == self.key_digest(),
            // Somebody else's link: it is theirs to keep working.
            Some(_) => true,
        }
    }
}

/// Recognises a policy's key to those who hold it, and to nobody else.
pub(super) fn digest_of(access: &AccessKey) -> String {
    keyed_digest(&access.keys.primary, [access.name.as_bytes()]).to_string()
}

/// Whether the provisioning service may have a role of ours on a hub, so that it is worth a call to see.
pub(super) fn may_have_role(wants_identity: bool, role_recorded: bool, link_record: Option<&str>) -> bool {
    wants_identity || role_recorded || link_record == Some(BY_IDENTITY)
}

pub(super) fn hub_id(group: &TenantHubGroup, name: &str) -> ResourceId {
    ResourceId { group: group.spec.resource_group.name.clone(), name: name.to_owned() }
}

pub(super) async fn observe(group: &TenantHubGroup, ctx: &Context, admitted: &Admitted, goal: Goal) -> Result<Observed, ObserveError> {
    match admitted {
        Admitted::Kept { devices } => Ok(Observed::Kept { devices: devices.clone() }),
        Admitted::Granted(grant) => Ok(Observed::Live(Box::new(look(group, ctx, grant, goal).await?))),
    }
}

async fn look(group: &TenantHubGroup, ctx: &Context, grant: &Grant, goal: Goal) -> Result<LiveState, ObserveError> {
    let (key, spec) = (group.key(), &group.spec);
    let arm = grant.account.arm(ctx).await?;
    let service = match &grant.service {
        Some(service) => Some(service.connect(ctx, &key.name.namespace).await?),
        None => None,
    };
    let mut seen_group = resource_group::observe(ctx, &arm, &key, &spec.resource_group.name).await?;
    let entries = ctx.ledger.of(&key);
    let document = match &service {
        Some(service) => links::read(ctx, service).await?,
        None => None,
    };
    let policy = link_policy::name_of(&ctx.installation.id, group);
    let look = HubLook { group, ctx, arm: &arm, service: document.as_ref(), policy: &policy, entries: &entries, grant, goal };
    let mut hubs = Vec::new();
    let place = place_of_hubs(&grant.account.object, &spec.resource_group.name);
    for (name, desired) in names(group, &entries, &place) {
        hubs.push(look.at(name, desired).await?);
    }
    if goal == Goal::Absent {
        resource_group::look_inside(&arm, &spec.resource_group.name, &mut seen_group).await?;
    }
    let makes = goal == Goal::Present && hubs.iter().any(|hub| hub.desired.is_some() && hub.resource.document.is_none());
    let usages = if makes { usages(&arm).await? } else { Vec::new() };
    let leaving = goal == Goal::Absent || hubs.iter().any(|hub| hub.desired.is_none());
    // Whoever has linked nothing waits for nobody there.
    let has_links = hubs.iter().any(|hub| hub.is_linked_by(&policy));
    let enrolled = match service.as_ref().filter(|_| leaving && has_links) {
        Some(service) => enrolled(ctx, service).await?,
        None => Vec::new(),
    };
    Ok(LiveState {
        group: seen_group,
        granted: grant.account.adoption,
        crowded: grant.crowded.clone(),
        is_to_link: service.is_some(),
        may_link: grant.service.as_ref().is_some_and(|service| ServiceFacts::of_granted(ctx, service).is_some()),
        service: document,
        hubs,
        entries,
        policy,
        roles: Roles::of(ctx, group),
        usages,
        enrolled,
        place,
        links_to: iot_hub::service_of(group),
        tags: tags::wanted(ctx, &group.spec.tags),
    })
}

/// Whether a hub of the ledger is elsewhere than the hubs are now, so that a look here says nothing of it.
pub(super) fn is_elsewhere(entries: &Entries, hub: &str, place: &str) -> bool {
    WrittenHub::of(entries, hub).is_some_and(|known| !known.is_at(place))
}

/// The hubs of the spec, and those of the ledger that are no longer in it.
pub(super) fn names(group: &TenantHubGroup, entries: &Entries, place: &str) -> Vec<(String, Option<IotHub>)> {
    let in_spec: BTreeSet<_> = group.spec.hubs.iter().map(|hub| hub.name.to_lowercase()).collect();
    let dropped = entries.keys().filter_map(|entry| entry.strip_prefix(HUB)).filter(|name| !in_spec.contains(*name));
    let dropped = dropped.filter(|name| !is_elsewhere(entries, name, place));
    let wanted = group.spec.hubs.iter().map(|hub| (hub.name.clone(), Some(hub.clone())));
    wanted.chain(dropped.map(|name| (name.to_owned(), None))).collect()
}

/// What a look at one hub needs.
struct HubLook<'a> {
    group: &'a TenantHubGroup,
    ctx: &'a Context,
    arm: &'a Arm,
    service: Option<&'a ServiceDocument>,
    policy: &'a str,
    entries: &'a Entries,
    grant: &'a Grant,
    goal: Goal,
}

impl HubLook<'_> {
    async fn at(&self, name: String, desired: Option<IotHub>) -> Result<ObservedHub, ObserveError> {
        let Self { ctx, arm, policy, entries, goal, .. } = *self;
        let failed = |error| Error::cloud(format!("failed to look at IoT hub {name}"), error);
        let id = hub_id(self.group, &name);
        let resource = self.resource(&id, desired.is_some()).await?;
        let is_leaving = goal == Goal::Absent || desired.is_none();
        let is_ours_to_touch = !matches!(resource.whose, Whose::Theirs(_));
        let hub = resource.document.as_ref();
        let settled = hub.is_some_and(is_active);
        let access = if settled && is_ours_to_touch { arm.hub_key(&id, policy).await.map_err(failed)? } else { None };
        if settled {
            remember_link_key(ctx, arm, &id, policy, access.as_ref());
        }
        let deletable = settled && resource.whose == Whose::Ours && is_leaving;
        let devices = if deletable { devices(arm, &id).await.map_err(failed)? } else { 0 };
        let counted = if settled && is_ours_to_touch && goal == Goal::Present { count(ctx, arm, &id).await } else { None };
        let host = hub.and_then(Hub::host_name).and_then(|host| arm.cloud().hub_host(host).ok());
        if let (Some(hub), Some(host)) = (hub, &host) {
            ctx.clients.hub_networks.keep(host.clone(), hub.network_access(), ctx.clock.now());
        }
        let link_record = recorded(entries, &entries::of(LINK, &name)).map(str::to_owned);
        let role_recorded = recorded(entries, &entries::of(ROLE, &name)).is_some();
        let wants_identity = desired.as_ref().is_some_and(|hub| hub.link.authentication == LinkAuthentication::Identity);
        let asks = settled && is_ours_to_touch && may_have_role(wants_identity, role_recorded, link_record.as_deref());
        let roles = if asks { arm.hub_contributors(&id).await.map_err(failed)? } else { Vec::new() };
        let gone = arm.cloud().hub_named(&name).ok().filter(|_| hub.is_none() && is_leaving);
        let left =
            gone.map(|host| entries::of_devices_in(&ctx.ledger, &host.to_string(), &self.group.key().name.namespace)).unwrap_or_default();
        let link = self.link(&name, host.as_ref());
        Ok(ObservedHub { name, desired, resource, host, access, link, link_record, roles, role_recorded, devices, counted, left })
    }

    async fn resource(&self, id: &ResourceId, is_desired: bool) -> Result<ObservedResource<Hub>, Error> {
        let failed = |error| Error::cloud(format!("failed to look at IoT hub {}", id.name), error);
        let document = self.arm.hub(id).await.map_err(failed)?;
        let known = Known {
            record: recorded(self.entries, &entries::of(HUB, &id.name)).map(str::to_owned),
            is_wanted: self.goal == Goal::Present && is_desired,
            is_contested: is_desired && self.grant.contested.contains(&id.name.to_lowercase()),
        };
        let name = async { self.arm.hub_name(&id.name).await.map_err(failed) };
        arm_resource::observe::observe(self.ctx, &self.group.key(), document, known, name).await
    }

    /// The link may outlive the hub: then it is found by the name that the hub had.
    fn link(&self, name: &str, host: Option<&HubHost>) -> Option<LinkSeen> {
        let named = self.arm.cloud().hub_named(name).ok();
        let host = host.or(named.as_ref())?.host().as_str().to_lowercase();
        self.service?.links().into_iter().find(|link| link.host.as_ref().is_some_and(|linked| linked.as_str().to_lowercase() == host))
    }
}

/// The devices of a hub, counted anew if the last count is old; one that fails holds nothing up.
async fn count(ctx: &Context, arm: &Arm, id: &ResourceId) -> Option<Count> {
    let (what, now) = (iot_hub::devices_of(arm, id), ctx.clock.now());
    if let Some(count) = ctx.clients.counts.fresh(&what, now) {
        return Some(count);
    }
    let began = ctx.clients.counts.begin(&what);
    match arm.hub_quota(id).await {
        Ok(metrics) => {
            let metric = metrics.into_iter().find(|metric| metric.name == DEVICES)?;
            let count = Count { used: metric.current_value, limit: metric.max_value };
            ctx.clients.counts.keep(what, began, count, now);
            Some(count)
        }
        Err(error) => {
            tracing::debug!(hub = %id, %error, "the devices were not counted");
            ctx.clients.counts.last(&what)
        }
    }
}

/// How many hubs the subscription has; who may not ask finds out when Azure refuses.
async fn usages(arm: &Arm) -> Result<Vec<HubUsage>, Error> {
    match arm.hub_usages().await {
        Err(error) if error.class() == Class::Denied => Ok(Vec::new()),
        told => told.map_err(|error| Error::cloud(format!("failed to look at subscription {}", arm.subscription()), error)),
    }
}

async fn devices(arm: &Arm, id: &ResourceId) -> Result<i64, moorage_cloud::Error> {
    let metrics = arm.hub_quota(id).await?;
    Ok(metrics.into_iter().find(|metric| metric.name == DEVICES).map_or(0, |metric| metric.current_value))
}

async fn enrolled(ctx: &Context, service: &Service) -> Result<Vec<(String, String)>, ObserveError> {
    let enrollments = dps::enrollments(ctx, service).await?;
    let listed = enrollments.groups().await;
    let listed = listed.map_err(|error| Error::cloud(format!("failed to list the enrollment groups of {}", service.id.name), error))?;
    let pairs = listed.iter().flat_map(|group| {
        let id = group.id().unwrap_or_default().to_owned();
        group.hubs().into_iter().map(|host| (host.to_lowercase(), id.clone())).collect::<Vec<_>>()
    });
    Ok(pairs.collect())
}
