//! `CloudAccount`: who the operator is in a cloud.

use jiff::{SignedDuration, Timestamp};
use moorage_cloud::Detail;
use moorage_crds::{AcceptedIdentity, CloudAccount, CloudAccountStatus, CommonStatus};
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
    Accepted(Option<AcceptedIdentity>),
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
        clouds::secret_of(self).map(Thing::Secret).into_iter().collect()
    }

    fn told(&self) -> Option<&CommonStatus> {
        self.status.as_ref().map(|status| &status.common)
    }

    /// It must outlive those who need it to undo what they made: a namespace's deletion finds it last.
    fn has_something_to_undo(&self) -> bool {
        true
    }

    fn outlook(&self) -> Value {
        let accepted = self.status.as_ref().map(|status| &status.identity);
        json!([self.spec, was_usable(self.told()), accepted, self.metadata.deletion_timestamp.is_some()])
    }

    async fn observe(&self, env: &Env, goal: Goal) -> Result<Seen, Halt> {
        match goal {
            Goal::Present => {
                let arm = clouds::arm_of(env, self).await?;
                let accepted = clouds::accepted(env, self);
                arm.probe().await.map_err(|error| Error::cloud(self.remedy(&error), error))?;
                Ok(Seen::Accepted(accepted))
            }
            Goal::Absent => Ok(Seen::Leaving { users: users_to_wait_for(env, &self.key()) }),
        }
    }

    fn plan(&self, seen: &Seen, _: Goal, _: Timestamp) -> Plan<Action> {
        match seen {
            Seen::Accepted(_) | Seen::Leaving { users: None } => Plan::met(),
            Seen::Leaving { users: Some(users) } => {
                Plan::wait(Reason::InUse, format!("still needed by {users} to undo what they made"), None)
            }
        }
    }

    async fn perform(&self, _: &Env, action: &Action) -> Result<(), Error> {
        match *action {}
    }

    fn tell(&self, seen: &Seen, common: CommonStatus) -> Value {
        let identity = match seen {
            Seen::Accepted(identity) => identity.clone(),
            Seen::Leaving { .. } => self.status.as_ref().and_then(|status| status.identity.clone()),
        };
        let status = CloudAccountStatus { common, identity };
        serde_json::to_value(status).expect("a status serializes")
    }
}

/// What an account says of itself.
trait Explain {
    fn remedy(&self, error: &moorage_cloud::Error) -> String;
}

impl Explain for CloudAccount {
    /// What failed, and what a person can do about it.
    fn remedy(&self, error: &moorage_cloud::Error) -> String {
        let azure = &self.spec.azure;
        let (subscription, tenant) = (&azure.subscription_id, &azure.tenant_id);
        match (error.detail(), error.code()) {
            (Detail::SubscriptionNotFound, _) => format!(
                "subscription {subscription} is not there, or not for this application: give the application a role in it, \
                 or make a CloudAccount with the right subscriptionId"
            ),
            (_, Some("InvalidAuthenticationTokenTenant")) => {
                format!("subscription {subscription} belongs to another tenant than {tenant}: correct spec.azure.tenantId")
            }
            (_, Some("AuthorizationFailed")) => {
                format!("the application has no role in subscription {subscription}: give it one with the rights in docs/security.md")
            }
            _ => format!("failed to reach subscription {subscription}"),
        }
    }
}

#[cfg(test)]
mod tests;
