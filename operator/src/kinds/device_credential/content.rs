//! What a device's Secret holds, computed from the group's keys: the same inputs always give the same bytes.

use std::collections::BTreeMap;

use moorage_crds::Slot;
use moorage_keys::{Digest, IdScope, RegistrationId, SymmetricKey, derive_device_key, keyed_digest, sas};
use moorage_plan::Lifetime;
use zeroize::Zeroizing;

use crate::cluster::SecretData;

/// The names of the entries, before any renaming.
mod entry {
    pub(super) const REGISTRATION_ID: &str = "registrationId";
    pub(super) const ID_SCOPE: &str = "idScope";
    pub(super) const PROVISIONING_HOST: &str = "provisioningHost";
    pub(super) const DEVICE_KEY: &str = "deviceKey";
    pub(super) const PRIMARY_KEY: &str = "primaryKey";
    pub(super) const SECONDARY_KEY: &str = "secondaryKey";
    pub(super) const DPS_TOKEN: &str = "dpsToken";
}

/// Everything that the content follows from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) registration_id: RegistrationId,
    pub(super) id_scope: IdScope,
    pub(super) provisioning_host: String,
    /// The device's keys, derived from the group's two.
    pub(super) primary: SymmetricKey,
    pub(super) secondary: SymmetricKey,
    pub(super) slot: Slot,
    pub(super) names: BTreeMap<String, String>,
}

/// The content of the Secret, and what recognises it.
#[derive(Clone, Debug)]
pub struct Content {
    pub(super) data: SecretData,
    pub(super) digest: Digest,
    pub(super) token: Option<Lifetime>,
    pub(super) slot: Slot,
}

impl Source {
    /// The device's two keys, derived; the group's own go no further.
    pub(super) fn derived(group: &moorage_cloud::KeyPair, registration_id: &RegistrationId) -> (SymmetricKey, SymmetricKey) {
        (derive_device_key(&group.primary, registration_id), derive_device_key(&group.secondary, registration_id))
    }

    /// The content, with a token for the given life if there is to be one.
    pub(super) fn content(&self, token: Option<Lifetime>) -> Content {
        let key = match self.slot {
            Slot::Primary => &self.primary,
            Slot::Secondary => &self.secondary,
        };
        let text = |text: &str| Zeroizing::new(text.to_owned());
        let mut entries = vec![
            (entry::REGISTRATION_ID, text(self.registration_id.as_str())),
            (entry::ID_SCOPE, text(self.id_scope.as_str())),
            (entry::PROVISIONING_HOST, text(&self.provisioning_host)),
            (entry::DEVICE_KEY, key.expose_base64()),
            (entry::PRIMARY_KEY, self.primary.expose_base64()),
            (entry::SECONDARY_KEY, self.secondary.expose_base64()),
        ];
        if let Some(life) = token {
            let token = sas::dps_device(&self.id_scope, &self.registration_id, key, life.not_after);
            entries.push((entry::DPS_TOKEN, text(token.expose())));
        }
        let data: SecretData = entries.into_iter().map(|(name, value)| (self.renamed(name), value)).collect();
        Content { digest: self.digest(&data), data, token, slot: self.slot }
    }

    /// Recognises a content to those who hold the device's key, and to nobody else.
    pub(super) fn digest(&self, data: &SecretData) -> Digest {
        let parts = data.keys().flat_map(|name| [name, data.expose(name).unwrap_or_default()]);
        keyed_digest(&self.primary, parts)
    }

    fn renamed(&self, name: &str) -> String {
        self.names.get(name).cloned().unwrap_or_else(|| name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "rLuyBPpIJ+hOre2SFIP9Ajvdty3j0EwSP/WvTVH9eZAw5HpDuEmf13nziHy5RRXmuTy84FCLpOnhhBPASSbHYg==";
    const OTHER: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn source(id: &str) -> Source {
        let group = moorage_cloud::KeyPair::from_base64(GROUP, OTHER).expect("keys");
        let registration_id = RegistrationId::parse(id).expect("an id");
        let (primary, secondary) = Source::derived(&group, &registration_id);
        Source {
            registration_id,
            id_scope: IdScope::parse("0ne00000001").expect("a scope"),
            provisioning_host: "contoso-dps.azure-devices-provisioning.net".to_owned(),
            primary,
            secondary,
            slot: Slot::Primary,
            names: BTreeMap::new(),
        }
    }

    #[test]
    fn s0_6_a_device_key_is_derived_as_azure_derives_it() {
        let key = |id| source(id).content(None).data.expose("deviceKey").map(str::to_owned);
        assert_eq!(key("contoso-simdevice-east").as_deref(), Some("p3w2DQr9WqEGBLUSlFi1jPQ7UWQL4siAGy75HFTFbf8="));
        assert_eq!(key("contoso-simdevice-west").as_deref(), Some("J5n4NY2GiBYy7Mp4lDDa5CbEe6zDU/c62rhjCuFWxnc="));
    }

    #[test]
    fn the_groups_own_keys_are_nowhere_in_the_content() {
        let content = source("contoso-simdevice-east").content(None);
        assert!(content.data.keys().all(|name| !matches!(content.data.expose(name), Some(GROUP | OTHER))));
        assert!(!format!("{content:?}").contains("p3w2DQr9"));
    }

    #[test]
    fn an_entry_has_the_name_that_was_asked_for_and_only_that() {
        let mut source = source("contoso-simdevice-east");
        source.names.insert("deviceKey".to_owned(), "IOTHUB_DEVICE_KEY".to_owned());
        let content = source.content(None);
        let names: Vec<_> = content.data.keys().collect();
        assert_eq!(names, ["IOTHUB_DEVICE_KEY", "idScope", "primaryKey", "provisioningHost", "registrationId", "secondaryKey"]);
    }

    #[test]
    fn a_digest_shows_any_change_and_the_same_inputs_give_the_same() {
        let east = source("contoso-simdevice-east");
        let content = east.content(None);
        assert_eq!(content.digest, east.content(None).digest);
        let mut moved = content.data.clone();
        moved.0.insert("idScope".to_owned(), Zeroizing::new("0ne00000002".to_owned()));
        assert_ne!(content.digest, east.digest(&moved));
        let mut fewer = content.data.clone();
        fewer.0.remove("secondaryKey");
        assert_ne!(content.digest, east.digest(&fewer));
    }
}
