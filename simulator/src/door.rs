//! The one TLS door: every host name of the simulated cloud is answered here, over HTTP/1.1.

mod body;
mod certificates;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

pub(crate) use body::{Reply, Writing};
pub(crate) use certificates::Authority;

use crate::exchange::{Answer, Call};
use crate::simulator::Shared;
use crate::{control, serving};

/// The longest request body that is read.
const LONGEST_BODY: usize = 1 << 20;
/// How long a client may take for the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

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
    let service = service_fn(move |request| answer(request, from, Arc::clone(&shared)));
    let ended = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = ended {
        tracing::debug!(%from, %error, "The connection ended early");
    }
}

async fn answer(request: hyper::Request<Incoming>, from: SocketAddr, shared: Arc<Shared>) -> Result<hyper::Response<Reply>, Cut> {
    let (head, body) = request.into_parts();
    let Ok(bytes) = Limited::new(body, LONGEST_BODY).collect().await else {
        return Ok(body::write(&Answer::new(413), Writing::Whole));
    };
    let Some(call) = Call::read(&head, bytes.to_bytes(), from.ip()) else {
        return Ok(body::write(&Answer::new(400), Writing::Whole));
    };
    if call.segments.first().is_some_and(|first| first == "sim") {
        let answer = control::answer(&shared, &call).await;
        return Ok(body::write(&answer, Writing::Whole));
    }
    let (answer, writing) = serving::serve(&shared, &call).await?;
    Ok(body::write(&answer, writing))
}

/// Binds the listener.
pub(crate) async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}
