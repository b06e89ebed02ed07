//! What a credential's Secret is checked for.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use moorage_crds::{DeviceCredential, annotations as names};

use crate::{
    cache::secrets::owner_of,
    kinds::device_credential::{
        outputs::secret_content::Content,
        secret::{
            annotations::{annotation, key_annotations, key_annotations_of},
            read::SeenSecret,
        },
    },
    object::{Keyed, KindName},
};

/// Ours if it says so, and no other object controls it. The uid does not count: a restore changes it.
pub fn is_ours(credential: &DeviceCredential, meta: &ObjectMeta) -> bool {
    let key = credential.key();
    let mut owners = meta.owner_references.iter().flatten().filter(|owner| owner.controller == Some(true));
    owner_of(meta).as_ref() == Some(&key)
        && owners.all(|owner| owner.kind == KindName::DeviceCredential.as_str() && *owner.name == *key.name.name)
}

/// Whether the Secret goes when this very object goes; after a restore it names a uid that is no more.
pub fn is_owned_by(credential: &DeviceCredential, meta: &ObjectMeta) -> bool {
    meta.owner_references.iter().flatten().any(|owner| Some(&owner.uid) == credential.meta().uid.as_ref())
}

/// Whether the Secret is as it would be written now.
pub fn describes(secret: &SeenSecret, content: &Content) -> bool {
    let wanted = key_annotations(content, key_annotations_of(&secret.meta).revision);
    secret.intact
        && wanted.iter().all(|(name, value)| annotation(&secret.meta, name) == Some(value))
        && key_annotations_of(&secret.meta).revision > 0
}

/// Whether what a Secret holds can be used now.
pub fn is_usable(secret: &SeenSecret, now: Timestamp) -> bool {
    let before = key_annotations_of(&secret.meta);
    secret.intact && before.revision > 0 && before.lives.last(now)
}

/// Whether the connection string and the token that a Secret holds are still good.
pub fn is_same_login(secret: &SeenSecret, content: &Content) -> bool {
    annotation(&secret.meta, names::HUB_LOGIN) == content.login.as_ref()
}
