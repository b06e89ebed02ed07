//! What an assertion claims, so that a refusal can say which federated credential is missing.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use moorage_keys::Token;
use serde::Deserialize;

use crate::error::Error;

/// Entra ID's codes for an assertion that no federated credential matches.
const UNMATCHED: [&str; 4] = ["70021", "700211", "700212", "700213"];
/// Longest claim that is told.
const LONGEST: usize = 200;

/// What the last assertion said of itself: its claims are no secret, its signature is.
#[derive(Clone, Default)]
pub(super) struct Presented(Arc<Mutex<Option<Claims>>>);

/// The claims that a federated credential has to match.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Presented {
    /// Takes note of an assertion before it is sent.
    pub(super) fn note(&self, assertion: &Token) {
        let claims = claims_of(assertion.expose());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = claims;
    }

    /// Says of a refusal for want of a federated credential which one is wanting.
    pub(super) fn explain(&self, refusal: Error) -> Error {
        let claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match claims.as_ref().filter(|_| refusal.code().is_some_and(|code| UNMATCHED.contains(&code))) {
            Some(claims) => refusal.in_words(claims.wanted()),
            None => refusal,
        }
    }
}

impl Claims {
    fn wanted(&self) -> String {
        let audience = match &self.aud {
            Audience::One(audience) => audience,
            Audience::Several(audiences) => audiences.first().map_or("", String::as_str),
        };
        format!(
            "no federated credential of the application matches; add one with issuer {}, subject {} and audience {}",
            plain(&self.iss),
            plain(&self.sub),
            plain(audience)
        )
    }
}

fn claims_of(assertion: &str) -> Option<Claims> {
    let payload = assertion.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

fn plain(claim: &str) -> String {
    claim.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}
