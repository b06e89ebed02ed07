//! Bodies of answers: whole, cut off in the middle, or as long as a watch lasts.

use std::io;

use bytes::Bytes;
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};

/// The body of an answer.
pub type Reply = BoxBody<Bytes, io::Error>;

pub(super) fn whole(bytes: Bytes) -> Reply {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}

/// Half of it, then the connection breaks.
pub(super) fn half(bytes: &Bytes) -> Reply {
    let first = bytes.slice(..bytes.len() / 2);
    StreamBody::new(futures::stream::iter([Ok(Frame::data(first)), Err(io::Error::other("the connection broke"))])).boxed()
}
