//! What a call to a cloud can fail with.

use std::fmt;

use jiff::SignedDuration;
pub use moorage_plan::Class;

/// What exactly failed, where callers act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The `ETag` is not the current one.
    Stale,
    /// The resource is in the middle of another change.
    Busy,
    /// The thing to be created is there already.
    Exists,
    /// The global name belongs to somebody else.
    NameTaken,
    /// The thing itself or something it needs is not there.
    NotFound,
    /// A quota of the service is used up; waiting alone may not help.
    QuotaExceeded,
    /// The provisioning service does not accept the link to a hub.
    LinkRefused,
    /// The subscription has not registered the resource provider.
    ProviderNotRegistered,
    /// The firewall of a service refuses our address.
    NetworkBlocked,
    /// A lock forbids the change: on the resource, its group or its subscription.
    Locked,
    /// A policy of the organisation (Azure Policy) forbids the request.
    PolicyDenied,
    /// The service does not speak the api-version, or only one in which a write could lose something.
    ApiVersionUnsupported,
    /// The subscription is not there, or not for this identity.
    SubscriptionNotFound,
    /// The identity could not sign in.
    SignIn,
    /// We may not have what proves the identity.
    ProofNotAllowed,
    /// What proves the identity is not there.
    ProofMissing,
    /// What proves the identity is gone, and does not come back.
    ProofGone,
    /// No connection could be made; nothing was sent.
    NotConnected,
    /// The connection broke, or the answer did not come in time; the effect is unknown.
    AnswerLost,
    /// The reply is larger than the limit.
    ReplyTooLarge,
    /// The reply is not what the service's interface says.
    ReplyUnreadable,
    /// Our own budget for this kind of call, or the payer's share of it, is used up; nothing was sent.
    OutOfBudget,
    /// As many calls as we allow ourselves are under way to whoever was to be called; nothing was sent.
    BulkheadFull,
    /// The service has throttled an earlier call and asked for a pause, which is not over; nothing was sent.
    Paused,
    /// The service has not answered for a while, and is asked only now and then; nothing was sent.
    NotAnswering,
    /// The request was refused on our side; nothing was sent.
    NotSent,
    /// The class says all.
    Other,
}

/// A call to the cloud that failed; its text is bounded and holds no key and no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Failure>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) step: &'static str,
    pub(crate) class: Class,
    pub(crate) detail: Detail,
    pub(crate) status: Option<u16>,
    pub(crate) code: Option<String>,
    pub(crate) message: String,
    pub(crate) request_id: Option<String>,
    pub(crate) retry_after: Option<SignedDuration>,
}

impl Failure {
    pub(crate) fn new(step: &'static str, class: Class, detail: Detail, message: impl Into<String>) -> Self {
        Self { step, class, detail, status: None, code: None, message: message.into(), request_id: None, retry_after: None }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self(Box::new(failure))
    }
}

impl Error {
    /// The failure of a callback of ours, such as the one that fetches a client assertion.
    pub fn new(step: &'static str, class: Class, message: impl Into<String>) -> Self {
        Failure::new(step, class, Detail::Other, message).into()
    }

    /// The same failure, with what exactly failed.
    #[must_use]
    pub fn with_detail(mut self, detail: Detail) -> Self {
        self.0.detail = detail;
        self
    }

    /// The same failure in other words.
    pub(crate) fn in_words(mut self, message: String) -> Self {
        self.0.message = message;
        self
    }

    /// What the failure means for trying again.
    pub fn class(&self) -> Class {
        self.0.class
    }

    /// What exactly failed.
    pub fn detail(&self) -> Detail {
        self.0.detail
    }

    /// What was attempted, such as `read IoT hub`.
    pub fn step(&self) -> &'static str {
        self.0.step
    }

    /// The HTTP status of the reply, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The service's own error code, such as `409002` or `AuthorizationFailed`.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// What the service, or our own check, has to say; at most 300 characters.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The name under which the service's support finds the call.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The message with the status and the code, without what was attempted.
    pub fn without_step(&self) -> impl fmt::Display {
        WithoutStep(&self.0)
    }

    /// How long the service, or our own limit, asks to wait, whatever the class.
    pub fn retry_after(&self) -> Option<SignedDuration> {
        self.0.retry_after
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to {}: {}", self.0.step, self.without_step())
    }
}

impl std::error::Error for Error {}

/// A failure, for whoever has said what was attempted.
struct WithoutStep<'a>(&'a Failure);

impl fmt::Display for WithoutStep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failure = self.0;
        f.write_str(&failure.message)?;
        let status = failure.status.map(|status| format!("status {status}"));
        let code = failure.code.as_ref().map(|code| format!("code {code}"));
        // Without the request's id: the text goes into conditions, and the same failure must read the same each time.
        let facts: Vec<String> = [status, code].into_iter().flatten().collect();
        if facts.is_empty() { Ok(()) } else { write!(f, " ({})", facts.join(", ")) }
    }
}
