//! How many hubs a namespace may have, of what size, and what their links may be like.

use std::collections::BTreeSet;

use moorage_crds::{AllocationGrant, CloudAccount, DeletionPolicy, TenantHubGroup};
use moorage_plan::{Reason, Standing, counted};

use crate::{
    azure::{
        accounts::account_key,
        arm_resource::ownership::age,
        facts::{WrittenHub, place_of_hubs},
        grants::{LinkRight, limiting, names},
        iot_hub::service_of,
    },
    controller::context::Caches,
    kinds::tenant_hub_group::{admit::is_granted, plan::sku_name},
    ledger::{
        Entries,
        entries::{ADOPTED, HUB, LEFT_HUB},
    },
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
    let entry = limiting(account, &key.name.namespace, &spec.resource_group.name);
    let ungranted = |what: String| Err(Standing::stalled(Reason::NotGranted, what));
    for hub in &spec.hubs {
        let (name, sku, of_account) = (&hub.name, hub.sku, &account.key().name);
        if let Some(skus) = entry.map(|entry| &entry.skus).filter(|skus| !skus.is_empty() && !skus.contains(&sku.name)) {
            let allowed: Vec<_> = skus.iter().map(|sku| format!("{sku:?}")).collect();
            return ungranted(format!(
                "CloudAccount {of_account} grants no hub of tier {}, as {name} is to have; take one of {}",
                sku_name(hub),
                allowed.join(", ")
            ));
        }
        if let Some(most) = entry.and_then(|entry| entry.max_units).filter(|most| sku.capacity > *most) {
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
    let is_entry = |namespace: &str, resource_group: &str| {
        let other = limiting(account, namespace, resource_group);
        other.zip(entry).is_some_and(|(other, entry)| std::ptr::eq(other, entry))
    };
    let by_account = |other: &TenantHubGroup| {
        let (namespace, of) = (other.key().name.namespace, &other.spec);
        account_key(&of.account_ref, &namespace) == account.key() && is_entry(&namespace, &of.resource_group.name)
    };
    let there = |namespace: &str, hub: &WrittenHub| hub.group_of(account).is_some_and(|group| is_entry(namespace, group));
    let most = entry.and_then(|entry| Some((entry.max_hubs?, &*entry.namespaces)));
    let of_account = within(group, caches, account, most, by_account, there, "the account's grant")?;
    let service = service_of(group);
    let by_service = |other: &TenantHubGroup| service_of(other) == service && is_granted(caches, other);
    let service_name = service.as_ref().map(|service| service.name.to_string());
    let linked = |_: &str, hub: &WrittenHub| service_name.as_ref() == Some(&hub.linked_to);
    let most = link.and_then(|right| right.most.as_ref()).map(|(most, namespaces)| (*most, &**namespaces));
    let of_service = within(group, caches, account, most, by_service, linked, "the provisioning service's grant")?;
    Ok(of_account.or(of_service))
}

/// The hubs that are there, or were left behind, keep their place in a grant; what is left goes to the oldest hub groups that ask for more.
fn within(
    group: &TenantHubGroup,
    caches: &Caches,
    account: &CloudAccount,
    limit: Option<(i32, &[String])>,
    is_counted: impl Fn(&TenantHubGroup) -> bool,
    is_left: impl Fn(&str, &WrittenHub) -> bool,
    whose: &str,
) -> Result<Option<String>, Standing> {
    let Some((most, namespaces)) = limit else { return Ok(None) };
    let (mine, key) = (named(group), group.key());
    let (entries, place) = (caches.ledger.of(&key), place_of_hubs(account, &group.spec.resource_group.name));
    let made = hubs_of_page(&entries);
    // Its own hub that is to be deleted makes room for another.
    let deletes = group.spec.deletion_policy == DeletionPolicy::Delete;
    let is_here = |hub: &String| WrittenHub::of(&entries, hub).is_none_or(|known| known.is_at(&place));
    let leaving: BTreeSet<_> = made.iter().filter(|hub| deletes && !mine.contains(*hub) && is_here(hub)).cloned().collect();
    let has_all = mine.is_subset(&made);
    let rank = |is_there: bool, of: &TenantHubGroup| (!is_there, age(of));
    let my_rank = rank(has_all || deletes && mine.len() <= made.len(), group);
    let others = caches.objects.of::<TenantHubGroup>().all().into_iter();
    let others = others.filter(|other| other.key() != key && names(namespaces, &other.key().name.namespace) && is_counted(other));
    let (mut first, mut there) = (BTreeSet::new(), BTreeSet::new());
    for other in others {
        let theirs = hubs_of_page(&caches.ledger.of(&other.key()));
        let asked = named(&other);
        there.extend(asked.intersection(&theirs).cloned());
        first.extend(asked.into_iter().filter(|hub| rank(theirs.contains(hub), &other) < my_rank));
    }
    let left = left_behind(caches, namespaces, |owner| owner.key() == key || is_counted(owner), is_left);
    // What was left behind keeps nobody from what it has.
    let left = if has_all { BTreeSet::new() } else { &left - &leaving };
    let most = usize::try_from(most).unwrap_or(0);
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

/// The hubs that a page says are there, or may be.
fn hubs_of_page(entries: &Entries) -> BTreeSet<String> {
    entries.keys().filter_map(|entry| entry.strip_prefix(HUB)).map(str::to_owned).collect()
}

/// The hubs that were made for objects of these namespaces that are gone, do not name them any more, ask for them by another right, or were
/// let go with them.
fn left_behind(
    caches: &Caches,
    namespaces: &[String],
    is_counted: impl Fn(&TenantHubGroup) -> bool,
    is_left: impl Fn(&str, &WrittenHub) -> bool,
) -> BTreeSet<String> {
    let in_grant = |(owner, ..): &(ObjectKey, String, String)| names(namespaces, &owner.name.namespace);
    let made = caches.ledger.beginning_with(HUB).into_iter().filter(|(.., record)| record != ADOPTED).filter(in_grant);
    let left = made.filter(|(owner, hub, _)| {
        let living = caches.objects.of::<TenantHubGroup>().get(&owner.name);
        let is_owned = living.is_some_and(|living| is_counted(&living) && named(&living).contains(hub));
        !is_owned && WrittenHub::of(&caches.ledger.of(owner), hub).is_some_and(|known| is_left(&owner.name.namespace, &known))
    });
    let let_go = caches.ledger.beginning_with(LEFT_HUB).into_iter().filter(in_grant);
    let let_go = let_go.filter(|(owner, _, known)| WrittenHub::read(known).is_some_and(|known| is_left(&owner.name.namespace, &known)));
    left.chain(let_go).map(|(_, hub, _)| hub).collect()
}
