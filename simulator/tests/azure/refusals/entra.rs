//! What Microsoft Entra refuses.

use crate::bench::base64_url;
use crate::refusals::{Row, Says, all_hold, cloud, row};
use moorage_simulator::{CLIENT, CLIENT_SECRET, FederatedCredential, TENANT};
use serde_json::json;

const SCOPE: &str = "https%3A%2F%2Fmanagement.azure.com%2F.default";
const ASSERTION: &str = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=";

fn asked(what: &'static str, tenant: &str, form: &str) -> Row {
    let url = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token");
    row(what, "", "POST", &url).text("application/x-www-form-urlencoded", form)
}

fn assertion(subject: &str, audience: &str, expiry: i64) -> String {
    let claims = json!({ "iss": "https://cluster", "sub": subject, "aud": [audience], "exp": expiry }).to_string();
    format!("{ASSERTION}{}.{}.", base64_url("{}"), base64_url(&claims))
}

#[tokio::test]
async fn what_entra_refuses_has_its_error_and_its_code() {
    const AUDIENCE: &str = "api://AzureADTokenExchange";
    let bench = cloud(|options| {
        let (issuer, subject) = (Some("https://cluster".to_owned()), "system:serviceaccount:ns:name".to_owned());
        options.applications[0].federated.push(FederatedCredential { issuer, subject, audience: AUDIENCE.to_owned() });
    })
    .await;
    let by = |proof: &str| format!("grant_type=client_credentials&client_id={CLIENT}&scope={SCOPE}&{proof}");
    let secret = format!("client_secret={CLIENT_SECRET}");
    let of_nobody = by(&secret).replace(CLIENT, "00000000-0000-4000-8000-000000000000");
    let (later, before) = (4_000_000_000, 1_700_000_000);
    let us = "system:serviceaccount:ns:name";
    let rows = [
        asked("a wrong secret", TENANT, &by("client_secret=wrong")).refused(401, Says::Entra("invalid_client", 7_000_215)),
        asked("no proof", TENANT, &by("")).refused(400, Says::Entra("invalid_request", 900_144)),
        asked("no scope", TENANT, &by(&secret).replace("scope", "rope")).refused(400, Says::Entra("invalid_request", 900_144)),
        asked("no resource", TENANT, &by(&secret).replace(SCOPE, "openid+profile")).refused(400, Says::Entra("invalid_scope", 70_011)),
        asked("two resources", TENANT, &by(&secret).replace(SCOPE, &format!("{SCOPE}+https%3A%2F%2Fvault.azure.net%2F.default")))
            .refused(400, Says::Entra("invalid_scope", 28_000)),
        asked("a right of a user", TENANT, &by(&secret).replace("%2F.default", "%2Fuser_impersonation"))
            .refused(400, Says::Entra("invalid_scope", 1_002_012)),
        asked("no such resource", TENANT, &by(&secret).replace("management.azure.com", "management.example.com"))
            .refused(400, Says::Entra("invalid_resource", 500_011)),
        asked("no such tenant", "00000000-0000-4000-8000-000000000000", &by(&secret)).refused(400, Says::Entra("invalid_request", 90_002)),
        asked("no such application", TENANT, &of_nobody).refused(400, Says::Entra("unauthorized_client", 700_016)),
        asked("another service account", TENANT, &by(&assertion("system:serviceaccount:ns:other", AUDIENCE, later)))
            .refused(401, Says::Entra("invalid_client", 700_213)),
        asked("another audience", TENANT, &by(&assertion(us, "https://kubernetes.default.svc", later)))
            .refused(401, Says::Entra("invalid_client", 700_213)),
        asked("an expired token", TENANT, &by(&assertion(us, AUDIENCE, before))).refused(401, Says::Entra("invalid_client", 700_024)),
    ];
    all_hold(&bench, &rows).await;
}
