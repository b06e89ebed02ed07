//! Applications, their secrets and the tokens they were given.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::azure::options::{Application, Options, Subscription};

/// Who may ask for tokens, and which tokens are out.
pub(crate) struct Directory {
    pub applications: Vec<Application>,
    pub subscriptions: Vec<Subscription>,
    pub tenants_elsewhere: Vec<String>,
    pub lifetime: Duration,
    pub tokens: HashMap<String, Token>,
}

/// A bearer token's meaning; its text is opaque.
#[derive(Clone)]
pub(crate) struct Token {
    pub tenant: String,
    pub client: String,
    /// The scope without `/.default` and without trailing slashes.
    pub resource: String,
    pub expires: Instant,
}

impl Directory {
    pub fn new(options: &Options) -> Self {
        Self {
            applications: options.applications.clone(),
            subscriptions: options.subscriptions.clone(),
            tenants_elsewhere: options.tenants_elsewhere.clone(),
            lifetime: options.token_lifetime,
            tokens: HashMap::new(),
        }
    }

    /// The token's meaning, if it was issued here and has not expired in real time.
    pub fn token(&self, text: &str) -> Option<&Token> {
        self.tokens.get(text).filter(|token| token.expires > Instant::now())
    }

    /// Forgets every token.
    pub fn expire_all(&mut self) {
        self.tokens.clear();
    }

    /// The application of that client id.
    pub fn application(&self, client: &str) -> Option<&Application> {
        self.applications.iter().find(|application| application.client_id.eq_ignore_ascii_case(client))
    }

    /// The tenant that a subscription trusts.
    pub fn subscription(&self, id: &str) -> Option<&Subscription> {
        self.subscriptions.iter().find(|subscription| subscription.id.eq_ignore_ascii_case(id))
    }

    /// Whether the token's principal holds a role in the subscription.
    pub fn allows(&self, token: &Token, subscription: &Subscription) -> bool {
        let roles = self.application(&token.client).map(|application| &application.subscriptions);
        token.tenant.eq_ignore_ascii_case(&subscription.tenant)
            && roles.is_some_and(|roles| roles.as_ref().is_none_or(|ids| ids.iter().any(|id| id.eq_ignore_ascii_case(&subscription.id))))
    }

    /// Whether a bearer token for an audience lets its principal into a subscription; `None` when it is no such token.
    pub fn admits(&self, text: &str, audience: &str, subscription: &str) -> Option<bool> {
        let token = self.token(text).filter(|token| token.resource == audience)?;
        Some(self.subscription(subscription).is_some_and(|there| self.allows(token, there)))
    }

    /// Whether there is such a tenant.
    pub fn knows_tenant(&self, tenant: &str) -> bool {
        let is = |other: &String| other.eq_ignore_ascii_case(tenant);
        self.subscriptions.iter().any(|subscription| is(&subscription.tenant))
            || self.applications.iter().any(|application| application.tenants.iter().any(is))
    }
}
