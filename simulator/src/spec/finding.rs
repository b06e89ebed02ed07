//! What is kept of a verdict for the log and for the answer.

use serde_json::Value;

use crate::spec::book::SpecBook;
use crate::spec::check::violation::{Kind, Violation};
use crate::spec::operation::OperationRef;
use crate::spec::verdict::{SeenRequest, Verdict};

/// What the OpenAPI says of a request.
#[derive(Clone, Default)]
pub(crate) struct Finding {
    operation: Option<OperationRef>,
    pub violations: Vec<String>,
    kinds: Vec<Kind>,
    /// Whether the service refuses the request, whoever sends it.
    pub refused: bool,
    /// The body as the service reads it, if that is not how it was sent.
    pub as_read: Option<Value>,
}

impl Finding {
    /// Looks a request up.
    pub fn of(book: &SpecBook, request: &SeenRequest<'_>) -> Self {
        let verdict: Verdict = book.check(request);
        let refused = verdict.failures().any(Violation::is_refused);
        Self {
            violations: lines(verdict.failures()),
            kinds: verdict.failures().map(Violation::kind).collect(),
            refused,
            operation: verdict.operation,
            as_read: verdict.as_read,
        }
    }

    /// The operation's id, `None` when no document describes the path.
    pub fn operation(&self) -> Option<&str> {
        self.operation.as_ref().map(OperationRef::id)
    }

    /// Whether a rule of that kind is broken.
    pub fn breaks(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// What is wrong with an answer to the request.
    pub fn of_answer(&self, book: &SpecBook, status: u16, body: Option<&Value>) -> Vec<String> {
        self.operation.as_ref().map_or_else(Vec::new, |operation| {
            let violations = book.check_answer(operation, status, body);
            lines(violations.iter().filter(|violation| violation.is_failure()))
        })
    }
}

fn lines<'a>(violations: impl Iterator<Item = &'a Violation>) -> Vec<String> {
    violations.map(ToString::to_string).collect()
}
