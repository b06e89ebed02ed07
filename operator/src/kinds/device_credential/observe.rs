//! What a credential needs to know: its group, the group's keys, and its own Secret.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use moorage_crds::{DeviceCredential, DevicePolicy, EnrollmentGroup, Slot};
use moorage_keys::{IdScope, RegistrationId};
use moorage_plan::{Goal, Reason};

use super::claims::{first_to_claim, within_the_limit};
use super::content::{Keys, Origin, Source};
use super::disenrollment;
use super::reprovisioning::{self, Asked, open_request};
use super::tokens::Renewals;
use crate::{
    env::Env,
    error::Halt,
    grants,
    key::{Name, ObjectKey},
    kind::Kind,
    kinds::enrollment_group,
};

/// What was seen of a credential's world.
pub enum Seen {
    /// It is to go, and the cloud is none of its business.
    Kept,
    /// Its device is barred from registering, or is to be.
    Barred(Box<disenrollment::Looked>),
    /// It is to be written.
    Wanted(Box<Wanted>),
}

/// What a credential is made of, and what there is of it.
pub struct Wanted {
    pub(super) source: Source,
    pub(super) renewals: Renewals,
    pub(super) secret: Option<SeenSecret>,
    /// Secrets that were made for this credential under another name.
    pub(super) stale: Vec<Name>,
    /// Whether the device is to register anew.
    pub(super) asked: Option<Asked>,
}

/// The Secret of the name that was asked for.
pub(super) struct SeenSecret {
    pub(super) meta: Arc<ObjectMeta>,
    /// Whether its content is the one that its annotations describe.
    pub(super) intact: bool,
}

/// The name of the Secret that a credential is written to.
pub(super) fn secret_of(credential: &DeviceCredential) -> Name {
    let key = credential.key();
    Name::new(&key.at.namespace, credential.spec.secret.name.as_deref().unwrap_or(&key.at.name))
}

/// What the device registers as, as it is written.
pub(super) fn registration_id_of(credential: &DeviceCredential) -> &str {
    credential.spec.registration_id.as_deref().or(credential.meta().name.as_deref()).unwrap_or_default()
}

/// The group that a credential belongs to.
pub(super) fn group_of(credential: &DeviceCredential) -> ObjectKey {
    enrollment_group::key_of(&credential.spec.enrollment_group_ref, &credential.key().at.namespace)
}

pub(super) async fn observe(credential: &DeviceCredential, env: &Env, goal: Goal) -> Result<Seen, Halt> {
    if goal == Goal::Absent && credential.spec.deletion_policy == DevicePolicy::Retain {
        return Ok(Seen::Kept);
    }
    let key = credential.key();
    let registration_id = RegistrationId::parse(registration_id_of(credential))
        .map_err(|error| Halt::stuck(Reason::Invalid, format!("{error}; set spec.registrationId of a new DeviceCredential")))?;
    let group_key = group_of(credential);
    let group = env.stores.enrollment_groups.get(&group_key.at).ok_or_else(|| {
        Halt::not_yet(
            Reason::DependencyMissing,
            format!("EnrollmentGroup {} does not exist; create it, or correct spec.enrollmentGroupRef", group_key.at),
        )
    })?;
    let grant = grants::on_enrollment_group(&group, &key.at.namespace, registration_id.as_str())?;
    let claimed = first_to_claim(env, credential, &registration_id, &group);
    if goal == Goal::Absent {
        // The device is that of the older credential, if there is one.
        let Ok(()) = claimed else { return Ok(Seen::Kept) };
        let looked = disenrollment::look(credential, env, &group, registration_id, goal).await?;
        return Ok(Seen::Barred(Box::new(looked)));
    }
    let renewals = Renewals::of(credential, grant.and_then(|grant| grant.max_token_ttl.as_deref()))?;
    if let Some(limit) = grant.and_then(|grant| grant.max_devices) {
        within_the_limit(env, credential, &group_key, &grant.map(|grant| grant.namespaces.clone()).unwrap_or_default(), limit)?;
    }
    claimed?;
    let service = enrollment_group::service_of(&group);
    if disenrollment::is_recorded(env, &key, &registration_id, &service) {
        let looked = disenrollment::look(credential, env, &group, registration_id, goal).await?;
        return Ok(Seen::Barred(Box::new(looked)));
    }
    if let Some(other) = disenrollment::barred_for(env, &key, &registration_id, &service) {
        let looked = disenrollment::look(credential, env, &group, registration_id.clone(), goal).await?;
        disenrollment::barred_by_another(&looked, &other).map_or(Ok(()), Err)?;
    }
    let source = derived(env, credential, &group, &registration_id).await?;
    let at = secret_of(credential);
    let secret = match env.secrets.meta(&at)? {
        Some(meta) => Some(SeenSecret { intact: is_intact(env, credential, &source, &at, &meta).await?, meta }),
        None => None,
    };
    let request = secret.as_ref().and_then(|secret| Some((open_request(credential, &secret.meta)?, secret)));
    let asked = match request {
        Some((token, secret)) => Some(reprovisioning::look(env, &group, &registration_id, token, &secret.meta).await?),
        None => None,
    };
    let stale = env.secrets.owned_by(&key).into_iter().filter(|owned| *owned != at).collect();
    Ok(Seen::Wanted(Box::new(Wanted { source, renewals, secret, stale, asked })))
}

/// What a device of a group holds that proves itself with a key derived from the group's.
async fn derived(
    env: &Env,
    credential: &DeviceCredential,
    group: &EnrollmentGroup,
    registration_id: &RegistrationId,
) -> Result<Source, Halt> {
    let at = group.key().at;
    let waiting = |what: &str| Halt::not_yet(Reason::DependencyNotReady, format!("EnrollmentGroup {at} {what}"));
    let status = group.status.as_ref().ok_or_else(|| waiting("was not reconciled yet"))?;
    let (Some(id_scope), Some(host), Some(digest)) = (&status.id_scope, &status.provisioning_host, &status.keys_digest) else {
        return Err(waiting("has no keys in the provisioning service yet"));
    };
    if status.iot_hubs.is_empty() {
        // Such a group gives its devices any hub that is linked, other tenants' among them.
        return Err(waiting("names no hub of its tenant in the provisioning service yet"));
    }
    let keys = enrollment_group::stored_keys(env, group).await?.ok_or_else(|| waiting("has lost its keys' Secret and is restoring it"))?;
    if enrollment_group::digest_of(&keys) != *digest {
        return Err(waiting("is bringing its keys to the provisioning service"));
    }
    let id_scope = IdScope::parse(id_scope).map_err(|_| waiting("tells an id scope that is none"))?;
    let keys = Keys::derived(&keys, registration_id, Slot::Primary);
    let origin = Origin::Service { registration_id: registration_id.clone(), id_scope, host: host.clone() };
    Ok(Source { origin, keys, names: credential.spec.secret.keys.clone() })
}

/// Metadata cannot show tampering with the content. A version that is known needs no look; any other is read once.
async fn is_intact(env: &Env, credential: &DeviceCredential, source: &Source, at: &Name, meta: &ObjectMeta) -> Result<bool, Halt> {
    let version = meta.resource_version.clone().unwrap_or_default();
    let told = credential.status.as_ref().and_then(|status| status.secret_resource_version.as_deref());
    if told == Some(&version) || env.secrets.known_intact(at, &version) {
        return Ok(true);
    }
    let Some((read, data)) = env.secrets.read(at).await? else { return Err(Halt::NotInMemory(at.namespace.clone())) };
    let written = read.annotations.as_ref().and_then(|annotations| annotations.get(moorage_crds::annotations::DIGEST));
    let intact = written.map(String::as_str) == Some(&source.digest(&data).to_string());
    if intact {
        env.secrets.is_intact(at, read.resource_version.unwrap_or_default());
    }
    Ok(intact)
}
