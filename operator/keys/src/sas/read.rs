//! Reading shared access signatures.

use std::fmt;

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{PREFIX, signature};
use crate::SymmetricKey;

/// Far above any real token, so that a hostile text costs nothing.
const LONGEST: usize = 8 * 1024;

/// A shared access signature taken apart; its signature stays inside.
#[derive(Clone)]
pub struct Sas {
    resource: String,
    escaped_resource: String,
    policy: Option<String>,
    expiry_text: String,
    expiry: Timestamp,
    signature: Zeroizing<String>,
}

/// Why a text is no shared access signature; never holds any part of it.
#[expect(missing_docs, reason = "each message says it")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SasError {
    #[error("the token does not begin with SharedAccessSignature")]
    Prefix,
    #[error("the token is longer than 8 KiB")]
    TooLong,
    #[error("the token has no field {0}")]
    Missing(&'static str),
    #[error("the token has the field {0} twice")]
    Twice(&'static str),
    #[error("the token has a field that shared access signatures do not have")]
    UnknownField,
    #[error("the token's field {0} is not percent-encoded UTF-8")]
    Encoding(&'static str),
    #[error("the token's expiry is not a number of seconds since 1970")]
    Expiry,
}

/// When a token ends, if the text is a shared access signature.
pub fn expiry_of(text: &str) -> Option<Timestamp> {
    parse(text).ok().map(|sas| sas.expiry())
}

/// Takes a shared access signature apart, whoever wrote it.
///
/// # Errors
/// When the text is not of the form `SharedAccessSignature sr=…&sig=…&se=…[&skn=…]`, its fields in any order.
pub fn parse(text: &str) -> Result<Sas, SasError> {
    if text.len() > LONGEST {
        return Err(SasError::TooLong);
    }
    let fields = Fields::read(text.strip_prefix(PREFIX).ok_or(SasError::Prefix)?)?;
    let escaped_resource = fields.resource.ok_or(SasError::Missing("sr"))?;
    let signature = fields.signature.ok_or(SasError::Missing("sig"))?;
    let expiry = fields.expiry.ok_or(SasError::Missing("se"))?;
    Ok(Sas {
        resource: decode("sr", escaped_resource)?,
        escaped_resource: escaped_resource.to_owned(),
        policy: fields.policy.map(|policy| decode("skn", policy)).transpose()?,
        expiry_text: expiry.to_owned(),
        expiry: seconds(expiry).ok_or(SasError::Expiry)?,
        signature: Zeroizing::new(decode("sig", signature)?),
    })
}

impl Sas {
    /// What the token opens, such as `contoso.azure-devices.net/devices/d1`.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The name of the policy whose key signed the token; a device's own key has none.
    pub fn policy(&self) -> Option<&str> {
        self.policy.as_deref()
    }

    /// When the token ends.
    pub fn expiry(&self) -> Timestamp {
        self.expiry
    }

    /// Says whether this key made the signature, for the services that decode their keys from base64.
    pub fn is_signed_by(&self, key: &SymmetricKey) -> bool {
        let expected = signature(&self.escaped_resource, &self.expiry_text, key.expose_bytes());
        expected.as_bytes().ct_eq(self.signature.as_bytes()).into()
    }
}

impl fmt::Debug for Sas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sas")
            .field("resource", &self.resource)
            .field("policy", &self.policy)
            .field("expiry", &self.expiry)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Fields<'a> {
    resource: Option<&'a str>,
    signature: Option<&'a str>,
    expiry: Option<&'a str>,
    policy: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn read(text: &'a str) -> Result<Self, SasError> {
        let mut fields = Self::default();
        for field in text.split('&') {
            let (name, value) = field.split_once('=').ok_or(SasError::UnknownField)?;
            let (name, place) = match name {
                "sr" => ("sr", &mut fields.resource),
                "sig" => ("sig", &mut fields.signature),
                "se" => ("se", &mut fields.expiry),
                "skn" => ("skn", &mut fields.policy),
                _ => return Err(SasError::UnknownField),
            };
            if place.replace(value).is_some() {
                return Err(SasError::Twice(name));
            }
        }
        Ok(fields)
    }
}

fn seconds(text: &str) -> Option<Timestamp> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).and_then(|seconds| Timestamp::from_second(seconds).ok())
}

fn decode(name: &'static str, text: &str) -> Result<String, SasError> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| SasError::Encoding(name))?;
    Ok(decoded.into_owned())
}
