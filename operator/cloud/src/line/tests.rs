use std::sync::atomic::{AtomicI64, Ordering};

use super::{Arc, Held, Line, Lines, Timestamp, Verdict};

/// Lines on a clock that stands still until it is moved.
fn lines() -> (Lines, Arc<AtomicI64>) {
    let seconds = Arc::new(AtomicI64::new(1_000_000));
    let shown = seconds.clone();
    let clock = move || Timestamp::from_second(shown.load(Ordering::Relaxed)).expect("a time");
    (Lines::new(Arc::new(clock)), seconds)
}

fn line(name: &str, about: Option<&str>) -> Line {
    Line { name: name.into(), width: 2, threshold: 3, about: about.map(Into::into) }
}

async fn call(lines: &Lines, on: Vec<Line>, verdict: Verdict) -> Result<(), Held> {
    lines.enter(on).await?.end(verdict);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_line_takes_as_many_calls_at_once_as_it_is_wide_and_the_next_waits_a_moment() {
    let (lines, _) = lines();
    let hub = || vec![line("hub", None)];
    let first = lines.enter(hub()).await.expect("it is free");
    let second = lines.enter(hub()).await.expect("it is free");
    assert_eq!(lines.enter(hub()).await.err(), Some(Held::Busy("hub".into())));
    let (third, ()) = tokio::join!(lines.enter(hub()), async {
        tokio::task::yield_now().await;
        first.end(Verdict::Answered);
    });
    third.expect("it came free").end(Verdict::Answered);
    second.end(Verdict::Answered);
    assert_eq!(lines.known.lock().expect("no panic").len(), 0, "a line that is not in use is forgotten");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_behind_calls_to_one_who_did_not_answer_lately() {
    let (lines, _) = lines();
    let hub = || vec![line("hub", None)];
    call(&lines, hub(), Verdict::Missed).await.expect("it is free");
    let _both = [lines.enter(hub()).await.expect("it is free"), lines.enter(hub()).await.expect("it is free")];
    let started = tokio::time::Instant::now();
    assert_eq!(lines.enter(hub()).await.err(), Some(Held::Busy("hub".into())));
    assert_eq!(started.elapsed(), std::time::Duration::ZERO);
}

#[tokio::test]
async fn a_shut_line_is_not_used_and_others_are() {
    let (lines, seconds) = lines();
    for _ in 0..3 {
        call(&lines, vec![line("hub", None)], Verdict::Missed).await.expect("it is open");
    }
    let until = Timestamp::from_second(1_000_005).expect("a time");
    assert_eq!(call(&lines, vec![line("hub", None)], Verdict::Answered).await, Err(Held::Shut("hub".into(), until)));
    assert_eq!(lines.shut(), ["hub".into()]);
    call(&lines, vec![line("other", None)], Verdict::Answered).await.expect("it is another");
    seconds.fetch_add(5, Ordering::Relaxed);
    call(&lines, vec![line("hub", None)], Verdict::Answered).await.expect("it is probed");
    assert_eq!(lines.shut(), Vec::<Arc<str>>::new());
}

#[tokio::test]
async fn a_resource_that_hangs_shuts_its_own_line_and_not_the_one_that_others_use_too() {
    let (lines, _) = lines();
    let both = |name: &str| vec![line(name, None), line("subscription", Some(name))];
    for _ in 0..3 {
        call(&lines, both("hub-1"), Verdict::Missed).await.expect("it is open");
    }
    assert_eq!(lines.shut(), ["hub-1".into()]);
    call(&lines, both("hub-2"), Verdict::Answered).await.expect("it is another");
}

#[tokio::test]
async fn a_call_that_is_given_up_counts_as_unanswered() {
    let (lines, _) = lines();
    for _ in 0..3 {
        drop(lines.enter(vec![line("hub", None)]).await.expect("it is open"));
    }
    assert_eq!(lines.shut(), ["hub".into()]);
}

#[tokio::test]
async fn a_call_held_back_on_one_line_is_no_probe_on_another() {
    let (lines, seconds) = lines();
    for name in ["hub", "subscription"] {
        for _ in 0..3 {
            call(&lines, vec![line(name, None)], Verdict::Missed).await.expect("it is open");
        }
        seconds.fetch_add(3, Ordering::Relaxed);
    }
    let both = || vec![line("hub", None), line("subscription", Some("hub"))];
    assert!(call(&lines, both(), Verdict::Answered).await.is_err());
    seconds.fetch_add(2, Ordering::Relaxed);
    call(&lines, both(), Verdict::Answered).await.expect("both are probed");
}
