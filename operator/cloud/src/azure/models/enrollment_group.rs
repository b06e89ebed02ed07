//! Enrollment groups of a provisioning service.

pub(crate) mod signers;

use jiff::Timestamp;
use serde_json::json;

use super::enrollment::enrollment;
use super::{Document, document, written_in_one_version};
use crate::azure::access_keys::KeyPair;

document! {
    /// An enrollment group of a provisioning service.
    EnrollmentGroup, read_only: &[&["createdDateTimeUtc"], &["lastUpdatedDateTimeUtc"]]
}

enrollment!(EnrollmentGroup);
// As api-version 2021-10-01 has them.
written_in_one_version!(
    EnrollmentGroup,
    &[(
        &[],
        &[
            "allocationPolicy",
            "attestation",
            "capabilities",
            "createdDateTimeUtc",
            "customAllocationDefinition",
            "enrollmentGroupId",
            "etag",
            "initialTwin",
            "iotHubHostName",
            "iotHubs",
            "lastUpdatedDateTimeUtc",
            "provisioningStatus",
            "reprovisionPolicy"
        ]
    )]
);

/// By what a device proves that it belongs to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attestation {
    /// A key derived from the group's.
    SymmetricKey,
    /// A certificate that the group's authority signed.
    X509,
    /// The endorsement key of a trusted platform module.
    Tpm,
    /// Nothing.
    None,
}

impl EnrollmentGroup {
    /// A group that is to be created with symmetric keys of ours.
    ///
    /// The keys are given even to a new group: the service would make some, but only a key that is stored before it is
    /// registered survives a crash in between.
    pub fn with_symmetric_keys(id: &str, keys: &KeyPair) -> Self {
        Self(Document::of(json!({ "enrollmentGroupId": id }))).with_keys(keys)
    }

    /// The group's name.
    pub fn id(&self) -> Option<&str> {
        self.0.text(&["enrollmentGroupId"])
    }

    /// By what its devices prove themselves; none if the service says something unknown.
    pub fn attestation(&self) -> Option<Attestation> {
        match self.0.text(&["attestation", "type"])? {
            "symmetricKey" => Some(Attestation::SymmetricKey),
            "x509" => Some(Attestation::X509),
            "tpm" => Some(Attestation::Tpm),
            "none" => Some(Attestation::None),
            _ => None,
        }
    }

    /// The group's keys, which only the answer to a write has.
    pub fn keys(&self) -> Option<KeyPair> {
        let primary = self.0.text(&["attestation", "symmetricKey", "primaryKey"])?;
        let secondary = self.0.text(&["attestation", "symmetricKey", "secondaryKey"])?;
        KeyPair::from_base64(primary, secondary).ok()
    }

    /// When the group was created.
    pub fn created(&self) -> Option<Timestamp> {
        self.0.text(&["createdDateTimeUtc"])?.parse().ok()
    }

    /// Refuses a write that would leave the choice of keys, of signers, or of hubs, to the service.
    pub(crate) fn validate(&self) -> Result<(), &'static str> {
        if self.attestation() == Some(Attestation::SymmetricKey) && !self.has_both_keys() {
            return Err("a symmetric group is never written without both of its keys");
        }
        if self.attestation() == Some(Attestation::X509) && !self.has_any_signer() {
            return Err("a group of certificates is never written without who signs them");
        }
        if self.hubs().is_empty() { Err("a group is never written without a list of hubs") } else { Ok(()) }
    }
}
