//! Writes of a credential's Secret.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_crds::DeviceCredential;

use crate::{
    azure::Writer,
    cluster::{SecretData, SecretType},
    error::Error,
    kinds::device_credential::{outputs::secret_content::Content, secret::metadata::metadata},
    object::NamespacedName,
};

/// Writes the content.
pub async fn write_content(
    credential: &DeviceCredential,
    writer: &Writer<'_>,
    at: &NamespacedName,
    content: &Content,
    revision: i64,
    over: Option<&ObjectMeta>,
) -> Result<(), Error> {
    put_secret(writer, at, SecretType::Opaque, &metadata(credential, at, content, revision, over), &content.data, over).await
}

/// Creates a Secret, or replaces the version that was seen.
pub async fn put_secret(
    writer: &Writer<'_>,
    at: &NamespacedName,
    of: SecretType,
    metadata: &ObjectMeta,
    data: &SecretData,
    over: Option<&ObjectMeta>,
) -> Result<(), Error> {
    let version = match over {
        Some(_) => writer.replace_secret(of, metadata, data).await?,
        None => writer.create_secret(of, metadata, data).await?,
    };
    writer.secrets.is_intact(at, version);
    Ok(())
}
