//! The tokens that a credential can hold: how long each lives, and when it is renewed.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_crds::{DeviceCredential, annotations as names};
use moorage_plan::{Lifetime, Reason, Renewal, Seed, Standing, parse_duration};

/// Something that there is for each token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens<T> {
    /// For the provisioning service.
    pub dps: T,
    /// For the device's hub.
    pub hub: T,
}

/// How each token that was asked for is renewed.
pub type Renewals = Tokens<Option<Renewal>>;

/// From when until when each token holds that there is.
pub type Lives = Tokens<Option<Lifetime>>;

/// The annotations between which a token holds.
const ANNOTATIONS: Tokens<(&str, &str)> =
    Tokens { dps: (names::TOKEN_NOT_BEFORE, names::TOKEN_NOT_AFTER), hub: (names::HUB_TOKEN_NOT_BEFORE, names::HUB_TOKEN_NOT_AFTER) };

impl<T> Tokens<T> {
    fn each(self) -> [T; 2] {
        [self.dps, self.hub]
    }

    fn zip<U, V>(self, other: Tokens<U>, mut with: impl FnMut(T, U) -> V) -> Tokens<V> {
        Tokens { dps: with(self.dps, other.dps), hub: with(self.hub, other.hub) }
    }
}

impl Renewals {
    /// What a credential asks for, as far as it may.
    pub fn of(credential: &DeviceCredential, longest: Option<&str>) -> Result<Self, Standing> {
        let dps = credential.spec.dps_token.as_ref().map(|token| renewal("spec.dpsToken", &token.ttl, token.renew_at_percent, longest));
        let hub = credential.spec.hub_token.as_ref().map(|token| renewal("spec.hubToken", &token.ttl, token.renew_at_percent, longest));
        Ok(Self { dps: dps.transpose()?, hub: hub.transpose()? })
    }

    /// The same for a device whose hub takes its key, or does not.
    pub fn with_hub(self, takes: bool) -> Self {
        Self { hub: self.hub.filter(|_| takes), ..self }
    }

    /// The lives that are to be: those that can be kept, and new ones in place of the others.
    pub fn go_on(self, before: Lives, seed: Seed, now: Timestamp) -> Lives {
        self.zip(before, |renewal, life| {
            let renewal = renewal?;
            life.filter(|life| renewal.keeps(*life, seed, now)).or_else(|| Some(renewal.begin(now)))
        })
    }

    /// When the next of these tokens is renewed.
    pub fn due(self, lives: Lives, seed: Seed) -> Option<Timestamp> {
        let due = self.zip(lives, |renewal, life| Some(renewal?.due(life?, seed)));
        due.each().into_iter().flatten().min()
    }

    /// The lives of those tokens that were asked for.
    pub fn asked(self, lives: Lives) -> Lives {
        self.zip(lives, Option::and)
    }
}

impl Lives {
    /// As a Secret's annotations tell them.
    pub fn written(meta: &ObjectMeta) -> Self {
        let time = |name: &str| meta.annotations.as_ref()?.get(name)?.parse::<Timestamp>().ok();
        ANNOTATIONS.zip(Tokens::<()>::default(), |(from, until), ()| {
            let (not_before, not_after) = time(from).zip(time(until))?;
            Some(Lifetime { not_before, not_after })
        })
    }

    /// The annotations that tell them.
    pub fn annotations(self) -> impl Iterator<Item = (String, String)> {
        let told = ANNOTATIONS.zip(self, |(from, until), life| {
            let life = life?;
            Some([(from.to_owned(), life.not_before.to_string()), (until.to_owned(), life.not_after.to_string())])
        });
        told.each().into_iter().flatten().flatten()
    }

    /// Whether an annotation is one that tells of a token.
    pub fn are_told_by(name: &str) -> bool {
        ANNOTATIONS.each().iter().any(|(from, until)| *from == name || *until == name)
    }

    /// The one that ends first.
    pub fn first_to_end(self) -> Option<Lifetime> {
        self.each().into_iter().flatten().min_by_key(|life| life.not_after)
    }

    /// Whether no token has ended.
    pub fn last(self, now: Timestamp) -> bool {
        self.each().into_iter().flatten().all(|life| now < life.not_after)
    }

    /// Whether a token was made anew, in place of one of `before`, at a time or after it.
    pub fn are_renewed(self, before: Self, since: Timestamp) -> bool {
        let renewed = self.zip(before, |life, before| before.is_some() && life.is_some_and(|life| life.not_before >= since));
        renewed.each().contains(&true)
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
