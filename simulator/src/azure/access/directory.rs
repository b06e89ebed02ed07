//! Microsoft Entra: applications, their secrets and the tokens they were given.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::azure::options::{Application, Options, Subscription};
use crate::engine::http::{Answer, Call};

/// Who may ask for tokens, and which tokens are out.
pub(crate) struct Directory {
    pub applications: Vec<Application>,
    pub subscriptions: Vec<Subscription>,
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

    pub fn knows_tenant(&self, tenant: &str) -> bool {
        let is = |other: &String| other.eq_ignore_ascii_case(tenant);
        self.subscriptions.iter().any(|subscription| is(&subscription.tenant))
            || self.applications.iter().any(|application| application.tenants.iter().any(is))
    }
}

/// The documents that clients read before they ask for a token.
pub(crate) fn describe(call: &Call) -> Option<Answer> {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let authority = &call.authority;
    match segments.as_slice() {
        [tenant, "v2.0", ".well-known", "openid-configuration"] | [tenant, ".well-known", "openid-configuration"] => {
            let base = format!("https://{authority}/{tenant}");
            Some(Answer::json(
                200,
                json!({
                    "issuer": format!("{base}/v2.0"),
                    "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
                    "token_endpoint": format!("{base}/oauth2/v2.0/token"),
                    "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
                    "jwks_uri": format!("{base}/discovery/v2.0/keys"),
                    "token_endpoint_auth_methods_supported":
                        ["client_secret_post", "private_key_jwt", "client_secret_basic"],
                    "response_types_supported": ["code", "id_token"],
                    "scopes_supported": ["openid", "profile", "email", "offline_access"],
                    "tenant_region_scope": "EU",
                    "cloud_instance_name": "microsoftonline.com",
                }),
            ))
        }
        ["common", "discovery", "instance"] => Some(Answer::json(
            200,
            json!({
                "tenant_discovery_endpoint":
                    format!("https://{authority}/common/v2.0/.well-known/openid-configuration"),
                "api-version": "1.1",
                "metadata": [{
                    "preferred_network": authority,
                    "preferred_cache": authority,
                    "aliases": [authority],
                }],
            }),
        )),
        _ => None,
    }
}
