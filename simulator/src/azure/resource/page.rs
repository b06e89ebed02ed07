//! Lists in pages: `value` and `nextLink`
//! (Microsoft Learn: "Azure Resource Manager: asynchronous operations, paging").

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::azure::state::Azure;
use crate::engine::http::{Request, Response};

/// The parameter of a `nextLink`, which clients follow without looking into it.
pub(crate) const SKIP_TOKEN: &str = "$skiptoken";

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// Cuts the caller's page out of a list. The first page may be empty although more follow.
pub(crate) fn page(azure: &Azure, request: &Request, all: Vec<Value>) -> Response {
    page_of(azure, request, all, azure.options.limits.page)
}

/// The same with at most so many entries.
pub(crate) fn page_of(azure: &Azure, request: &Request, all: Vec<Value>, most: usize) -> Response {
    let skip: Option<usize> = request.parameter(SKIP_TOKEN).and_then(|text| text.parse().ok());
    let first = skip.unwrap_or(0);
    let most = match skip {
        None if azure.options.variants.lists_begin_empty => 0,
        _ => most.min(azure.options.limits.page),
    };
    let left = all.len().saturating_sub(first);
    let value: Vec<Value> = all.into_iter().skip(first).take(most).collect();
    if left <= value.len() {
        return Response::json(200, json!({ "value": value }));
    }
    let next = first + value.len();
    // What was asked for holds for the pages that follow.
    let asked = request.query.iter().filter(|(name, _)| name != SKIP_TOKEN);
    let mut link = format!("https://{}{}?%24skiptoken={next}", request.authority, request.path);
    for (name, value) in asked {
        link.extend(["&", &encoded(name), "=", &encoded(value)]);
    }
    Response::json(200, json!({ "value": value, "nextLink": link }))
}
