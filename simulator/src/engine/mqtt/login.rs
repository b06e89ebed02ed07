//! What a CONNECT packet asks for, by its user name and client id
//! (Microsoft Learn: "Communicate with your IoT hub using MQTT", "Communicate with DPS using MQTT").

use mqtt_proto::v3::ConnectReturnCode;

use crate::engine::http::pairs_of;

/// Where a device wants in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Login {
    /// A provisioning service.
    Provisioning { scope: String, registration: String, version: String },
    /// A hub.
    Hub { host: String, device: String, version: String },
}

/// Why a CONNECT is refused before anybody looks at its credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misnamed {
    #[error("the user name is neither a hub's nor a provisioning service's")]
    UserName,
    #[error("the client id is another than the user name's")]
    ClientId,
    #[error("modules are not simulated")]
    Module,
    #[error("the user name has no api-version")]
    Version,
}

impl Misnamed {
    /// The code that the client is told.
    pub fn code(self) -> ConnectReturnCode {
        match self {
            Self::ClientId => ConnectReturnCode::IdentifierRejected,
            Self::UserName | Self::Version | Self::Module => ConnectReturnCode::BadUserNameOrPassword,
        }
    }
}

impl Login {
    /// Reads a user name; the client id has to be the same device's.
    pub fn read(user_name: &str, client_id: &str) -> Result<Self, Misnamed> {
        let parts: Vec<&str> = user_name.split('/').collect();
        match parts.as_slice() {
            [scope, "registrations", registration, rest] => {
                let version = version(rest)?;
                if !registration.eq_ignore_ascii_case(client_id) {
                    return Err(Misnamed::ClientId);
                }
                Ok(Self::Provisioning { scope: (*scope).to_owned(), registration: (*registration).to_owned(), version })
            }
            [host, device, rest] => {
                let version = version(rest)?;
                if *device != client_id {
                    return Err(Misnamed::ClientId);
                }
                Ok(Self::Hub { host: host.to_ascii_lowercase(), device: (*device).to_owned(), version })
            }
            [_, _, _, _] => Err(Misnamed::Module),
            _ => Err(Misnamed::UserName),
        }
    }
}

/// The version in what stands behind the last slash, with or without a question mark.
fn version(rest: &str) -> Result<String, Misnamed> {
    let pairs = pairs_of(rest.strip_prefix('?').unwrap_or(rest));
    let version = pairs.into_iter().find(|(name, _)| name == "api-version").map(|(_, version)| version);
    version.filter(|version| !version.is_empty()).ok_or(Misnamed::Version)
}

#[cfg(test)]
mod tests {
    use super::{Login, Misnamed};

    #[test]
    fn the_user_name_says_which_service_is_meant() {
        let device = Login::read("hub.azure-devices.net/d1/?api-version=2020-09-30&DeviceClientType=py%2F2", "d1");
        let host = "hub.azure-devices.net".to_owned();
        assert_eq!(device, Ok(Login::Hub { host, device: "d1".to_owned(), version: "2020-09-30".to_owned() }));
        let new = Login::read("0ne1/registrations/Dev-1/api-version=2019-03-31&ClientVersion=x", "dev-1");
        let (scope, registration) = ("0ne1".to_owned(), "Dev-1".to_owned());
        assert_eq!(new, Ok(Login::Provisioning { scope, registration, version: "2019-03-31".to_owned() }));
    }

    #[test]
    fn a_name_that_does_not_fit_is_refused_for_what_is_wrong_with_it() {
        let read = |user_name, client_id| Login::read(user_name, client_id).err();
        assert_eq!(read("somebody", "somebody"), Some(Misnamed::UserName));
        assert_eq!(read("hub/d1/?api-version=1", "d2"), Some(Misnamed::ClientId));
        assert_eq!(read("hub/d1/?api-version=1", "D1"), Some(Misnamed::ClientId));
        assert_eq!(read("hub/d1/m1/?api-version=1", "d1/m1"), Some(Misnamed::Module));
        assert_eq!(read("hub/d1/?DeviceClientType=x", "d1"), Some(Misnamed::Version));
        assert_eq!(read("0ne1/registrations/d1/ClientVersion=x", "d1"), Some(Misnamed::Version));
    }
}
