//! Names of effects that are the same in every run.

use std::collections::HashMap;
use std::fmt;

use moorage_crds::annotations;
use serde_json::Value;

use crate::controlplane::AuditEvent;

/// The name of an effect: what is done to what, without what differs between runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(String);

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// POSTs of the clouds that only ask.
const QUESTIONS: [&str; 6] =
    ["listkeys", "query", "attestationmechanism", "checknameavailability", "checkprovisioningservicenameavailability", "token"];

/// What devices do with the clouds, and the operator never.
const DEVICES_OWN: &str = "register";

/// Resources of the API server that are no effects: who leads, what is told, and what only asks.
const NO_EFFECTS: [&str; 4] = ["leases", "events", "selfsubjectaccessreviews", "selfsubjectreviews"];

/// The effect of a request to a cloud; `None` if it has none.
pub fn of_cloud(method: &str, path: &str) -> Option<Label> {
    let path = path.trim_matches('/').to_lowercase();
    let segments: Vec<_> = path.split('/').collect();
    let changes = match method {
        "PUT" | "PATCH" | "DELETE" => segments.last() != Some(&DEVICES_OWN),
        "POST" => !segments.last().is_some_and(|last| QUESTIONS.contains(last)),
        _ => false,
    };
    if !changes || segments.first() == Some(&"sim") {
        return None;
    }
    let what = segments[segments.len().saturating_sub(2)..].iter().map(|segment| if is_guid(segment) { "a-guid" } else { segment });
    Some(Label(format!("{method} {}", what.collect::<Vec<_>>().join("/"))))
}

/// Whether it is a name that differs from run to run, as a role assignment's does.
fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// The effect of an entry in the audit log, without the owner that only a request's body tells; `None` if it has none.
pub fn of_audit(event: &AuditEvent) -> Option<Label> {
    let method = match event.verb.as_str() {
        "create" => "POST",
        "update" => "PUT",
        "patch" => "PATCH",
        "delete" | "deletecollection" => "DELETE",
        _ => return None,
    };
    let place = Place { resource: &event.resource, subresource: &event.subresource, namespace: &event.namespace, name: &event.name };
    (event.is_write() && place.has_effects()).then(|| place.label(method, None))
}

impl Label {
    /// The same effect, whoever's it is.
    #[must_use]
    pub fn of_anyone(&self) -> Self {
        Self(self.0.split(" of ").next().unwrap_or_default().to_owned())
    }

    /// Whether it is the claim that we disenroll a device, made anew after the last trace of it is gone: nothing can refuse that when it is
    /// late. A claim alone proves nothing, and it is struck when its credential or its service comes and goes again.
    pub(super) fn is_claim_of_a_disenrolled_device(&self) -> bool {
        self.0 == "POST configmaps of DeviceCredential"
    }

    /// Whether it orders a certificate for that device. Nothing can refuse that when it is late and the order was taken back: what comes
    /// of it is seen, and taken back again.
    pub(super) fn is_order_for(&self, device: &str) -> bool {
        self.0 == "POST certificates" || self.0.strip_prefix("POST secrets of DeviceCredential ") == Some(device)
    }

    /// Whether it only tells what is the case.
    pub fn tells(&self) -> bool {
        self.0.ends_with("/status")
    }
}

/// Labels requests to the API server; remembers for whom Secrets and `ConfigMap`s were made.
#[derive(Debug, Default)]
pub(super) struct Labels {
    owners: HashMap<(String, String, String), String>,
}

struct Place<'a> {
    resource: &'a str,
    subresource: &'a str,
    namespace: &'a str,
    name: &'a str,
}

impl Place<'_> {
    fn has_effects(&self) -> bool {
        !NO_EFFECTS.contains(&self.resource) && self.subresource != "token"
    }

    fn label(&self, method: &str, owner: Option<&str>) -> Label {
        let sub = if self.subresource.is_empty() { String::new() } else { format!("/{}", self.subresource) };
        let of = owner.map(|owner| format!(" of {owner}")).unwrap_or_default();
        Label(format!("{method} {}{sub}{of}", self.resource))
    }
}

/// Splits a path like `/apis/<group>/<version>/namespaces/<namespace>/<resource>/<name>/<subresource>`.
fn place(path: &str) -> Option<Place<'_>> {
    let segments: Vec<_> = path.trim_matches('/').split('/').collect();
    let (["api", _, rest @ ..] | ["apis", _, _, rest @ ..]) = segments.as_slice() else { return None };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
        _ => ("", rest),
    };
    let segment = |n: usize| rest.get(n).copied().unwrap_or_default();
    Some(Place { resource: rest.first()?, name: segment(1), subresource: segment(2), namespace })
}

impl Labels {
    /// The effect of a request to the API server; `None` if it has none.
    pub fn of_cluster(&mut self, method: &str, path: &str, body: &[u8]) -> Option<Label> {
        if !matches!(method, "POST" | "PUT" | "PATCH" | "DELETE") {
            return None;
        }
        let place = place(path).filter(Place::has_effects)?;
        let owner = if matches!(place.resource, "secrets" | "configmaps") { self.owner(&place, body) } else { None };
        Some(place.label(method, owner.as_deref()))
    }

    fn owner(&mut self, place: &Place<'_>, body: &[u8]) -> Option<String> {
        let sent: Value = serde_json::from_slice(body).unwrap_or_default();
        let name = sent["metadata"]["name"].as_str().filter(|_| place.name.is_empty()).unwrap_or(place.name);
        let at = (place.resource.to_owned(), place.namespace.to_owned(), name.to_owned());
        let said = |name: &str| sent["metadata"]["annotations"][name].as_str();
        if let Some(kind) = said(annotations::OWNER_KIND) {
            // Secrets hold different things for different devices; what the ledger says of each is the same sort of thing.
            let which = said(annotations::OWNER_NAME).filter(|_| place.resource == "secrets");
            self.owners.insert(at.clone(), which.map_or_else(|| kind.to_owned(), |which| format!("{kind} {which}")));
        }
        self.owners.get(&at).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cloud(method: &str, path: &str) -> Option<String> {
        of_cloud(method, path).map(|label| label.to_string())
    }

    #[test]
    fn a_request_that_changes_the_cloud_has_a_name_and_a_question_has_none() {
        let hub = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/IotHubs/contoso-east-hub";
        assert_eq!(cloud("PUT", hub).as_deref(), Some("PUT iothubs/contoso-east-hub"));
        assert_eq!(cloud("DELETE", "/subscriptions/s/resourcegroups/rg").as_deref(), Some("DELETE resourcegroups/rg"));
        assert_eq!(cloud("PUT", "/enrollmentGroups/devices").as_deref(), Some("PUT enrollmentgroups/devices"));
        let role = format!("{hub}/providers/Microsoft.Authorization/roleAssignments/0f8a1c9e-5b7d-5e0a-9c1d-1b2f3a4c5d6e");
        assert_eq!(cloud("DELETE", &role).as_deref(), Some("DELETE roleassignments/a-guid"));
        for (method, path) in [
            ("GET", hub),
            ("POST", &format!("{hub}/listkeys")),
            ("POST", "/sim/clock/follow"),
            ("POST", "/t/oauth2/v2.0/token"),
            ("PUT", "/0ne00000001/registrations/east/register"),
        ] {
            assert_eq!(cloud(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn a_request_that_changes_the_cluster_is_named_with_the_kind_that_it_is_for() {
        let mut labels = Labels::default();
        let mut label =
            |method: &str, path: &str, body: &str| labels.of_cluster(method, path, body.as_bytes()).map(|label| label.to_string());
        let page = r#"{"metadata":{"name":"page","annotations":{"moorage.dev/owner-kind":"TenantHubGroup"}}}"#;
        assert_eq!(label("POST", "/api/v1/namespaces/m/configmaps", page).as_deref(), Some("POST configmaps of TenantHubGroup"));
        assert_eq!(label("PATCH", "/api/v1/namespaces/m/configmaps/page", "{}").as_deref(), Some("PATCH configmaps of TenantHubGroup"));
        let secret =
            r#"{"metadata":{"name":"east","annotations":{"moorage.dev/owner-kind":"DeviceCredential","moorage.dev/owner-name":"east"}}}"#;
        assert_eq!(label("POST", "/api/v1/namespaces/m/secrets", secret).as_deref(), Some("POST secrets of DeviceCredential east"));
        assert_eq!(label("DELETE", "/api/v1/namespaces/m/secrets/east", "").as_deref(), Some("DELETE secrets of DeviceCredential east"));
        let credential = "/apis/moorage.dev/v1alpha1/namespaces/contoso/devicecredentials/east";
        assert_eq!(label("PATCH", &format!("{credential}/status"), "{}").as_deref(), Some("PATCH devicecredentials/status"));
        assert_eq!(label("GET", credential, ""), None);
        assert_eq!(label("PUT", "/apis/coordination.k8s.io/v1/namespaces/m/leases/moorage", "{}"), None);
        assert_eq!(label("POST", "/apis/events.k8s.io/v1/namespaces/m/events", "{}"), None);
    }
}
