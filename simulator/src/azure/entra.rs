//! Microsoft Entra: the token endpoint, and the documents that lead to it.

mod discovery;
mod seed;
mod token;

use jiff::Timestamp;
use serde_json::json;

use crate::azure::clouds::{LOGIN, Names};
use crate::azure::service::Service;
use crate::azure::state::Azure;
use crate::engine::http::{Request, Response};

/// The service; it publishes no OpenAPI, so its requests are left alone.
pub(crate) struct Entra;

impl Service for Entra {
    fn hosts(&self) -> &'static [Names] {
        &[LOGIN]
    }

    /// Those of other services of Azure, which nothing here simulates and every tenant knows.
    fn audiences(&self) -> &'static [Names] {
        const VAULT: Names =
            Names { public: "https://vault.azure.net", government: "https://vault.usgovcloudapi.net", china: "https://vault.azure.cn" };
        const GRAPH: Names = Names {
            public: "https://graph.microsoft.com",
            government: "https://graph.microsoft.us",
            china: "https://microsoftgraph.chinacloudapi.cn",
        };
        const OTHERS: [Names; 4] = [GRAPH, VAULT, Names::same("https://eventhubs.azure.net"), Names::same("https://storage.azure.com")];
        &OTHERS
    }

    fn is_meant_by(&self, _path: &[String]) -> bool {
        true
    }

    fn answer(&self, azure: &mut Azure, request: &Request, _now: Timestamp) -> Response {
        if let Some(response) = discovery::answer(request, azure.options.cloud) {
            return response;
        }
        match request.segments.as_slice() {
            [tenant, oauth, version, token]
                if request.method == http::Method::POST
                    && (oauth.as_str(), version.as_str(), token.as_str()) == ("oauth2", "v2.0", "token") =>
            {
                let cloud = azure.options.cloud;
                let audiences: Vec<&str> =
                    azure.services.iter().flat_map(|service| service.audiences()).map(|audience| audience.of(cloud)).collect();
                token::answer(&mut azure.directory, &mut azure.keyring, &audiences, tenant, request)
            }
            _ => Response::json(404, json!({ "error": "not_found" })),
        }
    }

    fn error(&self, status: u16, text: &str, _now: Timestamp) -> Response {
        Response::json(status, json!({ "error": "temporarily_unavailable", "error_description": text, "error_codes": [] }))
    }

    fn only_reads(&self, request: &Request) -> bool {
        request.segments.last().is_some_and(|last| ["token", "instance"].iter().any(|one| last.eq_ignore_ascii_case(one)))
    }
}
