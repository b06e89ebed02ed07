//! Lists in pages: `value` and `nextLink`
//! (Microsoft Learn: "Azure Resource Manager: asynchronous operations, paging").

use serde_json::{Value, json};

use crate::azure::state::Azure;
use crate::engine::http::{Request, Response};

/// The parameter of a `nextLink`, which clients follow without looking into it.
pub(crate) const SKIP_TOKEN: &str = "$skiptoken";

/// Cuts the caller's page out of a list. The first page may be empty although more follow.
pub(crate) fn page(azure: &Azure, request: &Request, all: Vec<Value>) -> Response {
    let skip: Option<usize> = request.parameter(SKIP_TOKEN).and_then(|text| text.parse().ok());
    let first = skip.unwrap_or(0);
    let most = match skip {
        None if azure.options.variants.lists_begin_empty => 0,
        _ => azure.options.limits.page,
    };
    let left = all.len().saturating_sub(first);
    let value: Vec<Value> = all.into_iter().skip(first).take(most).collect();
    if left <= value.len() {
        return Response::json(200, json!({ "value": value }));
    }
    let version = request.parameter("api-version").unwrap_or_default();
    let next = first + value.len();
    let link = format!("https://{}{}?api-version={version}&%24skiptoken={next}", request.authority, request.path);
    Response::json(200, json!({ "value": value, "nextLink": link }))
}
