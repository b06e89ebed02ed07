//! Spreading what would come at once, the same way every time.

use jiff::SignedDuration;

/// An identity turned into a number, so that jitter is the same in every process that decides for the same object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(u64);

impl Seed {
    /// No jitter at all; for tables.
    pub const ZERO: Self = Self(0);

    /// The seed of an identity such as `Kind/namespace/name`.
    pub fn of(identity: &str) -> Self {
        // FNV-1a: stable across builds and versions, which std's hasher does not promise.
        let hash = identity.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(hash.max(1))
    }
}

/// A share of `width`, from zero up to it, that depends on nothing but the seed and the round.
pub fn spread(width: SignedDuration, seed: Seed, round: u64) -> SignedDuration {
    if seed == Seed::ZERO {
        return SignedDuration::ZERO;
    }
    let mixed = mix(seed.0 ^ round.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let share = i128::from(mixed >> 32);
    let nanos = width.as_nanos().max(0) * share / i128::from(u32::MAX);
    SignedDuration::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_objects_are_spread_over_the_whole_width() {
        let hour = SignedDuration::from_hours(1);
        let mut quarters = [0_u32; 4];
        for n in 0..1000 {
            let wait = spread(hour, Seed::of(&format!("device-{n}")), 0);
            assert!(wait >= SignedDuration::ZERO && wait <= hour);
            quarters[usize::try_from(wait.as_mins() / 15).expect("not negative").min(3)] += 1;
        }
        assert!(quarters.iter().all(|&n| n > 180), "{quarters:?}");
    }

    #[test]
    fn the_spread_of_an_identity_never_changes_between_versions() {
        assert_eq!(spread(SignedDuration::from_secs(1000), Seed::of("DeviceCredential/contoso/a"), 1).as_secs(), 901);
    }
}
