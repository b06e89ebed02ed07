//! Why there is no HTTP client, and why a request got no whole answer.

use thiserror::Error;

/// Why a transport cannot be made.
#[expect(missing_docs, reason = "each message says it")]
#[derive(Debug, Error)]
pub enum TransportError {
    #[error("no certificate authority is known; install ca-certificates or set SSL_CERT_FILE")]
    NoRoots,
    #[error("the endpoint map's certificate authority is no PEM certificate")]
    MapAuthority,
    #[error("the TLS settings are not accepted")]
    Tls(#[source] rustls::Error),
    #[error("the HTTP client cannot be built")]
    Client(#[source] reqwest::Error),
}

/// Why a request got no whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "each message says it")]
pub enum Interruption {
    #[error("no connection: {0}")]
    NotConnected(String),
    #[error("the answer did not come in time")]
    TimedOut,
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("the reply is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the request cannot be sent: {0}")]
    Unsendable(String),
}
