//! What a device needs beside its certificate: where it registers, and as what.

use moorage_crds::{DeviceCredential, EnrollmentGroup};
use moorage_keys::{IdScope, RegistrationId, Thumbprint};
use moorage_plan::Reason;
use zeroize::Zeroizing;

use super::{AUTHORITY, CERTIFICATE, KEY};
use crate::{cluster::SecretData, error::Halt, kind::Kind};

/// What a device needs beside its certificate.
#[derive(Clone, Debug)]
pub struct Beside {
    pub(in super::super) registration_id: RegistrationId,
    pub(in super::super) id_scope: IdScope,
    /// Entries that say where the device registers, by the names that were asked for.
    pub(in super::super) entries: Vec<(String, String)>,
}

impl Beside {
    /// Recognises it.
    pub(in super::super) fn fingerprint(&self) -> String {
        let text = serde_json::to_string(&self.entries).expect("texts serialize");
        Thumbprint::of(text.as_bytes()).to_string()
    }

    /// The content around a certificate, its key, and the certificate of an authority.
    pub(in super::super) fn content(&self, certificate: &str, key: &Zeroizing<String>, authority: &str) -> SecretData {
        let text = |text: &str| Zeroizing::new(text.to_owned());
        let own = [(CERTIFICATE.to_owned(), text(certificate)), (KEY.to_owned(), key.clone()), (AUTHORITY.to_owned(), text(authority))];
        own.into_iter().chain(self.entries.iter().map(|(name, value)| (name.clone(), text(value)))).collect()
    }
}

/// Where a device of a group registers.
///
/// # Errors
/// Halts until the group is in the provisioning service.
pub(super) fn of(credential: &DeviceCredential, group: &EnrollmentGroup, registration_id: RegistrationId) -> Result<Beside, Halt> {
    let status = group.status.as_ref().ok_or_else(|| waiting(group, "was not reconciled yet"))?;
    let (Some(id_scope), Some(host)) = (&status.id_scope, &status.provisioning_host) else {
        return Err(waiting(group, "is not in the provisioning service yet"));
    };
    if status.iot_hubs.is_empty() {
        // Such a group gives its devices any hub that is linked, other tenants' among them.
        return Err(waiting(group, "names no hub of its tenant in the provisioning service yet"));
    }
    let id_scope = IdScope::parse(id_scope).map_err(|_| waiting(group, "tells an id scope that is none"))?;
    let renamed = |name: &str| credential.spec.secret.keys.get(name).cloned().unwrap_or_else(|| name.to_owned());
    let facts = [("registrationId", registration_id.as_str()), ("idScope", id_scope.as_str()), ("provisioningHost", host)];
    let entries = facts.into_iter().map(|(name, value)| (renamed(name), value.to_owned())).collect();
    Ok(Beside { registration_id, id_scope, entries })
}

pub(super) fn waiting(group: &EnrollmentGroup, what: &str) -> Halt {
    Halt::not_yet(Reason::DependencyNotReady, format!("EnrollmentGroup {} {what}", group.key().at))
}
