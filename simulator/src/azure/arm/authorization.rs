//! Who may use the resource manager.

use crate::azure::clouds::LOGIN;
use crate::azure::clouds::Names;
use crate::azure::resource::errors::arm;
use crate::azure::state::Azure;
use crate::engine::http::{Request, Response};

/// The audiences of its bearer tokens.
pub(crate) const AUDIENCES: [Names; 2] = [
    Names {
        public: "https://management.azure.com",
        government: "https://management.usgovcloudapi.net",
        china: "https://management.chinacloudapi.cn",
    },
    Names {
        public: "https://management.core.windows.net",
        government: "https://management.core.usgovcloudapi.net",
        china: "https://management.core.chinacloudapi.cn",
    },
];

/// Checks the bearer token, its audience and the principal's role in the subscription.
pub(crate) fn admit(azure: &Azure, request: &Request, subscription: &str) -> Result<(), Response> {
    let challenge = |response: Response| {
        let login = LOGIN.of(azure.options.cloud);
        response.with("www-authenticate", format!("Bearer authorization_uri=\"https://{login}/\", error=\"invalid_token\""))
    };
    let Some(text) = request.bearer() else {
        let message = "Authentication failed. The 'Authorization' header is missing.";
        return Err(challenge(arm(401, "AuthenticationFailed", message)));
    };
    let Some(token) = azure.directory.token(text) else {
        let message = "The access token is invalid or has expired.";
        return Err(challenge(arm(401, "ExpiredAuthenticationToken", message)));
    };
    if !AUDIENCES.iter().any(|audience| audience.of(azure.options.cloud) == token.resource) {
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
