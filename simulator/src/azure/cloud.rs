//! Azure as the engine knows it: what comes in goes to the service that is called.

use jiff::Timestamp;
use serde_json::json;

use crate::azure::SERVICES;
use crate::azure::access::sas::Signature;
use crate::azure::resource::page::SKIP_TOKEN;
use crate::azure::service::Service;
use crate::azure::state::Azure;
use crate::engine::cloud::Cloud;
use crate::engine::http::{Request, Response};
use crate::engine::mqtt::login::LoginError;
use crate::engine::mqtt::{Admission, Broker, Login};
use crate::engine::snapshot::{Secrets, Snapshot};
use crate::spec::{Finding, SeenRequest, SpecBook, host_fits};

/// The names of a client that can only be pointed at one local address.
const LOCAL: [&str; 2] = ["localhost", "127.0.0.1"];

/// The service that a request is for.
fn called(request: &Request) -> Option<&'static dyn Service> {
    let local = LOCAL.contains(&request.host.as_str());
    SERVICES.iter().copied().find(|service| {
        if local { service.is_meant_by(&request.segments) } else { service.hosts().iter().any(|host| host.fits(&request.host)) }
    })
}

impl Cloud for Azure {
    fn settle(&mut self, now: Timestamp) -> Option<Timestamp> {
        Self::settle(self, now)
    }

    fn changed(&mut self, now: Timestamp) {
        Self::changed(self, now);
    }

    fn answer(&mut self, request: &Request, now: Timestamp) -> Response {
        let is_known = |service: &&dyn Service| {
            let mut hosts = service.hosts().iter();
            LOCAL.contains(&request.host.as_str()) || hosts.any(|host| host_fits(host.of(self.options.cloud), &request.host))
        };
        match called(request).filter(is_known) {
            Some(service) => service.answer(self, request, now),
            None => Response::json(404, json!({ "message": "No such host is simulated." })),
        }
    }

    fn check(request: &Request) -> Finding {
        let Some(service) = called(request).filter(|service| !service.specs().sources.is_empty()) else {
            return Finding::default();
        };
        // Also for clients that can only be pointed at a local name.
        let host = if LOCAL.contains(&request.host.as_str()) { service.hosts()[0].public } else { &request.host };
        // The parameter of our own nextLink, which the OpenAPI leaves to the service.
        let query: Vec<(String, String)> = request.query.iter().filter(|(name, _)| name != SKIP_TOKEN).cloned().collect();
        let seen = SeenRequest {
            method: &request.method,
            host,
            path: &request.path,
            query: &query,
            headers: &request.headers,
            body: request.json.as_ref(),
        };
        Finding::of(SpecBook::azure(), &seen)
    }

    fn check_answer(finding: &Finding, response: &Response) -> Vec<String> {
        finding.of_answer(SpecBook::azure(), response.status, response.body.as_ref())
    }

    fn error(request: &Request, status: u16, text: &str, now: Timestamp) -> Response {
        match called(request) {
            Some(service) => service.error(status, text, now),
            None => Response::json(status, json!({ "error": "temporarily_unavailable", "error_description": text, "error_codes": [] })),
        }
    }

    fn spec_error(request: &Request, finding: &Finding, text: &str, now: Timestamp) -> Response {
        match called(request) {
            Some(service) => service.spec_error(finding, text, now),
            None => Self::error(request, 400, text, now),
        }
    }

    fn traced(request: &Request, seq: u64, response: Response) -> Response {
        match called(request) {
            Some(service) => service.traced(request, seq, response),
            None => response,
        }
    }

    fn only_reads(request: &Request) -> bool {
        called(request).is_some_and(|service| service.only_reads(request))
    }

    fn caller(&self, request: &Request) -> String {
        if let Some(text) = request.bearer() {
            return self.directory.token(text).map_or_else(|| "unknown".to_owned(), |token| token.client.clone());
        }
        let signature = request.header("authorization").and_then(Signature::parse);
        match signature {
            Some(signature) => match signature.policy {
                // What devices of a provisioning service name in place of a policy.
                Some(policy) if policy != "registration" => policy,
                _ => signature.resource.rsplit('/').next().unwrap_or_default().to_owned(),
            },
            None => String::new(),
        }
    }

    fn snapshot(&self, secrets: Secrets) -> String {
        let mut page = Snapshot::new(secrets);
        for origin in self.services.iter().filter_map(|service| service.origin(self)) {
            page.know(origin);
        }
        for service in self.services {
            service.snapshot(self, &mut page);
        }
        page.finish()
    }

    fn control(&self, path: &[&str]) -> Option<Response> {
        self.services.iter().find_map(|service| service.control(self, path))
    }
}

impl Broker for Azure {
    fn log_in(login: &Login<Self>) -> Result<Admission, LoginError> {
        SERVICES.iter().find_map(|service| service.log_in(login)).unwrap_or(Err(LoginError::UserName))
    }
}
