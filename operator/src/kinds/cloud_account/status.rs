//! What an account's status says of what was seen.

use super::observe::Observed;
use crate::azure::usage::Count;
use jiff::SignedDuration;
use moorage_crds::{CloudAccount, CloudAccountStatus, CommonStatus};
use moorage_plan::{Reason, Why};

/// How many more hubs the subscription may have.
pub(super) fn headroom(seen: &Observed) -> Vec<(&'static str, i64)> {
    match seen {
        Observed::Accepted { hubs, .. } => hubs.iter().map(|hubs| ("hubs", hubs.left())).collect(),
        Observed::Leaving { .. } => Vec::new(),
    }
}

/// What is told of a machine's clock that is off by so much; it stays told in the same words while it is off by about the same.
pub(super) fn clock_warning(behind: SignedDuration) -> Option<Why> {
    let (direction, minutes) = (if behind.is_negative() { "ahead of" } else { "behind" }, (behind.abs().as_secs() + 30) / 60);
    let note = format!(
        "the clock of the operator's machine is about {minutes} min {direction} Azure's, by the Date of its replies; tokens and certificates are \
         made by Azure's, and whatever else runs on that machine goes by the wrong time: set its clock (NTP)"
    );
    (!behind.is_zero()).then(|| Why::new(Reason::ClockSkewed, note))
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
