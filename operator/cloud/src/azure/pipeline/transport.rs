//! The HTTP client as the pipelines of Microsoft's libraries take it: our transport and no retries.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::{AsyncRawResponse, Body, ClientOptions, HttpClient, Request, RetryOptions};

use crate::http::failure::Interruption;
use crate::http::transport::Transport;

/// What every pipeline has in common.
pub(crate) fn client_options(transport: &Transport) -> ClientOptions {
    ClientOptions {
        transport: Some(azure_core::http::Transport::new(Arc::new(transport.clone()))),
        retry: RetryOptions::none(),
        ..ClientOptions::default()
    }
}

#[async_trait]
impl HttpClient for Transport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        exchange(self, request).await.map_err(|interruption| {
            let kind = match interruption {
                Interruption::NotConnected(_) => ErrorKind::Connection,
                Interruption::TimedOut | Interruption::Broken(_) => ErrorKind::Io,
                Interruption::TooLarge(_) | Interruption::Unsendable(_) => ErrorKind::Other,
            };
            azure_core::Error::new(kind, interruption)
        })
    }
}

async fn exchange(transport: &Transport, request: &Request) -> Result<AsyncRawResponse, Interruption> {
    let unknown = |_| Interruption::Unsendable("its method is unknown".to_owned());
    let method = reqwest::Method::from_bytes(request.method().as_str().as_bytes()).map_err(unknown)?;
    let mut outgoing = transport.request(method, request.url().clone());
    for (name, value) in request.headers().iter() {
        outgoing = outgoing.header(name.as_str(), value.as_str());
    }
    let Body::Bytes(body) = request.body() else {
        return Err(Interruption::Unsendable("its body is a stream".to_owned()));
    };
    let unsendable = |_| Interruption::Unsendable("a header is none".to_owned());
    let reply = transport.send(outgoing.body(body.clone()).build().map_err(unsendable)?).await?;
    Ok(AsyncRawResponse::from_bytes(reply.status.into(), headers(&reply.headers), reply.body))
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
