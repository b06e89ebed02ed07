//! What the tests of decisions share: one time, plans as they read, and all that can go wrong with an action.

use std::fmt::Debug;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_crds::annotations;
use moorage_plan::{Act, Plan, Reason, Standing};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

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

/// Confirms an object's deletion, as its owner would.
pub fn confirm(meta: &mut ObjectMeta) {
    annotate(meta, annotations::CONFIRM_DELETE, UID);
}

/// A whole plan as it reads: a line an action, then where that leaves the object.
pub fn told<A: Act>(plan: &Plan<A>) -> Vec<String> {
    let mut lines: Vec<_> = plan.actions.iter().map(|action| format!("{}: {}", action.reason(), action.note())).collect();
    let standing = match &plan.standing {
        Standing::Met => "met".to_owned(),
        Standing::Reconciling(why) => format!("not yet, {}: {}", why.reason, why.note),
        Standing::Stalled(why) => format!("stuck, {}: {}", why.reason, why.note),
    };
    let again = plan.look_again.map(|when| format!(" | again in {} s", when.duration_since(now()).as_secs())).unwrap_or_default();
    let usable = if plan.usable { " | usable" } else { "" };
    lines.push(format!("{standing}{again}{usable}"));
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
        let moved = world.go_on();
        if plan.actions.is_empty() && !moved {
            assert_eq!(told(&world.plan()), told(&plan), "the same look gives the same plan");
            return plan;
        }
        let left = if plan.actions.is_empty() { &mut waits } else { &mut acts };
        *left = left.checked_sub(1).unwrap_or_else(|| panic!("it does not come to rest: {:?}", told(&plan)));
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
