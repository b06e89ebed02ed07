//! What is judged of a provisioning service before Azure is asked: who still needs it, its account's grant, and who wants it too.

use std::collections::BTreeSet;

use moorage_crds::{CloudAccount, DeletionPolicy, ProvisioningService};
use moorage_plan::{Goal, Reason, Standing, counted};

use crate::{
    azure::{
        accounts::{self, GrantedAccount},
        arm_resource::ownership::age,
        facts::{ServiceFacts, in_subscription, place_of_service, service_place},
        grants::limiting,
        tags,
    },
    controller::{context::Caches, reconcile::dependents::users_to_wait_for},
    ledger::entries::{ADOPTED, LEFT_SERVICE, SERVICE, SERVICE_PLACE, recorded},
    object::{Keyed, ObjectKey},
};

/// What may be done for a service.
#[derive(Clone, Debug)]
pub enum Admitted {
    /// It is to go, and the cloud is none of its business.
    Kept { users: Option<String> },
    /// It may be looked at.
    Granted(Grant),
}

/// What a look at a service rests on.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The account that reaches it.
    pub(super) account: GrantedAccount,
    /// Another object that has the service.
    pub(super) holder: Option<ObjectKey>,
    /// Who still needs it to undo what they made, if it is to go.
    pub(super) users: Option<String>,
}

pub(super) fn admit(object: &ProvisioningService, caches: &Caches, goal: Goal) -> Result<Admitted, Standing> {
    let (key, spec) = (object.key(), &object.spec);
    let users = (goal == Goal::Absent).then(|| users_to_wait_for(caches, &key)).flatten();
    let kept = goal == Goal::Absent && (spec.deletion_policy == DeletionPolicy::Retain || users.is_some());
    let granted = || accounts::granted(&caches.objects, &spec.account_ref, &key.name.namespace, &spec.resource_group);
    // Whoever has something to undo needs its hosts, and the ledger can be lost.
    let is_known = || {
        granted().is_ok_and(|account| {
            let place = service_place(&account.object.spec.azure.subscription_id, object);
            ServiceFacts::of(&caches.ledger, &key, &place, account.cloud()).is_some()
        })
    };
    // Whoever has nothing in the ledger has made nothing.
    let made_nothing = goal == Goal::Absent && users.is_none() && !caches.ledger.says_made(&key);
    if made_nothing || kept && (users.is_none() || is_known()) {
        return Ok(Admitted::Kept { users });
    }
    let account = granted()?;
    is_what_it_was(object, caches, &account.object)?;
    if goal == Goal::Present {
        tags::validate(&spec.tags)?;
        is_within(object, caches, &account.object)?;
    }
    let holder = (goal == Goal::Present).then(|| holder(object, caches, &account.object)).flatten();
    Ok(Admitted::Granted(Grant { account, holder, users }))
}

/// Whether the service is that of the object's page: one of another name, or in another place, that was made in the name of a former object would
/// be forgotten.
fn is_what_it_was(object: &ProvisioningService, caches: &Caches, account: &CloudAccount) -> Result<(), Standing> {
    let entries = caches.ledger.of(&object.key());
    // Also one that was only claimed: it may have been made since.
    let is_made = recorded(&entries, SERVICE).is_some();
    let place = service_place(&account.spec.azure.subscription_id, object);
    let Some(former) = recorded(&entries, SERVICE_PLACE).filter(|former| is_made && in_subscription(former) != in_subscription(&place))
    else {
        return Ok(());
    };
    let name = former.rsplit('/').next().unwrap_or_default();
    let note = format!(
        "provisioning service {name} was made, adopted or asked for in the name of a former object of this name, and would be forgotten; name that \
         one, where it is, or make this object under another name"
    );
    Err(Standing::stalled(Reason::AlreadyExists, note))
}

/// Whether there is room for a service in the entry of its account that limits how many there may be, by the ledger: whoever only asks takes none.
fn is_within(object: &ProvisioningService, caches: &Caches, account: &CloudAccount) -> Result<(), Standing> {
    let (key, group) = (object.key(), &object.spec.resource_group);
    let Some((entry, grant)) = limiting(account, &key.name.namespace, group) else { return Ok(()) };
    let Some(most) = grant.max_services else { return Ok(()) };
    let is_entry = |namespace: &str, group: &str| limiting(account, namespace, group).is_some_and(|(position, _)| position == entry);
    let place = service_place(&account.spec.azure.subscription_id, object);
    let takes_room =
        |owner: &ObjectKey, place: &str| place_of_service(account, place).is_some_and(|(group, _)| is_entry(&owner.name.namespace, group));
    let made = caches.ledger.owners_of(SERVICE_PLACE).into_iter().filter(|(owner, place)| {
        takes_room(owner, place) && recorded(&caches.ledger.of(owner), SERVICE).is_some_and(|record| record != ADOPTED)
    });
    let let_go = caches.ledger.beginning_with(LEFT_SERVICE).into_iter().filter(|(owner, _, place)| takes_room(owner, place));
    let there: BTreeSet<_> = made.map(|(_, place)| place).chain(let_go.map(|(.., place)| place)).collect();
    if there.contains(&place) {
        return Ok(());
    }
    if there.len() < usize::try_from(most).unwrap_or(0) {
        return Ok(());
    }
    let note = format!(
        "the account's grant is for {}, and {} are there, or were left behind: delete one, and its page of the ledger, or ask its owner for more",
        counted(most.into(), "provisioning service"),
        there.len()
    );
    Err(Standing::stalled(Reason::QuotaExceeded, note))
}

/// Another object that has the service, as the ledger says: it keeps it. Whoever only asks for one has no right to it, and one of the same name in another
/// subscription or resource group is another one.
fn holder(object: &ProvisioningService, caches: &Caches, account: &CloudAccount) -> Option<ObjectKey> {
    let (key, place) = (object.key(), service_place(&account.spec.azure.subscription_id, object));
    let rank = |owner: &ObjectKey| caches.objects.of::<ProvisioningService>().get(&owner.name).map(|owner| age(&*owner));
    let holds = |owner: &ObjectKey| recorded(&caches.ledger.of(owner), SERVICE).is_some();
    let holders = caches.ledger.owners_of(SERVICE_PLACE).into_iter();
    let mut holders: Vec<_> = holders
        .filter(|(owner, at)| in_subscription(at) == in_subscription(&place) && holds(owner))
        .filter_map(|(owner, _)| rank(&owner))
        .collect();
    holders.sort();
    // Both may have it, by a restore: then it is that of the older one.
    holders.into_iter().next().map(|(_, owner)| owner).filter(|owner| *owner != key)
}
