//! An enrollment group as others see it: what it refers to, and where its keys and authorities are.

pub mod disjoint;
pub mod keys;
pub mod webhook;

use std::sync::Arc;

use moorage_cloud::AllocationPolicy as CloudPolicy;
use moorage_crds::{AllocationPolicy, AuthoritySecret, EnrollmentGroup, ObjectRef, SigningCertificates, TenantHubGroup};

use crate::{
    azure::{
        Context,
        dps::{self, Service},
        iot_hub,
    },
    controller::context::Caches,
    error::ObserveError,
    object::{Dependency, Keyed, KindName, NamespacedName, ObjectKey},
};

/// The key of the group that an object refers to.
pub fn key_of(reference: &ObjectRef, namespace: &str) -> ObjectKey {
    ObjectKey::new(KindName::EnrollmentGroup, reference.namespace_or(namespace), &reference.name)
}

/// The provisioning service in which a group lives, and in whose name its registration ids are unique.
pub fn service_of(group: &EnrollmentGroup) -> ObjectKey {
    ObjectKey::new(KindName::ProvisioningService, &group.key().name.namespace, &group.spec.provisioning_service_ref.name)
}

/// The right to grant the registration ids of a provisioning service: its groups hold it together.
pub fn grants_in(service: &ObjectKey) -> Dependency {
    Dependency::Claim { space: "grants of registration ids", name: service.name.to_string().into() }
}

/// The hub group whose hubs a group may assign devices to.
pub fn hub_group_of(group: &EnrollmentGroup) -> ObjectKey {
    let reference = &group.spec.tenant_hub_group_ref;
    ObjectKey::new(KindName::TenantHubGroup, reference.namespace_or(&group.key().name.namespace), &reference.name)
}

/// The provisioning service of a group, at the expense of the tenant whose devices it takes.
///
/// # Errors
/// As [`dps::service`].
pub async fn service(ctx: &Context, group: &EnrollmentGroup) -> Result<Service, ObserveError> {
    service_for(ctx, group, &payer_of(ctx, group)).await
}

/// Who pays for the calls for a group: the tenant whose hubs they are, if its hub group says so too by being linked to the same service;
/// otherwise anybody could be made to pay.
pub fn payer_of(caches: &Caches, group: &EnrollmentGroup) -> Arc<str> {
    let at = hub_group_of(group).name;
    let hub_group = caches.objects.of::<TenantHubGroup>().get(&at);
    let agrees = hub_group.is_some_and(|hub_group| iot_hub::service_of(&hub_group) == Some(service_of(group)));
    if agrees { at.namespace } else { group.key().name.namespace }
}

/// The provisioning service of a group, with calls that a namespace pays for.
///
/// # Errors
/// As [`dps::service`].
pub async fn service_for(ctx: &Context, group: &EnrollmentGroup, payer: &str) -> Result<Service, ObserveError> {
    dps::service(ctx, &service_of(group).name, &group.key().name.namespace, payer).await
}

/// The Secret of the authority that issues certificates for the group's devices, if one of the cluster does.
pub fn issuer_of(group: &EnrollmentGroup) -> Option<NamespacedName> {
    certificates_of(group).map(|certificates| name_of(group, &certificates.primary))
}

/// The Secrets of a group's authorities.
pub fn authority_secrets_of(group: &EnrollmentGroup) -> Vec<NamespacedName> {
    let certificates = certificates_of(group).into_iter();
    certificates.flat_map(|pair| std::iter::once(&pair.primary).chain(&pair.secondary)).map(|secret| name_of(group, secret)).collect()
}

/// The Secret of an authority.
pub fn name_of(group: &EnrollmentGroup, secret: &AuthoritySecret) -> NamespacedName {
    NamespacedName::new(&group.key().name.namespace, &secret.secret_name)
}

/// The certificates of a group's authorities, where they are in the cluster.
pub fn certificates_of(group: &EnrollmentGroup) -> Option<&SigningCertificates> {
    group.spec.attestation.x509.as_ref()?.signing_certificates.as_ref()
}

/// How devices are given their hub.
pub fn allocation(group: &EnrollmentGroup) -> CloudPolicy {
    match group.spec.allocation_policy {
        AllocationPolicy::GeoLatency => CloudPolicy::GeoLatency,
        AllocationPolicy::Hashed => CloudPolicy::Hashed,
        AllocationPolicy::Static => CloudPolicy::Static,
        AllocationPolicy::Custom => CloudPolicy::Custom,
    }
}
