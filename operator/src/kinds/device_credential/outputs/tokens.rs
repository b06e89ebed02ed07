//! The tokens that a credential can hold: how long each lives, and when it is renewed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_crds::{DeviceCredential, annotations as names};
use moorage_plan::{Lifetime, Reason, Renewal, Seed, Standing, parse_duration};

use crate::kinds::device_credential::outputs::entries;

/// Something for each token that there is, by the entry that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens<T>(pub BTreeMap<&'static str, T>);

/// How each token that was asked for is renewed.
pub type Renewals = Tokens<Renewal>;
/// From when until when each token holds that there is.
pub type Lives = Tokens<Lifetime>;

/// Every token that there can be, and the annotations between which it holds.
const ANNOTATIONS: [(&str, [&str; 2]); 2] = [
    (entries::DPS_TOKEN, [names::TOKEN_NOT_BEFORE, names::TOKEN_NOT_AFTER]),
    (entries::HUB_TOKEN, [names::HUB_TOKEN_NOT_BEFORE, names::HUB_TOKEN_NOT_AFTER]),
];

impl<T> Default for Tokens<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Copy> Tokens<T> {
    /// What there is for the token of an entry.
    pub fn of(&self, entry: &str) -> Option<T> {
        self.0.get(entry).copied()
    }
}

impl Renewals {
    /// What a credential asks for, as far as it may.
    pub fn asked_by(credential: &DeviceCredential, longest: Option<&str>) -> Result<Self, Standing> {
        let spec = &credential.spec;
        let dps = spec.dps_token.as_ref().map(|token| (entries::DPS_TOKEN, "spec.dpsToken", &token.ttl, token.renew_at_percent));
        let hub = spec.hub_token.as_ref().map(|token| (entries::HUB_TOKEN, "spec.hubToken", &token.ttl, token.renew_at_percent));
        let asked = dps.into_iter().chain(hub);
        let renewals = asked.map(|(entry, field, ttl, at_percent)| Ok((entry, renewal(field, ttl, at_percent, longest)?)));
        renewals.collect::<Result<_, Standing>>().map(Self)
    }

    /// The same for a device whose hub takes its key, or does not.
    pub fn with_hub(&self, takes: bool) -> Self {
        Self(self.0.iter().filter(|(entry, _)| takes || **entry != entries::HUB_TOKEN).map(|(entry, renewal)| (*entry, *renewal)).collect())
    }

    /// The lives that are to be: those that can be kept, and new ones in place of the others.
    pub fn go_on(&self, before: &Lives, seed: Seed, now: Timestamp) -> Lives {
        let go_on = |entry: &str, renewal: &Renewal| {
            before.of(entry).filter(|life| renewal.keeps(*life, seed, now)).unwrap_or_else(|| renewal.begin(now))
        };
        Tokens(self.0.iter().map(|(entry, renewal)| (*entry, go_on(entry, renewal))).collect())
    }

    /// When the next of these tokens is renewed.
    pub fn due(&self, lives: &Lives, seed: Seed) -> Option<Timestamp> {
        self.0.iter().filter_map(|(entry, renewal)| Some(renewal.due(lives.of(entry)?, seed))).min()
    }

    /// The lives of those tokens that were asked for.
    pub fn asked(&self, lives: &Lives) -> Lives {
        Tokens(lives.0.iter().filter(|(entry, _)| self.0.contains_key(*entry)).map(|(entry, life)| (*entry, *life)).collect())
    }
}

impl Lives {
    /// As a Secret's annotations tell them.
    pub fn written(meta: &ObjectMeta) -> Self {
        let time = |name: &str| meta.annotations.as_ref()?.get(name)?.parse::<Timestamp>().ok();
        let written = ANNOTATIONS.into_iter().filter_map(|(entry, [from, until])| {
            let (not_before, not_after) = time(from).zip(time(until))?;
            Some((entry, Lifetime { not_before, not_after }))
        });
        Self(written.collect())
    }

    /// The annotations that tell them.
    pub fn annotations(&self) -> impl Iterator<Item = (String, String)> {
        let told = ANNOTATIONS.into_iter().filter_map(|(entry, [from, until])| {
            let life = self.of(entry)?;
            Some([(from.to_owned(), life.not_before.to_string()), (until.to_owned(), life.not_after.to_string())])
        });
        told.flatten()
    }

    /// Whether an annotation is one that tells of a token.
    pub fn are_told_by(name: &str) -> bool {
        ANNOTATIONS.iter().any(|(_, between)| between.contains(&name))
    }

    /// The one that ends first.
    pub fn first_to_end(&self) -> Option<Lifetime> {
        self.0.values().copied().min_by_key(|life| life.not_after)
    }

    /// Whether no token has ended.
    pub fn last(&self, now: Timestamp) -> bool {
        self.0.values().all(|life| now < life.not_after)
    }

    /// Whether a token was made anew, in place of one of `before`, at a time or after it.
    pub fn are_renewed(&self, before: &Self, since: Timestamp) -> bool {
        self.0.iter().any(|(entry, life)| before.0.contains_key(entry) && life.not_before >= since)
    }
}

fn renewal(field: &str, ttl: &str, at_percent: i32, longest: Option<&str>) -> Result<Renewal, Standing> {
    let wrong = |note: String| Standing::stalled(Reason::Invalid, note);
    let lasts = parse_duration(ttl).map_err(|error| wrong(format!("{field}.ttl: {error}")))?;
    if lasts < Renewal::SHORTEST {
        return Err(wrong(format!("{field}.ttl is at least 10m")));
    }
    if let Some(longest) = longest {
        let limit = parse_duration(longest).map_err(|error| wrong(format!("the group's grants.maxTokenTtl: {error}")))?;
        if lasts > limit {
            let note = format!("{field}.ttl {ttl} is longer than the group grants ({longest}); ask for at most that");
            return Err(Standing::stalled(Reason::NotGranted, note));
        }
    }
    Ok(Renewal { ttl: lasts, at_percent })
}
