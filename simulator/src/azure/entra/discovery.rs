//! The documents that clients read before they ask for a token.

use serde_json::json;

use crate::azure::clouds::{AzureCloud, Names};
use crate::engine::http::{Request, Response};

/// What a cloud is called by Entra.
const INSTANCE: Names = Names { public: "microsoftonline.com", government: "microsoftonline.us", china: "partner.microsoftonline.cn" };

/// The document of that path, if it is one.
pub(crate) fn answer(request: &Request, cloud: AzureCloud) -> Option<Response> {
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    let authority = &request.authority;
    match segments.as_slice() {
        [tenant, "v2.0", ".well-known", "openid-configuration"] | [tenant, ".well-known", "openid-configuration"] => {
            let base = format!("https://{authority}/{tenant}");
            Some(Response::json(
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
                    "cloud_instance_name": INSTANCE.of(cloud),
                }),
            ))
        }
        ["common", "discovery", "instance"] => Some(Response::json(
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
