//! How the devices of an enrollment prove who they are.

use crate::azure::dps::certificate::Certificate;
use crate::engine::keys::{decode, encode, hmac_sha256};

/// Two slots of one thing, of which at least one is filled.
#[derive(Clone)]
pub(crate) struct Slots<T> {
    pub primary: Option<T>,
    pub secondary: Option<T>,
}

impl<T> Slots<T> {
    /// What is in the slots.
    pub fn filled(&self) -> impl Iterator<Item = &T> {
        self.primary.iter().chain(&self.secondary)
    }
}

/// What an enrollment asks of its devices.
#[derive(Clone)]
pub(crate) enum Attestation {
    /// A group's keys, from which the devices' are derived, or a single device's own.
    Keys { primary: String, secondary: String },
    /// The certificates of who signs the devices': a group's.
    Signers(Slots<Certificate>),
    /// The names of certificates that the provisioning service keeps, in place of the signers' own.
    References(Slots<String>),
    /// The device's own certificates: an individual enrollment's.
    Leaves(Slots<Certificate>),
}

impl Attestation {
    /// The two keys, if it has keys.
    pub fn keys(&self) -> Option<[&String; 2]> {
        match self {
            Self::Keys { primary, secondary } => Some([primary, secondary]),
            Self::Signers(_) | Self::References(_) | Self::Leaves(_) => None,
        }
    }
}

/// A device's key from its group's key (Microsoft Learn: "Symmetric key attestation", group
/// enrollments); `None` when the group key is no base64.
pub(crate) fn derive(group_key: &str, registration_id: &str) -> Option<String> {
    let key = decode(group_key)?;
    Some(encode(&hmac_sha256(&key, registration_id.as_bytes())))
}
