//! What is judged of a provisioning service before Azure is asked: who still needs it, its account's grant, and who wants it too.

use moorage_crds::{DeletionPolicy, ProvisioningService};
use moorage_plan::{Goal, Standing};

use crate::{
    azure::{
        accounts::{self, GrantedAccount, account_key},
        arm_resource::ownership::{Claim, earlier_claim},
        facts::{ServiceFacts, service_place},
    },
    controller::{context::Caches, reconcile::dependents::users_to_wait_for},
    ledger::entries::{SERVICE, is_in_place, recorded},
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
    /// An older object that wants the service of the same name.
    pub(super) older: Option<ObjectKey>,
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
            ServiceFacts::of(&caches.ledger, &key, &place).is_some()
        })
    };
    // Whoever has nothing in the ledger has made nothing.
    let made_nothing = goal == Goal::Absent && users.is_none() && !caches.ledger.says_made(&key);
    if made_nothing || kept && (users.is_none() || is_known()) {
        return Ok(Admitted::Kept { users });
    }
    let account = granted()?;
    let older = (goal == Goal::Present).then(|| earlier_claim(caches, object, &Name(object))).flatten();
    Ok(Admitted::Granted(Grant { account, older, users }))
}

/// The name of a service, of which there is one in the world.
struct Name<'a>(&'a ProvisioningService);

impl Claim<ProvisioningService> for Name<'_> {
    fn is_same(&self, rival: &ProvisioningService) -> bool {
        rival.spec.name.eq_ignore_ascii_case(&self.0.spec.name)
    }

    fn is_granted(&self, caches: &Caches, rival: &ProvisioningService) -> bool {
        let account = |of: &ProvisioningService| account_key(&of.spec.account_ref, &of.key().name.namespace);
        // Another account proves nothing until its object has the service: anybody can make one that names any subscription.
        let counts = account(rival) == account(self.0) || self.is_held(caches, rival);
        let spec = &rival.spec;
        counts && accounts::granted(&caches.objects, &spec.account_ref, &rival.key().name.namespace, &spec.resource_group).is_ok()
    }

    fn is_held(&self, caches: &Caches, object: &ProvisioningService) -> bool {
        is_in_place(recorded(&caches.ledger.of(&object.key()), SERVICE))
    }
}
