//! A certificate authority that a provisioning service knows.

use jiff::Timestamp;

use crate::azure::dps::certificate::Certificate;

/// An authority's certificate, to which enrollment groups refer by its name.
#[derive(Clone)]
pub(crate) struct Authority {
    pub name: String,
    pub certificate: Certificate,
    /// Whether somebody has shown that they hold its key, or said so.
    pub verified: bool,
    /// The common name that a certificate must have to show it, once that was asked for.
    pub code: Option<String>,
    pub etag: String,
    pub created: Timestamp,
    pub updated: Timestamp,
}
