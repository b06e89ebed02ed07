//! Clock, faults, log, secrets and world.

use std::sync::Arc;
use std::time::Duration;

use crate::bench::{self, Bench, call, hub_body, hub_path, options, stranger, try_call};
use jiff::{SignedDuration, Timestamp};
use moorage_simulator::{Fault, Match, Occurrence, Options, Rule, Simulator, Strictness};
use serde_json::{Value, json};

/// A program that follows the clock over the wire: it has work every `period` and writes down how late it was.
struct Follower {
    diary: Arc<std::sync::Mutex<Vec<SignedDuration>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Follower {
    fn start(simulator: &Simulator, name: &str, first: Timestamp, period: SignedDuration, tells_offset: bool) -> Self {
        let diary = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (client, name, notes) = (bench::client(simulator), name.to_owned(), Arc::clone(&diary));
        let task = tokio::spawn(async move {
            let (mut next, mut seen, mut offset) = (first, None::<Timestamp>, None::<i64>);
            loop {
                let report =
                    json!({ "name": name, "seen": seen, "offset_ns": offset.filter(|_| tells_offset), "idle": true, "next": next });
                let got = call(&client, "POST", "https://localhost/sim/clock/follow", &[], Some(&report)).await;
                offset = got.body["offset_ns"].as_i64();
                let now = machine_time() + SignedDuration::from_nanos(offset.unwrap());
                while next <= now {
                    notes.lock().unwrap().push(now.duration_since(next));
                    next += period;
                }
                seen = Some(now);
            }
        });
        Self { diary, task }
    }

    /// How often it worked, and whether it was always in time.
    fn record(&self) -> (usize, bool) {
        let diary = self.diary.lock().unwrap();
        (diary.len(), diary.iter().all(|late| *late < SignedDuration::from_mins(1)))
    }
}

#[expect(clippy::disallowed_methods, reason = "a follower adds the offset to the time of its machine")]
fn machine_time() -> Timestamp {
    Timestamp::now()
}

async fn wait_for_followers(simulator: &Simulator, count: usize) {
    let client = bench::client(simulator);
    let there = async {
        loop {
            let clock = call(&client, "GET", "https://any.host/sim/clock", &[], None).await;
            let followers = clock.body["followers"].as_array().unwrap().clone();
            let settled = followers.iter().filter(|follower| follower["seen"].is_string()).count();
            if settled == count {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), there).await.expect("the followers register");
}

#[tokio::test]
async fn the_clock_goes_in_steps_so_that_no_follower_sleeps_through_its_work() {
    let simulator = Simulator::start(options()).await.unwrap();
    let start = simulator.now();
    let hour = SignedDuration::from_hours(1);
    let hourly = Follower::start(&simulator, "hourly", start + hour, hour, true);
    let daily = Follower::start(&simulator, "daily", start + hour * 24, hour * 24, false);
    wait_for_followers(&simulator, 2).await;
    let reached = simulator.advance_to(start + hour * 36 + SignedDuration::from_mins(1)).await.unwrap();
    assert!(reached >= start + hour * 36);
    assert_eq!((hourly.record(), daily.record()), ((36, true), (1, true)));
}

#[tokio::test]
async fn an_old_report_of_idleness_is_not_believed() {
    let simulator = Arc::new(Simulator::start(options()).await.unwrap());
    let client = bench::client(&simulator);
    let report = async |idle: bool, seen: Timestamp| {
        let report = json!({ "name": "operator", "seen": seen, "idle": idle });
        call(&client, "POST", "https://localhost/sim/clock/follow", &[], Some(&report)).await.body
    };
    report(true, simulator.now()).await;
    let held = report(true, simulator.now());
    tokio::pin!(held);
    let advancing = async {
        wait_for_followers(&simulator, 1).await;
        simulator.advance(SignedDuration::ZERO).await
    };
    tokio::pin!(advancing);
    let answered = tokio::select! {
        _answer = &mut held => true,
        _reached = &mut advancing => false,
    };
    assert!(answered, "the clock moved on before the follower was asked anew");
    tokio::select! {
        reached = &mut advancing => panic!("the clock moved on to {reached:?} while the follower was busy"),
        _busy = report(false, simulator.now()) => panic!("a busy follower is not answered unless something changed"),
        () = tokio::time::sleep(Duration::from_millis(200)) => {}
    }
    tokio::select! {
        reached = advancing => reached.map(|_| ()).unwrap(),
        _answer = report(true, simulator.now()) => {}
    }
}

#[tokio::test]
async fn a_follower_that_does_not_know_the_clock_is_told_at_once_even_under_the_name_of_one_that_died() {
    let simulator = Simulator::start(options()).await.unwrap();
    let client = bench::client(&simulator);
    let newcomer = json!({ "name": "operator", "seen": null, "idle": false });
    for _ in 0..2 {
        let told = call(&client, "POST", "https://localhost/sim/clock/follow", &[], Some(&newcomer));
        let told = tokio::time::timeout(Duration::from_secs(10), told).await.expect("a question is held for longer than that");
        assert_eq!(told.body["offset_ns"], 0);
    }
}

#[tokio::test]
async fn a_report_from_before_a_step_or_with_work_due_does_not_let_the_clock_go_on() {
    let simulator = Arc::new(Simulator::start(options()).await.unwrap());
    let client = bench::client(&simulator);
    let report = async |offset: i64, next: Option<Timestamp>| {
        let report = json!({ "name": "operator", "offset_ns": offset, "idle": true, "next": next });
        call(&client, "POST", "https://localhost/sim/clock/follow", &[], Some(&report)).await.body["offset_ns"].as_i64().unwrap()
    };
    assert_eq!(report(0, None).await, 0);
    let mover = Arc::clone(&simulator);
    let advancing = tokio::spawn(async move { mover.advance(SignedDuration::from_hours(1)).await.map(|_| ()) });
    let mut offset = 0;
    while offset == 0 {
        offset = report(0, None).await;
    }
    // A report that was under way when the clock stepped.
    assert_eq!(report(0, None).await, offset);
    let due = report(offset, Some(simulator.now()));
    assert!(tokio::time::timeout(Duration::from_millis(200), due).await.is_err());
    assert!(!advancing.is_finished());
    let _held = tokio::time::timeout(Duration::from_millis(200), report(offset, None)).await;
    advancing.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_clock_is_advanced_over_the_wire_by_days_too() {
    let simulator = Simulator::start(options()).await.unwrap();
    let client = bench::client(&simulator);
    let start = simulator.now();
    let got = call(&client, "POST", "https://localhost/sim/advance", &[], Some(&json!({ "by": "90d" }))).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert!(simulator.now() >= start + SignedDuration::from_hours(90 * 24));
    let back = json!({ "to": start });
    let got = call(&client, "POST", "https://localhost/sim/advance", &[], Some(&back)).await;
    assert_eq!(got.status, 409);
}

#[tokio::test]
async fn a_follower_that_stays_busy_is_named_when_the_deadline_is_over() {
    let patience = Duration::from_millis(300);
    let simulator = Simulator::start(Options { patience, ..options() }).await.unwrap();
    let client = bench::client(&simulator);
    let busy = tokio::spawn(async move {
        loop {
            let report = json!({ "name": "operator", "idle": false });
            let _held = call(&client, "POST", "https://localhost/sim/clock/follow", &[], Some(&report)).await;
        }
    });
    while simulator_followers(&simulator).await == 0 {}
    let error = simulator.advance(SignedDuration::from_hours(1)).await.unwrap_err().to_string();
    busy.abort();
    assert!(error.contains("operator is busy after 300ms"), "{error}");
}

async fn simulator_followers(simulator: &Simulator) -> usize {
    let client = bench::client(simulator);
    let clock = call(&client, "GET", "https://localhost/sim/clock", &[], None).await;
    clock.body["followers"].as_array().unwrap().len()
}

fn rule(method: &str, occurrence: Occurrence, fault: Fault) -> Rule {
    Rule { matching: Match { method: Some(method.to_owned()), ..Match::default() }, occurrence, fault }
}

#[tokio::test]
async fn an_answer_lost_before_leaves_no_effect_and_one_lost_after_does() {
    let bench = Bench::new().await;
    bench.group().await;
    let bearer = format!("Bearer {}", bench.token);
    let headers = [("authorization", bearer.as_str())];
    let put = async |name: &str| {
        let url = bench::arm_url(&hub_path(name));
        try_call(&bench.client, "PUT", &url, &headers, Some(&hub_body())).await
    };
    bench.simulator.faults().add(rule("PUT", Occurrence::Nth(1), Fault::LostBefore)).unwrap();
    assert!(put("hub-a").await.is_err());
    assert_eq!(bench.arm("GET", &hub_path("hub-a"), None).await.status, 404);
    bench.simulator.faults().clear();
    bench.simulator.faults().add(rule("PUT", Occurrence::First(1), Fault::LostAfter)).unwrap();
    assert!(put("hub-a").await.is_err());
    assert_eq!(bench.arm("GET", &hub_path("hub-a"), None).await.status, 200);
    assert_eq!(bench.simulator.faults().hits().len(), 2);
}

#[tokio::test]
async fn faults_are_planned_over_the_wire_by_operation() {
    let bench = Bench::new().await;
    bench.group().await;
    let plan = json!({
        "match": { "operation": "ResourceGroups_Get" },
        "occurrence": { "nth": 2 },
        "fault": { "throttle": { "retry_after": 7 } },
    });
    let url = "https://localhost/sim/faults";
    assert_eq!(call(&bench.client, "POST", url, &[], Some(&plan)).await.status, 204);
    assert_eq!(bench.arm("GET", "", None).await.status, 200);
    let got = bench.arm("GET", "", None).await;
    assert_eq!((got.status, got.header("retry-after").as_str()), (429, "7"));
    assert_eq!(bench.arm("GET", "", None).await.status, 200);
    assert_eq!(call(&bench.client, "DELETE", url, &[], None).await.status, 204);
}

#[tokio::test]
async fn a_truncated_body_breaks_and_an_oversized_one_goes_on() {
    let bench = Bench::new().await;
    bench.group().await;
    bench.simulator.faults().add(rule("GET", Occurrence::Nth(1), Fault::Truncated)).unwrap();
    bench.simulator.faults().add(rule("GET", Occurrence::Nth(1), Fault::Oversized(3_000_000))).unwrap();
    let get = async || {
        let request = bench.client.get(bench::arm_url("")).bearer_auth(&bench.token);
        request.send().await.unwrap().bytes().await
    };
    assert!(get().await.is_err());
    assert_eq!(get().await.unwrap().len(), 3_000_000);
    bench.simulator.faults().add(rule("HEAD", Occurrence::Every, Fault::Truncated)).unwrap();
    assert!(bench.client.head(bench::arm_url("")).bearer_auth(&bench.token).send().await.is_err());
}

#[tokio::test]
async fn the_log_tells_reads_from_writes_and_holds_no_credential() {
    let bench = Bench::new().await;
    bench.group().await;
    bench.arm("GET", "", None).await;
    bench.provisioned(&[("hub-a", "eastus")]).await;
    bench.dps("POST", "/enrollmentGroups/g1/attestationmechanism", &[], None).await;
    bench.arm("POST", &format!("{}/listkeys", hub_path("hub-a")), None).await;
    let requests = bench.simulator.requests();
    let seen: Vec<(&str, bool)> =
        requests.iter().map(|request| (request.operation.as_deref().unwrap_or("token"), request.writes)).collect();
    assert_eq!(
        seen,
        [
            ("token", false),
            ("ResourceGroups_CreateOrUpdate", true),
            ("ResourceGroups_Get", false),
            ("EnrollmentGroup_CreateOrUpdate", true),
            ("EnrollmentGroup_GetAttestationMechanism", false),
            ("IotHubResource_ListKeys", false),
        ]
    );
    let log = call(&bench.client, "GET", "https://localhost/sim/requests", &[], None).await.body.to_string();
    let secrets = bench.simulator.secrets_ever_held();
    for known in [bench.token.as_str(), moorage_simulator::CLIENT_SECRET, bench::GROUP_KEY] {
        assert!(secrets.iter().any(|secret| secret == known));
    }
    for secret in &secrets {
        assert!(!log.contains(secret.as_str()));
        assert!(!bench.simulator.snapshot().contains(secret.as_str()));
    }
}

#[tokio::test]
async fn a_request_that_breaks_the_openapi_is_refused_and_reported() {
    let bench = Bench::new().await;
    bench.group().await;
    let mut body = hub_body();
    body["properties"]["colour"] = "red".into();
    let got = bench.arm("PUT", &hub_path("hub-a"), Some(&body)).await;
    assert_eq!(got.status, 400);
    let violations = bench.simulator.violations();
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert!(violations[0].contains("colour"));
    assert_eq!(bench.arm("GET", &hub_path("hub-a"), None).await.status, 404);
}

#[tokio::test]
async fn everybody_or_nobody_may_be_held_to_the_openapi() {
    let put = async |strictness: Strictness| {
        let bench = Bench::with(Options { strictness, ..options() }).await;
        bench.group().await;
        let mut body = hub_body();
        body["properties"]["colour"] = "red".into();
        let strange = stranger(&bench.simulator);
        let bearer = format!("Bearer {}", bench.token);
        let headers = [("authorization", bearer.as_str())];
        let (ours, theirs) = (bench::arm_url(&hub_path("hub-a")), bench::arm_url(&hub_path("hub-b")));
        let statuses = [
            bench::call(&bench.client, "PUT", &ours, &headers, Some(&body)).await.status,
            bench::call(&strange, "PUT", &theirs, &headers, Some(&body)).await.status,
        ];
        let requests = bench.simulator.requests();
        let held: Vec<(String, bool)> = requests[requests.len() - 2..].iter().map(|one| (one.product.clone(), one.held)).collect();
        assert_eq!(bench.simulator.violations().len(), 2);
        (statuses, held)
    };
    let products = |ours, theirs| vec![("azsdk-rust-moorage".to_owned(), ours), ("AHC".to_owned(), theirs)];
    assert_eq!(put(Strictness::default()).await, ([400, 201], products(true, false)));
    assert_eq!(put(Strictness::Everybody).await, ([400, 400], products(true, true)));
    assert_eq!(put(Strictness::Nobody).await, ([201, 201], products(false, false)));
}

#[tokio::test]
async fn every_answer_of_ours_fits_the_openapi() {
    let bench = Bench::new().await;
    bench.group().await;
    bench.arm("PUT", &hub_path("hub-x"), Some(&hub_body())).await;
    bench.settle().await;
    for path in ["", "/resources", &hub_path("hub-x"), &hub_path("none"), &bench::dps_path("none")] {
        bench.arm("GET", path, None).await;
    }
    bench.arm("PATCH", &hub_path("hub-x"), Some(&json!({ "tags": { "a": "b" } }))).await;
    let scope = bench.provisioned(&[("hub-a", "eastus")]).await;
    let device = bench::Device { scope: &scope, id: "d-1", group_key: bench::GROUP_KEY, from: None };
    assert_eq!(bench.register(&device).await.body["status"], "assigned");
    bench.dps("GET", "/registrations/d-1", &[], None).await;
    bench.dps("POST", "/registrations/g1/query", &[], None).await;
    bench.dps("GET", "/enrollmentGroups/none", &[], None).await;
    bench.hub("hub-a", "GET", "/devices/d-1", &[], None).await;
    bench.hub("hub-a", "GET", "/devices", &[], None).await;
    bench.hub("hub-a", "GET", "/devices/none", &[], None).await;
    bench.hub("hub-a", "POST", "/devices/query", &[], Some(&json!({ "query": "SELECT * FROM devices" }))).await;
    bench.hub("hub-a", "GET", "/statistics/devices", &[], None).await;
    bench.arm("GET", &bench::dps_path("dps"), None).await;
    bench.arm("POST", &format!("{}/listkeys", bench::dps_path("dps")), None).await;
    bench.arm("DELETE", &bench::dps_path("dps"), None).await;
    bench.arm("DELETE", "", None).await;
    assert_eq!(bench.simulator.answer_violations(), Vec::<String>::new());
    assert_eq!(bench.simulator.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn two_runs_with_one_seed_end_in_the_same_world() {
    let mut worlds = Vec::new();
    for _ in 0..2 {
        let bench = Bench::new().await;
        let scope = bench.provisioned(&[("hub-a", "eastus"), ("hub-b", "westus")]).await;
        let device = bench::Device { scope: &scope, id: "d-1", group_key: bench::GROUP_KEY, from: None };
        bench.register(&device).await;
        worlds.push((bench.simulator.snapshot(), bench.simulator.snapshot_by_relation()));
    }
    assert_eq!(worlds[0], worlds[1]);
    assert!(worlds[0].1.contains("device d-1 enabled derived(g1 primary) k"), "{}", worlds[0].1);
}

#[tokio::test]
async fn a_new_hub_may_be_hidden_from_reads_for_a_while() {
    let mut options = options();
    options.variants.read_after_create = SignedDuration::from_secs(10);
    let bench = Bench::with(options).await;
    bench.group().await;
    bench.arm("PUT", &hub_path("hub-a"), Some(&hub_body())).await;
    assert_eq!(bench.arm("GET", &hub_path("hub-a"), None).await.status, 404);
    bench.simulator.advance(SignedDuration::from_secs(11)).await.unwrap();
    assert_eq!(bench.arm("GET", &hub_path("hub-a"), None).await.status, 200);
}

#[tokio::test]
async fn a_client_without_a_server_name_gets_a_certificate_for_the_loopback() {
    let simulator = Simulator::start(options()).await.unwrap();
    let url = format!("https://{}/sim/clock", simulator.address());
    let got = call(&bench::client(&simulator), "GET", &url, &[], None).await;
    assert_eq!(got.status, 200);
    assert_eq!(got.body["followers"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn a_chance_of_failure_falls_the_same_way_for_the_same_seed() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let bench = Bench::new().await;
        bench.group().await;
        bench.simulator.faults().add(rule("GET", Occurrence::Probability(0.5), Fault::Status(503))).unwrap();
        let mut statuses = Vec::new();
        for _ in 0..20 {
            statuses.push(bench.arm("GET", "", None).await.status);
        }
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&503) && runs[0].contains(&200), "{runs:?}");
}

#[tokio::test]
async fn a_rule_may_be_for_one_caller() {
    let bench = Bench::new().await;
    bench.provisioned(&[("hub-a", "eastus")]).await;
    let matching = Match { caller: Some("iothubowner".to_owned()), ..Match::default() };
    bench.simulator.faults().add(Rule { matching, occurrence: Occurrence::Every, fault: Fault::Status(500) }).unwrap();
    assert_eq!(bench.dps("GET", "/enrollmentGroups/g1", &[], None).await.status, 200);
    assert_eq!(bench.hub("hub-a", "GET", "/devices/none", &[], None).await.status, 500);
}
