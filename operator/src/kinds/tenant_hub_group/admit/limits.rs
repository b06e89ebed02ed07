//! How many hubs a namespace may have, of what size, and what their links may be like.

use std::collections::BTreeSet;

use moorage_crds::{AllocationGrant, CloudAccount, DeletionPolicy, TenantHubGroup};
use moorage_plan::{Reason, Standing, counted};

use crate::{
    azure::{
        accounts::account_key,
        arm_resource::ownership::age,
        facts::WrittenHub,
        grants::{HubLimits, LinkRight, hub_limits, names},
        iot_hub::service_of,
    },
    controller::context::Caches,
    kinds::tenant_hub_group::{admit::is_granted, plan::sku_name},
    ledger::entries::{self, ADOPTED, HUB, HUB_FACTS, LEFT_HUB},
    object::{Keyed, ObjectKey},
};

/// Whether a hub group is within what the owners of its account and of its provisioning service grant; with a sentence if it is not before
/// hubs that it takes out are gone.
///
/// # Errors
/// `NotGranted` for what is not granted at all, `QuotaExceeded` for one hub too many.
pub(super) fn is_within(
    group: &TenantHubGroup,
    caches: &Caches,
    account: &CloudAccount,
    link: Option<&LinkRight>,
) -> Result<Option<String>, Standing> {
    let (key, spec) = (group.key(), &group.spec);
    let HubLimits { most, skus, most_units } = hub_limits(account, &key.name.namespace, &spec.resource_group.name);
    let ungranted = |what: String| Err(Standing::stalled(Reason::NotGranted, what));
    for hub in &spec.hubs {
        let (name, sku, of_account) = (&hub.name, hub.sku, &account.key().name);
        if !skus.is_empty() && !skus.contains(&sku.name) {
            let allowed: Vec<_> = skus.iter().map(|sku| format!("{sku:?}")).collect();
            return ungranted(format!(
                "CloudAccount {of_account} grants no hub of tier {}, as {name} is to have; take one of {}",
                sku_name(hub),
                allowed.join(", ")
            ));
        }
        if let Some(most) = most_units.filter(|most| sku.capacity > *most) {
            return ungranted(format!(
                "CloudAccount {of_account} grants a hub {}, and {name} is to have {}; take fewer, or ask its owner",
                counted(most.into(), "unit"),
                sku.capacity
            ));
        }
        let takes_any = link.is_some_and(|right| right.allocation < AllocationGrant::Any) && hub.link.apply_allocation_policy;
        if takes_any {
            let note = format!(
                "the provisioning service's grant does not let hub {name} take devices of enrollments that name no hubs; set \
                 link.applyAllocationPolicy: false, or ask its owner for allocation: Any"
            );
            return ungranted(note);
        }
    }
    // Whoever was not granted what it asks for takes nobody's room.
    let by_account = |other: &TenantHubGroup| {
        let (namespace, of) = (other.key().name.namespace, &other.spec);
        let is_same = account_key(&of.account_ref, &namespace) == account.key();
        is_same && hub_limits(account, &namespace, &of.resource_group.name).most == most && is_granted(caches, other)
    };
    let subscription = &account.spec.azure.subscription_id;
    let there = |facts: Option<WrittenHub>| facts.is_none_or(|facts| facts.is_in(subscription));
    let of_account = within(group, caches, most.as_ref(), by_account, there, "the account's grant")?;
    let by_service = |other: &TenantHubGroup| service_of(other) == service_of(group) && is_granted(caches, other);
    let linked = |facts: Option<WrittenHub>| {
        facts.is_some_and(|facts| Some(facts.linked_to) == service_of(group).map(|service| service.name.to_string()))
    };
    let most = link.and_then(|right| right.most.as_ref());
    let of_service = within(group, caches, most, by_service, linked, "the provisioning service's grant")?;
    Ok(of_account.or(of_service))
}

/// The hubs that are there, or were left behind, keep their place in a grant; what is left goes to the oldest hub groups that ask for more.
fn within(
    group: &TenantHubGroup,
    caches: &Caches,
    limit: Option<&(i32, Vec<String>)>,
    is_counted: impl Fn(&TenantHubGroup) -> bool,
    is_left: impl Fn(Option<WrittenHub>) -> bool,
    whose: &str,
) -> Result<Option<String>, Standing> {
    let Some((most, namespaces)) = limit else { return Ok(None) };
    let (mine, key) = (named(group), group.key());
    let made = hubs_of_page(caches, &key);
    // Its own hub that is to be deleted makes room for another.
    let deletes = group.spec.deletion_policy == DeletionPolicy::Delete;
    let leaving: BTreeSet<_> = made.iter().filter(|hub| deletes && !mine.contains(*hub)).cloned().collect();
    let has_all = mine.is_subset(&made);
    let rank = |is_there: bool, of: &TenantHubGroup| (!is_there, age(of));
    let my_rank = rank(has_all || deletes && mine.len() <= made.len(), group);
    let others = caches.objects.of::<TenantHubGroup>().all().into_iter();
    let others = others.filter(|other| other.key() != key && names(namespaces, &other.key().name.namespace) && is_counted(other));
    let (mut first, mut there) = (BTreeSet::new(), BTreeSet::new());
    for other in others {
        let theirs = hubs_of_page(caches, &other.key());
        let asked = named(&other);
        there.extend(asked.intersection(&theirs).cloned());
        first.extend(asked.into_iter().filter(|hub| rank(theirs.contains(hub), &other) < my_rank));
    }
    let left = &left_behind(caches, namespaces, is_left) - &leaving;
    let most = usize::try_from(*most).unwrap_or(0);
    let beside = |hubs: &BTreeSet<String>| hubs.difference(&mine).count();
    let granted = || format!("{whose} is for {}", counted(i64::try_from(most).unwrap_or(i64::MAX), "hub"));
    if beside(&(&first | &left)) + mine.len() > most {
        let (first, left, mine) = (beside(&first), beside(&(&left - &first)), mine.len());
        let note = format!(
            "{}; {first} of other objects that come first, {left} that objects left behind and {mine} of this one are too many: take some \
             out, delete what was left behind and its page of the ledger, or ask its owner for more",
            granted()
        );
        return Err(Standing::stalled(Reason::QuotaExceeded, note));
    }
    let waits = !has_all && beside(&(&(&first | &there) | &(&left | &leaving))) + mine.len() > most;
    Ok(waits.then(|| format!("{}, which leaves no room for another before one that was taken out is gone", granted())))
}

/// The hubs that a group names, in lower case.
fn named(group: &TenantHubGroup) -> BTreeSet<String> {
    group.spec.hubs.iter().map(|hub| hub.name.to_lowercase()).collect()
}

/// The hubs that the page of a group says are there, or may be.
fn hubs_of_page(caches: &Caches, owner: &ObjectKey) -> BTreeSet<String> {
    caches.ledger.of(owner).keys().filter_map(|entry| entry.strip_prefix(HUB)).map(str::to_owned).collect()
}

/// The hubs that were made for objects of these namespaces that are gone, do not name them any more, or were let go with them.
fn left_behind(caches: &Caches, namespaces: &[String], is_left: impl Fn(Option<WrittenHub>) -> bool) -> BTreeSet<String> {
    let in_grant = |(owner, ..): &(ObjectKey, String, String)| names(namespaces, &owner.name.namespace);
    let made = caches.ledger.beginning_with(HUB).into_iter().filter(|(.., record)| record != ADOPTED).filter(in_grant);
    let left = made.filter(|(owner, hub, _)| {
        let owner = caches.objects.of::<TenantHubGroup>().get(&owner.name);
        !owner.is_some_and(|owner| named(&owner).contains(hub))
    });
    let facts =
        |owner: &ObjectKey, hub: &str| caches.ledger.of(owner).get(&entries::of(HUB_FACTS, hub)).and_then(|text| WrittenHub::read(text));
    let left = left.filter(|(owner, hub, _)| is_left(facts(owner, hub)));
    let let_go = caches.ledger.beginning_with(LEFT_HUB).into_iter().filter(in_grant);
    let let_go = let_go.filter(|(.., facts)| is_left(WrittenHub::read(facts)));
    left.chain(let_go).map(|(_, hub, _)| hub).collect()
}
