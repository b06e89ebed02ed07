//! The one TLS door: every host name of the simulated cloud is answered here, over HTTP/1.1 and over MQTT.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncBufReadExt as _, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::azure::options::MqttDoor;
use crate::control;
use crate::engine::http::body::{self, Reply, Writing};
use crate::engine::http::{Answer, Call, Peer};
use crate::engine::{handle, mqtt};
use crate::simulator::Shared;

/// The longest request body that is read.
const LONGEST_BODY: usize = 1 << 20;
/// How long a client may take for the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long it may then say nothing.
const SILENCE: Duration = Duration::from_secs(30);
/// The first byte of an MQTT connection, and of no HTTP request.
const CONNECT: u8 = 0x10;

/// The connection ends here without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was cut by the fault plan")]
pub(crate) struct Cut;

/// Accepts connections until the task is aborted; their tasks end with it.
pub(crate) async fn serve(listener: TcpListener, tls: TlsAcceptor, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    connections.spawn(converse(stream, from, tls.clone(), Arc::clone(&shared)));
                }
                Err(error) => tracing::warn!(%error, "Could not accept a connection"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, from: SocketAddr, tls: TlsAcceptor, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await else {
        tracing::debug!(%from, "No TLS handshake");
        return;
    };
    let (peer, name) = told(&stream, from);
    let mut stream = BufStream::new(stream);
    let Ok(Ok(first)) = tokio::time::timeout(SILENCE, stream.fill_buf()).await else {
        return;
    };
    if first.first() == Some(&CONNECT) {
        mqtt::converse(stream, peer, name, shared).await;
        return;
    }
    let service = service_fn(move |request| answer(request, peer.clone(), Arc::clone(&shared)));
    let ended = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = ended {
        tracing::debug!(%from, %error, "The connection ended early");
    }
}

/// What the handshake told: who is there, and the host name that was asked for.
fn told(stream: &TlsStream<TcpStream>, from: SocketAddr) -> (Peer, Option<String>) {
    let (_, session) = stream.get_ref();
    let chain = session.peer_certificates().unwrap_or_default().iter().cloned().collect();
    (Peer { address: from.ip(), chain }, session.server_name().map(str::to_ascii_lowercase))
}

async fn answer(request: hyper::Request<Incoming>, peer: Peer, shared: Arc<Shared>) -> Result<hyper::Response<Reply>, Cut> {
    let (head, body) = request.into_parts();
    let Ok(bytes) = Limited::new(body, LONGEST_BODY).collect().await else {
        return Ok(body::write(&Answer::new(413), Writing::Whole));
    };
    let Some(call) = Call::read(&head, bytes.to_bytes(), peer) else {
        return Ok(body::write(&Answer::new(400), Writing::Whole));
    };
    if call.segments.first().is_some_and(|first| first == "sim") {
        let answer = control::answer(&shared, &call).await;
        return Ok(body::write(&answer, Writing::Whole));
    }
    let (answer, writing) = handle::serve(&shared, &call).await?;
    Ok(body::write(&answer, writing))
}

/// Binds the listener.
pub(crate) async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// The port of MQTT over TLS.
const MQTT_PORT: u16 = 8_883;

/// Binds the listener at the port of MQTT.
pub(crate) async fn listen_for_mqtt(door: MqttDoor) -> io::Result<Option<TcpListener>> {
    match door {
        MqttDoor::Closed => Ok(None),
        MqttDoor::At(address) => listen((address, MQTT_PORT).into()).await.map(Some),
        MqttDoor::Anywhere => {
            const ATTEMPTS: usize = 64;
            for _ in 0..ATTEMPTS {
                match listen((anywhere()?, MQTT_PORT).into()).await {
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                    other => return other.map(Some),
                }
            }
            Err(io::Error::from(io::ErrorKind::AddrInUse))
        }
    }
}

/// An address of 127.128.0.0/9, away from where devices are told to stand.
fn anywhere() -> io::Result<IpAddr> {
    let mut bytes = [0_u8; 3];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random bytes"))?;
    let [second, third, fourth] = bytes;
    Ok(Ipv4Addr::new(127, second | 0x80, third, fourth.clamp(1, 254)).into())
}
