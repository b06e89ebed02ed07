//! Registration ids, device ids and id scopes, parsed once.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Why a text is not the identifier that it should be.
#[expect(missing_docs, reason = "each message says it")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IdError {
    #[error("{what} has {least} to {most} characters")]
    Length { what: &'static str, least: usize, most: usize },
    #[error("{what} is made of {allowed}")]
    Character { what: &'static str, allowed: &'static str },
    #[error("{what} ends with {allowed}")]
    LastCharacter { what: &'static str, allowed: &'static str },
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The identifier's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

identifier! {
    /// The name under which a device registers at a provisioning service.
    RegistrationId
}
identifier! {
    /// The name of a device in an IoT hub's identity registry; case-sensitive.
    DeviceId
}
identifier! {
    /// The name of a module of a device in an IoT hub's identity registry; case-sensitive.
    ModuleId
}
identifier! {
    /// The name by which devices reach one provisioning service, such as `0ne00123ABC`.
    IdScope
}

impl RegistrationId {
    /// Reads a registration id: 1 to 128 lower-case alphanumerics and `- . _ :`, the last one alphanumeric or `-`
    /// (Microsoft: "Terminology used with Device Provisioning Service", registration ID).
    ///
    /// # Errors
    /// When the text breaks one of these rules.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let what = "a registration id";
        length(what, text, 1, 128)?;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !text.bytes().all(|byte| plain(byte) || b"._:".contains(&byte)) {
            let allowed = "lower-case letters, digits and the characters - . _ :";
            return Err(IdError::Character { what, allowed });
        }
        if !text.bytes().next_back().is_some_and(plain) {
            let allowed = "a lower-case letter, a digit or -";
            return Err(IdError::LastCharacter { what, allowed });
        }
        Ok(Self(text.to_owned()))
    }
}

impl DeviceId {
    /// Reads a device id: 1 to 128 ASCII alphanumerics and `- . % _ * ? ! ( ) , : = @ $ '`
    /// (Microsoft: "Understand the identity registry in your IoT hub", device identity properties).
    ///
    /// # Errors
    /// When the text breaks one of these rules.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        registry_name("a device id", text).map(Self)
    }
}

impl From<&RegistrationId> for DeviceId {
    /// The device id that a provisioning service gives to a device of an enrollment group.
    fn from(registration: &RegistrationId) -> Self {
        Self(registration.0.clone())
    }
}

impl ModuleId {
    /// Reads a module id; the rules are those of [`DeviceId::parse`].
    ///
    /// # Errors
    /// When the text breaks one of these rules.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        registry_name("a module id", text).map(Self)
    }
}

impl IdScope {
    /// Reads an id scope: 1 to 32 ASCII alphanumerics.
    ///
    /// # Errors
    /// When the text breaks one of these rules.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let what = "an id scope";
        length(what, text, 1, 32)?;
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(IdError::Character { what, allowed: "letters and digits" });
        }
        Ok(Self(text.to_owned()))
    }
}

fn registry_name(what: &'static str, text: &str) -> Result<String, IdError> {
    length(what, text, 1, 128)?;
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.%_*?!(),:=@$'".contains(&byte)) {
        let allowed = "letters, digits and the characters - . % _ * ? ! ( ) , : = @ $ '";
        return Err(IdError::Character { what, allowed });
    }
    Ok(text.to_owned())
}

fn length(what: &'static str, text: &str, least: usize, most: usize) -> Result<(), IdError> {
    if (least..=most).contains(&text.len()) { Ok(()) } else { Err(IdError::Length { what, least, most }) }
}
