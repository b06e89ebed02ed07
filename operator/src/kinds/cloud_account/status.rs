//! What an account's status says of what was seen.

use super::observe::Observed;
use crate::azure::usage::Count;
use moorage_crds::{CloudAccount, CloudAccountStatus, CommonStatus};

/// How many more hubs the subscription may have.
pub(super) fn headroom(seen: &Observed) -> Vec<(&'static str, i64)> {
    match seen {
        Observed::Accepted { hubs, .. } => hubs.iter().map(|hubs| ("hubs", hubs.left())).collect(),
        Observed::Leaving { .. } => Vec::new(),
    }
}

/// What the account is good for.
pub(super) fn ready_message(account: &CloudAccount) -> String {
    let azure = &account.spec.azure;
    format!("Azure accepts the identity in tenant {} and lets it into subscription {}", azure.tenant_id, azure.subscription_id)
}

/// The status.
pub(super) fn build(account: &CloudAccount, seen: &Observed, common: CommonStatus) -> CloudAccountStatus {
    match seen {
        Observed::Accepted { identity, hubs } => CloudAccountStatus { common, identity: identity.clone(), hubs: hubs.map(Count::headroom) },
        Observed::Leaving { .. } => CloudAccountStatus { common, ..account.status.clone().unwrap_or_default() },
    }
}
