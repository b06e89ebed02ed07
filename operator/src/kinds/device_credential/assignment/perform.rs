//! Effects on the identity of a device that registers.

use moorage_cloud::IfMatch;
use moorage_crds::EnrollmentGroup;

use crate::{
    azure::Writer,
    error::{Error, reached},
    kinds::device_credential::assignment::hub::{DeviceIdentity, registry},
};

/// Deletes an identity; one that is gone already is fine. The device's connection ends with it.
pub async fn delete_identity(writer: &Writer<'_>, group: &EnrollmentGroup, identity: &DeviceIdentity) -> Result<(), Error> {
    let DeviceIdentity { hub, device } = identity;
    let step = format!("failed to delete device {device} from hub {hub}");
    let registry = reached(registry(writer, group, hub, &step).await)?;
    let deleted = registry.delete_device(writer.access(), device, &IfMatch::Any).await.map_err(|error| Error::cloud(step, error));
    deleted.map_err(|error| writer.clients.refused_by_hub(hub, error))
}
