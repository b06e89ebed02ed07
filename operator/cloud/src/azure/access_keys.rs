//! Keys as services tell them: of enrollments and devices, and of shared access policies.

use moorage_keys::{KeyError, SymmetricKey};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// The two keys of an enrollment group or of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// The key of the first slot.
    pub primary: SymmetricKey,
    /// The key of the second slot.
    pub secondary: SymmetricKey,
}

/// A shared access policy of a hub or a provisioning service with both of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// The policy's name.
    pub name: String,
    /// What the policy allows, as the service writes it, such as `RegistryRead, RegistryWrite`.
    pub rights: String,
    /// Its keys.
    pub keys: KeyPair,
}

impl KeyPair {
    /// Reads both keys from base64.
    ///
    /// # Errors
    /// When either text is no key.
    pub fn from_base64(primary: &str, secondary: &str) -> Result<Self, KeyError> {
        Ok(Self { primary: SymmetricKey::from_base64(primary)?, secondary: SymmetricKey::from_base64(secondary)? })
    }
}

impl<'de> Deserialize<'de> for KeyPair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Reply {
            primary_key: SecretText,
            secondary_key: SecretText,
        }
        let reply = Reply::deserialize(deserializer)?;
        Self::from_base64(&reply.primary_key.0, &reply.secondary_key.0).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for AccessKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Reply {
            key_name: String,
            #[serde(default)]
            rights: String,
            primary_key: SecretText,
            secondary_key: SecretText,
        }
        let reply = Reply::deserialize(deserializer)?;
        let keys = KeyPair::from_base64(&reply.primary_key.0, &reply.secondary_key.0);
        let keys = keys.map_err(serde::de::Error::custom)?;
        Ok(Self { name: reply.key_name, rights: reply.rights, keys })
    }
}

/// A text of a reply that is wiped when dropped.
struct SecretText(Zeroizing<String>);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}
