//! What a credential needs to know: where its device comes from, its keys, and its own Secret.

use moorage_crds::{DeviceCredential, DevicePolicy, EnrollmentGroup};
use moorage_keys::{IdScope, RegistrationId};
use moorage_plan::{Goal, Reason};

use crate::{
    azure::{
        Context,
        enrollment_group::{self},
        grants,
    },
    error::ObserveError,
    kinds::device_credential::{
        admit::uniqueness::{first_in_the_hub, first_to_claim, within_the_limit},
        assignment::{Assignment, hub::group_name_of, needs_hub, observe_assignment},
        certificate::{
            cert_manager::{SeenCertManager, cert_manager_issuer_of, observe_cert_manager},
            needs_certificate,
            signed_here::{SeenSignedHere, observe_signed_here},
        },
        enrollment::{
            individual::observe_individual,
            ledger::{meant, written_for_another},
            seen::{SeenEnrollment, held_up_by_another, observe_enrollment},
        },
        hub_identity::{identity::observe_in_hub, leaving::LeavingIdentity},
        keys::{MadeFor, SeenKeys, derived::derived_keys},
        outputs::{secret_content::Origin, tokens::Renewals},
        reprovision::{ReprovisionRequest, observe_request, open_request},
        secret::read::{SeenSecret, read_derived, read_stored_keys},
        subject::{group_of, registration_id_of, secret_of},
    },
    object::{Keyed, NamespacedName, ObjectKey},
};

/// What was seen of a credential's world.
pub enum Seen {
    /// It is to go, and the cloud is none of its business.
    Nothing,
    /// Its device is barred from registering, or is to be.
    Enrollment(Box<SeenEnrollment>),
    /// It is to go, and its device with it, which was created in a hub.
    Identity(Box<LeavingIdentity>),
    /// It is to be written.
    Keys(Box<SeenWithKeys>),
    /// It is to be written, with a certificate of the device's own.
    SignedHere(Box<SeenSignedHere>),
    /// It is to be written, with a certificate that cert-manager issues.
    CertManager(Box<SeenCertManager>),
}

/// What a credential is made of, and what there is of it.
pub struct SeenWithKeys {
    pub origin: Origin,
    pub keys: SeenKeys,
    /// Where the device is; asked only if something is to be written that depends on it.
    pub assigned: Option<Assignment>,
    pub renewals: Renewals,
    pub secret: Option<SeenSecret>,
    /// Secrets that were made for this credential under another name.
    pub stale: Vec<NamespacedName>,
    /// Whether the device is to register anew.
    pub asked: Option<ReprovisionRequest>,
    /// NamespacedName of the enrollment group, as sentences have it.
    pub group: String,
}

pub async fn observe(credential: &DeviceCredential, ctx: &Context, goal: Goal) -> Result<Seen, ObserveError> {
    if goal == Goal::Absent && credential.spec.deletion_policy == DevicePolicy::Retain {
        return Ok(Seen::Nothing);
    }
    match (group_of(credential), &credential.spec.hub_ref) {
        (Some(group), _) => of_group(credential, ctx, &group, goal).await,
        (None, Some(hub)) => observe_in_hub(credential, ctx, hub, goal).await,
        (None, None) => Err(ObserveError::stalled(Reason::Invalid, "give exactly one of spec.enrollmentGroupRef and spec.hubRef")),
    }
}

/// A device that registers through an enrollment group, which is the boundary of what it may have.
async fn of_group(credential: &DeviceCredential, ctx: &Context, group_key: &ObjectKey, goal: Goal) -> Result<Seen, ObserveError> {
    let key = credential.key();
    let id = RegistrationId::parse(registration_id_of(credential))
        .map_err(|error| ObserveError::stalled(Reason::Invalid, format!("{error}; set spec.registrationId of a new DeviceCredential")))?;
    let group = ctx.objects.of::<EnrollmentGroup>().get(&group_key.name).ok_or_else(|| {
        ObserveError::reconciling(
            Reason::DependencyMissing,
            format!("EnrollmentGroup {} does not exist; create it, or correct spec.enrollmentGroupRef", group_key.name),
        )
    })?;
    let grant = grants::on_enrollment_group(&group, &key.name.namespace, id.as_str())?;
    let claimed = first_to_claim(ctx, credential, &id, &group);
    if goal == Goal::Absent {
        // The device is that of the older credential, if there is one.
        let Ok(()) = claimed else { return Ok(Seen::Nothing) };
        return Ok(Seen::Enrollment(Box::new(observe_enrollment(credential, ctx, &group, id, goal).await?)));
    }
    let longest = grant.and_then(|grant| grant.max_token_ttl.as_deref());
    let renewals = Renewals::of(credential, longest)?;
    if let Some(limit) = grant.and_then(|grant| grant.max_devices) {
        within_the_limit(ctx, credential, group_key, &grant.map(|grant| grant.namespaces.clone()).unwrap_or_default(), limit)?;
    }
    claimed?;
    first_in_the_hub(ctx, credential)?;
    let service = enrollment_group::service_of(&group);
    if credential.spec.individual_enrollment.is_none() && meant(ctx, &key, &id, &service).is_some() {
        return Ok(Seen::Enrollment(Box::new(observe_enrollment(credential, ctx, &group, id, goal).await?)));
    }
    if let Some((other, meant)) = written_for_another(ctx, &key, &id, &service) {
        let looked = observe_enrollment(credential, ctx, &group, id.clone(), goal).await?;
        held_up_by_another(&looked, &other, meant).map_or(Ok(()), Err)?;
    }
    if needs_certificate(credential, &group)? {
        if let Some(issuer) = cert_manager_issuer_of(credential) {
            return Ok(Seen::CertManager(Box::new(observe_cert_manager(ctx, credential, &group, issuer, id, longest).await?)));
        }
        return Ok(Seen::SignedHere(Box::new(observe_signed_here(ctx, credential, &group, id, longest).await?)));
    }
    Ok(Seen::Keys(Box::new(observe_with_keys(ctx, credential, &group, id, renewals).await?)))
}

async fn observe_with_keys(
    ctx: &Context,
    credential: &DeviceCredential,
    group: &EnrollmentGroup,
    id: RegistrationId,
    renewals: Renewals,
) -> Result<SeenWithKeys, ObserveError> {
    let origin = origin(group, &id)?;
    let at = secret_of(credential);
    let (keys, secret) = match &credential.spec.individual_enrollment {
        None => {
            let keys = derived_keys(ctx, group, &id).await?;
            let secret = read_derived(ctx, credential, &at, &keys.pair.primary).await?;
            (SeenKeys::Derived(keys), secret)
        }
        Some(spec) => {
            let (secret, stored) = read_stored_keys(ctx, credential, &at, MadeFor::IndividualEnrollment).await?;
            let custody = observe_individual(ctx, credential, group, &id, spec, stored).await?;
            (SeenKeys::Generated(Box::new(custody), MadeFor::IndividualEnrollment), secret)
        }
    };
    let assigned = if needs_hub(credential) { Some(observe_assignment(ctx, credential, group, &id).await?) } else { None };
    let request = secret.as_ref().and_then(|secret| Some((open_request(credential, &secret.meta)?, secret)));
    let asked = match request {
        Some((token, secret)) => Some(observe_request(ctx, group, &id, token, &secret.meta).await?),
        None => None,
    };
    let stale = ctx.secrets.owned_by(&credential.key()).into_iter().filter(|owned| *owned != at).collect();
    Ok(SeenWithKeys { origin, keys, assigned, renewals, secret, stale, asked, group: group_name_of(group) })
}

pub fn waiting(group: &EnrollmentGroup, what: &str) -> ObserveError {
    ObserveError::reconciling(Reason::DependencyNotReady, format!("EnrollmentGroup {} {what}", group.key().name))
}

fn origin(group: &EnrollmentGroup, id: &RegistrationId) -> Result<Origin, ObserveError> {
    let (id_scope, host) = place_of(group)?;
    Ok(Origin::Service { registration_id: id.clone(), id_scope, host })
}

/// Where a device of a group registers: the id scope, and the host.
///
/// # Errors
/// Halts until the group is in the provisioning service.
pub fn place_of(group: &EnrollmentGroup) -> Result<(IdScope, String), ObserveError> {
    let status = group.status.as_ref().ok_or_else(|| waiting(group, "was not reconciled yet"))?;
    let (Some(id_scope), Some(host)) = (&status.id_scope, &status.provisioning_host) else {
        return Err(waiting(group, "is not in the provisioning service yet"));
    };
    if status.iot_hubs.is_empty() {
        // Such a group gives its devices any hub that is linked, other tenants' among them.
        return Err(waiting(group, "names no hub of its tenant in the provisioning service yet"));
    }
    let id_scope = IdScope::parse(id_scope).map_err(|_| waiting(group, "tells an id scope that is none"))?;
    Ok((id_scope, host.clone()))
}
