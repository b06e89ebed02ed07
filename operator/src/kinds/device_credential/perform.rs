//! Effects on behalf of a credential, by capability.

use moorage_crds::DeviceCredential;
use moorage_plan::Goal;

use crate::{
    azure::{Writer, claims, enrollment_group::keys},
    cluster::SecretType,
    controller::kind::Kind as _,
    error::Error,
    kinds::device_credential::{
        certificate::{cert_manager::perform::perform_cert_manager, signed_here::perform::perform_signing},
        enrollment::perform::{perform_enrollment, put_enrollment},
        hub_identity::perform::{perform_identity, put_identity},
        keys::generated::{CloudDocument, KeyStep},
        plan::Action,
        reprovision::perform::perform_reprovision,
        secret::{
            metadata::pending,
            perform::{put_secret, write_content},
        },
    },
    object::Keyed as _,
};

/// Performs one action.
pub async fn perform(credential: &DeviceCredential, writer: &Writer<'_>, action: &Action) -> Result<(), Error> {
    match action {
        Action::Write { at, content, revision, over, .. } => {
            write_content(credential, writer, at, content, *revision, over.as_deref()).await
        }
        Action::Delete(at) => writer.delete_secret(at).await,
        Action::Enrollment(step) => perform_enrollment(credential, writer, step).await,
        Action::Reprovision(step) => perform_reprovision(credential, writer, step).await,
        Action::Keys(step) => perform_keys(credential, writer, step).await,
        Action::Leave(step) => perform_identity(credential, writer, step).await,
        Action::Certificate(step) => perform_signing(credential, writer, step).await,
        Action::Order(step) => perform_cert_manager(credential, writer, step).await,
    }
}

/// Takes one step towards keys that the cloud knows.
pub async fn perform_keys(credential: &DeviceCredential, writer: &Writer<'_>, step: &KeyStep) -> Result<(), Error> {
    match step {
        KeyStep::Note(note) => {
            let judge = || credential.admit(writer.caches(), Goal::Present).map(drop);
            claims::record(writer, &credential.key(), &note.entries, judge).await
        }
        KeyStep::Store { at, beside, over, .. } => {
            let (metadata, data) = pending(credential, at, beside, over.as_deref(), &keys::generate());
            put_secret(writer, at, SecretType::Opaque, &metadata, &data, over.as_deref()).await
        }
        KeyStep::Put { document: CloudDocument::Enrollment(document), keys, over, .. } => {
            put_enrollment(writer, credential, document, keys, over).await
        }
        KeyStep::Put { document: CloudDocument::Identity(document), keys, over, .. } => {
            put_identity(writer, credential, document, keys, over).await
        }
    }
}
