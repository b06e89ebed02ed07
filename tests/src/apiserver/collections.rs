//! The kinds that it knows: those of the list, and what else the operator asks for.

use std::sync::LazyLock;

use moorage_crds::KindName;

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

fn ours(kind: KindName) -> Collection {
    let plural = kind.definition().spec.names.plural.leak();
    Collection { root: "/apis/moorage.dev/v1alpha1", api_version: "moorage.dev/v1alpha1", plural, kind: kind.as_str(), has_status: true }
}

const fn core(plural: &'static str, kind: &'static str) -> Collection {
    Collection { root: "/api/v1", api_version: "v1", plural, kind, has_status: false }
}

const fn cert_manager(plural: &'static str, kind: &'static str, has_status: bool) -> Collection {
    Collection { root: "/apis/cert-manager.io/v1", api_version: "cert-manager.io/v1", plural, kind, has_status }
}

/// All of them.
pub(super) static ALL: LazyLock<Vec<Collection>> = LazyLock::new(|| {
    let events =
        Collection { root: "/apis/events.k8s.io/v1", api_version: "events.k8s.io/v1", plural: "events", kind: "Event", has_status: false };
    let of_cert_manager = [cert_manager("certificates", "Certificate", true), cert_manager("issuers", "Issuer", false)];
    let others = [core("secrets", "Secret"), core("configmaps", "ConfigMap"), events].into_iter().chain(of_cert_manager);
    KindName::ALL.iter().copied().map(ours).chain(others).collect()
});

/// The collection of a kind.
///
/// # Panics
/// If there is none of that name: a mistake of the test's author.
pub fn collection(kind: &str) -> &'static Collection {
    ALL.iter().find(|collection| collection.kind == kind).expect("a kind that it knows")
}
