//! A device that talks to a provisioning service: each of its messages is the request that it would be over HTTPS
//! (Microsoft Learn: "Communicate with DPS using MQTT").

pub(crate) mod topic;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use mqtt_proto::v3::Publish;

use crate::azure::dps::device_api;
use crate::azure::dps::mqtt::topic::{PROVISIONING_ANSWERS, ToProvisioning};
use crate::azure::dps::service::{GLOBAL_HOST, HOST_SUFFIX};
use crate::azure::state::Azure;
use crate::engine::cloud::Boxed;
use crate::engine::handle;
use crate::engine::http::body::Delivery;
use crate::engine::http::{Request, Response};
use crate::engine::mqtt::login::{LoginError, version};
use crate::engine::mqtt::{Admission, Caller, Ended, Login, Reply, Session};

/// Who a device says it is, and at which service it wants to register.
#[derive(Debug, PartialEq, Eq)]
struct Device {
    scope: String,
    registration: String,
    version: String,
}

impl Device {
    /// Reads a user name; the client id has to be the same device's. `None` when it is no registration's.
    fn read(user_name: &str, client_id: &str) -> Option<Result<Self, LoginError>> {
        let parts: Vec<&str> = user_name.split('/').collect();
        let [scope, "registrations", registration, rest] = parts.as_slice() else {
            return None;
        };
        Some(version(rest).and_then(|version| {
            if !registration.eq_ignore_ascii_case(client_id) {
                return Err(LoginError::ClientId);
            }
            Ok(Self { scope: (*scope).to_owned(), registration: (*registration).to_owned(), version })
        }))
    }
}

/// Has a device log in to a provisioning service.
pub(crate) fn log_in(login: &Login<Azure>) -> Option<Result<Admission, LoginError>> {
    let device = Device::read(&login.user_name, &login.client_id)?;
    let (caller, name) = (login.caller.clone(), login.server_name.clone());
    Some(device.map(|device| -> Admission {
        Box::pin(async move {
            let session = RegistrationSession::new(caller, name.as_deref(), device);
            session.admitted().await?;
            Ok(Box::new(session) as Box<dyn Session>)
        })
    }))
}

struct RegistrationSession {
    caller: Caller<Azure>,
    host: String,
    device: Device,
}

impl RegistrationSession {
    /// A client that was pointed at an address means the global name.
    fn new(caller: Caller<Azure>, name: Option<&str>, device: Device) -> Self {
        let global = GLOBAL_HOST.of(caller.server.cloud().options.cloud);
        let host = name.filter(|name| HOST_SUFFIX.fits(name)).unwrap_or(global).to_owned();
        Self { caller, host, device }
    }

    /// Whether the device may connect.
    async fn admitted(&self) -> Result<(), Option<Response>> {
        let request = self.call("CONNECT", "", Bytes::new());
        let own_host = (!GLOBAL_HOST.fits(&self.host)).then_some(self.host.as_str());
        let response =
            handle::step(&self.caller.server, &request, |azure: &mut Azure, now| device_api::admit(azure, &request, now, own_host));
        match response.await {
            Some(response) if response.status == 200 => Ok(()),
            refused => Err(refused),
        }
    }

    fn call(&self, method: &str, below: &str, payload: Bytes) -> Request {
        let path = format!("/{}/registrations/{}{below}", self.device.scope, self.device.registration);
        self.caller.call(method, &self.host, path, payload).asking("api-version", &self.device.version)
    }
}

impl Session for RegistrationSession {
    fn offers(&self, filter: &str) -> bool {
        filter == PROVISIONING_ANSWERS
    }

    fn take<'a>(&'a mut self, message: &'a Publish) -> Boxed<'a, Result<Option<Reply>, Ended>> {
        Box::pin(self.taken(message))
    }

    fn say(&mut self) -> Boxed<'_, Result<Reply, Ended>> {
        Box::pin(std::future::pending())
    }
}

impl RegistrationSession {
    async fn taken(&self, message: &Publish) -> Result<Option<Reply>, Ended> {
        let (request_id, request) = match ToProvisioning::read(&message.topic_name) {
            Some(ToProvisioning::Register { request_id }) => {
                let mut request = self.call("PUT", "/register", message.payload.clone());
                request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
                (request_id, request)
            }
            Some(ToProvisioning::Poll { request_id, operation }) => {
                (request_id, self.call("GET", &format!("/operations/{operation}"), Bytes::new()))
            }
            None => return Err(Ended::Unknown(message.topic_name.to_string())),
        };
        let (response, delivery) = handle::serve(&self.caller.server, &request).await.map_err(|_| Ended::Cut)?;
        if delivery != Delivery::Whole {
            return Err(Ended::Cut);
        }
        let mut topic = format!("$dps/registrations/res/{}/?$rid={request_id}", response.status);
        if let Some(seconds) = response.header("retry-after") {
            topic.push_str("&retry-after=");
            topic.push_str(seconds);
        }
        let payload = response.body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        Ok(Some(Reply { filter: PROVISIONING_ANSWERS, topic, payload }))
    }
}

#[cfg(test)]
mod tests {
    use super::{Device, LoginError};

    #[test]
    fn the_user_name_says_which_registration_it_is() {
        let new = Device::read("0ne1/registrations/Dev-1/api-version=2019-03-31&ClientVersion=x", "dev-1");
        let (scope, registration) = ("0ne1".to_owned(), "Dev-1".to_owned());
        assert_eq!(new, Some(Ok(Device { scope, registration, version: "2019-03-31".to_owned() })));
        assert_eq!(Device::read("hub.azure-devices.net/d1/?api-version=2020-09-30", "d1"), None);
    }

    #[test]
    fn a_name_that_does_not_fit_is_refused_for_what_is_wrong_with_it() {
        let read = |user_name, client_id| Device::read(user_name, client_id).and_then(Result::err);
        assert_eq!(read("0ne1/registrations/d1/ClientVersion=x", "d1"), Some(LoginError::Version));
        assert_eq!(read("0ne1/registrations/d1/api-version=1", "d2"), Some(LoginError::ClientId));
    }
}
