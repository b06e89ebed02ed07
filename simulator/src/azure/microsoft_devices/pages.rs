//! Paging by headers: `x-ms-max-item-count` and `x-ms-continuation`.

use serde_json::Value;

use crate::engine::http::{Request, Response};
use crate::engine::keys;

/// The longest page.
const MOST: usize = 1_000;

/// Cuts the caller's page out of everything, sorted by key.
pub(crate) fn page(request: &Request, kind: &str, all: Vec<(String, Value)>) -> Response {
    let count = request
        .header("x-ms-max-item-count")
        .and_then(|text| text.parse::<usize>().ok())
        .filter(|count| *count > 0)
        .map_or(MOST, |count| count.min(MOST));
    let after = request.header("x-ms-continuation").and_then(keys::decode).and_then(|bytes| String::from_utf8(bytes).ok());
    let mut left = all.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|after| key > after)).peekable();
    let page: Vec<(String, Value)> = left.by_ref().take(count).collect();
    let last = page.last().map(|(key, _)| keys::encode(key.as_bytes()));
    let more = left.peek().is_some();
    let response = Response::json(200, page.into_iter().map(|(_, value)| value).collect()).with("x-ms-item-type", kind);
    match last.filter(|_| more) {
        Some(continuation) => response.with("x-ms-continuation", continuation),
        None => response,
    }
}
