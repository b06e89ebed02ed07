//! Whether a name that has to be the only one in the world can be had.

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::http::scrub::scrub;

/// Whether a global name can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Availability {
    /// Nobody has it.
    Available,
    /// Somebody has it, perhaps in another subscription or tenant.
    Taken,
    /// It is no valid name, with the service's sentence.
    Invalid(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NameAnswer {
    name_available: bool,
    reason: Option<String>,
    message: Option<String>,
}

/// The body of the question.
pub(super) fn name_to_check(name: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(serde_json::json!({ "name": name }).to_string().into_bytes())
}

impl From<NameAnswer> for Availability {
    fn from(answer: NameAnswer) -> Self {
        match answer.reason.as_deref() {
            _ if answer.name_available => Self::Available,
            Some("Invalid") => Self::Invalid(scrub(&answer.message.unwrap_or_default())),
            _ => Self::Taken,
        }
    }
}
