//! What becomes of a hub group: each hub decides for itself, then all links are written at once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use moorage_cloud::Hub;
use moorage_crds::{DeletionPolicy, IotHub, TenantHubGroup, annotations};
use moorage_plan::{Act, Goal, Plan, Reason, Standing, Why, counted};

use crate::{
    azure::api_version::{not_rewritten, not_undone},
    azure::arm_resource::{self, Desired, Named, Obstacles, Step, is_active, phase, resource_group, unsettled},
    azure::facts::WrittenHub,
    controller::kind::Kind,
    kinds::tenant_hub_group::{
        drift, links,
        observe::{LiveState, Observed, ObservedHub, hub_id, is_elsewhere},
        perform::Action,
        roles,
    },
    ledger::entries::{self, ADOPTED, HUB, HUB_FACTS, HUB_PLACE, LEFT, LEFT_HUB, LEFT_IN, LINK, LINKED_TO, ROLE, recorded},
    object::ObjectKey,
};

pub(super) fn plan(group: &TenantHubGroup, seen: &Observed, goal: Goal, now: Timestamp) -> Plan<Action> {
    match (goal, seen) {
        (_, Observed::Kept { devices: Some(devices) }) => {
            Plan::wait(Reason::InUse, format!("still needed by {devices} to undo what they made"), None)
        }
        (_, Observed::Kept { devices: None }) => Plan::met(),
        (Goal::Present, Observed::Live(seen)) => present(group, seen, now),
        (Goal::Absent, Observed::Live(seen)) => absent(group, seen, now),
    }
}

fn present(group: &TenantHubGroup, seen: &LiveState, now: Timestamp) -> Plan<Action> {
    let place = &group.spec.resource_group;
    // One in which no hub can be made is not made either.
    let is_to_be_made = |hub: &ObservedHub| hub.desired.is_some() && hub.resource.document.is_none() && !hub.resource.name_is_taken;
    if seen.crowded.hubs.is_none()
        && seen.hubs.iter().any(is_to_be_made)
        && let Some(plan) =
            resource_group::missing(&seen.group, &place.name, (place.location.as_deref(), &group.spec.tags), now, Action::Group)
    {
        return plan;
    }
    let is_left = drift::is_left(group, seen);
    let as_reported = |plan| if is_left { drift::without_corrections(plan) } else { plan };
    let mut whole = Plan::met();
    for hub in &seen.hubs {
        let plan = match &hub.desired {
            Some(desired) => hub_present(group, seen, hub, desired, now),
            None => hub_dropped(group, seen, hub, now),
        };
        whole = both(whole, as_reported(plan));
    }
    whole = one_record(whole);
    let takes_devices = |hub: &ObservedHub| {
        let lets_in = |document: &Hub| if seen.is_to_link { hub.is_linked(&seen.policy) } else { !document.refuses_keys() };
        hub.resource.own().is_some_and(|document| is_active(document) && lets_in(document))
    };
    let usable = seen.hubs.iter().filter(|hub| hub.desired.is_some()).all(|hub| takes_devices(hub) || seen.was_in_use(hub));
    drift::record_or_tell(group, seen, both(whole, as_reported(links::plan(group, seen, now)))).usable(usable)
}

/// Both plans at once: all actions, the worse standing, the earlier look.
pub(super) fn both(mut a: Plan<Action>, b: Plan<Action>) -> Plan<Action> {
    let rank = |standing: &Standing| match standing {
        Standing::Met => 0,
        // It says less than what the hub waits for that is to make room.
        Standing::Reconciling(why) if why.reason == Reason::QuotaExceeded => 1,
        Standing::Reconciling(_) => 2,
        Standing::Stalled(_) => 3,
    };
    a.actions.extend(b.actions);
    if rank(&b.standing) > rank(&a.standing) {
        a.standing = b.standing;
    }
    a.by(b.look_again)
}

/// What a step in the life of a hub is as an action.
fn action(group: &TenantHubGroup, hub: &ObservedHub, place: &str) -> impl Fn(Step) -> Action {
    let (id, desired) = (hub_id(group, &hub.name), hub.desired.as_ref());
    let [entry, at] = [HUB, HUB_PLACE].map(|prefix| entries::of(prefix, &hub.name));
    let place = place.to_owned();
    let location = desired.map(|hub| hub.location.clone()).unwrap_or_default();
    let (sku, units) = desired.map_or(("", 0), |hub| (sku_name(hub), i64::from(hub.sku.capacity)));
    move |step| match step {
        Step::Group(change) => Action::Group(change),
        Step::Record(to) => {
            Action::Record { entries: vec![(entry.clone(), to.map(str::to_owned)), (at.clone(), to.map(|_| place.clone()))] }
        }
        Step::Create => Action::CreateHub { id: id.clone(), location: location.clone(), sku: sku.to_owned(), units },
        Step::Delete => Action::DeleteHub { id: id.clone() },
    }
}

fn hub_present(group: &TenantHubGroup, seen: &LiveState, hub: &ObservedHub, desired: &IotHub, now: Timestamp) -> Plan<Action> {
    let (name, what) = (&hub.name, format!("IoT hub {}", hub.name));
    let named = Named { what: &what, group: &group.spec.resource_group.name };
    let life = Desired {
        named,
        location: group.spec.resource_group.location.as_deref(),
        tags: &group.spec.tags,
        adoption: desired.adoption,
        granted: seen.granted,
        creation: Reason::CreateHub,
        vanished: (group.annotation(annotations::RECREATE) != Some(name)).then(|| {
            format!(
                "{what} has vanished from Azure, with the identities of its devices; restore it, or annotate this object with {}={name} \
                 to have it made anew",
                annotations::RECREATE
            )
        }),
        refused: no_room_yet(seen, hub).or_else(|| no_room(seen, hub, desired).filter(|_| hub.resource.document.is_none())),
    };
    let document = match arm_resource::present(life, &seen.group, &hub.resource, now) {
        Ok(document) => document,
        Err(plan) => return links::noting_stale(seen, hub, plan.map(action(group, hub, &seen.place))),
    };
    if let Some(plan) = refuses_keys(seen, hub, document) {
        return plan;
    }
    let change = change(group, seen, hub, document, desired);
    let loss = change.as_ref().and_then(|_| document.possible_loss());
    if let Some(change) = change.filter(|_| loss.is_none()) {
        let (why, note) = (change.reason(), format!("{what} is being brought to its spec"));
        return Plan::act(vec![change], why, note);
    }
    if let Some(plan) = arm_resource::in_place(named, &hub.resource) {
        return plan.map(action(group, hub, &seen.place));
    }
    let mut plan = roles::plan(seen, hub, &hub_id(group, name), now);
    if let Some(loss) = loss {
        let Why { reason, note } = not_rewritten(&what, &loss);
        plan = both(plan, Plan::stalled(reason, note));
    }
    match links::ask_to_relink(group, seen, hub) {
        Some(asked) => both(plan, asked),
        None => plan,
    }
}

/// Refuses a hub that takes no keys and is used by one.
fn refuses_keys(seen: &LiveState, hub: &ObservedHub, document: &Hub) -> Option<Plan<Action>> {
    if !document.refuses_keys() || seen.is_to_link && hub.wants_identity() {
        return None;
    }
    let why = if seen.is_to_link {
        "it is linked by key; allow keys on it, or set link.authentication: Identity"
    } else {
        "devices are made in it by one; allow keys on it"
    };
    let note = format!("IoT hub {} refuses keys (disableLocalAuth), and {why}", hub.name);
    Some(Plan::stalled(Reason::LocalAuthDisabled, note))
}

/// The change that brings a hub to its spec, if it needs one.
fn change(group: &TenantHubGroup, seen: &LiveState, hub: &ObservedHub, document: &Hub, desired: &IotHub) -> Option<Action> {
    let (resized, with_policy) = (drift::is_resized(hub, document, desired), drift::lacks_policy(seen, hub));
    let tagged = drift::lacks_tags(seen, hub, document);
    let size = resized.then(|| (sku_name(desired).to_owned(), i64::from(desired.sku.capacity)));
    let policy = with_policy.then(|| seen.policy.clone());
    let why = if resized || !with_policy { Reason::UpdateHub } else { Reason::CreateLinkPolicy };
    (resized || with_policy || tagged).then(|| Action::ChangeHub { id: hub_id(group, &hub.name), size, policy, tagged, why })
}

/// Has a hub wait until those are gone that were taken out for it.
fn no_room_yet(seen: &LiveState, hub: &ObservedHub) -> Option<Plan<Step>> {
    let why = seen.crowded.hubs.as_ref().filter(|_| hub.resource.record.is_none())?;
    Some(Plan::wait(Reason::QuotaExceeded, format!("IoT hub {} waits: {why}", hub.name), None))
}

/// Refuses a hub that the subscription has no room for, beside those of the spec that come before it.
fn no_room(seen: &LiveState, hub: &ObservedHub, desired: &IotHub) -> Option<Plan<Step>> {
    let is_free = |hub: &IotHub| sku_name(hub) == "F1";
    let usage = seen.usages.iter().find(|usage| usage.free == is_free(desired))?;
    let is_missing = |other: &&ObservedHub| {
        other.resource.document.is_none() && other.desired.as_ref().is_some_and(|other| is_free(other) == usage.free)
    };
    let missing = seen.hubs.iter().filter(is_missing);
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

pub(super) fn sku_name(hub: &IotHub) -> &'static str {
    use moorage_crds::SkuName::{B1, B2, B3, F1, S1, S2, S3};
    match hub.sku.name {
        F1 => "F1",
        B1 => "B1",
        B2 => "B2",
        B3 => "B3",
        S1 => "S1",
        S2 => "S2",
        S3 => "S3",
    }
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
fn hub_dropped(group: &TenantHubGroup, seen: &LiveState, hub: &ObservedHub, now: Timestamp) -> Plan<Action> {
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
        let known = [HUB, HUB_PLACE, HUB_FACTS, LINK, LINKED_TO, ROLE].map(|prefix| entries::of(prefix, &hub.name)).into_iter();
        let struck = known.filter(|entry| seen.entries.contains_key(entry)).map(|entry| (entry, None));
        let struck = struck.chain(left_elsewhere(seen, &entries::of(LEFT_HUB, &hub.name)));
        // What stays in Azure takes room in a grant.
        let left = hub.resource.own().filter(|_| hub.resource.record.as_deref() != Some(ADOPTED));
        let left = left.map(|_| {
            let entry = entries::of(LEFT_HUB, &hub.name);
            let left = entries::left_beside(recorded(&seen.entries, &entry), &seen.place);
            (entry, left)
        });
        let entries: BTreeMap<_, _> = struck.chain(left.map(|(entry, facts)| (entry, Some(facts)))).collect();
        let strike = Action::Record { entries: entries.into_iter().collect() };
        return Plan::act(vec![strike], Reason::DropClaim, format!("IoT hub {} is let go", hub.name));
    }
    plan
}

/// Takes a hub out of use: out of enrollments, then unlinked, then without our policy, then, if it is ours, gone.
fn leave(
    group: &TenantHubGroup,
    seen: &LiveState,
    hub: &ObservedHub,
    delete: bool,
    confirmed: bool,
    ask: &str,
    now: Timestamp,
) -> Plan<Action> {
    let (name, what) = (&hub.name, format!("IoT hub {}", hub.name));
    let named = Named { what: &what, group: &group.spec.resource_group.name };
    if let Some(plan) = arm_resource::overlooked(named, &hub.resource, now) {
        return plan;
    }
    if delete {
        let obstacles = Obstacles {
            in_use: links::in_use(seen, hub, now),
            settles_first: true,
            unconfirmed: (!confirmed && hub.counted_devices().is_none_or(|devices| devices > 0)).then(|| ask.to_owned()),
            undo: undo(group, seen, hub, now),
        };
        if let Some(plan) = arm_resource::absent(named, &hub.resource, obstacles, Reason::DeleteHub, now, action(group, hub, &seen.place)) {
            return plan;
        }
    }
    let linked = hub.is_linked_by(&seen.policy);
    if let Some(plan) = links::in_use(seen, hub, now).filter(|_| linked) {
        return plan;
    }
    if let Some(document) = hub.resource.own().filter(|hub| !is_active(*hub) && !linked) {
        return unsettled(&what, phase(document), now);
    }
    if let Some(plan) = undo(group, seen, hub, now) {
        return plan;
    }
    if hub.access.is_some() {
        if let Some(loss) = hub.resource.own().and_then(Hub::possible_loss) {
            let Why { reason, note } = not_undone(&what, &loss, &format!("take its access policy {} away", seen.policy));
            return Plan::stalled(reason, note);
        }
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

/// What ties a hub to its provisioning service is undone before the hub goes, or is let go.
fn undo(group: &TenantHubGroup, seen: &LiveState, hub: &ObservedHub, now: Timestamp) -> Option<Plan<Action>> {
    if hub.is_linked_by(&seen.policy) {
        return Some(links::unlink(seen, hub, now));
    }
    let role = roles::ours(seen, hub)?;
    let delete = Action::DeleteRole { id: hub_id(group, &hub.name), name: role.name.clone() };
    let note = format!("The provisioning service's role is being taken from IoT hub {}", hub.name);
    Some(Plan::act(vec![delete], Reason::DeleteRole, note))
}

/// The devices in hubs, in words.
fn devices_of<'a>(hubs: impl IntoIterator<Item = &'a ObservedHub>) -> String {
    let sum: Option<i64> = hubs.into_iter().map(ObservedHub::counted_devices).sum();
    sum.map_or_else(|| "an unknown number of devices".to_owned(), |sum| counted(sum, "device"))
}

/// What a page says that was left behind, without what is where the hubs are now, if there is such: a look here says nothing of any other, nor
/// of a link to a service that is not looked at.
fn left_elsewhere(seen: &LiveState, entry: &str) -> Option<(String, Option<String>)> {
    let service = seen.links_to.as_ref().map(|service| service.name.to_string());
    let is_seen = |left: &WrittenHub| left.is_at(&seen.place) && (left.linked_to.is_none() || left.linked_to == service);
    let text = recorded(&seen.entries, entry)?;
    let rest: Vec<_> = WrittenHub::left(text).filter(|(left, _)| !is_seen(left)).map(|(_, text)| text).collect();
    let changed = rest.len() < WrittenHub::left(text).count();
    changed.then(|| (entry.to_owned(), (!rest.is_empty()).then(|| rest.join(LEFT_IN))))
}

fn absent(group: &TenantHubGroup, seen: &LiveState, now: Timestamp) -> Plan<Action> {
    let confirmed = group.deletion_is_confirmed();
    let ask = group.confirmation(&format!("{} would lose their identities with the hubs", devices_of(&seen.hubs)));
    let mut whole = Plan::met();
    for hub in &seen.hubs {
        whole = both(whole, leave(group, seen, hub, true, confirmed, &ask, now));
    }
    whole = links::one_write(whole);
    if !(whole.actions.is_empty() && whole.standing == Standing::Met) {
        return whole;
    }
    let name = &group.spec.resource_group.name;
    // Those were deleted; what was let go before, or is elsewhere, is still there.
    let of_hub = |entry: &str| {
        let prefixes = [HUB, HUB_PLACE, HUB_FACTS, LINK, LINKED_TO, ROLE];
        prefixes.iter().find_map(|prefix| entry.strip_prefix(prefix)).is_some_and(|hub| is_elsewhere(&seen.entries, hub, &seen.place))
    };
    let struck = seen.entries.keys().filter(|entry| !entry.starts_with(LEFT) && !of_hub(entry)).map(|entry| (entry.clone(), None));
    let left = seen.hubs.iter().filter_map(|hub| left_elsewhere(seen, &entries::of(LEFT_HUB, &hub.name)));
    let struck: Vec<_> = struck.chain(left).collect();
    arm_resource::leave_group(&seen.group, name, !struck.is_empty(), now, |step| match step {
        Step::Group(change) => Action::Group(change),
        _ => Action::Record { entries: struck.clone() },
    })
}
