//! The gate through which every effect goes: while this replica leads, one by one counted.

pub mod writer;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use moorage_plan::{Class, Reason, Target};

use crate::{
    cluster::ApiWriter,
    controller::{leader_election::Leadership, metrics::Metrics},
    error::Error,
    object::ObjectKey,
};

/// Lets effects through while this replica leads. Whatever can write is kept here, and lent for the time of one effect.
pub struct Effects {
    leadership: Leadership,
    metrics: Arc<Metrics>,
    api: ApiWriter,
}

/// An effect that was let through.
pub struct Effect<'a> {
    effects: &'a Effects,
    object: &'a ObjectKey,
    target: Target,
    reason: Reason,
}

impl Effects {
    /// Effects under a Lease.
    pub fn new(leadership: Leadership, metrics: Arc<Metrics>, api: ApiWriter) -> Self {
        Self { leadership, metrics, api }
    }

    /// Lets an effect begin, if this replica still leads and will for as long as the effect may take.
    ///
    /// # Errors
    /// `Unavailable` if it does not.
    pub fn begin<'a>(&'a self, object: &'a ObjectKey, target: Target, reason: Reason) -> Result<Effect<'a>, Error> {
        if self.leadership.may_act() {
            Ok(Effect { effects: self, object, target, reason })
        } else {
            Err(Error::own("this replica does not lead now", Class::Unavailable))
        }
    }
}

impl Effect<'_> {
    /// What writes to the API server.
    pub fn api(&self) -> &ApiWriter {
        &self.effects.api
    }

    /// Carries it out, and counts it.
    ///
    /// # Errors
    /// `Unavailable` if it takes too long; else what the effect says.
    pub async fn perform<T>(&self, effect: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let Self { effects, object, target, reason } = self;
        let longest = effects.leadership.longest_effect();
        let result = match within(longest, effect).await {
            Some(result) => result,
            None => Err(Error::own(format!("{reason} took longer than {} s", longest.as_secs()), Class::Unavailable)),
        };
        let outcome = result.as_ref().map_or_else(|error| error.reason().as_str(), |_| "Done");
        effects.metrics.effect(object.kind, *target, *reason, outcome);
        tracing::debug!(%object, %reason, target = target.as_str(), outcome, "effect");
        result
    }
}

/// What an effect gives, or `None` once its time is over. Unlike a timeout, which lets what it guards go one step further
/// first, this looks at the time before each step: a replica that was frozen in the midst of an effect does not go on with it.
async fn within<T>(time: Duration, effect: impl Future<Output = T>) -> Option<T> {
    let end = Instant::now() + time;
    let (mut effect, mut over) = (pin!(effect), pin!(tokio::time::sleep(time)));
    poll_fn(|context| {
        if Instant::now() >= end || over.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        effect.as_mut().poll(context).map(Some)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn an_effect_whose_time_ran_out_while_nothing_ran_takes_no_further_step() {
        let steps = Cell::new(0);
        let effect = async {
            steps.set(1);
            // The whole process stands still, as under SIGSTOP; what it waits for is there when it goes on.
            #[expect(clippy::disallowed_methods, reason = "nothing else may run meanwhile")]
            std::thread::sleep(Duration::from_millis(60));
            tokio::task::yield_now().await;
            steps.set(2);
        };
        assert_eq!(within(Duration::from_millis(50), effect).await, None);
        assert_eq!(steps.get(), 1);
    }

    #[tokio::test]
    async fn an_effect_in_time_gives_what_it_gives_and_one_that_hangs_is_given_up() {
        assert_eq!(within(Duration::from_secs(30), async { 7 }).await, Some(7));
        assert_eq!(within(Duration::from_millis(1), std::future::pending::<i32>()).await, None);
    }
}
