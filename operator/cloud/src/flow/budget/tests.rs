//! Budgets, on a clock that stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

use super::{Budget, Budgets, Rejected};
use crate::flow::limits::{Limit, Quota};

const READS: Quota = Quota { name: "reads", limit: Limit { burst: 20, per_minute: 70 } };
const WRITES: Quota = Quota { name: "writes", limit: Limit { burst: 100, per_minute: 800 } };
const HOST: &str = "hub.example.net";

fn budget(scope: &str, quota: Quota) -> Budget {
    Budget { scope: scope.into(), quota, payer: "contoso".into() }
}

fn used_up(seconds: i64) -> Rejected {
    Rejected::OutOfBudget { scope: HOST.into(), quota: "reads", wait: SignedDuration::from_secs(seconds) }
}

fn paused(seconds: i64) -> Rejected {
    Rejected::Paused { scope: HOST.into(), quota: "reads", wait: SignedDuration::from_secs(seconds) }
}

struct Setup {
    seconds: Arc<AtomicI64>,
    budgets: Budgets,
}

impl Setup {
    fn new() -> Self {
        let seconds = Arc::new(AtomicI64::new(1_000_000));
        let shown = seconds.clone();
        let clock = move || Timestamp::from_second(shown.load(Ordering::Relaxed)).expect("a time");
        Self { seconds, budgets: Budgets::new(Arc::new(clock)) }
    }

    fn wait(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    fn take(&self) -> Result<SignedDuration, Rejected> {
        self.budgets.take(&budget(HOST, READS))
    }
}

#[test]
fn a_budget_lets_its_burst_through_then_promises_what_is_about_to_come_and_then_says_when_to_ask_again() {
    let setup = Setup::new();
    setup.budgets.set(HOST, READS, Limit { burst: 2, per_minute: 60 });
    let (at_once, in_seconds) = (Ok(SignedDuration::ZERO), |seconds| Ok(SignedDuration::from_secs(seconds)));
    assert_eq!([setup.take(), setup.take()], [at_once.clone(), at_once]);
    assert_eq!([setup.take(), setup.take()], [in_seconds(1), in_seconds(2)]);
    assert_eq!(setup.take(), Err(used_up(1)));
    setup.wait(1);
    assert_eq!([setup.take(), setup.take()], [in_seconds(2), Err(used_up(1))]);
}

#[test]
fn a_budget_is_closed_for_as_long_as_the_service_asked() {
    let setup = Setup::new();
    setup.budgets.close(&budget(HOST, READS), SignedDuration::from_secs(9));
    assert_eq!(setup.take(), Err(paused(9)));
    setup.wait(9);
    assert_eq!(setup.take(), Ok(SignedDuration::ZERO));
}

#[test]
fn budgets_of_other_hosts_and_kinds_are_their_own() {
    let setup = Setup::new();
    setup.budgets.close(&budget(HOST, READS), SignedDuration::from_secs(9));
    assert_eq!(setup.budgets.take(&budget("other.example.net", READS)), Ok(SignedDuration::ZERO));
    assert_eq!(setup.budgets.take(&budget(HOST, WRITES)), Ok(SignedDuration::ZERO));
}

#[test]
fn headroom_is_the_part_of_the_burst_that_is_left() {
    let setup = Setup::new();
    setup.budgets.set(HOST, READS, Limit { burst: 4, per_minute: 60 });
    assert_eq!([setup.take(), setup.take(), setup.take()].map(|taken| taken.is_ok()), [true; 3]);
    let left = |setup: &Setup| setup.budgets.headroom().iter().map(|headroom| headroom.left).collect::<Vec<_>>();
    assert_eq!(left(&setup), [0.25]);
    setup.wait(1);
    assert_eq!(left(&setup), [0.5]);
    setup.wait(3600);
    assert_eq!(left(&setup), [1.0]);
}

#[test]
fn a_clock_that_goes_back_gives_nothing_away() {
    let setup = Setup::new();
    setup.budgets.set(HOST, READS, Limit { burst: 1, per_minute: 60 });
    assert_eq!(setup.take(), Ok(SignedDuration::ZERO));
    setup.wait(-100);
    assert_eq!(setup.take(), Ok(SignedDuration::from_secs(1)));
}
