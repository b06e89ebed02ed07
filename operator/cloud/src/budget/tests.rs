use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

use super::Budgets;
use crate::quota::{Limit, Quota, RegistryTier};

struct Hands {
    seconds: Arc<AtomicI64>,
    budgets: Budgets,
    scope: Arc<str>,
}

impl Hands {
    fn new() -> Self {
        let seconds = Arc::new(AtomicI64::new(1_000_000));
        let shown = seconds.clone();
        let clock = move || Timestamp::from_second(shown.load(Ordering::Relaxed)).expect("a time");
        Self { seconds, budgets: Budgets::new(Arc::new(clock)), scope: "hub.azure-devices.net".into() }
    }

    fn wait(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    fn take(&self) -> Result<SignedDuration, SignedDuration> {
        self.budgets.take(&self.scope, Quota::Registry, &"contoso".into())
    }
}

#[test]
fn a_budget_lets_its_burst_through_then_promises_what_is_about_to_come_and_then_says_when_to_ask_again() {
    let hands = Hands::new();
    hands.budgets.set(&hands.scope, Quota::Registry, Limit { burst: 2, per_minute: 60 });
    let (at_once, in_seconds) = (Ok(SignedDuration::ZERO), |seconds| Ok(SignedDuration::from_secs(seconds)));
    assert_eq!([hands.take(), hands.take()], [at_once, at_once]);
    assert_eq!([hands.take(), hands.take()], [in_seconds(1), in_seconds(2)]);
    assert_eq!(hands.take(), Err(SignedDuration::from_secs(1)));
    hands.wait(1);
    assert_eq!([hands.take(), hands.take()], [in_seconds(2), Err(SignedDuration::from_secs(1))]);
}

#[test]
fn a_budget_is_closed_for_as_long_as_the_service_asked() {
    let hands = Hands::new();
    hands.budgets.close(&hands.scope, Quota::Registry, SignedDuration::from_secs(9));
    assert_eq!(hands.take(), Err(SignedDuration::from_secs(9)));
    hands.wait(9);
    assert_eq!(hands.take(), Ok(SignedDuration::ZERO));
}

#[test]
fn budgets_of_other_hosts_and_kinds_are_their_own() {
    let hands = Hands::new();
    hands.budgets.close(&hands.scope, Quota::Registry, SignedDuration::from_secs(9));
    let payer = "contoso".into();
    assert_eq!(hands.budgets.take(&"other.azure-devices.net".into(), Quota::Registry, &payer), Ok(SignedDuration::ZERO));
    assert_eq!(hands.budgets.take(&hands.scope, Quota::Enrollments, &payer), Ok(SignedDuration::ZERO));
}

#[test]
fn headroom_is_the_part_of_the_burst_that_is_left() {
    let hands = Hands::new();
    hands.budgets.set(&hands.scope, Quota::Registry, Limit { burst: 4, per_minute: 60 });
    assert_eq!([hands.take(), hands.take(), hands.take()], [Ok(SignedDuration::ZERO); 3]);
    let left = |hands: &Hands| hands.budgets.headroom().iter().map(|headroom| headroom.left).collect::<Vec<_>>();
    assert_eq!(left(&hands), [0.25]);
    hands.wait(1);
    assert_eq!(left(&hands), [0.5]);
    hands.wait(3600);
    assert_eq!(left(&hands), [1.0]);
}

#[test]
fn no_minute_of_any_documented_limit_goes_over_what_microsoft_grants() {
    let a_minute = |limit: Limit| limit.burst + limit.per_minute;
    assert!(a_minute(Quota::Enrollments.documented()) <= 1_000);
    assert!(a_minute(Quota::ResourceReads.documented()) <= 250 + 25 * 60);
    assert!(a_minute(Quota::ResourceWrites.documented()) <= 200 + 10 * 60);
    assert!(a_minute(Quota::Registry.documented()) <= 100);
    assert!(a_minute(Limit::registry(RegistryTier::Ordinary, 3)) <= 300);
    assert!(a_minute(Limit::registry(RegistryTier::Large, 2)) <= 10_000);
}

#[test]
fn a_clock_that_goes_back_gives_nothing_away() {
    let hands = Hands::new();
    hands.budgets.set(&hands.scope, Quota::Registry, Limit { burst: 1, per_minute: 60 });
    assert_eq!(hands.take(), Ok(SignedDuration::ZERO));
    hands.wait(-100);
    assert_eq!(hands.take(), Ok(SignedDuration::from_secs(1)));
}
