//! `DeviceCredential`: what one device needs, kept in a Secret.
//!
//! Everything is computed from the group's two keys, which are in memory: a credential costs one write of its Secret and one
//! of its status, and no request to a cloud. Only barring its device on deletion, and letting it in again, take requests.

mod claims;
mod content;
mod disenrollment;
mod home;
mod observe;
mod plan;
mod reprovisioning;
mod tokens;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;
use moorage_crds::{CommonStatus, DeviceCredential, DeviceCredentialStatus, DevicePolicy, annotations as names};
use moorage_plan::{Goal, Plan};
use serde_json::Value;

use self::{
    content::{Content, Origin},
    observe::{Seen, Wanted, registration_id_of, secret_of},
    plan::Action,
    tokens::Lives,
};
use crate::{
    env::Env,
    error::{Error, Halt},
    key::{KindName, Name, ObjectKey, Thing},
    kind::Kind,
    store::{Store, Stores},
};

pub(crate) use self::disenrollment::recorded_in as barred_in;

impl Kind for DeviceCredential {
    const NAME: KindName = KindName::DeviceCredential;
    const DRIFT_PERIOD: SignedDuration = SignedDuration::from_hours(6);
    type Observed = Seen;
    type Action = Action;

    fn store(stores: &Stores) -> &Store<Self> {
        &stores.device_credentials
    }

    fn references(&self) -> Vec<Thing> {
        vec![Thing::Object(observe::group_of(self)), Thing::Secret(secret_of(self)), Thing::Registration(registration_id_of(self).into())]
    }

    fn told(&self) -> Option<&CommonStatus> {
        self.status.as_ref().map(|status| &status.common)
    }

    fn has_something_to_undo(&self) -> bool {
        self.spec.deletion_policy != DevicePolicy::Retain
    }

    fn outlook(&self) -> Value {
        Value::Null
    }

    async fn observe(&self, env: &Env, goal: Goal) -> Result<Seen, Halt> {
        observe::observe(self, env, goal).await
    }

    fn plan(&self, seen: &Seen, goal: Goal, now: Timestamp) -> Plan<Action> {
        match (goal, seen) {
            // The Secret goes with its owner; nothing else was made.
            (_, Seen::Kept) | (Goal::Absent, Seen::Wanted(_)) => Plan::met(),
            (Goal::Absent, Seen::Barred(seen)) => disenrollment::bar(seen, now).map(Action::Enrollment),
            (Goal::Present, Seen::Barred(seen)) => disenrollment::admit(seen).map(Action::Enrollment),
            (Goal::Present, Seen::Wanted(seen)) => plan::plan(self, seen, now),
        }
    }

    async fn perform(&self, env: &Env, action: &Action) -> Result<(), Error> {
        match action {
            Action::Write { at, content, revision, over, .. } => write(self, env, at, content, *revision, over.as_deref()).await,
            Action::Delete(at) => match env.secrets.meta(at).ok().flatten() {
                Some(seen) => env.cluster.delete_secret(at, &seen).await,
                None => Ok(()),
            },
            Action::Enrollment(step) => disenrollment::perform(self, env, step).await,
            Action::Reprovision(step) => reprovisioning::perform(self, env, step).await,
        }
    }

    fn tell(&self, seen: &Seen, common: CommonStatus) -> Value {
        let status = match seen {
            Seen::Kept | Seen::Barred(_) => DeviceCredentialStatus { common, ..self.status.clone().unwrap_or_default() },
            Seen::Wanted(seen) => status_of(self, seen, common),
        };
        serde_json::to_value(status).expect("a status serializes")
    }
}

fn status_of(credential: &DeviceCredential, seen: &Wanted, common: CommonStatus) -> DeviceCredentialStatus {
    let meta = seen.secret.as_ref().map(|secret| &*secret.meta);
    let written = meta.map(plan::written);
    let lives = written.map(|written| seen.renewals.asked(written.lives)).unwrap_or_default();
    let token = lives.first_to_end();
    let Origin::Service { registration_id, id_scope, .. } = &seen.source.origin;
    DeviceCredentialStatus {
        common,
        registration_id: Some(registration_id.as_str().to_owned()),
        id_scope: Some(id_scope.as_str().to_owned()),
        secret_name: Some(secret_of(credential).name.to_string()),
        secret_resource_version: meta.and_then(|meta| meta.resource_version.clone()),
        revision: written.map(|written| written.revision),
        slot: Some(seen.source.keys.slot),
        not_before: token.map(|life| life.not_before),
        not_after: token.map(|life| life.not_after),
        reprovision_requested_at: meta.and_then(|meta| reprovisioning::on_secret(meta, names::REPROVISIONED)).cloned(),
        renewal_time: seen.renewals.due(lives, plan::seed(credential)),
    }
}

async fn write(
    credential: &DeviceCredential,
    env: &Env,
    at: &Name,
    content: &Content,
    revision: i64,
    over: Option<&ObjectMeta>,
) -> Result<(), Error> {
    let metadata = metadata(credential, at, content, revision, over);
    let version = match over {
        Some(_) => env.cluster.replace_secret(&metadata, &content.data).await?,
        None => env.cluster.create_secret(&metadata, &content.data).await?,
    };
    env.secrets.is_intact(at, version.clone());
    env.await_write(&credential.key(), &Thing::Secret(at.clone()), version);
    Ok(())
}

/// The metadata that was there, with ours over it: labels and annotations of others stay.
fn metadata(credential: &DeviceCredential, at: &Name, content: &Content, revision: i64, over: Option<&ObjectMeta>) -> ObjectMeta {
    let mut metadata = over.cloned().unwrap_or_default();
    let key: ObjectKey = credential.key();
    metadata.name = Some(at.name.to_string());
    metadata.namespace = Some(at.namespace.to_string());
    metadata.labels.get_or_insert_default().insert(names::MANAGED_BY.to_owned(), names::MANAGER.to_owned());
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.retain(|name, _| !Lives::are_told_by(name));
    annotations.insert(names::OWNER_KIND.to_owned(), key.kind.as_str().to_owned());
    annotations.insert(names::OWNER_NAME.to_owned(), key.at.name.to_string());
    annotations.extend(plan::annotations(content, revision));
    if over.is_none() {
        // Who loses the Secret loses what it says: a live device is not moved because of that.
        annotations.extend(reprovisioning::request(credential).map(|request| (names::REPROVISIONED.to_owned(), request)));
    }
    let owner: Option<OwnerReference> = credential.controller_owner_ref(&());
    metadata.owner_references = owner.map(|owner| vec![owner]);
    metadata
}

#[cfg(test)]
mod tests;
