use std::cell::OnceCell;
use std::sync::Arc;

use jiff::Timestamp;
use moorage_cloud::{Azure, Cloud, Detail, EndpointMap, Error, PolicyKey, Transport, TransportOptions};
use moorage_keys::{SymmetricKey, Token};
use tokio::runtime::{Builder, Runtime};

use super::Outcome;
use super::hostile::{Heard, Hostile, Reply, Script};

mod call;

use call::Call;

/// More than this is never read of a reply.
const REPLY_LIMIT: usize = 64 * 1024;
/// Far more than what is read.
const LONG: usize = 96 * 1024;

const TENANT: &str = "11111111-1111-4111-8111-111111111111";
const APPLICATION: &str = "22222222-2222-4222-8222-222222222222";
const SUBSCRIPTION: &str = "33333333-3333-4333-8333-333333333333";

/// What the client proves itself with; none of it opens anything.
const KEY: &str = "p3w2DQr9WqEG/LUSlFi1jPQ7U/QL4siAGy75HFTFbf8=";
const SECRET: &str = "3fX8Q~fuzzing.only-opens_nothing4Cw0N2dcTj";
const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJhdWQiOiJmdXp6aW5nIn0.bm9ib2R5LXNpZ25lZA";

/// Replies of the cloud, to the real client: after a line with the name of a call come replies, divided by `%%`, each with its
/// status, its headers, an empty line and its body.
///
/// In them `{key}`, `{secret}`, `{token}` and `{authorization}` stand for what the client proves itself with, and `{long}` for
/// more than it may read.
pub fn replies(data: &[u8]) -> Outcome {
    thread_local! { static BENCH: OnceCell<Bench> = const { OnceCell::new() } }
    let (call, replies) = read(data);
    BENCH.with(|bench| bench.get_or_init(Bench::new).put(call, replies))
}

struct Bench {
    runtime: Runtime,
    hostile: Hostile,
    transport: Transport,
}

impl Bench {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let hostile = runtime.block_on(Hostile::start()).expect("a server on loopback");
        let map = EndpointMap { address: hostile.address, ca_pem: hostile.ca_pem.clone() };
        let options = TransportOptions { endpoint_map: Some(map), reply_limit: REPLY_LIMIT, ..TransportOptions::default() };
        let transport = Transport::new(&options).expect("a transport");
        Self { runtime, hostile, transport }
    }

    fn put(&self, call: Call, replies: Vec<Reply>) -> Outcome {
        // A list whose page is too large is asked for again, so that another reply may follow.
        let too_long = !replies.is_empty() && replies.iter().all(|reply| reply.bytes.len() > REPLY_LIMIT + 4096 && !reply.closes);
        *self.hostile.script() = Script::new(call.speaker(), replies, aside(call));
        let now = Timestamp::from_second(1_782_907_200).expect("a time");
        let (azure, access) = Azure::new(Cloud::public(), self.transport.clone(), Arc::new(move || now));
        let result = self.runtime.block_on(call.make(&azure, &access));
        let heard = std::mem::take(&mut self.hostile.script().heard);
        heard.iter().for_each(stays_in_the_cloud);
        if let Err(error) = &result {
            tells_nothing(error, &heard);
        }
        let whole = !result.as_ref().is_err_and(|error| matches!(error.detail(), Detail::ReplyTooLarge | Detail::AnswerLost));
        assert!(!(too_long && whole), "too much is read: {result:?}");
        if result.is_ok() { Outcome::Accepted } else { Outcome::Refused }
    }
}

/// Nobody else is asked, and what proves us goes to nobody but whom it is for.
fn stays_in_the_cloud(heard: &Heard) {
    let host = heard.host.as_str();
    let own = |domain: &str| host.strip_suffix(domain).is_some_and(|name| !name.is_empty());
    let data = own(".azure-devices.net") || own(".azure-devices-provisioning.net");
    let known = data || matches!(host, "login.microsoftonline.com" | "management.azure.com");
    assert!(known, "a request left the cloud: {heard:?}");
    let fits = match heard.authorization.split_once(' ') {
        None => true,
        Some(("Bearer", _)) => host == "management.azure.com" && heard.target.starts_with("/subscriptions/"),
        Some((_, token)) => data && token.strip_prefix("sr=").is_some_and(|token| token.starts_with(&format!("{host}&"))),
    };
    assert!(fits, "what proves us went astray: {heard:?}");
}

/// What is told of a failure is short, and nothing in it opens anything.
fn tells_nothing(error: &Error, heard: &[Heard]) {
    assert!(error.message().chars().count() <= 400, "too long a sentence: {}", error.message());
    assert!(error.code().is_none_or(|code| code.chars().count() <= 80), "too long a code: {error}");
    let told = format!("{} {:?}", super::told(error), error.request_id());
    let mut secrets = vec![KEY, SECRET, TOKEN];
    for heard in heard {
        let (_, proof) = heard.authorization.split_once(' ').unwrap_or_default();
        let signature = proof.split('&').find_map(|field| field.strip_prefix("sig="));
        secrets.push(signature.unwrap_or(proof));
    }
    for secret in secrets {
        super::assert_untold(secret, &told);
    }
}

/// What those say who are not the ones in question.
fn aside(call: Call) -> Reply {
    let token = format!(r#"{{"token_type":"Bearer","expires_in":3599,"access_token":"{TOKEN}"}}"#);
    let body = if call.speaker() == call::LOGIN { r#"{"value":[]}"#.to_owned() } else { token };
    Reply::new("200 OK", b"content-type: application/json", body.as_bytes())
}

fn read(data: &[u8]) -> (Call, Vec<Reply>) {
    let (name, rest) = divided(data, b"\n").unwrap_or((data, b""));
    let mut replies = Vec::new();
    let mut rest = Some(rest);
    while let Some(text) = rest {
        let (reply, after) = divided(text, b"\n%%\n").map_or((text, None), |(reply, after)| (reply, Some(after)));
        replies.push(reply_of(reply));
        rest = after.filter(|_| replies.len() < 4);
    }
    (Call::named(name), replies)
}

fn reply_of(text: &[u8]) -> Reply {
    let (head, body) = divided(text, b"\n\n").unwrap_or((text, b""));
    let (status, headers) = divided(head, b"\n").unwrap_or((head, b""));
    let status = String::from_utf8_lossy(status);
    let status = if status.len() >= 3 && status.bytes().take(3).all(|byte| byte.is_ascii_digit()) { &*status } else { "200" };
    Reply::new(status, &planted(headers, 0), &planted(body, LONG))
}

fn planted(text: &[u8], long: usize) -> Vec<u8> {
    let text = replaced(text, b"{key}", KEY.as_bytes());
    let text = replaced(&text, b"{secret}", SECRET.as_bytes());
    let mut text = replaced(&text, b"{token}", TOKEN.as_bytes());
    if let Some((before, after)) = divided(&text, b"{long}") {
        text = [before, &vec![b' '; long], after].concat();
    }
    text
}

fn divided<'a>(text: &'a [u8], by: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(by.len()).position(|window| window == by)?;
    Some((&text[..at], &text[at + by.len()..]))
}

/// The same with a word in place of each mark.
pub(super) fn replaced(text: &[u8], mark: &[u8], word: &[u8]) -> Vec<u8> {
    let (mut done, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = divided(rest, mark) {
        done.extend_from_slice(before);
        done.extend_from_slice(word);
        rest = after;
    }
    done.extend_from_slice(rest);
    done
}

fn policy(name: &str) -> PolicyKey {
    PolicyKey { name: name.to_owned(), key: SymmetricKey::from_base64(KEY).expect("a constant key") }
}

fn secret() -> Token {
    Token::new(SECRET)
}
