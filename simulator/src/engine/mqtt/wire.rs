//! Packets in and out of a connection.

use bytes::{Buf as _, Bytes, BytesMut};
use mqtt_proto::v3::{Header, Packet, Publish, Suback, SubscribeReturnCode};
use mqtt_proto::{Pid, QoS, QosPid, TopicName, total_len};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The longest packet that is read: a message of 256 KiB, and room for its topic.
const LONGEST: usize = 256 * 1_024 + 8 * 1_024;

/// The code of a filter that is refused.
const REFUSED: u8 = 0x80;

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the other side has gone")]
    Gone,
    #[error("a packet of {0} bytes is too long")]
    TooLong(usize),
    #[error("what came is no MQTT")]
    Garbled(#[from] mqtt_proto::Error),
    #[error("the connection failed")]
    Failed(#[from] std::io::Error),
}

/// A connection that speaks in packets.
pub(crate) struct Wire<S> {
    stream: S,
    read: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, read: BytesMut::new() }
    }

    /// The next packet; nothing is lost when this is dropped half-way.
    pub async fn read(&mut self) -> Result<Packet, Broken> {
        loop {
            if let Some(packet) = self.buffered()? {
                return Ok(packet);
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(Broken::Gone);
            }
        }
    }

    fn buffered(&mut self) -> Result<Option<Packet>, Broken> {
        let header = match Header::decode(&self.read) {
            Ok(header) => header,
            Err(error) if error.is_eof() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let length = total_len(header.remaining_len as usize)?;
        if length > LONGEST {
            return Err(Broken::TooLong(length));
        }
        let Some(whole) = self.read.get(..length) else {
            return Ok(None);
        };
        // A packet that says less than it needs is no packet either.
        let packet = Packet::decode(whole)?.ok_or(mqtt_proto::Error::InvalidRemainingLength)?;
        self.read.advance(length);
        Ok(Some(packet))
    }

    pub async fn write(&mut self, packet: Packet) -> Result<(), Broken> {
        self.stream.write_all(packet.encode()?.as_ref()).await?;
        self.stream.flush().await?;
        Ok(())
    }

    /// Answers a SUBSCRIBE; `None` refuses a filter.
    pub async fn grant(&mut self, pid: Pid, granted: &[Option<QoS>]) -> Result<(), Broken> {
        let codes = granted.iter().map(|qos| SubscribeReturnCode::from(qos.unwrap_or(QoS::Level0))).collect();
        let packet = Packet::from(Suback::new(pid, codes)).encode()?;
        let mut bytes = BytesMut::from(packet.as_ref());
        // mqtt-proto 0.4 writes a refusal as 3. Until it writes 0x80, it is put in here.
        let first = bytes.len() - granted.len();
        for (code, _) in bytes[first..].iter_mut().zip(granted).filter(|(_, qos)| qos.is_none()) {
            *code = REFUSED;
        }
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await?;
        Ok(())
    }

    /// Sends a message.
    pub async fn publish(&mut self, topic: &str, qos_pid: QosPid, payload: Bytes) -> Result<(), Broken> {
        let topic = TopicName::try_from(topic)?;
        self.write(Packet::Publish(Publish::new(qos_pid, topic, payload))).await
    }

    /// Ends the connection.
    pub async fn close(mut self) {
        // Who has gone already does not hear it.
        let _ = self.stream.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use mqtt_proto::QosPid;
    use mqtt_proto::v3::Packet;
    use tokio::io::AsyncWriteExt as _;

    use super::{Broken, Wire};

    #[tokio::test]
    async fn packets_come_out_as_they_went_in_however_the_bytes_are_cut() {
        let (near, far) = tokio::io::duplex(3);
        let writing = tokio::spawn(async move {
            let mut wire = Wire::new(near);
            wire.publish("a/b", QosPid::Level0, Bytes::from_static(b"one")).await?;
            wire.write(Packet::Pingreq).await
        });
        let mut wire = Wire::new(far);
        let Ok(Packet::Publish(first)) = wire.read().await else {
            unreachable!("the first packet is a message");
        };
        assert_eq!((&*first.topic_name, &first.payload[..]), ("a/b", &b"one"[..]));
        assert!(matches!(wire.read().await, Ok(Packet::Pingreq)));
        assert!(matches!(wire.read().await, Err(Broken::Gone)));
        writing.await.expect("no panic").expect("all is written");
    }

    #[tokio::test]
    async fn a_packet_that_would_be_too_long_is_not_waited_for() {
        let (mut near, far) = tokio::io::duplex(64);
        near.write_all(&[0x30, 0xff, 0xff, 0xff, 0x7f]).await.expect("it is taken");
        assert!(matches!(Wire::new(far).read().await, Err(Broken::TooLong(268_435_460))));
    }

    #[tokio::test]
    async fn a_packet_that_ends_before_its_fields_do_is_none() {
        let (mut near, far) = tokio::io::duplex(64);
        near.write_all(&[0x40, 0x00]).await.expect("it is taken");
        assert!(matches!(Wire::new(far).read().await, Err(Broken::Garbled(_))));
    }
}
