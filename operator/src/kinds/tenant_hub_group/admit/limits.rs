//! How many hubs a namespace may have, of what size, and what their links may be like.

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
    ledger::entries::{self, ADOPTED, HUB, HUB_FACTS},
    object::{Keyed, ObjectKey},
};

/// Whether a hub group is within what the owners of its account and of its provisioning service grant.
///
/// # Errors
/// `NotGranted` for what is not granted at all, `QuotaExceeded` for one hub too many.
pub(super) fn is_within(group: &TenantHubGroup, caches: &Caches, account: &CloudAccount, link: Option<&LinkRight>) -> Result<(), Standing> {
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
    within(group, caches, most.as_ref(), by_account, there, "the account's grant")?;
    let by_service = |other: &TenantHubGroup| service_of(other) == service_of(group) && is_granted(caches, other);
    let linked = |facts: Option<WrittenHub>| {
        facts.is_some_and(|facts| Some(facts.linked_to) == service_of(group).map(|service| service.name.to_string()))
    };
    within(group, caches, link.and_then(|right| right.most.as_ref()), by_service, linked, "the provisioning service's grant")
}

/// The oldest hub groups of the namespaces of a grant keep their place in it, after the hubs that objects have left behind.
fn within(
    group: &TenantHubGroup,
    caches: &Caches,
    limit: Option<&(i32, Vec<String>)>,
    is_counted: impl Fn(&TenantHubGroup) -> bool,
    is_left: impl Fn(Option<WrittenHub>) -> bool,
    whose: &str,
) -> Result<(), Standing> {
    let Some((most, namespaces)) = limit else { return Ok(()) };
    let others = caches.objects.of::<TenantHubGroup>().all().into_iter();
    let older = others.filter(|other| names(namespaces, &other.key().name.namespace) && is_counted(other) && age(&**other) < age(group));
    let mine = group.spec.hubs.len();
    let older: usize = older.map(|other| other.spec.hubs.len()).sum();
    let left = left_behind(group, caches, namespaces, is_left);
    let most = usize::try_from(*most).unwrap_or(0);
    if older + left + mine <= most {
        return Ok(());
    }
    let granted = counted(i64::try_from(most).unwrap_or(i64::MAX), "hub");
    let note = format!(
        "{whose} is for {granted}; {older} of older objects, {left} that objects left behind and {mine} of this one are too many: take some out, \
         delete what was left behind and its page of the ledger, or ask its owner for more"
    );
    Err(Standing::stalled(Reason::QuotaExceeded, note))
}

/// How many hubs were made for objects of these namespaces that are gone, or do not name them any more, and are not this group's now.
fn left_behind(group: &TenantHubGroup, caches: &Caches, namespaces: &[String], is_left: impl Fn(Option<WrittenHub>) -> bool) -> usize {
    let names_it = |group: &TenantHubGroup, hub: &str| group.spec.hubs.iter().any(|named| named.name.eq_ignore_ascii_case(hub));
    let made = caches.ledger.beginning_with(HUB).into_iter();
    let made = made.filter(|(owner, _, record)| record != ADOPTED && names(namespaces, &owner.name.namespace));
    // What this group takes out it deletes, and could not while it were stalled for it.
    let deletes = group.spec.deletion_policy == DeletionPolicy::Delete;
    let left = made.filter(|(owner, ..)| !(deletes && *owner == group.key()));
    let left = left.filter(|(owner, hub, _)| {
        let owner = caches.objects.of::<TenantHubGroup>().get(&owner.name);
        !owner.is_some_and(|owner| names_it(&owner, hub)) && !names_it(group, hub)
    });
    let facts =
        |owner: &ObjectKey, hub: &str| caches.ledger.of(owner).get(&entries::of(HUB_FACTS, hub)).and_then(|text| WrittenHub::read(text));
    left.filter(|(owner, hub, _)| is_left(facts(owner, hub))).count()
}
