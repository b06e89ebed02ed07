//! A device that talks to a provisioning service: each of its messages is the request that it would be over HTTPS.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use mqtt_proto::v3::Publish;

use crate::azure::dps::device_api;
use crate::engine::handle;
use crate::engine::http::body::Writing;
use crate::engine::http::{Answer, Call};
use crate::engine::mqtt::topic::{PROVISIONING_ANSWERS, ToProvisioning};
use crate::engine::mqtt::{Caller, Ended, Reply, Service};

/// The host name of a client that was pointed at an address.
const GLOBAL: &str = "global.azure-devices-provisioning.net";

pub(crate) struct AtProvisioning<'a> {
    caller: Caller<'a>,
    host: String,
    scope: String,
    registration: String,
    version: String,
}

impl<'a> AtProvisioning<'a> {
    pub fn new(caller: Caller<'a>, name: Option<&str>, scope: String, registration: String, version: String) -> Self {
        let host = name.filter(|name| name.ends_with(".azure-devices-provisioning.net")).unwrap_or(GLOBAL).to_owned();
        Self { caller, host, scope, registration, version }
    }

    /// Whether the device may connect.
    pub async fn admitted(&self) -> Result<(), Option<Answer>> {
        let call = self.call("CONNECT", "", Bytes::new());
        let own_host = (self.host != GLOBAL).then_some(self.host.as_str());
        let answer = handle::step(self.caller.shared, &call, |azure, now| device_api::admit(azure, &call, now, own_host)).await;
        match answer {
            Some(answer) if answer.status == 200 => Ok(()),
            refused => Err(refused),
        }
    }

    fn call(&self, method: &str, below: &str, payload: Bytes) -> Call {
        let path = format!("/{}/registrations/{}{below}", self.scope, self.registration);
        self.caller.call(method, &self.host, path, payload).asking("api-version", &self.version)
    }
}

impl Service for AtProvisioning<'_> {
    fn offers(&self, filter: &str) -> bool {
        filter == PROVISIONING_ANSWERS
    }

    async fn take(&mut self, message: &Publish) -> Result<Option<Reply>, Ended> {
        let (request, call) = match ToProvisioning::read(&message.topic_name) {
            Some(ToProvisioning::Register { request }) => {
                let mut call = self.call("PUT", "/register", message.payload.clone());
                call.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
                (request, call)
            }
            Some(ToProvisioning::Poll { request, operation }) => {
                (request, self.call("GET", &format!("/operations/{operation}"), Bytes::new()))
            }
            None => return Err(Ended::Unknown(message.topic_name.to_string())),
        };
        let (answer, writing) = handle::serve(self.caller.shared, &call).await.map_err(|_| Ended::Cut)?;
        if writing != Writing::Whole {
            return Err(Ended::Cut);
        }
        let mut topic = format!("$dps/registrations/res/{}/?$rid={request}", answer.status);
        if let Some(seconds) = answer.header("retry-after") {
            topic.push_str("&retry-after=");
            topic.push_str(seconds);
        }
        let payload = answer.body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        Ok(Some(Reply { filter: PROVISIONING_ANSWERS, topic, payload }))
    }

    async fn say(&mut self) -> Result<Reply, Ended> {
        std::future::pending().await
    }
}
