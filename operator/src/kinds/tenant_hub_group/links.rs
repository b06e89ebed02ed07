//! The links of a group's hubs in their provisioning service: which are missing, which differ, and which are to go.

pub(super) mod perform;

use jiff::Timestamp;
use moorage_cloud::{AccessKey, Hub, HubHost};
use moorage_crds::{Link, TenantHubGroup, annotations};
use moorage_keys::HostName;
use moorage_plan::{Plan, Reason, Standing, Why};

use crate::{
    azure::{
        api_version::{not_rewritten, not_undone},
        arm_resource::is_active,
        dps::MOST_LINKS,
    },
    controller::{
        kind::Kind,
        reconcile::schedule::{patiently, soon},
    },
    kinds::tenant_hub_group::{
        observe::{LiveState, ObservedHub, digest_of},
        perform::Action,
        plan::record,
    },
    ledger::entries::{self, BY_IDENTITY, LINK, LINKED_TO, STALE, recorded},
};

/// A link as it is to be written.
#[derive(Debug)]
pub struct NewLink {
    pub(super) name: String,
    pub(super) host: HubHost,
    /// The policy by whose key the hub is linked; `None` for a link by identity.
    pub(super) key: Option<AccessKey>,
    pub(super) location: String,
    pub(super) link: Link,
    pub(super) is_new: bool,
}

impl NewLink {
    /// Recognises the key that is written, if there is one.
    pub(super) fn digest(&self) -> Option<String> {
        self.key.as_ref().map(digest_of)
    }
}

/// The links that are missing or differ, in one write.
pub(super) fn plan(group: &TenantHubGroup, seen: &LiveState, now: Timestamp) -> Plan<Action> {
    let add: Vec<_> = seen.hubs.iter().filter_map(|hub| wanted_link(seen, hub)).collect();
    let relink: Vec<_> = seen.hubs.iter().filter(|hub| is_to_be_relinked(group, seen, hub)).collect();
    let waiting = |when| Plan::wait(Reason::DependencyNotReady, "the provisioning service is not ready for links yet", when);
    let Some(service) = seen.service.as_ref().filter(|_| seen.may_link) else {
        return if add.is_empty() { Plan::met() } else { waiting(patiently(now)) };
    };
    if add.is_empty() && relink.is_empty() {
        return Plan::met();
    }
    if !(matches!(service.provisioning_state(), Some("Succeeded") | None) && matches!(service.state(), Some("Active") | None)) {
        return waiting(soon(now));
    }
    if let Some(loss) = service.possible_loss() {
        let Why { reason, note } = not_rewritten("the provisioning service", &loss);
        return Plan::stalled(reason, note);
    }
    if !service.keeps_every_link() {
        let note =
            "the provisioning service has links that do not say how they work, which a write of ours might break; it is not rewritten";
        return Plan::stalled(Reason::UnknownLinks, note);
    }
    let fresh = add.iter().filter(|link| link.is_new).count();
    if service.links().len() + fresh > MOST_LINKS + relink.len() {
        let note = format!(
            "the provisioning service has {} of {MOST_LINKS} linked hubs and needs {fresh} more; use another",
            service.links().len()
        );
        return Plan::stalled(Reason::QuotaExceeded, note);
    }
    let linked_to = seen.links_to.as_ref().map(|service| service.name.to_string());
    let is_noted = |hub: &NewLink| recorded(&seen.entries, &entries::of(LINKED_TO, &hub.name)) == linked_to.as_deref();
    if let Some(why) = seen.crowded.links.as_ref().filter(|_| !add.iter().all(is_noted)) {
        return Plan::wait(Reason::QuotaExceeded, format!("links wait: {why}"), None);
    }
    let names: Vec<_> = add.iter().map(|link| &*link.name).chain(relink.iter().map(|hub| &*hub.name)).collect();
    let records: Vec<_> = add.iter().filter_map(|link| Some((entries::of(LINK, &link.name), Some(link.digest()?)))).collect();
    let note = format!("IoT hub {} is being linked", names.join(", "));
    let remove = relink.into_iter().filter_map(|hub| hub.host.as_ref().map(|host| host.host().clone())).collect();
    let noted = add.iter().filter(|hub| !is_noted(hub)).map(|hub| (entries::of(LINKED_TO, &hub.name), linked_to.clone()));
    // A link takes room in a grant from the moment in which it may be there.
    let noted: Vec<_> = noted.collect();
    let mut actions: Vec<_> = (!noted.is_empty()).then_some(Action::Record { entries: noted }).into_iter().collect();
    actions.push(Action::WriteLinks { add, remove });
    if !records.is_empty() {
        actions.push(Action::Record { entries: records });
    }
    Plan::act(actions, Reason::LinkHub, note)
}

/// Whether a link is to be taken away so that the next look makes it anew, in the way that is wanted.
fn is_to_be_relinked(group: &TenantHubGroup, seen: &LiveState, hub: &ObservedHub) -> bool {
    let confirmed = group.annotation(annotations::RELINK) == Some(&hub.name);
    let prepared = match (hub.wants_identity(), seen.service.as_ref()) {
        (false, _) => hub.access.is_some(),
        (true, Some(service)) => service.principal().is_some_and(|principal| hub.admits(principal)),
        (true, None) => false,
    };
    let agreed = has_other_means(seen, hub) && confirmed || hub.has_stale_link(&seen.policy) && hub.desired.is_some();
    seen.is_to_link && agreed && prepared && hub.resource.document.as_ref().is_some_and(is_active)
}

pub(super) fn wanted_link(seen: &LiveState, hub: &ObservedHub) -> Option<NewLink> {
    let (desired, host) = (hub.desired.as_ref()?, hub.host.as_ref()?);
    if !seen.is_to_link || !hub.resource.document.as_ref().is_some_and(is_active) {
        return None;
    }
    // A stale one is taken away first.
    let foreign = hub.link.is_some() && !hub.is_linked_by(&seen.policy);
    let same = hub.link.as_ref().is_some_and(|link| {
        link.weight.is_none_or(|weight| weight == i64::from(desired.link.allocation_weight))
            && link.apply_allocation_policy.unwrap_or(true) == desired.link.apply_allocation_policy
    });
    if foreign || has_other_means(seen, hub) || (hub.is_linked(&seen.policy) && same) {
        return None;
    }
    let key = if hub.wants_identity() {
        let admitted = seen.service.as_ref()?.principal().is_some_and(|principal| hub.admits(principal));
        // Only what was written down before is known to be ours afterwards.
        if !admitted || hub.link_record.as_deref() != Some(BY_IDENTITY) {
            return None;
        }
        None
    } else if hub.resource.document.as_ref().is_some_and(Hub::refuses_keys) {
        return None;
    } else {
        Some(hub.access.clone()?)
    };
    let (name, location) = (hub.name.clone(), desired.location.clone());
    Some(NewLink { name, host: host.clone(), key, location, link: desired.link, is_new: hub.link.is_none() })
}

/// Azure does not change in place how a link works, and who is unlinked for a moment must know.
pub(super) fn ask_to_relink(group: &TenantHubGroup, seen: &LiveState, hub: &ObservedHub) -> Option<Plan<Action>> {
    let (name, means) = (&hub.name, if hub.is_linked_by_identity() { "identity" } else { "key" });
    if !has_other_means(seen, hub) || group.annotation(annotations::RELINK) == Some(name) {
        return None;
    }
    let note = format!(
        "IoT hub {name} is linked by {means}, and Azure does not change that in place; annotate this object with {}={name} to have it \
         unlinked and linked anew: a device that registers in that moment may be given another hub",
        annotations::RELINK
    );
    Some(Plan::wait(Reason::AwaitingConfirmation, note, None))
}

/// Whether a link of ours works in another way than it is to.
fn has_other_means(seen: &LiveState, hub: &ObservedHub) -> bool {
    hub.desired.is_some() && hub.is_linked_by(&seen.policy) && hub.is_linked_by_identity() != hub.wants_identity()
}

/// Writes down, before a hub is made, that its link is by somebody else's key: that opens the hub that was there before, and none
/// that we make.
pub(super) fn noting_stale(seen: &LiveState, hub: &ObservedHub, mut plan: Plan<Action>) -> Plan<Action> {
    let is_foreign = hub.link.is_some() && !hub.is_linked_by(&seen.policy) && hub.link_record.as_deref() != Some(STALE);
    let creation = plan.actions.iter().position(|action| matches!(action, Action::CreateHub { .. }));
    if let Some(at) = creation.filter(|_| is_foreign) {
        plan.actions.insert(at, record(entries::of(LINK, &hub.name), Some(STALE)));
    }
    plan
}

/// Waits for an enrollment group that still assigns devices to a hub; `None` if there is none.
pub(super) fn in_use(seen: &LiveState, hub: &ObservedHub, now: Timestamp) -> Option<Plan<Action>> {
    let host = host_of(hub)?.as_str().to_lowercase();
    let (_, enrollment) = seen.enrolled.iter().find(|(listed, _)| *listed == host)?;
    let name = &hub.name;
    let note =
        format!("enrollment group {enrollment} still assigns devices to IoT hub {name}; take the hub out of it, or delete it, first");
    Some(Plan::wait(Reason::InUse, note, patiently(now)))
}

/// The host by which a hub is linked, or would be.
fn host_of(hub: &ObservedHub) -> Option<HostName> {
    hub.link.as_ref().and_then(|link| link.host.clone()).or_else(|| hub.host.as_ref().map(|host| host.host().clone()))
}

/// Takes the link of a hub away.
pub(super) fn unlink(seen: &LiveState, hub: &ObservedHub, now: Timestamp) -> Plan<Action> {
    let Some(service) = &seen.service else { return Plan::met() };
    if let Some(loss) = service.possible_loss() {
        let Why { reason, note } = not_undone("the provisioning service", &loss, "unlink the hubs");
        return Plan::stalled(reason, note);
    }
    if !service.keeps_every_link() {
        let note =
            "the provisioning service has links that do not say how they work, which a write of ours might break; unlink the hubs there";
        return Plan::stalled(Reason::UnknownLinks, note);
    }
    if !matches!(service.provisioning_state(), Some("Succeeded") | None) {
        return Plan::wait(Reason::DependencyNotReady, "the provisioning service is busy", soon(now));
    }
    let unlink = Action::WriteLinks { add: Vec::new(), remove: host_of(hub).into_iter().collect() };
    Plan::act(vec![unlink], Reason::UnlinkHub, format!("IoT hub {} is being unlinked", hub.name))
}

/// Several removals of links become one write of the provisioning service.
pub(super) fn one_write(mut plan: Plan<Action>) -> Plan<Action> {
    let mut hosts = Vec::new();
    plan.actions.retain_mut(|action| match action {
        Action::WriteLinks { add, remove } if add.is_empty() => {
            hosts.append(remove);
            false
        }
        _ => true,
    });
    if !hosts.is_empty() {
        plan.actions.insert(0, Action::WriteLinks { add: Vec::new(), remove: hosts });
        plan.standing = match plan.standing {
            Standing::Met => Standing::Reconciling(Why::new(Reason::UnlinkHub, "The hubs are being unlinked")),
            other => other,
        };
    }
    plan
}
