//! The bucket: what one payer gets, and that what several get is fair.

use std::collections::BTreeMap;

use proptest::prelude::{ProptestConfig, prop, prop_assert, proptest};

use super::{Arc, Bucket, Limit, Refused, SignedDuration, Timestamp};

const LIMIT: Limit = Limit { burst: 60, per_minute: 300 };
const STEP: SignedDuration = SignedDuration::from_millis(100);

fn start() -> Timestamp {
    Timestamp::from_second(1_000_000).expect("a time")
}

fn name(text: &str) -> Arc<str> {
    text.into()
}

/// Takes until it is told to come back, and says how many were to be had.
fn drain(bucket: &mut Bucket, payer: &str, now: Timestamp) -> usize {
    (0..1_000).take_while(|_| bucket.take(&name(payer), now).is_ok()).count()
}

/// Payers that ask as often as they like, for so many seconds; gives the times at which each call is sent.
fn run(greed: &[f64], seconds: i64) -> (Vec<Vec<Timestamp>>, Vec<usize>) {
    let mut bucket = Bucket::full(LIMIT, start());
    let (mut sent, mut refused) = (vec![Vec::new(); greed.len()], vec![0; greed.len()]);
    let mut owed = vec![0.0; greed.len()];
    for step in 0..seconds * 10 {
        let now = start() + STEP * i32::try_from(step).expect("few steps");
        for (payer, a_second) in greed.iter().enumerate() {
            owed[payer] += a_second / 10.0;
            while owed[payer] >= 1.0 {
                owed[payer] -= 1.0;
                match bucket.take(&name(&payer.to_string()), now) {
                    Ok(wait) => sent[payer].push(now + wait),
                    Err(_) => refused[payer] += 1,
                }
            }
        }
    }
    (sent, refused)
}

#[test]
fn a_lone_payer_gets_all_of_it() {
    let mut bucket = Bucket::full(LIMIT, start());
    assert_eq!(drain(&mut bucket, "contoso", start()), 60 + 10);
    let (sent, _) = run(&[100.0], 60);
    assert_eq!(sent[0].len(), 60 + 10 + 299);
}

#[test]
fn who_used_more_than_its_part_leaves_the_half_of_the_bucket_to_the_others() {
    let mut bucket = Bucket::full(LIMIT, start());
    assert_eq!(bucket.take(&name("quiet"), start()), Ok(SignedDuration::ZERO));
    // Its part is half of what both used, and a tenth of the burst goes beyond that.
    assert_eq!(drain(&mut bucket, "noisy", start()), 29);
    assert_eq!(drain(&mut bucket, "quiet", start()), 30 + 5);
}

#[test]
fn who_is_told_to_come_back_is_told_when_there_will_be_something_for_it() {
    let mut bucket = Bucket::full(LIMIT, start());
    bucket.take(&name("quiet"), start()).expect("there is plenty");
    drain(&mut bucket, "noisy", start());
    let wait = SignedDuration::from_millis(200);
    assert_eq!(bucket.take(&name("noisy"), start()), Err(Refused::UsedUp(wait)));
    assert_eq!(bucket.take(&name("noisy"), start() + wait), Ok(SignedDuration::ZERO));
}

#[test]
fn what_was_used_is_forgotten_with_time() {
    let mut bucket = Bucket::full(LIMIT, start());
    bucket.take(&name("gone"), start()).expect("there is plenty");
    let later = start() + SignedDuration::from_mins(2);
    assert_eq!(drain(&mut bucket, "contoso", later), 60 + 10);
}

#[test]
fn a_bucket_that_the_service_closed_is_closed_for_everyone() {
    let mut bucket = Bucket::full(LIMIT, start());
    bucket.close(SignedDuration::from_secs(7), start());
    for payer in ["contoso", "fabrikam"] {
        assert_eq!(bucket.take(&name(payer), start()), Err(Refused::Closed(SignedDuration::from_secs(7))));
    }
}

/// The most calls in any stretch of so long.
fn densest(sent: &[Timestamp], stretch: SignedDuration) -> usize {
    let mut most = 0;
    let mut first = 0;
    for (last, at) in sent.iter().enumerate() {
        while sent[first] + stretch <= *at {
            first += 1;
        }
        most = most.max(last - first + 1);
    }
    most
}

fn all(sent: &[Vec<Timestamp>]) -> Vec<Timestamp> {
    let mut all = sent.concat();
    all.sort();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_minute_has_more_calls_than_the_burst_and_a_minutes_rate(greed in prop::collection::vec(0.0..40.0, 1..8_usize)) {
        let (sent, _) = run(&greed, 150);
        prop_assert!(densest(&all(&sent), SignedDuration::from_mins(1)) <= 60 + 300 + 1);
        prop_assert!(densest(&all(&sent), SignedDuration::from_secs(1)) <= 60 + 5 + 1);
    }

    #[test]
    fn the_rate_is_used_in_full_whoever_asks(greed in prop::collection::vec(0.0..40.0, 1..8_usize)) {
        let wanted: f64 = greed.iter().sum::<f64>() * 120.0;
        let (sent, _) = run(&greed, 120);
        let count = f64::from(u32::try_from(all(&sent).len()).expect("few calls"));
        // Up to the half of the bucket may be kept for who did not ask.
        prop_assert!(count >= (wanted - 8.0).min(30.0 + 5.0 * 119.0), "{count} of {wanted}");
    }

    #[test]
    fn nobody_starves_and_all_who_ask_for_as_much_get_as_much(payers in 1..12_usize, greed in 6.0..40.0) {
        let (sent, _) = run(&vec![greed; payers], 300);
        let counts: Vec<_> = sent.iter().map(Vec::len).collect();
        let part = 5 * 300 / payers;
        prop_assert!(counts.iter().all(|count| count * 10 >= part * 7), "{counts:?}, a part is {part}");
    }

    #[test]
    fn who_asks_for_less_than_half_of_its_part_is_never_turned_away(noisy in 1..6_usize, greed in 10.0..40.0) {
        let payers = u32::try_from(noisy + 1).expect("a few");
        let quiet = 5.0 / f64::from(payers) / 3.0;
        let mut all = vec![greed; noisy];
        all.push(quiet);
        let (sent, refused) = run(&all, 300);
        let by_payer: BTreeMap<_, _> = sent.iter().map(Vec::len).enumerate().collect();
        prop_assert!(refused[noisy] == 0, "{refused:?} refused, {by_payer:?} sent");
    }
}
