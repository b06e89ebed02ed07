//! Asking cert-manager, and writing what it has issued.

use moorage_crds::DeviceCredential;
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    azure::Writer,
    cluster::{Found, SecretData, SecretType},
    error::Error,
    kinds::device_credential::{
        certificate::cert_manager::{
            document::{is_made_for, secret_to_fill},
            plan::CertManagerStep,
        },
        outputs::entries::{CERTIFICATE, KEY},
        secret::{metadata::metadata_of, perform::put_secret},
    },
};

/// Performs one step.
pub async fn perform_cert_manager(credential: &DeviceCredential, writer: &Writer<'_>, step: &CertManagerStep) -> Result<(), Error> {
    match step {
        CertManagerStep::CreateSecret { at } => {
            let nothing = || Zeroizing::new(String::new());
            let empty: SecretData = [(CERTIFICATE.to_owned(), nothing()), (KEY.to_owned(), nothing())].into_iter().collect();
            writer.create_secret(SecretType::Tls, &secret_to_fill(credential, at), &empty).await.map(drop)
        }
        CertManagerStep::ApplyCertificate { at, document, anew: false, .. } => writer.create_certificate(at, document).await,
        CertManagerStep::ApplyCertificate { at, document, anew: true, .. } => writer.apply_certificate(at, document).await,
        CertManagerStep::SetOwner { at, owners, over } => {
            let version = over.resource_version.as_deref().unwrap_or_default();
            writer.mark_secret(at, version, json!({ "ownerReferences": owners })).await.map(drop)
        }
        CertManagerStep::WriteSecret { at, fit, said, over, .. } => {
            let metadata = metadata_of(credential, at, (**said).clone(), over.as_deref());
            put_secret(writer, at, SecretType::Tls, &metadata, &fit.data, over.as_deref()).await
        }
        CertManagerStep::DeleteSecret { at } => writer.delete_secret(at).await,
        CertManagerStep::DeleteCertificate { at } => {
            // The Certificate first: while it is there, its Secret comes back.
            if let Found::Certificate(certificate) = writer.api.certificate(at).await?
                && is_made_for(credential, &certificate.metadata)
            {
                writer.delete_certificate(at, &certificate.metadata).await?;
            }
            writer.delete_secret(at).await
        }
    }
}
