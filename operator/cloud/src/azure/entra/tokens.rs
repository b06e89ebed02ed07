//! Access tokens: who has which, until when, and when a new one is asked for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use azure_core::credentials::{AccessToken, Secret, TokenCredential};
use azure_core::time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::presented::Presented;
use crate::azure::classify::unanswered;
use crate::azure::client::Shared;
use crate::error::{Class, Error};
use crate::flow::bulkhead::Bulkhead;
use crate::flow::gate::Admission;
use crate::flow::verdict::Verdict;

/// What errors call it.
pub(super) const STEP: &str = "sign in to Entra ID";
/// A token that ends sooner than this is renewed.
const RENEWED_BEFORE: Duration = Duration::from_mins(5);
/// A token that ends sooner than this is not used.
const USED_UNTIL: Duration = Duration::from_secs(30);
/// How long an old token is used after its renewal failed, before the next attempt.
const PATIENCE: Duration = Duration::from_secs(30);

/// The access tokens of one identity, one a scope; renewed one at a time.
///
/// They live on the machine's clock, as Entra ID does. Whoever waits since before a sign-in failed shares its failure, so that a
/// wrong secret or a silent login host is met once and not once for every waiting call; and a renewal that fails hurts
/// nobody while the old token lasts.
pub(super) struct Tokens {
    /// Makes a credential that remembers no token: each keeps a memory of its own, which cannot be wiped.
    make: Make,
    shared: Arc<Shared>,
    presented: Presented,
    /// Whose they are, in words.
    application: Arc<str>,
    proven: AtomicBool,
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
    pub(super) fn new(make: Make, shared: Arc<Shared>, presented: Presented, application: Arc<str>) -> azure_core::Result<Self> {
        let state = State { credential: make()?, known: BTreeMap::new(), failure: None, refused: None };
        Ok(Self { make, shared, presented, application, proven: AtomicBool::new(false), state: Mutex::new(state) })
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

    /// The token of a scope for a call that was `asked` for then.
    pub(super) async fn get(&self, scope: &str, asked: Instant) -> Result<Secret, Error> {
        let mut state = self.state.lock().await;
        let known = state.known.get(scope).filter(|token| lasts(token, USED_UNTIL)).cloned();
        if let Some(token) = known.as_ref().filter(|token| lasts(token, RENEWED_BEFORE) || state.failed_lately()) {
            return Ok(token.token.clone());
        }
        if let Some((_, failure)) = state.failure.as_ref().filter(|(at, _)| *at >= asked) {
            return Err(failure.clone());
        }
        let credential = state.credential.clone();
        match self.sign_in(&credential, scope).await {
            Ok(token) => {
                self.proven.store(true, Ordering::Relaxed);
                state.failure = None;
                state.known.insert(scope.to_owned(), token.clone());
                Ok(token.token)
            }
            Err(failure) => {
                state.failure = Some((Instant::now(), failure.clone()));
                match known {
                    Some(token) if passes(failure.class()) => Ok(token.token),
                    _ => Err(failure),
                }
            }
        }
    }
}

impl Tokens {
    /// One of the application's own, so that whoever gets no answer closes nobody else's; and one of the host, which several have to find
    /// silent.
    fn bulkheads(&self) -> Vec<Bulkhead> {
        let login = self.shared.cloud.login();
        let own = format!("{login} for {}", self.application).into();
        vec![
            Bulkhead { name: own, width: 4, threshold: 3, about: None },
            Bulkhead { name: login.as_str().into(), width: 16, threshold: 3, about: Some(self.application.clone()) },
        ]
    }

    /// Whether a service has ever given it a token: then the application is who it says.
    pub(super) fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Relaxed)
    }

    /// Asks for a token, unless nobody there answers.
    async fn sign_in(&self, credential: &Arc<dyn TokenCredential>, scope: &str) -> Result<AccessToken, Error> {
        let admission = Admission { bulkheads: self.bulkheads(), budget: None };
        let asking = async {
            let signed_in = credential.get_token(&[scope], None).await;
            let signed_in = signed_in.map_err(|error| self.presented.explain(unanswered(STEP, &error, (self.shared.clock)())));
            let verdict = match &signed_in {
                Err(error) if error.step() != STEP => Verdict::Unknown,
                Err(error) if error.class() == Class::Unavailable => Verdict::Missed,
                Ok(_) | Err(_) => Verdict::Answered,
            };
            (signed_in, verdict)
        };
        self.shared.gate.run(admission, asking).await.map_err(|rejected| rejected.error(STEP))?
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
    matches!(class, Class::Throttled(_) | Class::RateLimited(_) | Class::Unavailable)
}
