//! From where hubs and provisioning services can be reached, and how a refusal is told that their firewalls are the reason for.
//!
//! A firewall's refusal is a 401 like any other: "The response message does not mention the IP rule" (Microsoft Learn: "Use IoT Hub IP filters",
//! "Use Azure IoT DPS IP connection filters"). So it is told by what the resource manager says of the service.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use moorage_cloud::{Detail, NetworkAccess};
use moorage_plan::{Class, Reason};

use crate::error::Error;

/// How long what was seen of a firewall explains refusals, if it was no reason for one.
const RECENT: SignedDuration = SignedDuration::from_mins(1);

/// From where services can be reached, as it was last seen.
pub struct Networks<P>(Mutex<HashMap<P, (NetworkAccess, Timestamp)>>);

impl<P> Default for Networks<P> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<P: Eq + Hash> Networks<P> {
    /// Remembers from where a service can be reached.
    pub fn keep(&self, service: P, access: NetworkAccess, now: Timestamp) {
        self.lock().insert(service, (access, now));
    }

    /// From where a service can be reached, as it was last seen.
    pub fn last(&self, service: &P) -> Option<NetworkAccess> {
        self.lock().get(service).map(|(access, _)| *access)
    }

    /// The same, unless it may explain a refusal and was not seen of late.
    pub fn explaining(&self, service: &P, now: Timestamp) -> Option<NetworkAccess> {
        let known = self.lock().get(service).copied();
        let is_recent = |at: Timestamp| now.duration_since(at) < RECENT;
        known.filter(|(access, at)| *access != NetworkAccess::Public || is_recent(*at)).map(|(access, _)| access)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<P, (NetworkAccess, Timestamp)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a failure is a refusal of a service's own interface, which a firewall may be the reason for. The resource manager and Entra ID, which are
/// asked on the way, are behind none, and have words for their codes.
pub fn may_be_blocked(error: &Error) -> bool {
    let is_of_service = |code: &str| code.starts_with(|first: char| first.is_ascii_digit()) || code.starts_with("IotHub");
    let is_refusal = error.class == Class::Denied && matches!(error.reason, None | Some(Reason::NetworkBlocked));
    is_refusal && error.of_cloud().is_some_and(|cloud| cloud.detail() != Detail::SignIn && cloud.code().is_none_or(is_of_service))
}

/// A refusal of a service, or of a hub, in words that say how to go on if its firewall is the reason.
pub fn explained(what: &str, access: Option<NetworkAccess>, mut error: Error) -> Error {
    if !may_be_blocked(&error) {
        return error;
    }
    let note = match access {
        Some(NetworkAccess::Disabled) => format!(
            "the public network access of {what} is disabled, so that it answers through private endpoints alone: run the operator where its \
             private endpoint resolves, or enable public network access and allow the operator's egress address there"
        ),
        Some(NetworkAccess::Filtered) => format!(
            "{what} has an IP filter, which refuses addresses in just these words: allow the operator's egress address in it, or run the \
             operator where its private endpoint resolves"
        ),
        None | Some(NetworkAccess::Public) if error.reason == Some(Reason::NetworkBlocked) => format!(
            "the firewall of {what} refuses the operator's address: allow the operator's egress address in it, or run the operator where its \
             private endpoint resolves"
        ),
        None | Some(NetworkAccess::Public) => return error,
    };
    // Whoever failed inside of something else has been told it already.
    if !error.step.contains(&note) {
        error.step = format!("{}: {note}", error.step);
    }
    error.because(Reason::NetworkBlocked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(class: Class, detail: Detail) -> Error {
        let source = moorage_cloud::Error::new("read enrollment group", class, "Unauthorized").with_detail(detail);
        Error::cloud("failed to look at enrollment group press", source)
    }

    #[test]
    fn a_refusal_is_the_firewalls_if_there_is_one_and_says_how_to_go_on() {
        let what = "provisioning service contoso-dps";
        let told = |access, error| {
            let error = explained(what, access, error);
            (error.reason(), error.chain())
        };
        let denied = || refused(Class::Denied, Detail::Other);
        let (reason, text) = told(Some(NetworkAccess::Disabled), denied());
        assert_eq!(reason, Reason::NetworkBlocked);
        assert_eq!(
            text,
            "failed to look at enrollment group press: the public network access of provisioning service contoso-dps is disabled, so that it \
             answers through private endpoints alone: run the operator where its private endpoint resolves, or enable public network access \
             and allow the operator's egress address there: failed to read enrollment group: Unauthorized"
        );
        let twice = explained(what, Some(NetworkAccess::Disabled), explained(what, Some(NetworkAccess::Disabled), denied()));
        assert_eq!(twice.chain(), text);
        let (reason, text) = told(Some(NetworkAccess::Filtered), denied());
        assert_eq!(reason, Reason::NetworkBlocked);
        assert!(text.contains("provisioning service contoso-dps has an IP filter"), "{text}");
        assert!(text.contains("allow the operator's egress address") && text.ends_with("Unauthorized"), "{text}");
        let (reason, text) = told(None, refused(Class::Denied, Detail::NetworkBlocked));
        assert_eq!(reason, Reason::NetworkBlocked);
        assert!(text.contains("the firewall of provisioning service contoso-dps refuses"), "{text}");
        for access in [None, Some(NetworkAccess::Public)] {
            assert_eq!(told(access, denied()).0, Reason::Denied);
        }
        let other = [
            refused(Class::Unavailable, Detail::Other),
            refused(Class::Denied, Detail::ProofMissing),
            refused(Class::Denied, Detail::SignIn),
            refused(Class::Invalid, Detail::Locked),
        ];
        for error in other {
            let before = error.chain();
            assert_eq!(told(Some(NetworkAccess::Disabled), error).1, before, "it is no refusal of a firewall");
        }
    }

    #[test]
    fn what_is_open_is_looked_at_again_before_it_explains_a_refusal() {
        let (networks, now) = (Networks::default(), Timestamp::UNIX_EPOCH);
        let later = now + RECENT;
        assert_eq!(networks.explaining(&"a", now), None);
        networks.keep("a", NetworkAccess::Public, now);
        assert_eq!((networks.explaining(&"a", now), networks.explaining(&"a", later)), (Some(NetworkAccess::Public), None));
        networks.keep("a", NetworkAccess::Disabled, now);
        assert_eq!(networks.explaining(&"a", later), Some(NetworkAccess::Disabled));
    }
}
