//! Host names.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A DNS host name in lower case, without port, scheme or trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(String);

/// Why a text is no host name.
#[expect(missing_docs, reason = "each message says it")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HostNameError {
    #[error("a host name has 1 to 253 characters")]
    Length,
    #[error("a host name is made of labels of 1 to 63 letters, digits and inner hyphens")]
    Label,
}

impl HostName {
    /// Reads a host name; the letters' case is not kept.
    ///
    /// # Errors
    /// When the text is not a DNS name of letters, digits and hyphens.
    pub fn parse(text: &str) -> Result<Self, HostNameError> {
        if !(1..=253).contains(&text.len()) {
            return Err(HostNameError::Length);
        }
        if !text.split('.').all(is_label) {
            return Err(HostNameError::Label);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The host name's text, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for HostName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
