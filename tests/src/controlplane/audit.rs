//! Reading the API server's audit log: who asked for what, and what came of it.

use crate::wait::{NotYet, until};
use anyhow::Context;
use jiff::Timestamp;
use serde::Deserialize;
use std::{
    fs::File,
    io::{ErrorKind, Read, Seek, SeekFrom},
    net::IpAddr,
    path::PathBuf,
    time::Duration,
};

const SOON: Duration = Duration::from_secs(10);

/// A reader of the audit log, from its start or from a point in time.
///
/// The API server writes an entry at the end of a request, which may be just after its client has the answer:
/// wait with [`AuditLog::until`] for an entry that must come.
#[derive(Clone, Debug)]
pub struct AuditLog {
    path: PathBuf,
    /// The byte where reading begins.
    from: u64,
}

/// One request in the audit log, or the beginning of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// `ResponseStarted` (watches only), `ResponseComplete` or `Panic`.
    pub stage: String,
    /// The user who asked, after authentication and before impersonation.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// The API group, empty for the core.
    pub group: String,
    /// The plural name, as `configmaps`.
    pub resource: String,
    /// As `status`, or empty.
    pub subresource: String,
    /// Empty for what has no namespace.
    pub namespace: String,
    /// Empty where the request names no object; a create names one only in newer versions.
    pub name: String,
    /// The HTTP status of the answer.
    pub code: u16,
    /// Path and query.
    pub request_uri: String,
    /// When the request came in.
    pub received: Timestamp,
    /// The address that it came from.
    pub source: Option<IpAddr>,
}

impl AuditEvent {
    /// Whether the request could change what is stored: a writing verb that is neither a review,
    /// a token request nor a dry run. It may have been refused, see [`AuditEvent::code`].
    pub fn is_write(&self) -> bool {
        let writes = ["create", "update", "patch", "delete", "deletecollection"].contains(&self.verb.as_str());
        let only_asks = ["authentication.k8s.io", "authorization.k8s.io"].contains(&self.group.as_str());
        writes && !only_asks && self.subresource != "token" && !self.request_uri.contains("dryRun=All")
    }

    /// Whether the request read objects once; a watch does not count.
    pub fn is_read(&self) -> bool {
        self.verb == "get" || self.verb == "list"
    }
}

impl AuditLog {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, from: 0 }
    }

    /// The same log without what it holds by now.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn from_now(&self) -> anyhow::Result<Self> {
        Ok(Self { path: self.path.clone(), from: self.from + self.read()?.len() as u64 })
    }

    /// All entries so far, oldest first.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or holds a line that is no audit event.
    pub fn entries(&self) -> anyhow::Result<Vec<AuditEvent>> {
        let text = self.read()?;
        text.lines().map(|line| parse(line).with_context(|| format!("not an audit event: {line}"))).collect()
    }

    /// The requests of `user` that could change something, see [`AuditEvent::is_write`].
    ///
    /// # Errors
    ///
    /// As [`AuditLog::entries`].
    pub fn writes_of(&self, user: &str) -> anyhow::Result<Vec<AuditEvent>> {
        self.of(user, AuditEvent::is_write)
    }

    /// The requests of `user` that read from the API server, without watches.
    ///
    /// # Errors
    ///
    /// As [`AuditLog::entries`].
    pub fn reads_of(&self, user: &str) -> anyhow::Result<Vec<AuditEvent>> {
        self.of(user, AuditEvent::is_read)
    }

    /// Waits up to ten seconds for an entry that is `wanted`, and returns the first.
    ///
    /// # Errors
    ///
    /// None came in time, or the log cannot be read.
    pub async fn until(&self, what: &str, wanted: impl Fn(&AuditEvent) -> bool) -> anyhow::Result<AuditEvent> {
        let look = || async {
            let entries = self.entries().map_err(NotYet::seen)?;
            let seen = entries.len();
            entries.into_iter().find(&wanted).ok_or_else(|| NotYet::seen(format!("{seen} other entries")))
        };
        until(what, SOON, look).await
    }

    fn of(&self, user: &str, wanted: impl Fn(&AuditEvent) -> bool) -> anyhow::Result<Vec<AuditEvent>> {
        let mut entries = self.entries()?;
        entries.retain(|event| event.user == user && wanted(event));
        Ok(entries)
    }

    /// The complete lines of the log; the last one may be half written.
    fn read(&self) -> anyhow::Result<String> {
        let mut bytes = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.from))?;
            file.read_to_end(&mut bytes)
        });
        match read {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
            read => read.with_context(|| format!("failed to read {}", self.path.display()))?,
        };
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        bytes.truncate(end);
        String::from_utf8(bytes).context("the audit log is not text")
    }
}

/// The fields of `audit.k8s.io/v1` that are read here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    stage: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    verb: String,
    user: User,
    #[serde(default)]
    object_ref: ObjectRef,
    #[serde(default)]
    response_status: ResponseStatus,
    request_received_timestamp: Timestamp,
    #[serde(default, rename = "sourceIPs")]
    sources: Vec<IpAddr>,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ObjectRef {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResponseStatus {
    code: u16,
}

fn parse(line: &str) -> serde_json::Result<AuditEvent> {
    let line: Line = serde_json::from_str(line)?;
    Ok(AuditEvent {
        stage: line.stage,
        user: line.user.username,
        verb: line.verb,
        group: line.object_ref.api_group,
        resource: line.object_ref.resource,
        subresource: line.object_ref.subresource,
        namespace: line.object_ref.namespace,
        name: line.object_ref.name,
        code: line.response_status.code,
        request_uri: line.request_uri,
        received: line.request_received_timestamp,
        source: line.sources.first().copied(),
    })
}

#[cfg(test)]
mod tests {
    use super::{AuditEvent, AuditLog};
    use std::{fs, net::IpAddr};

    const LINE: &str = r#"{"kind":"Event","level":"Metadata","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/a/configmaps?fieldManager=m","verb":"create","user":{"username":"alice","groups":["system:authenticated"]},"objectRef":{"resource":"configmaps","namespace":"a","name":"c","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":201},"sourceIPs":["127.0.0.1"],"requestReceivedTimestamp":"2026-11-25T12:00:00.000001Z"}"#;

    fn created() -> AuditEvent {
        AuditEvent {
            stage: "ResponseComplete".into(),
            user: "alice".into(),
            verb: "create".into(),
            group: String::new(),
            resource: "configmaps".into(),
            subresource: String::new(),
            namespace: "a".into(),
            name: "c".into(),
            code: 201,
            request_uri: "/api/v1/namespaces/a/configmaps?fieldManager=m".into(),
            received: "2026-11-25T12:00:00.000001Z".parse().expect("a time"),
            source: Some(IpAddr::from([127, 0, 0, 1])),
        }
    }

    #[test]
    fn a_half_written_last_line_is_left_for_later() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let log = AuditLog::new(file.path().to_owned());
        fs::write(file.path(), format!("{LINE}\n{}", &LINE[..99])).expect("written");
        assert_eq!(log.entries().expect("readable"), [created()]);

        let later = log.from_now().expect("readable");
        assert_eq!(later.entries().expect("readable"), []);
        fs::write(file.path(), format!("{LINE}\n{LINE}\n")).expect("written");
        assert_eq!(later.entries().expect("readable"), [created()]);
    }

    #[test]
    fn a_write_is_what_could_change_something() {
        let with = |change: fn(&mut AuditEvent)| {
            let mut event = created();
            change(&mut event);
            event.is_write()
        };
        assert!(with(|_| {}));
        assert!(with(|event| event.code = 409));
        assert!(with(|event| event.subresource = "status".into()));
        assert!(!with(|event| event.verb = "watch".into()));
        assert!(!with(|event| event.subresource = "token".into()));
        assert!(!with(|event| event.group = "authorization.k8s.io".into()));
        assert!(!with(|event| event.request_uri += "&dryRun=All"));
    }
}
