//! Which api-version a call is in: the newest that we know, or the one before it, where a cloud does not speak the newest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// How long the older version is taken for the only one before the newest is asked for again.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(6);

/// The api-versions of a type of resources or of a data plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ApiVersion {
    newest: &'static str,
    older: Option<&'static str>,
}

/// The api-version in which something was sent or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spoken {
    pub(crate) version: &'static str,
    /// Whether it is not the newest that we know, so that it may have no field for what there is.
    pub(crate) is_older: bool,
}

/// Whose cloud speaks only the older version, until when that is believed.
#[derive(Default)]
pub(crate) struct SpokenVersions(Mutex<HashMap<Place, Timestamp>>);

/// Host and scope, which bring together those who may learn from each other, and the older version.
type Place = (String, Arc<str>, &'static str);

impl ApiVersion {
    /// Of a service that is called in one version.
    pub(crate) const fn only(newest: &'static str) -> Self {
        Self { newest, older: None }
    }

    /// Of a service that is called in the older version where it does not speak the newest.
    pub(crate) const fn or_older(newest: &'static str, older: &'static str) -> Self {
        Self { newest, older: Some(older) }
    }

    pub(crate) fn newest(self) -> Spoken {
        Spoken { version: self.newest, is_older: false }
    }

    pub(crate) fn older(self) -> Option<Spoken> {
        self.older.map(|version| Spoken { version, is_older: true })
    }
}

impl SpokenVersions {
    /// The version to speak at a place.
    pub(crate) fn at(&self, versions: ApiVersion, host: &str, scope: &Arc<str>, now: Timestamp) -> Spoken {
        let Some(older) = versions.older() else { return versions.newest() };
        let until = self.lock().get(&(host.to_owned(), scope.clone(), older.version)).copied();
        if until.is_some_and(|until| now < until) { older } else { versions.newest() }
    }

    /// Remembers that an older version was taken where the newest was refused.
    pub(crate) fn keep_older(&self, older: Spoken, host: &str, scope: &Arc<str>, now: Timestamp) {
        let until = now.saturating_add(REMEMBERED).unwrap_or(Timestamp::MAX);
        self.lock().insert((host.to_owned(), scope.clone(), older.version), until);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HUBS: ApiVersion = ApiVersion::or_older("2026-11-01", "2023-06-30");
    const SERVICES: ApiVersion = ApiVersion::or_older("2026-11-01", "2022-12-12");

    #[test]
    fn an_older_version_is_spoken_for_some_hours_by_those_who_were_refused_the_newest_and_by_nobody_else() {
        let spoken = SpokenVersions::default();
        let (mine, other): (Arc<str>, Arc<str>) = ("mine".into(), "other".into());
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(spoken.at(HUBS, "manager", &mine, now), HUBS.newest());
        let older = HUBS.older().expect("it has one");
        spoken.keep_older(older, "manager", &mine, now);
        assert_eq!(spoken.at(HUBS, "manager", &mine, now), older);
        assert_eq!(spoken.at(SERVICES, "manager", &mine, now), SERVICES.newest(), "another type");
        assert_eq!(spoken.at(HUBS, "manager", &other, now), HUBS.newest(), "another subscription");
        let later = now + SignedDuration::from_hours(6);
        assert_eq!(spoken.at(HUBS, "manager", &mine, later), HUBS.newest(), "it may have learned it");
    }

    #[test]
    fn a_service_with_one_version_is_never_spoken_to_in_another() {
        let only = ApiVersion::only("2021-04-12");
        assert_eq!((only.older(), only.newest().version), (None, "2021-04-12"));
    }
}
