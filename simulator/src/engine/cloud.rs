//! What the engine has to know of the cloud that it serves.

use std::pin::Pin;

use jiff::Timestamp;

use crate::engine::http::{Request, Response};
use crate::engine::snapshot::Secrets;
use crate::spec::Finding;

/// A future on the heap.
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The state of a cloud and how it answers; every change happens under one lock, at one domain time.
pub(crate) trait Cloud: Send + Sized + 'static {
    /// Makes everything happen that is due, in order, and says when the next thing is.
    fn settle(&mut self, now: Timestamp) -> Option<Timestamp>;

    /// Follows up on a change, by which open connections may have lost their ground.
    fn changed(&mut self, now: Timestamp);

    /// Answers a request.
    fn answer(&mut self, request: &Request, now: Timestamp) -> Response;

    /// What the vendor's description says of a request.
    fn check(request: &Request) -> Finding;

    /// What is wrong with an answer of ours by the vendor's description.
    fn check_answer(finding: &Finding, response: &Response) -> Vec<String>;

    /// The answer with a status that the fault plan decided, in the words of the service that is called.
    fn error(request: &Request, status: u16, text: &str, now: Timestamp) -> Response;

    /// The answer to a request that breaks the vendor's description.
    fn spec_error(request: &Request, finding: &Finding, text: &str, now: Timestamp) -> Response;

    /// Puts onto an answer what the service adds to each.
    fn traced(request: &Request, seq: u64, response: Response) -> Response;

    /// Whether a POST only reads.
    fn only_reads(request: &Request) -> bool;

    /// Who calls, as far as the credentials say it, without the credentials.
    fn caller(&self, request: &Request) -> String;

    /// The state as sorted text.
    fn snapshot(&self, secrets: Secrets) -> String;

    /// Answers a control of a service's own.
    fn control(&self, path: &[&str]) -> Option<Response>;
}
