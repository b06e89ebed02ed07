//! An MQTT client that shares nothing with the simulator but the form of the packets.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use moorage_simulator::Simulator;
use mqtt_proto::v3::{Connect, ConnectReturnCode, Header, Packet, Publish, Subscribe, SubscribeReturnCode};
use mqtt_proto::{Pid, QoS, QosPid, TopicFilter, TopicName};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::bench::sas;

/// Far more than anything takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// A certificate with its key and what is above it.
#[derive(Clone)]
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: Vec<u8>,
}

/// An open connection.
pub struct Talker {
    stream: TlsStream<TcpStream>,
    read: BytesMut,
    pid: Pid,
}

/// What a CONNECT says.
pub struct Hello<'a> {
    /// The host name that TLS asks for.
    pub name: &'a str,
    pub client_id: &'a str,
    pub user_name: &'a str,
    pub password: Option<&'a str>,
    pub identity: Option<&'a Identity>,
}

impl Talker {
    /// Connects; the code is the service's.
    pub async fn try_hello(simulator: &Simulator, hello: &Hello<'_>) -> (Self, ConnectReturnCode) {
        let mut talker = Self::dial(simulator, hello.name, hello.identity).await;
        let mut connect = Connect::new(hello.client_id.into(), 60);
        connect.username = Some(hello.user_name.into());
        connect.password = hello.password.map(|password| password.to_owned().into());
        talker.write(connect.into()).await;
        match talker.read().await {
            Some(Packet::Connack(connack)) => (talker, connack.code),
            other => panic!("{other:?} in answer to a CONNECT"),
        }
    }

    pub async fn dial(simulator: &Simulator, name: &str, identity: Option<&Identity>) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(simulator.ca_pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let tls = tls.with_root_certificates(roots);
        let tls = match identity {
            Some(identity) => {
                let key = PrivateKeyDer::try_from(identity.key.clone()).unwrap();
                tls.with_client_auth_cert(identity.chain.clone(), key).unwrap()
            }
            None => tls.with_no_client_auth(),
        };
        let stream = TcpSocket::new_v4().unwrap().connect(simulator.address()).await.unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let stream = TlsConnector::from(Arc::new(tls)).connect(name, stream).await.unwrap();
        Self { stream, read: BytesMut::new(), pid: Pid::default() }
    }

    pub async fn write(&mut self, packet: Packet) {
        self.stream.write_all(packet.encode().unwrap().as_ref()).await.unwrap();
    }

    /// The next packet; `None` when the other side has ended the connection.
    pub async fn read(&mut self) -> Option<Packet> {
        tokio::time::timeout(PATIENCE, self.read_patiently()).await.expect("something comes, or the end")
    }

    async fn read_patiently(&mut self) -> Option<Packet> {
        loop {
            if let Ok(header) = Header::decode(&self.read) {
                let length = mqtt_proto::total_len(header.remaining_len as usize).unwrap();
                if self.read.len() >= length {
                    return Packet::decode(&self.read.split_to(length)).unwrap();
                }
            }
            if !matches!(self.stream.read_buf(&mut self.read).await, Ok(1..)) {
                return None;
            }
        }
    }

    /// Listens, and gives what was granted.
    pub async fn subscribe(&mut self, filter: &str, qos: QoS) -> SubscribeReturnCode {
        self.pid += 1;
        self.write(Subscribe::new(self.pid, vec![(TopicFilter::try_from(filter).unwrap(), qos)]).into()).await;
        match self.read().await {
            Some(Packet::Suback(suback)) => suback.topics[0],
            other => panic!("{other:?} in answer to a SUBSCRIBE"),
        }
    }

    /// Sends with `QoS` 0.
    pub async fn publish(&mut self, topic: &str, payload: &str) {
        let topic = TopicName::try_from(topic).unwrap();
        self.write(Publish::new(QosPid::Level0, topic, payload.to_owned().into()).into()).await;
    }

    /// Sends with `QoS` 1 and waits until it is taken; false when the connection ends instead.
    pub async fn publish_surely(&mut self, topic: &str, payload: &str) -> bool {
        self.pid += 1;
        let topic = TopicName::try_from(topic).unwrap();
        self.write(Publish::new(QosPid::Level1(self.pid), topic, payload.to_owned().into()).into()).await;
        match self.read().await {
            Some(Packet::Puback(pid)) => pid == self.pid,
            None => false,
            other => panic!("{other:?} in answer to a PUBLISH"),
        }
    }

    /// The next message: its topic, and its body as JSON.
    pub async fn message(&mut self) -> (String, Value) {
        match self.read().await {
            Some(Packet::Publish(message)) => {
                if let Some(pid) = message.qos_pid.pid() {
                    self.write(Packet::Puback(pid)).await;
                }
                (message.topic_name.to_string(), serde_json::from_slice(&message.payload).unwrap_or(Value::Null))
            }
            other => panic!("{other:?} in place of a message"),
        }
    }

    /// Sends and gives the answer.
    pub async fn ask(&mut self, topic: &str, payload: &str) -> (String, Value) {
        self.publish(topic, payload).await;
        self.message().await
    }
}

/// Connects a device to a hub with a signature of this key, good for so many seconds.
pub async fn to_hub(simulator: &Simulator, hub: &str, device: &str, key: &str, seconds: i64) -> (Talker, ConnectReturnCode) {
    let host = format!("{hub}.azure-devices.net");
    let password = sas(&format!("{host}/devices/{device}"), key, None, simulator.now().as_second() + seconds);
    let user_name = format!("{host}/{device}/?api-version=2020-09-30&DeviceClientType=tests");
    let hello = Hello { name: &host, client_id: device, user_name: &user_name, password: Some(&password), identity: None };
    Talker::try_hello(simulator, &hello).await
}
