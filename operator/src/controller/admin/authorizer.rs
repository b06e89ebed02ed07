//! Asks the API server whether a request may read the metrics that name objects, seldom and of few at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use http::HeaderMap;
use tokio::sync::Semaphore;

use super::access::{Access, Admission, Decisions, TokenDigest, bearer};
use crate::{cluster::ApiReader, error::Error};

/// How many tokens are asked about at the same time, of strangers and of those who were allowed before.
const AT_ONCE: usize = 4;

/// The path and the verb that a token's user needs the right to.
const RIGHT: (&str, &str) = ("/metrics", "get");

/// Who may read the metrics that name objects: whom the API server lets `get` the path `/metrics`.
pub struct Authorizer {
    api: ApiReader,
    decisions: Mutex<Decisions>,
    strangers: Semaphore,
    allowed_before: Semaphore,
}

impl Authorizer {
    /// One that has asked nothing yet.
    pub fn new(api: ApiReader) -> Self {
        Self { api, decisions: Mutex::default(), strangers: Semaphore::new(AT_ONCE), allowed_before: Semaphore::new(AT_ONCE) }
    }

    /// How a request with these headers, that came now, is answered.
    pub async fn access(&self, headers: &HeaderMap, now: Instant) -> Access {
        let Some(token) = bearer(headers) else { return Access::Unauthenticated };
        let digest = TokenDigest::of(token);
        let admission = self.decisions().admit(&digest, now);
        let places = match admission {
            Admission::Answer(access) => return access,
            Admission::AskAgain => &self.allowed_before,
            Admission::Ask => &self.strangers,
        };
        let Ok(_place) = places.try_acquire() else { return Access::Busy };
        match self.review(token).await {
            Ok(access) => {
                self.decisions().keep(digest, access, now);
                access
            }
            Err(error) => {
                tracing::warn!(error = error.chain(), "Who asks for the metrics could not be found out");
                Access::Unknown
            }
        }
    }

    async fn review(&self, token: &str) -> Result<Access, Error> {
        let Some(user) = self.api.review_token(token).await? else { return Ok(Access::reviewed(None)) };
        let (path, verb) = RIGHT;
        self.api.review_access(&user, path, verb).await.map(|may| Access::reviewed(Some(may)))
    }

    fn decisions(&self) -> MutexGuard<'_, Decisions> {
        self.decisions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
