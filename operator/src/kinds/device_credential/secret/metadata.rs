//! The metadata of a credential's Secret.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;
use moorage_cloud::KeyPair;
use moorage_crds::{DeviceCredential, annotations as names};

use crate::{
    cluster::SecretData,
    kinds::device_credential::{
        outputs::secret_content::{Content, with_pending},
        reprovision::request,
        secret::annotations::{comes_and_goes, key_annotations},
    },
    object::{Keyed, NamespacedName},
};

/// The metadata of a content.
pub fn metadata(
    credential: &DeviceCredential,
    at: &NamespacedName,
    content: &Content,
    revision: i64,
    over: Option<&ObjectMeta>,
) -> ObjectMeta {
    metadata_of(credential, at, key_annotations(content, revision), over)
}

/// The metadata that was there, with ours over it: labels and annotations of others stay.
pub fn metadata_of(
    credential: &DeviceCredential,
    at: &NamespacedName,
    said: BTreeMap<String, String>,
    over: Option<&ObjectMeta>,
) -> ObjectMeta {
    let mut metadata = ours(credential, at, over);
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.retain(|name, _| !comes_and_goes(name));
    annotations.extend(said);
    metadata
}

/// The Secret with keys beside its content that are not in the cloud yet; the device's credential is what it was.
pub fn pending(
    credential: &DeviceCredential,
    at: &NamespacedName,
    beside: &SecretData,
    over: Option<&ObjectMeta>,
    keys: &KeyPair,
) -> (ObjectMeta, SecretData) {
    let (data, digest) = with_pending(beside.clone(), &credential.spec.secret.keys, keys);
    let mut metadata = ours(credential, at, over);
    metadata.annotations.get_or_insert_default().insert(names::DIGEST.to_owned(), digest.to_string());
    (metadata, data)
}

/// Whether a Secret has the labels and annotations that were asked for, beside those of others.
pub fn has_asked_metadata(credential: &DeviceCredential, meta: &ObjectMeta) -> bool {
    let asked = &credential.spec.secret.metadata;
    let has = |there: Option<&BTreeMap<String, String>>, asked: &BTreeMap<String, String>| {
        asked.iter().all(|(name, value)| there.is_some_and(|there| there.get(name) == Some(value)))
    };
    has(meta.labels.as_ref(), &asked.labels) && has(meta.annotations.as_ref(), &asked.annotations)
}

fn ours(credential: &DeviceCredential, at: &NamespacedName, over: Option<&ObjectMeta>) -> ObjectMeta {
    let mut metadata = over.cloned().unwrap_or_default();
    let key = credential.key();
    metadata.name = Some(at.name.to_string());
    metadata.namespace = Some(at.namespace.to_string());
    let asked = &credential.spec.secret.metadata;
    let labels = metadata.labels.get_or_insert_default();
    labels.extend(asked.labels.clone());
    labels.insert(names::MANAGED_BY.to_owned(), names::MANAGER.to_owned());
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.extend(asked.annotations.clone());
    annotations.insert(names::OWNER_KIND.to_owned(), key.kind.as_str().to_owned());
    annotations.insert(names::OWNER_NAME.to_owned(), key.name.name.to_string());
    if over.is_none() {
        // Who loses the Secret loses what it says: a live device is not moved because of that.
        annotations.extend(request(credential).map(|request| (names::REPROVISIONED.to_owned(), request)));
    }
    let owner: Option<OwnerReference> = credential.controller_owner_ref(&());
    metadata.owner_references = owner.map(|owner| vec![owner]);
    metadata
}
