//! As much of an MQTT 3.1.1 client as the services need. `rumqttc` does more, but its TLS brings a second crypto library along.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::BytesMut;
use mqtt_proto::v3::{Connect, ConnectReturnCode, Header, Packet, Publish, Subscribe, SubscribeReturnCode};
use mqtt_proto::{Pid, QoS, QosPid, TopicFilter, TopicName, total_len};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// After how many silent seconds the service may think that the device is gone; nothing here takes as long.
const KEEP_ALIVE: u16 = 240;

/// Who connects.
pub struct Login<'a> {
    pub client_id: &'a str,
    pub user_name: String,
    /// A signature; none with a certificate.
    pub password: Option<String>,
}

/// A message of the service.
pub struct Message {
    pub topic: String,
    payload: Vec<u8>,
}

impl Message {
    /// The status that stands behind the beginning of its topic.
    pub fn status(&self, beginning: &str) -> Option<u16> {
        self.topic.strip_prefix(beginning)?.split('/').next()?.parse().ok()
    }

    /// A parameter of its topic.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let (_, parameters) = self.topic.split_once('?')?;
        parameters.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    pub fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_slice(&self.payload).with_context(|| format!("the message at {} is no JSON", self.topic))
    }
}

/// An open connection.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    read: BytesMut,
    /// Messages that came while something else was waited for.
    messages: VecDeque<Message>,
    pid: Pid,
}

impl Connection {
    pub async fn open(stream: TlsStream<TcpStream>, login: Login<'_>) -> anyhow::Result<Self> {
        let mut connection = Self { stream, read: BytesMut::new(), messages: VecDeque::new(), pid: Pid::default() };
        let mut connect = Connect::new(login.client_id.into(), KEEP_ALIVE);
        connect.username = Some(login.user_name.into());
        connect.password = login.password.map(Into::into);
        connection.write(connect.into()).await?;
        match connection.read().await? {
            Packet::Connack(connack) if connack.code == ConnectReturnCode::Accepted => Ok(connection),
            Packet::Connack(connack) => bail!("the connection was refused: {:?}", connack.code),
            other => bail!("{:?} came in answer to a CONNECT", other.get_type()),
        }
    }

    pub async fn subscribe(&mut self, filter: &str) -> anyhow::Result<()> {
        self.pid += 1;
        self.write(Subscribe::new(self.pid, vec![(TopicFilter::try_from(filter)?, QoS::Level0)]).into()).await?;
        loop {
            if let Packet::Suback(suback) = self.next().await? {
                ensure!(!suback.topics.contains(&SubscribeReturnCode::Failure), "the service does not let the device listen to {filter}");
                return Ok(());
            }
        }
    }

    /// Sends, and waits until the service has it.
    pub async fn publish(&mut self, topic: &str, payload: &str) -> anyhow::Result<()> {
        self.pid += 1;
        self.send(QosPid::Level1(self.pid), topic, payload).await?;
        while self.next().await? != Packet::Puback(self.pid) {}
        Ok(())
    }

    /// Sends, and waits for the next message of the service.
    pub async fn ask(&mut self, topic: &str, payload: &str) -> anyhow::Result<Message> {
        self.send(QosPid::Level0, topic, payload).await?;
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Ok(message);
            }
            self.next().await?;
        }
    }

    pub async fn close(mut self) -> anyhow::Result<()> {
        self.write(Packet::Disconnect).await?;
        Ok(self.stream.shutdown().await?)
    }

    async fn send(&mut self, qos_pid: QosPid, topic: &str, payload: &str) -> anyhow::Result<()> {
        self.write(Publish::new(qos_pid, TopicName::try_from(topic)?, payload.to_owned().into()).into()).await
    }

    async fn write(&mut self, packet: Packet) -> anyhow::Result<()> {
        self.stream.write_all(packet.encode()?.as_ref()).await?;
        Ok(self.stream.flush().await?)
    }

    /// The next packet; messages are laid aside for who asks for them.
    async fn next(&mut self) -> anyhow::Result<Packet> {
        let packet = self.read().await?;
        if let Packet::Publish(message) = &packet {
            self.messages.push_back(Message { topic: message.topic_name.to_string(), payload: message.payload.to_vec() });
        }
        Ok(packet)
    }

    async fn read(&mut self) -> anyhow::Result<Packet> {
        let packet = tokio::time::timeout(PATIENCE, self.read_patiently()).await;
        packet.context("the service is silent")?
    }

    async fn read_patiently(&mut self) -> anyhow::Result<Packet> {
        loop {
            match Header::decode(&self.read) {
                Ok(header) => {
                    let length = total_len(header.remaining_len as usize)?;
                    if self.read.len() >= length {
                        return Packet::decode(&self.read.split_to(length))?.context("a packet is cut off");
                    }
                }
                Err(error) if error.is_eof() => {}
                Err(error) => return Err(error.into()),
            }
            ensure!(self.stream.read_buf(&mut self.read).await? > 0, "the service has ended the connection");
        }
    }
}
