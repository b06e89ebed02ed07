//! One request as the listener hands it on, and the answer that goes back.

pub(crate) mod body;

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use rustls::pki_types::CertificateDer;
use serde_json::Value;

/// Who is at the other end of a connection, as far as the connection says it.
#[derive(Clone)]
pub(crate) struct Peer {
    pub address: IpAddr,
    /// The certificates that it sent, its own first; that it holds the key is proved, and nothing else.
    pub chain: Arc<[CertificateDer<'static>]>,
}

/// A request that has been read to its end.
#[derive(Clone)]
pub(crate) struct Request {
    pub method: Method,
    /// The `Host` header as sent, port included.
    pub authority: String,
    /// The host in lower case, without port.
    pub host: String,
    /// The path as sent, still percent-encoded.
    pub path: String,
    /// The path's segments, percent-decoded.
    pub segments: Vec<String>,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    /// The body's bytes.
    pub bytes: bytes::Bytes,
    /// The body as JSON, if it is JSON.
    pub json: Option<Value>,
    pub peer: Peer,
}

impl Request {
    /// Reads a request's head and body into a call; `None` when it names no host.
    pub fn read(head: &http::request::Parts, bytes: bytes::Bytes, peer: Peer) -> Option<Self> {
        let authority = head
            .headers
            .get(http::header::HOST)
            .and_then(|host| host.to_str().ok())
            .or_else(|| head.uri.authority().map(http::uri::Authority::as_str))?
            .to_owned();
        let path = head.uri.path().to_owned();
        Some(Self {
            method: head.method.clone(),
            host: host_of(&authority),
            authority,
            segments: segments_of(&path),
            path,
            query: pairs_of(head.uri.query().unwrap_or_default()),
            headers: head.headers.clone(),
            json: serde_json::from_slice(&bytes).ok(),
            bytes,
            peer,
        })
    }

    /// What a message of a device says, as if it had come as a request.
    pub fn of_message(method: Method, host: &str, path: String, bytes: bytes::Bytes, peer: Peer) -> Self {
        Self {
            method,
            authority: host.to_owned(),
            host: host.to_owned(),
            segments: segments_of(&path),
            path,
            query: Vec::new(),
            headers: HeaderMap::new(),
            json: serde_json::from_slice(&bytes).ok(),
            bytes,
            peer,
        }
    }

    /// The same with a query parameter.
    pub fn asking(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a shared access signature, unless it is none that a header can hold.
    pub fn signed(mut self, signature: Option<&str>) -> Self {
        if let Some(value) = signature.and_then(|text| http::HeaderValue::from_str(text).ok()) {
            self.headers.insert(http::header::AUTHORIZATION, value);
        }
        self
    }

    /// The segments in lower case, for paths whose case does not matter.
    pub fn folded(&self) -> Vec<String> {
        self.segments.iter().map(|segment| segment.to_lowercase()).collect()
    }

    /// The first query parameter of that name, whatever its case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The text after `Bearer ` in the authorization header.
    pub fn bearer(&self) -> Option<&str> {
        let value = self.header("authorization")?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    }

    /// The form fields of the body.
    pub fn form(&self) -> Vec<(String, String)> {
        std::str::from_utf8(&self.bytes).map(pairs_of).unwrap_or_default()
    }
}

fn host_of(authority: &str) -> String {
    let host =
        authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())).map_or(authority, |(host, _)| host);
    host.to_ascii_lowercase()
}

fn segments_of(path: &str) -> Vec<String> {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect()
}

/// The pairs of a query string or a form body.
pub(crate) fn pairs_of(text: &str) -> Vec<(String, String)> {
    let decode = |part: &str| {
        let spaced = part.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}

/// An answer before the listener writes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Response {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Value>,
}

/// An answer, the `Err` side being a refusal.
pub(crate) type Outcome = Result<Response, Response>;

impl Response {
    /// An answer without a body.
    pub fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// An answer with a JSON body.
    pub fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Some(body) }
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(mine, _)| *mine == name).map(|(_, value)| value.as_str())
    }

    /// Adds a header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
