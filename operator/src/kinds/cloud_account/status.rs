//! What an account's status says of what was seen.

use super::observe::Seen;
use crate::azure::usage::Count;
use moorage_crds::{CloudAccount, CloudAccountStatus, CommonStatus};

/// How many more hubs the subscription may have.
pub(super) fn headroom(seen: &Seen) -> Vec<(&'static str, i64)> {
    match seen {
        Seen::Accepted { hubs, .. } => hubs.iter().map(|hubs| ("hubs", hubs.left())).collect(),
        Seen::Leaving { .. } => Vec::new(),
    }
}

/// What the account is good for.
pub(super) fn ready_message(account: &CloudAccount) -> String {
    let azure = &account.spec.azure;
    format!("Azure accepts the identity in tenant {} and lets it into subscription {}", azure.tenant_id, azure.subscription_id)
}

/// The status.
pub(super) fn build(account: &CloudAccount, seen: &Seen, common: CommonStatus) -> CloudAccountStatus {
    match seen {
        Seen::Accepted { identity, hubs } => CloudAccountStatus { common, identity: identity.clone(), hubs: hubs.map(Count::told) },
        Seen::Leaving { .. } => CloudAccountStatus { common, ..account.status.clone().unwrap_or_default() },
    }
}
