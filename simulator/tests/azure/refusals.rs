//! What is refused, and in which words: one row a refusal, as each service writes it.

use crate::bench::{self, Bench, GROUP_KEY, HUBS, OTHER_GROUP_KEY, ask_token, sas};
use moorage_simulator::{Application, CLIENT_SECRET, Options, TENANT};
use serde_json::Value;

/// The tenant that has nothing to do with the subscription.
pub const OTHER_TENANT: &str = "99999999-9999-4999-8999-999999999999";
/// An application of the other tenant.
const STRANGER: &str = "88888888-8888-4888-8888-888888888888";
/// An application of the tenant, without a role anywhere.
const POWERLESS: &str = "77777777-7777-4777-8777-777777777777";

/// An error, as its service writes it.
pub enum Says {
    /// Microsoft Entra: the error, and the number of its AADSTS code.
    Entra(&'static str, u64),
    /// The resource manager itself.
    Manager(&'static str),
    /// `Microsoft.Devices` in the resource manager: the number, and the status in words.
    Devices(u64, &'static str),
    /// The provisioning service's two APIs.
    Provisioning(u64),
    /// A hub's data plane.
    Hub(&'static str),
}

/// A request, and its refusal.
pub struct Row {
    what: &'static str,
    by: String,
    method: &'static str,
    url: String,
    if_match: Option<&'static str>,
    body: Option<(&'static str, String)>,
    status: u16,
    says: Says,
}

/// A row that is not refused yet.
pub fn row(what: &'static str, by: &str, method: &'static str, url: &str) -> Row {
    let (by, url) = (by.to_owned(), url.to_owned());
    Row { what, by, method, url, if_match: None, body: None, status: 0, says: Says::Manager("") }
}

impl Row {
    pub fn if_match(self, etag: &'static str) -> Self {
        Self { if_match: Some(etag), ..self }
    }

    pub fn json(self, body: &Value) -> Self {
        self.text("application/json", &body.to_string())
    }

    pub fn text(self, kind: &'static str, body: &str) -> Self {
        Self { body: Some((kind, body.to_owned())), ..self }
    }

    pub fn refused(self, status: u16, says: Says) -> Self {
        Self { status, says, ..self }
    }

    /// What is answered otherwise than the row says, if anything is.
    async fn broken(&self, bench: &Bench) -> Option<String> {
        let mut request = bench.client.request(self.method.parse().unwrap(), &self.url);
        if !self.by.is_empty() {
            request = request.header("authorization", &self.by);
        }
        if let Some(etag) = self.if_match {
            request = request.header("if-match", etag);
        }
        if let Some((kind, body)) = &self.body {
            request = request.header("content-type", *kind).body(body.clone());
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default();
        let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let fits = status == self.status
            && (status != 429 || header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0))
            && self.says.fits(status, &body, &header);
        (!fits).then(|| format!("{}: {status} {body} {headers:?}", self.what))
    }
}

impl Says {
    fn fits(&self, status: u16, body: &Value, header: &dyn Fn(&str) -> String) -> bool {
        let text = |field: &str| body[field].as_str().is_some_and(|text| !text.is_empty());
        match *self {
            Self::Entra(error, code) => {
                let described = body["error_description"].as_str().unwrap_or_default();
                body["error"] == error
                    && body["error_codes"] == serde_json::json!([code])
                    && described.starts_with(&format!("AADSTS{code}: "))
                    && ["timestamp", "trace_id", "correlation_id"].into_iter().all(text)
            }
            Self::Manager(code) => {
                let error = &body["error"];
                keys(body) == ["error"]
                    && keys(error) == ["code", "message"]
                    && error["code"] == code
                    && is_traced(header)
                    && (status != 401 || header("www-authenticate").starts_with("Bearer "))
            }
            Self::Devices(code, words) => {
                let message = body["message"].as_str().unwrap_or_default();
                keys(body) == ["code", "httpStatusCode", "message"]
                    && body["code"] == code
                    && body["httpStatusCode"] == words
                    && message.ends_with(&format!("errorcode: IH{code}."))
                    && is_traced(header)
            }
            Self::Provisioning(code) => {
                keys(body) == ["errorCode", "message", "timestampUtc", "trackingId"]
                    && body["errorCode"] == code
                    && ["message", "timestampUtc", "trackingId"].into_iter().all(text)
                    && header("x-ms-error-code") == code.to_string()
            }
            Self::Hub(name) => {
                let message = body["Message"].as_str().unwrap_or_default();
                keys(body) == ["ExceptionMessage", "Message"]
                    && message.starts_with(&format!("ErrorCode:{name};"))
                    && text("ExceptionMessage")
                    && header("iothub-errorcode") == name
            }
        }
    }
}

fn is_traced(header: &dyn Fn(&str) -> String) -> bool {
    ["x-ms-request-id", "x-ms-correlation-request-id"].iter().all(|name| !header(name).is_empty())
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    keys
}

/// Asks every row, and tells all that are not refused as they should be.
pub async fn all_hold(bench: &Bench, rows: &[Row]) {
    let mut broken = Vec::new();
    for row in rows {
        broken.extend(row.broken(bench).await);
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// A cloud with two linked hubs, the group `g1`, and people who may nothing.
pub async fn cloud(adjust: impl FnOnce(&mut Options)) -> Bench {
    let mut options = bench::options();
    let application = |tenant: &str, client: &str, subscriptions| Application {
        tenants: vec![tenant.to_owned()],
        client_id: client.to_owned(),
        subscriptions,
        ..Application::default()
    };
    options.applications.push(application(OTHER_TENANT, STRANGER, None));
    options.applications.push(application(TENANT, POWERLESS, Some(Vec::new())));
    adjust(&mut options);
    let bench = Bench::with(options).await;
    bench.provisioned(&HUBS).await;
    bench
}

/// Bearer tokens for one audience.
pub struct Bearers {
    pub good: String,
    pub of_another_tenant: String,
    pub without_a_role: String,
}

impl Bearers {
    pub async fn of(bench: &Bench, audience: &str) -> Self {
        let scope = format!("{audience}/.default");
        let ask = async |tenant: &str, client: &str| {
            let got = ask_token(&bench.client, tenant, client, CLIENT_SECRET, &scope).await;
            format!("Bearer {}", got.body["access_token"].as_str().unwrap())
        };
        Self {
            good: ask(TENANT, moorage_simulator::CLIENT).await,
            of_another_tenant: ask(OTHER_TENANT, STRANGER).await,
            without_a_role: ask(TENANT, POWERLESS).await,
        }
    }
}

/// Signatures that open nothing, each for another reason.
pub struct Signatures {
    pub good: String,
    pub by_another_key: String,
    pub expired: String,
    pub for_another_resource: String,
    pub without_a_policy: String,
    pub by_no_policy: String,
    pub by_a_reader: String,
}

impl Signatures {
    /// For a host, by the keys of its owner's policy and of a policy that may only read.
    pub fn of(bench: &Bench, host: &str, owner: (&str, &str), reader: (&str, &str)) -> Self {
        let now = bench.simulator.now().as_second();
        let sign = |resource: &str, key: &str, policy: Option<&str>, seconds: i64| sas(resource, key, policy, now + seconds);
        Self {
            good: sign(host, owner.1, Some(owner.0), 600),
            by_another_key: sign(host, GROUP_KEY, Some(owner.0), 600),
            expired: sign(host, owner.1, Some(owner.0), -1),
            for_another_resource: sign(&format!("other-{host}"), owner.1, Some(owner.0), 600),
            without_a_policy: sign(host, owner.1, None, 600),
            by_no_policy: sign(host, OTHER_GROUP_KEY, Some("nobody"), 600),
            by_a_reader: sign(host, reader.1, Some(reader.0), 600),
        }
    }
}
