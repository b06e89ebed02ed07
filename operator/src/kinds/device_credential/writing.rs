//! Writes of a credential's Secret, and of what is made of its keys in a cloud.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;
use moorage_cloud::KeyPair;
use moorage_crds::{DeviceCredential, annotations as names};

use super::content::{Content, with_pending};
use super::custody::{Document, Step};
use super::{enrolled, identity, plan, reprovisioning};
use crate::{
    azure::enrollment_group::keys,
    cluster::{SecretData, SecretType},
    controller::context::Env,
    error::Error,
    object::{Keyed, Name, Thing},
};

/// Writes the content.
pub(super) async fn write(
    credential: &DeviceCredential,
    env: &Env,
    at: &Name,
    content: &Content,
    revision: i64,
    over: Option<&ObjectMeta>,
) -> Result<(), Error> {
    put(credential, env, at, SecretType::Opaque, &metadata(credential, at, content, revision, over), &content.data, over).await
}

/// Takes one step towards keys that the cloud knows.
pub(super) async fn bring(credential: &DeviceCredential, env: &Env, step: &Step) -> Result<(), Error> {
    match step {
        Step::Note(note) => env.record(&credential.key(), &note.entries).await,
        Step::Store { at, beside, over, .. } => {
            let (metadata, data) = pending(credential, at, beside, over.as_deref(), &keys::generate());
            put(credential, env, at, SecretType::Opaque, &metadata, &data, over.as_deref()).await
        }
        Step::Put { document: Document::Enrollment(document), keys, over, .. } => {
            enrolled::put(env, credential, document, keys, over).await
        }
        Step::Put { document: Document::Identity(document), keys, over, .. } => identity::put(env, credential, document, keys, over).await,
    }
}

pub(super) async fn put(
    credential: &DeviceCredential,
    env: &Env,
    at: &Name,
    of: SecretType,
    metadata: &ObjectMeta,
    data: &SecretData,
    over: Option<&ObjectMeta>,
) -> Result<(), Error> {
    let version = match over {
        Some(_) => env.cluster.replace_secret_of(of, metadata, data).await?,
        None => env.cluster.create_secret_of(of, metadata, data).await?,
    };
    env.secrets.is_intact(at, version.clone());
    env.await_write(&credential.key(), &Thing::Secret(at.clone()), version);
    Ok(())
}

/// The metadata of a content.
pub(super) fn metadata(
    credential: &DeviceCredential,
    at: &Name,
    content: &Content,
    revision: i64,
    over: Option<&ObjectMeta>,
) -> ObjectMeta {
    described(credential, at, plan::annotations(content, revision), over)
}

/// The metadata that was there, with ours over it: labels and annotations of others stay.
pub(super) fn described(credential: &DeviceCredential, at: &Name, said: BTreeMap<String, String>, over: Option<&ObjectMeta>) -> ObjectMeta {
    let mut metadata = ours(credential, at, over);
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.retain(|name, _| !plan::comes_and_goes(name));
    annotations.extend(said);
    metadata
}

/// The Secret with keys beside its content that are not in the cloud yet; the device's credential is what it was.
pub(super) fn pending(
    credential: &DeviceCredential,
    at: &Name,
    beside: &SecretData,
    over: Option<&ObjectMeta>,
    keys: &KeyPair,
) -> (ObjectMeta, SecretData) {
    let (data, digest) = with_pending(beside.clone(), &credential.spec.secret.keys, keys);
    let mut metadata = ours(credential, at, over);
    metadata.annotations.get_or_insert_default().insert(names::DIGEST.to_owned(), digest.to_string());
    (metadata, data)
}

fn ours(credential: &DeviceCredential, at: &Name, over: Option<&ObjectMeta>) -> ObjectMeta {
    let mut metadata = over.cloned().unwrap_or_default();
    let key = credential.key();
    metadata.name = Some(at.name.to_string());
    metadata.namespace = Some(at.namespace.to_string());
    metadata.labels.get_or_insert_default().insert(names::MANAGED_BY.to_owned(), names::MANAGER.to_owned());
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.insert(names::OWNER_KIND.to_owned(), key.kind.as_str().to_owned());
    annotations.insert(names::OWNER_NAME.to_owned(), key.at.name.to_string());
    if over.is_none() {
        // Who loses the Secret loses what it says: a live device is not moved because of that.
        annotations.extend(reprovisioning::request(credential).map(|request| (names::REPROVISIONED.to_owned(), request)));
    }
    let owner: Option<OwnerReference> = credential.controller_owner_ref(&());
    metadata.owner_references = owner.map(|owner| vec![owner]);
    metadata
}
