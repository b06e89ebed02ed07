//! The one place that says what a failure means.

use azure_core::error::ErrorKind;
use azure_core::http::headers::{HeaderName, Headers};
use jiff::{SignedDuration, Timestamp};

use crate::error::{Class, Detail, Error, Failure};
use crate::http::failure::Interruption;
use crate::http::scrub::scrub;

mod codes;
mod retry_after;
mod sign_in;
mod wording;

use wording::Wording;

const REQUEST_IDS: [HeaderName; 2] = [HeaderName::from_static("x-ms-request-id"), HeaderName::from_static("x-ms-correlation-request-id")];

/// An answer of a service that is not what was asked for.
pub(crate) struct Refusal<'a> {
    pub(crate) step: &'static str,
    pub(crate) status: u16,
    pub(crate) headers: &'a Headers,
    pub(crate) body: &'a [u8],
    pub(crate) now: Timestamp,
}

impl Refusal<'_> {
    /// What the services of Microsoft.Devices, the resource manager and their gateways mean by it.
    pub(crate) fn classify(&self) -> Error {
        let mut wording = Wording::read(self.headers, self.body);
        let wait = retry_after::read(self.headers, self.now);
        let (class, detail) = codes::meaning(self.status, &wording);
        if let Some(remedy) = codes::remedy(wording.code.as_deref().unwrap_or_default(), detail) {
            wording.message = format!("{remedy}; {}", wording.message);
        }
        Error::from(self.failure(class, detail, wording, wait))
    }

    /// What Entra ID means by it.
    pub(crate) fn classify_sign_in(&self) -> Error {
        let mut wording = Wording::read_sign_in(self.body);
        let wait = retry_after::read(self.headers, self.now);
        let class = sign_in::class(self.status, wording.code.as_deref());
        if let Some(remedy) = wording.code.as_deref().and_then(sign_in::remedy) {
            let named = sign_in::cloud_named(&wording.message).map(|cloud| format!("; Entra ID says that it is of {cloud}"));
            wording.message = format!("{remedy}{}; {}", named.unwrap_or_default(), wording.message);
        }
        Error::from(self.failure(class, Detail::SignIn, wording, wait))
    }

    /// Says whether the answer is the service's own word that the thing is not there.
    ///
    /// A gateway's page, or the loss of the whole subscription, is not: whoever believed it would create anew.
    pub(crate) fn says_absent(&self) -> bool {
        let wording = Wording::read(self.headers, self.body);
        let (_, detail) = codes::meaning(self.status, &wording);
        self.status == 404 && detail == Detail::NotFound
    }

    fn failure(&self, class: Class, detail: Detail, wording: Wording, wait: Option<SignedDuration>) -> Failure {
        let class = if let Class::Throttled(_) = class { Class::Throttled(wait) } else { class };
        let message =
            if wording.message.is_empty() { format!("the service answered with status {}", self.status) } else { scrub(&wording.message) };
        let headers = REQUEST_IDS.iter().find_map(|name| self.headers.get_optional_str(name));
        Failure {
            status: Some(self.status),
            code: wording.code.map(|code| scrub(&code).chars().take(80).collect()),
            request_id: headers.map(str::to_owned).or(wording.request_id).map(|id| scrub_id(&id)),
            retry_after: wait,
            ..Failure::new(self.step, class, detail, message)
        }
    }
}

fn scrub_id(id: &str) -> String {
    scrub(id).chars().filter(|c| c.is_ascii_alphanumeric() || "-_:.".contains(*c)).take(80).collect()
}

/// What a call means that brought no answer at all.
pub(crate) fn unanswered(step: &'static str, error: &azure_core::Error, now: Timestamp) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(known) = error.downcast_ref::<Error>() {
            return known.clone();
        }
        if let Some(interruption) = error.downcast_ref::<Interruption>() {
            return interrupted(step, interruption);
        }
        if let Some(refused) = error.downcast_ref::<azure_core::Error>().and_then(|error| refused(step, error, now)) {
            return refused;
        }
        cause = error.source();
    }
    let (class, detail, message) = match error.kind() {
        ErrorKind::DataConversion => (Class::Unavailable, Detail::ReplyUnreadable, "the reply is not what the service's interface says"),
        ErrorKind::Credential => (Class::Invalid, Detail::SignIn, "the identity's settings are not accepted"),
        _ => (Class::Unavailable, Detail::NotSent, "the request could not be sent"),
    };
    Failure::new(step, class, detail, message).into()
}

/// The sign-in library's errors carry the reply of Entra ID.
fn refused(step: &'static str, error: &azure_core::Error, now: Timestamp) -> Option<Error> {
    let ErrorKind::HttpResponse { raw_response: Some(reply), .. } = error.kind() else { return None };
    let refusal = Refusal { step, status: reply.status().into(), headers: reply.headers(), body: reply.body(), now };
    Some(refusal.classify_sign_in())
}

fn interrupted(step: &'static str, interruption: &Interruption) -> Error {
    let (class, detail) = match interruption {
        Interruption::NotConnected(_) => (Class::Unavailable, Detail::NotConnected),
        Interruption::TimedOut | Interruption::Broken(_) => (Class::Unavailable, Detail::AnswerLost),
        Interruption::TooLarge(_) => (Class::Unavailable, Detail::ReplyTooLarge),
        Interruption::Unsendable(_) => (Class::Invalid, Detail::NotSent),
    };
    Failure::new(step, class, detail, interruption.to_string()).into()
}

#[cfg(test)]
mod bodies;
#[cfg(test)]
mod tests;
