//! Who may read the metrics that name objects: what was said of a token, how long that holds, and how many strangers are asked about.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode, header};
use sha2::{Digest as _, Sha256};

/// How long a token that may is not asked about again.
const ALLOWED_FOR: Duration = Duration::from_mins(1);
/// How long one that may not is not.
const REFUSED_FOR: Duration = Duration::from_secs(10);
/// Tokens that may, that are remembered: far more than scrape an operator.
const MOST_ALLOWED: usize = 64;
/// Tokens that may not, that are remembered: more than are asked about within their time.
const MOST_REFUSED: usize = 256;
/// How many tokens that never were allowed are asked about in a second.
const STRANGERS_A_SECOND: u32 = 10;
const SECOND: Duration = Duration::from_secs(1);
/// Longest token that is asked about, in bytes: several times the longest that clusters issue.
const LONGEST_TOKEN: usize = 16 << 10;

/// How a request for the metrics that name objects is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// With them.
    Allowed,
    /// It has no token, or one that is nobody's.
    Unauthenticated,
    /// The token's user may not.
    Forbidden,
    /// Too many are asked about already.
    Busy,
    /// The API server did not tell.
    Unknown,
}

impl Access {
    /// What the reviews come to: whether the token has a user, and if so, whether that may.
    pub fn reviewed(user_may: Option<bool>) -> Self {
        match user_may {
            None => Self::Unauthenticated,
            Some(false) => Self::Forbidden,
            Some(true) => Self::Allowed,
        }
    }

    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Allowed => StatusCode::OK,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Unknown => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// What stands for a token in memory: the token itself is kept nowhere.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The SHA-256 of a token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

/// The bearer token of a request, if it has one that is worth a question.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let is_one_word = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case("bearer") && is_one_word && token.len() <= LONGEST_TOKEN).then_some(token)
}

/// What to do about a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Answer so: it is known.
    Answer(Access),
    /// Ask. It was allowed when it was last asked about, so a flood of others does not keep it out.
    AskAgain,
    /// Ask, as a stranger.
    Ask,
}

/// What was said of tokens, in bounds that whoever sends many cannot widen.
#[derive(Debug, Default)]
pub struct Decisions {
    allowed: HashMap<TokenDigest, Instant>,
    refused: HashMap<TokenDigest, (Access, Instant)>,
    /// When the second began in which strangers are counted, and their number.
    strangers: Option<(Instant, u32)>,
}

impl Decisions {
    /// What to do about a token now.
    pub fn admit(&mut self, token: &TokenDigest, now: Instant) -> Admission {
        if let Some(until) = self.allowed.get(token) {
            return if now < *until { Admission::Answer(Access::Allowed) } else { Admission::AskAgain };
        }
        if let Some((access, until)) = self.refused.get(token)
            && now < *until
        {
            return Admission::Answer(*access);
        }
        if self.count_stranger(now) { Admission::Ask } else { Admission::Answer(Access::Busy) }
    }

    fn count_stranger(&mut self, now: Instant) -> bool {
        let (began, count) = self.strangers.filter(|(began, _)| now.saturating_duration_since(*began) < SECOND).unwrap_or((now, 0));
        let fits = count < STRANGERS_A_SECOND;
        self.strangers = Some((began, count + u32::from(fits)));
        fits
    }

    /// Remembers what the reviews that were begun at `asked` have said of a token.
    pub fn keep(&mut self, token: TokenDigest, access: Access, asked: Instant) {
        match access {
            Access::Allowed => {
                self.refused.remove(&token);
                make_room(&mut self.allowed, &token, MOST_ALLOWED, |until| *until);
                self.allowed.insert(token, asked + ALLOWED_FOR);
            }
            Access::Unauthenticated | Access::Forbidden => {
                self.allowed.remove(&token);
                make_room(&mut self.refused, &token, MOST_REFUSED, |(_, until)| *until);
                self.refused.insert(token, (access, asked + REFUSED_FOR));
            }
            // Nothing was said of the token.
            Access::Busy | Access::Unknown => {}
        }
    }
}

/// Takes out the entry that ends first, where another one would be too many.
fn make_room<V>(entries: &mut HashMap<TokenDigest, V>, token: &TokenDigest, most: usize, end: impl Fn(&V) -> Instant) {
    if entries.len() < most || entries.contains_key(token) {
        return;
    }
    let first = entries.iter().min_by_key(|(_, entry)| end(entry)).map(|(digest, _)| *digest);
    if let Some(first) = first {
        entries.remove(&first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG_AGO: Duration = Duration::from_hours(1);

    fn token(number: usize) -> TokenDigest {
        TokenDigest::of(&format!("token-{number}"))
    }

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (header::AUTHORIZATION, value.parse().expect("a header"))).collect()
    }

    #[test]
    fn what_the_reviews_say_is_the_status_of_the_answer() {
        assert_eq!(Access::reviewed(None).status(), 401);
        assert_eq!(Access::reviewed(Some(false)).status(), 403);
        assert_eq!(Access::reviewed(Some(true)).status(), 200);
        assert_eq!(Access::Busy.status(), 429);
        assert_eq!(Access::Unknown.status(), 503);
    }

    #[test]
    fn a_request_has_one_bearer_token_of_one_word_that_is_not_too_long() {
        let longest = "t".repeat(LONGEST_TOKEN);
        assert_eq!(bearer(&headers(&["Bearer a.b-c_d"])), Some("a.b-c_d"));
        assert_eq!(bearer(&headers(&["bearer t"])), Some("t"));
        assert_eq!(bearer(&headers(&[&format!("Bearer {longest}")])), Some(longest.as_str()));
        let none: [&[&str]; 8] =
            [&[], &[""], &["Bearer"], &["Bearer "], &["Basic dDp0"], &["Bearer a b"], &["Bearer  a"], &["Bearer a", "Bearer b"]];
        for values in none {
            assert_eq!(bearer(&headers(values)), None, "{values:?}");
        }
        assert_eq!(bearer(&headers(&[&format!("Bearer {longest}t")])), None);
        let mut not_ascii = HeaderMap::new();
        not_ascii.insert(header::AUTHORIZATION, http::HeaderValue::from_bytes("Bearer ä".as_bytes()).expect("opaque bytes"));
        assert_eq!(bearer(&not_ascii), None);
    }

    #[test]
    fn what_was_said_holds_for_its_time_counted_from_the_question() {
        let began = Instant::now();
        let mut decisions = Decisions::default();
        assert_eq!(decisions.admit(&token(1), began), Admission::Ask);
        decisions.keep(token(1), Access::Allowed, began);
        decisions.keep(token(2), Access::Unauthenticated, began);
        decisions.keep(token(3), Access::Forbidden, began);
        let almost = |time: Duration| time.saturating_sub(Duration::from_millis(1));
        assert_eq!(decisions.admit(&token(1), began + almost(ALLOWED_FOR)), Admission::Answer(Access::Allowed));
        assert_eq!(decisions.admit(&token(1), began + ALLOWED_FOR), Admission::AskAgain);
        for (number, access) in [(2, Access::Unauthenticated), (3, Access::Forbidden)] {
            assert_eq!(decisions.admit(&token(number), began + almost(REFUSED_FOR)), Admission::Answer(access));
            assert_eq!(decisions.admit(&token(number), began + REFUSED_FOR), Admission::Ask);
        }
    }

    #[test]
    fn what_was_not_said_is_not_kept() {
        let began = Instant::now();
        let mut decisions = Decisions::default();
        decisions.keep(token(1), Access::Busy, began);
        decisions.keep(token(1), Access::Unknown, began);
        assert_eq!(decisions.admit(&token(1), began), Admission::Ask);
    }

    #[test]
    fn a_token_that_loses_its_right_is_a_stranger_and_one_that_gains_it_is_none() {
        let began = Instant::now();
        let mut decisions = Decisions::default();
        decisions.keep(token(1), Access::Allowed, began);
        decisions.keep(token(1), Access::Forbidden, began);
        assert_eq!(decisions.admit(&token(1), began), Admission::Answer(Access::Forbidden));
        assert_eq!(decisions.admit(&token(1), began + LONG_AGO), Admission::Ask);
        decisions.keep(token(1), Access::Allowed, began);
        assert_eq!(decisions.admit(&token(1), began), Admission::Answer(Access::Allowed));
        assert_eq!(decisions.admit(&token(1), began + LONG_AGO), Admission::AskAgain);
    }

    #[test]
    fn strangers_are_asked_about_ten_times_a_second_and_those_who_were_allowed_besides() {
        let began = Instant::now();
        let mut decisions = Decisions::default();
        decisions.keep(token(0), Access::Allowed, began);
        let later = began + LONG_AGO;
        let asked = (1..=100).filter(|number| decisions.admit(&token(*number), later) == Admission::Ask).count();
        assert_eq!(asked, 10);
        assert_eq!(decisions.admit(&token(101), later + Duration::from_millis(999)), Admission::Answer(Access::Busy));
        assert_eq!(decisions.admit(&token(0), later), Admission::AskAgain);
        assert_eq!(decisions.admit(&token(101), later + SECOND), Admission::Ask);
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for_and_the_refused_do_not_crowd_out_the_allowed() {
        let began = Instant::now();
        let mut decisions = Decisions::default();
        decisions.keep(token(0), Access::Allowed, began);
        for number in 1..=1000 {
            let asked = began + Duration::from_millis(number);
            decisions.keep(token(usize::try_from(number).expect("small")), Access::Forbidden, asked);
        }
        assert_eq!((decisions.allowed.len(), decisions.refused.len()), (1, MOST_REFUSED));
        assert_eq!(decisions.admit(&token(1000), began), Admission::Answer(Access::Forbidden), "the newest stay");
        assert_eq!(decisions.admit(&token(1), began), Admission::Ask);
        assert_eq!(decisions.admit(&token(0), began), Admission::Answer(Access::Allowed));
        for number in 2000..3000 {
            decisions.keep(token(number), Access::Allowed, began);
        }
        assert_eq!(decisions.allowed.len(), MOST_ALLOWED);
    }

    #[test]
    fn nothing_that_is_kept_shows_a_token() {
        let mut decisions = Decisions::default();
        decisions.keep(TokenDigest::of("eyJhbGciOiJSUzI1NiJ9"), Access::Allowed, Instant::now());
        assert!(!format!("{decisions:?}").contains("eyJhbGciOiJSUzI1NiJ9"));
        // SHA-256 of the empty text.
        assert_eq!(TokenDigest::of("").0[..4], [0xe3, 0xb0, 0xc4, 0x42]);
    }
}
