//! Keys that devices derive from their group's.

use crate::hmac_sha256::hmac_sha256;
use crate::{RegistrationId, SymmetricKey};

/// The key of one device of an enrollment group: HMAC-SHA256 of its registration id under the group's key
/// (Microsoft: "How to use symmetric key attestation with enrollment groups", derive a device key).
pub fn derive_device_key(group_key: &SymmetricKey, registration: &RegistrationId) -> SymmetricKey {
    hmac_sha256(group_key.expose_bytes(), [registration.as_str().as_bytes()]).into()
}
