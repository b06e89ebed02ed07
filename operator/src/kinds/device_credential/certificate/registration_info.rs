//! What a device needs beside its certificate: where it registers, and as what.

use moorage_crds::{DeviceCredential, EnrollmentGroup};
use moorage_keys::{IdScope, RegistrationId, Thumbprint};
use moorage_plan::Standing;
use zeroize::Zeroizing;

use crate::{
    cluster::SecretData,
    controller::context::Caches,
    kinds::device_credential::{
        admit::place_of,
        outputs::{
            entries::{self, AUTHORITY, CERTIFICATE, KEY},
            renamed,
        },
    },
};

/// What a device needs beside its certificate.
#[derive(Clone, Debug)]
pub struct RegistrationInfo {
    pub registration_id: RegistrationId,
    pub id_scope: IdScope,
    /// Entries that say where the device registers, by the names that were asked for.
    pub entries: Vec<(String, String)>,
}

impl RegistrationInfo {
    /// Recognises it.
    pub fn fingerprint(&self) -> String {
        let text = serde_json::to_string(&self.entries).expect("texts serialize");
        Thumbprint::of(text.as_bytes()).to_string()
    }

    /// The content around a certificate, its key, and the certificate of an authority.
    pub fn content(&self, certificate: &str, key: &Zeroizing<String>, authority: &str) -> SecretData {
        let text = |text: &str| Zeroizing::new(text.to_owned());
        let own = [(CERTIFICATE.to_owned(), text(certificate)), (KEY.to_owned(), key.clone()), (AUTHORITY.to_owned(), text(authority))];
        own.into_iter().chain(self.entries.iter().map(|(name, value)| (name.clone(), text(value)))).collect()
    }
}

/// Where a device of a group registers.
///
/// # Errors
/// Halts until the group is in the provisioning service.
pub fn registration_info_of(
    credential: &DeviceCredential,
    caches: &Caches,
    group: &EnrollmentGroup,
    registration_id: RegistrationId,
) -> Result<RegistrationInfo, Standing> {
    let (id_scope, host) = place_of(caches, group)?;
    let facts = [
        (entries::REGISTRATION_ID, registration_id.as_str()),
        (entries::ID_SCOPE, id_scope.as_str()),
        (entries::PROVISIONING_HOST, host.as_str()),
    ];
    let entries = facts.into_iter().map(|(name, value)| (renamed(&credential.spec.secret.keys, name), value.to_owned())).collect();
    Ok(RegistrationInfo { registration_id, id_scope, entries })
}
