//! The client of one service: every call of Azure goes out here, through the gate.

use std::sync::Arc;
use std::time::Duration;

use azure_core::http::headers::{ACCEPT, CONTENT_TYPE, HeaderName, Headers, IF_MATCH};
use azure_core::http::policies::Policy;
use azure_core::http::{Context, Method, Pipeline, PipelineSendOptions, Request, Url};
use bytes::Bytes;
use moorage_keys::HostName;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::azure::classify::{Refusal, unanswered};
use crate::azure::client::Shared;
use crate::azure::endpoints::Cloud;
use crate::azure::pipeline::paging::{Continuation, Page};
use crate::azure::pipeline::request::{Asked, Call, Operation};
use crate::azure::pipeline::transport::client_options;
use crate::azure::pipeline::version::Spoken;
use crate::error::{Class, Detail, Error, Failure};
use crate::flow::access::WriteAccess;
use crate::flow::budget::Budget;
use crate::flow::bulkhead::Bulkhead;
use crate::flow::gate::Admission;
use crate::flow::observe::{CallRecord, Outcome};
use crate::flow::verdict::Verdict;

const ITEM_COUNT: HeaderName = HeaderName::from_static("x-ms-max-item-count");
/// Items of a page that are asked for at first.
const PAGE_SIZE: usize = 100;
const CONTINUATION: HeaderName = HeaderName::from_static("x-ms-continuation");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");

/// What a service declares of itself, in its own file.
#[derive(Clone, Copy)]
pub(crate) struct Service {
    /// The kind of service, as metrics name it.
    pub(crate) name: &'static str,
    /// The bulkheads of a call, by its host, its scope and its path.
    pub(crate) bulkheads: fn(&HostName, &str, &str) -> Vec<Bulkhead>,
}

/// The way to one service: its host, how calls are authorized, and what they count against.
#[derive(Clone)]
pub(crate) struct ServiceClient {
    shared: Arc<Shared>,
    pipeline: Pipeline,
    service: Service,
    host: HostName,
    scope: Scope,
    payer: Arc<str>,
}

/// What calls count against, as it is when one is made.
pub(crate) type Scope = Arc<dyn Fn() -> Arc<str> + Send + Sync>;

/// What calls to a host count against that is somebody of its own.
pub(crate) fn scope_of(host: &HostName) -> Scope {
    let scope: Arc<str> = host.as_str().into();
    Arc::new(move || scope.clone())
}

/// What knows in which api-version it was read.
pub(crate) trait Versioned {
    /// The same, read in that version.
    fn read_in(self, spoken: Spoken) -> Self;
}

/// A service's answer to a call, success or not.
pub(crate) struct Reply {
    operation: Operation,
    /// The api-version of the call.
    spoken: Spoken,
    status: u16,
    headers: Headers,
    body: Bytes,
}

impl Service {
    /// A service each of whose hosts is somebody of its own.
    pub(crate) const fn of_hosts(name: &'static str) -> Self {
        Self { name, bulkheads: |host, _, _| vec![Bulkhead::of_host(host.as_str())] }
    }
}

impl ServiceClient {
    pub(crate) fn new(shared: Arc<Shared>, service: Service, host: HostName, scope: Scope, authorization: Arc<dyn Policy>) -> Self {
        let name = Some("moorage");
        let options = client_options(&shared.transport);
        let pipeline = Pipeline::new(name, option_env!("CARGO_PKG_VERSION"), options, vec![], vec![authorization], None);
        Self { shared, pipeline, service, host, scope, payer: "".into() }
    }

    /// The same way, for calls that somebody else pays for.
    pub(crate) fn on_behalf_of(&self, payer: &str) -> Self {
        Self { payer: payer.into(), ..self.clone() }
    }

    pub(crate) fn host(&self) -> &HostName {
        &self.host
    }

    pub(crate) fn cloud(&self) -> Cloud {
        self.shared.cloud
    }

    /// Sends a call that only reads, and must succeed.
    pub(crate) async fn send(&self, call: Call) -> Result<Reply, Error> {
        read_only(call.operation)?;
        self.required(call).await
    }

    /// Reads one page of a list, in halves while it is too large: those decide how large an item is who wrote it.
    pub(crate) async fn page<T: DeserializeOwned>(&self, call: impl Fn() -> Call, after: Option<&Continuation>) -> Result<Page<T>, Error> {
        let mut size = PAGE_SIZE;
        loop {
            match self.send(call().page(size, after.cloned())).await {
                Err(error) if error.detail() == Detail::ReplyTooLarge && size > 1 => size /= 2,
                reply => return reply?.page(),
            }
        }
    }

    /// Sends a call that only reads, and whose subject may be absent.
    pub(crate) async fn get_optional(&self, call: Call) -> Result<Option<Reply>, Error> {
        read_only(call.operation)?;
        self.spoken(call, true).await
    }

    /// Sends a call that changes something, and must succeed.
    pub(crate) async fn write(&self, _: &WriteAccess, call: Call) -> Result<Reply, Error> {
        self.required(call).await
    }

    /// Sends a call that replaces a whole document, unless the api-version in which it would go could lose something by that.
    pub(crate) async fn write_whole(
        &self,
        access: &WriteAccess,
        call: Call,
        loss: impl FnOnce(Spoken) -> Option<String>,
    ) -> Result<Reply, Error> {
        let version = self.version_for(&call);
        match loss(version) {
            Some(why) => {
                let why = format!("it is not written: {why}");
                Err(Failure::new(call.operation.step, Class::Invalid, Detail::ApiVersionUnsupported, why).into())
            }
            None => self.write(access, call.read_in(Some(version))).await,
        }
    }

    /// Sends a call that removes something; what is absent is removed.
    pub(crate) async fn remove(&self, _: &WriteAccess, call: Call) -> Result<(), Error> {
        self.spoken(call, true).await.map(drop)
    }

    async fn required(&self, call: Call) -> Result<Reply, Error> {
        let step = call.operation.step;
        let absent = || Failure::new(step, Class::Conflict, Detail::NotFound, "what was asked for is not there");
        self.spoken(call, false).await?.ok_or_else(|| absent().into())
    }

    /// The api-version in which a call is sent: the one in which its body was read, or the one that the cloud speaks.
    pub(crate) fn version_for(&self, call: &Call) -> Spoken {
        let here = || self.shared.versions.at(call.operation.version, self.host.as_str(), &(self.scope)(), (self.shared.clock)());
        call.read_in.unwrap_or_else(here)
    }

    /// Sends a call, and once more in the older api-version where the newest is refused. What replaces something is not sent
    /// again: the newest may have more fields than the older one.
    async fn spoken(&self, call: Call, may_be_absent: bool) -> Result<Option<Reply>, Error> {
        let version = self.version_for(&call);
        let older = call.operation.version.older().filter(|_| !version.is_older && call.operation.method != Method::Put);
        let Some(older) = older else { return self.observed(call, version, may_be_absent).await };
        let result = self.observed(call.clone(), version, may_be_absent).await;
        if !matches!(&result, Err(error) if error.detail() == Detail::ApiVersionUnsupported) {
            return result;
        }
        let again = self.observed(call, older, may_be_absent).await;
        // Only what the older version opens says that the newest was what was wrong.
        if again.is_ok() {
            self.shared.versions.keep_older(older, self.host.as_str(), &(self.scope)(), (self.shared.clock)());
        }
        again
    }

    async fn observed(&self, call: Call, version: Spoken, may_be_absent: bool) -> Result<Option<Reply>, Error> {
        let operation = call.operation;
        let started = Instant::now();
        let result = self.answered(call, version, may_be_absent).await;
        let outcome = match &result {
            Ok(Some(_)) => Outcome::Done,
            Ok(None) => Outcome::Absent,
            Err(error) => Outcome::Failed(error.class()),
        };
        self.record(operation, outcome, started.elapsed(), &result);
        result
    }

    async fn answered(&self, call: Call, version: Spoken, may_be_absent: bool) -> Result<Option<Reply>, Error> {
        let (operation, asked) = (call.operation, Asked(Instant::now()));
        let target = call.target(version);
        let admission = self.admission(&call, target.as_deref().unwrap_or_default());
        let request = self.request(call, target)?;
        let exchange = async {
            let result = self.exchange((operation, version), request, asked, may_be_absent).await;
            let verdict = verdict(operation.step, result.as_ref().err());
            (result, verdict)
        };
        // In a box, or each of the many futures that wait for it would have room for it twice.
        self.shared.gate.run(admission, Box::pin(exchange)).await.map_err(|rejected| rejected.error(operation.step))?
    }

    fn admission(&self, call: &Call, target: &str) -> Admission {
        let scope = (self.scope)();
        let bulkheads = (self.service.bulkheads)(&self.host, &scope, target);
        Admission { bulkheads, budget: Some(Budget { scope, quota: call.operation.quota, payer: self.payer.clone() }) }
    }

    async fn exchange(
        &self,
        (operation, spoken): (Operation, Spoken),
        mut request: Request,
        asked: Asked,
        may_be_absent: bool,
    ) -> Result<Option<Reply>, Error> {
        let options = PipelineSendOptions { skip_checks: true, ..PipelineSendOptions::default() };
        let sent = self.pipeline.send(&Context::new().with_value(asked), &mut request, Some(options)).await;
        let now = (self.shared.clock)();
        let (status, headers, body) = sent.map_err(|error| unanswered(operation.step, &error, now))?.deconstruct();
        let reply = Reply { operation, spoken, status: status.into(), headers, body: body.into() };
        if (200..300).contains(&reply.status) {
            return Ok(Some(reply));
        }
        let refusal = reply.refusal(now);
        if may_be_absent && refusal.says_absent() { Ok(None) } else { Err(refusal.classify()) }
    }

    fn request(&self, call: Call, target: Option<String>) -> Result<Request, Error> {
        let operation = call.operation;
        let refused = || operation.not_sent("a name cannot be part of a URL");
        let target = target.ok_or_else(refused)?;
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
        let record = CallRecord { host: self.service.name, operation: operation.name, outcome, duration };
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

    /// Reads the body as a document, which knows in which api-version it was read: it is written in no other.
    pub(crate) fn document<T: DeserializeOwned + Versioned>(&self) -> Result<T, Error> {
        self.json::<T>().map(|document| document.read_in(self.spoken))
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

/// Refuses what changes something by its method alone; a POST may ask.
fn read_only(operation: Operation) -> Result<(), Error> {
    match operation.method {
        Method::Get | Method::Head | Method::Post => Ok(()),
        _ => Err(operation.not_sent("it changes something, and was sent as a call that only reads")),
    }
}

/// The failure of a list that does not end.
pub(crate) fn endless(operation: Operation) -> Error {
    let message = "the service's list does not end";
    Failure::new(operation.step, Class::Unavailable, Detail::ReplyUnreadable, message).into()
}

/// What a call says about whom it went to. A failed sign-in says nothing: the call was never sent.
fn verdict(step: &'static str, failure: Option<&Error>) -> Verdict {
    let Some(error) = failure else { return Verdict::Answered };
    match (error.class(), error.status()) {
        _ if error.step() != step => Verdict::Unknown,
        // How large a reply is may be up to whoever wrote what is in it, and closes nobody else's line.
        _ if error.detail() == Detail::ReplyTooLarge => Verdict::Answered,
        (Class::Throttled(Some(wait)), Some(_)) => Verdict::Throttled(wait),
        (_, Some(408 | 500..)) | (Class::Unavailable, None) => Verdict::Missed,
        (_, Some(_)) => Verdict::Answered,
        (_, None) => Verdict::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::{Class, Detail, Error, Failure, Method, Operation, Verdict, read_only, verdict};
    use crate::azure::dps::DpsService;
    use crate::azure::pipeline::version::ApiVersion;

    fn failure(step: &'static str, class: Class, status: Option<u16>) -> Error {
        Failure { status, ..Failure::new(step, class, Detail::Other, "no") }.into()
    }

    #[test]
    fn a_call_that_only_reads_changes_nothing() {
        let operation =
            |method| Operation { name: "n", step: "s", method, template: "/", version: ApiVersion::only("v"), quota: DpsService::QUOTA };
        for (method, reads) in
            [(Method::Get, true), (Method::Post, true), (Method::Put, false), (Method::Patch, false), (Method::Delete, false)]
        {
            assert_eq!(read_only(operation(method)).is_ok(), reads, "{method:?}");
        }
    }

    #[test]
    fn what_the_end_of_a_call_says_about_the_service() {
        let wait = SignedDuration::from_secs(9);
        let table = [
            ("read", Class::Unavailable, Some(503), Verdict::Missed),
            ("read", Class::Unavailable, Some(408), Verdict::Missed),
            ("read", Class::Unavailable, None, Verdict::Missed),
            ("read", Class::Denied, Some(403), Verdict::Answered),
            ("read", Class::Conflict, Some(404), Verdict::Answered),
            ("read", Class::Unavailable, Some(302), Verdict::Answered),
            ("read", Class::Throttled(None), Some(429), Verdict::Answered),
            ("read", Class::Throttled(Some(wait)), Some(429), Verdict::Throttled(wait)),
            ("read", Class::Invalid, None, Verdict::Unknown),
            ("sign in", Class::Unavailable, Some(503), Verdict::Unknown),
            ("sign in", Class::Throttled(Some(wait)), Some(429), Verdict::Unknown),
        ];
        for (step, class, status, said) in table {
            assert_eq!(verdict("read", Some(&failure(step, class, status))), said, "{step} {class:?} {status:?}");
        }
        assert_eq!(verdict("read", None), Verdict::Answered);
        let large = failure("read", Class::Unavailable, None).with_detail(Detail::ReplyTooLarge);
        assert_eq!(verdict("read", Some(&large)), Verdict::Answered);
    }
}
