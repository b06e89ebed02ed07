//! HTTP, over TLS or plain, for clients that may be anybody: few at a time, none for long, none that is silent.

use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// Most connections at the same time; more wait to be accepted.
const MOST_CONNECTIONS: usize = 64;
/// How long a client may take for the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long it may then take for the head of a request.
const LONGEST_SILENCE: Duration = Duration::from_secs(10);
/// How long a connection is used; whoever comes again makes a new one.
const LONGEST_CONNECTION: Duration = Duration::from_mins(5);
/// How long the request has that is under way when a connection ends.
const FAREWELL: Duration = Duration::from_secs(10);
/// The largest head of a request, in bytes: a token, and what a client says besides.
const LARGEST_HEAD: usize = 32 << 10;
/// How long nothing is accepted after that has failed: mostly because there are too many open files.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers until `stop`, and lets what is under way come to its end.
pub async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, routes: Router, stop: CancellationToken) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < MOST_CONNECTIONS => match accepted {
                Ok((stream, _)) => drop(connections.spawn(serve_connection(stream, tls.clone(), routes.clone(), stop.clone()))),
                Err(error) => {
                    tracing::warn!(%error, "A connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
    Ok(())
}

async fn serve_connection(stream: TcpStream, tls: Option<TlsAcceptor>, routes: Router, stop: CancellationToken) {
    let Some(tls) = tls else { return serve_stream(stream, routes, stop).await };
    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
        serve_stream(stream, routes, stop).await;
    }
}

async fn serve_stream(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, routes: Router, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(LONGEST_SILENCE).max_header_size(LARGEST_HEAD);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes)));
    tokio::select! {
        // However it ended, there is nobody left to tell.
        _ = connection.as_mut() => return,
        () = tokio::time::sleep(LONGEST_CONNECTION) => {}
        () = stop.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(FAREWELL, connection).await;
}
