//! `CloudAccount`: who the operator is in a cloud.

use jiff::{SignedDuration, Timestamp};
use moorage_cloud::{Arm, Detail};
use moorage_crds::{AcceptedIdentity, CloudAccount, CloudAccountStatus, CommonStatus};
use moorage_plan::{Act, Goal, Plan, Reason, Standing};
use serde_json::{Value, json};

use crate::{
    azure::{Context, Writer, accounts, clients::Clients, usage::Count},
    controller::{
        context::Caches,
        kind::{Kind, Performed},
        reconcile::dependents::users_to_wait_for,
        status::was_usable,
    },
    error::{Error, ObserveError},
    object::{Dependency, Keyed},
};

/// What was seen of an account's world.
pub enum Seen {
    /// The cloud accepted the identity, and told how many hubs the subscription has, if it may be asked.
    Accepted { identity: Option<AcceptedIdentity>, hubs: Option<Count> },
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
    const DRIFT_PERIOD: SignedDuration = SignedDuration::from_mins(30);
    const WAKES_INDIRECT_REFERRERS: bool = true;

    type Clients = Clients;
    type Admitted = ();
    type Observed = Seen;
    type Action = Action;

    fn references(&self) -> Vec<Dependency> {
        accounts::secret_of(self).map(Dependency::Secret).into_iter().collect()
    }

    fn status(&self) -> Option<&CommonStatus> {
        self.status.as_ref().map(|status| &status.common)
    }

    /// It must outlive those who need it to undo what they made: a namespace's deletion finds it last.
    fn has_something_to_undo(&self) -> bool {
        true
    }

    fn visible_to_dependents(&self) -> Value {
        let accepted = self.status.as_ref().map(|status| &status.identity);
        json!([self.spec, was_usable(Kind::status(self)), accepted, self.metadata.deletion_timestamp.is_some()])
    }

    fn admit(&self, _: &Caches, _: Goal) -> Result<(), Standing> {
        Ok(())
    }

    async fn observe(&self, ctx: &Context, (): &(), goal: Goal) -> Result<Seen, ObserveError> {
        match goal {
            Goal::Present => {
                let arm = accounts::arm_of(ctx, self).await?;
                let identity = accounts::accepted(ctx, self);
                arm.probe().await.map_err(|error| Error::cloud(self.remedy(&error), error))?;
                Ok(Seen::Accepted { identity, hubs: self.count_hubs(ctx, &arm).await })
            }
            Goal::Absent => Ok(Seen::Leaving { users: users_to_wait_for(&ctx.objects, &self.key()) }),
        }
    }

    fn plan(&self, seen: &Seen, _: Goal, _: Timestamp) -> Plan<Action> {
        match seen {
            Seen::Accepted { .. } | Seen::Leaving { users: None } => Plan::met(),
            Seen::Leaving { users: Some(users) } => {
                Plan::wait(Reason::InUse, format!("still needed by {users} to undo what they made"), None)
            }
        }
    }

    async fn perform(&self, _: &Writer<'_>, action: &Action) -> Performed {
        match *action {}
    }

    fn headroom(&self, seen: &Seen) -> Vec<(&'static str, i64)> {
        match seen {
            Seen::Accepted { hubs, .. } => hubs.iter().map(|hubs| ("hubs", hubs.left())).collect(),
            Seen::Leaving { .. } => Vec::new(),
        }
    }

    fn ready_message(&self, _: &Seen) -> String {
        let azure = &self.spec.azure;
        format!("Azure accepts the identity in tenant {} and lets it into subscription {}", azure.tenant_id, azure.subscription_id)
    }

    fn build_status(&self, seen: &Seen, common: CommonStatus) -> Value {
        let status = match seen {
            Seen::Accepted { identity, hubs } => CloudAccountStatus { common, identity: identity.clone(), hubs: hubs.map(Count::told) },
            Seen::Leaving { .. } => CloudAccountStatus { common, ..self.status.clone().unwrap_or_default() },
        };
        serde_json::to_value(status).expect("a status serializes")
    }
}

/// What an account says of itself.
trait Explain {
    fn count_hubs(&self, ctx: &Context, arm: &Arm) -> impl Future<Output = Option<Count>> + Send;
    fn remedy(&self, error: &moorage_cloud::Error) -> String;
}

impl Explain for CloudAccount {
    /// A count that fails, or that the account may not ask for, holds nothing up: the last one stays until the next look.
    async fn count_hubs(&self, ctx: &Context, arm: &Arm) -> Option<Count> {
        let (what, now, at) = (accounts::hubs_of(self), ctx.clock.now(), self.key().name);
        match ctx.clients.counts.fresh(&what, now) {
            Some(count) => Some(count),
            None => match (ctx.clients.counts.begin(&what), arm.hub_usages().await) {
                (began, Ok(usages)) => {
                    let paid = usages.into_iter().find(|usage| !usage.free).map(|usage| Count { used: usage.used, limit: usage.limit });
                    paid.inspect(|count| ctx.clients.counts.keep(what, began, *count, now))
                }
                (_, Err(error)) => {
                    tracing::debug!(account = %at, %error, "the hubs of the subscription were not counted");
                    ctx.clients.counts.last(&what)
                }
            },
        }
    }

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
