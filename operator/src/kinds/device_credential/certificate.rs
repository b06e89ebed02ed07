//! The credential of a device that proves itself by a certificate of its own, which its group's authority signs here, or an issuer
//! of cert-manager issues.
//!
//! A certificate's key can be had from nowhere else once it is made, so nothing is computed anew: what the Secret's annotations
//! say of it decides whether it is kept.

pub mod annotations;
pub mod cert_manager;
pub mod lifetime;
pub mod registration_info;
pub mod signed_here;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_crds::{DeviceCredential, EnrollmentGroup, Slot, annotations as names};
use moorage_keys::{Authority, Digest, RegistrationId, SymmetricKey, keyed_digest};
use moorage_plan::{Reason, Standing};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    azure::{Context, facts::GroupFacts},
    cluster::SecretData,
    error::ObserveError,
    kinds::device_credential::{
        certificate::annotations::certificate_annotations_of,
        outputs::entries::{CERTIFICATE, KEY},
        reprovision::{ReprovisionRequest, observe_request, open_request},
        secret::read::{ObservedSecret, is_intact},
        subject::secret_of,
    },
    object::{Keyed, NamespacedName},
};

/// What there is of a credential with a certificate.
#[derive(Default)]
pub struct ObservedOutput {
    pub secret: Option<ObservedSecret>,
    /// Secrets that were made for this credential under another name.
    pub stale: Vec<NamespacedName>,
    /// Whether the device is to register anew.
    pub asked: Option<ReprovisionRequest>,
}

impl ObservedOutput {
    /// When the certificate in the Secret ends, if one is there.
    pub fn not_after(&self) -> Option<Timestamp> {
        let meta = self.secret.as_ref().map(|secret| &*secret.meta).filter(|meta| is_of_a_certificate(meta))?;
        certificate_annotations_of(meta).life.map(|life| life.not_after)
    }
}

/// Recognises a content to those who hold the certificate's key, and to nobody else; `None` if it has none.
pub fn certificate_digest(data: &SecretData) -> Option<Digest> {
    let hash = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(data.expose(KEY)?)));
    let parts = data.keys().flat_map(|name| [name, data.expose(name).unwrap_or_default()]);
    Some(keyed_digest(&SymmetricKey::from(*hash), parts))
}

/// Whether a Secret was written for a certificate: its type cannot change.
pub fn is_of_a_certificate(meta: &ObjectMeta) -> bool {
    meta.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(names::CERTIFICATE_AUTHORITY))
}

/// Whether a device proves itself by a certificate: its group knows its devices so, and it has no enrollment of its own.
///
/// # Errors
/// Halts if the credential asks for what does not fit.
pub fn needs_certificate(credential: &DeviceCredential, group: &EnrollmentGroup) -> Result<bool, Standing> {
    let spec = &credential.spec;
    let asked = group.spec.attestation.x509.is_some() && spec.individual_enrollment.is_none();
    if !asked && spec.certificate.is_some() {
        let note = "the device is known by keys, and a certificate would open nothing; take spec.certificate out";
        return Err(Standing::stalled(Reason::Invalid, note));
    }
    if asked && (spec.dps_token.is_some() || spec.hub_token.is_some() || spec.connection_string) {
        let note = "the group knows its devices by certificates, which have no tokens and no connection string; take spec.dpsToken, spec.hubToken and spec.connectionString out";
        return Err(Standing::stalled(Reason::Invalid, note));
    }
    Ok(asked)
}

/// Looks at what there is of a credential.
pub async fn observe_output(
    ctx: &Context,
    credential: &DeviceCredential,
    group: &EnrollmentGroup,
    id: &RegistrationId,
) -> Result<ObservedOutput, ObserveError> {
    let at = secret_of(credential);
    let secret = match ctx.secrets.meta(&at)? {
        Some(meta) => Some(ObservedSecret { intact: is_intact(ctx, credential, &at, &meta, is_as_written).await?, meta }),
        None => None,
    };
    let request = secret.as_ref().and_then(|secret| Some((open_request(credential, &secret.meta)?, secret)));
    let asked = match request {
        Some((token, secret)) => Some(observe_request(ctx, group, id, token, &secret.meta).await?),
        None => None,
    };
    let stale = ctx.secrets.owned_by(&credential.key()).into_iter().filter(|owned| *owned != at).collect();
    Ok(ObservedOutput { secret, stale, asked })
}

/// Whether the provisioning service accepts devices of an authority, in one of these places.
pub fn is_accepted(ctx: &Context, group: &EnrollmentGroup, authority: &Authority, place: impl Fn(Slot) -> bool) -> bool {
    let accepted = GroupFacts::of(ctx, group).map(|known| known.authorities).unwrap_or_default();
    accepted.iter().any(|(slot, thumbprint)| place(*slot) && authority.thumbprint().is(thumbprint))
}

/// The certificate of an authority of a group, and all that its Secret holds.
pub async fn authority_in(
    ctx: &Context,
    at: &NamespacedName,
    group: &NamespacedName,
) -> Result<(Authority, Arc<SecretData>), ObserveError> {
    let data = ctx.secrets.source(at).await?;
    let read = data.as_ref().and_then(|data| Authority::from_pem(data.expose(CERTIFICATE)?).ok());
    read.zip(data).ok_or_else(|| {
        let note = format!("EnrollmentGroup {group} has no authority now: its condition says why");
        ObserveError::reconciling(Reason::DependencyNotReady, note)
    })
}

/// Whether a content is the one that its annotations describe.
pub fn is_as_written(meta: &ObjectMeta, data: &SecretData) -> bool {
    let written = meta.annotations.as_ref().and_then(|annotations| annotations.get(names::DIGEST));
    certificate_digest(data).is_some_and(|digest| written == Some(&digest.to_string()))
}
