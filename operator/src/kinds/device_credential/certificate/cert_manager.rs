//! A device's certificate that an issuer of cert-manager issues.
//!
//! It is asked for by a Certificate, and put by cert-manager into a Secret of its own, which is not the credential's: what opens
//! nothing never comes there. That Secret is made first and deleted last, so that one of somebody else is never written
//! over, and a Certificate of ours is never forgotten.

pub mod document;
pub mod issued;
pub mod perform;
pub mod plan;

use std::sync::Arc;

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_crds::{DeviceCredential, EnrollmentGroup, IssuerRef};
use moorage_keys::{Authority, owner_hash};

use crate::{
    azure::{Context, enrollment_group},
    cluster::{Found, SecretData},
    error::ObserveError,
    kinds::device_credential::{
        admit::waiting,
        certificate::{
            ObservedOutput, authority_in,
            cert_manager::document::{DesiredCertificate, is_made_for},
            is_accepted, observe_output,
            registration_info::RegistrationInfo,
        },
    },
    object::{Keyed, NamespacedName},
};

/// What a credential is made of, and what there is of it.
pub struct ObservedCertManager {
    pub order: DesiredCertificate,
    pub registration_info: RegistrationInfo,
    pub trust: Trust,
    /// How long a certificate may last at most, if the group says so.
    pub longest: Option<SignedDuration>,
    pub found: Found,
    pub delivered: Option<IssuedSecret>,
    pub seen: ObservedOutput,
    /// Name of the enrollment group, as sentences have it.
    pub group: String,
}

/// The Secret into which cert-manager puts what it issues.
pub struct IssuedSecret {
    pub meta: Arc<ObjectMeta>,
    /// What it holds, if it is the credential's.
    pub data: Arc<SecretData>,
}

/// Whose devices the provisioning service accepts.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Those of these authorities.
    In(Vec<Authority>),
    /// It alone knows: the group refers to authorities by their names there.
    Unknown,
}

/// Who is to issue a credential's certificate, if not the group's authority.
pub fn cert_manager_issuer_of(credential: &DeviceCredential) -> Option<&IssuerRef> {
    credential.spec.certificate.as_ref()?.issuer_ref.as_ref()
}

/// The name of a credential's Certificate, and of the Secret that it is put into: no other is called so, and it is the same after a restore.
pub fn certificate_name_of(credential: &DeviceCredential) -> NamespacedName {
    /// As long as a name may be, without the hash and what is before it.
    const ROOM: usize = 253 - 17;
    let key = credential.key();
    let NamespacedName { namespace, name } = &key.name;
    let hash = owner_hash("cert-manager", key.kind.as_str(), namespace, name);
    let begin: String = name.chars().take(ROOM).collect();
    NamespacedName::new(namespace, &format!("{}-{hash}", begin.trim_end_matches(['-', '.'])))
}

/// What the credential depends on beside what one does that is signed here: the Certificate, which is read each time.
pub async fn observe_cert_manager(
    ctx: &Context,
    credential: &DeviceCredential,
    group: &EnrollmentGroup,
    order: &DesiredCertificate,
    registration_info: &RegistrationInfo,
    longest: Option<SignedDuration>,
) -> Result<ObservedCertManager, ObserveError> {
    let (order, registration_info) = (order.clone(), registration_info.clone());
    let trust = trust(ctx, group).await?;
    let mut seen = observe_output(ctx, credential, group, &registration_info.registration_id).await?;
    seen.stale.retain(|stale| *stale != order.at);
    let delivered = delivered(ctx, credential, &order.at).await?;
    let found = ctx.api.certificate(&order.at).await?;
    Ok(ObservedCertManager { order, registration_info, trust, longest, found, delivered, seen, group: group.key().name.to_string() })
}

/// The authorities of a group whose devices the provisioning service accepts.
async fn trust(ctx: &Context, group: &EnrollmentGroup) -> Result<Trust, ObserveError> {
    if enrollment_group::issuer_of(group).is_none() {
        return Ok(Trust::Unknown);
    }
    let mut accepted = Vec::new();
    for at in enrollment_group::authority_secrets_of(group) {
        let (authority, _) = authority_in(ctx, &at, &group.key().name).await?;
        if is_accepted(ctx, group, &authority, |_| true) {
            accepted.push(authority);
        }
    }
    if accepted.is_empty() {
        Err(waiting(group, "is bringing its authority to the provisioning service").into())
    } else {
        Ok(Trust::In(accepted))
    }
}

async fn delivered(ctx: &Context, credential: &DeviceCredential, at: &NamespacedName) -> Result<Option<IssuedSecret>, ObserveError> {
    let Some(meta) = ctx.secrets.meta(at)? else { return Ok(None) };
    // What is not ours is none of our business.
    let data = if is_made_for(credential, &meta) { ctx.secrets.source(at).await? } else { None };
    Ok(Some(IssuedSecret { meta, data: data.unwrap_or_default() }))
}
