//! Effects on the identity of a device that is created in a hub.

use moorage_cloud::{Device, IfMatch, KeyPair};
use moorage_crds::DeviceCredential;

use crate::{
    azure::Writer,
    error::Error,
    kinds::device_credential::hub_identity::{identity::hub_registry, leaving::IdentityStep},
};

/// Writes the identity.
pub async fn put_identity(
    writer: &Writer<'_>,
    credential: &DeviceCredential,
    document: &Device,
    keys: &KeyPair,
    over: &IfMatch,
) -> Result<(), Error> {
    let (registry, place) = hub_registry(writer, credential).await?;
    let put = registry.put_device(writer.access(), &place.device, &document.clone().with_keys(keys), over).await;
    let put = put.map(drop).map_err(|error| Error::cloud(format!("failed to write {}", place.what()), error));
    put.map_err(|error| writer.clients.refused_by_hub(&place.hub, error))
}

/// Performs one step.
pub async fn perform_identity(credential: &DeviceCredential, writer: &Writer<'_>, step: &IdentityStep) -> Result<(), Error> {
    if let IdentityStep::Note(note) = step {
        return writer.record(&note.entries).await;
    }
    let (registry, place) = hub_registry(writer, credential).await?;
    let done = match step {
        IdentityStep::Note(_) => Ok(()),
        IdentityStep::Disable { device, .. } => {
            registry.put_device(writer.access(), &place.device, device, &IfMatch::of(device.etag())).await.map(drop)
        }
        IdentityStep::Delete { over, .. } => registry.delete_device(writer.access(), &place.device, over).await,
    };
    let done = done.map_err(|error| Error::cloud(format!("failed to part with {}", place.what()), error));
    done.map_err(|error| writer.clients.refused_by_hub(&place.hub, error))
}
