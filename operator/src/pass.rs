//! One pass for every kind: look, decide, act, tell.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::{SignedDuration, Timestamp};
use moorage_crds::{CommonStatus, annotations};
use moorage_plan::{Class, Goal, Plan, Reason, Seed, Standing, Why, retry_in, spread};
use serde_json::{Value, json};

use crate::{
    cluster::Place,
    effects::Target,
    env::Env,
    error::{Error, Halt, Wait, bounded},
    key::{ObjectKey, Thing},
    kind::{Act, Kind},
    queue::Lane,
    status::{Account, difference, was_usable},
};

/// Passes that act without ever coming to rest before they are slowed down: a world that does not move when pushed.
const RESTLESS: u32 = 12;

/// How long an object waits for its turn before it tells.
const LONG_WAIT: SignedDuration = SignedDuration::from_mins(1);

/// When an object is looked at again, and how urgently; `None` leaves it to whatever wakes it.
pub type Next = Option<(Timestamp, Lane)>;

/// One look at one object, and all that follows from it.
pub async fn pass<K: Kind>(env: &Env, key: &ObjectKey, lane: Lane) -> Next {
    let object = K::store(&env.stores).get(&key.at)?;
    let now = env.clock.now();
    if let Some(until) = env.unseen_write(key, now) {
        return Some((until, Lane::New));
    }
    if object.goal() == Goal::Absent && !has_finalizer(&*object) {
        return None;
    }
    let (outcome, next) = match run(env, &*object, key, lane, now).await {
        Ok(next) => ("Done", next),
        Err(error) if error.wait == Wait::Turn => ("Waiting", Some(wait_for_turn(env, &*object, key, lane, &error, now).await)),
        Err(error) => ("Failed", Some(after_failure(env, &*object, key, &error, now).await)),
    };
    env.metrics.pass(key.kind, lane, outcome);
    if K::store(&env.stores).get(&key.at).is_none() {
        // It went while it was looked at: what was written meanwhile will not be seen.
        env.forget(key);
        return None;
    }
    next
}

async fn run<K: Kind>(env: &Env, object: &K, key: &ObjectKey, lane: Lane, now: Timestamp) -> Result<Next, Error> {
    let goal = object.goal();
    if goal == Goal::Absent && object.is_annotated(annotations::ORPHAN) {
        return let_go(env, object, key).await;
    }
    let seen = match object.observe(env, goal).await {
        Ok(seen) => seen,
        Err(Halt::NotInMemory(namespace)) => {
            let is_woken = env.secrets.wait_for(&namespace, key, lane);
            let patience = SignedDuration::from_secs(if is_woken { 5 } else { 1 });
            return Ok(Some((now + patience, lane)));
        }
        Err(Halt::Failed(error)) => return Err(error),
        Err(Halt::Standing(standing)) => return halted(env, object, key, &with_a_way_out(env, object, key, standing), now).await,
    };
    let plan = object.plan(&seen, goal, now);
    let paused = object.is_annotated(annotations::PAUSED);
    if goal == Goal::Present && !paused && object.has_something_to_undo() && !has_finalizer(object) {
        set_finalizer(env, object, key, true).await?;
        return Ok(None);
    }
    let on_hold = paused && goal == Goal::Present;
    if !plan.actions.is_empty() && !on_hold {
        let Some(until) = repeats(env, key, &plan, now) else { return act(env, object, key, &plan, now).await };
        let common = common(object, goal, &plan.standing, plan.usable, Vec::new(), now);
        report(env, object, key, object.tell(&seen, common), now).await?;
        return Ok(Some((until, Lane::New)));
    }
    env.settled(key);
    if goal == Goal::Absent && plan.standing == Standing::Met {
        release(env, object, key).await?;
        return Ok(None);
    }
    let planned = plan.actions.iter().map(Act::note).collect();
    let common = common(object, goal, &plan.standing, plan.usable, planned, now);
    report(env, object, key, object.tell(&seen, common), now).await?;
    Ok(Some(look_again::<K>(key, plan.look_again, &plan.standing, now)))
}

/// Until when to wait with actions that were performed just so a moment ago: what was made may not be shown yet.
fn repeats<A: Act>(env: &Env, key: &ObjectKey, plan: &Plan<A>, now: Timestamp) -> Option<Timestamp> {
    let mut hasher = DefaultHasher::new();
    plan.actions.iter().map(Act::note).for_each(|note| note.hash(&mut hasher));
    env.repeats(key, hasher.finish(), now, |times| retry_in(Class::Conflict, times, seed(key)))
}

/// Performs the actions in order and ends at the first that fails; the next pass observes anew.
async fn act<K: Kind>(env: &Env, object: &K, key: &ObjectKey, plan: &Plan<K::Action>, now: Timestamp) -> Result<Next, Error> {
    for action in &plan.actions {
        let (reason, note) = (action.reason(), action.note());
        env.effects.perform(key, action.target(), reason, object.perform(env, action)).await?;
        tracing::info!(%reason, object = %key, "{note}");
        if action.is_news() {
            env.events.news(object, reason, &note).await;
        }
    }
    let rounds = env.acted(key);
    let pause = if rounds > RESTLESS { retry_in(Class::Conflict, rounds - RESTLESS, seed(key)) } else { SignedDuration::ZERO };
    Ok(Some((now + pause, Lane::New)))
}

/// Nothing to look at, or nothing that may be looked at: only the conditions are told.
async fn halted<K: Kind>(env: &Env, object: &K, key: &ObjectKey, standing: &Standing, now: Timestamp) -> Result<Next, Error> {
    env.settled(key);
    let common = without_a_look(object, standing, now);
    report(env, object, key, only_common(object, &common), now).await?;
    Ok(Some(look_again::<K>(key, None, standing, now)))
}

/// It is only somebody else's turn: that is no failure, and is told only when it takes long.
async fn wait_for_turn<K: Kind>(env: &Env, object: &K, key: &ObjectKey, lane: Lane, error: &Error, now: Timestamp) -> (Timestamp, Lane) {
    let wait = retry_in(error.class, 1, seed(key));
    tracing::debug!(object = %key, wait = %wait, error = error.chain(), "waits for its turn");
    if now.duration_since(env.waits_since(key, now)) > LONG_WAIT {
        let note = format!("waits for its turn, and goes on by itself: {}", error.held_back_by());
        tell_failure(env, object, key, &Standing::NotYet(Why::new(error.reason(), note)), now).await;
    }
    (now + wait, lane)
}

async fn after_failure<K: Kind>(env: &Env, object: &K, key: &ObjectKey, error: &Error, now: Timestamp) -> (Timestamp, Lane) {
    let failures = env.failed(key);
    let wait = retry_in(error.class, failures, seed(key));
    let chain = error.chain();
    if let Wait::Answer(left) = error.wait {
        // Whoever called in vain has told it, and will again.
        tracing::debug!(reason = %error.reason(), object = %key, left = %left, error = chain, "not tried");
        if !tells(object, error.reason()) {
            tell_failure(env, object, key, &standing_of(error, chain), now).await;
        }
        return (now + wait.max(left), Lane::New);
    }
    // A lost race is the normal course of things; it is news when it does not end, or when it has a name.
    let named = error.reason.is_some() && matches!(error.class, Class::Conflict);
    if named {
        env.events.warning(object, error.reason(), &chain).await;
    }
    if named || failures > 1 || !matches!(error.class, Class::Conflict) {
        tracing::warn!(reason = %error.reason(), object = %key, failures, wait = %wait, error = chain, "failed");
        let standing = with_a_way_out(env, object, key, standing_of(error, chain));
        tell_failure(env, object, key, &standing, now).await;
    }
    (now + wait, Lane::New)
}

async fn tell_failure<K: Kind>(env: &Env, object: &K, key: &ObjectKey, standing: &Standing, now: Timestamp) {
    let common = without_a_look(object, standing, now);
    if let Err(second) = report(env, object, key, only_common(object, &common), now).await {
        tracing::warn!(object = %key, error = second.chain(), "the failure could not be reported");
    }
}

/// Whether an object says already that it is held up for this reason.
fn tells<K: Kind>(object: &K, reason: Reason) -> bool {
    let told = object.told().map(|told| told.conditions.as_slice()).unwrap_or_default();
    told.iter().any(|one| one.type_ == moorage_crds::conditions::RECONCILING && one.status == "True" && one.reason == reason.as_str())
}

fn standing_of(error: &Error, chain: String) -> Standing {
    let why = Why::new(error.reason(), chain);
    match error.class {
        Class::Invalid | Class::Denied => Standing::Stuck(why),
        Class::Conflict | Class::Throttled(_) | Class::RateLimited(_) | Class::Unavailable => Standing::NotYet(why),
    }
}

/// Whoever cannot undo what it made, because the cloud or the credential is gone, is told how it can go all the same.
fn with_a_way_out<K: Kind>(env: &Env, object: &K, key: &ObjectKey, standing: Standing) -> Standing {
    let Standing::Stuck(Why { reason, note }) = standing else { return standing };
    if object.goal() == Goal::Present {
        return Standing::Stuck(Why { reason, note });
    }
    let made = env.ledger.page_of(key).map(|page| format!("; what it made is written down in ConfigMap {page}")).unwrap_or_default();
    let (kind, at) = (key.kind.as_str().to_lowercase(), &key.at);
    let command = format!("kubectl annotate {kind} -n {} {} {}=true", at.namespace, at.name, annotations::ORPHAN);
    Standing::Stuck(Why::new(reason, format!("{note}{made}; if that cannot be, let the object go and leave the cloud as it is: {command}")))
}

/// What could be used stays usable while its dependencies are merely away.
fn usable_until_told_otherwise<K: Kind>(object: &K, standing: &Standing) -> bool {
    was_usable(object.told()) && matches!(standing, Standing::NotYet(_))
}

fn common<K: Kind>(object: &K, goal: Goal, standing: &Standing, usable: bool, planned: Vec<String>, now: Timestamp) -> CommonStatus {
    let generation = object.meta().generation;
    let paused = object.is_annotated(annotations::PAUSED) && goal == Goal::Present;
    let on_hold =
        Standing::Stuck(Why::new(Reason::Paused, "paused by annotation moorage.dev/paused; status.planned tells what would be done"));
    let standing = if paused && !planned.is_empty() { &on_hold } else { standing };
    let account = Account { goal, standing, usable, generation, now };
    let before = object.told().map(|told| told.conditions.as_slice()).unwrap_or_default();
    CommonStatus {
        observed_generation: generation.unwrap_or(-1),
        conditions: account.conditions(before),
        planned,
        sync_requested_at: object.annotation(annotations::SYNC_REQUESTED_AT).map(|text| bounded(text, 64)),
    }
}

/// Who asked for a look is not told that it was done.
fn without_a_look<K: Kind>(object: &K, standing: &Standing, now: Timestamp) -> CommonStatus {
    let common = common(object, object.goal(), standing, usable_until_told_otherwise(object, standing), Vec::new(), now);
    CommonStatus { sync_requested_at: object.told().and_then(|told| told.sync_requested_at.clone()), ..common }
}

/// The status as it is, with the common part replaced.
fn only_common<K: Kind>(object: &K, common: &CommonStatus) -> Value {
    let mut status = told_now(object);
    if let (Value::Object(status), Ok(Value::Object(common))) = (&mut status, serde_json::to_value(common)) {
        status.remove("planned");
        status.remove("syncRequestedAt");
        status.extend(common);
    }
    status
}

fn told_now<K: Kind>(object: &K) -> Value {
    let whole = serde_json::to_value(object).expect("an object that was read serializes");
    whole.get("status").filter(|status| status.is_object()).cloned().unwrap_or_else(|| json!({}))
}

/// Patches the status, if there is anything to patch.
async fn report<K: Kind>(env: &Env, object: &K, key: &ObjectKey, status: Value, now: Timestamp) -> Result<(), Error> {
    let Some(changes) = difference(&told_now(object), &status) else { return Ok(()) };
    let step = format!("failed to write the status of {key}");
    // With the version: what was seen of an older object must not be told of a newer one, however late it comes.
    let changes = json!({ "metadata": { "resourceVersion": object.meta().resource_version }, "status": changes });
    let place = Place::of::<K>(&key.at).status();
    let write = env.cluster.merge(&step, &place, &changes);
    let version = env.effects.perform(key, Target::Cluster, Reason::ReportStatus, write).await?;
    env.told(key, version.clone());
    env.await_write(key, &Thing::Object(key.clone()), version);
    tell_the_first_ready(env, object, &status, now);
    warn_when_it_stalls(env, object, &status).await;
    Ok(())
}

fn tell_the_first_ready<K: Kind>(env: &Env, object: &K, status: &Value, now: Timestamp) {
    let is_ready = condition_of(status, moorage_crds::conditions::READY).is_some_and(|(holds, ..)| holds);
    let first = object.told().is_none_or(|told| told.conditions.is_empty());
    if let (true, true, Some(created)) = (is_ready, first, object.meta().creation_timestamp.as_ref()) {
        env.metrics.ready_after(now.duration_since(created.0).as_secs_f64().max(0.0));
    }
}

async fn warn_when_it_stalls<K: Kind>(env: &Env, object: &K, status: &Value) {
    let Some((true, reason, note)) = condition_of(status, moorage_crds::conditions::STALLED) else { return };
    let before = object.told().and_then(|told| told.conditions.iter().find(|one| one.type_ == moorage_crds::conditions::STALLED));
    let news = before.is_none_or(|before| before.status != "True" || before.reason != reason);
    if let (true, Some(reason)) = (news, Reason::ALL.iter().find(|one| one.as_str() == reason)) {
        env.events.warning(object, *reason, &note).await;
    }
}

fn condition_of(status: &Value, type_: &str) -> Option<(bool, String, String)> {
    let condition = status["conditions"].as_array()?.iter().find(|condition| condition["type"] == type_)?;
    let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
    Some((condition["status"] == "True", text("reason"), text("message")))
}

/// Lets the object go with the cloud as it is. What is written down of it is struck out: a later object of its name must not
/// believe that things are there, or have vanished, of which its owner said to forget them.
async fn let_go<K: Kind>(env: &Env, object: &K, key: &ObjectKey) -> Result<Next, Error> {
    if env.ledger.page_of(key).is_some() {
        env.effects.perform(key, Target::Cluster, Reason::DropClaim, env.ledger.strike(key)).await?;
    }
    release(env, object, key).await?;
    Ok(None)
}

/// Lets the object go: the finalizer is the last thing that is taken away.
async fn release<K: Kind>(env: &Env, object: &K, key: &ObjectKey) -> Result<(), Error> {
    set_finalizer(env, object, key, false).await
}

async fn set_finalizer<K: Kind>(env: &Env, object: &K, key: &ObjectKey, wanted: bool) -> Result<(), Error> {
    let mut finalizers = object.meta().finalizers.clone().unwrap_or_default();
    finalizers.retain(|finalizer| finalizer != annotations::FINALIZER);
    if wanted {
        finalizers.push(annotations::FINALIZER.to_owned());
    }
    // With the version: a list is replaced whole, and somebody may have added theirs meanwhile.
    let changes = json!({ "metadata": { "finalizers": finalizers, "resourceVersion": object.meta().resource_version } });
    let (reason, verb) = if wanted { (Reason::AddFinalizer, "add") } else { (Reason::RemoveFinalizer, "remove") };
    let step = format!("failed to {verb} the finalizer of {key}");
    let place = Place::of::<K>(&key.at);
    let version = env.effects.perform(key, Target::Cluster, reason, env.cluster.merge(&step, &place, &changes)).await?;
    env.await_write(key, &Thing::Object(key.clone()), version);
    Ok(())
}

fn has_finalizer<K: Kind>(object: &K) -> bool {
    object.meta().finalizers.iter().flatten().any(|finalizer| finalizer == annotations::FINALIZER)
}

/// At the time that the plan named, or when the drift period is over, spread over the last tenth of it.
fn look_again<K: Kind>(key: &ObjectKey, planned: Option<Timestamp>, standing: &Standing, now: Timestamp) -> (Timestamp, Lane) {
    let round = now.as_second().unsigned_abs() / K::DRIFT_PERIOD.as_secs().unsigned_abs().max(1);
    let period = K::DRIFT_PERIOD - spread(K::DRIFT_PERIOD / 10, seed(key), round);
    let at = now.saturating_add(period).unwrap_or(Timestamp::MAX);
    let lane = if *standing == Standing::Met { Lane::Refresh } else { Lane::New };
    (planned.map_or(at, |planned| planned.min(at)), lane)
}

fn seed(key: &ObjectKey) -> Seed {
    Seed::of(&key.to_string())
}
