//! What a device's Secret holds: the same inputs always give the same bytes.

use std::collections::BTreeMap;

use moorage_cloud::KeyPair;
use moorage_crds::Slot;
use moorage_keys::{
    ConnectionString, DeviceId, Digest, HostName, IdScope, RegistrationId, SymmetricKey, derive_device_key, keyed_digest, sas,
};
use zeroize::Zeroizing;

use super::tokens::Lives;
use crate::cluster::SecretData;

/// The names of the entries, before any renaming.
mod entry {
    pub(super) const REGISTRATION_ID: &str = "registrationId";
    pub(super) const ID_SCOPE: &str = "idScope";
    pub(super) const PROVISIONING_HOST: &str = "provisioningHost";
    pub(super) const DEVICE_ID: &str = "deviceId";
    pub(super) const HUB_HOST: &str = "hubHost";
    pub(super) const DEVICE_KEY: &str = "deviceKey";
    pub(super) const PRIMARY_KEY: &str = "primaryKey";
    pub(super) const SECONDARY_KEY: &str = "secondaryKey";
    pub(super) const DPS_TOKEN: &str = "dpsToken";
    pub(super) const CONNECTION_STRING: &str = "connectionString";
    pub(super) const HUB_TOKEN: &str = "hubToken";
    /// Keys that are not in the cloud yet, and are no credential until they are. No entry can be given such a name.
    pub(super) const PENDING: [&str; 2] = ["moorage.pendingPrimaryKey", "moorage.pendingSecondaryKey"];
}

/// Everything that the content follows from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) origin: Origin,
    pub(super) keys: Keys,
    /// What the device can log in to its hub with, where that was asked for and there is such a thing.
    pub(super) login: Option<Login>,
    pub(super) connection_string: bool,
    pub(super) names: BTreeMap<String, String>,
}

/// A device in a hub, and which of its keys the hub takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) hub: HostName,
    pub(super) device: DeviceId,
    pub(super) slot: Slot,
}

impl std::fmt::Display for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {:?}", self.hub, self.device, self.slot)
    }
}

/// How a device comes to its hub.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// It registers with a provisioning service, and is given one.
    Service { registration_id: RegistrationId, id_scope: IdScope, host: String },
    /// It is created in a hub, and stays there.
    Hub { hub: HostName, device: DeviceId },
}

/// What a device proves itself with: two keys, and which of them it uses.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) pair: KeyPair,
    pub(super) slot: Slot,
    /// What they were generated for; `None` if they are derived.
    pub(super) made_for: Option<MadeFor>,
}

/// What keys are generated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadeFor {
    /// An individual enrollment.
    IndividualEnrollment,
    /// An identity in a hub.
    Identity,
}

/// The content of the Secret, and what recognises it.
#[derive(Clone, Debug)]
pub struct Content {
    pub(super) data: SecretData,
    pub(super) digest: Digest,
    pub(super) lives: Lives,
    pub(super) slot: Slot,
    pub(super) made_for: Option<MadeFor>,
    /// The login, as the Secret's annotations tell it.
    pub(super) login: Option<String>,
}

type Entry = (&'static str, Zeroizing<String>);

fn entry(name: &'static str, text: &str) -> Entry {
    (name, Zeroizing::new(text.to_owned()))
}

impl Keys {
    /// The device's two keys, derived; the group's own go no further.
    pub(super) fn derived(group: &KeyPair, registration_id: &RegistrationId, slot: Slot) -> Self {
        let derive = |key| derive_device_key(key, registration_id);
        Self { pair: KeyPair { primary: derive(&group.primary), secondary: derive(&group.secondary) }, slot, made_for: None }
    }

    /// Two keys that were generated.
    pub(super) fn generated(pair: KeyPair, made_for: MadeFor) -> Self {
        Self { pair, slot: Slot::Primary, made_for: Some(made_for) }
    }

    /// The key of a slot.
    pub(super) fn key(&self, slot: Slot) -> &SymmetricKey {
        match slot {
            Slot::Primary => &self.pair.primary,
            Slot::Secondary => &self.pair.secondary,
        }
    }

    /// The key that the device uses.
    pub(super) fn used(&self) -> &SymmetricKey {
        self.key(self.slot)
    }

    fn entries(&self) -> [Entry; 3] {
        [
            (entry::DEVICE_KEY, self.used().expose_base64()),
            (entry::PRIMARY_KEY, self.pair.primary.expose_base64()),
            (entry::SECONDARY_KEY, self.pair.secondary.expose_base64()),
        ]
    }
}

impl Origin {
    fn entries(&self) -> Vec<Entry> {
        match self {
            Self::Service { registration_id, id_scope, host } => vec![
                entry(entry::REGISTRATION_ID, registration_id.as_str()),
                entry(entry::ID_SCOPE, id_scope.as_str()),
                entry(entry::PROVISIONING_HOST, host),
            ],
            Self::Hub { hub, device } => vec![entry(entry::DEVICE_ID, device.as_str()), entry(entry::HUB_HOST, hub.as_str())],
        }
    }
}

impl Source {
    /// The content, with a token for each life that there is to be.
    pub(super) fn content(&self, lives: Lives) -> Content {
        let entries =
            self.origin.entries().into_iter().chain(self.keys.entries()).chain(self.tokens(lives)).chain(self.connection_string());
        let data: SecretData = entries.map(|(name, value)| (self.renamed(name), value)).collect();
        let (slot, made_for, login) = (self.keys.slot, self.keys.made_for, self.login.as_ref().map(Login::to_string));
        Content { digest: self.digest(&data), data, lives, slot, made_for, login }
    }

    fn tokens(&self, lives: Lives) -> impl Iterator<Item = Entry> {
        let dps = match &self.origin {
            Origin::Service { registration_id, id_scope, .. } => {
                lives.dps.map(|life| sas::dps_device(id_scope, registration_id, self.keys.used(), life.not_after))
            }
            Origin::Hub { .. } => None,
        };
        let hub = lives.hub.zip(self.login.as_ref());
        let hub = hub.map(|(life, login)| sas::iot_hub_device(&login.hub, &login.device, self.keys.key(login.slot), life.not_after));
        [(entry::DPS_TOKEN, dps), (entry::HUB_TOKEN, hub)].into_iter().filter_map(|(name, token)| Some(entry(name, token?.expose())))
    }

    fn connection_string(&self) -> Option<Entry> {
        let Login { hub, device, slot } = self.login.as_ref().filter(|_| self.connection_string)?;
        let text = ConnectionString::device(hub.clone(), device.clone(), self.keys.key(*slot).clone());
        Some(entry(entry::CONNECTION_STRING, text.expose().expose()))
    }

    /// Recognises a content to those who hold the device's key, and to nobody else.
    pub(super) fn digest(&self, data: &SecretData) -> Digest {
        seal(&self.keys.pair.primary, data)
    }

    fn renamed(&self, name: &str) -> String {
        renamed(&self.names, name)
    }
}

/// Recognises a content to those who hold a key, and to nobody else.
pub(super) fn seal(key: &SymmetricKey, data: &SecretData) -> Digest {
    let parts = data.keys().flat_map(|name| [name, data.expose(name).unwrap_or_default()]);
    keyed_digest(key, parts)
}

fn renamed(names: &BTreeMap<String, String>, name: &str) -> String {
    names.get(name).cloned().unwrap_or_else(|| name.to_owned())
}

/// The device's two keys in a content, under the names that its entries have.
pub(super) fn keys_in(data: &SecretData, names: &BTreeMap<String, String>) -> Option<KeyPair> {
    pair(data, &renamed(names, entry::PRIMARY_KEY), &renamed(names, entry::SECONDARY_KEY))
}

/// The keys in a content that are not in the cloud yet.
pub(super) fn pending_in(data: &SecretData) -> Option<KeyPair> {
    let [primary, secondary] = entry::PENDING;
    pair(data, primary, secondary)
}

/// A content with keys beside it that are not in the cloud yet, and what recognises it.
pub(super) fn with_pending(mut data: SecretData, names: &BTreeMap<String, String>, keys: &KeyPair) -> (SecretData, Digest) {
    for (name, key) in entry::PENDING.into_iter().zip([&keys.primary, &keys.secondary]) {
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
