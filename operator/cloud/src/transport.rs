use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Request};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;

use crate::scrub::scrub;

mod tls;

/// Log targets of the libraries below us that an operator should keep at `warn`, even when it logs at `trace`.
///
/// None of them prints a body or an `Authorization` header: `typespec_client_core` redacts headers and query values by
/// allow-lists, `reqwest` prints bytes only with `connection_verbose`, which stays off, and `hyper` counts bytes. But
/// `typespec_client_core` logs every failed request at `info`, `h2` prints whole header frames at `trace` should another
/// crate of the process turn HTTP/2 on, and `rustls` prints handshakes.
pub const LOUD_TARGETS: [&str; 7] = ["azure_core", "azure_identity", "h2", "hyper", "hyper_util", "rustls", "typespec_client_core"];

/// The one HTTP client of the operator: no redirects, no retries, no cookies, no compression, everything bounded.
#[derive(Clone)]
pub struct Transport {
    client: reqwest::Client,
    reply_limit: usize,
    interceptor: Option<Arc<dyn Interceptor>>,
}

/// For tests: stands between the clients and the network.
#[async_trait]
pub trait Interceptor: Send + Sync {
    /// Sends a request by a transport, or does with it whatever else it likes.
    async fn execute(&self, transport: &Transport, request: &Request) -> azure_core::Result<AsyncRawResponse>;
}

/// What bounds and directs a [`Transport`].
#[derive(Debug, Clone)]
pub struct TransportOptions {
    /// Longest time to connect, TLS included.
    pub connect_timeout: Duration,
    /// Longest time for a whole call, to the last byte of the reply.
    pub total_timeout: Duration,
    /// Largest reply in bytes.
    pub reply_limit: usize,
    /// For tests: one address in place of every host.
    pub endpoint_map: Option<EndpointMap>,
}

/// For tests: sends every host to one address, whose certificates come from one authority of its own.
///
/// Certificates of any other authority are refused, proxies from the environment are not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointMap {
    /// Where every host is.
    pub address: SocketAddr,
    /// The certificate authority, in PEM.
    pub ca_pem: String,
}

/// Why a [`Transport`] cannot be made.
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
pub(crate) enum Interruption {
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

impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(30),
            reply_limit: 4 * 1024 * 1024,
            endpoint_map: None,
        }
    }
}

impl Transport {
    /// Makes the client; the trusted authorities are the machine's, or only the endpoint map's.
    ///
    /// # Errors
    /// When no certificate authority is found, or the settings are not accepted.
    pub fn new(options: &TransportOptions) -> Result<Self, TransportError> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config(options.endpoint_map.as_ref())?)
            .https_only(true)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .connect_timeout(options.connect_timeout)
            .timeout(options.total_timeout)
            .pool_idle_timeout(Duration::from_mins(1));
        if let Some(map) = &options.endpoint_map {
            builder = builder.no_proxy().dns_resolver(Arc::new(OneAddress(map.address)));
        }
        let client = builder.build().map_err(TransportError::Client)?;
        Ok(Self { client, reply_limit: options.reply_limit, interceptor: None })
    }

    /// For tests: the same with somebody who gets every request first.
    #[must_use]
    pub fn intercepted(self, interceptor: Arc<dyn Interceptor>) -> Self {
        Self { interceptor: Some(interceptor), ..self }
    }

    async fn send(&self, request: &Request) -> Result<AsyncRawResponse, Interruption> {
        let unknown = |_| Interruption::Unsendable("its method is unknown".to_owned());
        let method = reqwest::Method::from_bytes(request.method().as_str().as_bytes()).map_err(unknown)?;
        let mut outgoing = self.client.request(method, request.url().clone());
        for (name, value) in request.headers().iter() {
            outgoing = outgoing.header(name.as_str(), value.as_str());
        }
        let Body::Bytes(body) = request.body() else {
            return Err(Interruption::Unsendable("its body is a stream".to_owned()));
        };
        let reply = outgoing.body(body.clone()).send().await.map_err(|error| interruption(&error))?;
        let status = reply.status().as_u16().into();
        let headers = headers(reply.headers());
        Ok(AsyncRawResponse::from_bytes(status, headers, read(reply, self.reply_limit).await?))
    }
}

/// Reads a body of at most so many bytes, whatever its announced length is.
async fn read(mut reply: reqwest::Response, limit: usize) -> Result<Vec<u8>, Interruption> {
    let announced = reply.content_length().unwrap_or(0);
    if usize::try_from(announced).is_ok_and(|length| length > limit) {
        return Err(Interruption::TooLarge(limit));
    }
    let mut body = Vec::new();
    while let Some(chunk) = reply.chunk().await.map_err(|error| interruption(&error))? {
        if body.len() + chunk.len() > limit {
            return Err(Interruption::TooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[async_trait]
impl HttpClient for Transport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        if let Some(interceptor) = &self.interceptor {
            return interceptor.execute(&Self { interceptor: None, ..self.clone() }, request).await;
        }
        self.send(request).await.map_err(|interruption| {
            let kind = match interruption {
                Interruption::NotConnected(_) => ErrorKind::Connection,
                Interruption::TimedOut | Interruption::Broken(_) => ErrorKind::Io,
                Interruption::TooLarge(_) | Interruption::Unsendable(_) => ErrorKind::Other,
            };
            azure_core::Error::new(kind, interruption)
        })
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("reply_limit", &self.reply_limit).finish_non_exhaustive()
    }
}

struct OneAddress(SocketAddr);

impl Resolve for OneAddress {
    fn resolve(&self, _name: Name) -> Resolving {
        let addresses: Addrs = Box::new(std::iter::once(self.0));
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

fn interruption(error: &reqwest::Error) -> Interruption {
    let cause = scrub(&innermost(error));
    if error.is_connect() {
        Interruption::NotConnected(cause)
    } else if error.is_timeout() {
        Interruption::TimedOut
    } else if error.is_builder() {
        Interruption::Unsendable(cause)
    } else {
        Interruption::Broken(cause)
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Headers that are not text are left out; none that we read is.
fn headers(map: &reqwest::header::HeaderMap) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in map {
        if let Ok(value) = value.to_str() {
            headers.insert(HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value.to_owned()));
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::stream;
    use http_body_util::StreamBody;
    use http_body_util::combinators::BoxBody;

    use super::{Interruption, read};

    /// A reply that does not say how long it is.
    fn reply_of(chunks: usize) -> reqwest::Response {
        let frames = (0..chunks).map(|_| Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from_static(b"abcd"))));
        let body = BoxBody::new(StreamBody::new(stream::iter(frames.collect::<Vec<_>>())));
        http::Response::new(reqwest::Body::wrap(body)).into()
    }

    #[tokio::test]
    async fn a_reply_that_does_not_say_its_length_is_read_to_the_limit_and_no_further() {
        assert_eq!(read(reply_of(2), 8).await, Ok(b"abcdabcd".to_vec()));
        assert_eq!(read(reply_of(3), 8).await, Err(Interruption::TooLarge(8)));
    }
}
