//! Bad weather: the cloud misbehaves while the example is set up, and again when everything is in use. Each time it comes to the same
//! world as in good weather, with nothing made twice, and to rest.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use moorage_keys::owner_hash;
use moorage_simulator::{Fault, LoggedRequest, MaskedLink, Match, Occurrence, Options, Rule};
use moorage_tests::controlplane::block_on;
use moorage_tests::harness::{SOON, cloud_options, condition};
use moorage_tests::wait::until;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::steady::writes;
use moorage_tests::tenants::Tenants;

/// The objects of the example that ask the cloud, and are looked at again within a drift period.
const IN_THE_CLOUD: [(&str, &str, &str); 3] = [
    ("ProvisioningService", "platform", "contoso-dps"),
    ("TenantHubGroup", "contoso", "contoso-us"),
    ("EnrollmentGroup", "platform", "contoso-us-devices"),
];
/// Longer than any of them is left unlooked at.
const DRIFT_PERIOD: SignedDuration = SignedDuration::from_mins(31);
/// How far the clock is moved on when it is waited for the operator's next attempt.
const STRIDE: SignedDuration = SignedDuration::from_secs(30);

/// What goes wrong, and for how long by the cloud's clock.
struct Weather {
    story: &'static str,
    cloud: fn(&mut Options),
    rules: Vec<Rule>,
    lasts: SignedDuration,
    /// The reason that objects in use give beside being Ready, if they are sure to notice.
    tells: Option<&'static str>,
}

impl Weather {
    fn fair(story: &'static str) -> Self {
        Self { story, cloud: |_| {}, rules: Vec::new(), lasts: SignedDuration::ZERO, tells: None }
    }

    /// Ten minutes in which a fault hits what is asked of the cloud.
    fn faulty(story: &'static str, occurrence: Occurrence, fault: Fault) -> Self {
        let rules = vec![Rule { matching: Match::default(), occurrence, fault }];
        Self { rules, lasts: SignedDuration::from_mins(10), ..Self::fair(story) }
    }

    fn telling(self, reason: &'static str) -> Self {
        Self { tells: Some(reason), ..self }
    }
}

/// What the cloud comes to: the world, and how often each thing was created in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    world: String,
    created: BTreeMap<String, usize>,
    deleted: Vec<String>,
}

impl Outcome {
    pub fn of(tenants: &Tenants) -> Self {
        let requests = tenants.harness.cloud().requests();
        let mut created = BTreeMap::new();
        for request in requests.iter().filter(|request| request.method == "PUT" && request.status == Some(201)) {
            *created.entry(request.path.to_lowercase()).or_default() += 1;
        }
        let deleted = requests.iter().filter(|request| request.method == "DELETE").map(|request| request.path.clone()).collect();
        Self { world: world(tenants), created, deleted }
    }

    /// In good weather.
    pub async fn fair() -> anyhow::Result<&'static Self> {
        static FAIR: OnceCell<Outcome> = OnceCell::const_new();
        FAIR.get_or_try_init(|| async {
            let tenants = Box::pin(begun(&Weather::fair("weather-fair"))).await?;
            comes_to_rest(&tenants).await?;
            let outcome = Self::of(&tenants);
            tenants.end().await?;
            Ok(outcome)
        })
        .await
    }
}

/// The world, with the names that it has in every story.
fn world(tenants: &Tenants) -> String {
    let installation = tenants.harness.launch().installation.id;
    let mut world = tenants.harness.cloud().snapshot_by_relation().replace(&tenants.harness.cluster(), "cluster");
    for object in tenants.example.objects() {
        let text = |field: &str| object.pointer(field).and_then(serde_json::Value::as_str).unwrap_or_default();
        let (kind, namespace, name) = (text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
        world = world.replace(&owner_hash(&installation, kind, namespace, name), &format!("hash-of-{name}"));
    }
    world.replace(&format!("-{installation}"), "").replace(&installation, "installation")
}

async fn begun(weather: &Weather) -> anyhow::Result<Tenants> {
    let mut options = cloud_options();
    (weather.cloud)(&mut options);
    options.faults.clone_from(&weather.rules);
    Tenants::begun(weather.story, options, |_| {}).await
}

/// Lets time pass; it stops early, and goes on, when the operator is busy for long.
pub async fn pass(tenants: &Tenants, time: SignedDuration) -> anyhow::Result<()> {
    let end = tenants.harness.cloud().now() + time;
    until("the time has passed", SOON, || async {
        if tenants.harness.cloud().now() < end {
            tenants.harness.cloud().advance_to(end).await?;
        }
        Ok(())
    })
    .await
}

/// Waits until everything is Ready and the operator at rest, and moves the clock on meanwhile.
pub async fn comes_to_rest(tenants: &Tenants) -> anyhow::Result<()> {
    until("everything is Ready", SOON, || async {
        let looked = tenants.harness.look_ready().await;
        if looked.is_err() {
            // It fails when the operator is busy: then there is no need to hurry time.
            let _stride = tenants.harness.cloud().advance(STRIDE).await;
        }
        looked
    })
    .await?;
    tenants.harness.until_at_rest(&tenants.operator).await
}

/// What is in use stays so, and says beside that what is wrong.
async fn stays_usable(tenants: &Tenants, tells: &str) -> anyhow::Result<()> {
    for (kind, namespace, name) in IN_THE_CLOUD {
        let object = tenants.object(kind, namespace, name).await?;
        let of = |type_| condition(&object, type_);
        let usable = of("Ready").is_some_and(|(status, _)| status == "True");
        let honest = of("Reconciling") == Some(("True".to_owned(), tells.to_owned()));
        anyhow::ensure!(usable && honest, "{kind} {name}: {}", object["status"]["conditions"]);
    }
    Ok(())
}

/// Since when each of them is Ready.
async fn ready_since(tenants: &Tenants) -> anyhow::Result<Vec<Value>> {
    let mut since = Vec::new();
    for (kind, namespace, name) in IN_THE_CLOUD {
        let object = tenants.object(kind, namespace, name).await?;
        let ready = object["status"]["conditions"].as_array().into_iter().flatten().find(|one| one["type"] == "Ready");
        since.extend(ready.map(|ready| json!([kind, ready["status"], ready["lastTransitionTime"]])));
    }
    Ok(since)
}

/// What the operator has warned of.
pub async fn warnings(tenants: &Tenants) -> anyhow::Result<Vec<String>> {
    let mut all = Vec::new();
    for namespace in tenants.example.namespaces() {
        let args = ["get", "events", "-n", &namespace, "--field-selector=type=Warning", "--no-headers"];
        all.extend(tenants.harness.kubectl(&args, "").await?.lines().map(str::to_owned));
    }
    Ok(all)
}

/// Requests for which it was too soon: the same was asked for a moment before, and Azure said when to come back.
fn too_soon(tenants: &Tenants) -> Vec<String> {
    let requests = tenants.harness.cloud().requests();
    let refused = requests.iter().filter_map(|request| match request.fault {
        Some(Fault::Throttle { retry_after }) if request.operation.is_some() => {
            Some((request, request.when + SignedDuration::from_secs(i64::try_from(retry_after).expect("seconds"))))
        }
        _ => None,
    });
    // What is sent at the same time cannot know.
    let after = |request: &LoggedRequest| request.when + SignedDuration::from_secs(1);
    let too_soon = refused.flat_map(|(first, open)| {
        let same = |other: &&LoggedRequest| (&other.host, &other.operation) == (&first.host, &first.operation);
        requests.iter().filter(same).filter(move |other| after(first) < other.when && other.when < open)
    });
    too_soon.map(|request| format!("{} {} {}", request.when, request.method, request.path)).collect()
}

/// The story of every weather.
fn weathered(weather: Weather) -> anyhow::Result<()> {
    block_on(async {
        let fair = Outcome::fair().await?;
        let tenants = begun(&weather).await?;
        pass(&tenants, weather.lasts).await?;
        assert_eq!(tenants.harness.cloud().faults().hits().is_empty(), weather.rules.is_empty(), "the weather was noticed");
        tenants.harness.cloud().faults().clear();
        comes_to_rest(&tenants).await?;
        assert_eq!(&Outcome::of(&tenants), fair);
        if weather.rules.is_empty() {
            assert_eq!(warnings(&tenants).await?, [""; 0], "nothing went wrong");
        }

        let since = ready_since(&tenants).await?;
        // Whose token is refused time and again may be one who is refused: that is no weather to wait out.
        let denied = weather.rules.iter().any(|rule| rule.fault == Fault::Status(401));
        for rule in weather.rules {
            tenants.harness.cloud().faults().add(rule)?;
        }
        pass(&tenants, DRIFT_PERIOD).await?;
        if let Some(reason) = weather.tells {
            stays_usable(&tenants, reason).await?;
        }
        tenants.harness.cloud().faults().clear();
        assert_eq!(too_soon(&tenants), [""; 0]);
        comes_to_rest(&tenants).await?;
        assert!(denied || ready_since(&tenants).await? == since, "what is in use was Ready all the time: {since:?}");
        let before = writes(&tenants).await?;
        pass(&tenants, DRIFT_PERIOD).await?;
        tenants.harness.until_at_rest(&tenants.operator).await?;
        assert_eq!(writes(&tenants).await?, before);
        assert_eq!(&Outcome::of(&tenants), fair);
        tenants.end().await
    })
}

#[test]
fn azure_throttles_everything_for_ten_minutes() -> anyhow::Result<()> {
    weathered(Weather::faulty("throttled", Occurrence::Every, Fault::Throttle { retry_after: 20 }).telling("Throttled"))
}

#[test]
fn azure_is_away_for_ten_minutes() -> anyhow::Result<()> {
    weathered(Weather::faulty("away", Occurrence::Every, Fault::Status(503)).telling("Unavailable"))
}

#[test]
fn azure_fails_in_bursts() -> anyhow::Result<()> {
    weathered(Weather::faulty("bursts", Occurrence::Probability(0.4), Fault::Status(500)))
}

#[test]
fn azure_answers_slowly() -> anyhow::Result<()> {
    weathered(Weather::faulty("slow", Occurrence::Every, Fault::Slow(100)))
}

#[test]
fn answers_break_off() -> anyhow::Result<()> {
    weathered(Weather::faulty("truncated", Occurrence::Probability(0.4), Fault::Truncated))
}

#[test]
fn answers_are_larger_than_any_that_is_read() -> anyhow::Result<()> {
    weathered(Weather::faulty("oversized", Occurrence::Every, Fault::Oversized(5 << 20)).telling("Unavailable"))
}

#[test]
fn what_was_created_is_not_found_for_a_while() -> anyhow::Result<()> {
    let cloud: fn(&mut Options) = |options| options.variants.read_after_create = SignedDuration::from_secs(90);
    weathered(Weather { cloud, ..Weather::fair("unseen") })
}

#[test]
fn lists_begin_with_an_empty_page() -> anyhow::Result<()> {
    // With a list of hubs that ends too early, the keys in their links would be written as they are shown: masked.
    let cloud: fn(&mut Options) = |options| {
        options.variants.lists_begin_empty = true;
        options.variants.masked_link = MaskedLink::StoredLiterally;
    };
    weathered(Weather { cloud, ..Weather::fair("empty-pages") })
}

#[test]
fn tokens_are_refused_before_their_time() -> anyhow::Result<()> {
    let matching = Match { host: Some("management.azure.com".to_owned()), ..Match::default() };
    let rules = vec![Rule { matching, occurrence: Occurrence::First(3), fault: Fault::Status(401) }];
    weathered(Weather { rules, lasts: SignedDuration::from_mins(1), ..Weather::fair("refused") })
}

#[test]
fn all_tokens_expire_at_once() -> anyhow::Result<()> {
    block_on(async {
        let tenants = Tenants::ready("expired").await?;
        comes_to_rest(&tenants).await?;
        let before = writes(&tenants).await?;
        tenants.harness.cloud().seed(moorage_simulator::Azure::expire_tokens);
        let asked = tenants.harness.cloud().requests().len();
        pass(&tenants, DRIFT_PERIOD).await?;
        comes_to_rest(&tenants).await?;
        let refused = tenants.harness.cloud().requests().into_iter().skip(asked).filter(|request| request.status == Some(401)).count();
        assert!(refused > 0, "nobody used an old token");
        assert_eq!(writes(&tenants).await?, before);
        assert_eq!(&Outcome::of(&tenants), Outcome::fair().await?);
        tenants.end().await
    })
}
