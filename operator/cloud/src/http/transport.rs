//! The one HTTP client, whatever is called with it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap};
use reqwest::{Method, Request, RequestBuilder, Url};

use crate::http::endpoint_map::{EndpointMap, OneAddress};
use crate::http::failure::{Interruption, TransportError};
use crate::http::scrub::scrub;
use crate::http::tls;

/// The one HTTP client of the operator: no redirects, no retries, no cookies, no compression, everything bounded.
#[derive(Clone)]
pub struct Transport {
    client: reqwest::Client,
    reply_limit: usize,
    interceptor: Option<Arc<dyn Interceptor>>,
    listener: Option<DateListener>,
}

/// Told of the `Date` of every reply.
pub type DateListener = Arc<dyn Fn(Timestamp) + Send + Sync>;

/// A reply, read to its end.
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

/// For tests: stands between the clients and the network.
#[async_trait]
pub trait Interceptor: Send + Sync {
    /// Sends a request by a transport, or does with it whatever else it likes.
    async fn send(&self, transport: &Transport, request: Request) -> Result<Response, Interruption>;
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
        Ok(Self { client, reply_limit: options.reply_limit, interceptor: None, listener: None })
    }

    /// For tests: the same with somebody who gets every request first.
    #[must_use]
    pub fn intercepted(self, interceptor: Arc<dyn Interceptor>) -> Self {
        Self { interceptor: Some(interceptor), ..self }
    }

    /// The same with somebody who is told what time it is elsewhere.
    #[must_use]
    pub fn telling_dates(self, listener: DateListener) -> Self {
        Self { listener: Some(listener), ..self }
    }

    /// A request that is to be filled and sent.
    pub(crate) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends a request once, and reads the whole reply.
    ///
    /// # Errors
    /// Why there was no whole answer.
    pub async fn send(&self, request: Request) -> Result<Response, Interruption> {
        if let Some(interceptor) = &self.interceptor {
            return interceptor.send(&Self { interceptor: None, ..self.clone() }, request).await;
        }
        let reply = self.client.execute(request).await.map_err(|error| interruption(&error))?;
        let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
        if let (Some(listener), Some(date)) = (&self.listener, date_of(&headers)) {
            listener(date);
        }
        Ok(Response { status, headers, body: read(reply, self.reply_limit).await? })
    }
}

fn date_of(headers: &HeaderMap) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(headers.get(DATE)?.to_str().ok()?).ok()
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

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("reply_limit", &self.reply_limit).finish_non_exhaustive()
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::stream;
    use http_body_util::StreamBody;
    use http_body_util::combinators::BoxBody;

    use super::read;
    use crate::http::failure::Interruption;

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
