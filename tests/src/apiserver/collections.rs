//! The kinds that it knows.

/// A kind, as paths and lists name it.
#[derive(Debug, PartialEq, Eq)]
pub struct Collection {
    /// Beginning of its paths: `/api/v1`, `/apis/moorage.dev/v1alpha1`.
    pub root: &'static str,
    /// Its API version in objects.
    pub api_version: &'static str,
    /// Its plural in paths.
    pub plural: &'static str,
    /// Its kind in objects.
    pub kind: &'static str,
    /// Whether its status is a subresource, and its spec has generations.
    pub has_status: bool,
}

const fn ours(plural: &'static str, kind: &'static str) -> Collection {
    Collection { root: "/apis/moorage.dev/v1alpha1", api_version: "moorage.dev/v1alpha1", plural, kind, has_status: true }
}

const fn core(plural: &'static str, kind: &'static str) -> Collection {
    Collection { root: "/api/v1", api_version: "v1", plural, kind, has_status: false }
}

const fn cert_manager(plural: &'static str, kind: &'static str, has_status: bool) -> Collection {
    Collection { root: "/apis/cert-manager.io/v1", api_version: "cert-manager.io/v1", plural, kind, has_status }
}

/// All of them.
pub(super) const ALL: [Collection; 10] = [
    ours("cloudaccounts", "CloudAccount"),
    ours("provisioningservices", "ProvisioningService"),
    ours("tenanthubgroups", "TenantHubGroup"),
    ours("enrollmentgroups", "EnrollmentGroup"),
    ours("devicecredentials", "DeviceCredential"),
    core("secrets", "Secret"),
    core("configmaps", "ConfigMap"),
    cert_manager("certificates", "Certificate", true),
    cert_manager("issuers", "Issuer", false),
    Collection { root: "/apis/events.k8s.io/v1", api_version: "events.k8s.io/v1", plural: "events", kind: "Event", has_status: false },
];

/// The collection of a kind.
///
/// # Panics
/// If there is none of that name: a mistake of the test's author.
pub fn collection(kind: &str) -> &'static Collection {
    ALL.iter().find(|collection| collection.kind == kind).expect("a kind that it knows")
}
