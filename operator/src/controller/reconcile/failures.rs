//! What follows from a step that failed: when it is tried again, and what is told.

use jiff::{SignedDuration, Timestamp};
use moorage_crds::{annotations, conditions};
use moorage_plan::{Class, Goal, Reason, Standing, Why, retry_in};

use super::{Reconciliation, conditions::Sight};
use crate::{
    controller::{kind::Kind, queue::Priority, reconcile::schedule::seed},
    error::{Error, Wait},
};

/// How long an object waits for its turn before it tells.
const LONG_WAIT: SignedDuration = SignedDuration::from_mins(1);

/// A reconciliation that came to no end.
#[derive(Debug)]
pub(super) struct Failed {
    /// What failed.
    pub error: Error,
    /// What was seen before it, if that far was come.
    pub sight: Option<Sight>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, sight: None }
    }
}

impl<K: Kind> Reconciliation<'_, K> {
    /// It is only somebody else's turn: that is no failure, and is told only when it takes long.
    pub(super) async fn wait_for_backpressure(&self, failed: &Failed) -> (Timestamp, Priority) {
        let (key, now, Failed { error, sight }) = (self.key, self.now, failed);
        let wait = retry_in(error.class, 1, seed(key));
        tracing::debug!(object = %key, wait = %wait, error = error.chain(), "waits for its turn");
        if now.duration_since(self.controller.attempts.waits_since(key, now)) > LONG_WAIT {
            let note = format!("waits for its turn, and goes on by itself: {}", error.held_back_by());
            self.report_failure(&Standing::Reconciling(Why::new(error.reason(), note)), sight.as_ref()).await;
        }
        (now + wait, self.priority)
    }

    /// Counts the failure, and tells of it unless it is the normal course of things.
    pub(super) async fn after_failure(&self, failed: &Failed) -> (Timestamp, Priority) {
        let (key, now, Failed { error, sight }) = (self.key, self.now, failed);
        let failures = self.controller.attempts.failed(key);
        let wait = retry_in(error.class, failures, seed(key));
        let chain = error.chain();
        if let Wait::Answer(left) = error.wait {
            // Whoever called in vain has told it, and will again.
            tracing::debug!(reason = %error.reason(), object = %key, left = %left, error = chain, "not tried");
            if !self.is_reconciling_for(error.reason()) {
                self.report_failure(&standing_of(error, chain), sight.as_ref()).await;
            }
            return (now + wait.max(left), Priority::Changed);
        }
        // A lost race is the normal course of things; it is news when it does not end, or when it has a name.
        let named = error.reason.is_some() && matches!(error.class, Class::Conflict);
        if named {
            self.controller.events.warning(self.object, error.reason(), &chain).await;
        }
        if named || failures > 1 || !matches!(error.class, Class::Conflict) {
            tracing::warn!(reason = %error.reason(), object = %key, failures, wait = %wait, error = chain, "failed");
            self.report_failure(&self.with_a_way_out(standing_of(error, chain)), sight.as_ref()).await;
        }
        let next = now + wait;
        (self.end_of_use().map_or(next, |end| end.min(next)), Priority::Changed)
    }

    /// What was seen before the failure holds still; if nothing was, so does what was told before.
    async fn report_failure(&self, standing: &Standing, sight: Option<&Sight>) {
        let common = sight.map_or_else(|| self.common_unseen(standing), |sight| self.common(standing, sight, Vec::new()));
        if let Err(second) = self.report_conditions(&common).await {
            tracing::warn!(object = %self.key, error = second.chain(), "the failure could not be reported");
        }
    }

    /// Whether the object says already that it is held up for this reason.
    fn is_reconciling_for(&self, reason: Reason) -> bool {
        let said = self.object.common_status().map(|status| status.conditions.as_slice()).unwrap_or_default();
        said.iter().any(|one| one.type_ == conditions::RECONCILING && one.status == "True" && one.reason == reason.as_str())
    }

    /// Whoever cannot undo what it made, because the cloud or the credential is gone, is told how it can go all the same.
    pub(super) fn with_a_way_out(&self, standing: Standing) -> Standing {
        let Standing::Stalled(Why { reason, note }) = standing else { return standing };
        if self.object.goal() == Goal::Present {
            return Standing::Stalled(Why { reason, note });
        }
        let (key, page) = (self.key, self.ctx.ledger.page_of(self.key));
        let made = page.map(|page| format!("; what it made is written down in ConfigMap {page}")).unwrap_or_default();
        let (kind, name) = (key.kind.as_str().to_lowercase(), &key.name);
        let command = format!("kubectl annotate {kind} -n {} {} {}=true", name.namespace, name.name, annotations::ORPHAN);
        let note = format!("{note}{made}; if that cannot be, let the object go and leave the cloud as it is: {command}");
        Standing::Stalled(Why::new(reason, note))
    }
}

fn standing_of(error: &Error, chain: String) -> Standing {
    let why = Why::new(error.reason(), chain);
    match error.class {
        Class::Invalid | Class::Denied => Standing::Stalled(why),
        Class::Conflict | Class::Throttled(_) | Class::RateLimited(_) | Class::Unavailable => Standing::Reconciling(why),
    }
}
