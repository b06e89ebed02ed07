//! A credential's own Secret, as it is.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_cloud::KeyPair;
use moorage_crds::{DeviceCredential, annotations as names};
use moorage_keys::SymmetricKey;

use super::content::{MadeFor, keys_in, pending_in, seal};
use super::plan::{annotation, is_ours};
use crate::{azure::Context, cluster::SecretData, error::ObserveError, object::NamespacedName};

/// The Secret of the name that was asked for.
pub(super) struct SeenSecret {
    pub(super) meta: Arc<ObjectMeta>,
    /// Whether its content is the one that its annotations describe.
    pub(super) intact: bool,
}

/// The generated keys that a Secret holds, as far as it is as we wrote it.
#[derive(Clone, Debug, Default)]
pub struct StoredKeys {
    /// Whether all that it holds is as its annotations describe it.
    pub(super) intact: bool,
    /// The keys that the device is given.
    pub(super) live: Option<KeyPair>,
    /// Keys that are to take their place once the cloud has them.
    pub(super) pending: Option<KeyPair>,
    /// All that it holds; nothing if somebody has tampered with it.
    pub(super) data: SecretData,
}

impl StoredKeys {
    /// The keys that the cloud is to have.
    pub(super) fn keys(&self) -> Option<&KeyPair> {
        self.pending.as_ref().or(self.live.as_ref())
    }

    /// What a content holds that its annotations describe so.
    pub(super) fn of(credential: &DeviceCredential, meta: &ObjectMeta, data: &SecretData, made_for: MadeFor) -> Self {
        let (named, pending) = (keys_in(data, &credential.spec.secret.keys), pending_in(data));
        let key = named.as_ref().or(pending.as_ref()).map(|pair| &pair.primary);
        let intact = key.is_some_and(|key| annotation(meta, names::DIGEST) == Some(&seal(key, data).to_string()));
        if !intact {
            return Self::default();
        }
        let live = named.filter(|_| annotation(meta, names::KEYS_OF) == Some(&format!("{made_for:?}")));
        Self { intact, live, pending, data: data.clone() }
    }
}

/// Looks at the Secret of a device with generated keys, which are nowhere else in the cluster.
pub(super) async fn stored(
    ctx: &Context,
    credential: &DeviceCredential,
    at: &NamespacedName,
    made_for: MadeFor,
) -> Result<(Option<SeenSecret>, StoredKeys), ObserveError> {
    let Some(meta) = ctx.secrets.meta(at)? else { return Ok((None, StoredKeys::default())) };
    // What is not ours is none of our business.
    let data = if is_ours(credential, &meta) { ctx.secrets.source(at).await? } else { None };
    let stored = data.map(|data| StoredKeys::of(credential, &meta, &data, made_for)).unwrap_or_default();
    Ok((Some(SeenSecret { meta, intact: stored.intact }), stored))
}

/// Looks at the Secret of a device with derived keys.
pub(super) async fn derived(
    ctx: &Context,
    credential: &DeviceCredential,
    at: &NamespacedName,
    key: &SymmetricKey,
) -> Result<Option<SeenSecret>, ObserveError> {
    let Some(meta) = ctx.secrets.meta(at)? else { return Ok(None) };
    let as_written = |read: &ObjectMeta, data: &SecretData| annotation(read, names::DIGEST) == Some(&seal(key, data).to_string());
    Ok(Some(SeenSecret { intact: is_intact(ctx, credential, at, &meta, as_written).await?, meta }))
}

/// Metadata cannot show tampering with the content. A version that is known needs no look; any other is read once.
pub(super) async fn is_intact(
    ctx: &Context,
    credential: &DeviceCredential,
    at: &NamespacedName,
    meta: &ObjectMeta,
    as_written: impl FnOnce(&ObjectMeta, &SecretData) -> bool,
) -> Result<bool, ObserveError> {
    let version = meta.resource_version.clone().unwrap_or_default();
    let told = credential.status.as_ref().and_then(|status| status.secret_resource_version.as_deref());
    if told == Some(&version) || ctx.secrets.known_intact(at, &version) {
        return Ok(true);
    }
    let Some((read, data)) = ctx.secrets.read(at).await? else { return Err(ObserveError::CacheNotSynced(at.namespace.clone())) };
    let intact = as_written(&read, &data);
    if intact {
        ctx.secrets.is_intact(at, read.resource_version.unwrap_or_default());
    }
    Ok(intact)
}
