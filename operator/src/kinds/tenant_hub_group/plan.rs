//! What becomes of a hub group: each hub decides for itself, then all links are written at once.

use jiff::Timestamp;
use moorage_cloud::{Hub, ResourceId};
use moorage_crds::{DeletionPolicy, IotHub, TenantHubGroup, annotations};
use moorage_keys::HostName;
use moorage_plan::{Plan, Reason, Standing, Why};

use super::action::{Action, NewLink};
use super::drift;
use super::observe::{Looked, SeenHub, hub_id, is_active};
use super::role;
use crate::{
    azure::{
        arm_resource::ownership::{Whose, name_taken, refusal},
        arm_resource::resource_group,
        dps::MOST_LINKS,
    },
    controller::{
        kind::Kind,
        reconcile::schedule::{patiently, soon},
    },
    ledger::entries::{self, ADOPTED, BY_IDENTITY, CLAIMED, HUB, LINK, MADE, ROLE, STALE},
    object::ObjectKey,
};

pub(super) fn present(group: &TenantHubGroup, seen: &Looked, now: Timestamp) -> Plan<Action> {
    let place = &group.spec.resource_group;
    let create_group = |location| Action::CreateGroup { name: place.name.clone(), location };
    if let Some(plan) = resource_group::missing(&seen.group, &place.name, place.location.as_deref(), now, create_group) {
        return plan;
    }
    let mut whole = Plan::met();
    for hub in &seen.hubs {
        let plan = match &hub.wish {
            Some(wish) => hub_present(group, seen, hub, wish, now),
            None => hub_dropped(group, seen, hub, now),
        };
        whole = both(whole, plan);
    }
    whole = one_record(whole);
    let takes_devices = |hub: &SeenHub| {
        let ours_to_use = !matches!(hub.whose, Whose::Theirs(_));
        let lets_in = |document: &Hub| if seen.is_to_link { hub.is_linked(&seen.policy) } else { !document.refuses_keys() };
        ours_to_use && hub.hub.as_ref().is_some_and(|document| is_active(document) && lets_in(document))
    };
    let usable = seen.hubs.iter().filter(|hub| hub.wish.is_some()).all(takes_devices);
    drift::heed(group, seen, both(whole, links(group, seen, now))).usable(usable)
}

/// Both plans at once: all actions, the worse standing, the earlier look.
pub(super) fn both(mut a: Plan<Action>, b: Plan<Action>) -> Plan<Action> {
    let rank = |standing: &Standing| match standing {
        Standing::Met => 0,
        Standing::Reconciling(_) => 1,
        Standing::Stalled(_) => 2,
    };
    a.actions.extend(b.actions);
    if rank(&b.standing) > rank(&a.standing) {
        a.standing = b.standing;
    }
    a.by(b.look_again)
}

fn hub_present(group: &TenantHubGroup, seen: &Looked, hub: &SeenHub, wish: &IotHub, now: Timestamp) -> Plan<Action> {
    let (name, id) = (&hub.name, hub_id(group, &hub.name));
    let what = format!("IoT hub {name}");
    let Some(document) = &hub.hub else { return create(group, seen, hub, wish, id, now) };
    if let Whose::Theirs(maker) = hub.whose {
        return refusal(&what, maker, wish.adoption, seen.granted).unwrap_or_else(|| {
            Plan::act(vec![record(entries::of(HUB, name), Some(ADOPTED))], Reason::RecordClaim, format!("{what} is being adopted"))
        });
    }
    if !is_active(document) {
        return unsettled(&what, document, now);
    }
    if document.refuses_keys() && !(seen.is_to_link && hub.wants_identity()) {
        let why = if seen.is_to_link {
            "it is linked by key; allow keys on it, or set link.authentication: Identity"
        } else {
            "devices are made in it by one; allow keys on it"
        };
        return Plan::stalled(Reason::LocalAuthDisabled, format!("{what} refuses keys (disableLocalAuth), and {why}"));
    }
    let mut actions = Vec::new();
    let mut why = Reason::UpdateHub;
    let resized = drift::is_resized(hub, document, wish);
    let with_policy = drift::lacks_policy(seen, hub);
    if resized || with_policy {
        let size = resized.then(|| (sku_name(wish).to_owned(), i64::from(wish.sku.capacity)));
        let policy = with_policy.then(|| seen.policy.clone());
        why = if resized { Reason::UpdateHub } else { Reason::CreateLinkPolicy };
        actions.push(Action::ChangeHub { id: id.clone(), size, policy, why });
    } else if hub.whose == Whose::Ours && hub.record.as_deref() != Some(MADE) {
        why = Reason::RecordClaim;
        actions.push(record(entries::of(HUB, name), Some(MADE)));
    }
    if !actions.is_empty() {
        return Plan::act(actions, why, format!("{what} is being brought to its spec"));
    }
    let plan = role::plan(seen, hub, &id, now);
    if has_other_means(seen, hub) && group.annotation(annotations::RELINK) != Some(name) { both(plan, ask_to_relink(hub)) } else { plan }
}

/// Azure does not change in place how a link works, and who is unlinked for a moment must know.
fn ask_to_relink(hub: &SeenHub) -> Plan<Action> {
    let (name, means) = (&hub.name, if hub.is_linked_by_identity() { "identity" } else { "key" });
    let note = format!(
        "IoT hub {name} is linked by {means}, and Azure does not change that in place; annotate this object with {}={name} to have it \
         unlinked and linked anew: a device that registers in that moment may be given another hub",
        annotations::RELINK
    );
    Plan::wait(Reason::AwaitingConfirmation, note, None)
}

/// Whether a link of ours works in another way than it is to.
fn has_other_means(seen: &Looked, hub: &SeenHub) -> bool {
    hub.wish.is_some() && hub.is_linked_by(&seen.policy) && hub.is_linked_by_identity() != hub.wants_identity()
}

fn create(group: &TenantHubGroup, seen: &Looked, hub: &SeenHub, wish: &IotHub, id: ResourceId, now: Timestamp) -> Plan<Action> {
    let name = &hub.name;
    let lost = matches!(hub.record.as_deref(), Some(MADE | ADOPTED));
    if lost && group.annotation(annotations::RECREATE) != Some(name) {
        let note = format!(
            "IoT hub {name} has vanished from Azure, with the identities of its devices; restore it, or annotate this object with {}={name} to have it made anew",
            annotations::RECREATE
        );
        return Plan::stalled(Reason::Vanished, note);
    }
    if hub.name_is_taken {
        return name_taken(&format!("IoT hub {name}"), &id.group, hub.record.as_deref(), now);
    }
    if let Some(refused) = no_room(seen, hub, wish) {
        return refused;
    }
    let mut actions = Vec::new();
    // A hub that leaves the spec before it is in place must be found again.
    if hub.record.as_deref() != Some(CLAIMED) {
        actions.push(record(entries::of(HUB, name), Some(CLAIMED)));
    }
    // A link by somebody else's key opens the hub that was there before, and none that we make.
    if hub.link.is_some() && !hub.is_linked_by(&seen.policy) && hub.link_record.as_deref() != Some(STALE) {
        actions.push(record(entries::of(LINK, name), Some(STALE)));
    }
    let (location, sku, units) = (wish.location.clone(), sku_name(wish).to_owned(), i64::from(wish.sku.capacity));
    actions.push(Action::CreateHub { id, location, sku, units });
    Plan::act(actions, Reason::CreateHub, format!("IoT hub {name} is being created"))
}

/// Refuses a hub that the subscription has no room for, beside those of the spec that come before it.
fn no_room(seen: &Looked, hub: &SeenHub, wish: &IotHub) -> Option<Plan<Action>> {
    let is_free = |wish: &IotHub| sku_name(wish) == "F1";
    let usage = seen.usages.iter().find(|usage| usage.free == is_free(wish))?;
    let missing =
        seen.hubs.iter().filter(|other| other.hub.is_none() && other.wish.as_ref().is_some_and(|other| is_free(other) == usage.free));
    let before = missing.take_while(|other| other.name != hub.name).count();
    if usage.used.saturating_add(i64::try_from(before).unwrap_or(i64::MAX)) < usage.limit {
        return None;
    }
    let kind = if usage.free { "free" } else { "paid" };
    let note = format!(
        "IoT hub {} does not fit: the subscription has {} of {} {kind} IoT hubs{}; delete one, ask Microsoft for more, or use another account",
        hub.name,
        usage.used,
        usage.limit,
        if before > 0 { format!(", and {before} of this object come first") } else { String::new() }
    );
    Some(Plan::stalled(Reason::QuotaExceeded, note))
}

fn unsettled(what: &str, document: &Hub, now: Timestamp) -> Plan<Action> {
    let state = document.provisioning_state().unwrap_or("being set up");
    if has_failed(document) {
        return Plan::stalled(
            Reason::Invalid,
            format!("Azure failed to set {what} up; see its activity log, delete it there, and it is made again"),
        );
    }
    Plan::wait(Reason::Provisioning, format!("{what} is {state}"), soon(now))
}

fn has_failed(document: &Hub) -> bool {
    matches!(document.provisioning_state(), Some("Failed" | "Canceled"))
}

pub(super) fn sku_name(wish: &IotHub) -> &'static str {
    use moorage_crds::SkuName::{B1, B2, B3, F1, S1, S2, S3};
    match wish.sku.name {
        F1 => "F1",
        B1 => "B1",
        B2 => "B2",
        B3 => "B3",
        S1 => "S1",
        S2 => "S2",
        S3 => "S3",
    }
}

/// The links that are missing or differ, in one write.
fn links(group: &TenantHubGroup, seen: &Looked, now: Timestamp) -> Plan<Action> {
    let add: Vec<_> = seen.hubs.iter().filter_map(|hub| wanted_link(seen, hub)).collect();
    let relink: Vec<_> = seen.hubs.iter().filter(|hub| is_to_be_relinked(group, seen, hub)).collect();
    let waiting = |when| Plan::wait(Reason::DependencyNotReady, "the provisioning service is not ready for links yet", when);
    let Some(service) = &seen.service else { return if add.is_empty() { Plan::met() } else { waiting(patiently(now)) } };
    if add.is_empty() && relink.is_empty() {
        return Plan::met();
    }
    if !(matches!(service.provisioning_state(), Some("Succeeded") | None) && matches!(service.state(), Some("Active") | None)) {
        return waiting(soon(now));
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
    let names: Vec<_> = add.iter().map(|link| &*link.name).chain(relink.iter().map(|hub| &*hub.name)).collect();
    let records: Vec<_> = add.iter().filter_map(|link| Some((entries::of(LINK, &link.name), Some(link.digest()?)))).collect();
    let note = format!("IoT hub {} is being linked", names.join(", "));
    let remove = relink.into_iter().filter_map(|hub| hub.host.as_ref().map(|host| host.host().clone())).collect();
    let mut actions = vec![Action::WriteLinks { add, remove }];
    if !records.is_empty() {
        actions.push(Action::Record { entries: records });
    }
    Plan::act(actions, Reason::LinkHub, note)
}

/// Whether a link is to be taken away so that the next look makes it anew, in the way that is wished.
fn is_to_be_relinked(group: &TenantHubGroup, seen: &Looked, hub: &SeenHub) -> bool {
    let confirmed = group.annotation(annotations::RELINK) == Some(&hub.name);
    let prepared = match (hub.wants_identity(), seen.service.as_ref()) {
        (false, _) => hub.access.is_some(),
        (true, Some(service)) => service.principal().is_some_and(|principal| hub.admits(principal)),
        (true, None) => false,
    };
    let agreed = has_other_means(seen, hub) && confirmed || hub.has_stale_link(&seen.policy) && hub.wish.is_some();
    seen.is_to_link && agreed && prepared && hub.hub.as_ref().is_some_and(is_active)
}

pub(super) fn wanted_link(seen: &Looked, hub: &SeenHub) -> Option<NewLink> {
    let (wish, host) = (hub.wish.as_ref()?, hub.host.as_ref()?);
    if !seen.is_to_link || !hub.hub.as_ref().is_some_and(is_active) {
        return None;
    }
    // A stale one is taken away first.
    let foreign = hub.link.is_some() && !hub.is_linked_by(&seen.policy);
    let same = hub.link.as_ref().is_some_and(|link| {
        link.weight.is_none_or(|weight| weight == i64::from(wish.link.allocation_weight))
            && link.apply_allocation_policy.unwrap_or(true) == wish.link.apply_allocation_policy
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
    } else if hub.hub.as_ref().is_some_and(Hub::refuses_keys) {
        return None;
    } else {
        Some(hub.access.clone()?)
    };
    let (name, location) = (hub.name.clone(), wish.location.clone());
    Some(NewLink { name, host: host.clone(), key, location, link: wish.link, is_new: hub.link.is_none() })
}

pub(super) fn record(entry: String, to: Option<&str>) -> Action {
    Action::Record { entries: vec![(entry, to.map(str::to_owned))] }
}

/// What is written down of several hubs becomes one write of the ledger, before everything else.
fn one_record(mut plan: Plan<Action>) -> Plan<Action> {
    let mut all = Vec::new();
    plan.actions.retain_mut(|action| match action {
        Action::Record { entries } => {
            all.append(entries);
            false
        }
        _ => true,
    });
    if !all.is_empty() {
        plan.actions.insert(0, Action::Record { entries: all });
    }
    plan
}

/// A hub that was taken out of the spec: unlinked, its policy removed, and deleted only if it is ours and that was confirmed by name.
fn hub_dropped(group: &TenantHubGroup, seen: &Looked, hub: &SeenHub, now: Timestamp) -> Plan<Action> {
    let delete = group.spec.deletion_policy == DeletionPolicy::Delete;
    let confirmed = group.annotation(annotations::CONFIRM_DELETE).is_some_and(|name| name.eq_ignore_ascii_case(&hub.name));
    let ask = format!(
        "IoT hub {0} was taken out of the spec and still has {1}; annotate this object with {2}={0} to have it deleted",
        hub.name,
        devices_of([hub]),
        annotations::CONFIRM_DELETE
    );
    let plan = leave(group, seen, hub, delete, confirmed, &ask, now);
    if plan.actions.is_empty() && plan.standing == Standing::Met {
        let entries = [entries::of(HUB, &hub.name), entries::of(LINK, &hub.name), entries::of(ROLE, &hub.name)]
            .into_iter()
            .filter(|entry| seen.entries.contains_key(entry));
        let strike = Action::Record { entries: entries.map(|entry| (entry, None)).collect() };
        return Plan::act(vec![strike], Reason::DropClaim, format!("IoT hub {} is let go", hub.name));
    }
    plan
}

/// Takes a hub out of use: out of enrollments, then unlinked, then without our policy, then, if it is ours, gone.
fn leave(group: &TenantHubGroup, seen: &Looked, hub: &SeenHub, delete: bool, confirmed: bool, ask: &str, now: Timestamp) -> Plan<Action> {
    let name = &hub.name;
    if hub.name_is_taken {
        return name_taken(&format!("IoT hub {name}"), &group.spec.resource_group.name, hub.record.as_deref(), now);
    }
    let doomed = delete && hub.whose == Whose::Ours && hub.hub.is_some();
    let linked = hub.is_linked_by(&seen.policy);
    let host = hub.link.as_ref().and_then(|link| link.host.clone()).or_else(|| hub.host.as_ref().map(|host| host.host().clone()));
    let user = host.as_ref().and_then(|host| seen.enrolled.iter().find(|(listed, _)| *listed == host.as_str().to_lowercase()));
    if let Some((_, enrollment)) = user.filter(|_| linked || doomed) {
        let note =
            format!("enrollment group {enrollment} still assigns devices to IoT hub {name}; take the hub out of it, or delete it, first");
        return Plan::wait(Reason::InUse, note, patiently(now));
    }
    let there = hub.hub.as_ref().filter(|_| !matches!(hub.whose, Whose::Theirs(_)));
    // A hub that Azure failed to set up can be deleted, and nothing else.
    if let Some(document) = there.filter(|hub| !is_active(hub) && if doomed { !has_failed(hub) } else { !linked }) {
        return unsettled(&format!("IoT hub {name}"), document, now);
    }
    if doomed && !confirmed && hub.counted_devices().is_none_or(|devices| devices > 0) {
        return Plan::wait(Reason::AwaitingConfirmation, ask.to_owned(), None);
    }
    if linked {
        return unlink(seen, name, host.into_iter().collect(), now);
    }
    if let Some(ours) = role::ours(seen, hub) {
        let delete = Action::DeleteRole { id: hub_id(group, name), name: ours.name.clone() };
        return Plan::act(vec![delete], Reason::DeleteRole, format!("The provisioning service's role is being taken from IoT hub {name}"));
    }
    if doomed {
        let delete = Action::DeleteHub { id: hub_id(group, name) };
        return Plan::act(vec![delete], Reason::DeleteHub, format!("IoT hub {name} is being deleted"));
    }
    if hub.access.is_some() {
        let remove = Action::RemovePolicy { id: hub_id(group, name), policy: seen.policy.clone() };
        return Plan::act(vec![remove], Reason::DeleteLinkPolicy, format!("The link's policy is being taken from IoT hub {name}"));
    }
    if !hub.left.is_empty() {
        let forget = |(owner, entry): &(ObjectKey, String)| Action::ForgetDevice { owner: owner.clone(), entry: entry.clone() };
        let forgotten = hub.left.iter().map(forget).collect();
        return Plan::act(forgotten, Reason::DropClaim, format!("What is known of devices is gone with IoT hub {name}"));
    }
    Plan::met()
}

/// The devices in hubs, in words.
fn devices_of<'a>(hubs: impl IntoIterator<Item = &'a SeenHub>) -> String {
    let sum: Option<i64> = hubs.into_iter().map(SeenHub::counted_devices).sum();
    sum.map_or_else(|| "an unknown number of devices".to_owned(), |sum| format!("{sum} devices"))
}

fn unlink(seen: &Looked, name: &str, remove: Vec<HostName>, now: Timestamp) -> Plan<Action> {
    let Some(service) = &seen.service else { return Plan::met() };
    if !service.keeps_every_link() {
        let note =
            "the provisioning service has links that do not say how they work, which a write of ours might break; unlink the hubs there";
        return Plan::stalled(Reason::UnknownLinks, note);
    }
    if !matches!(service.provisioning_state(), Some("Succeeded") | None) {
        return Plan::wait(Reason::DependencyNotReady, "the provisioning service is busy", soon(now));
    }
    Plan::act(vec![Action::WriteLinks { add: Vec::new(), remove }], Reason::UnlinkHub, format!("IoT hub {name} is being unlinked"))
}

pub(super) fn absent(group: &TenantHubGroup, seen: &Looked, now: Timestamp) -> Plan<Action> {
    let confirmed = group.deletion_is_confirmed();
    let ask = group.confirmation(&format!("{} would lose their identities with the hubs", devices_of(&seen.hubs)));
    let mut whole = Plan::met();
    for hub in &seen.hubs {
        whole = both(whole, leave(group, seen, hub, true, confirmed, &ask, now));
    }
    whole = one_write_of_links(whole);
    if !(whole.actions.is_empty() && whole.standing == Standing::Met) {
        return whole;
    }
    let name = &group.spec.resource_group.name;
    if let Some(plan) = resource_group::leftover(&seen.group, name, now, || Action::DeleteGroup { name: name.clone() }) {
        return plan;
    }
    if !seen.entries.is_empty() {
        let entries = seen.entries.keys().map(|entry| (entry.clone(), None)).collect();
        return Plan::act(vec![Action::Record { entries }], Reason::DropClaim, "The ledger is being cleared");
    }
    Plan::met()
}

/// Several removals of links become one write of the provisioning service.
fn one_write_of_links(mut plan: Plan<Action>) -> Plan<Action> {
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
