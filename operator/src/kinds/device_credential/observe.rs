//! What a credential needs to know: where its device comes from, its keys, and its own Secret.

use kube::Resource;
use moorage_crds::{DeviceCredential, DevicePolicy, EnrollmentGroup, Slot};
use moorage_keys::{IdScope, RegistrationId};
use moorage_plan::{Goal, Reason};

use super::assigned::{self, Assignment};
use super::claims::{first_in_the_hub, first_to_claim, within_the_limit};
use super::content::{Keys, MadeFor, Origin};
use super::custody::GeneratedKeys;
use super::reprovisioning::{self, ReprovisionRequest, open_request};
use super::secret::{self, SeenSecret};
use super::tokens::Renewals;
use super::{disenrollment, enrolled, home, identity, leaf};
use crate::{
    azure::{
        Context,
        enrollment_group::{self, keys},
        grants,
    },
    error::ObserveError,
    object::{Keyed, NamespacedName, ObjectKey},
};

/// What was seen of a credential's world.
pub enum Seen {
    /// It is to go, and the cloud is none of its business.
    Nothing,
    /// Its device is barred from registering, or is to be.
    Enrollment(Box<disenrollment::SeenEnrollment>),
    /// It is to go, and its device with it, which was created in a hub.
    Identity(Box<identity::LeavingIdentity>),
    /// It is to be written.
    Keys(Box<SeenWithKeys>),
    /// It is to be written, with a certificate of the device's own.
    SignedHere(Box<leaf::SeenSignedHere>),
    /// It is to be written, with a certificate that cert-manager issues.
    CertManager(Box<leaf::order::SeenCertManager>),
}

/// What a credential is made of, and what there is of it.
pub struct SeenWithKeys {
    pub(super) origin: Origin,
    pub(super) keys: SeenKeys,
    /// Where the device is; asked only if something is to be written that depends on it.
    pub(super) assigned: Option<Assignment>,
    pub(super) renewals: Renewals,
    pub(super) secret: Option<SeenSecret>,
    /// Secrets that were made for this credential under another name.
    pub(super) stale: Vec<NamespacedName>,
    /// Whether the device is to register anew.
    pub(super) asked: Option<ReprovisionRequest>,
    /// NamespacedName of the enrollment group, as sentences have it.
    pub(super) group: String,
}

/// The keys of a device.
pub(super) enum SeenKeys {
    /// They follow from the group's.
    Derived(Keys),
    /// They were generated, or are to be.
    Generated(Box<GeneratedKeys>, MadeFor),
}

/// The name of the Secret that a credential is written to.
pub(super) fn secret_of(credential: &DeviceCredential) -> NamespacedName {
    let key = credential.key();
    NamespacedName::new(&key.name.namespace, credential.spec.secret.name.as_deref().unwrap_or(&key.name.name))
}

/// What the device registers as, as it is written.
pub(super) fn registration_id_of(credential: &DeviceCredential) -> &str {
    credential.spec.registration_id.as_deref().or(credential.meta().name.as_deref()).unwrap_or_default()
}

/// The group that a credential belongs to.
pub(super) fn group_of(credential: &DeviceCredential) -> Option<ObjectKey> {
    let reference = credential.spec.enrollment_group_ref.as_ref()?;
    Some(enrollment_group::key_of(reference, &credential.key().name.namespace))
}

/// What the credential's Secret is good for, and until when.
pub(super) fn ready_message(credential: &DeviceCredential, seen: &Seen) -> String {
    let until = match seen {
        Seen::Keys(seen) => seen.secret.as_ref().and_then(|secret| {
            let lives = super::plan::key_annotations_of(&secret.meta).lives;
            seen.renewals.asked(lives).first_to_end().map(|life| life.not_after)
        }),
        Seen::SignedHere(seen) => seen.seen.not_after(),
        Seen::CertManager(seen) => seen.seen.not_after(),
        Seen::Nothing | Seen::Enrollment(_) | Seen::Identity(_) => return String::new(),
    };
    let until = until.map(|until| format!(" until {}", until.strftime("%Y-%m-%d %H:%M UTC"))).unwrap_or_default();
    format!("Secret {} holds a working credential{until}", secret_of(credential))
}

pub(super) async fn observe(credential: &DeviceCredential, ctx: &Context, goal: Goal) -> Result<Seen, ObserveError> {
    if goal == Goal::Absent && credential.spec.deletion_policy == DevicePolicy::Retain {
        return Ok(Seen::Nothing);
    }
    match (group_of(credential), &credential.spec.hub_ref) {
        (Some(group), _) => of_group(credential, ctx, &group, goal).await,
        (None, Some(hub)) => identity::observe(credential, ctx, hub, goal).await,
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
        return Ok(Seen::Enrollment(Box::new(disenrollment::observe_enrollment(credential, ctx, &group, id, goal).await?)));
    }
    let longest = grant.and_then(|grant| grant.max_token_ttl.as_deref());
    let renewals = Renewals::of(credential, longest)?;
    if let Some(limit) = grant.and_then(|grant| grant.max_devices) {
        within_the_limit(ctx, credential, group_key, &grant.map(|grant| grant.namespaces.clone()).unwrap_or_default(), limit)?;
    }
    claimed?;
    first_in_the_hub(ctx, credential)?;
    let service = enrollment_group::service_of(&group);
    if credential.spec.individual_enrollment.is_none() && disenrollment::meant(ctx, &key, &id, &service).is_some() {
        return Ok(Seen::Enrollment(Box::new(disenrollment::observe_enrollment(credential, ctx, &group, id, goal).await?)));
    }
    if let Some((other, meant)) = disenrollment::written_for_another(ctx, &key, &id, &service) {
        let looked = disenrollment::observe_enrollment(credential, ctx, &group, id.clone(), goal).await?;
        disenrollment::held_up_by_another(&looked, &other, meant).map_or(Ok(()), Err)?;
    }
    if leaf::is_asked_for(credential, &group)? {
        if let Some(issuer) = leaf::order::issuer_of(credential) {
            return Ok(Seen::CertManager(Box::new(leaf::order::observe_cert_manager(ctx, credential, &group, issuer, id, longest).await?)));
        }
        return Ok(Seen::SignedHere(Box::new(leaf::observe_signed_here(ctx, credential, &group, id, longest).await?)));
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
            let keys = derived(ctx, group, &id).await?;
            let secret = secret::derived(ctx, credential, &at, &keys.pair.primary).await?;
            (SeenKeys::Derived(keys), secret)
        }
        Some(spec) => {
            let (secret, stored) = secret::stored(ctx, credential, &at, MadeFor::IndividualEnrollment).await?;
            let custody = enrolled::observe_individual(ctx, credential, group, &id, spec, stored).await?;
            (SeenKeys::Generated(Box::new(custody), MadeFor::IndividualEnrollment), secret)
        }
    };
    let assigned =
        if assigned::is_asked_for(credential) { Some(assigned::observe_assignment(ctx, credential, group, &id).await?) } else { None };
    let request = secret.as_ref().and_then(|secret| Some((open_request(credential, &secret.meta)?, secret)));
    let asked = match request {
        Some((token, secret)) => Some(reprovisioning::observe_request(ctx, group, &id, token, &secret.meta).await?),
        None => None,
    };
    let stale = ctx.secrets.owned_by(&credential.key()).into_iter().filter(|owned| *owned != at).collect();
    Ok(SeenWithKeys { origin, keys, assigned, renewals, secret, stale, asked, group: home::name_of(group) })
}

pub(super) fn waiting(group: &EnrollmentGroup, what: &str) -> ObserveError {
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
pub(super) fn place_of(group: &EnrollmentGroup) -> Result<(IdScope, String), ObserveError> {
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

/// The keys that a device derives from its group's.
async fn derived(ctx: &Context, group: &EnrollmentGroup, id: &RegistrationId) -> Result<Keys, ObserveError> {
    let known = group.status.as_ref().and_then(|status| status.keys_digest.as_ref());
    let known = known.ok_or_else(|| waiting(group, "has no keys in the provisioning service yet"))?;
    let keys = keys::stored_keys(ctx, group).await?.ok_or_else(|| waiting(group, "has lost its keys' Secret and is restoring it"))?;
    if *known != keys::digest_of(&keys) {
        return Err(waiting(group, "is bringing its keys to the provisioning service"));
    }
    Ok(Keys::derived(&keys, id, Slot::Primary))
}
