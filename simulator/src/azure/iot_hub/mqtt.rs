//! A device that talks to its hub: telemetry, its twin, and what is newly wished of it
//! (Microsoft Learn: "Communicate with your IoT hub using MQTT").

pub(crate) mod topic;

use bytes::Bytes;
use mqtt_proto::v3::Publish;

use crate::azure::iot_hub::connections::{Connection, Push};
use crate::azure::iot_hub::hub::HOST_SUFFIX;
use crate::azure::iot_hub::mqtt::topic::{DESIRED, METHODS, TWIN_ANSWERS, ToHub, messages_to};
use crate::azure::iot_hub::registry::{self, errors, twins};
use crate::azure::iot_hub::telemetry::{Telemetry, Transport};
use crate::azure::state::Azure;
use crate::engine::cloud::Boxed;
use crate::engine::handle;
use crate::engine::http::{Request, Response};
use crate::engine::mqtt::login::{LoginError, version};
use crate::engine::mqtt::{Admission, Caller, Ended, Login, Reply, Session};

/// The longest body of a message.
const LONGEST_MESSAGE: usize = 256 * 1_024;

/// Who a device says it is, and where it wants in.
#[derive(Debug, PartialEq, Eq)]
struct Device {
    host: String,
    id: String,
    version: String,
}

impl Device {
    /// Reads a user name; the client id has to be the same device's. `None` when it is not one of a hub's devices.
    fn read(user_name: &str, client_id: &str) -> Option<Result<Self, LoginError>> {
        match user_name.split('/').collect::<Vec<_>>().as_slice() {
            [host, device, rest] => Some(version(rest).and_then(|version| {
                if *device != client_id {
                    return Err(LoginError::ClientId);
                }
                Ok(Self { host: host.to_ascii_lowercase(), id: (*device).to_owned(), version })
            })),
            // The second of four parts is the device, whose module it is; a registration at a provisioning service looks alike.
            [_, device, _, _] if *device != "registrations" => Some(Err(LoginError::NotSimulated("modules"))),
            _ => None,
        }
    }
}

/// Has a device log in to its hub.
pub(crate) fn log_in(login: &Login<Azure>) -> Option<Result<Admission, LoginError>> {
    let device = Device::read(&login.user_name, &login.client_id)?;
    let (caller, name) = (login.caller.clone(), login.server_name.clone());
    Some(device.map(|device| -> Admission {
        Box::pin(async move {
            let session = HubSession::admitted(caller, name.as_deref(), device).await?;
            Ok(Box::new(session) as Box<dyn Session>)
        })
    }))
}

struct HubSession {
    caller: Caller<Azure>,
    host: String,
    connection: Connection,
    device: String,
}

impl Drop for HubSession {
    fn drop(&mut self) {
        self.caller.server.cloud().disconnect(&self.connection);
    }
}

impl HubSession {
    /// Connects the device, if it may.
    async fn admitted(caller: Caller<Azure>, name: Option<&str>, device: Device) -> Result<Self, Option<Response>> {
        let Device { host, id: device, version } = device;
        let meant_elsewhere = name.is_some_and(|name| HOST_SUFFIX.fits(name) && name != host);
        let request = caller.call("CONNECT", &host, format!("/devices/{device}"), Bytes::new()).asking("api-version", &version);
        let mut connection = None;
        let response = handle::step(&caller.server, &request, |azure: &mut Azure, now| {
            if meant_elsewhere {
                return errors::refused(404, "IotHubNotFound", "The user name is another hub's than the host name");
            }
            match registry::connect(azure, &request, &device, now) {
                Ok(connected) => {
                    connection = Some(connected);
                    Response::new(200)
                }
                Err(refusal) => refusal,
            }
        });
        let response = response.await;
        match (connection, response) {
            (Some(connection), Some(response)) if response.status == 200 => Ok(Self { caller, host, connection, device }),
            (Some(connection), response) => {
                caller.server.cloud().disconnect(&connection);
                Err(response)
            }
            (None, response) => Err(response),
        }
    }

    fn call(&self, message: &Publish) -> Request {
        self.caller.call("PUBLISH", &self.host, format!("/{}", message.topic_name), message.payload.clone())
    }

    async fn telemetry(&self, message: &Publish, properties: Vec<(String, String)>) -> Result<Option<Reply>, Ended> {
        if message.payload.len() > LONGEST_MESSAGE {
            return Err(Ended::Unknown("a message that is too long".to_owned()));
        }
        let request = self.call(message);
        let (hub, device) = (self.connection.hub.clone(), self.device.clone());
        let taken = handle::step(&self.caller.server, &request, |azure: &mut Azure, when| {
            let (transport, bytes) = (Transport::Mqtt, message.payload.len());
            registry::take_message(azure, Telemetry { hub, device, when, transport, properties, bytes })
        });
        match taken.await {
            Some(response) if response.status < 300 => Ok(None),
            // There is no way to refuse a message but to end the connection.
            _ => Err(Ended::Cut),
        }
    }

    /// Asks about the twin; a version that the answer tells goes into its topic.
    async fn twin(&self, message: &Publish, request_id: &str, report: bool) -> Result<Option<Reply>, Ended> {
        let request = self.call(message);
        let (hub, device) = (&self.connection.hub, &self.device);
        let response = handle::step(&self.caller.server, &request, |azure: &mut Azure, now| {
            let outcome =
                if report { twins::report(azure, hub, device, request.json.as_ref(), now) } else { twins::own(azure, hub, device) };
            outcome.unwrap_or_else(|refusal| refusal)
        });
        let response = response.await.ok_or(Ended::Cut)?;
        let mut topic = format!("$iothub/twin/res/{}/?$rid={request_id}", response.status);
        if let Some(version) = response.header(twins::VERSION) {
            topic.push_str("&$version=");
            topic.push_str(version);
        }
        let payload = response.body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        Ok(Some(Reply { filter: TWIN_ANSWERS, topic, payload }))
    }
}

impl Session for HubSession {
    fn offers(&self, filter: &str) -> bool {
        [TWIN_ANSWERS, DESIRED, METHODS].contains(&filter) || filter == messages_to(&self.device)
    }

    fn take<'a>(&'a mut self, message: &'a Publish) -> Boxed<'a, Result<Option<Reply>, Ended>> {
        Box::pin(self.taken(message))
    }

    fn say(&mut self) -> Boxed<'_, Result<Reply, Ended>> {
        Box::pin(self.said())
    }
}

impl HubSession {
    async fn taken(&self, message: &Publish) -> Result<Option<Reply>, Ended> {
        match ToHub::read(&message.topic_name, &self.device) {
            Some(ToHub::Telemetry(properties)) => self.telemetry(message, properties).await,
            Some(ToHub::ReadTwin { request_id }) => self.twin(message, &request_id, false).await,
            Some(ToHub::Report { request_id }) => self.twin(message, &request_id, true).await,
            None => Err(Ended::Unknown(message.topic_name.to_string())),
        }
    }

    /// Waits for a push, or for the end of what opened the connection.
    async fn said(&mut self) -> Result<Reply, Ended> {
        let push = loop {
            let waits = self.connection.expires_in(self.caller.server.clock.now());
            tokio::select! {
                push = self.connection.inbox.recv() => break push.ok_or(Ended::Cut)?,
                () = wait(waits) => {
                    let now = self.caller.server.clock.now();
                    self.caller.server.cloud().settle(now);
                }
            }
        };
        let Push::Desired(document, version) = push;
        let topic = format!("$iothub/twin/PATCH/properties/desired/?$version={version}");
        Ok(Reply { filter: DESIRED, topic, payload: Bytes::from(document.to_string()) })
    }
}

/// Waits so long, or for ever.
async fn wait(time: Option<std::time::Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::{Device, LoginError};

    #[test]
    fn the_user_name_says_which_device_of_which_hub_it_is() {
        let device = Device::read("hub.azure-devices.net/d1/?api-version=2020-09-30&DeviceClientType=py%2F2", "d1");
        let host = "hub.azure-devices.net".to_owned();
        assert_eq!(device, Some(Ok(Device { host, id: "d1".to_owned(), version: "2020-09-30".to_owned() })));
        assert_eq!(Device::read("0ne1/registrations/Dev-1/api-version=2019-03-31&ClientVersion=x", "dev-1"), None);
        assert_eq!(Device::read("somebody", "somebody"), None);
    }

    #[test]
    fn a_name_that_does_not_fit_is_refused_for_what_is_wrong_with_it() {
        let read = |user_name, client_id| Device::read(user_name, client_id).and_then(Result::err);
        assert_eq!(read("hub/d1/?api-version=1", "d2"), Some(LoginError::ClientId));
        assert_eq!(read("hub/d1/?api-version=1", "D1"), Some(LoginError::ClientId));
        assert_eq!(read("hub/d1/m1/?api-version=1", "d1/m1"), Some(LoginError::NotSimulated("modules")));
        assert_eq!(read("hub/d1/?DeviceClientType=x", "d1"), Some(LoginError::Version));
    }
}
