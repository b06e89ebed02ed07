//! The credential of a device that proves itself by a certificate of its own, which its group's authority signs here, or an issuer
//! of cert-manager issues.
//!
//! A certificate's key can be had from nowhere else once it is made, so nothing is computed anew: what the Secret's annotations
//! say of it decides whether it is kept.

mod life;
pub(super) mod order;
mod perform;
mod plan;
mod registration_info;
mod written;

use self::written::certificate_annotations_of;
use jiff::Timestamp;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_crds::{DeviceCredential, EnrollmentGroup, Slot, annotations as names};
use moorage_keys::{Authority, Digest, RegistrationId, SymmetricKey, keyed_digest};
use moorage_plan::{Reason, Renewal};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::observe::{secret_of, waiting};
use super::reprovisioning::{self, ReprovisionRequest, open_request};
use super::secret::{SeenSecret, is_intact};
use crate::{
    azure::{Context, enrollment_group},
    cluster::SecretData,
    error::ObserveError,
    object::{Keyed, NamespacedName},
};

pub(super) use self::life::renewal;
pub(super) use self::perform::perform;
pub use self::plan::SigningStep;
pub(super) use self::plan::{plan, told};
pub(super) use self::registration_info::RegistrationInfo;
#[cfg(test)]
pub(super) use self::written::annotations;

/// The names of the entries of a certificate's Secret.
pub(super) const CERTIFICATE: &str = "tls.crt";
pub(super) const KEY: &str = "tls.key";
pub(super) const AUTHORITY: &str = "ca.crt";

/// What a credential is made of, and what there is of it.
pub struct SeenSignedHere {
    pub(super) source: CertificateSource,
    pub(super) renewal: Renewal,
    pub(super) seen: SeenOutput,
}

/// Everything that a content follows from, beside the certificate.
#[derive(Clone, Debug)]
pub struct CertificateSource {
    pub(super) registration_info: RegistrationInfo,
    /// Who signs.
    pub(super) authority: Authority,
    /// The Secret of the authority, with its key.
    pub(super) issuer: NamespacedName,
}

/// What there is of a credential with a certificate.
#[derive(Default)]
pub struct SeenOutput {
    pub(super) secret: Option<SeenSecret>,
    /// Secrets that were made for this credential under another name.
    pub(super) stale: Vec<NamespacedName>,
    /// Whether the device is to register anew.
    pub(super) asked: Option<ReprovisionRequest>,
}

impl SeenOutput {
    /// When the certificate in the Secret ends, if one is there.
    pub(super) fn not_after(&self) -> Option<Timestamp> {
        let meta = self.secret.as_ref().map(|secret| &*secret.meta).filter(|meta| is_of_a_certificate(meta))?;
        certificate_annotations_of(meta).life.map(|life| life.not_after)
    }
}

/// Recognises a content to those who hold the certificate's key, and to nobody else; `None` if it has none.
pub(super) fn digest(data: &SecretData) -> Option<Digest> {
    let hash = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(data.expose(KEY)?)));
    let parts = data.keys().flat_map(|name| [name, data.expose(name).unwrap_or_default()]);
    Some(keyed_digest(&SymmetricKey::from(*hash), parts))
}

/// Whether a Secret was written for a certificate: its type cannot change.
pub(super) fn is_of_a_certificate(meta: &ObjectMeta) -> bool {
    meta.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(names::CERTIFICATE_AUTHORITY))
}

/// Whether a device proves itself by a certificate: its group knows its devices so, and it has no enrollment of its own.
///
/// # Errors
/// Halts if the credential asks for what does not fit.
pub(super) fn is_asked_for(credential: &DeviceCredential, group: &EnrollmentGroup) -> Result<bool, ObserveError> {
    let spec = &credential.spec;
    let asked = group.spec.attestation.x509.is_some() && spec.individual_enrollment.is_none();
    if !asked && spec.certificate.is_some() {
        let note = "the device is known by keys, and a certificate would open nothing; take spec.certificate out";
        return Err(ObserveError::stalled(Reason::Invalid, note));
    }
    if asked && (spec.dps_token.is_some() || spec.hub_token.is_some() || spec.connection_string) {
        let note = "the group knows its devices by certificates, which have no tokens and no connection string; take spec.dpsToken, spec.hubToken and spec.connectionString out";
        return Err(ObserveError::stalled(Reason::Invalid, note));
    }
    Ok(asked)
}

/// What the credential's certificate depends on beside what every credential does: a change of it wakes the group, and the
/// group's credentials then.
pub(super) async fn observe_signed_here(
    ctx: &Context,
    credential: &DeviceCredential,
    group: &EnrollmentGroup,
    registration_id: RegistrationId,
    longest: Option<&str>,
) -> Result<SeenSignedHere, ObserveError> {
    let renewal = renewal(credential, longest)?;
    let registration_info = registration_info::of(credential, group, registration_id)?;
    let source = source(ctx, group, registration_info).await?;
    let seen = output(ctx, credential, group, &source.registration_info.registration_id).await?;
    Ok(SeenSignedHere { source, renewal, seen })
}

/// Looks at what there is of a credential.
async fn output(
    ctx: &Context,
    credential: &DeviceCredential,
    group: &EnrollmentGroup,
    id: &RegistrationId,
) -> Result<SeenOutput, ObserveError> {
    let at = secret_of(credential);
    let secret = match ctx.secrets.meta(&at)? {
        Some(meta) => Some(SeenSecret { intact: is_intact(ctx, credential, &at, &meta, is_as_written).await?, meta }),
        None => None,
    };
    let request = secret.as_ref().and_then(|secret| Some((open_request(credential, &secret.meta)?, secret)));
    let asked = match request {
        Some((token, secret)) => Some(reprovisioning::observe_request(ctx, group, id, token, &secret.meta).await?),
        None => None,
    };
    let stale = ctx.secrets.owned_by(&credential.key()).into_iter().filter(|owned| *owned != at).collect();
    Ok(SeenOutput { secret, stale, asked })
}

async fn source(ctx: &Context, group: &EnrollmentGroup, registration_info: RegistrationInfo) -> Result<CertificateSource, ObserveError> {
    let at = group.key().name;
    let issuer = enrollment_group::issuer_of(group).ok_or_else(|| {
        let note = format!(
            "EnrollmentGroup {at} refers to authorities that only the provisioning service knows, and nobody here can sign for them; name an issuer of cert-manager in spec.certificate.issuerRef, have the device's certificate made elsewhere, or use signingCertificates there"
        );
        ObserveError::stalled(Reason::DependencyMissing, note)
    })?;
    let authority = authority(ctx, &issuer, &at).await?;
    if !is_accepted(group, &authority, |slot| slot == Slot::Primary) {
        return Err(waiting(group, "is bringing its authority to the provisioning service"));
    }
    Ok(CertificateSource { registration_info, authority, issuer })
}

/// Whether the provisioning service accepts devices of an authority, in one of these places.
fn is_accepted(group: &EnrollmentGroup, authority: &Authority, place: impl Fn(Slot) -> bool) -> bool {
    let told = group.status.as_ref().map(|status| status.certificate_authorities.as_slice()).unwrap_or_default();
    told.iter().any(|one| place(one.slot) && one.thumbprint.as_deref().is_some_and(|told| authority.thumbprint().is(told)))
}

/// The certificate of an authority of a group, and all that its Secret holds.
async fn authority_in(ctx: &Context, at: &NamespacedName, group: &NamespacedName) -> Result<(Authority, Arc<SecretData>), ObserveError> {
    let data = ctx.secrets.source(at).await?;
    let read = data.as_ref().and_then(|data| Authority::from_pem(data.expose(CERTIFICATE)?).ok());
    read.zip(data).ok_or_else(|| {
        let note = format!("EnrollmentGroup {group} has no authority now: its condition says why");
        ObserveError::reconciling(Reason::DependencyNotReady, note)
    })
}

/// The authority that signs, which has its key in the cluster.
async fn authority(ctx: &Context, issuer: &NamespacedName, group: &NamespacedName) -> Result<Authority, ObserveError> {
    let (authority, data) = authority_in(ctx, issuer, group).await?;
    if data.expose(KEY).is_none_or(|key| key.trim().is_empty()) {
        let note = format!(
            "Secret {issuer} of EnrollmentGroup {group} has no {KEY}, and without it nobody here can sign; put the authority's key there, name an issuer of cert-manager in spec.certificate.issuerRef, or have the device's certificate made elsewhere"
        );
        return Err(ObserveError::stalled(Reason::DependencyMissing, note));
    }
    Ok(authority)
}

/// Whether a content is the one that its annotations describe.
pub(super) fn is_as_written(meta: &ObjectMeta, data: &SecretData) -> bool {
    let written = meta.annotations.as_ref().and_then(|annotations| annotations.get(names::DIGEST));
    digest(data).is_some_and(|digest| written == Some(&digest.to_string()))
}
