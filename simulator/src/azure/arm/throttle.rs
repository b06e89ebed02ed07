//! How often the resource manager lets itself be called.

use std::collections::BTreeMap;

use http::Method;
use jiff::{SignedDuration, Timestamp};

use crate::azure::options::TokenBucket;
use crate::azure::resource::errors::arm;
use crate::azure::state::Azure;
use crate::engine::http::{Request, Response};

/// The kinds of calls that count apart; a POST counts as a write, even one that only reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CallKind {
    Read,
    Write,
    Deletion,
}

impl CallKind {
    fn of(method: &Method) -> Self {
        match *method {
            Method::GET | Method::HEAD => Self::Read,
            Method::DELETE => Self::Deletion,
            _ => Self::Write,
        }
    }

    fn header(self) -> &'static str {
        match self {
            Self::Read => "x-ms-ratelimit-remaining-subscription-reads",
            Self::Write => "x-ms-ratelimit-remaining-subscription-writes",
            Self::Deletion => "x-ms-ratelimit-remaining-subscription-deletes",
        }
    }
}

/// What each principal has left in each subscription, by kind of call.
#[derive(Default)]
pub(crate) struct Throttles(BTreeMap<(String, String, CallKind), Bucket>);

/// What a principal has left in a subscription.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    tokens: f64,
    filled: Timestamp,
}

impl Bucket {
    fn full(limit: TokenBucket, now: Timestamp) -> Self {
        Self { tokens: f64::from(limit.burst), filled: now }
    }

    /// Takes one call, and says how many are left; `Err` gives the time until there is another.
    fn take(&mut self, limit: TokenBucket, now: Timestamp) -> Result<f64, SignedDuration> {
        let rate = f64::from(limit.per_second);
        let passed = now.duration_since(self.filled).as_secs_f64().max(0.0);
        self.tokens = (self.tokens + passed * rate).min(f64::from(limit.burst));
        self.filled = now;
        if self.tokens < 1.0 {
            return Err(SignedDuration::from_secs_f64((1.0 - self.tokens) / rate.max(0.001)));
        }
        self.tokens -= 1.0;
        Ok(self.tokens)
    }
}

/// Counts a call of a principal in a subscription; gives the header that says what is left.
pub(crate) fn count(azure: &mut Azure, request: &Request, subscription: &str, now: Timestamp) -> Result<(&'static str, String), Response> {
    let kind = CallKind::of(&request.method);
    let limits = &azure.options.limits;
    let limit = match kind {
        CallKind::Read => limits.resource_reads,
        CallKind::Write => limits.resource_writes,
        CallKind::Deletion => limits.resource_deletions,
    };
    let principal = request.bearer().and_then(|text| azure.directory.token(text)).map(|token| token.client.clone()).unwrap_or_default();
    let bucket =
        azure.parts.get_mut::<Throttles>().0.entry((subscription.to_owned(), principal, kind)).or_insert_with(|| Bucket::full(limit, now));
    match bucket.take(limit, now) {
        Ok(left) => Ok((kind.header(), format!("{left:.0}"))),
        Err(wait) => {
            let message = "Number of requests for subscription exceeded the limit. Please try again after some time.";
            let seconds = (wait.as_secs() + 1).to_string();
            Err(arm(429, "SubscriptionRequestsThrottled", message).with("retry-after", seconds))
        }
    }
}
