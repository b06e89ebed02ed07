//! A device's certificate that its group's authority signs here.

pub mod perform;
pub mod plan;

use moorage_crds::{DeviceCredential, EnrollmentGroup, Slot};
use moorage_keys::{Authority, RegistrationId};
use moorage_plan::{Reason, Renewal};

use crate::{
    azure::{Context, enrollment_group},
    error::ObserveError,
    kinds::device_credential::{
        certificate::{
            SeenOutput, authority_in, is_accepted,
            lifetime::certificate_renewal,
            observe_output,
            registration_info::{RegistrationInfo, registration_info_of},
        },
        observe::waiting,
        outputs::entries::KEY,
    },
    object::{Keyed, NamespacedName},
};

/// What a credential is made of, and what there is of it.
pub struct SeenSignedHere {
    pub source: CertificateSource,
    pub renewal: Renewal,
    pub seen: SeenOutput,
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
    registration_id: RegistrationId,
    longest: Option<&str>,
) -> Result<SeenSignedHere, ObserveError> {
    let renewal = certificate_renewal(credential, longest)?;
    let registration_info = registration_info_of(credential, group, registration_id)?;
    let source = source(ctx, group, registration_info).await?;
    let seen = observe_output(ctx, credential, group, &source.registration_info.registration_id).await?;
    Ok(SeenSignedHere { source, renewal, seen })
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
