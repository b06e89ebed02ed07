//! Calls that were not sent, by our own decision: each says so, and what it waits for.

use std::sync::Arc;

use jiff::SignedDuration;

use crate::error::{Class, Detail, Error, Failure};

/// A bulkhead is asked again after so long.
const UNTIL_THERE_IS_ROOM: SignedDuration = SignedDuration::from_secs(1);

/// In the name of a scope or of a bulkhead, what follows it says who calls: one and the same to those who are the same to the cloud. It is not told
/// to whoever made the call, for the account is often another's.
pub(crate) const CALLER: &str = " for ";

fn told(name: &str) -> &str {
    name.split_once(CALLER).map_or(name, |(told, _)| told)
}

/// Why a call was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// Whoever has this name did not answer, and is not asked for so long.
    NotAnswering { name: Arc<str>, wait: SignedDuration },
    /// As many calls as we allow ourselves are under way to whoever has this name.
    BulkheadFull { name: Arc<str> },
    /// Our own budget, or the payer's share of it, has no call left for so long.
    OutOfBudget { scope: Arc<str>, quota: &'static str, wait: SignedDuration },
    /// The service asked for a pause, of which so much is left.
    Paused { scope: Arc<str>, quota: &'static str, wait: SignedDuration },
}

impl Rejected {
    /// The failure of the step that the call was for.
    ///
    /// The wait is not in its text: it goes into conditions, and the same failure must read the same each time.
    pub(crate) fn error(&self, step: &'static str) -> Error {
        let wait = self.wait();
        let (class, detail, message) = match self {
            Self::NotAnswering { name, .. } => (
                Class::Unavailable,
                Detail::NotAnswering,
                format!("{} did not answer several calls in a row; until it does, it is asked only now and then", told(name)),
            ),
            Self::BulkheadFull { name } => (
                Class::RateLimited(wait),
                Detail::BulkheadFull,
                format!("as many calls as Moorage allows itself at once are under way to {}; nothing was sent", told(name)),
            ),
            Self::OutOfBudget { scope, quota, .. } => (
                Class::RateLimited(wait),
                Detail::OutOfBudget,
                format!("Moorage's own budget {quota} for {} has no call left for now; nothing was sent", told(scope)),
            ),
            Self::Paused { scope, quota, .. } => (
                Class::Throttled(Some(wait)),
                Detail::Paused,
                format!(
                    "the cloud throttled calls and asked for a pause, so budget {quota} for {} is closed; nothing was sent",
                    told(scope)
                ),
            ),
        };
        let failure = Failure::new(step, class, detail, message);
        Failure { retry_after: Some(wait), ..failure }.into()
    }

    fn wait(&self) -> SignedDuration {
        match self {
            Self::BulkheadFull { .. } => UNTIL_THERE_IS_ROOM,
            Self::NotAnswering { wait, .. } | Self::OutOfBudget { wait, .. } | Self::Paused { wait, .. } => *wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Class, Detail, Rejected, SignedDuration};

    #[test]
    fn our_own_limits_and_the_clouds_are_told_apart_in_class_detail_and_words() {
        let wait = SignedDuration::from_secs(9);
        let (scope, quota) = (|| "hub.example.net".into(), "registry");
        let table = [
            (
                Rejected::NotAnswering { name: scope(), wait },
                Class::Unavailable,
                Detail::NotAnswering,
                "hub.example.net did not answer several calls in a row; until it does, it is asked only now and then",
            ),
            (
                Rejected::BulkheadFull { name: scope() },
                Class::RateLimited(SignedDuration::from_secs(1)),
                Detail::BulkheadFull,
                "as many calls as Moorage allows itself at once are under way to hub.example.net; nothing was sent",
            ),
            (
                Rejected::OutOfBudget { scope: scope(), quota, wait },
                Class::RateLimited(wait),
                Detail::OutOfBudget,
                "Moorage's own budget registry for hub.example.net has no call left for now; nothing was sent",
            ),
            (
                Rejected::Paused { scope: scope(), quota, wait },
                Class::Throttled(Some(wait)),
                Detail::Paused,
                "the cloud throttled calls and asked for a pause, so budget registry for hub.example.net is closed; nothing was sent",
            ),
        ];
        let called = Rejected::BulkheadFull { name: "hub.example.net for the account for s as c of t".into() };
        assert_eq!(called.error("read it").message(), table[1].3, "who calls is not told");
        for (rejected, class, detail, message) in table {
            let error = rejected.error("read it");
            assert_eq!((error.step(), error.class(), error.detail(), error.message()), ("read it", class, detail, message));
            assert_eq!((error.status(), error.retry_after()), (None, Some(rejected.wait())), "{message}");
        }
    }
}
