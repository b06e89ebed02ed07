//! Entra ID, where identities sign in: what proves them, and the tokens that they get.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::cloud::CustomConfiguration;
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::headers::AUTHORIZATION;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{ClientMethodOptions, ClientOptions, Context, Request, StatusCode};
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
};
use futures::future::BoxFuture;
use moorage_keys::{HostName, Token};
use tokio::time::Instant;

use crate::azure::classify::unanswered;
use crate::azure::client::{Azure, Shared};
use crate::azure::endpoints::{Cloud, Endpoint};
use crate::azure::pipeline::request::Asked;
use crate::azure::pipeline::service_client::Scope;
use crate::azure::pipeline::transport::client_options;
use crate::error::Error;
use crate::flow::rejected::CALLER;

mod presented;
mod sign_in_calls;
mod tokens;

use presented::Presented;
use sign_in_calls::SignInCalls;
use tokens::{Make, STEP, Tokens};

const LOGIN: Endpoint =
    Endpoint { public: "login.microsoftonline.com", government: "login.microsoftonline.us", china: "login.chinacloudapi.cn" };
/// For whom assertions are.
const ASSERTION_AUDIENCE: Endpoint = Endpoint {
    public: "api://AzureADTokenExchange",
    government: "api://AzureADTokenExchangeUSGov",
    china: "api://AzureADTokenExchangeChina",
};

/// An application in an Entra ID tenant, with what proves that we are it.
///
/// Its clones share their access tokens, which are renewed five minutes before they end.
#[derive(Clone)]
pub struct Identity(Arc<SignIn>);

struct SignIn {
    tenant: String,
    client: String,
    tokens: Tokens,
}

impl Azure {
    /// The application that a client secret proves.
    ///
    /// # Errors
    /// When the tenant's or the application's id, or the secret, cannot be one.
    pub fn client_secret(&self, tenant: &str, client: &str, secret: &Token) -> Result<Identity, Error> {
        let secret = Secret::new(secret.expose().to_owned());
        let (shared, tenant_id, client_id) = (self.shared().clone(), tenant.to_owned(), client.to_owned());
        let make = move || {
            let options = ClientSecretCredentialOptions { client_options: sign_in_options(&shared) };
            let made = ClientSecretCredential::new(&tenant_id, client_id.clone(), secret.clone(), Some(options));
            made.map(|made| made as Arc<dyn TokenCredential>)
        };
        self.identity(tenant, client, Box::new(make), Presented::default())
    }

    /// The application that an assertion proves, such as a token of a Kubernetes service account; the callback is asked
    /// for a fresh one at each renewal.
    ///
    /// # Errors
    /// When the tenant's or the application's id cannot be one.
    pub fn client_assertion<F>(&self, tenant: &str, client: &str, assertion: F) -> Result<Identity, Error>
    where
        F: Fn() -> BoxFuture<'static, Result<Token, Error>> + Send + Sync + 'static,
    {
        let (shared, tenant_id, client_id) = (self.shared().clone(), tenant.to_owned(), client.to_owned());
        let presented = Presented::default();
        let callback = Callback { assertion: Arc::new(assertion), presented: presented.clone() };
        let make = move || {
            let options = ClientAssertionCredentialOptions { client_options: sign_in_options(&shared) };
            let made = ClientAssertionCredential::new(tenant_id.clone(), client_id.clone(), callback.clone(), Some(options));
            made.map(|made| made as Arc<dyn TokenCredential>)
        };
        self.identity(tenant, client, Box::new(make), presented)
    }

    fn identity(&self, tenant: &str, client: &str, make: Make, presented: Presented) -> Result<Identity, Error> {
        let shared = self.shared().clone();
        let application = format!("application {client} of tenant {tenant}").into();
        let tokens =
            Tokens::new(make, shared.clone(), presented, application).map_err(|error| unanswered(STEP, &error, (shared.clock)()))?;
        Ok(Identity(Arc::new(SignIn { tenant: tenant.to_owned(), client: client.to_owned(), tokens })))
    }
}

impl Identity {
    /// What its calls to a subscription are counted as, by Azure and by us: the application's, once it has proved to be that one. Whoever only
    /// says so shares nothing with it.
    pub(crate) fn scope_in(&self, subscription: &str) -> Scope {
        let (identity, SignIn { tenant, client, .. }) = (self.clone(), &*self.0);
        let proven: Arc<str> = format!("the account{CALLER}{subscription} as {client} of {tenant}").into();
        let unproven: Arc<str> = format!("{proven}, not signed in yet").into();
        Arc::new(move || if identity.0.tokens.is_proven() { proven.clone() } else { unproven.clone() })
    }
}

impl Cloud {
    /// Where identities sign in.
    pub fn login(&self) -> HostName {
        self.host_of(&LOGIN)
    }

    /// For whom a token of a foreign issuer has to be, so that it proves an application here.
    pub fn assertion_audience(&self) -> &'static str {
        self.name_of(&ASSERTION_AUDIENCE)
    }
}

impl Identity {
    /// The tenant's id, as it was given.
    pub fn tenant(&self) -> &str {
        &self.0.tenant
    }

    /// The application's id, as it was given.
    pub fn client(&self) -> &str {
        &self.0.client
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("tenant", &self.0.tenant).field("client", &self.0.client).finish_non_exhaustive()
    }
}

/// Puts an identity's access token into each request.
#[derive(Debug)]
pub(crate) struct Bearer {
    identity: Identity,
    scope: String,
}

impl Bearer {
    pub(crate) fn new(identity: &Identity, audience: &str) -> Self {
        Self { identity: identity.clone(), scope: format!("{audience}/.default") }
    }
}

#[async_trait]
impl Policy for Bearer {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let asked = ctx.value::<Asked>().map_or_else(Instant::now, |asked| asked.0);
        let token = self.put_token(request, asked).await?;
        let answer = next[0].send(ctx, request, &next[1..]).await?;
        // What was refused had no effect: it is sent once more, with a token that is surely good.
        if answer.status() != StatusCode::Unauthorized || !self.identity.0.tokens.refused(&self.scope, &token).await {
            return Ok(answer);
        }
        self.put_token(request, Instant::now()).await?;
        next[0].send(ctx, request, &next[1..]).await
    }
}

impl Bearer {
    async fn put_token(&self, request: &mut Request, asked: Instant) -> azure_core::Result<Secret> {
        let token = self.identity.0.tokens.get(&self.scope, asked).await;
        let token = token.map_err(|error| azure_core::Error::new(azure_core::error::ErrorKind::Credential, error))?;
        request.insert_header(AUTHORIZATION, format!("Bearer {}", token.secret()));
        Ok(token)
    }
}

struct Callback<F> {
    assertion: Arc<F>,
    presented: Presented,
}

impl<F> Clone for Callback<F> {
    fn clone(&self) -> Self {
        Self { assertion: self.assertion.clone(), presented: self.presented.clone() }
    }
}

#[async_trait]
impl<F> ClientAssertion for Callback<F>
where
    F: Fn() -> BoxFuture<'static, Result<Token, Error>> + Send + Sync,
{
    async fn secret(&self, _options: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let assertion = (self.assertion)().await;
        let assertion = assertion.map_err(|error| azure_core::Error::new(azure_core::error::ErrorKind::Credential, error))?;
        self.presented.note(&assertion);
        Ok(assertion.expose().to_owned())
    }
}

impl<F> fmt::Debug for Callback<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callback")
    }
}

fn sign_in_options(shared: &Arc<Shared>) -> ClientOptions {
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = format!("https://{}", shared.cloud.login());
    ClientOptions {
        cloud: Some(Arc::new(cloud.into())),
        per_try_policies: vec![Arc::new(SignInCalls::new(shared))],
        ..client_options(&shared.transport)
    }
}
