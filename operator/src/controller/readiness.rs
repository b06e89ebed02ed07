//! When an object is ready: while what was made for it can be used, whatever is being done about it, or is refused.

use jiff::Timestamp;
use moorage_plan::Standing;

/// How it came that conditions are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// It was looked at, and what is there can, or cannot, be used. What was then refused, or failed, changes nothing of that.
    Seen {
        /// Whether it can be used.
        usable: bool,
    },
    /// It could not be looked at, or was not for the sake of what it rests on.
    Unseen(KnownUse),
    /// The object itself cannot be read: nobody can rest on it.
    Unreadable,
}

/// What is known of an object without a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownUse {
    /// It was usable when that was told last.
    pub was_usable: bool,
    /// Until when what it has can be used, as far as the caches tell.
    pub until: Timestamp,
    /// What was made for it works whether or not we may look at it, or change it.
    pub works_by_itself: bool,
}

/// Whether an object that should be there can be used.
pub fn is_ready(look: Look, standing: &Standing, now: Timestamp) -> bool {
    match look {
        Look::Seen { usable } => usable,
        Look::Unreadable => false,
        Look::Unseen(known) => {
            let is_withheld = match standing {
                Standing::Met | Standing::Reconciling(_) => false,
                Standing::Stalled(why) => !known.works_by_itself || why.reason.is_refusal(),
            };
            known.was_usable && now < known.until && !is_withheld
        }
    }
}

#[cfg(test)]
mod tests {
    use moorage_plan::Reason;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn known(until: Timestamp) -> KnownUse {
        KnownUse { was_usable: true, until, works_by_itself: true }
    }

    #[test]
    fn ready_is_about_use_whatever_was_refused() {
        let stalled = |reason| Standing::stalled(reason, "see there");
        let waits = |reason| Standing::reconciling(reason, "see there");
        let unseen = Look::Unseen(known(Timestamp::MAX));
        let used = Look::Seen { usable: true };
        let table = [
            ("a refused change", used, stalled(Reason::Invalid), true),
            ("a change that a lock forbids", used, stalled(Reason::Locked), true),
            ("drift that is left", used, Standing::Met, true),
            ("what was seen to be of no use", Look::Seen { usable: false }, Standing::Met, false),
            ("what has ended", Look::Seen { usable: false }, stalled(Reason::CertificateExpired), false),
            ("what somebody has disabled", Look::Seen { usable: false }, stalled(Reason::Disabled), false),
            ("a refused look", unseen, stalled(Reason::Denied), true),
            ("a look without the right to a Secret", unseen, stalled(Reason::MissingRoleBinding), true),
            ("a cloud that is away", unseen, waits(Reason::Unavailable), true),
            ("a dependency that is away", unseen, waits(Reason::DependencyMissing), true),
            ("a Secret of a dependency that makes no sense", unseen, stalled(Reason::SecretMalformed), true),
            ("a spec that makes no sense", unseen, stalled(Reason::Invalid), true),
            ("a grant that was withdrawn", unseen, stalled(Reason::NotGranted), false),
            ("a grant that is full", unseen, stalled(Reason::QuotaExceeded), false),
            ("a name that is another's", unseen, stalled(Reason::AlreadyExists), false),
            ("a stored object that cannot be read", Look::Unreadable, stalled(Reason::Invalid), false),
        ];
        for (what, look, standing, ready) in table {
            assert_eq!(is_ready(look, &standing, NOW), ready, "{what}");
        }
    }

    #[test]
    fn what_was_not_seen_again_is_ready_no_longer_than_it_lasts_and_never_becomes_so() {
        let away = Standing::reconciling(Reason::Unavailable, "away");
        let refused = Standing::stalled(Reason::Denied, "no");
        for standing in [&away, &refused] {
            assert!(is_ready(Look::Unseen(known(Timestamp::MAX)), standing, NOW));
            assert!(!is_ready(Look::Unseen(known(NOW)), standing, NOW), "its token has ended");
            let never = KnownUse { was_usable: false, ..known(Timestamp::MAX) };
            assert!(!is_ready(Look::Unseen(never), standing, NOW));
        }
    }

    #[test]
    fn an_account_is_of_no_use_once_its_identity_is_refused() {
        let account = Look::Unseen(KnownUse { works_by_itself: false, ..known(Timestamp::MAX) });
        assert!(!is_ready(account, &Standing::stalled(Reason::Denied, "no"), NOW));
        assert!(is_ready(account, &Standing::reconciling(Reason::Unavailable, "away"), NOW));
    }
}
