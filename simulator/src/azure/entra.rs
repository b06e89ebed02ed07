//! Microsoft Entra: the token endpoint, and the documents that lead to it.

mod discovery;
mod seed;
mod token;

use jiff::Timestamp;
use serde_json::json;

use crate::azure::service::Service;
use crate::azure::state::Azure;
use crate::engine::http::{Answer, Call};

/// The service; it publishes no OpenAPI, so its requests are left alone.
pub(crate) struct Entra;

impl Service for Entra {
    fn hosts(&self) -> &'static [&'static str] {
        &["login.microsoftonline.com"]
    }

    fn is_meant_by(&self, _path: &[String]) -> bool {
        true
    }

    fn answer(&self, azure: &mut Azure, call: &Call, _now: Timestamp) -> Answer {
        if let Some(answer) = discovery::answer(call) {
            return answer;
        }
        match call.segments.as_slice() {
            [tenant, oauth, version, token]
                if call.method == http::Method::POST
                    && (oauth.as_str(), version.as_str(), token.as_str()) == ("oauth2", "v2.0", "token") =>
            {
                token::answer(&mut azure.directory, &mut azure.keyring, tenant, call)
            }
            _ => Answer::json(404, json!({ "error": "not_found" })),
        }
    }

    fn error(&self, status: u16, text: &str, _now: Timestamp) -> Answer {
        Answer::json(status, json!({ "error": "temporarily_unavailable", "error_description": text, "error_codes": [] }))
    }

    fn only_reads(&self, call: &Call) -> bool {
        call.segments.last().is_some_and(|last| ["token", "instance"].iter().any(|one| last.eq_ignore_ascii_case(one)))
    }
}
