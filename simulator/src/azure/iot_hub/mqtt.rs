//! A device that talks to its hub: telemetry, its twin, and what is newly wished of it.

use bytes::Bytes;
use mqtt_proto::v3::Publish;

use crate::azure::iot_hub::connections::{Connection, Push};
use crate::azure::iot_hub::registry::{self, twins};
use crate::azure::iot_hub::telemetry::{Telemetry, Transport};
use crate::engine::handle;
use crate::engine::http::{Answer, Call};
use crate::engine::mqtt::topic::{DESIRED, METHODS, TWIN_ANSWERS, ToHub, messages_to};
use crate::engine::mqtt::{Caller, Ended, Reply, Service};

/// The longest body of a message.
const LONGEST_MESSAGE: usize = 256 * 1_024;

pub(crate) struct AtHub<'a> {
    caller: Caller<'a>,
    host: String,
    connection: Connection,
    device: String,
}

impl Drop for AtHub<'_> {
    fn drop(&mut self) {
        self.caller.shared.azure().disconnect(&self.connection);
    }
}

impl<'a> AtHub<'a> {
    /// Connects the device, if it may.
    pub async fn admitted(
        caller: Caller<'a>,
        name: Option<&str>,
        host: String,
        device: String,
        version: &str,
    ) -> Result<Self, Option<Answer>> {
        let meant_elsewhere = name.is_some_and(|name| name.ends_with(".azure-devices.net") && name != host);
        let call = caller.call("CONNECT", &host, format!("/devices/{device}"), Bytes::new()).asking("api-version", version);
        let mut connection = None;
        let answer = handle::step(caller.shared, &call, |azure, now| {
            if meant_elsewhere {
                return registry::refused(404, "IotHubNotFound", "The user name is another hub's than the host name");
            }
            match registry::connect(azure, &call, &device, now) {
                Ok(connected) => {
                    connection = Some(connected);
                    Answer::new(200)
                }
                Err(refusal) => refusal,
            }
        });
        let answer = answer.await;
        match (connection, answer) {
            (Some(connection), Some(answer)) if answer.status == 200 => Ok(Self { caller, host, connection, device }),
            (Some(connection), answer) => {
                caller.shared.azure().disconnect(&connection);
                Err(answer)
            }
            (None, answer) => Err(answer),
        }
    }

    fn call(&self, message: &Publish) -> Call {
        self.caller.call("PUBLISH", &self.host, format!("/{}", message.topic_name), message.payload.clone())
    }

    async fn telemetry(&self, message: &Publish, properties: Vec<(String, String)>) -> Result<Option<Reply>, Ended> {
        if message.payload.len() > LONGEST_MESSAGE {
            return Err(Ended::Unknown("a message that is too long".to_owned()));
        }
        let call = self.call(message);
        let (hub, device) = (self.connection.hub.clone(), self.device.clone());
        let taken = handle::step(self.caller.shared, &call, |azure, when| {
            let (transport, bytes) = (Transport::Mqtt, message.payload.len());
            registry::take_message(azure, Telemetry { hub, device, when, transport, properties, bytes })
        });
        match taken.await {
            Some(answer) if answer.status < 300 => Ok(None),
            // There is no way to refuse a message but to end the connection.
            _ => Err(Ended::Cut),
        }
    }

    /// Asks about the twin; a version that the answer tells goes into its topic.
    async fn twin(&self, message: &Publish, request: &str, report: bool) -> Result<Option<Reply>, Ended> {
        let call = self.call(message);
        let (hub, device) = (&self.connection.hub, &self.device);
        let answer = handle::step(self.caller.shared, &call, |azure, now| {
            let outcome = if report { twins::report(azure, hub, device, call.json.as_ref(), now) } else { twins::own(azure, hub, device) };
            outcome.unwrap_or_else(|refusal| refusal)
        });
        let answer = answer.await.ok_or(Ended::Cut)?;
        let mut topic = format!("$iothub/twin/res/{}/?$rid={request}", answer.status);
        if let Some(version) = answer.header(twins::VERSION) {
            topic.push_str("&$version=");
            topic.push_str(version);
        }
        let payload = answer.body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        Ok(Some(Reply { filter: TWIN_ANSWERS, topic, payload }))
    }
}

impl Service for AtHub<'_> {
    fn offers(&self, filter: &str) -> bool {
        [TWIN_ANSWERS, DESIRED, METHODS].contains(&filter) || filter == messages_to(&self.device)
    }

    async fn take(&mut self, message: &Publish) -> Result<Option<Reply>, Ended> {
        match ToHub::read(&message.topic_name, &self.device) {
            Some(ToHub::Telemetry(properties)) => self.telemetry(message, properties).await,
            Some(ToHub::ReadTwin { request }) => self.twin(message, &request, false).await,
            Some(ToHub::Report { request }) => self.twin(message, &request, true).await,
            None => Err(Ended::Unknown(message.topic_name.to_string())),
        }
    }

    async fn say(&mut self) -> Result<Reply, Ended> {
        let push = loop {
            let waits = self.connection.expires_in(self.caller.shared.clock.now());
            tokio::select! {
                push = self.connection.inbox.recv() => break push.ok_or(Ended::Cut)?,
                () = wait(waits) => {
                    let now = self.caller.shared.clock.now();
                    self.caller.shared.azure().settle(now);
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
