//! A credential's own Secret, as it is.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_crds::{DeviceCredential, annotations as names};

use crate::{
    azure::Context,
    cluster::SecretData,
    error::ObserveError,
    kinds::device_credential::{
        keys::{MadeFor, generated::StoredKeys},
        outputs::secret_content::is_sealed_by_its_own_key,
        secret::{annotations::annotation, checks::is_ours},
    },
    object::NamespacedName,
};

/// The Secret of the name that was asked for.
pub struct ObservedSecret {
    pub meta: Arc<ObjectMeta>,
    /// Whether its content is the one that its annotations describe.
    pub intact: bool,
}

/// Looks at the Secret of a device with generated keys, which are nowhere else in the cluster.
pub async fn read_stored_keys(
    ctx: &Context,
    credential: &DeviceCredential,
    at: &NamespacedName,
    made_for: MadeFor,
) -> Result<(Option<ObservedSecret>, StoredKeys), ObserveError> {
    let Some(meta) = ctx.secrets.meta(at)? else { return Ok((None, StoredKeys::default())) };
    // What is not ours is none of our business.
    let data = if is_ours(credential, &meta) { ctx.secrets.source(at).await? } else { None };
    let stored = data.map(|data| StoredKeys::of(credential, &meta, &data, made_for)).unwrap_or_default();
    Ok((Some(ObservedSecret { meta, intact: stored.intact }), stored))
}

/// Looks at the Secret of a device with derived keys.
pub async fn read_derived(
    ctx: &Context,
    credential: &DeviceCredential,
    at: &NamespacedName,
) -> Result<Option<ObservedSecret>, ObserveError> {
    let Some(meta) = ctx.secrets.meta(at)? else { return Ok(None) };
    let as_written =
        |read: &ObjectMeta, data: &SecretData| annotation(read, names::DIGEST).is_some_and(|digest| is_sealed_by_its_own_key(data, digest));
    Ok(Some(ObservedSecret { intact: is_intact(ctx, credential, at, &meta, as_written).await?, meta }))
}

/// Metadata cannot show tampering with the content. A version that is known needs no look; any other is read once.
pub async fn is_intact(
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
