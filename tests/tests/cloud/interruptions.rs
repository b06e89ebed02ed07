use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
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

fn trouble(host: &str, path: Option<&str>, occurrence: Occurrence, fault: Fault) -> Rule {
    Rule { matching: Match { host: Some(host.to_owned()), path: path.map(str::to_owned), ..Match::default() }, occurrence, fault }
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_asked_no_more_until_one_call_finds_out_that_it_does_again() {
    let bench = Bench::new().await;
    let (dead, alive) = (bench.registry("contoso-east"), bench.registry("contoso-west"));
    let id = DeviceId::parse("d1").expect("a device id");
    bench
        .simulator
        .faults()
        .add(trouble("contoso-east.azure-devices.net", None, Occurrence::First(4), Fault::Status(503)))
        .expect("a rule");
    for _ in 0..3 {
        assert_eq!(dead.device(&id).await.expect_err("it is down").status(), Some(503));
    }
    let held_back = dead.device(&id).await.expect_err("it is not asked");
    assert_eq!((held_back.class(), held_back.detail()), (Class::Unavailable, Detail::NotAnswering));
    assert!(held_back.retry_after().is_some_and(|wait| wait.as_secs() == 4), "{:?}", held_back.retry_after());
    assert_eq!(
        held_back.to_string(),
        "failed to read device identity: contoso-east.azure-devices.net did not answer several calls in a row; until it does, it is \
         asked only now and then"
    );
    assert_eq!(bench.requests_to("contoso-east.azure-devices.net"), 3);
    assert_eq!(alive.device(&id).await, Ok(None));

    bench.simulator.advance(SignedDuration::from_secs(5)).await.expect("nobody follows");
    assert_eq!(dead.device(&id).await.expect_err("it is probed").status(), Some(503));
    bench.simulator.advance(SignedDuration::from_secs(9)).await.expect("nobody follows");
    assert_eq!(dead.device(&id).await.expect_err("the pause has grown").detail(), Detail::NotAnswering);
    bench.simulator.advance(SignedDuration::from_secs(1)).await.expect("nobody follows");
    assert_eq!([dead.device(&id).await, dead.device(&id).await], [Ok(None), Ok(None)]);
}

#[tokio::test]
async fn a_resource_that_hangs_does_not_hold_up_the_others_of_its_subscription() {
    let bench = Bench::with(Options::default(), |options| options.total_timeout = Duration::from_millis(1500)).await;
    bench.registry("contoso-east");
    bench.registry("contoso-west");
    let hangs = trouble("management.azure.com", Some("contoso-east"), Occurrence::Every, Fault::Slow(60_000));
    bench.simulator.faults().add(hangs).expect("a rule");
    let arm = bench.arm();
    let (dead, alive) = (resource("contoso-east"), resource("contoso-west"));
    assert!(arm.hub(&alive).await.expect("it answers").is_some(), "it has signed in");
    let many = futures::future::join_all((0..30).map(|_| arm.hub(&dead)));
    let started = Instant::now();
    let (failed, found) = tokio::join!(many, async {
        let found = arm.hub(&alive).await;
        (found.expect("it answers").is_some(), started.elapsed() < Duration::from_secs(1))
    });
    assert_eq!(found, (true, true));
    let details: Vec<_> = failed.into_iter().filter_map(|result| result.err().map(|error| error.detail())).collect();
    // Four were under way and the others waited for a moment only.
    assert_eq!(details.iter().filter(|detail| **detail == Detail::AnswerLost).count(), 4, "{details:?}");
    assert_eq!(details.iter().filter(|detail| **detail == Detail::BulkheadFull).count(), 26, "{details:?}");
    assert_eq!(arm.hub(&dead).await.expect_err("it is not asked").detail(), Detail::NotAnswering);
    assert!(arm.hub(&alive).await.expect("it answers").is_some());
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
