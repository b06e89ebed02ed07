//! Bulkheads, on a clock that stands still.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::SignedDuration;

use super::{Arc, Bulkhead, Bulkheads, Rejected, Timestamp, Verdict};

/// Bulkheads on a clock that stands still until it is moved.
fn bulkheads() -> (Bulkheads, Arc<AtomicI64>) {
    let seconds = Arc::new(AtomicI64::new(1_000_000));
    let shown = seconds.clone();
    let clock = move || Timestamp::from_second(shown.load(Ordering::Relaxed)).expect("a time");
    (Bulkheads::new(Arc::new(clock)), seconds)
}

fn bulkhead(name: &str, about: Option<&str>) -> Bulkhead {
    Bulkhead { name: name.into(), width: 2, threshold: 3, about: about.map(Into::into) }
}

fn full(name: &str) -> Rejected {
    Rejected::BulkheadFull { name: name.into() }
}

async fn call(bulkheads: &Bulkheads, on: Vec<Bulkhead>, verdict: Verdict) -> Result<(), Rejected> {
    bulkheads.enter(on).await?.end(verdict);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_bulkhead_takes_as_many_calls_at_once_as_it_is_wide_and_the_next_waits_a_moment() {
    let (bulkheads, _) = bulkheads();
    let hub = || vec![bulkhead("hub", None)];
    let first = bulkheads.enter(hub()).await.expect("it is free");
    let second = bulkheads.enter(hub()).await.expect("it is free");
    assert_eq!(bulkheads.enter(hub()).await.err(), Some(full("hub")));
    let (third, ()) = tokio::join!(bulkheads.enter(hub()), async {
        tokio::task::yield_now().await;
        first.end(Verdict::Answered);
    });
    third.expect("it came free").end(Verdict::Answered);
    second.end(Verdict::Answered);
    assert_eq!(bulkheads.known.lock().expect("no panic").len(), 0, "a bulkhead that is not in use is forgotten");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_behind_calls_to_one_who_did_not_answer_lately() {
    let (bulkheads, _) = bulkheads();
    let hub = || vec![bulkhead("hub", None)];
    call(&bulkheads, hub(), Verdict::Missed).await.expect("it is free");
    let _both = [bulkheads.enter(hub()).await.expect("it is free"), bulkheads.enter(hub()).await.expect("it is free")];
    let started = tokio::time::Instant::now();
    assert_eq!(bulkheads.enter(hub()).await.err(), Some(full("hub")));
    assert_eq!(started.elapsed(), std::time::Duration::ZERO);
}

#[tokio::test]
async fn a_bulkhead_whose_breaker_is_open_is_not_used_and_others_are() {
    let (bulkheads, seconds) = bulkheads();
    for _ in 0..3 {
        call(&bulkheads, vec![bulkhead("hub", None)], Verdict::Missed).await.expect("its breaker is closed");
    }
    let silent = Rejected::NotAnswering { name: "hub".into(), wait: SignedDuration::from_secs(5) };
    assert_eq!(call(&bulkheads, vec![bulkhead("hub", None)], Verdict::Answered).await, Err(silent));
    assert_eq!(bulkheads.not_answering(), ["hub".into()]);
    call(&bulkheads, vec![bulkhead("other", None)], Verdict::Answered).await.expect("it is another");
    seconds.fetch_add(5, Ordering::Relaxed);
    call(&bulkheads, vec![bulkhead("hub", None)], Verdict::Answered).await.expect("it is probed");
    assert_eq!(bulkheads.not_answering(), Vec::<Arc<str>>::new());
}

#[tokio::test]
async fn a_resource_that_hangs_opens_the_breaker_of_its_own_bulkhead_and_not_the_one_that_others_use_too() {
    let (bulkheads, _) = bulkheads();
    let both = |name: &str| vec![bulkhead(name, None), bulkhead("subscription", Some(name))];
    for _ in 0..3 {
        call(&bulkheads, both("hub-1"), Verdict::Missed).await.expect("its breaker is closed");
    }
    assert_eq!(bulkheads.not_answering(), ["hub-1".into()]);
    call(&bulkheads, both("hub-2"), Verdict::Answered).await.expect("it is another");
}

#[tokio::test]
async fn a_call_that_is_given_up_counts_as_unanswered() {
    let (bulkheads, _) = bulkheads();
    for _ in 0..3 {
        drop(bulkheads.enter(vec![bulkhead("hub", None)]).await.expect("its breaker is closed"));
    }
    assert_eq!(bulkheads.not_answering(), ["hub".into()]);
}

#[tokio::test]
async fn a_call_held_back_at_one_bulkhead_is_no_probe_on_another() {
    let (bulkheads, seconds) = bulkheads();
    for name in ["hub", "subscription"] {
        for _ in 0..3 {
            call(&bulkheads, vec![bulkhead(name, None)], Verdict::Missed).await.expect("its breaker is closed");
        }
        seconds.fetch_add(3, Ordering::Relaxed);
    }
    let both = || vec![bulkhead("hub", None), bulkhead("subscription", Some("hub"))];
    assert!(call(&bulkheads, both(), Verdict::Answered).await.is_err());
    seconds.fetch_add(2, Ordering::Relaxed);
    call(&bulkheads, both(), Verdict::Answered).await.expect("both are probed");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_finds_no_place_leaves_nothing_behind() {
    let (bulkheads, _) = bulkheads();
    let shared = Bulkhead { width: 1, ..bulkhead("shared", None) };
    let held = bulkheads.enter(vec![shared.clone()]).await.expect("there is a place");
    for name in ["a", "b"] {
        let refused = call(&bulkheads, vec![bulkhead(name, None), shared.clone()], Verdict::Answered).await;
        assert_eq!(refused, Err(full("shared")));
    }
    let given_up = tokio::time::timeout(std::time::Duration::from_millis(1), bulkheads.enter(vec![bulkhead("c", None), shared]));
    assert!(given_up.await.is_err(), "it waits");
    assert_eq!(bulkheads.lock().keys().map(|name| &**name).collect::<Vec<_>>(), ["shared"]);
    held.end(Verdict::Answered);
    assert!(bulkheads.lock().is_empty());
}
