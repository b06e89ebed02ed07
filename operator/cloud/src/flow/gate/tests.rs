//! The gate, with futures in place of calls and on a clock that stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use jiff::{SignedDuration, Timestamp};

use super::{Admission, Budget, Bulkhead, Gate, Limit, Quota, Rejected, Verdict};

const QUOTA: Quota = Quota { name: "reads", limit: Limit { burst: 4, per_minute: 1 } };
const HOST: &str = "host.example.net";

/// A gate, the time that it is told, and how many calls were run behind it.
struct Bench {
    gate: Gate,
    seconds: Arc<AtomicI64>,
    ran: AtomicUsize,
}

impl Bench {
    fn new() -> Self {
        let seconds = Arc::new(AtomicI64::new(1_000_000));
        let shown = seconds.clone();
        let clock = move || Timestamp::from_second(shown.load(Ordering::Relaxed)).expect("a time");
        Self { gate: Gate::new(Arc::new(clock)), seconds, ran: AtomicUsize::new(0) }
    }

    async fn call(&self, verdict: Verdict) -> Result<usize, Rejected> {
        self.gate.run(admission(Some("contoso")), async { (self.ran.fetch_add(1, Ordering::Relaxed), verdict) }).await
    }

    fn ran(&self) -> usize {
        self.ran.load(Ordering::Relaxed)
    }
}

/// What a call to the host has to pass; without a payer it is not counted.
fn admission(payer: Option<&str>) -> Admission {
    let budget = payer.map(|payer| Budget { scope: HOST.into(), quota: QUOTA, payer: payer.into() });
    Admission { bulkheads: vec![Bulkhead { width: 1, ..Bulkhead::of_host(HOST) }], budget }
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

#[tokio::test]
async fn a_call_is_run_and_its_result_handed_back() {
    let bench = Bench::new();
    assert_eq!([bench.call(Verdict::Answered).await, bench.call(Verdict::Unknown).await], [Ok(0), Ok(1)]);
    assert_eq!(bench.gate.headroom().iter().map(|left| (left.quota, left.left)).collect::<Vec<_>>(), [("reads", 0.5)]);
    assert_eq!(bench.gate.not_answering(), Vec::<String>::new());
}

#[tokio::test]
async fn who_does_not_answer_is_not_called_until_the_pause_is_over_and_costs_no_budget() {
    let bench = Bench::new();
    for call in 0..3 {
        assert_eq!(bench.call(Verdict::Missed).await, Ok(call));
    }
    let silent = Rejected::NotAnswering { name: HOST.into(), wait: seconds(5) };
    assert_eq!([bench.call(Verdict::Answered).await, bench.call(Verdict::Answered).await], [Err(silent.clone()), Err(silent)]);
    assert_eq!((bench.ran(), bench.gate.not_answering()), (3, vec![HOST.to_owned()]));
    bench.seconds.fetch_add(5, Ordering::Relaxed);
    assert_eq!(bench.call(Verdict::Answered).await, Ok(3), "a call is left for the probe");
    assert_eq!(bench.gate.not_answering(), Vec::<String>::new());
}

#[tokio::test]
async fn a_service_that_throttles_is_not_called_for_as_long_as_it_asked_and_has_answered() {
    let bench = Bench::new();
    for call in 0..2 {
        assert_eq!(bench.call(Verdict::Missed).await, Ok(call));
    }
    assert_eq!(bench.call(Verdict::Throttled(seconds(90))).await, Ok(2));
    assert_eq!(bench.gate.not_answering(), Vec::<String>::new());
    let paused = |wait| Err(Rejected::Paused { scope: HOST.into(), quota: "reads", wait: seconds(wait) });
    assert_eq!(bench.call(Verdict::Answered).await, paused(90));
    bench.seconds.fetch_add(89, Ordering::Relaxed);
    assert_eq!(bench.call(Verdict::Answered).await, paused(1));
    bench.seconds.fetch_add(1, Ordering::Relaxed);
    assert_eq!((bench.call(Verdict::Answered).await, bench.ran()), (Ok(3), 4));
}

#[tokio::test]
async fn a_budget_of_ours_that_is_used_up_is_told_as_ours() {
    let bench = Bench::new();
    for call in 0..4 {
        assert_eq!(bench.call(Verdict::Answered).await, Ok(call));
    }
    let used_up = Rejected::OutOfBudget { scope: HOST.into(), quota: "reads", wait: seconds(58) };
    assert_eq!((bench.call(Verdict::Answered).await, bench.ran()), (Err(used_up), 4));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_promised_is_sent_when_its_time_has_come() {
    let bench = Bench::new();
    bench.gate.set_limit(HOST, QUOTA, Limit { burst: 1, per_minute: 60 });
    assert_eq!(bench.call(Verdict::Answered).await, Ok(0));
    let started = tokio::time::Instant::now();
    assert_eq!(bench.call(Verdict::Answered).await, Ok(1));
    assert_eq!(started.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_beyond_the_width_of_the_bulkhead_is_not_run() {
    let bench = Bench::new();
    let (first, second) = tokio::join!(
        bench
            .gate
            .run(admission(Some("contoso")), async { (tokio::time::sleep(std::time::Duration::from_secs(9)).await, Verdict::Answered) }),
        bench.call(Verdict::Answered)
    );
    assert_eq!((first, second, bench.ran()), (Ok(()), Err(Rejected::BulkheadFull { name: HOST.into() }), 0));
}

#[tokio::test]
async fn a_call_without_a_budget_takes_none_and_closes_none() {
    let bench = Bench::new();
    for _ in 0..9 {
        assert_eq!(bench.gate.run(admission(None), async { ((), Verdict::Throttled(seconds(90))) }).await, Ok(()));
    }
    assert_eq!(bench.call(Verdict::Answered).await, Ok(0));
}
