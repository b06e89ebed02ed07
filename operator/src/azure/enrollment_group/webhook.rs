//! The webhook that chooses a device's hub. Its URL may hold a function key: it goes to the provisioning service and nowhere else.

use std::fmt;

use moorage_crds::{CustomAllocation, EnrollmentGroup};
use moorage_plan::Reason;
use zeroize::Zeroizing;

use crate::{
    azure::Context,
    error::ObserveError,
    object::{Keyed, NamespacedName},
};

/// A webhook, and the version of what it is sent.
#[derive(Clone, PartialEq)]
pub struct Webhook {
    url: Zeroizing<String>,
    /// Version of what it is sent.
    pub version: String,
}

impl Webhook {
    /// A webhook by its URL.
    pub fn new(url: &str, version: &str) -> Self {
        Self { url: Zeroizing::new(url.to_owned()), version: version.to_owned() }
    }

    /// Its URL, which may hold a function key.
    pub fn expose_url(&self) -> &str {
        &self.url
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook([redacted], {})", self.version)
    }
}

/// The Secret with the webhook's URL, if it is in one.
pub fn secret_of(group: &EnrollmentGroup) -> Option<NamespacedName> {
    let reference = group.spec.custom_allocation.as_ref()?.webhook_url_secret_ref.as_ref()?;
    Some(NamespacedName::new(&group.key().name.namespace, &reference.name))
}

/// The webhook of a group, if it has one.
///
/// # Errors
/// Halts if its Secret is not there, or holds no URL.
pub async fn webhook(ctx: &Context, group: &EnrollmentGroup) -> Result<Option<Webhook>, ObserveError> {
    let Some(custom) = &group.spec.custom_allocation else { return Ok(None) };
    let (Some(at), Some(reference)) = (secret_of(group), &custom.webhook_url_secret_ref) else { return plain(custom) };
    let entry = &reference.key;
    let data = ctx.secrets.source(&at).await?.ok_or_else(|| {
        let note = format!("Secret {at} does not exist; create it with the webhook's URL under key {entry}");
        ObserveError::stalled(Reason::DependencyMissing, note)
    })?;
    let url = data.expose(entry).map(str::trim).filter(|url| is_url(url)).ok_or_else(|| {
        let note = format!("Secret {at} has no URL that begins with https:// under key {entry}; put the webhook's there");
        ObserveError::stalled(Reason::SecretMalformed, note)
    })?;
    Ok(Some(Webhook::new(url, &custom.api_version)))
}

fn plain(custom: &CustomAllocation) -> Result<Option<Webhook>, ObserveError> {
    let url = custom.webhook_url.as_deref().filter(|url| is_url(url));
    let note = "give spec.customAllocation either a webhookUrl that begins with https:// or a webhookUrlSecretRef";
    url.map(|url| Some(Webhook::new(url, &custom.api_version))).ok_or_else(|| ObserveError::stalled(Reason::Invalid, note))
}

fn is_url(text: &str) -> bool {
    let host = text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    host && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_one_of_https_with_a_host() {
        let table = [
            ("https://allocate.azurewebsites.net/api/hub?code=abc", true),
            ("http://allocate.azurewebsites.net", false),
            ("https://", false),
            ("https:///api", false),
            ("https://allocate.azurewebsites.net/a b", false),
        ];
        for (text, is) in table {
            assert_eq!(is_url(text), is, "{text}");
        }
    }

    #[test]
    fn a_webhook_is_printed_without_its_url() {
        assert_eq!(format!("{:?}", Webhook::new("https://a/?code=b", "2021-10-01")), "Webhook([redacted], 2021-10-01)");
    }
}
