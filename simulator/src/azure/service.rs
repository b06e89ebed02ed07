//! What a service of Azure declares of itself. Nothing but the one list, in `azure.rs`, knows it by name.

use std::io;
use std::sync::Arc;

use jiff::Timestamp;

use crate::azure::clouds::Names;
use crate::azure::resource::kind::ResourceType;
use crate::azure::state::Azure;
use crate::engine::cloud::Boxed;
use crate::engine::http::{Request, Response};
use crate::engine::mqtt::login::LoginError;
use crate::engine::mqtt::{Admission, Login};
use crate::engine::server::Server;
use crate::engine::snapshot::{Origin, Snapshot};
use crate::spec::{Finding, Specs};

/// A service: at which hosts it answers, what, and how it words a failure.
pub(crate) trait Service: Sync {
    /// The hosts at which it answers: names, and suffixes that begin with a dot.
    fn hosts(&self) -> &'static [Names] {
        &[]
    }

    /// The resources for which tokens are asked that it takes.
    fn audiences(&self) -> &'static [Names] {
        &[]
    }

    /// Whether clients that can only be pointed at one local address mean it, by the path.
    fn is_meant_by(&self, _path: &[String]) -> bool {
        false
    }

    /// The OpenAPI that requests and answers are checked against.
    fn specs(&self) -> Specs {
        Specs::NONE
    }

    /// Its types of resources of the resource manager.
    fn resource_types(&self) -> &'static [&'static dyn ResourceType] {
        &[]
    }

    /// Makes its own part of the state.
    fn start(&self, _azure: &mut Azure) {}

    /// Answers a request to one of its hosts.
    fn answer(&self, azure: &mut Azure, request: &Request, now: Timestamp) -> Response;

    /// The answer with a status that something else decided, in its own words.
    fn error(&self, status: u16, text: &str, now: Timestamp) -> Response;

    /// The answer to a request that breaks the OpenAPI.
    fn spec_error(&self, _finding: &Finding, text: &str, now: Timestamp) -> Response {
        self.error(400, text, now)
    }

    /// Puts onto an answer what it adds to each.
    fn traced(&self, _request: &Request, _seq: u64, response: Response) -> Response {
        response
    }

    /// Whether a POST only reads.
    fn only_reads(&self, _request: &Request) -> bool {
        false
    }

    /// Has the device at the other end of an MQTT connection log in; `None` when the user name is another service's.
    fn log_in(&self, _login: &Login<Azure>) -> Option<Result<Admission, LoginError>> {
        None
    }

    /// Follows up on a change of the state, its own or another service's.
    fn changed(&self, _azure: &mut Azure, _now: Timestamp) {}

    /// What it does on its own, until the simulator ends.
    ///
    /// # Errors
    /// The options cannot be used.
    fn background(&self, _server: &Arc<Server<Azure>>) -> io::Result<Option<Boxed<'static, ()>>> {
        Ok(None)
    }

    /// Prints its part of the state.
    fn snapshot(&self, _azure: &Azure, _page: &mut Snapshot<'_>) {}

    /// Knows the secrets that are made from one of its own.
    fn origin<'a>(&self, _azure: &'a Azure) -> Option<Origin<'a>> {
        None
    }

    /// Answers a GET of the simulator's own paths.
    fn control(&self, _azure: &Azure, _path: &[&str]) -> Option<Response> {
        None
    }
}
