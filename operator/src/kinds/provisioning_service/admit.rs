//! What is judged of a provisioning service before Azure is asked: who still needs it, its account's grant, and who wants it too.

use moorage_crds::{DeletionPolicy, ProvisioningService};
use moorage_plan::{Goal, Standing};

use crate::{
    azure::{
        accounts::{self, GrantedAccount},
        arm_resource::ownership::older_claim,
    },
    controller::{context::Caches, reconcile::dependents::users_to_wait_for},
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
    let users = (goal == Goal::Absent).then(|| users_to_wait_for(&caches.objects, &key)).flatten();
    let kept = goal == Goal::Absent && (spec.deletion_policy == DeletionPolicy::Retain || users.is_some());
    // Whoever has something to undo needs the hosts that the status tells, and a status can be lost.
    let told = object.status.as_ref().is_some_and(|status| status.service_operations_host.is_some());
    if kept && (users.is_none() || told) {
        return Ok(Admitted::Kept { users });
    }
    let account = accounts::granted(&caches.objects, &spec.account_ref, &key.name.namespace, &spec.resource_group)?;
    let is_same = |other: &ProvisioningService| other.spec.name.eq_ignore_ascii_case(&spec.name);
    let older = (goal == Goal::Present).then(|| older_claim(caches, object, is_same)).flatten();
    Ok(Admitted::Granted(Grant { account, older, users }))
}
