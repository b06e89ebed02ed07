//! The one place where requests and answers meet the vendor's OpenAPI.

use serde_json::Value;

use crate::azure::resource::page::SKIP_TOKEN;
use crate::engine::handle::Face;
use crate::engine::http::Call;
use crate::spec::{Kind, OperationRef, SeenRequest, SpecBook, Violation};

/// What the OpenAPI says of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Finding {
    operation: Option<OperationRef>,
    pub violations: Vec<String>,
    kinds: Vec<Kind>,
}

impl Finding {
    /// The operation's id, `None` when no document describes the path.
    pub fn operation(&self) -> Option<&str> {
        self.operation.as_ref().map(OperationRef::id)
    }

    /// Whether a rule of that kind is broken.
    pub fn breaks(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }
}

/// Looks a request up; Entra publishes no OpenAPI, so its requests are left alone.
pub(crate) fn inspect(call: &Call) -> Finding {
    let host = match Face::of(call) {
        Face::Directory | Face::Unknown => return Finding::default(),
        // Also for clients that can only be pointed at a local name.
        Face::Manager => "management.azure.com",
        Face::Devices | Face::Provisioning | Face::Hub => &call.host,
    };
    // The parameter of our own nextLink, which the OpenAPI leaves to the service.
    let query: Vec<(String, String)> = call.query.iter().filter(|(name, _)| name != SKIP_TOKEN).cloned().collect();
    let verdict = SpecBook::azure().check(&SeenRequest {
        method: &call.method,
        host,
        path: &call.path,
        query: &query,
        headers: &call.headers,
        body: call.json.as_ref(),
    });
    Finding { violations: said(verdict.failures()), kinds: verdict.failures().map(Violation::kind).collect(), operation: verdict.operation }
}

/// What is wrong with an answer of ours.
pub(crate) fn inspect_answer(finding: &Finding, status: u16, body: Option<&Value>) -> Vec<String> {
    finding.operation.as_ref().map_or_else(Vec::new, |operation| {
        let violations = SpecBook::azure().check_answer(operation, status, body);
        said(violations.iter().filter(|violation| violation.is_failure()))
    })
}

fn said<'a>(violations: impl Iterator<Item = &'a Violation>) -> Vec<String> {
    violations.map(ToString::to_string).collect()
}
