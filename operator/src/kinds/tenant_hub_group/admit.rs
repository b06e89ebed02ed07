//! What is judged of a hub group before Azure is asked: who still needs it, the grants, and who wants its hubs too.

mod limits;

use std::collections::BTreeSet;

use moorage_crds::{DeletionPolicy, TenantHubGroup};
use moorage_plan::{Goal, Reason, Standing};

use crate::{
    azure::{
        accounts::{self, GrantedAccount, account_key},
        arm_resource::ownership::age,
        dps::{self, GrantedService},
        iot_hub::service_of,
    },
    controller::{context::Caches, reconcile::dependents::users_of_kind},
    ledger::entries::{self, HUB, is_in_place, recorded},
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
    /// Why no hub may be added yet, although there is room in the end.
    pub(super) crowded: Option<String>,
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
    }
    let namespace = &key.name.namespace;
    let account = accounts::granted(&caches.objects, &spec.account_ref, namespace, &spec.resource_group.name)?;
    let service = service_of(group).map(|service| dps::granted(&caches.objects, &service.name, namespace)).transpose()?;
    let crowded = match goal {
        Goal::Present => limits::is_within(group, caches, &account.object, service.as_ref().map(|service| &service.right))?,
        Goal::Absent => None,
    };
    Ok(Admitted::Granted(Grant { account, service, contested: contested(group, caches), crowded }))
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

/// The hubs of the spec that another object wants too, which has them by the ledger, or is older: it keeps them.
fn contested(group: &TenantHubGroup, caches: &Caches) -> BTreeSet<String> {
    let wants = |other: &TenantHubGroup, name: &str| other.spec.hubs.iter().any(|hub| hub.name.eq_ignore_ascii_case(name));
    let others = caches.objects.of::<TenantHubGroup>().all().into_iter();
    let others = others.filter(|other| group.spec.hubs.iter().any(|hub| wants(other, &hub.name)));
    let others: Vec<_> = others.filter(|other| other.key() != group.key() && is_granted(caches, other)).collect();
    // Another account proves nothing until its object has a hub: anybody can make one that names any subscription.
    let account = |group: &TenantHubGroup| account_key(&group.spec.account_ref, &group.key().name.namespace);
    // A hub of the same name is another's only in the same resource group.
    let place = |group: &TenantHubGroup| (account(group), group.spec.resource_group.name.to_lowercase());
    let names = group.spec.hubs.iter().map(|hub| hub.name.to_lowercase());
    let is_anothers = |name: &String| {
        let rank = |group: &TenantHubGroup| (!holds(caches, group, name), age(group));
        let counts = |other: &TenantHubGroup| holds(caches, other, name) || place(other) == place(group) && is_admitted(caches, other);
        others.iter().any(|other| wants(other, name) && counts(other) && rank(other) < rank(group))
    };
    names.filter(is_anothers).collect()
}

/// Whether a group has a hub, as the ledger says.
fn holds(caches: &Caches, group: &TenantHubGroup, name: &str) -> bool {
    is_in_place(recorded(&caches.ledger.of(&group.key()), &entries::of(HUB, name)))
}

/// Whether a group may have what it asks for, with its limits.
fn is_admitted(caches: &Caches, group: &TenantHubGroup) -> bool {
    let (spec, namespace) = (&group.spec, group.key().name.namespace);
    let account = accounts::granted(&caches.objects, &spec.account_ref, &namespace, &spec.resource_group.name);
    let service = service_of(group).map(|service| dps::granted(&caches.objects, &service.name, &namespace)).transpose();
    let (Ok(account), Ok(service)) = (account, service) else { return false };
    limits::is_within(group, caches, &account.object, service.as_ref().map(|service| &service.right)).is_ok()
}

fn is_granted(caches: &Caches, group: &TenantHubGroup) -> bool {
    let spec = &group.spec;
    accounts::granted(&caches.objects, &spec.account_ref, &group.key().name.namespace, &spec.resource_group.name).is_ok()
}
