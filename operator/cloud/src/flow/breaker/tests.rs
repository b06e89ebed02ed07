//! The breaker, as a table and on given times.

use super::{Breaker, Change, SignedDuration, Timestamp, Verdict};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).expect("a time")
}

/// A breaker that opens at the third call in a row, told of so many calls without an answer at second 0.
fn after(missed: usize) -> Breaker {
    let mut breaker = Breaker::new(3);
    for _ in 0..missed {
        breaker.ended(Verdict::Missed, None, at(0));
    }
    breaker
}

#[test]
fn it_opens_at_the_third_call_in_a_row_without_an_answer_and_closes_by_the_first_with_one() {
    use Change::{Closed, Opened};
    use Verdict::{Answered, Missed, Throttled, Unknown};
    let table: [(&[Verdict], Option<Change>, bool); 8] = [
        (&[Missed, Missed], None, false),
        (&[Missed, Missed, Missed], Some(Opened), true),
        (&[Missed, Missed, Answered, Missed], None, false),
        (&[Missed, Missed, Throttled(SignedDuration::ZERO), Missed], None, false),
        (&[Missed, Missed, Unknown, Missed], Some(Opened), true),
        (&[Unknown, Unknown, Unknown], None, false),
        (&[Missed, Missed, Missed, Missed], None, true),
        (&[Missed, Missed, Missed, Answered], Some(Closed), false),
    ];
    for (calls, change, open) in table {
        let mut breaker = Breaker::new(3);
        let last = calls.iter().map(|verdict| breaker.ended(*verdict, None, at(0))).last();
        assert_eq!((last.flatten(), breaker.is_open()), (change, open), "{calls:?}");
    }
}

#[test]
fn an_open_one_lets_a_single_call_through_when_its_pause_is_over() {
    let mut breaker = after(3);
    assert_eq!([breaker.admits(at(0)), breaker.admits(at(4))], [Err(at(5)); 2]);
    assert_eq!(breaker.admits(at(5)), Ok(()));
    breaker.admitted();
    assert_eq!(breaker.admits(at(6)), Err(at(11)));
    assert_eq!(breaker.ended(Verdict::Answered, None, at(7)), Some(Change::Closed));
    assert_eq!(breaker.admits(at(7)), Ok(()));
}

#[test]
fn the_pause_grows_to_two_minutes_and_no_further() {
    let mut breaker = after(3);
    let mut now = at(5);
    let pauses: Vec<_> = (0..7)
        .map(|_| {
            breaker.admitted();
            breaker.ended(Verdict::Missed, None, now);
            let until = breaker.admits(now).expect_err("it is open");
            let pause = until.duration_since(now).as_secs();
            now = until;
            pause
        })
        .collect();
    assert_eq!(pauses, [10, 20, 40, 80, 120, 120, 120]);
}

#[test]
fn a_clock_that_is_set_back_does_not_lengthen_the_pause() {
    let breaker = after(3);
    assert_eq!(breaker.admits(at(-110)), Err(at(5)));
    assert_eq!(breaker.admits(at(-3600)), Ok(()));
}

#[test]
fn a_call_that_was_sent_before_it_opened_does_not_lengthen_the_pause() {
    let mut breaker = after(3);
    breaker.ended(Verdict::Missed, None, at(3));
    assert_eq!(breaker.admits(at(4)), Err(at(5)));
}

#[test]
fn a_probe_that_never_came_so_far_lets_another_go() {
    let mut breaker = after(3);
    breaker.admitted();
    breaker.ended(Verdict::Unknown, None, at(6));
    assert_eq!(breaker.admits(at(6)), Ok(()));
}

#[test]
fn one_resource_that_never_answers_does_not_open_the_breaker_of_all_others() {
    let mut breaker = Breaker::new(2);
    let (one, other) = ("hub-1".into(), "hub-2".into());
    for _ in 0..10 {
        assert_eq!(breaker.ended(Verdict::Missed, Some(&one), at(0)), None);
    }
    assert_eq!(breaker.ended(Verdict::Missed, Some(&other), at(0)), Some(Change::Opened));
}

#[test]
fn it_is_clear_only_while_nothing_speaks_against_calling() {
    assert!(after(0).is_clear());
    assert!(!after(1).is_clear());
    let mut breaker = after(2);
    breaker.ended(Verdict::Answered, None, at(1));
    assert_eq!(breaker, Breaker::new(3));
}
