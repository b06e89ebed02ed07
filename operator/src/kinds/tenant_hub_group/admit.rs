//! What is judged of a hub group before Azure is asked: who still needs it, the grants, and who wants its hubs too.

mod limits;
mod room;
mod roster;

use std::collections::BTreeSet;

use moorage_cloud::Cloud;
use moorage_crds::{CloudAccount, DeletionPolicy, TenantHubGroup};
use moorage_plan::{Goal, Reason, Standing};

pub use self::limits::Crowded;
use self::roster::{Member, Roster};
use crate::{
    azure::{
        accounts::{self, GrantedAccount},
        dps::{self, GrantedService},
        facts::{WrittenHub, has_made_through, in_subscription, place_of_hubs},
        iot_hub::service_of,
        tags,
    },
    controller::{context::Caches, reconcile::dependents::users_of_kind},
    ledger::entries::{self, HUB, LEFT_HUB, LINKED_TO, recorded},
    object::{Keyed, KindName},
};

/// What may be done for a hub group.
#[derive(Clone, Debug)]
pub enum Admitted {
    /// It is to go, and the cloud is none of its business; or not yet, for the sake of devices that are reached through it.
    Kept { devices: Option<String> },
    /// It may be looked at.
    Granted(Grant),
}

/// What a look at a hub group rests on.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The account that reaches the hubs.
    pub(super) account: GrantedAccount,
    /// The provisioning service to which the hubs are linked, if there is to be one.
    pub(super) service: Option<GrantedService>,
    /// The hubs of the spec that another object keeps, in lower case.
    pub(super) contested: BTreeSet<String>,
    /// What has to wait, although there is room in the end.
    pub(super) crowded: Crowded,
}

pub(super) fn admit(group: &TenantHubGroup, caches: &Caches, goal: Goal) -> Result<Admitted, Standing> {
    let (key, spec) = (group.key(), &group.spec);
    let devices = (goal == Goal::Absent).then(|| users_of_kind(caches, &key, KindName::DeviceCredential)).flatten();
    // Whoever has nothing in the ledger has made nothing.
    let made_nothing = !caches.ledger.says_made(&key);
    if goal == Goal::Absent && (made_nothing || spec.deletion_policy == DeletionPolicy::Retain || devices.is_some()) {
        return Ok(Admitted::Kept { devices });
    }
    if goal == Goal::Present {
        is_each_hub_named_once(group)?;
        tags::validate(&spec.tags)?;
    }
    let namespace = &key.name.namespace;
    let account = accounts::granted(&caches.objects, &spec.account_ref, namespace, &spec.resource_group.name)?;
    is_what_it_was(group, caches, &account.object)?;
    let service = match service_of(group) {
        Some(service) => match dps::granted(&caches.objects, &service.name, namespace) {
            // Whoever has linked nothing there has nothing to undo there.
            Err(_) if goal == Goal::Absent && !has_made_through(&caches.ledger.of(&key), &service) => None,
            granted => Some(granted?),
        },
        None => None,
    };
    if let Some(service) = service.as_ref().filter(|service| goal == Goal::Present && service.cloud() != account.cloud()) {
        return Err(in_another_cloud(service, account.cloud()));
    }
    let crowded = match goal {
        Goal::Present => limits::is_within(group, caches, &account.object, service.as_ref().map(|service| &service.right))?,
        Goal::Absent => Crowded::default(),
    };
    let contested = contested(group, caches, &account.object);
    Ok(Admitted::Granted(Grant { account, service, contested, crowded }))
}

/// A provisioning service links hubs of its own cloud: no name of another means anything there.
fn in_another_cloud(service: &GrantedService, cloud: Cloud) -> Standing {
    let own = service.cloud();
    let note = format!(
        "the hubs are in Azure's cloud {cloud}, and ProvisioningService {} is in {own}: a provisioning service links hubs of its own cloud only; \
         name one in {cloud}, or take an account of {own}",
        service.object.key().name
    );
    Standing::stalled(Reason::Invalid, note)
}

/// Azure's names have no case: a hub that is named twice would be brought to two sizes in turn.
fn is_each_hub_named_once(group: &TenantHubGroup) -> Result<(), Standing> {
    let mut names = BTreeSet::new();
    let twice = group.spec.hubs.iter().find(|hub| !names.insert(hub.name.to_lowercase()));
    twice.map_or(Ok(()), |hub| {
        let note = format!(
            "spec.hubs names IoT hub {} twice, in letters of another case, which is one hub to Azure; take one of the two out",
            hub.name
        );
        Err(Standing::stalled(Reason::Invalid, note))
    })
}

/// The hubs of the spec that another object has here, as the ledger says: it keeps them. Whoever only asks for one has no right to it, and a hub of the
/// same name is another one in another subscription or resource group.
fn contested(group: &TenantHubGroup, caches: &Caches, account: &CloudAccount) -> BTreeSet<String> {
    let (roster, key) = (Roster::now(caches), group.key());
    let here = place_of_hubs(account, &group.spec.resource_group.name);
    let mine = roster.of(&key);
    let is_anothers = |name: &String| {
        let holds = |member: &Member| member.holds(name, in_subscription(&here));
        let mut others = roster.holding(name).filter(|other| other.key != key && holds(other));
        match mine.filter(|mine| holds(mine)) {
            // Both have adopted it, or a restore gave it to both.
            Some(mine) => others.any(|other| other.age < mine.age),
            None => others.next().is_some(),
        }
    };
    group.spec.hubs.iter().map(|hub| hub.name.to_lowercase()).filter(is_anothers).collect()
}

/// Whether the hubs that a group names are those of its page: one that was made in another place, or is linked to another provisioning service,
/// in the name of a former object, would be forgotten.
fn is_what_it_was(group: &TenantHubGroup, caches: &Caches, account: &CloudAccount) -> Result<(), Standing> {
    let entries = caches.ledger.of(&group.key());
    let here = place_of_hubs(account, &group.spec.resource_group.name);
    let service = service_of(group).map(|service| service.name.to_string());
    let links = entries.iter().filter_map(|(entry, service)| Some((entry.strip_prefix(LINKED_TO)?.to_owned(), service.clone())));
    let named = || group.spec.hubs.iter().map(|hub| hub.name.to_lowercase());
    let left = named().flat_map(|hub| {
        let text = recorded(&entries, &entries::of(LEFT_HUB, &hub)).unwrap_or_default();
        let left = WrittenHub::left(text).filter(|(left, _)| left.is_at(&here));
        left.filter_map(|(left, _)| Some((hub.clone(), left.linked_to?))).collect::<Vec<_>>()
    });
    let former = |what: String, remedy: &str| {
        let note = format!("{what} in the name of a former object of this name; {remedy}, or make the hub group under another name");
        Err(Standing::stalled(Reason::AlreadyExists, note))
    };
    if let Some((hub, linked_to)) = links.chain(left).find(|(_, linked_to)| Some(linked_to) != service.as_ref()) {
        let what = format!("IoT hub {hub} is linked to ProvisioningService {linked_to}");
        return former(what, "name that one in spec.provisioningServiceRef");
    }
    let is_elsewhere = |hub: &String| {
        // Also one that was only claimed: it may have been made since.
        let known = WrittenHub::of(&entries, hub).filter(|_| recorded(&entries, &entries::of(HUB, hub)).is_some());
        known.is_some_and(|known| known.in_subscription() != in_subscription(&here))
    };
    match named().find(is_elsewhere) {
        Some(hub) => former(
            format!("IoT hub {hub} was made, adopted or asked for in another subscription or resource group"),
            "name the account and the resource group that it is in",
        ),
        None => Ok(()),
    }
}

fn is_granted(caches: &Caches, group: &TenantHubGroup) -> bool {
    let spec = &group.spec;
    accounts::granted(&caches.objects, &spec.account_ref, &group.key().name.namespace, &spec.resource_group.name).is_ok()
}
