//! Who may use the resource manager.

use crate::azure::resource::errors::arm;
use crate::azure::state::Azure;
use crate::engine::http::{Request, Response};

/// The audiences of its bearer tokens.
pub(crate) const AUDIENCES: [&str; 2] = ["https://management.azure.com", "https://management.core.windows.net"];

/// Checks the bearer token, its audience and the principal's role in the subscription.
pub(crate) fn admit(azure: &Azure, request: &Request, subscription: &str) -> Result<(), Response> {
    let challenge = |response: Response| {
        response.with("www-authenticate", "Bearer authorization_uri=\"https://login.microsoftonline.com/\", error=\"invalid_token\"")
    };
    let Some(text) = request.bearer() else {
        let message = "Authentication failed. The 'Authorization' header is missing.";
        return Err(challenge(arm(401, "AuthenticationFailed", message)));
    };
    let Some(token) = azure.directory.token(text) else {
        let message = "The access token is invalid or has expired.";
        return Err(challenge(arm(401, "ExpiredAuthenticationToken", message)));
    };
    if !AUDIENCES.contains(&token.resource.as_str()) {
        let message = "The access token has been obtained for wrong audience or resource.";
        return Err(challenge(arm(401, "InvalidAuthenticationTokenAudience", message)));
    }
    let Some(there) = azure.directory.subscription(subscription) else {
        let message = format!("The subscription '{subscription}' could not be found.");
        return Err(arm(404, "SubscriptionNotFound", &message));
    };
    if !token.tenant.eq_ignore_ascii_case(&there.tenant) {
        let message = "The access token is from the wrong issuer. It must match the tenant \
                       associated with this subscription.";
        return Err(challenge(arm(401, "InvalidAuthenticationTokenTenant", message)));
    }
    if !azure.directory.allows(token, there) {
        let message = format!(
            "The client '{}' does not have authorization to perform action over scope \
             '/subscriptions/{subscription}' or the scope is invalid.",
            token.client
        );
        return Err(arm(403, "AuthorizationFailed", &message));
    }
    Ok(())
}
