//! Trying an account: whether the cloud accepts the identity, and what the subscription holds.

use super::admit::Admitted;
use crate::{
    azure::{Context, accounts, usage::Count},
    error::{Error, ObserveError},
    object::Keyed,
};
use moorage_cloud::{Arm, Detail};
use moorage_crds::{AcceptedIdentity, CloudAccount};

/// What was seen of an account's world.
pub enum Observed {
    /// The cloud accepted the identity, and told how many hubs the subscription has, if it may be asked.
    Accepted { identity: Option<AcceptedIdentity>, hubs: Option<Count> },
    /// The account is to go; these still need it.
    Leaving { users: Option<String> },
}

/// Tries the account.
///
/// # Errors
/// What the cloud says, with what a person can do about it.
pub(super) async fn observe(account: &CloudAccount, ctx: &Context, admitted: &Admitted) -> Result<Observed, ObserveError> {
    if let Admitted::Leaving { users } = admitted {
        return Ok(Observed::Leaving { users: users.clone() });
    }
    let arm = accounts::arm_of(ctx, account).await?;
    let identity = accounts::accepted(ctx, account);
    arm.probe().await.map_err(|error| Error::cloud(remedy(account, &error), error))?;
    Ok(Observed::Accepted { identity, hubs: count_hubs(account, ctx, &arm).await })
}

/// A count that fails, or that the account may not ask for, holds nothing up: the last one stays until the next look.
async fn count_hubs(account: &CloudAccount, ctx: &Context, arm: &Arm) -> Option<Count> {
    let (what, now, at) = (accounts::hubs_of(account), ctx.clock.now(), account.key().name);
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
fn remedy(account: &CloudAccount, error: &moorage_cloud::Error) -> String {
    let azure = &account.spec.azure;
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
