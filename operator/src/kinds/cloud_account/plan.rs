//! What becomes of an account: nothing is made for it.

use super::observe::Observed;
use moorage_plan::{Act, Plan, Reason};

/// An account makes nothing.
#[derive(Debug)]
pub enum Action {}

impl Act for Action {
    fn reason(&self) -> Reason {
        match *self {}
    }

    fn note(&self) -> String {
        match *self {}
    }
}

/// Decides.
pub(super) fn plan(seen: &Observed) -> Plan<Action> {
    match seen {
        Observed::Accepted { .. } | Observed::Leaving { users: None } => Plan::met(),
        Observed::Leaving { users: Some(users) } => {
            Plan::wait(Reason::InUse, format!("still needed by {users} to undo what they made"), None)
        }
    }
}
