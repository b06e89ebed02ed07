use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use moorage_cloud::{Class, Detail, EndpointMap, Error, TransportOptions};
use moorage_keys::DeviceId;
use moorage_simulator::{CLIENT_SECRET, Fault, Match, Occurrence, Options, Rule};

use crate::setup::{Bench, resource};

async fn looked_up_under(fault: Fault, adjust: impl FnOnce(&mut TransportOptions)) -> Error {
    let bench = Bench::with(Options::default(), adjust).await;
    let registry = bench.registry("contoso-east");
    let rule = Rule { matching: Match::default(), occurrence: Occurrence::Every, fault };
    bench.simulator.faults().add(rule).expect("a rule");
    registry.device(&DeviceId::parse("d1").expect("a device id")).await.expect_err("no answer")
}

#[tokio::test]
async fn an_answer_that_is_lost_is_told_from_one_that_says_no() {
    for fault in [Fault::LostBefore, Fault::LostAfter, Fault::Truncated] {
        let error = looked_up_under(fault, |_| ()).await;
        assert_eq!((error.class(), error.detail(), error.status()), (Class::Unavailable, Detail::AnswerLost, None), "{fault:?}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_lost() {
    let error = looked_up_under(Fault::Slow(10_000), |options| options.total_timeout = Duration::from_millis(300)).await;
    assert_eq!((error.class(), error.detail()), (Class::Unavailable, Detail::AnswerLost));
    assert_eq!(error.to_string(), "failed to read device identity: the answer did not come in time");
}

#[tokio::test]
async fn a_reply_that_is_too_large_is_not_read() {
    let error = looked_up_under(Fault::Oversized(5_000_000), |_| ()).await;
    assert_eq!((error.class(), error.detail()), (Class::Unavailable, Detail::ReplyTooLarge));
    assert_eq!(error.to_string(), "failed to read device identity: the reply is larger than 4194304 bytes");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let error = looked_up_under(Fault::Status(307), |_| ()).await;
    assert_eq!((error.class(), error.status()), (Class::Unavailable, Some(307)));
}

#[tokio::test]
async fn a_host_that_is_not_there_is_told_from_an_answer_that_is_lost() {
    let nobody = |options: &mut TransportOptions| {
        if let Some(map) = &mut options.endpoint_map {
            map.address.set_port(1);
        }
    };
    let bench = Bench::with(Options::default(), nobody).await;
    let error = bench.arm().hub(&resource("contoso-east")).await.expect_err("nobody is there");
    assert_eq!((error.class(), error.detail()), (Class::Unavailable, Detail::NotConnected));
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let stranger = Bench::new().await;
    let authority = stranger.simulator.ca_pem().to_owned();
    let bench = Bench::with(Options::default(), |options| {
        let address = options.endpoint_map.as_ref().expect("a map").address;
        options.endpoint_map = Some(EndpointMap { address, ca_pem: authority });
    })
    .await;
    let error = bench.arm().hub(&resource("contoso-east")).await.expect_err("it is a stranger's");
    assert_eq!((error.class(), error.detail()), (Class::Unavailable, Detail::NotConnected));
    assert_eq!(bench.requests_to(""), 0);
}

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_log_at_trace_names_each_call_and_holds_no_secret() {
    let paper = Paper::default();
    let writer = paper.clone();
    let filter = tracing_subscriber::EnvFilter::new("trace,moorage_simulator=off");
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || writer.clone()).with_ansi(false).finish();
    tracing::subscriber::set_global_default(log).expect("no other test logs");
    let bench = Bench::new().await;
    let dps = bench.dps("contoso-dps", "contoso-east");
    let keys = bench.arm().hub_keys(&resource("contoso-east")).await.expect("keys");
    assert_eq!(dps.group("contoso").await, Ok(None));

    let log = String::from_utf8(paper.0.lock().expect("no panic").clone()).expect("text");
    assert!(log.contains("path=\"/enrollmentGroups/{}\""), "the clients were not heard");
    assert!(log.contains("typespec_client_core"), "the libraries were not heard");
    let mut secrets = bench.simulator.secrets_ever_held();
    secrets.push(CLIENT_SECRET.to_owned());
    secrets.extend(keys.iter().map(|key| key.keys.primary.expose_base64().to_string()));
    for secret in secrets.iter().filter(|secret| secret.len() >= 8) {
        assert!(!log.contains(secret.as_str()), "a secret was logged");
    }
    assert!(!log.contains("SharedAccessSignature"), "a token was logged");
}
