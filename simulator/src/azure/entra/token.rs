//! The token endpoint: client secrets and federated assertions
//! (Microsoft Learn: "OAuth 2.0 client credentials flow on the Microsoft identity platform").

use std::collections::BTreeSet;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::azure::access::directory::{Directory, Token};
use crate::azure::options::{Application, FederatedCredential};
use crate::engine::clock::real_now;
use crate::engine::http::{Outcome, Request, Response};
use crate::engine::keys::Keyring;

/// What a scope may name beside a resource, as users do who sign in.
const OPENID: [&str; 4] = ["openid", "profile", "email", "offline_access"];

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Answers `POST /{tenant}/oauth2/v2.0/token`; `audiences` are the resources that there are.
pub(crate) fn answer(directory: &mut Directory, keyring: &mut Keyring, audiences: &[&str], tenant: &str, request: &Request) -> Response {
    grant(directory, keyring, audiences, tenant, request).unwrap_or_else(|refusal| refusal)
}

/// The body's fields.
struct Form(Vec<(String, String)>);

impl Form {
    fn field(&self, name: &str) -> Option<&str> {
        let field = self.0.iter().find(|(key, _)| key == name);
        field.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn needed(&self, name: &str) -> Result<&str, Response> {
        self.field(name).ok_or_else(|| {
            let text = format!("The request body must contain the following parameter: '{name}'.");
            refuse(400, "invalid_request", 900_144, &text)
        })
    }
}

fn grant(directory: &mut Directory, keyring: &mut Keyring, audiences: &[&str], tenant: &str, request: &Request) -> Outcome {
    let form = Form(request.form());
    if directory.tenants_elsewhere.iter().any(|other| other.eq_ignore_ascii_case(tenant)) {
        return Err(refuse(400, "invalid_request", 900_382, "Confidential Client is not supported in Cross Cloud request."));
    }
    if !directory.knows_tenant(tenant) {
        let text = format!("Tenant '{tenant}' not found.");
        return Err(refuse(400, "invalid_request", 90_002, &text));
    }
    if form.needed("grant_type")? != "client_credentials" {
        let text = "The app requested an unsupported grant type.";
        return Err(refuse(400, "unsupported_grant_type", 70_003, text));
    }
    let resource = resource(form.needed("scope")?)?;
    let application = application(directory, tenant, form.needed("client_id")?)?;
    if let Some(assertion) = form.field("client_assertion") {
        keyring.keep(assertion.to_owned());
        prove_assertion(application, form.field("client_assertion_type"), assertion)?;
    } else {
        prove_secret(application, form.needed("client_secret")?)?;
    }
    if !audiences.contains(&resource) {
        let text = format!(
            "The resource principal named {resource} was not found in the tenant named {tenant}. This can happen if the application has \
             not been installed by the administrator of the tenant or consented to by any user in the tenant."
        );
        return Err(refuse(400, "invalid_resource", 500_011, &text));
    }
    let token = Token {
        tenant: tenant.to_owned(),
        client: application.client_id.clone(),
        resource: resource.to_owned(),
        expires: Instant::now() + directory.lifetime,
    };
    let text = keyring.token("bearer token");
    directory.tokens.insert(text.clone(), token);
    let seconds = directory.lifetime.as_secs();
    let body = json!({ "token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": text });
    Ok(Response::json(200, body).with("cache-control", "no-store, no-cache"))
}

/// The one resource that a scope names, beside those of `OPENID`.
fn resource(scope: &str) -> Result<&str, Response> {
    let resources = scope.split_whitespace().filter(|one| !OPENID.contains(one)).map(|one| {
        one.strip_suffix("/.default").map(|resource| resource.trim_end_matches('/')).ok_or_else(|| {
            let text = format!("The provided value for the input parameter scope {one} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier.");
            refuse(400, "invalid_scope", 1_002_012, &text)
        })
    });
    let resources: BTreeSet<&str> = resources.collect::<Result<_, _>>()?;
    let mut resources = resources.into_iter();
    match (resources.next(), resources.next()) {
        (Some(resource), None) => Ok(resource),
        (None, _) => {
            let text = format!("The provided value for the input parameter scope is not valid: {scope} names no resource.");
            Err(refuse(400, "invalid_scope", 70_011, &text))
        }
        (Some(_), Some(_)) => {
            let text = format!(
                "Provided value for the input parameter scope is not valid because it contains more than one resource. Scope {scope} is not valid."
            );
            Err(refuse(400, "invalid_scope", 28_000, &text))
        }
    }
}

fn application<'a>(directory: &'a Directory, tenant: &str, client: &str) -> Result<&'a Application, Response> {
    let there = |application: &&Application| application.tenants.iter().any(|other| other.eq_ignore_ascii_case(tenant));
    directory.application(client).filter(there).ok_or_else(|| {
        let text = format!("Application '{client}' was not found in the directory '{tenant}'.");
        refuse(400, "unauthorized_client", 700_016, &text)
    })
}

fn prove_secret(application: &Application, secret: &str) -> Result<(), Response> {
    if application.client_secrets.iter().any(|mine| mine == secret) {
        return Ok(());
    }
    let text = format!(
        "Invalid client secret provided. Ensure the secret being sent in the request is the client \
         secret value, not the client secret ID, for a secret added to app '{}'.",
        application.client_id
    );
    Err(refuse(401, "invalid_client", 7_000_215, &text))
}

fn prove_assertion(application: &Application, kind: Option<&str>, assertion: &str) -> Result<(), Response> {
    if kind != Some(JWT_BEARER) {
        let text = "The client assertion type is not supported.";
        return Err(refuse(400, "invalid_request", 50_013, text));
    }
    let claims = claims(assertion).ok_or_else(|| refuse(401, "invalid_client", 50_027, "JWT token is invalid or malformed."))?;
    let expired = claims["exp"].as_i64().is_some_and(|exp| exp <= real_now().as_second());
    if expired {
        let text = "Client assertion is not within its valid time range.";
        return Err(refuse(401, "invalid_client", 700_024, text));
    }
    if application.federated.iter().any(|credential| stands_for(credential, &claims)) {
        return Ok(());
    }
    let text = format!(
        "No matching federated identity record found for presented assertion subject '{}'.",
        claims["sub"].as_str().unwrap_or_default()
    );
    Err(refuse(401, "invalid_client", 700_213, &text))
}

fn stands_for(credential: &FederatedCredential, claims: &Value) -> bool {
    let audience = match &claims["aud"] {
        Value::Array(all) => all.iter().any(|one| *one == credential.audience.as_str()),
        one => *one == credential.audience.as_str(),
    };
    let issuer = credential.issuer.as_deref().is_none_or(|issuer| claims["iss"] == issuer);
    audience && issuer && claims["sub"] == credential.subject.as_str()
}

/// The claims of a JWT; its signature is not checked.
fn claims(assertion: &str) -> Option<Value> {
    let payload = assertion.split('.').nth(1)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn refuse(status: u16, error: &str, code: u32, text: &str) -> Response {
    let trace = "00000000-0000-0000-0000-000000000000";
    let now = real_now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    Response::json(
        status,
        json!({
            "error": error,
            "error_description": format!(
                "AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {trace} Timestamp: {now}"
            ),
            "error_codes": [code],
            "timestamp": now,
            "trace_id": trace,
            "correlation_id": trace,
        }),
    )
}
