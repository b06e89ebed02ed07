//! Effects by which a device registers anew.

use moorage_crds::{DeviceCredential, annotations as names};
use serde_json::{Value, json};

use crate::{
    azure::Writer,
    error::Error,
    kinds::device_credential::{
        assignment::perform::delete_identity,
        enrollment::seen::{enrollments_of, group_object},
        reprovision::ReprovisionStep,
        subject::secret_of,
    },
    object::Keyed,
};

/// Performs one step.
pub async fn perform_reprovision(credential: &DeviceCredential, writer: &Writer<'_>, step: &ReprovisionStep) -> Result<(), Error> {
    match step {
        ReprovisionStep::Note { text } => annotate(credential, writer, &[(names::REPROVISIONING, Some(text))]).await,
        ReprovisionStep::Done { token } => {
            annotate(credential, writer, &[(names::REPROVISIONING, None), (names::REPROVISIONED, Some(token))]).await
        }
        ReprovisionStep::DeleteIdentity { identity } => {
            writer.clients.identities.forget(&credential.key());
            delete_identity(writer, &*group_object(credential, writer)?, identity).await
        }
        ReprovisionStep::DeleteRegistration { id, over } => {
            let deleted = enrollments_of(credential, writer).await?.delete_registration(writer.access(), id.as_str(), over).await;
            deleted.map_err(|error| Error::cloud(format!("failed to delete the registration record of {id}"), error))
        }
    }
}

/// Writes on the Secret that was seen; its content is not touched.
async fn annotate(credential: &DeviceCredential, writer: &Writer<'_>, annotations: &[(&str, Option<&String>)]) -> Result<(), Error> {
    let at = secret_of(credential);
    let seen = writer.secrets.version(&at).unwrap_or_default();
    let annotations = annotations.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let version = writer.mark_secret(&at, &seen, json!({ "annotations": Value::Object(annotations) })).await?;
    // It was looked at before, and nobody has changed it since.
    writer.secrets.is_intact(&at, version);
    Ok(())
}
