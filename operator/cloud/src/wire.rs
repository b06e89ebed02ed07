use std::sync::Arc;
use std::time::Duration;

use azure_core::http::headers::{ACCEPT, CONTENT_TYPE, HeaderName, Headers, IF_MATCH};
use azure_core::http::policies::Policy;
use azure_core::http::{ClientOptions, Context, Pipeline, PipelineSendOptions, Request, RetryOptions, Url};
use bytes::Bytes;
use jiff::SignedDuration;
use moorage_keys::HostName;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::azure::Shared;
use crate::breaker::Verdict;
use crate::classify::{Refusal, unanswered};
use crate::error::{Class, Detail, Error, Failure};
use crate::identity::Asked;
use crate::line::{Held, Line};
use crate::observe::{CallRecord, HostClass, Outcome};
use crate::paging::{Continuation, Page};
use crate::request::{Call, Operation};

const ITEM_COUNT: HeaderName = HeaderName::from_static("x-ms-max-item-count");
const CONTINUATION: HeaderName = HeaderName::from_static("x-ms-continuation");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");

/// The way to one service: its host, how calls are authorized, and what they count against.
#[derive(Clone)]
pub(crate) struct Wire {
    shared: Arc<Shared>,
    pipeline: Pipeline,
    class: HostClass,
    host: HostName,
    scope: Arc<str>,
    payer: Arc<str>,
}

/// A service's answer to a call, success or not.
pub(crate) struct Reply {
    operation: Operation,
    status: u16,
    headers: Headers,
    body: Bytes,
}

impl Wire {
    pub(crate) fn new(shared: Arc<Shared>, class: HostClass, host: HostName, scope: &str, authorization: Arc<dyn Policy>) -> Self {
        let name = Some("moorage");
        let options = client_options(&shared);
        let pipeline = Pipeline::new(name, option_env!("CARGO_PKG_VERSION"), options, vec![], vec![authorization], None);
        Self { shared, pipeline, class, host, scope: scope.into(), payer: "".into() }
    }

    /// The same way, for calls that somebody else pays for.
    pub(crate) fn on_behalf_of(&self, payer: &str) -> Self {
        Self { payer: payer.into(), ..self.clone() }
    }

    pub(crate) fn host(&self) -> &HostName {
        &self.host
    }

    /// Sends a call that must succeed.
    pub(crate) async fn send(&self, call: Call) -> Result<Reply, Error> {
        let step = call.operation.step;
        let absent = || Failure::new(step, Class::Conflict, Detail::NotFound, "what was asked for is not there");
        self.observed(call, false).await?.ok_or_else(|| absent().into())
    }

    /// Sends a call whose subject may be absent.
    pub(crate) async fn look(&self, call: Call) -> Result<Option<Reply>, Error> {
        self.observed(call, true).await
    }

    /// Sends a call that removes something; what is absent is removed.
    pub(crate) async fn remove(&self, call: Call) -> Result<(), Error> {
        self.observed(call, true).await.map(drop)
    }

    async fn observed(&self, call: Call, may_be_absent: bool) -> Result<Option<Reply>, Error> {
        let operation = call.operation;
        let started = Instant::now();
        let result = self.answered(call, may_be_absent).await;
        let outcome = match &result {
            Ok(Some(_)) => Outcome::Done,
            Ok(None) => Outcome::Absent,
            Err(error) => Outcome::Failed(error.class()),
        };
        self.record(operation, outcome, started.elapsed(), &result);
        result
    }

    async fn answered(&self, call: Call, may_be_absent: bool) -> Result<Option<Reply>, Error> {
        let (operation, asked) = (call.operation, Asked(Instant::now()));
        let lines = self.lines(call.target.as_deref().unwrap_or_default());
        let request = self.request(call)?;
        let held = |held| self.held(operation, held);
        self.shared.lines.check(&lines).map_err(held)?;
        let turn = self.shared.budgets.take(&self.scope, operation.quota, &self.payer).map_err(|wait| out_of_budget(operation, wait))?;
        tokio::time::sleep(turn.unsigned_abs()).await;
        let passage = self.shared.lines.enter(lines).await.map_err(held)?;
        let sent = self.sent(operation, request, asked).await;
        passage.end(verdict(operation, &sent));
        let (reply, now) = (sent?, (self.shared.clock)());
        if (200..300).contains(&reply.status) {
            return Ok(Some(reply));
        }
        let refusal = reply.refusal(now);
        if may_be_absent && refusal.says_absent() {
            return Ok(None);
        }
        let error = refusal.classify();
        if let Class::Throttled(Some(wait)) = error.class() {
            self.shared.budgets.close(&self.scope, operation.quota, wait);
        }
        Err(error)
    }

    async fn sent(&self, operation: Operation, mut request: Request, asked: Asked) -> Result<Reply, Error> {
        let options = PipelineSendOptions { skip_checks: true, ..PipelineSendOptions::default() };
        let sent = self.pipeline.send(&Context::new().with_value(asked), &mut request, Some(options)).await;
        let sent = sent.map_err(|error| unanswered(operation.step, &error, (self.shared.clock)()))?;
        let (status, headers, body) = sent.deconstruct();
        Ok(Reply { operation, status: status.into(), headers, body: body.into() })
    }

    /// The lines that a call uses: one to a host, or one to a subscription and one to the resource in it.
    ///
    /// A resource that hangs is no reason to believe that the resource manager does, until several of them do.
    fn lines(&self, target: &str) -> Vec<Line> {
        match self.class {
            HostClass::ResourceManager => {
                let place: Arc<str> = format!("{}{}", self.host, place_of(target)).into();
                let subscription = format!("{} for subscription {}", self.host, self.scope).into();
                vec![
                    Line { name: place.clone(), width: 4, threshold: 3, about: None },
                    Line { name: subscription, width: 12, threshold: 5, about: Some(place) },
                ]
            }
            HostClass::Login | HostClass::Provisioning | HostClass::Hub => vec![Line::to_host(&self.host)],
        }
    }

    fn held(&self, operation: Operation, held: Held) -> Error {
        match held {
            Held::Shut(name, until) => not_answering(operation.step, &name, until.duration_since((self.shared.clock)())),
            Held::Busy(name) => {
                let message = format!("as many calls as may be at once are under way to {name}");
                waits(operation, message, SignedDuration::from_secs(1))
            }
        }
    }

    fn request(&self, call: Call) -> Result<Request, Error> {
        let operation = call.operation;
        let refused = || Failure::new(operation.step, Class::Invalid, Detail::NotSent, "a name cannot be part of a URL");
        let target = call.target.ok_or_else(refused)?;
        let url = Url::parse(&format!("https://{}{target}", self.host)).map_err(|_| refused())?;
        let mut request = Request::new(url, operation.method);
        request.insert_header(ACCEPT, "application/json");
        if let Some(condition) = call.if_match {
            request.insert_header(IF_MATCH, condition);
        }
        if let Some(page) = call.page {
            request.insert_header(ITEM_COUNT, page.size.to_string());
            if let Some(Continuation(after)) = page.after {
                request.insert_header(CONTINUATION, after);
            }
        }
        if let Some(body) = call.body {
            request.insert_header(CONTENT_TYPE, "application/json; charset=utf-8");
            request.set_body(Bytes::from_owner(body));
        }
        Ok(request)
    }

    fn record(&self, operation: Operation, outcome: Outcome, duration: Duration, result: &Result<Option<Reply>, Error>) {
        let (status, request_id) = match result {
            Ok(Some(reply)) => (Some(reply.status), reply.headers.get_optional_str(&REQUEST_ID)),
            Ok(None) => (Some(404), None),
            Err(error) => (error.status(), error.request_id()),
        };
        tracing::debug!(
            method = operation.method.as_str(),
            host = %self.host,
            path = operation.template,
            status,
            request_id,
            outcome = outcome.as_str(),
            "Called"
        );
        let record = CallRecord { host: self.class, operation: operation.name, outcome, duration };
        self.shared.observer.on_call(&record);
    }
}

impl Reply {
    fn refusal(&self, now: jiff::Timestamp) -> Refusal<'_> {
        Refusal { step: self.operation.step, status: self.status, headers: &self.headers, body: &self.body, now }
    }

    /// Reads the body; the decoder's own words are left out, as they may quote the body.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|_| self.unreadable())
    }

    /// The body as one page of a list, whose continuation is in a header.
    pub(crate) fn page<T: DeserializeOwned>(&self) -> Result<Page<T>, Error> {
        let next = self.headers.get_optional_str(&CONTINUATION).filter(|text| !text.is_empty() && text.len() <= 4096);
        Ok(Page { items: self.json()?, next: next.map(|text| Continuation(text.to_owned())) })
    }

    pub(crate) fn unreadable(&self) -> Error {
        let message = "the reply is not what the service's interface says";
        let failure = Failure::new(self.operation.step, Class::Unavailable, Detail::ReplyUnreadable, message);
        Failure { status: Some(self.status), ..failure }.into()
    }
}

/// What every pipeline has in common: our transport and no retries.
pub(crate) fn client_options(shared: &Shared) -> ClientOptions {
    ClientOptions {
        transport: Some(azure_core::http::Transport::new(Arc::new(shared.transport.clone()))),
        retry: RetryOptions::none(),
        ..ClientOptions::default()
    }
}

/// The failure of a list that does not end.
pub(crate) fn endless(operation: Operation) -> Error {
    let message = "the service's list does not end";
    Failure::new(operation.step, Class::Unavailable, Detail::ReplyUnreadable, message).into()
}

fn out_of_budget(operation: Operation, wait: SignedDuration) -> Error {
    waits(operation, "the budget for this kind of call is used up".to_owned(), wait)
}

fn waits(operation: Operation, message: String, wait: SignedDuration) -> Error {
    let class = Class::Throttled(Some(wait));
    let failure = Failure::new(operation.step, class, Detail::OutOfBudget, message);
    Failure { retry_after: Some(wait), ..failure }.into()
}

/// The failure of a call to somebody who is not asked for a while. The while is not in its text, which must read the same each time.
pub(crate) fn not_answering(step: &'static str, name: &str, wait: SignedDuration) -> Error {
    let message = format!("{name} did not answer several calls in a row; until it does, it is asked only now and then");
    let failure = Failure::new(step, Class::Unavailable, Detail::NotAnswering, message);
    Failure { retry_after: Some(wait), ..failure }.into()
}

/// What a call says about whom it went to. A failed sign-in says nothing: the call was never sent.
fn verdict(operation: Operation, sent: &Result<Reply, Error>) -> Verdict {
    match sent {
        Ok(reply) if reply.status == 408 || reply.status >= 500 => Verdict::Missed,
        Ok(_) => Verdict::Answered,
        Err(error) if error.class() != Class::Unavailable || error.step() != operation.step => Verdict::Unknown,
        Err(_) => Verdict::Missed,
    }
}

/// The resource that a path of the resource manager is about, without what is asked of it.
fn place_of(target: &str) -> String {
    let path = target.split('?').next().unwrap_or_default().to_ascii_lowercase();
    path.split('/').take(9).collect::<Vec<_>>().join("/")
}
