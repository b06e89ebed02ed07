//! The group's two keys: generated here, stored in a Secret of the platform's namespace, and only then brought to DPS.
//!
//! They never leave that namespace. A group that has vanished is made again with the same two keys, so that every device in the
//! field stays valid.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use moorage_cloud::KeyPair;
use moorage_crds::{EnrollmentGroup, annotations as names};
use moorage_keys::{SymmetricKey, keyed_digest};
use moorage_plan::Reason;
use zeroize::Zeroizing;

use crate::{
    azure::{Context, Writer},
    cache::secrets::owner_of,
    cluster::{SecretData, SecretType},
    error::{Error, ObserveError},
    object::{Keyed, NamespacedName},
};

const PRIMARY: &str = "primaryKey";
const SECONDARY: &str = "secondaryKey";
/// Value of [`names::KEYS_OF`]: the keys were generated here.
const GENERATED: &str = "Generated";
/// Value of [`names::KEYS_OF`]: they are those of a group that was adopted.
const TAKEN: &str = "Adopted";
/// Length of a key that DPS generates itself.
const KEY_BYTES: usize = 64;

/// The Secret that keeps a group's keys.
pub fn secret_of(group: &EnrollmentGroup) -> NamespacedName {
    let key = group.key();
    let named = group.spec.attestation.symmetric_key.as_ref().and_then(|keys| keys.secret_name.clone());
    NamespacedName::new(&key.name.namespace, &named.unwrap_or_else(|| format!("{}-keys", key.name.name)))
}

/// Whether a Secret was made for a group.
pub fn is_ours(group: &EnrollmentGroup, meta: &ObjectMeta) -> bool {
    owner_of(meta).as_ref() == Some(&group.key())
}

/// Whether a group knows its devices by keys.
pub fn has_keys(group: &EnrollmentGroup) -> bool {
    group.spec.attestation.symmetric_key.is_some()
}

/// The keys as they are stored; `None` if there is no Secret.
///
/// # Errors
/// Halts if the Secret is somebody else's, or holds no keys.
pub async fn stored_keys(ctx: &Context, group: &EnrollmentGroup) -> Result<Option<KeyPair>, ObserveError> {
    let at = secret_of(group);
    let Some(meta) = ctx.secrets.meta(&at)? else { return Ok(None) };
    if !is_ours(group, &meta) {
        let note = format!(
            "Secret {at} belongs to somebody else and is left alone; delete it, or name another in spec.attestation.symmetricKey.secretName"
        );
        return Err(ObserveError::stalled(Reason::SecretNotOurs, note));
    }
    let Some(data) = ctx.secrets.source(&at).await? else { return Ok(None) };
    let pair =
        data.expose(PRIMARY).zip(data.expose(SECONDARY)).and_then(|(primary, secondary)| KeyPair::from_base64(primary, secondary).ok());
    let note = || {
        format!(
            "Secret {at} no longer holds the group's two keys under {PRIMARY} and {SECONDARY}; restore them, or delete it to take them from Azure again"
        )
    };
    pair.map(Some).ok_or_else(|| ObserveError::stalled(Reason::SecretMalformed, note()))
}

/// Whether the keys of the group's Secret were generated for it, and not taken from a group that was there: then the group is one that we made.
pub fn are_generated(ctx: &Context, group: &EnrollmentGroup) -> bool {
    let meta = ctx.secrets.meta(&secret_of(group)).ok().flatten();
    meta.is_some_and(|meta| meta.annotations.as_ref().is_some_and(|all| all.get(names::KEYS_OF).is_some_and(|of| of == GENERATED)))
}

/// Recognises a pair of keys to those who hold them, and to nobody else.
pub fn digest_of(keys: &KeyPair) -> String {
    keyed_digest(&keys.primary, [keys.secondary.expose_bytes()]).to_string()
}

/// Two new keys.
pub fn generate() -> KeyPair {
    KeyPair { primary: random_key(), secondary: random_key() }
}

fn random_key() -> SymmetricKey {
    let mut bytes = Zeroizing::new([0_u8; KEY_BYTES]);
    aws_lc_rs::rand::fill(&mut *bytes).expect("the system has randomness");
    SymmetricKey::from_bytes(&*bytes).expect("64 bytes are a key")
}

/// Stores keys in a new Secret, which says whether they were generated for the group. It has no owner reference: the keys outlive the object when the group is retained.
///
/// # Errors
/// `Conflict` if there is one.
pub async fn store(writer: &Writer<'_>, group: &EnrollmentGroup, keys: &KeyPair, generated: bool) -> Result<(), Error> {
    let (at, key) = (secret_of(group), group.key());
    let metadata = ObjectMeta {
        name: Some(at.name.to_string()),
        namespace: Some(at.namespace.to_string()),
        labels: Some([(names::MANAGED_BY.to_owned(), names::MANAGER.to_owned())].into()),
        annotations: Some(
            [
                (names::OWNER_KIND.to_owned(), key.kind.as_str().to_owned()),
                (names::OWNER_NAME.to_owned(), key.name.name.to_string()),
                (names::KEYS_OF.to_owned(), if generated { GENERATED } else { TAKEN }.to_owned()),
            ]
            .into(),
        ),
        ..ObjectMeta::default()
    };
    let data: SecretData =
        [(PRIMARY.to_owned(), keys.primary.expose_base64()), (SECONDARY.to_owned(), keys.secondary.expose_base64())].into_iter().collect();
    writer.create_secret(SecretType::Opaque, &metadata, &data).await.map(drop)
}

/// Removes the Secret with the keys of a group that is gone.
///
/// # Errors
/// `Conflict` if it has changed.
pub async fn forget(writer: &Writer<'_>, group: &EnrollmentGroup) -> Result<(), Error> {
    let at = secret_of(group);
    let meta: Option<Arc<ObjectMeta>> = writer.secrets.meta(&at).ok().flatten();
    let ours = meta.filter(|meta| is_ours(group, meta));
    match ours {
        Some(_) => writer.delete_secret(&at).await,
        None => Ok(()),
    }
}

/// The name of the group in DPS.
pub fn id_of(group: &EnrollmentGroup) -> &str {
    group.spec.enrollment_group_id.as_deref().or(group.meta().name.as_deref()).unwrap_or_default()
}
