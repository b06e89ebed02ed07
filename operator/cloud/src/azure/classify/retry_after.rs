//! How long a reply asks to wait.

use azure_core::http::headers::{HeaderName, Headers, RETRY_AFTER};
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};

const MILLISECONDS: [HeaderName; 2] = [HeaderName::from_static("x-ms-retry-after-ms"), HeaderName::from_static("retry-after-ms")];
const DATE: HeaderName = HeaderName::from_static("date");
/// Longer waits are cut to this.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

/// How long a reply asks to wait: in milliseconds, in seconds, or until a date by the service's own clock.
pub(super) fn read(headers: &Headers, now: Timestamp) -> Option<SignedDuration> {
    let milliseconds = MILLISECONDS.iter().find_map(|name| headers.get_optional_str(name)?.trim().parse().ok());
    let wait = match milliseconds {
        Some(milliseconds) => SignedDuration::from_millis(milliseconds),
        None => seconds_or_date(headers.get_optional_str(&RETRY_AFTER)?.trim(), headers, now)?,
    };
    Some(wait.clamp(SignedDuration::ZERO, LONGEST))
}

fn seconds_or_date(text: &str, headers: &Headers, now: Timestamp) -> Option<SignedDuration> {
    if let Ok(seconds) = text.parse() {
        return Some(SignedDuration::from_secs(seconds));
    }
    let there = headers.get_optional_str(&DATE).and_then(date).unwrap_or(now);
    Some(date(text)?.duration_since(there))
}

fn date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok()
}
