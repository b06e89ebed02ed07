//! What can fail, by step, and the one place that classifies the API server's failures.

use std::error::Error as StdError;
use std::sync::Arc;

use jiff::SignedDuration;
use moorage_cloud::Detail;
use moorage_plan::{Class, Reason, Standing};

/// A step that failed.
#[derive(Debug, thiserror::Error)]
#[error("{step}")]
pub struct Error {
    /// What was being done, with its objects: "failed to link hub contoso-east to contoso-dps".
    pub step: String,
    /// When to try again.
    pub class: Class,
    /// The word for it, where it is more precise than the class.
    pub reason: Option<Reason>,
    /// What it waits for, if it is known when trying again is worth while.
    pub wait: Wait,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What a step that failed waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Nothing in particular.
    Nothing,
    /// Its turn, while others here use what is shared.
    Backpressure,
    /// Somebody who has not answered for a while, and is asked again no sooner than in so long.
    Answer(SignedDuration),
}

impl Error {
    /// A step that failed for the API server's or the network's reasons.
    pub fn cluster(step: impl Into<String>, source: kube::Error) -> Self {
        Self { step: step.into(), class: classify(&source), reason: None, wait: Wait::Nothing, source: Some(Box::new(source)) }
    }

    /// A step that failed in the cloud.
    pub fn cloud(step: impl Into<String>, source: moorage_cloud::Error) -> Self {
        Self {
            step: step.into(),
            class: source.class(),
            reason: reason_of(&source),
            wait: wait_of(&source),
            source: Some(Box::new(source)),
        }
    }

    /// A step that has to wait for others here: nothing failed, and nothing was sent.
    pub fn backpressure(step: impl Into<String>, wait: SignedDuration) -> Self {
        Self { wait: Wait::Backpressure, ..Self::own(step, Class::RateLimited(wait)) }
    }

    /// A step that failed by our own judgement.
    pub fn own(step: impl Into<String>, class: Class) -> Self {
        Self { step: step.into(), class, reason: None, wait: Wait::Nothing, source: None }
    }

    /// The same failure with a more precise word.
    #[must_use]
    pub fn because(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }

    /// The word for conditions, Events and metrics.
    pub fn reason(&self) -> Reason {
        self.reason.unwrap_or_else(|| self.class.reason())
    }

    /// What a cloud said, if it was one that failed.
    pub fn of_cloud(&self) -> Option<&moorage_cloud::Error> {
        self.source.as_deref().and_then(|source| source.downcast_ref::<moorage_cloud::Error>())
    }

    /// By what it is held back, where nothing was sent: the same text at every step, so that a condition keeps it.
    pub fn held_back_by(&self) -> String {
        bounded(self.of_cloud().map_or(&self.step, moorage_cloud::Error::message), 900)
    }

    /// The whole chain in one line, at most 900 bytes: an Event's note may have 1 kB.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        if let Some(cloud) = cause.and_then(|cause| cause.downcast_ref::<moorage_cloud::Error>()) {
            // Said already.
            let rest = text.strip_prefix(&format!("failed to {}", cloud.step()));
            if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')) {
                text = format!("{text}: {}", cloud.without_step());
                cause = cloud.source();
            }
        }
        while let Some(inner) = cause {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            cause = inner.source();
        }
        bounded(&text, 900)
    }
}

/// The beginning of a text, cut at a character.
pub fn bounded(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let cut = (0..=bytes).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    format!("{}…", &text[..cut])
}

/// The word for a failure whose class does not say enough.
fn reason_of(error: &moorage_cloud::Error) -> Option<Reason> {
    match error.detail() {
        moorage_cloud::Detail::ProofNotAllowed => Some(Reason::MissingRoleBinding),
        moorage_cloud::Detail::ProofMissing => Some(Reason::DependencyMissing),
        moorage_cloud::Detail::ProofGone => Some(Reason::CredentialGone),
        moorage_cloud::Detail::NetworkBlocked => Some(Reason::NetworkBlocked),
        moorage_cloud::Detail::Locked => Some(Reason::Locked),
        moorage_cloud::Detail::PolicyDenied => Some(Reason::PolicyDenied),
        moorage_cloud::Detail::ApiVersionUnsupported => Some(Reason::ApiVersionUnsupported),
        _ => None,
    }
}

fn wait_of(error: &moorage_cloud::Error) -> Wait {
    match (error.detail(), error.retry_after()) {
        (Detail::OutOfBudget | Detail::BulkheadFull | Detail::Paused, _) => Wait::Backpressure,
        (Detail::NotAnswering, Some(wait)) => Wait::Answer(wait),
        _ => Wait::Nothing,
    }
}

fn classify(error: &kube::Error) -> Class {
    match error {
        kube::Error::Api(status) => {
            by_status(status.code, status.details.as_ref().map(|details| details.retry_after_seconds).filter(|secs| *secs > 0))
        }
        _ => Class::Unavailable,
    }
}

/// What an HTTP status of the API server means.
pub fn by_status(code: u16, retry_after_seconds: Option<u32>) -> Class {
    match code {
        401 | 403 => Class::Denied,
        // 404: the object, or its namespace, is on its way out; the watch will tell.
        404 | 409 | 410 | 412 => Class::Conflict,
        429 => Class::Throttled(retry_after_seconds.map(|secs| jiff::SignedDuration::from_secs(i64::from(secs)))),
        400..=499 => Class::Invalid,
        _ => Class::Unavailable,
    }
}

/// Why an observation did not come to an end.
#[derive(Debug)]
pub enum ObserveError {
    /// There is nothing to look at yet, or nothing may be looked at.
    Blocked(Standing),
    /// The Secrets of this namespace are not in the cache yet; whoever brings them wakes the object.
    CacheNotSynced(Arc<str>),
    /// A look failed.
    Failed(Error),
}

impl ObserveError {
    /// It comes by itself.
    pub fn reconciling(reason: Reason, note: impl Into<String>) -> Self {
        Self::Blocked(Standing::reconciling(reason, note))
    }

    /// Somebody has to change something.
    pub fn stalled(reason: Reason, note: impl Into<String>) -> Self {
        Self::Blocked(Standing::stalled(reason, note))
    }
}

/// While acting, a dependency that is gone is a failure: the next look tells what is the case.
///
/// # Errors
/// What kept it from being found.
pub fn reached<T>(found: Result<T, ObserveError>) -> Result<T, Error> {
    found.map_err(|halt| match halt {
        ObserveError::Failed(error) => error,
        ObserveError::Blocked(standing) => {
            let note = standing.why().map(|why| why.note.clone()).unwrap_or_default();
            Error::own(note, Class::Conflict)
        }
        ObserveError::CacheNotSynced(_) => Error::own("a Secret that is needed is not in memory yet", Class::Conflict),
    })
}

impl From<Standing> for ObserveError {
    fn from(standing: Standing) -> Self {
        Self::Blocked(standing)
    }
}

impl From<Error> for ObserveError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_chain_is_told_once_and_bounded() {
        let refused = kube::core::Status::failure("no", "Forbidden").with_code(403).boxed();
        let error = Error::cluster("failed to create Secret contoso/a", kube::Error::Api(refused));
        assert!(error.chain().starts_with("failed to create Secret contoso/a: "), "{}", error.chain());
        assert_eq!(error.class, Class::Denied);
        assert_eq!(bounded("äää", 3), "ä…");
    }

    #[test]
    fn what_was_attempted_is_told_once() {
        let refused = |step| moorage_cloud::Error::new(step, Class::Denied, "no");
        let same = Error::cloud("failed to write enrollment group press", refused("write enrollment group"));
        assert_eq!(same.chain(), "failed to write enrollment group press: no");
        let longer = Error::cloud("failed to read hubs", refused("read hub"));
        assert_eq!(longer.chain(), "failed to read hubs: failed to read hub: no");
        let other = Error::cloud("failed to write enrollment group press", refused("sign in"));
        assert_eq!(other.chain(), "failed to write enrollment group press: failed to sign in: no");
    }

    #[test]
    fn what_the_cloud_holds_back_and_what_we_do_are_told_apart_and_neither_is_a_failure_if_nothing_was_sent() {
        let wait = SignedDuration::from_secs(9);
        let table = [
            (Class::RateLimited(wait), Detail::OutOfBudget, Reason::RateLimited, Wait::Backpressure),
            (Class::RateLimited(wait), Detail::BulkheadFull, Reason::RateLimited, Wait::Backpressure),
            (Class::Throttled(Some(wait)), Detail::Paused, Reason::Throttled, Wait::Backpressure),
            (Class::Throttled(Some(wait)), Detail::Other, Reason::Throttled, Wait::Nothing),
        ];
        for (class, detail, reason, waits_for) in table {
            let source = moorage_cloud::Error::new("read hub", class, "so it is").with_detail(detail);
            let error = Error::cloud("failed to look at hub contoso-east", source);
            assert_eq!((error.class, error.reason(), error.wait), (class, reason, waits_for), "{detail:?}");
            assert_eq!(error.held_back_by(), "so it is");
        }
        let turn = Error::backpressure("provisioning service contoso-dps is being written for others; nothing was sent", wait);
        assert_eq!((turn.reason(), turn.wait, turn.held_back_by()), (Reason::RateLimited, Wait::Backpressure, turn.step.clone()));
    }
}
