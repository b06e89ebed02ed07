//! What Entra ID's codes mean (Microsoft: "Microsoft Entra authentication and authorization error codes").

use crate::azure::endpoints::Cloud;
use crate::error::Class;

/// Every refusal to sign in is `Denied`, but for those that pass by themselves.
pub(super) fn class(status: u16, code: Option<&str>) -> Class {
    match (status, code) {
        (429, _) | (_, Some("50196")) => Class::Throttled(None),
        (408 | 500..=599, _) | (_, Some("90033" | "90036" | "temporarily_unavailable" | "50000")) => Class::Unavailable,
        (400..=499, Some(_)) => Class::Denied,
        _ => Class::Unavailable,
    }
}

/// The cloud of a tenant, where Entra ID says it: "The specified tenant 'Y' belongs to the National Cloud 'X'."
pub(super) fn cloud_named(message: &str) -> Option<Cloud> {
    let lower = message.to_ascii_lowercase();
    let (_, named) = lower.split_once("belongs to the national cloud ")?;
    let named = named.split(['.', ',']).take(2).collect::<Vec<_>>().join(".");
    let is = |words: &[&str]| words.iter().any(|word| named.contains(word));
    if is(&["gov", "microsoftonline.us", "fairfax"]) {
        Some(Cloud::government())
    } else if is(&["china", "partner.microsoftonline", "21vianet", "mooncake"]) {
        Some(Cloud::china())
    } else {
        is(&["microsoftonline.com", "public", "global"]).then(Cloud::public)
    }
}

/// What a person can do about it.
pub(super) fn remedy(code: &str) -> Option<&'static str> {
    Some(match code {
        "7000215" => "the client secret is wrong: put the secret's value, not its id, into the account's Secret",
        "7000222" => "the client secret has expired: make a new one for the application and put it into the account's Secret",
        "700016" => "the tenant does not know the application: check clientId and tenantId, or consent to the application there",
        "90002" | "900023" | "900021" => {
            "there is no such tenant in this Azure cloud: check tenantId, and cloud, for Public, Government and China know no tenant of each other"
        }
        "90038" | "90051" | "900382" => "the tenant is one of another Azure cloud: check tenantId, and cloud (Public, Government or China)",
        "7000112" | "7000111" => "the application is disabled: enable its service principal in the tenant",
        "70021" | "700211" | "700212" | "700213" => {
            "no federated credential of the application matches: its issuer, subject and audience must be those of the service account's token"
        }
        "700024" | "500133" => "the client assertion is out of date: check the clocks of the cluster",
        "50027" | "700027" | "5002738" => "the client assertion is not accepted: check the cluster's issuer and its published keys",
        "53003" | "530003" => "a conditional access policy blocks the application",
        "500011" => "the tenant does not know the resource: check that the tenant belongs to this cloud, and cloud",
        "7000229" => "the application has no service principal in the tenant: consent to it there",
        _ => return None,
    })
}
