//! Effects on enrollments, and on what a device has by them.

use moorage_cloud::{IfMatch, IndividualEnrollment, KeyPair};
use moorage_crds::DeviceCredential;
use moorage_keys::RegistrationId;
use serde_json::Map;

use crate::{
    azure::{
        Context, Writer,
        enrollment_group::{self, keys},
    },
    error::Error,
    kinds::device_credential::{
        assignment::perform::delete_identity,
        enrollment::{
            disenroll::EnrollmentStep,
            ledger::{Meant, entries_of_left, ledger_entries},
            seen::{MARK, enrollments_of, group_object, mark},
        },
        subject::registration_id_of,
    },
    object::{Keyed, ObjectKey},
};

/// Writes the enrollment.
pub async fn put_enrollment(
    writer: &Writer<'_>,
    credential: &DeviceCredential,
    document: &IndividualEnrollment,
    keys: &KeyPair,
    over: &IfMatch,
) -> Result<(), Error> {
    let id = registration_id_of(credential);
    let put = enrollments_of(credential, writer).await?.put_enrollment(writer.access(), id, &document.clone().with_keys(keys), over).await;
    put.map(drop).map_err(|error| Error::cloud(format!("failed to write the individual enrollment of {id}"), error))
}

/// Performs one step.
pub async fn perform_enrollment(credential: &DeviceCredential, writer: &Writer<'_>, step: &EnrollmentStep) -> Result<(), Error> {
    let key = credential.key();
    match step {
        EnrollmentStep::Record { id, service: None } => writer.record(&ledger_entries(id, None)).await,
        EnrollmentStep::Record { id, service: Some(_) } => {
            let service = enrollment_group::service_of(&*group_object(credential, writer)?);
            writer.record(&ledger_entries(id, Some((Meant::Disenrolled, &service)))).await
        }
        EnrollmentStep::Leave { id, service } => writer.record(&entries_of_left(id, service)).await,
        EnrollmentStep::Disenroll { id, over } => {
            let put = enrollments_of(credential, writer)
                .await?
                .put_enrollment(writer.access(), id.as_str(), &disabled_enrollment(writer, &key, id), over)
                .await;
            put.map(drop).map_err(|error| Error::cloud(format!("failed to disenroll registration id {id}"), error))
        }
        EnrollmentStep::DeleteIdentity { identity } => delete_identity(writer, &*group_object(credential, writer)?, identity).await,
        EnrollmentStep::DeleteRegistration { id, over } => {
            let deleted = enrollments_of(credential, writer).await?.delete_registration(writer.access(), id.as_str(), over).await;
            deleted.map_err(|error| Error::cloud(format!("failed to delete the registration record of {id}"), error))
        }
        EnrollmentStep::Reenroll { id, over } => {
            let deleted = enrollments_of(credential, writer).await?.delete_enrollment(writer.access(), id.as_str(), over).await;
            deleted.map_err(|error| Error::cloud(format!("failed to let registration id {id} in again"), error))
        }
    }
}

/// The enrollment that disenrolls a device. Its keys are drawn here and kept by nobody: with the device's own, a leaked or forgotten
/// Secret would open the door again as soon as somebody enabled the enrollment by hand. It names no hubs, for none is ever given.
fn disabled_enrollment(ctx: &Context, owner: &ObjectKey, id: &RegistrationId) -> IndividualEnrollment {
    let tags = Map::from_iter([(MARK.to_owned(), mark(ctx, owner))]);
    IndividualEnrollment::with_symmetric_keys(id, &keys::generate()).with_enabled(false).with_initial_tags(tags)
}
