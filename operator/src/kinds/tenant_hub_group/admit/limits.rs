//! How many hubs a namespace may have, of what size, and what their links may be like.

use moorage_crds::{AllocationGrant, CloudAccount, TenantHubGroup};
use moorage_plan::{Reason, Standing, counted};

use crate::{
    azure::{
        accounts::account_key,
        arm_resource::ownership::age,
        grants::{HubLimits, LinkRight, hub_limits, names},
        iot_hub::service_of,
    },
    controller::context::Caches,
    kinds::tenant_hub_group::{admit::is_granted, plan::sku_name},
    object::Keyed,
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
    within(group, caches, most.as_ref(), by_account, "the account's grant")?;
    let by_service = |other: &TenantHubGroup| service_of(other) == service_of(group) && is_granted(caches, other);
    within(group, caches, link.and_then(|right| right.most.as_ref()), by_service, "the provisioning service's grant")
}

/// The oldest hub groups of the namespaces of a grant keep their place in it.
fn within(
    group: &TenantHubGroup,
    caches: &Caches,
    limit: Option<&(i32, Vec<String>)>,
    is_counted: impl Fn(&TenantHubGroup) -> bool,
    whose: &str,
) -> Result<(), Standing> {
    let Some((most, namespaces)) = limit else { return Ok(()) };
    let others = caches.objects.of::<TenantHubGroup>().all().into_iter();
    let older = others.filter(|other| names(namespaces, &other.key().name.namespace) && is_counted(other) && age(&**other) < age(group));
    let (older, mine): (usize, usize) = (older.map(|other| other.spec.hubs.len()).sum(), group.spec.hubs.len());
    let most = usize::try_from(*most).unwrap_or(0);
    if older + mine <= most {
        return Ok(());
    }
    let granted = counted(i64::try_from(most).unwrap_or(i64::MAX), "hub");
    let note = format!(
        "{whose} is for {granted}; {older} of older objects and {mine} of this one are too many: take some out, or ask its owner for more"
    );
    Err(Standing::stalled(Reason::QuotaExceeded, note))
}
