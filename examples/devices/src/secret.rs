//! The Secret of a `DeviceCredential`, mounted as files.

use std::path::Path;

use anyhow::Context as _;
use jiff::Timestamp;

use crate::sas;

/// What a device holds.
pub struct Secret {
    pub id_scope: String,
    pub registration_id: String,
    pub provisioning_host: String,
    proof: Proof,
}

/// How the device proves who it is.
enum Proof {
    /// By signatures with this key, in base64.
    Key(String),
    /// In the TLS handshake: the certificate with those above it, and its key, in PEM.
    Certificate { chain: String, key: String },
}

impl Secret {
    /// Reads a folder; a certificate is used where there is one, else the key.
    pub fn read(folder: &Path, key_entry: &str) -> anyhow::Result<Self> {
        let entry = |name: &str| {
            let file = folder.join(name);
            let text = std::fs::read_to_string(&file).with_context(|| format!("failed to read the entry {}", file.display()))?;
            Ok::<String, anyhow::Error>(text.trim().to_owned())
        };
        let proof = if folder.join("tls.crt").exists() {
            Proof::Certificate { chain: entry("tls.crt")?, key: entry("tls.key")? }
        } else {
            Proof::Key(entry(key_entry)?)
        };
        Ok(Self {
            id_scope: entry("idScope")?,
            registration_id: entry("registrationId")?,
            provisioning_host: entry("provisioningHost")?,
            proof,
        })
    }

    /// What the device registers as: the resource of its signature, and the beginning of every path.
    pub fn registration(&self) -> String {
        format!("{}/registrations/{}", self.id_scope, self.registration_id)
    }

    /// The signature for the provisioning service; `None` for a device with a certificate.
    pub fn for_registration(&self) -> anyhow::Result<Option<String>> {
        self.sign(&self.registration(), Some("registration"))
    }

    /// The signature for the hub that the device was assigned.
    pub fn for_hub(&self, hub: &str, device_id: &str) -> anyhow::Result<Option<String>> {
        self.sign(&format!("{hub}/devices/{device_id}"), None)
    }

    fn sign(&self, resource: &str, skn: Option<&str>) -> anyhow::Result<Option<String>> {
        const HOUR: i64 = 3_600;
        match &self.proof {
            Proof::Key(key) => sas::sign(resource, key, skn, now().as_second() + HOUR).map(Some),
            Proof::Certificate { .. } => Ok(None),
        }
    }

    /// The certificate and its key, in PEM.
    pub fn certificate(&self) -> Option<(&str, &str)> {
        match &self.proof {
            Proof::Key(_) => None,
            Proof::Certificate { chain, key } => Some((chain, key)),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a device has no other clock than the machine's")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_certificate_is_used_where_there_is_one_and_the_named_key_else() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        for entry in ["idScope", "registrationId", "provisioningHost", "aKey"] {
            std::fs::write(folder.path().join(entry), format!("{entry}\n"))?;
        }
        assert!(Secret::read(folder.path(), "anotherKey").is_err());
        let secret = Secret::read(folder.path(), "aKey")?;
        assert_eq!((secret.registration().as_str(), secret.certificate()), ("idScope/registrations/registrationId", None));
        std::fs::write(folder.path().join("tls.crt"), "chain")?;
        std::fs::write(folder.path().join("tls.key"), "key")?;
        let secret = Secret::read(folder.path(), "aKey")?;
        assert_eq!(secret.certificate(), Some(("chain", "key")));
        assert_eq!(secret.for_registration()?, None);
        Ok(())
    }
}
