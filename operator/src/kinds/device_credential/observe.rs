//! What a credential needs to know: where its device comes from, its keys, and its own Secret.

use moorage_crds::DeviceCredential;
use moorage_plan::Goal;

use crate::{
    azure::Context,
    error::ObserveError,
    kinds::device_credential::{
        admit::{Admitted, GroupMember, Proof, Terms},
        assignment::{Assignment, hub::group_name_of, needs_hub, observe_assignment},
        certificate::{
            cert_manager::{ObservedCertManager, observe_cert_manager},
            signed_here::{ObservedSignedHere, observe_signed_here},
        },
        enrollment::{
            individual::{Individual, observe_individual},
            seen::{ObservedEnrollment, held_up_by_another, observe_enrollment},
        },
        hub_identity::{
            identity::observe_in_hub,
            leaving::{LeavingIdentity, observe_leaving},
        },
        keys::{MadeFor, ObservedKeys, derived::derived_keys},
        outputs::{secret_content::Origin, tokens::Renewals},
        reprovision::{ReprovisionRequest, observe_request, open_request},
        secret::read::{ObservedSecret, read_derived, read_stored_keys},
        subject::secret_of,
    },
    object::{Keyed, NamespacedName},
};

/// What was seen of a credential's world.
pub enum Observed {
    /// It is to go, and the cloud is none of its business.
    Nothing,
    /// Its device is disenrolled, or is to be.
    Enrollment(Box<ObservedEnrollment>),
    /// It is to go, and its device with it, which was created in a hub.
    Identity(Box<LeavingIdentity>),
    /// It is to be written.
    Keys(Box<ObservedWithKeys>),
    /// It is to be written, with a certificate of the device's own.
    SignedHere(Box<ObservedSignedHere>),
    /// It is to be written, with a certificate that cert-manager issues.
    CertManager(Box<ObservedCertManager>),
}

/// What a credential is made of, and what there is of it.
pub struct ObservedWithKeys {
    pub origin: Origin,
    pub keys: ObservedKeys,
    /// Where the device is; asked only if something is to be written that depends on it.
    pub assigned: Option<Assignment>,
    pub renewals: Renewals,
    pub secret: Option<ObservedSecret>,
    /// Secrets that were made for this credential under another name.
    pub stale: Vec<NamespacedName>,
    /// Whether the device is to register anew.
    pub asked: Option<ReprovisionRequest>,
    /// Name of the enrollment group, as sentences have it.
    pub group: String,
}

/// Looks at the world, for what was admitted.
pub async fn observe(credential: &DeviceCredential, ctx: &Context, admitted: &Admitted) -> Result<Observed, ObserveError> {
    match admitted {
        Admitted::Nothing => Ok(Observed::Nothing),
        Admitted::Disenrollment(member) => {
            Ok(Observed::Enrollment(Box::new(observe_enrollment(credential, ctx, member, Goal::Absent).await?)))
        }
        Admitted::Reenrollment(member) => {
            Ok(Observed::Enrollment(Box::new(observe_enrollment(credential, ctx, member, Goal::Present).await?)))
        }
        Admitted::Registration(member, terms) => observe_registration(credential, ctx, member, terms).await,
        Admitted::Departure(member) => Ok(Observed::Identity(Box::new(observe_leaving(credential, ctx, member).await?))),
        Admitted::Identity(member, renewals) => {
            Ok(Observed::Keys(Box::new(observe_in_hub(credential, ctx, member, renewals.clone()).await?)))
        }
    }
}

async fn observe_registration(
    credential: &DeviceCredential,
    ctx: &Context,
    member: &GroupMember,
    terms: &Terms,
) -> Result<Observed, ObserveError> {
    if let Some((other, meant)) = &terms.written_for {
        let there = observe_enrollment(credential, ctx, member, Goal::Present).await?;
        held_up_by_another(&there, other, *meant, &credential.key()).map_or(Ok(()), Err)?;
    }
    let group = &member.group;
    match &terms.proof {
        Proof::Keys { renewals, place, individual } => {
            let (id_scope, host) = place.clone();
            let origin = Origin::Service { registration_id: member.id.clone(), id_scope, host };
            let seen = observe_with_keys(ctx, credential, member, origin, renewals.clone(), individual.as_deref()).await?;
            Ok(Observed::Keys(Box::new(seen)))
        }
        Proof::SignedHere { renewal, info, issuer } => {
            Ok(Observed::SignedHere(Box::new(observe_signed_here(ctx, credential, group, *renewal, info, issuer).await?)))
        }
        Proof::CertManager { desired, info, longest } => {
            Ok(Observed::CertManager(Box::new(observe_cert_manager(ctx, credential, group, desired, info, *longest).await?)))
        }
    }
}

async fn observe_with_keys(
    ctx: &Context,
    credential: &DeviceCredential,
    member: &GroupMember,
    origin: Origin,
    renewals: Renewals,
    individual: Option<&Individual>,
) -> Result<ObservedWithKeys, ObserveError> {
    let GroupMember { id, group } = member;
    let at = secret_of(credential);
    let (keys, secret) = match individual {
        None => {
            let keys = derived_keys(ctx, group, id).await?;
            let secret = read_derived(ctx, credential, &at).await?;
            (ObservedKeys::Derived(keys), secret)
        }
        Some(individual) => {
            let (secret, stored) = read_stored_keys(ctx, credential, &at, MadeFor::IndividualEnrollment).await?;
            let generated = observe_individual(ctx, credential, group, id, individual, stored).await?;
            (ObservedKeys::Generated(Box::new(generated), MadeFor::IndividualEnrollment), secret)
        }
    };
    let assigned = if needs_hub(credential) { Some(observe_assignment(ctx, credential, group, id).await?) } else { None };
    let request = secret.as_ref().and_then(|secret| Some((open_request(credential, &secret.meta)?, secret)));
    let asked = match request {
        Some((token, secret)) => Some(observe_request(ctx, group, id, token, &secret.meta).await?),
        None => None,
    };
    let stale = ctx.secrets.owned_by(&credential.key()).into_iter().filter(|owned| *owned != at).collect();
    Ok(ObservedWithKeys { origin, keys, assigned, renewals, secret, stale, asked, group: group_name_of(group) })
}
