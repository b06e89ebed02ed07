//! Whether an account is one that can be tried: exactly one proof of who the operator is, or nobody who needs it any more.

use moorage_crds::CloudAccount;
use moorage_plan::{Goal, Standing};

use crate::{
    azure::accounts::{Proof, proof_of},
    controller::{context::Caches, reconcile::dependents::users_to_wait_for},
    object::Keyed,
};

/// What is to become of an account.
#[derive(Debug)]
pub enum Admitted {
    /// It is to be tried.
    Tried,
    /// It is to go; these still need it.
    Leaving {
        /// Who needs it.
        users: Option<String>,
    },
}

/// Judges the account.
///
/// # Errors
/// Where that leaves it.
pub(super) fn admit(account: &CloudAccount, caches: &Caches, goal: Goal) -> Result<Admitted, Standing> {
    match goal {
        Goal::Present => match proof_of(account)? {
            Proof::Secret(_) | Proof::ServiceAccount(_) => Ok(Admitted::Tried),
        },
        Goal::Absent => Ok(Admitted::Leaving { users: users_to_wait_for(caches, &account.key()) }),
    }
}
