//! How long a certificate holds, and when it is renewed.

use jiff::{SignedDuration, Timestamp};
use moorage_crds::DeviceCredential;
use moorage_keys::Authority;
use moorage_plan::{Lifetime, Reason, Renewal, Seed, Standing, parse_duration};

/// Shortest life of a certificate: one must survive an operator's restart, and a device that is away for a while.
const SHORTEST: SignedDuration = SignedDuration::from_hours(1);

const TWO_THIRDS: i32 = 66;

/// How long a credential's certificate should live.
///
/// # Errors
/// Halts if that makes no sense, or is longer than the group grants.
pub fn certificate_renewal(credential: &DeviceCredential, longest: Option<&str>) -> Result<Renewal, Standing> {
    let wrong = |note: String| Standing::stalled(Reason::Invalid, note);
    let asked = credential.spec.certificate.clone().unwrap_or_default();
    let read = |field: &str, text: &str| parse_duration(text).map_err(|error| wrong(format!("{field}: {error}")));
    let ttl = read("spec.certificate.duration", &asked.duration)?;
    if ttl < SHORTEST {
        return Err(wrong("spec.certificate.duration is at least 1h".to_owned()));
    }
    if let Some(longest) = longest
        && ttl > read("the group's grants.maxTokenTtl", longest)?
    {
        let note =
            format!("spec.certificate.duration {} is longer than the group grants ({longest}); ask for at most that", asked.duration);
        return Err(Standing::stalled(Reason::NotGranted, note));
    }
    let Some(before) = &asked.renew_before else {
        return Ok(Renewal { ttl, at_percent: asked.renew_at_percent.unwrap_or(TWO_THIRDS) });
    };
    let before = read("spec.certificate.renewBefore", before)?;
    // Whole percent, rounded down: never later than was asked for.
    let percent = (ttl - before).as_secs() * 100 / ttl.as_secs();
    match i32::try_from(percent) {
        Ok(at_percent @ 1..=99) => Ok(Renewal { ttl, at_percent }),
        _ => Err(wrong(format!("spec.certificate.renewBefore is more than a hundredth and less than the whole of {}", asked.duration))),
    }
}

/// A life that begins now, and ends with its authority at the latest.
pub fn begin(renewal: Renewal, authority: &Authority, now: Timestamp) -> Lifetime {
    let life = renewal.begin(now);
    Lifetime { not_after: life.not_after.min(authority.not_after()), ..life }
}

/// When a certificate of an authority is renewed; `None` if a new one would end no later.
pub fn due(renewal: Renewal, authority: &Authority, life: Lifetime, seed: Seed) -> Option<Timestamp> {
    (life.not_after < authority.not_after()).then(|| renewal.due(life, seed))
}

/// Whether a certificate of an authority can be kept.
pub fn keeps(renewal: Renewal, authority: &Authority, life: Lifetime, seed: Seed, now: Timestamp) -> bool {
    if life.not_after < authority.not_after() {
        return renewal.keeps(life, seed, now);
    }
    let begun = life.not_before.duration_since(now) <= SignedDuration::from_mins(5);
    let long = life.not_after.duration_since(life.not_before);
    begun && long <= renewal.ttl && now < life.not_after
}
