//! Keys that follow from those of the device's group.

use moorage_crds::{EnrollmentGroup, Slot};
use moorage_keys::RegistrationId;

use crate::{
    azure::{Context, enrollment_group::keys, facts::GroupFacts},
    error::ObserveError,
    kinds::device_credential::{admit::waiting, keys::Keys},
};

/// The keys that a device derives from its group's.
pub async fn derived_keys(ctx: &Context, group: &EnrollmentGroup, id: &RegistrationId) -> Result<Keys, ObserveError> {
    let known = GroupFacts::of(ctx, group).and_then(|known| known.keys);
    let known = known.ok_or_else(|| waiting(group, "has no keys in the provisioning service yet"))?;
    let keys = keys::stored_keys(ctx, group).await?.ok_or_else(|| waiting(group, "has lost its keys' Secret and is restoring it"))?;
    if known != keys::digest_of(&keys) {
        return Err(waiting(group, "is bringing its keys to the provisioning service").into());
    }
    Ok(Keys::derived(&keys, id, Slot::Primary))
}
