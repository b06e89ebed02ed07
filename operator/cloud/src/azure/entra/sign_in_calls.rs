//! Sign-ins, as metrics and the log are told of them.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Request};
use tokio::time::Instant;

use crate::azure::client::Shared;
use crate::error::Class;
use crate::flow::observe::{CallRecord, Outcome};

/// Tells the observer and the log of each sign-in that goes over the network.
pub(super) struct SignInCalls(Arc<Shared>);

impl SignInCalls {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self(shared.clone())
    }
}

#[async_trait]
impl Policy for SignInCalls {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let started = Instant::now();
        let result = next[0].send(ctx, request, &next[1..]).await;
        let status = result.as_ref().ok().map(|reply| u16::from(reply.status()));
        let outcome = match status {
            Some(200..=299) => Outcome::Done,
            Some(429) => Outcome::Failed(Class::Throttled(None)),
            Some(400..=499) => Outcome::Failed(Class::Denied),
            _ => Outcome::Failed(Class::Unavailable),
        };
        tracing::debug!(host = %self.0.cloud.login(), status, outcome = outcome.as_str(), "Signed in");
        let record = CallRecord { host: "login", operation: "token", outcome, duration: started.elapsed() };
        self.0.observer.on_call(&record);
        result
    }
}

impl fmt::Debug for SignInCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignInCalls")
    }
}
