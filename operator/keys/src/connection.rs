//! Connection strings, written and read.

use std::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

use crate::{DeviceId, HostName, HostNameError, IdError, KeyError, ModuleId, SymmetricKey, Token};

/// Far above any real connection string, so that a hostile text costs nothing.
const LONGEST: usize = 4 * 1024;
const MASK: &str = "****";

/// An IoT hub's connection string: a host, who connects, and a key that the cloud may have masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionString {
    host: HostName,
    subject: Subject,
    key: Option<SymmetricKey>,
}

/// Who connects with a connection string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A holder of the shared access policy of this name.
    Policy(String),
    /// The device itself.
    Device(DeviceId),
    /// A module of the device.
    Module(DeviceId, ModuleId),
}

/// Why a text is no connection string of an IoT hub; never holds any part of it.
#[expect(missing_docs, reason = "each message says it")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ConnectionStringError {
    #[error("the connection string is longer than 4 KiB")]
    TooLong,
    #[error("a part of the connection string is not of the form name=value")]
    Shape,
    #[error("the connection string has a part that an IoT hub's does not have")]
    UnknownPart,
    #[error("the connection string has {0} twice")]
    Twice(&'static str),
    #[error("the connection string has no {0}")]
    Missing(&'static str),
    #[error("the connection string names both a policy and a device, or a module without a device")]
    Subject,
    #[error("the connection string's host name cannot be read")]
    Host(#[source] HostNameError),
    #[error("the connection string's device or module cannot be read")]
    Id(#[source] IdError),
    #[error("the connection string's policy name is not 1 to 64 printable characters without a semicolon")]
    Policy,
    #[error("the connection string's key cannot be read")]
    Key(#[source] KeyError),
}

impl ConnectionString {
    /// The connection string of a holder of a hub's shared access policy.
    ///
    /// # Errors
    /// When the policy name could not be written into a connection string.
    pub fn service(host: HostName, policy: &str, key: SymmetricKey) -> Result<Self, ConnectionStringError> {
        Ok(Self { host, subject: Subject::Policy(policy_name(policy)?), key: Some(key) })
    }

    /// The connection string of a device.
    pub fn device(host: HostName, device: DeviceId, key: SymmetricKey) -> Self {
        Self { host, subject: Subject::Device(device), key: Some(key) }
    }

    /// The connection string of a module of a device.
    pub fn module(host: HostName, device: DeviceId, module: ModuleId, key: SymmetricKey) -> Self {
        Self { host, subject: Subject::Module(device, module), key: Some(key) }
    }

    /// Reads a connection string; the order of the parts is free, their names' case is not.
    ///
    /// # Errors
    /// When a part is missing, unknown, doubled or malformed.
    pub fn parse(text: &str) -> Result<Self, ConnectionStringError> {
        if text.len() > LONGEST {
            return Err(ConnectionStringError::TooLong);
        }
        let parts = Parts::read(text.trim_ascii())?;
        let host = parts.host.ok_or(ConnectionStringError::Missing("HostName"))?;
        let key = parts.key.ok_or(ConnectionStringError::Missing("SharedAccessKey"))?;
        Ok(Self {
            host: HostName::parse(host).map_err(ConnectionStringError::Host)?,
            subject: subject(parts.policy, parts.device, parts.module)?,
            key: match SymmetricKey::from_base64(key) {
                Ok(key) => Some(key),
                Err(KeyError::Masked) => None,
                Err(error) => return Err(ConnectionStringError::Key(error)),
            },
        })
    }

    /// The hub's host name.
    pub fn host(&self) -> &HostName {
        &self.host
    }

    /// Who connects.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The key, unless the cloud masked it.
    pub fn key(&self) -> Option<&SymmetricKey> {
        self.key.as_ref()
    }

    /// Says whether the cloud put asterisks in the key's place.
    pub fn is_masked(&self) -> bool {
        self.key.is_none()
    }

    /// The connection string's text with its key, or with asterisks if it was read so.
    pub fn expose(&self) -> Token {
        let subject = match &self.subject {
            Subject::Policy(name) => format!("SharedAccessKeyName={name}"),
            Subject::Device(device) => format!("DeviceId={device}"),
            Subject::Module(device, module) => format!("DeviceId={device};ModuleId={module}"),
        };
        let key = self.key.as_ref().map_or_else(|| Zeroizing::new(MASK.to_owned()), SymmetricKey::expose_base64);
        Token::new(format!("HostName={};{subject};SharedAccessKey={}", self.host, key.as_str()))
    }
}

impl fmt::Display for ConnectionString {
    /// Prints everything but the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Subject::Policy(name) => write!(f, "policy {name} of {}", self.host),
            Subject::Device(device) => write!(f, "device {device} of {}", self.host),
            Subject::Module(device, module) => write!(f, "module {module} of device {device} of {}", self.host),
        }
    }
}

#[derive(Default)]
struct Parts<'a> {
    host: Option<&'a str>,
    policy: Option<&'a str>,
    device: Option<&'a str>,
    module: Option<&'a str>,
    key: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn read(text: &'a str) -> Result<Self, ConnectionStringError> {
        let mut parts = Self::default();
        for part in text.split(';').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or(ConnectionStringError::Shape)?;
            let (name, place) = match name {
                "HostName" => ("HostName", &mut parts.host),
                "SharedAccessKeyName" => ("SharedAccessKeyName", &mut parts.policy),
                "DeviceId" => ("DeviceId", &mut parts.device),
                "ModuleId" => ("ModuleId", &mut parts.module),
                "SharedAccessKey" => ("SharedAccessKey", &mut parts.key),
                _ => return Err(ConnectionStringError::UnknownPart),
            };
            if place.replace(value).is_some() {
                return Err(ConnectionStringError::Twice(name));
            }
        }
        Ok(parts)
    }
}

fn subject(policy: Option<&str>, device: Option<&str>, module: Option<&str>) -> Result<Subject, ConnectionStringError> {
    match (policy, device, module) {
        (Some(policy), None, None) => Ok(Subject::Policy(policy_name(policy)?)),
        (None, Some(device), None) => Ok(Subject::Device(device_id(device)?)),
        (None, Some(device), Some(module)) => {
            let module = ModuleId::parse(module).map_err(ConnectionStringError::Id)?;
            Ok(Subject::Module(device_id(device)?, module))
        }
        (None, None, None) => Err(ConnectionStringError::Missing("SharedAccessKeyName or DeviceId")),
        _ => Err(ConnectionStringError::Subject),
    }
}

fn device_id(text: &str) -> Result<DeviceId, ConnectionStringError> {
    DeviceId::parse(text).map_err(ConnectionStringError::Id)
}

fn policy_name(text: &str) -> Result<String, ConnectionStringError> {
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';');
    if printable && (1..=64).contains(&text.len()) { Ok(text.to_owned()) } else { Err(ConnectionStringError::Policy) }
}
