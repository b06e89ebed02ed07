//! How many hubs a namespace may have, of what size, and what their links may be like.

use moorage_crds::{AllocationGrant, CloudAccount, TenantHubGroup};
use moorage_plan::{Reason, Standing, counted};

use super::{room::Room, roster::Roster};
use crate::{
    azure::{
        grants::{LinkRight, limiting},
        iot_hub::service_of,
    },
    controller::context::Caches,
    kinds::tenant_hub_group::plan::sku_name,
    object::Keyed,
};

/// Why nothing may be added yet, although there is room in the end: hubs that are taken out are to be gone before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crowded {
    /// Of hubs.
    pub hubs: Option<String>,
    /// Of links.
    pub links: Option<String>,
}

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
) -> Result<Crowded, Standing> {
    let (key, spec) = (group.key(), &group.spec);
    let (position, entry) = limiting(account, &key.name.namespace, &spec.resource_group.name).unzip();
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
    let roster = Roster::now(caches);
    let hubs = position
        .zip(entry.and_then(|entry| entry.max_hubs))
        .map_or(Ok(None), |(position, most)| told(roster.in_account(account, position, bound(most), &key), most, "the account's grant"))?;
    let link = link.and_then(|right| right.most.as_ref()).zip(service_of(group));
    let links = link.map_or(Ok(None), |((most, namespaces), service)| {
        told(roster.in_service(&service, namespaces, bound(*most), &key), *most, "the provisioning service's grant")
    })?;
    Ok(Crowded { hubs, links })
}

fn bound(most: i32) -> usize {
    usize::try_from(most).unwrap_or(0)
}

/// The room in a grant, in words: nothing if there is enough, a sentence if there will be.
///
/// # Errors
/// `QuotaExceeded` if there is none.
fn told(room: Option<Room>, most: i32, whose: &str) -> Result<Option<String>, Standing> {
    let granted = || format!("{whose} is for {}", counted(most.into(), "hub"));
    match room {
        Some(Room::Enough) => Ok(None),
        // It asked by another grant when it was seen last, and is judged again when it is seen as it is.
        None => Err(Standing::reconciling(Reason::Conflict, "the object has changed meanwhile, and is judged again")),
        Some(Room::Later) => Ok(Some(format!("{}, which leaves no room for another before one that was taken out is gone", granted()))),
        Some(Room::None { first, left, own }) => {
            let note = format!(
                "{}; {first} of other objects that come first, {left} that objects left behind and {own} of this one are too many: take some \
                 out, delete what was left behind and its page of the ledger, or ask its owner for more",
                granted()
            );
            Err(Standing::stalled(Reason::QuotaExceeded, note))
        }
    }
}
