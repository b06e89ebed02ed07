use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use azure_core::credentials::{AccessToken, Secret, TokenCredential};
use azure_core::time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::STEP;
use super::presented::Presented;
use crate::azure::Clock;
use crate::classify::unanswered;
use crate::error::{Class, Error};

/// A token that ends sooner than this is renewed.
const RENEWED_BEFORE: Duration = Duration::from_mins(5);
/// A token that ends sooner than this is not used.
const USED_UNTIL: Duration = Duration::from_secs(30);
/// How long an old token is used after its renewal failed, before the next attempt.
const PATIENCE: Duration = Duration::from_secs(30);

/// The access tokens of one identity, one a scope; renewed one at a time.
///
/// They live on the machine's clock, as Entra ID does. Whoever waits while a sign-in fails shares its failure, so that a
/// wrong secret or a silent login host is met once and not once for every waiting call; and a renewal that fails hurts
/// nobody while the old token lasts.
pub(super) struct Tokens {
    /// Makes a credential that remembers no token: each keeps a memory of its own, which cannot be wiped.
    make: Make,
    clock: Clock,
    presented: Presented,
    failures: AtomicU64,
    state: Mutex<State>,
}

pub(super) type Make = Box<dyn Fn() -> azure_core::Result<Arc<dyn TokenCredential>> + Send + Sync>;

struct State {
    credential: Arc<dyn TokenCredential>,
    known: BTreeMap<String, AccessToken>,
    failure: Option<(Instant, Error)>,
    /// When a token was last refused before its time.
    refused: Option<Instant>,
}

impl Tokens {
    /// No token yet.
    ///
    /// # Errors
    /// When no credential can be made.
    pub(super) fn new(make: Make, clock: Clock, presented: Presented) -> azure_core::Result<Self> {
        let state = State { credential: make()?, known: BTreeMap::new(), failure: None, refused: None };
        Ok(Self { make, clock, presented, failures: AtomicU64::new(0), state: Mutex::new(state) })
    }

    /// Drops a token that a service has refused before its time, as when all of an application's are revoked. False if that was
    /// done a moment ago: then it is not the token.
    pub(super) async fn refused(&self, scope: &str, token: &Secret) -> bool {
        let mut state = self.state.lock().await;
        let current = state.known.get(scope).is_some_and(|known| known.token.secret() == token.secret());
        if !current {
            // Another call has met with the same, and there is a new one.
            return true;
        }
        if state.refused.is_some_and(|at| at.elapsed() < PATIENCE) {
            return false;
        }
        let Ok(credential) = (self.make)() else { return false };
        state.credential = credential;
        state.refused = Some(Instant::now());
        state.known.remove(scope);
        true
    }

    pub(super) async fn get(&self, scope: &str) -> Result<Secret, Error> {
        let failures = self.failures.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        let known = state.known.get(scope).filter(|token| lasts(token, USED_UNTIL)).cloned();
        if let Some(token) = known.as_ref().filter(|token| lasts(token, RENEWED_BEFORE) || state.failed_lately()) {
            return Ok(token.token.clone());
        }
        let while_waiting = self.failures.load(Ordering::Acquire) != failures;
        if let Some((_, failure)) = state.failure.as_ref().filter(|_| while_waiting) {
            return Err(failure.clone());
        }
        match state.credential.clone().get_token(&[scope], None).await {
            Ok(token) => {
                state.failure = None;
                state.known.insert(scope.to_owned(), token.clone());
                Ok(token.token)
            }
            Err(error) => {
                let failure = self.presented.explain(unanswered(STEP, &error, (self.clock)()));
                state.failure = Some((Instant::now(), failure.clone()));
                self.failures.fetch_add(1, Ordering::AcqRel);
                match known {
                    Some(token) if passes(failure.class()) => Ok(token.token),
                    _ => Err(failure),
                }
            }
        }
    }
}

impl State {
    fn failed_lately(&self) -> bool {
        self.failure.as_ref().is_some_and(|(at, failure)| at.elapsed() < PATIENCE && passes(failure.class()))
    }
}

fn lasts(token: &AccessToken, time: Duration) -> bool {
    token.expires_on > OffsetDateTime::now_utc() + time
}

fn passes(class: Class) -> bool {
    matches!(class, Class::Throttled(_) | Class::Unavailable)
}
