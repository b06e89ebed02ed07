use moorage_plan::{DurationError, parse_duration};

use super::Outcome;

const LONGEST_SECS: i128 = 36_500 * 24 * 3600;

/// Durations, as users write them.
pub fn duration(data: &[u8]) -> Outcome {
    let Ok(text) = str::from_utf8(data) else { return Outcome::Refused };
    let read = parse_duration(text);
    match (&read, counted(text)) {
        (Ok(read), Some(expected)) => {
            assert_eq!((i128::from(read.as_secs()), read.subsec_nanos()), (expected, 0));
            assert!((0..=LONGEST_SECS).contains(&expected), "{text:?} is longer than a hundred years");
            assert_eq!(parse_duration(&format!("{expected}s")).as_ref(), Ok(read));
        }
        (Err(DurationError::TooLong), Some(expected)) => assert!(expected > LONGEST_SECS, "{text:?} is not too long"),
        // What is too long at its beginning is not read to its end.
        (Err(_), None) => {}
        (read, expected) => unreachable!("{text:?} is read as {read:?}, and is {expected:?}"),
    }
    Outcome::of(read.ok().as_ref())
}

/// Numbers with units, added up by somebody who has room for them; `None` for what is none.
fn counted(text: &str) -> Option<i128> {
    let mut total: i128 = 0;
    let mut number: Option<i128> = None;
    for character in text.chars() {
        let unit = match character {
            '0'..='9' => {
                let digit = i128::from(character.to_digit(10)?);
                number = Some(number.unwrap_or(0).saturating_mul(10).saturating_add(digit));
                continue;
            }
            'd' => 24 * 3600,
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total = total.saturating_add(number.take()?.saturating_mul(unit));
    }
    (number.is_none() && !text.is_empty()).then_some(total)
}
