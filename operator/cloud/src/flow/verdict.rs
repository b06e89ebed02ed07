//! What the end of a call says about whom it went to.

use jiff::SignedDuration;

/// How a call ended, as far as it says something about whom it went to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There was an answer, whatever it was.
    Answered,
    /// There was one: that it has been asked too often, and for how long it is not to be asked.
    Throttled(SignedDuration),
    /// There was none, or one that says that the service is down.
    Missed,
    /// It never came so far.
    Unknown,
}
