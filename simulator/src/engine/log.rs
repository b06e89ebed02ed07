//! The log of every request to a simulated host; it never holds a body or a credential.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};

use jiff::Timestamp;
use serde::Serialize;

use crate::engine::faults::Fault;

/// One request.
#[derive(Debug, Clone, Serialize)]
pub struct LoggedRequest {
    /// Counts from 1 in the order of arrival.
    pub seq: u64,
    /// The domain time of its arrival.
    pub when: Timestamp,
    /// The client's network address.
    pub remote_ip: IpAddr,
    /// The client id, policy or device that the credentials name; empty without credentials.
    pub caller: String,
    /// The host without port.
    pub host: String,
    /// The method.
    pub method: String,
    /// The path as sent.
    pub path: String,
    /// The query's pairs, decoded.
    pub query: Vec<(String, String)>,
    /// The OpenAPI operation id.
    pub operation: Option<String>,
    /// The answer's status; `None` when the request was lost before its effect.
    pub status: Option<u16>,
    /// Whether it may change something.
    pub writes: bool,
    /// The fault that hit it.
    pub fault: Option<Fault>,
    /// The first product that its `User-Agent` names; empty without one.
    pub product: String,
    /// Whether its sender is refused whatever breaks the OpenAPI.
    pub held: bool,
    /// How it breaks the OpenAPI.
    pub violations: Vec<String>,
}

#[derive(Default)]
struct Pages {
    requests: Vec<LoggedRequest>,
    answer_violations: Vec<String>,
}

#[derive(Default)]
pub(crate) struct Log {
    pages: Mutex<Pages>,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().expect("nothing panics while the log is held")
    }

    /// Appends an entry and gives it its number.
    pub fn push(&self, mut entry: LoggedRequest) -> u64 {
        let mut pages = self.lock();
        entry.seq = pages.requests.len() as u64 + 1;
        let seq = entry.seq;
        pages.requests.push(entry);
        seq
    }

    /// Completes an entry.
    pub fn complete(&self, seq: u64, change: impl FnOnce(&mut LoggedRequest)) {
        let place = usize::try_from(seq).ok().and_then(|seq| seq.checked_sub(1));
        let mut pages = self.lock();
        if let Some(entry) = place.and_then(|place| pages.requests.get_mut(place)) {
            change(entry);
        }
    }

    /// Notes what is wrong with an answer of the simulator itself.
    pub fn note_answer(&self, seq: u64, operation: Option<&str>, status: u16, wrong: Vec<String>) {
        if wrong.is_empty() {
            return;
        }
        let operation = operation.unwrap_or_default();
        let mut pages = self.lock();
        for violation in wrong {
            let line = format!("#{seq} {operation} {status}: {violation}");
            tracing::warn!(line, "An answer breaks the OpenAPI");
            pages.answer_violations.push(line);
        }
    }

    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.lock().requests.clone()
    }

    pub fn count(&self, which: impl Fn(&LoggedRequest) -> bool) -> usize {
        self.lock().requests.iter().filter(|request| which(request)).count()
    }

    pub fn answer_violations(&self) -> Vec<String> {
        self.lock().answer_violations.clone()
    }

    /// The violations of all requests, one line each.
    pub fn violations(&self) -> Vec<String> {
        let pages = self.lock();
        let lines = pages.requests.iter().flat_map(|request| {
            request
                .violations
                .iter()
                .map(move |violation| format!("#{} {} {}{}: {violation}", request.seq, request.method, request.host, request.path))
        });
        lines.collect()
    }
}
