//! MQTT 3.1.1 with no retained messages, no wills, no kept sessions, nothing exactly once; what is said over it is each service's.

pub(crate) mod login;
pub(crate) mod topic;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mqtt_proto::v3::{Connack, Connect, ConnectReturnCode, Packet, Publish, Subscribe, Unsubscribe};
use mqtt_proto::{Pid, QoS, QosPid};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};

use crate::engine::cloud::{Boxed, Cloud};
use crate::engine::http::{Peer, Request, Response};
use crate::engine::mqtt::login::LoginError;
use crate::engine::mqtt::wire::{Broken, Wire};
use crate::engine::server::Server;

/// How long a client may take for its CONNECT.
const FIRST_PACKET: Duration = Duration::from_secs(10);

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    #[error("the client has taken its leave")]
    Left,
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error("the service ends it")]
    Cut,
    #[error("nothing came for longer than was agreed")]
    Silent,
    #[error("the client may not do that: {0}")]
    Unknown(String),
}

/// Serves one connection until its end; `name` is the host name that the client asked for.
pub(crate) async fn serve<S, C>(stream: S, peer: Peer, name: Option<String>, server: Arc<Server<C>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    C: Broker,
{
    let address = peer.address;
    let mut wire = Wire::new(stream);
    let ended = serve_client(&mut wire, peer, name, server).await;
    tracing::debug!(%address, reason = %ended, "An MQTT connection ended");
    wire.close().await;
}

async fn serve_client<S, C>(wire: &mut Wire<S>, peer: Peer, name: Option<String>, server: Arc<Server<C>>) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin,
    C: Broker,
{
    let connect = match tokio::time::timeout(FIRST_PACKET, wire.read()).await {
        Ok(Ok(Packet::Connect(connect))) => connect,
        Ok(Ok(_)) => return Ended::Unknown("the first packet is no CONNECT".to_owned()),
        Ok(Err(Broken::Garbled(error))) if speaks_another_version(&error) => {
            return refuse(wire, ConnectReturnCode::UnacceptableProtocolVersion).await;
        }
        Ok(Err(broken)) => return broken.into(),
        Err(_) => return Ended::Silent,
    };
    if connect.protocol != mqtt_proto::Protocol::V311 {
        return refuse(wire, ConnectReturnCode::UnacceptableProtocolVersion).await;
    }
    let login = Login {
        user_name: connect.username.as_deref().unwrap_or_default().to_owned(),
        client_id: connect.client_id.to_string(),
        server_name: name,
        caller: Caller { server, peer, signature: password(&connect) },
    };
    let admission = match C::log_in(&login) {
        Ok(admission) => admission,
        Err(error) => {
            tracing::debug!(reason = %error, "A CONNECT was refused");
            return refuse(wire, error.code()).await;
        }
    };
    let outcome = match admission.await {
        Ok(session) => serve_session(wire, &connect, session).await,
        Err(response) => return refuse_login(wire, response).await,
    };
    match outcome {
        Ok(never) => match never {},
        Err(ended) => ended,
    }
}

fn speaks_another_version(error: &mqtt_proto::Error) -> bool {
    matches!(error, mqtt_proto::Error::UnexpectedProtocol(_) | mqtt_proto::Error::InvalidProtocol(_, _))
}

fn password(connect: &Connect) -> Option<String> {
    let password = connect.password.as_ref()?;
    std::str::from_utf8(password).ok().filter(|text| !text.is_empty()).map(str::to_owned)
}

async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, code: ConnectReturnCode) -> Ended {
    match wire.write(Connack::new(false, code).into()).await {
        Ok(()) => Ended::Cut,
        Err(broken) => broken.into(),
    }
}

/// Refuses a device as its service says; without an answer the connection is lost.
async fn refuse_login<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, response: Option<Response>) -> Ended {
    let Some(response) = response else {
        return Ended::Cut;
    };
    let busy = response.status == 429 || response.status >= 500;
    refuse(wire, if busy { ConnectReturnCode::ServerUnavailable } else { ConnectReturnCode::NotAuthorized }).await
}

/// What a CONNECT packet says, and over which connection it came.
pub(crate) struct Login<C> {
    pub user_name: String,
    pub client_id: String,
    /// The host name that the client asked for in TLS.
    pub server_name: Option<String>,
    pub caller: Caller<C>,
}

/// Who is at the other end, and what it showed of itself.
pub(crate) struct Caller<C> {
    pub server: Arc<Server<C>>,
    pub peer: Peer,
    pub signature: Option<String>,
}

impl<C> Clone for Caller<C> {
    fn clone(&self) -> Self {
        Self { server: Arc::clone(&self.server), peer: self.peer.clone(), signature: self.signature.clone() }
    }
}

impl<C> Caller<C> {
    /// One message of the device, for the log and the fault plan.
    pub fn call(&self, method: &str, host: &str, path: String, payload: Bytes) -> Request {
        let method = http::Method::from_bytes(method.as_bytes()).expect("the names of packets are tokens");
        Request::of_message(method, host, path, payload, self.peer.clone()).signed(self.signature.as_deref())
    }
}

/// A cloud with services that speak MQTT.
pub(crate) trait Broker: Cloud {
    /// Has the service that is meant look at who wants in.
    fn log_in(login: &Login<Self>) -> Result<Admission, LoginError>;
}

/// Whether a device is let in: a refusal, or none where the connection is to be lost.
pub(crate) type Admission = Boxed<'static, Result<Box<dyn Session>, Option<Response>>>;

/// The service's side of a connection that was let in.
pub(crate) trait Session: Send {
    /// Whether a device may listen with that filter.
    fn offers(&self, filter: &str) -> bool;
    /// Takes a message.
    fn take<'a>(&'a mut self, message: &'a Publish) -> Boxed<'a, Result<Option<Reply>, Ended>>;
    /// Waits for what the service says on its own.
    fn say(&mut self) -> Boxed<'_, Result<Reply, Ended>>;
}

/// What is said of a message in answer: on a topic, to who listens with a filter.
pub(crate) struct Reply {
    pub filter: &'static str,
    pub topic: String,
    pub payload: Bytes,
}

/// No connection goes on for ever.
enum Never {}

async fn serve_session<S>(wire: &mut Wire<S>, connect: &Connect, session: Box<dyn Session>) -> Result<Never, Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    wire.write(Connack::new(false, ConnectReturnCode::Accepted).into()).await?;
    let patience = Duration::from_secs(u64::from(connect.keep_alive)) * 3 / 2;
    let mut connection = Connection { wire, session, granted: BTreeMap::new(), pid: Pid::default() };
    loop {
        let silence = (connect.keep_alive > 0).then(|| Instant::now() + patience);
        connection.step(silence).await?;
    }
}

struct Connection<'a, S> {
    wire: &'a mut Wire<S>,
    session: Box<dyn Session>,
    /// The filters that the device listens with.
    granted: BTreeMap<String, QoS>,
    pid: Pid,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    /// Waits for the next thing to happen and does it.
    async fn step(&mut self, silence: Option<Instant>) -> Result<(), Ended> {
        let silent = async {
            match silence {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            packet = self.wire.read() => self.answer(packet?).await,
            reply = self.session.say() => self.say(reply?).await,
            () = silent => Err(Ended::Silent),
        }
    }

    async fn answer(&mut self, packet: Packet) -> Result<(), Ended> {
        match packet {
            Packet::Publish(message) => self.take(&message).await,
            Packet::Subscribe(subscribe) => self.subscribe(&subscribe).await,
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(&unsubscribe).await,
            Packet::Pingreq => Ok(self.wire.write(Packet::Pingresp).await?),
            // What is sent with QoS 1 is not sent again: the connection would have to break for it to be lost.
            Packet::Puback(_) => Ok(()),
            Packet::Disconnect => Err(Ended::Left),
            Packet::Connect(_)
            | Packet::Connack(_)
            | Packet::Pubrec(_)
            | Packet::Pubrel(_)
            | Packet::Pubcomp(_)
            | Packet::Suback(_)
            | Packet::Unsuback(_)
            | Packet::Pingresp => Err(Ended::Unknown("a packet out of place".to_owned())),
        }
    }

    async fn take(&mut self, message: &Publish) -> Result<(), Ended> {
        if message.qos_pid.qos() == QoS::Level2 {
            return Err(Ended::Unknown("a message with QoS 2".to_owned()));
        }
        let reply = self.session.take(message).await?;
        if let Some(pid) = message.qos_pid.pid() {
            self.wire.write(Packet::Puback(pid)).await?;
        }
        match reply {
            Some(reply) => self.say(reply).await,
            None => Ok(()),
        }
    }

    async fn say(&mut self, reply: Reply) -> Result<(), Ended> {
        let qos_pid = match self.granted.get(reply.filter) {
            None => return Ok(()),
            Some(QoS::Level0) => QosPid::Level0,
            Some(QoS::Level1 | QoS::Level2) => {
                self.pid += 1;
                QosPid::Level1(self.pid)
            }
        };
        Ok(self.wire.publish(&reply.topic, qos_pid, reply.payload).await?)
    }

    async fn subscribe(&mut self, subscribe: &Subscribe) -> Result<(), Ended> {
        let mut granted = Vec::new();
        for (filter, qos) in &subscribe.topics {
            let qos = self.session.offers(filter).then_some((*qos).min(QoS::Level1));
            if let Some(qos) = qos {
                self.granted.insert(filter.to_string(), qos);
            }
            granted.push(qos);
        }
        Ok(self.wire.grant(subscribe.pid, &granted).await?)
    }

    async fn unsubscribe(&mut self, unsubscribe: &Unsubscribe) -> Result<(), Ended> {
        for filter in &unsubscribe.topics {
            self.granted.remove(&**filter);
        }
        Ok(self.wire.write(Packet::Unsuback(unsubscribe.pid)).await?)
    }
}
