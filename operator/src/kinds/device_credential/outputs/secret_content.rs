//! What a device's Secret holds: the same inputs always give the same bytes.

use std::collections::BTreeMap;

use moorage_cloud::KeyPair;
use moorage_crds::Slot;
use moorage_keys::{ConnectionString, DeviceId, Digest, HostName, IdScope, RegistrationId, SymmetricKey, keyed_digest, sas};
use zeroize::Zeroizing;

use crate::{
    cluster::SecretData,
    kinds::device_credential::{
        keys::{Keys, MadeFor},
        outputs::{entries, renamed, tokens::Lives},
    },
};

/// Everything that the content follows from.
#[derive(Clone, Debug)]
pub struct Source {
    pub origin: Origin,
    pub keys: Keys,
    /// What the device can log in to its hub with, where that was asked for and there is such a thing.
    pub login: Option<Login>,
    pub connection_string: bool,
    pub names: BTreeMap<String, String>,
}

/// A device in a hub, and which of its keys the hub takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub hub: HostName,
    pub device: DeviceId,
    pub slot: Slot,
}

impl std::fmt::Display for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {:?}", self.hub, self.device, self.slot)
    }
}

/// How a device comes to its hub.
#[derive(Clone, Debug)]
pub enum Origin {
    /// It registers with a provisioning service, and is given one.
    Service { registration_id: RegistrationId, id_scope: IdScope, host: String },
    /// It is created in a hub, and stays there.
    Hub { hub: HostName, device: DeviceId },
}

/// The content of the Secret, and what recognises it.
#[derive(Clone, Debug)]
pub struct Content {
    pub data: SecretData,
    pub digest: Digest,
    pub lives: Lives,
    pub slot: Slot,
    pub made_for: Option<MadeFor>,
    /// The login, as the Secret's annotations tell it.
    pub login: Option<String>,
}

/// An entry, by its name before any renaming.
pub type Entry = (&'static str, Zeroizing<String>);

fn text_entry(name: &'static str, text: &str) -> Entry {
    (name, Zeroizing::new(text.to_owned()))
}

impl Origin {
    fn entries(&self) -> Vec<Entry> {
        match self {
            Self::Service { registration_id, id_scope, host } => vec![
                text_entry(entries::REGISTRATION_ID, registration_id.as_str()),
                text_entry(entries::ID_SCOPE, id_scope.as_str()),
                text_entry(entries::PROVISIONING_HOST, host),
            ],
            Self::Hub { hub, device } => vec![text_entry(entries::DEVICE_ID, device.as_str()), text_entry(entries::HUB_HOST, hub.as_str())],
        }
    }
}

impl Source {
    /// The content, with a token for each life that there is to be.
    pub fn content(&self, lives: Lives) -> Content {
        let entries =
            self.origin.entries().into_iter().chain(self.keys.entries()).chain(self.tokens(&lives)).chain(self.connection_string());
        let data: SecretData = entries.map(|(name, value)| (self.renamed(name), value)).collect();
        let (slot, made_for, login) = (self.keys.slot, self.keys.made_for, self.login.as_ref().map(Login::to_string));
        Content { digest: self.digest(&data), data, lives, slot, made_for, login }
    }

    fn tokens(&self, lives: &Lives) -> impl Iterator<Item = Entry> {
        let dps = match &self.origin {
            Origin::Service { registration_id, id_scope, .. } => {
                lives.of(entries::DPS_TOKEN).map(|life| sas::dps_device(id_scope, registration_id, self.keys.used(), life.not_after))
            }
            Origin::Hub { .. } => None,
        };
        let hub = lives.of(entries::HUB_TOKEN).zip(self.login.as_ref());
        let hub = hub.map(|(life, login)| sas::iot_hub_device(&login.hub, &login.device, self.keys.key(login.slot), life.not_after));
        [(entries::DPS_TOKEN, dps), (entries::HUB_TOKEN, hub)]
            .into_iter()
            .filter_map(|(name, token)| Some(text_entry(name, token?.expose())))
    }

    fn connection_string(&self) -> Option<Entry> {
        let Login { hub, device, slot } = self.login.as_ref().filter(|_| self.connection_string)?;
        let text = ConnectionString::device(hub.clone(), device.clone(), self.keys.key(*slot).clone());
        Some(text_entry(entries::CONNECTION_STRING, text.expose().expose()))
    }

    /// Recognises a content to those who hold the device's key, and to nobody else.
    pub fn digest(&self, data: &SecretData) -> Digest {
        seal(&self.keys.pair.primary, data)
    }

    fn renamed(&self, name: &str) -> String {
        renamed(&self.names, name)
    }
}

/// Recognises a content to those who hold a key, and to nobody else.
pub fn seal(key: &SymmetricKey, data: &SecretData) -> Digest {
    let parts = data.keys().flat_map(|name| [name, data.expose(name).unwrap_or_default()]);
    keyed_digest(key, parts)
}

/// Whether a content is the one of a digest, by a key that is in it: so it can be told from one that somebody has changed also when
/// the device's keys are others now, or its entries are to have other names.
///
/// Whoever may write the Secret can put keys of his own there, and a digest by them. That is no content that would be written now, so
/// it is written over at once, like any that differs: only that it was tampered with is not told.
pub fn is_sealed_by_its_own_key(data: &SecretData, digest: &str) -> bool {
    let keys = data.keys().filter_map(|name| SymmetricKey::from_base64(data.expose(name)?).ok());
    keys.into_iter().any(|key| seal(&key, data).to_string() == digest)
}

/// The device's two keys in a content, under the names that its entries have.
pub fn keys_in(data: &SecretData, names: &BTreeMap<String, String>) -> Option<KeyPair> {
    pair(data, &renamed(names, entries::PRIMARY_KEY), &renamed(names, entries::SECONDARY_KEY))
}

/// The keys in a content that are not in the cloud yet.
pub fn pending_in(data: &SecretData) -> Option<KeyPair> {
    let [primary, secondary] = entries::PENDING;
    pair(data, primary, secondary)
}

/// A content with keys beside it that are not in the cloud yet, and what recognises it.
pub fn with_pending(mut data: SecretData, names: &BTreeMap<String, String>, keys: &KeyPair) -> (SecretData, Digest) {
    for (name, key) in entries::PENDING.into_iter().zip([&keys.primary, &keys.secondary]) {
        data.0.insert(name.to_owned(), key.expose_base64());
    }
    let digest = keys_in(&data, names).map_or_else(|| seal(&keys.primary, &data), |stored| seal(&stored.primary, &data));
    (data, digest)
}

fn pair(data: &SecretData, primary: &str, secondary: &str) -> Option<KeyPair> {
    KeyPair::from_base64(data.expose(primary)?, data.expose(secondary)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "rLuyBPpIJ+hOre2SFIP9Ajvdty3j0EwSP/WvTVH9eZAw5HpDuEmf13nziHy5RRXmuTy84FCLpOnhhBPASSbHYg==";
    const OTHER: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn source(id: &str) -> Source {
        let group = KeyPair::from_base64(GROUP, OTHER).expect("keys");
        let registration_id = RegistrationId::parse(id).expect("an id");
        let keys = Keys::derived(&group, &registration_id, Slot::Primary);
        let id_scope = IdScope::parse("0ne00000001").expect("a scope");
        let host = "contoso-dps.azure-devices-provisioning.net".to_owned();
        Source {
            origin: Origin::Service { registration_id, id_scope, host },
            keys,
            login: None,
            connection_string: false,
            names: BTreeMap::new(),
        }
    }

    #[test]
    fn s0_6_a_device_key_is_derived_as_azure_derives_it() {
        let key = |id| source(id).content(Lives::default()).data.expose("deviceKey").map(str::to_owned);
        assert_eq!(key("contoso-simdevice-east").as_deref(), Some("p3w2DQr9WqEGBLUSlFi1jPQ7UWQL4siAGy75HFTFbf8="));
        assert_eq!(key("contoso-simdevice-west").as_deref(), Some("J5n4NY2GiBYy7Mp4lDDa5CbEe6zDU/c62rhjCuFWxnc="));
    }

    #[test]
    fn the_groups_own_keys_are_nowhere_in_the_content() {
        let content = source("contoso-simdevice-east").content(Lives::default());
        assert!(content.data.keys().all(|name| !matches!(content.data.expose(name), Some(GROUP | OTHER))));
        assert!(!format!("{content:?}").contains("p3w2DQr9"));
    }

    #[test]
    fn an_entry_has_the_name_that_was_asked_for_and_only_that() {
        let mut source = source("contoso-simdevice-east");
        source.names.insert("deviceKey".to_owned(), "IOTHUB_DEVICE_KEY".to_owned());
        let content = source.content(Lives::default());
        let names: Vec<_> = content.data.keys().collect();
        assert_eq!(names, ["IOTHUB_DEVICE_KEY", "idScope", "primaryKey", "provisioningHost", "registrationId", "secondaryKey"]);
    }

    #[test]
    fn a_digest_shows_any_change_and_the_same_inputs_give_the_same() {
        let east = source("contoso-simdevice-east");
        let content = east.content(Lives::default());
        assert_eq!(content.digest, east.content(Lives::default()).digest);
        let mut moved = content.data.clone();
        moved.0.insert("idScope".to_owned(), Zeroizing::new("0ne00000002".to_owned()));
        assert_ne!(content.digest, east.digest(&moved));
        let mut fewer = content.data.clone();
        fewer.0.remove("secondaryKey");
        assert_ne!(content.digest, east.digest(&fewer));
    }
}
