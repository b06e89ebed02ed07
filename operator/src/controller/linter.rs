//! What the tests of decisions share: one time, plans as they read, all that can go wrong with an action, and what no plan may do.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_crds::annotations as names;
use moorage_plan::{Act, Plan, Reason, Standing, Target};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    cache::secrets::Secrets,
    cluster::ApiReader,
    controller::{
        context::{Caches, Installation},
        kind::Kind,
    },
    object::{Keyed, ObjectKey},
};

/// The uid of every object here.
pub const UID: &str = "0f4c1d1e-7d0b-4d0e-9d3a-2f1f0c5f3b11";

/// The time of every decision here.
pub fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("a time")
}

/// An action for the tests of those who are handed what to do.
#[derive(Clone, Debug)]
pub struct Named(pub Reason, pub String);

impl Act for Named {
    fn reason(&self) -> Reason {
        self.0
    }

    fn note(&self) -> String {
        self.1.clone()
    }
}

/// What an API server or a service would have sent.
pub fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("it is written as it is read")
}

/// The metadata of an object.
pub fn metadata(namespace: &str, name: &str) -> Value {
    json!({ "namespace": namespace, "name": name, "uid": UID })
}

/// Puts an annotation on an object.
pub fn annotate(meta: &mut ObjectMeta, name: &str, value: &str) {
    meta.annotations.get_or_insert_default().insert(name.to_owned(), value.to_owned());
}

/// Caches that have seen nothing, of the installation `house`; no API server answers behind them.
pub fn caches() -> Caches {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let _guard = runtime.enter();
    let installation = Installation::new("house".to_owned(), "moorage".to_owned(), "here");
    let api = ApiReader::new(kube::Client::new(axum::Router::new(), "default"), &installation.namespace);
    let (secrets, _) = Secrets::new(api, prometheus_client::metrics::counter::Counter::default());
    Caches::new(installation, secrets)
}

/// The caches of worlds in which there is one object.
pub static EMPTY: LazyLock<Caches> = LazyLock::new(caches);

/// Shows an object to the caches.
pub fn show<K: Kind>(caches: &Caches, object: K) {
    caches.objects.put(&object.key(), object.references(), Arc::new(object));
}

/// Has the ledger say something of an object.
pub fn note(caches: &Caches, owner: &ObjectKey, entries: &[(&str, String)]) {
    let entries = entries.iter().map(|(entry, value)| ((*entry).to_owned(), value.clone())).collect();
    let page = caches.ledger.page(owner, None, entries);
    caches.ledger.put(&page).expect("the page is one of ours");
}

/// A standing as it reads.
pub fn described_standing(standing: &Standing) -> String {
    match standing {
        Standing::Met => "met".to_owned(),
        Standing::Reconciling(why) => format!("not yet, {}: {}", why.reason, why.note),
        Standing::Stalled(why) => format!("stuck, {}: {}", why.reason, why.note),
    }
}

/// Confirms an object's deletion, as its owner would.
pub fn confirm(meta: &mut ObjectMeta) {
    annotate(meta, names::CONFIRM_DELETE, UID);
}

/// A whole plan as it reads: a line an action, then where that leaves the object.
pub fn described<A: Act>(plan: &Plan<A>) -> Vec<String> {
    let mut lines: Vec<_> = plan.actions.iter().map(|action| format!("{}: {}", action.reason(), action.note())).collect();
    let standing = described_standing(&plan.standing);
    let again = plan.look_again.map(|when| format!(" | again in {} s", when.duration_since(now()).as_secs())).unwrap_or_default();
    let usable = if plan.usable { " | usable" } else { "" };
    let drift = plan.drift.as_ref().map(|drift| format!(" | drifted: {drift}")).unwrap_or_default();
    lines.push(format!("{standing}{again}{usable}{drift}"));
    lines
}

/// Why a plan does not go on.
pub fn reason<A>(plan: &Plan<A>) -> Option<Reason> {
    plan.standing.why().map(|why| why.reason)
}

/// What becomes of an action between the decision and its effect.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    /// It takes effect.
    Done,
    /// It takes effect twice.
    Twice,
    /// It is lost, and with it the rest of the plan.
    LostBefore,
    /// It takes effect, and nobody hears of it: the rest of the plan is lost.
    LostAfter,
}

/// What becomes of the first actions; later ones take effect.
pub fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![Just(Fate::Done), Just(Fate::Twice), Just(Fate::LostBefore), Just(Fate::LostAfter)];
    prop::collection::vec(fate, 0..10)
}

/// A small world in which plans can be tried out.
pub trait World {
    /// What can be done in it.
    type Action: Act + Debug;

    /// What is decided on a look at it.
    fn plan(&self) -> Plan<Self::Action>;

    /// What an action does to it. Panics at one that should never have been decided on.
    fn apply(&mut self, action: &Self::Action);

    /// Lets long operations go on; says whether any did.
    fn go_on(&mut self) -> bool;

    /// Whether the object is to go, and what it made is to stay as it is (`deletionPolicy: Retain`).
    fn is_kept(&self) -> bool {
        false
    }
}

/// What no plan of any kind may do.
fn lint<A: Act>(plan: &Plan<A>, is_kept: bool) {
    let is_creation = |action: &&A| action.reason().as_str().starts_with("Create");
    let mut made = BTreeSet::new();
    for action in plan.actions.iter().filter(is_creation) {
        assert!(made.insert(action.note()), "one thing is made twice: {:?}", described(plan));
    }
    assert!(plan.actions.is_empty() || plan.standing != Standing::Met, "it is met, and acts: {:?}", described(plan));
    let writes = plan.actions.iter().any(|action| action.target() == Target::Cloud);
    assert!(!(is_kept && writes), "what is to stay is written: {:?}", described(plan));
}

/// Rounds in which every decision of an undisturbed world is done.
const ROUNDS: usize = 12;
/// Rounds in which every long operation is at its end.
const WAITS: usize = 12;

/// Does what is planned until nothing is left to do or to wait for, and gives the last plan.
pub fn settle<W: World>(world: &mut W, fates: Vec<Fate>) -> Plan<W::Action> {
    let (mut acts, mut waits) = (fates.len() + ROUNDS, WAITS);
    let mut fates = fates.into_iter();
    loop {
        let plan = world.plan();
        lint(&plan, world.is_kept());
        let moved = world.go_on();
        if plan.actions.is_empty() && !moved {
            assert_eq!(described(&world.plan()), described(&plan), "the same look gives the same plan");
            return plan;
        }
        let left = if plan.actions.is_empty() { &mut waits } else { &mut acts };
        *left = left.checked_sub(1).unwrap_or_else(|| panic!("it does not come to rest: {:?}", described(&plan)));
        for action in &plan.actions {
            let fate = fates.next().unwrap_or(Fate::Done);
            if !matches!(fate, Fate::LostBefore) {
                world.apply(action);
            }
            if matches!(fate, Fate::Twice) {
                world.apply(action);
            }
            if matches!(fate, Fate::LostBefore | Fate::LostAfter) {
                break;
            }
        }
    }
}

/// Questions that a deletion asks of people before it ends.
const QUESTIONS: usize = 8;

/// Deletes: does what is planned, has people answer what is asked, and sees to it that this ends.
pub fn settle_deletion<W: World>(world: &mut W, fates: Vec<Fate>, mut answer: impl FnMut(&mut W, Reason)) {
    let mut plan = settle(world, fates);
    for _ in 0..QUESTIONS {
        let Some(asked) = reason(&plan) else { break };
        answer(world, asked);
        plan = settle(world, Vec::new());
    }
    assert_eq!(described(&plan), ["met | usable"], "the deletion does not end");
}
