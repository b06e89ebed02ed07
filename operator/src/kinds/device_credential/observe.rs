//! What a credential needs to know: its group, the group's keys, and its own Secret.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use moorage_crds::{DeviceCredential, DevicePolicy, EnrollmentGroup, Slot};
use moorage_keys::{IdScope, RegistrationId};
use moorage_plan::{Goal, Pattern, Reason, Renewal, parse_duration};

use super::content::Source;
use super::disenrollment;
use super::reprovisioning::{self, Asked, open_request};
use crate::{
    env::Env,
    error::Halt,
    grants,
    key::{Name, ObjectKey, Thing},
    kind::Kind,
    kinds::{enrollment_group, ownership::age},
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
    pub(super) renewal: Option<Renewal>,
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
    let renewal = renewal(credential, grant.and_then(|grant| grant.max_token_ttl.as_deref()))?;
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
    let source = source(env, credential, &group, registration_id).await?;
    let at = secret_of(credential);
    let secret = match env.secrets.meta(&at)? {
        Some(meta) => Some(SeenSecret { intact: is_intact(env, credential, &source, &at, &meta).await?, meta }),
        None => None,
    };
    let request = secret.as_ref().and_then(|secret| Some((open_request(credential, &secret.meta)?, secret)));
    let asked = match request {
        Some((token, secret)) => Some(reprovisioning::look(env, &group, &source.registration_id, token, &secret.meta).await?),
        None => None,
    };
    let stale = env.secrets.owned_by(&key).into_iter().filter(|owned| *owned != at).collect();
    Ok(Seen::Wanted(Box::new(Wanted { source, renewal, secret, stale, asked })))
}

async fn source(
    env: &Env,
    credential: &DeviceCredential,
    group: &EnrollmentGroup,
    registration_id: RegistrationId,
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
    let (primary, secondary) = Source::derived(&keys, &registration_id);
    let names = credential.spec.secret.keys.clone();
    Ok(Source { registration_id, id_scope, provisioning_host: host.clone(), primary, secondary, slot: Slot::Primary, names })
}

fn renewal(credential: &DeviceCredential, longest: Option<&str>) -> Result<Option<Renewal>, Halt> {
    let Some(token) = &credential.spec.dps_token else { return Ok(None) };
    let wrong = |note: String| Halt::stuck(Reason::Invalid, note);
    let ttl = parse_duration(&token.ttl).map_err(|error| wrong(format!("spec.dpsToken.ttl: {error}")))?;
    if ttl < Renewal::SHORTEST {
        return Err(wrong("spec.dpsToken.ttl is at least 10m".to_owned()));
    }
    if let Some(longest) = longest {
        let limit = parse_duration(longest).map_err(|error| wrong(format!("the group's grants.maxTokenTtl: {error}")))?;
        if ttl > limit {
            let note = format!("spec.dpsToken.ttl {} is longer than the group grants ({longest}); ask for at most that", token.ttl);
            return Err(Halt::stuck(Reason::NotGranted, note));
        }
    }
    Ok(Some(Renewal { ttl, at_percent: token.renew_at_percent }))
}

/// The oldest credential of a registration id keeps it, within one provisioning service.
fn first_to_claim(env: &Env, credential: &DeviceCredential, id: &RegistrationId, group: &EnrollmentGroup) -> Result<(), Halt> {
    let service = enrollment_group::service_of(group);
    let mine = age(credential);
    let rivals = env.stores.referrers(&Thing::Registration(id.as_str().into()));
    let older = rivals.into_iter().filter(|rival| *rival != mine.1).find(|rival| {
        env.stores.device_credentials.get(&rival.at).is_some_and(|rival| {
            let theirs = env.stores.enrollment_groups.get(&group_of(&rival).at);
            theirs.is_some_and(|theirs| enrollment_group::service_of(&theirs) == service) && age(&*rival) < mine
        })
    });
    older.map_or(Ok(()), |older| {
        let note = format!(
            "registration id {} belongs to DeviceCredential {}, which is older; choose another, or delete one of the two",
            id.as_str(),
            older.at
        );
        Err(Halt::stuck(Reason::AlreadyExists, note))
    })
}

/// The oldest credentials of a grant keep their place in it.
fn within_the_limit(env: &Env, credential: &DeviceCredential, group: &ObjectKey, namespaces: &[String], limit: i32) -> Result<(), Halt> {
    let most = usize::try_from(limit).unwrap_or(0);
    let group_itself = Thing::Object(group.clone());
    // Mostly the answer, and the rest takes as long as the group is large.
    if env.stores.count_referrers(&group_itself) <= most {
        return Ok(());
    }
    let mine = age(credential);
    let here = |key: &ObjectKey| namespaces.iter().any(|pattern| Pattern::new(pattern).matches(&key.at.namespace));
    let members = env.stores.referrers(&group_itself).into_iter().filter(here);
    let older = members.filter_map(|key| env.stores.device_credentials.get(&key.at)).filter(|other| age(&**other) < mine).count();
    if older < most {
        return Ok(());
    }
    let note = format!("EnrollmentGroup {} grants {limit} devices to this namespace and has as many; ask its owner for more", group.at);
    Err(Halt::stuck(Reason::QuotaExceeded, note))
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
