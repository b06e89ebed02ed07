//! What a device proves itself with, if not with a certificate: two keys, derived or generated.

pub mod derived;
pub mod generated;

use moorage_cloud::KeyPair;
use moorage_crds::Slot;
use moorage_keys::{RegistrationId, SymmetricKey, derive_device_key};

use crate::kinds::device_credential::{
    keys::generated::GeneratedKeys,
    outputs::{entries, secret_content::Entry},
};

/// What a device proves itself with: two keys, and which of them it uses.
#[derive(Clone, Debug)]
pub struct Keys {
    pub pair: KeyPair,
    pub slot: Slot,
    /// What they were generated for; `None` if they are derived.
    pub made_for: Option<MadeFor>,
}

/// What keys are generated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadeFor {
    /// An individual enrollment.
    IndividualEnrollment,
    /// An identity in a hub.
    Identity,
}

impl Keys {
    /// The device's two keys, derived; the group's own go no further.
    pub fn derived(group: &KeyPair, registration_id: &RegistrationId, slot: Slot) -> Self {
        let derive = |key| derive_device_key(key, registration_id);
        Self { pair: KeyPair { primary: derive(&group.primary), secondary: derive(&group.secondary) }, slot, made_for: None }
    }

    /// Two keys that were generated.
    pub fn generated(pair: KeyPair, made_for: MadeFor) -> Self {
        Self { pair, slot: Slot::Primary, made_for: Some(made_for) }
    }

    /// The key of a slot.
    pub fn key(&self, slot: Slot) -> &SymmetricKey {
        match slot {
            Slot::Primary => &self.pair.primary,
            Slot::Secondary => &self.pair.secondary,
        }
    }

    /// The key that the device uses.
    pub fn used(&self) -> &SymmetricKey {
        self.key(self.slot)
    }

    /// The entries that give them to the device.
    pub fn entries(&self) -> [Entry; 3] {
        [
            (entries::DEVICE_KEY, self.used().expose_base64()),
            (entries::PRIMARY_KEY, self.pair.primary.expose_base64()),
            (entries::SECONDARY_KEY, self.pair.secondary.expose_base64()),
        ]
    }
}

/// The keys of a device.
pub enum ObservedKeys {
    /// They follow from the group's.
    Derived(Keys),
    /// They were generated, or are to be.
    Generated(Box<GeneratedKeys>, MadeFor),
}
