//! `CloudAccount`: who the operator is in a cloud.

use jiff::{SignedDuration, Timestamp};
use moorage_crds::{CloudAccount, CloudAccountStatus, CommonStatus};
use moorage_plan::{Goal, Plan, Reason};
use serde_json::{Value, json};

use crate::{
    clouds,
    env::Env,
    error::{Error, Halt},
    key::{KindName, Thing},
    kind::{Act, Kind},
    kinds::users_to_wait_for,
    status::was_usable,
    store::{Store, Stores},
};

/// What was seen of an account's world.
pub enum Seen {
    /// The cloud accepted the identity.
    Accepted,
    /// The account is to go; these still need it.
    Leaving { users: Option<String> },
}

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

impl Kind for CloudAccount {
    const NAME: KindName = KindName::CloudAccount;
    const DRIFT_PERIOD: SignedDuration = SignedDuration::from_mins(30);
    type Observed = Seen;
    type Action = Action;

    fn store(stores: &Stores) -> &Store<Self> {
        &stores.accounts
    }

    fn references(&self) -> Vec<Thing> {
        vec![Thing::Secret(clouds::secret_of(self))]
    }

    fn told(&self) -> Option<&CommonStatus> {
        self.status.as_ref().map(|status| &status.common)
    }

    /// It must outlive those who need it to undo what they made: a namespace's deletion finds it last.
    fn has_something_to_undo(&self) -> bool {
        true
    }

    fn outlook(&self) -> Value {
        json!([self.spec, was_usable(self.told()), self.metadata.deletion_timestamp.is_some()])
    }

    async fn observe(&self, env: &Env, goal: Goal) -> Result<Seen, Halt> {
        match goal {
            Goal::Present => {
                let arm = clouds::arm_of(env, self).await?;
                let step = format!("failed to reach subscription {}", self.spec.azure.subscription_id);
                arm.probe().await.map_err(|error| Error::cloud(step, error))?;
                Ok(Seen::Accepted)
            }
            Goal::Absent => Ok(Seen::Leaving { users: users_to_wait_for(env, &self.key()) }),
        }
    }

    fn plan(&self, seen: &Seen, _: Goal, _: Timestamp) -> Plan<Action> {
        match seen {
            Seen::Accepted | Seen::Leaving { users: None } => Plan::met(),
            Seen::Leaving { users: Some(users) } => {
                Plan::wait(Reason::InUse, format!("still needed by {users} to undo what they made"), None)
            }
        }
    }

    async fn perform(&self, _: &Env, action: &Action) -> Result<(), Error> {
        match *action {}
    }

    fn tell(&self, _: &Seen, common: CommonStatus) -> Value {
        let status = CloudAccountStatus { common };
        serde_json::to_value(status).expect("a status serializes")
    }
}

#[cfg(test)]
mod tests;
