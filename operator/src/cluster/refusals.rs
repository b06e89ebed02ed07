//! Who has refused a request: the API server's own words, not its number, for a 403 can be a missing right, a quota or somebody's policy.

use serde::Deserialize;

/// Who has refused a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refuser {
    /// Access control (RBAC): a right is missing.
    AccessControl,
    /// A `ResourceQuota` of the namespace.
    Quota(String),
    /// The namespace is being deleted, and takes nothing new.
    EndingNamespace,
    /// A `ValidatingAdmissionPolicy`.
    Policy(String),
    /// An admission webhook.
    Webhook(String),
    /// The object itself, which is marked `immutable: true`.
    ImmutableContent,
    /// Not known.
    Unknown,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    message: String,
    details: Option<RefusalDetails>,
}

#[derive(Deserialize)]
struct RefusalDetails {
    #[serde(default)]
    causes: Vec<Cause>,
}

#[derive(Deserialize)]
struct Cause {
    #[serde(default)]
    reason: String,
}

impl Refuser {
    /// Who has written a refusal (`metav1.Status`). Only names are taken from it: whatever else it says may quote what was sent.
    pub fn of(reply: &[u8]) -> Self {
        let Ok(Refusal { message, details }) = serde_json::from_slice(reply) else { return Self::Unknown };
        if details.iter().flat_map(|details| &details.causes).any(|cause| cause.reason == "NamespaceTerminating") {
            return Self::EndingNamespace;
        }
        let named = |before: &str, after: &str| Some(name(message.split_once(before)?.1.split_once(after)?.0));
        if let Some(quota) = named("exceeded quota: ", ",") {
            return Self::Quota(quota);
        }
        if let Some(policy) = named("ValidatingAdmissionPolicy '", "'") {
            return Self::Policy(policy);
        }
        if let Some(webhook) = named("admission webhook \"", "\"") {
            return Self::Webhook(webhook);
        }
        if message.contains("field is immutable when `immutable` is set") {
            return Self::ImmutableContent;
        }
        if message.contains(" cannot ") && message.contains(" resource ") { Self::AccessControl } else { Self::Unknown }
    }
}

/// A name as Kubernetes has them, whatever stands there.
fn name(text: &str) -> String {
    text.chars().filter(|letter| letter.is_ascii_alphanumeric() || "-._".contains(*letter)).take(253).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(code: u16, message: &str) -> Refuser {
        let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message });
        Refuser::of(status.to_string().as_bytes())
    }

    #[test]
    fn whoever_refused_is_known_by_the_words_and_not_by_the_number() {
        let cases = [
            (
                403,
                r#"secrets is forbidden: User "system:serviceaccount:moorage-system:moorage" cannot create resource "secrets" in API group "" in the namespace "contoso""#,
                Refuser::AccessControl,
            ),
            (
                403,
                r#"secrets "device" is forbidden: exceeded quota: tenant, requested: count/secrets=1, used: count/secrets=5, limited: count/secrets=5"#,
                Refuser::Quota("tenant".to_owned()),
            ),
            (
                422,
                r#"secrets "device" is forbidden: ValidatingAdmissionPolicy 'needs-owner-label' with binding 'all' denied request: a Secret needs the label owner"#,
                Refuser::Policy("needs-owner-label".to_owned()),
            ),
            (
                403,
                r#"admission webhook "validate.kyverno.svc-fail" denied the request: resource Secret/contoso/device was blocked: {"data": "c2VjcmV0"}"#,
                Refuser::Webhook("validate.kyverno.svc-fail".to_owned()),
            ),
            (422, r#"Secret "device" is invalid: data: Forbidden: field is immutable when `immutable` is set"#, Refuser::ImmutableContent),
            (500, "etcdserver: request timed out", Refuser::Unknown),
            (403, "", Refuser::Unknown),
        ];
        for (code, message, refuser) in cases {
            assert_eq!(of(code, message), refuser, "{message}");
        }
        assert_eq!(Refuser::of(b"<html>"), Refuser::Unknown);
        let ending = json!({
            "message": r#"secrets "device" is forbidden: unable to create new content in namespace contoso because it is being terminated"#,
            "details": { "causes": [{ "reason": "NamespaceTerminating", "field": "metadata.namespace" }] },
        });
        assert_eq!(Refuser::of(ending.to_string().as_bytes()), Refuser::EndingNamespace);
    }

    #[test]
    fn a_name_is_bounded_and_has_nothing_else_in_it() {
        let long = "x".repeat(1000);
        assert_eq!(of(403, &format!("exceeded quota: {long}, requested")), Refuser::Quota("x".repeat(253)));
        assert_eq!(of(403, "admission webhook \"a\n{b}\" denied"), Refuser::Webhook("ab".to_owned()));
    }
}
