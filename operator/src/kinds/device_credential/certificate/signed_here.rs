//! A device's certificate that its group's authority signs here.

pub mod perform;
pub mod plan;

use moorage_crds::{DeviceCredential, EnrollmentGroup, Slot};
use moorage_keys::Authority;
use moorage_plan::{Reason, Renewal, Standing};

use crate::{
    azure::{Context, enrollment_group},
    error::ObserveError,
    kinds::device_credential::{
        admit::waiting,
        certificate::{ObservedOutput, authority_in, is_accepted, observe_output, registration_info::RegistrationInfo},
        outputs::entries::KEY,
    },
    object::{Keyed, NamespacedName},
};

/// What a credential is made of, and what there is of it.
pub struct ObservedSignedHere {
    pub source: CertificateSource,
    pub renewal: Renewal,
    pub seen: ObservedOutput,
}

/// Everything that a content follows from, beside the certificate.
#[derive(Clone, Debug)]
pub struct CertificateSource {
    pub registration_info: RegistrationInfo,
    /// Who signs.
    pub authority: Authority,
    /// The Secret of the authority, with its key.
    pub issuer: NamespacedName,
}

/// What the credential's certificate depends on beside what every credential does: a change of it wakes the group, and the
/// group's credentials then.
pub async fn observe_signed_here(
    ctx: &Context,
    credential: &DeviceCredential,
    group: &EnrollmentGroup,
    renewal: Renewal,
    registration_info: &RegistrationInfo,
    issuer: &NamespacedName,
) -> Result<ObservedSignedHere, ObserveError> {
    let authority = authority(ctx, issuer, &group.key().name).await?;
    if !is_accepted(ctx, group, &authority, |slot| slot == Slot::Primary) {
        return Err(waiting(group, "is bringing its authority to the provisioning service").into());
    }
    let source = CertificateSource { registration_info: registration_info.clone(), authority, issuer: issuer.clone() };
    let seen = observe_output(ctx, credential, group, &source.registration_info.registration_id).await?;
    Ok(ObservedSignedHere { source, renewal, seen })
}

/// The Secret of the authority that signs for a group.
///
/// # Errors
/// `DependencyMissing`, where no authority of the group is in the cluster.
pub fn signing_secret_of(group: &EnrollmentGroup) -> Result<NamespacedName, Standing> {
    let at = group.key().name;
    enrollment_group::issuer_of(group).ok_or_else(|| {
        let note = format!(
            "EnrollmentGroup {at} refers to authorities that only the provisioning service knows, and nobody here can sign for them; name an issuer of cert-manager in spec.certificate.issuerRef, have the device's certificate made elsewhere, or use signingCertificates there"
        );
        Standing::stalled(Reason::DependencyMissing, note)
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
