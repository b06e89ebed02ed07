//! What is wrong with a CONNECT packet before anybody looks at its credentials.

use mqtt_proto::v3::ConnectReturnCode;

use crate::engine::http::pairs_of;

/// Why a CONNECT is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LoginError {
    #[error("no service knows such a user name")]
    UserName,
    #[error("the client id is another than the user name's")]
    ClientId,
    #[error("{0} are not simulated")]
    NotSimulated(&'static str),
    #[error("the user name has no api-version")]
    Version,
}

impl LoginError {
    /// The code that the client is told.
    pub fn code(self) -> ConnectReturnCode {
        match self {
            Self::ClientId => ConnectReturnCode::IdentifierRejected,
            Self::UserName | Self::Version | Self::NotSimulated(_) => ConnectReturnCode::BadUserNameOrPassword,
        }
    }
}

/// The version in what stands behind the last slash of a user name, with or without a question mark.
pub(crate) fn version(rest: &str) -> Result<String, LoginError> {
    let pairs = pairs_of(rest.strip_prefix('?').unwrap_or(rest));
    let version = pairs.into_iter().find(|(name, _)| name == "api-version").map(|(_, version)| version);
    version.filter(|version| !version.is_empty()).ok_or(LoginError::Version)
}
