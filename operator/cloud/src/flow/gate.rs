//! The gate that every call to a host goes through, whatever its protocol.

use jiff::SignedDuration;

use crate::flow::budget::{Budget, Budgets};
use crate::flow::bulkhead::{Bulkhead, Bulkheads};
use crate::flow::clock::Clock;
use crate::flow::limits::{Headroom, Limit, Quota};
use crate::flow::rejected::Rejected;
use crate::flow::verdict::Verdict;

/// What is known of everybody who is called: who answers, how many calls are under way, how many are left.
pub(crate) struct Gate {
    bulkheads: Bulkheads,
    budgets: Budgets,
}

/// What one call has to pass.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    /// Where it takes a place while it is under way: one for each thing that may be silent by itself.
    pub(crate) bulkheads: Vec<Bulkhead>,
    /// What it is paid from, if it is counted.
    pub(crate) budget: Option<Budget>,
}

impl Gate {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { bulkheads: Bulkheads::new(clock.clone()), budgets: Budgets::new(clock) }
    }

    /// Runs a call, which says how it ended, once it may be sent; or says why it was not.
    ///
    /// A call that is dropped before its end counts as unanswered.
    pub(crate) async fn run<T>(&self, admission: Admission, call: impl Future<Output = (T, Verdict)>) -> Result<T, Rejected> {
        let Admission { bulkheads, budget } = admission;
        self.bulkheads.check(&bulkheads)?;
        if let Some(budget) = &budget {
            let wait: SignedDuration = self.budgets.take(budget)?;
            tokio::time::sleep(wait.unsigned_abs()).await;
        }
        let permit = self.bulkheads.enter(bulkheads).await?;
        let (result, verdict) = call.await;
        permit.end(verdict);
        if let (Some(budget), Verdict::Throttled(wait)) = (&budget, verdict) {
            self.budgets.close(budget, wait);
        }
        Ok(result)
    }

    /// Replaces the declared limit of a quota in a scope.
    pub(crate) fn set_limit(&self, scope: &str, quota: Quota, limit: Limit) {
        self.budgets.set(scope, quota, limit);
    }

    /// What is left of each budget that was used so far.
    pub(crate) fn headroom(&self) -> Vec<Headroom> {
        self.budgets.headroom()
    }

    /// Who does not answer now.
    pub(crate) fn not_answering(&self) -> Vec<String> {
        self.bulkheads.not_answering().iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests;
