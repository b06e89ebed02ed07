//! Durations as people write them: `90d`, `36h`.

use jiff::SignedDuration;

/// What is wrong with a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// It is not a row of numbers with units.
    #[error("a duration is a number with a unit d, h, m or s, for example 90d or 36h or 1h30m")]
    Malformed,
    /// It is beyond a hundred years.
    #[error("a duration is at most 36500d")]
    TooLong,
}

const LONGEST_SECS: i64 = 36_500 * 24 * 3600;

/// Reads `90d`, `36h`, `1h30m`: whole numbers with units, longest unit a day of 24 hours.
///
/// # Errors
/// Says what a duration looks like.
pub fn parse_duration(text: &str) -> Result<SignedDuration, DurationError> {
    let mut total: i64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|&at| at > 0).ok_or(DurationError::Malformed)?;
        let number: i64 = rest[..digits].parse().map_err(|_| DurationError::TooLong)?;
        let unit = match rest.as_bytes()[digits] {
            b'd' => 24 * 3600,
            b'h' => 3600,
            b'm' => 60,
            b's' => 1,
            _ => return Err(DurationError::Malformed),
        };
        total = number.checked_mul(unit).and_then(|secs| total.checked_add(secs)).ok_or(DurationError::TooLong)?;
        rest = &rest[digits + 1..];
    }
    match total {
        _ if text.is_empty() => Err(DurationError::Malformed),
        _ if total > LONGEST_SECS => Err(DurationError::TooLong),
        _ => Ok(SignedDuration::from_secs(total)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(parse_duration("90d"), Ok(SignedDuration::from_hours(90 * 24)));
        assert_eq!(parse_duration("36h"), Ok(SignedDuration::from_hours(36)));
        assert_eq!(parse_duration("1h30m"), Ok(SignedDuration::from_mins(90)));
        assert_eq!(parse_duration("0s"), Ok(SignedDuration::ZERO));
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in ["", "d", "5", "5w", "-1h", "1.5h", "h1", "1h ", "½h"] {
            assert_eq!(parse_duration(text), Err(DurationError::Malformed), "{text:?}");
        }
        for text in ["99999999999999999999d", "36501d", "9223372036854775807s1s"] {
            assert_eq!(parse_duration(text), Err(DurationError::TooLong), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,24}") {
            let _ = parse_duration(&text);
        }
    }
}
