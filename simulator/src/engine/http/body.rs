//! Bodies of answers: whole, cut off in the middle, or longer than anyone should read.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE};
use http::{HeaderValue, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, SizeHint};
use jiff::Timestamp;

use crate::engine::http::Response;

pub(crate) type Reply = BoxBody<Bytes, io::Error>;

/// How an answer is put on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// As it is.
    Whole,
    /// Half of the announced bytes, then the connection is closed.
    Truncated,
    /// With blanks behind it, up to this many bytes.
    Oversized(u64),
}

/// Makes the HTTP response.
pub(crate) fn write(response: &Response, delivery: Delivery, now: Timestamp) -> hyper::Response<Reply> {
    let bytes = response.body.as_ref().map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    let body = match delivery {
        Delivery::Whole => Full::new(bytes).map_err(|never: Infallible| match never {}).boxed(),
        Delivery::Truncated => Broken::half(&bytes).boxed(),
        Delivery::Oversized(length) => Padded::to(bytes, length).boxed(),
    };
    let mut written = hyper::Response::new(body);
    // A planned status may be none.
    *written.status_mut() = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = written.headers_mut();
    // The server would tell the machine's time.
    if let Ok(date) = HeaderValue::from_str(&now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()) {
        headers.insert(DATE, date);
    }
    if response.body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    }
    for (name, value) in &response.headers {
        // What cannot be written came from the request's own text.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(*name, value);
        }
    }
    written
}

/// Announces all bytes, gives half of them and fails.
struct Broken {
    announced: u64,
    half: Option<Bytes>,
    flushed: bool,
}

impl Broken {
    fn half(bytes: &Bytes) -> Self {
        Self { announced: (bytes.len() as u64).max(1), half: Some(bytes.slice(..bytes.len() / 2)), flushed: false }
    }
}

impl Body for Broken {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(half) = self.half.take() {
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        if !self.flushed {
            // A pause in which the server writes the half out.
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::Error::other("the body was cut off"))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}

static BLANKS: [u8; 65_536] = [b' '; 65_536];

/// The bytes, then blanks up to a length.
struct Padded {
    first: Option<Bytes>,
    left: u64,
}

impl Padded {
    fn to(bytes: Bytes, length: u64) -> Self {
        Self { left: length.saturating_sub(bytes.len() as u64), first: Some(bytes) }
    }
}

impl Body for Padded {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(BLANKS.len());
        if length == 0 {
            return Poll::Ready(None);
        }
        self.left -= length as u64;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&BLANKS[..length])))))
    }
}
