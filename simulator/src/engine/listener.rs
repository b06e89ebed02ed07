//! The one TLS listener: every host name of the simulated cloud is answered here, over HTTP/1.1 and over MQTT.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
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

use crate::engine::handle::{self, Cut};
use crate::engine::http::body::{self, Delivery, Reply};
use crate::engine::http::{Peer, Request, Response};
use crate::engine::mqtt::{self, Broker};
use crate::engine::server::Server;

/// The longest request body that is read.
const LONGEST_BODY: usize = 1 << 20;
/// How long a client may take for the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long it may then say nothing.
const SILENCE: Duration = Duration::from_secs(30);
/// The first byte of an MQTT connection, and of no HTTP request.
const CONNECT: u8 = 0x10;

/// Accepts connections until the task is aborted; their tasks end with it.
pub(crate) async fn serve<C: Broker>(listener: TcpListener, tls: TlsAcceptor, server: Arc<Server<C>>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    connections.spawn(serve_connection(stream, from, tls.clone(), Arc::clone(&server)));
                }
                Err(error) => tracing::warn!(%error, "Could not accept a connection"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection<C: Broker>(stream: TcpStream, from: SocketAddr, tls: TlsAcceptor, server: Arc<Server<C>>) {
    let _ = stream.set_nodelay(true);
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await else {
        tracing::debug!(%from, "No TLS handshake");
        return;
    };
    let (peer, name) = peer_of(&stream, from);
    let mut stream = BufStream::new(stream);
    let Ok(Ok(first)) = tokio::time::timeout(SILENCE, stream.fill_buf()).await else {
        return;
    };
    if first.first() == Some(&CONNECT) {
        mqtt::serve(stream, peer, name, server).await;
        return;
    }
    let service = service_fn(move |request| answer(request, peer.clone(), Arc::clone(&server)));
    let ended = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = ended {
        tracing::debug!(%from, %error, "The connection ended early");
    }
}

/// What the handshake says: who is there, and the host name that was asked for.
fn peer_of(stream: &TlsStream<TcpStream>, from: SocketAddr) -> (Peer, Option<String>) {
    let (_, session) = stream.get_ref();
    let chain = session.peer_certificates().unwrap_or_default().iter().cloned().collect();
    (Peer { address: from.ip(), chain }, session.server_name().map(str::to_ascii_lowercase))
}

async fn answer<C: Broker>(request: hyper::Request<Incoming>, peer: Peer, server: Arc<Server<C>>) -> Result<hyper::Response<Reply>, Cut> {
    let (head, body) = request.into_parts();
    let Ok(bytes) = Limited::new(body, LONGEST_BODY).collect().await else {
        return Ok(body::write(&Response::new(413), Delivery::Whole, server.clock.now()));
    };
    let Some(request) = Request::read(&head, bytes.to_bytes(), peer) else {
        return Ok(body::write(&Response::new(400), Delivery::Whole, server.clock.now()));
    };
    if request.segments.first().is_some_and(|first| first == "sim") {
        let response = (server.controls)(&server, &request).await;
        return Ok(body::write(&response, Delivery::Whole, server.clock.now()));
    }
    let (response, delivery) = handle::serve(&server, &request).await?;
    Ok(body::write(&response, delivery, server.clock.now()))
}

/// Where port 8883 is open, so that simulators side by side do not meet there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MqttListener {
    /// Nowhere.
    #[default]
    Closed,
    /// At this address.
    At(IpAddr),
    /// At an address of 127.0.0.0/8 at which nobody else has it open.
    Anywhere,
}

impl FromStr for MqttListener {
    type Err = String;

    /// Reads an address, or `any`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "any" => Ok(Self::Anywhere),
            address => address.parse().map(Self::At).map_err(|_| format!("expected an address or `any`, got {address}")),
        }
    }
}

/// Binds the listener.
pub(crate) async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// The port of MQTT over TLS.
const MQTT_PORT: u16 = 8_883;

/// Binds the listener at the port of MQTT.
pub(crate) async fn listen_for_mqtt(at: MqttListener) -> io::Result<Option<TcpListener>> {
    match at {
        MqttListener::Closed => Ok(None),
        MqttListener::At(address) => listen((address, MQTT_PORT).into()).await.map(Some),
        MqttListener::Anywhere => {
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
