//! Who is served next, and when.

use jiff::SignedDuration;
use tokio::sync::watch;

use super::*;
use crate::object::KindName;

fn key(namespace: &str, name: &str) -> ObjectKey {
    ObjectKey::new(KindName::DeviceCredential, namespace, name)
}

async fn names(queue: &Queue, count: usize) -> Vec<String> {
    let mut names = Vec::new();
    for _ in 0..count {
        let (key, _) = queue.next().await.expect("open");
        names.push(key.name.to_string());
        queue.done(key, Duration::ZERO, None);
    }
    names
}

#[tokio::test]
async fn what_is_new_goes_before_what_is_looked_at_again() {
    let queue = Queue::new(Clock::system());
    queue.push(key("a", "old"), Priority::Resync);
    queue.push(key("a", "new"), Priority::Changed);
    assert_eq!(names(&queue, 2).await, ["a/new", "a/old"]);
}

#[tokio::test]
async fn a_tenant_with_many_objects_does_not_hold_up_another() {
    let queue = Queue::new(Clock::system());
    for n in 0..3 {
        queue.push(key("noisy", &n.to_string()), Priority::Changed);
    }
    queue.push(key("quiet", "0"), Priority::Changed);
    assert_eq!(names(&queue, 4).await, ["noisy/0", "quiet/0", "noisy/1", "noisy/2"]);
}

/// The tenants that are served, one after the other, where looks at objects of a tenant take as long as its name says, in milliseconds.
async fn turns(queue: &Queue, count: usize) -> Vec<String> {
    let mut tenants = Vec::new();
    for _ in 0..count {
        let (key, _) = queue.next().await.expect("open");
        let tenant = key.name.namespace.to_string();
        let took = Duration::from_millis(tenant.parse().expect("a number"));
        tenants.push(tenant);
        queue.done(key, took, None);
    }
    tenants
}

#[tokio::test]
async fn a_tenant_whose_looks_are_dear_has_its_turn_as_much_seldomer() {
    let queue = Queue::new(Clock::system());
    for tenant in ["9", "1"] {
        for n in 0..50 {
            queue.push(key(tenant, &n.to_string()), Priority::Changed);
        }
    }
    let order = turns(&queue, 60).await;
    let dear = |order: &[String]| order.iter().filter(|tenant| *tenant == "9").count();
    assert_eq!((dear(&order[..20]), dear(&order[..50])), (2, 5), "{order:?}");
    assert_eq!(dear(&order), 10, "when nobody else waits it has all turns: {order:?}");
}

#[tokio::test]
async fn a_look_at_a_large_object_is_as_dear_as_it_is_large() {
    let queue = Queue::new(Clock::system());
    for n in 0..50 {
        for tenant in ["1", "01"] {
            queue.push(key(tenant, &n.to_string()), Priority::Changed);
        }
        queue.weigh(&key("01", &n.to_string()), 9 * ORDINARY);
    }
    let order = turns(&queue, 50).await;
    assert_eq!(order.iter().filter(|tenant| *tenant == "01").count(), 5, "{order:?}");
    queue.weigh(&key("01", "49"), 0);
    queue.forget(&key("01", "48"));
    assert_eq!(queue.lock().weights.len(), 48);
}

#[tokio::test]
async fn whoever_comes_later_has_no_claim_to_the_turns_that_it_missed() {
    let queue = Queue::new(Clock::system());
    for n in 0..30 {
        queue.push(key("2", &n.to_string()), Priority::Changed);
    }
    assert_eq!(turns(&queue, 10).await, vec!["2"; 10]);
    for n in 0..30 {
        queue.push(key("02", &n.to_string()), Priority::Changed);
    }
    let order = turns(&queue, 10).await;
    assert_eq!(order.iter().filter(|tenant| *tenant == "02").count(), 5, "{order:?}");
    while queue.lock().has_ready() {
        turns(&queue, 1).await;
    }
    assert!(queue.lock().accounts.is_empty(), "nothing is kept of tenants that have nothing to do");
}

#[tokio::test]
async fn what_is_only_looked_at_again_has_its_turn_however_much_changes() {
    let queue = Queue::new(Clock::system());
    queue.push(key("quiet", "0"), Priority::Resync);
    for n in 0..100 {
        queue.push(key("noisy", &n.to_string()), Priority::Changed);
    }
    assert!(names(&queue, 16).await.contains(&"quiet/0".to_owned()));
}

/// The tenants that are given a worker, while none is given back.
async fn served(queue: &Queue) -> Vec<String> {
    let mut served = Vec::new();
    while let Ok(Some((key, _))) = tokio::time::timeout(std::time::Duration::from_millis(1), queue.next()).await {
        served.push(key.name.namespace.to_string());
    }
    served
}

#[tokio::test(start_paused = true)]
async fn a_tenant_whose_looks_never_end_leaves_workers_to_the_next_and_that_one_to_the_next() {
    let queue = Queue::new(Clock::system());
    queue.staff(32);
    let count = |served: &[String], tenant: &str| served.iter().filter(|name| *name == tenant).count();
    for (tenant, workers) in [("first", 24), ("second", 6), ("third", 2)] {
        for n in 0..50 {
            queue.push(key(tenant, &n.to_string()), Priority::Changed);
        }
        let served = served(&queue).await;
        assert_eq!((served.len(), count(&served, tenant)), (workers, workers), "{tenant}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_given_back_goes_to_who_has_fewer() {
    let queue = Queue::new(Clock::system());
    queue.staff(4);
    for n in 0..5 {
        queue.push(key("noisy", &n.to_string()), Priority::Changed);
    }
    assert_eq!(served(&queue).await, ["noisy", "noisy", "noisy"]);
    queue.push(key("quiet", "0"), Priority::Resync);
    assert_eq!(served(&queue).await, ["quiet"]);
    queue.done(key("quiet", "0"), Duration::ZERO, None);
    assert_eq!(served(&queue).await, Vec::<String>::new());
    queue.done(key("noisy", "0"), Duration::ZERO, None);
    assert_eq!(served(&queue).await, ["noisy"]);
}

#[tokio::test]
async fn a_key_is_never_handed_out_twice_at_the_same_time_and_no_push_is_lost() {
    let queue = Queue::new(Clock::system());
    queue.push(key("a", "x"), Priority::Changed);
    let (running, _) = queue.next().await.expect("open");
    queue.push(key("a", "x"), Priority::Changed);
    queue.push(key("a", "x"), Priority::Resync);
    assert_eq!(queue.depth(Priority::Changed), 0);
    queue.done(running, Duration::ZERO, None);
    assert_eq!(queue.next().await, Some((key("a", "x"), Priority::Changed)));
}

#[tokio::test]
async fn a_refresh_that_becomes_urgent_moves_up_and_stays_single() {
    let queue = Queue::new(Clock::system());
    queue.push(key("a", "x"), Priority::Resync);
    queue.push(key("a", "x"), Priority::Changed);
    assert_eq!((queue.depth(Priority::Changed), queue.depth(Priority::Resync)), (1, 0));
}

#[tokio::test]
async fn what_moved_up_or_was_forgotten_is_not_handed_out_from_where_it_was() {
    let queue = Queue::new(Clock::system());
    for name in ["moved", "forgotten", "left"] {
        queue.push(key("a", name), Priority::Resync);
    }
    queue.push(key("a", "moved"), Priority::Changed);
    queue.forget(&key("a", "forgotten"));
    assert_eq!((queue.depth(Priority::Changed), queue.depth(Priority::Resync)), (1, 1));
    assert_eq!(names(&queue, 2).await, ["a/moved", "a/left"]);
    assert_eq!(queue.rest(), (true, None));
}

#[tokio::test]
async fn the_clock_alone_decides_when_a_key_is_due() {
    let (offset, seen) = watch::channel(SignedDuration::ZERO);
    let clock = Clock::following(seen);
    let queue = Arc::new(Queue::new(clock.clone()));
    queue.push(key("a", "x"), Priority::Changed);
    let (running, _) = queue.next().await.expect("open");
    let tomorrow = clock.now() + SignedDuration::from_hours(24);
    queue.done(running, Duration::ZERO, Some((tomorrow, Priority::Resync)));
    assert_eq!(queue.rest(), (true, Some(tomorrow)));

    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { queue.next().await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    offset.send(SignedDuration::from_hours(25)).expect("somebody listens");
    assert_eq!(waiting.await.expect("ends"), Some((key("a", "x"), Priority::Resync)));
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_nothing_wait_for_longer() {
    let (offset, seen) = watch::channel(SignedDuration::from_hours(72));
    let clock = Clock::following(seen);
    let queue = Queue::new(clock.clone());
    queue.push(key("a", "x"), Priority::Changed);
    let (running, _) = queue.next().await.expect("open");
    let soon = clock.now() + SignedDuration::from_mins(2);
    queue.done(running, Duration::ZERO, Some((soon, Priority::Resync)));
    assert_eq!(queue.rest(), (true, Some(soon)));

    offset.send(SignedDuration::ZERO).expect("somebody listens");
    let (_, due) = queue.rest();
    let left = due.expect("it is due").duration_since(clock.now());
    assert!(left > SignedDuration::from_secs(110) && left <= SignedDuration::from_mins(2), "{left}");
    offset.send(SignedDuration::from_mins(3)).expect("somebody listens");
    assert_eq!(queue.next().await, Some((key("a", "x"), Priority::Resync)));
}

#[tokio::test]
async fn closing_wakes_everyone_who_waits() {
    let queue = Arc::new(Queue::new(Clock::system()));
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.next().await })
        })
        .collect();
    tokio::task::yield_now().await;
    queue.close();
    for one in waiting {
        assert_eq!(one.await.expect("ends"), None);
    }
}
