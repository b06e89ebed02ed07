//! What an object tells of itself, and the smallest patch that brings it there.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use moorage_crds::{CommonStatus, conditions};
use moorage_plan::{Goal, Reason, Standing, Why};
use serde_json::{Map, Value};

/// Where an object stands, as its conditions will say it.
#[derive(Clone, Debug)]
pub struct ConditionInputs<'a> {
    /// What it wants.
    pub goal: Goal,
    /// Where it stands.
    pub standing: &'a Standing,
    /// Whether what is there can be used.
    pub usable: bool,
    /// What can be used, and until when, as the condition `Ready` says it.
    pub ready: String,
    /// What was seen of changes in the cloud that somebody else has made.
    pub drift: Drift<'a>,
    /// What else is to be told, each as a condition of its own for as long as it holds.
    pub warnings: &'a [Why],
    /// Of which generation of the spec this is told.
    pub generation: Option<i64>,
    /// When this is told.
    pub now: Timestamp,
}

/// What the condition `Drifted` is told by.
#[derive(Clone, Copy, Debug)]
pub enum Drift<'a> {
    /// Nobody has looked: it stays as it was.
    Unseen,
    /// Nothing that is left so.
    None,
    /// This is left so.
    Left(&'a str),
}

impl ConditionInputs<'_> {
    /// The conditions, with the transition times of those that did not change.
    pub fn conditions(&self, before: &[Condition]) -> Vec<Condition> {
        let stalled = matches!(self.standing, Standing::Stalled(_));
        let fine = Why::new(Reason::Ready, self.ready.clone());
        let up_to_date = match self.standing {
            Standing::Stalled(why) => Why::new(why.reason, "See the condition Stalled"),
            Standing::Met | Standing::Reconciling(_) => Why::new(Reason::Ready, "Up to date"),
        };
        let unblocked = Why::new(Reason::Ready, "Nothing is in the way");
        let why = match (self.goal, self.standing.why()) {
            (Goal::Absent, None) => Why::new(Reason::Deleting, "The object is being deleted"),
            (_, Some(why)) => why.clone(),
            (Goal::Present, None) => fine.clone(),
        };
        let usable = self.usable && self.goal == Goal::Present;
        let moving = matches!(self.standing, Standing::Reconciling(_)) || (self.goal == Goal::Absent && *self.standing == Standing::Met);
        [
            (conditions::READY, usable, if usable { &fine } else { &why }),
            (conditions::RECONCILING, moving, if moving { &why } else { &up_to_date }),
            (conditions::STALLED, stalled, if stalled { &why } else { &unblocked }),
        ]
        .into_iter()
        .map(|(type_, holds, why)| self.condition(type_, holds, why, before))
        .chain([self.drifted(before)])
        .chain(self.warnings.iter().map(|why| self.condition(why.reason.as_str(), true, why, before)))
        .collect()
    }

    fn drifted(&self, before: &[Condition]) -> Condition {
        let said = before.iter().find(|condition| condition.type_ == conditions::DRIFTED);
        match (self.drift, said) {
            (Drift::Left(note), _) => self.condition(conditions::DRIFTED, true, &Why::new(Reason::Drifted, note), before),
            (Drift::Unseen, Some(said)) => Condition { observed_generation: self.generation, ..said.clone() },
            (Drift::None | Drift::Unseen, _) => {
                let none = Why::new(Reason::Ready, "No change of somebody else's is left as it is");
                self.condition(conditions::DRIFTED, false, &none, before)
            }
        }
    }

    fn condition(&self, type_: &str, holds: bool, why: &Why, before: &[Condition]) -> Condition {
        let status = if holds { "True" } else { "False" };
        let same = before.iter().find(|condition| condition.type_ == type_ && condition.status == status);
        Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: why.reason.to_string(),
            message: why.note.clone(),
            last_transition_time: same.map_or_else(|| Time(whole_seconds(self.now)), |condition| condition.last_transition_time.clone()),
            observed_generation: self.generation,
        }
    }
}

/// Whether a status says that the object was usable when it was told.
pub fn was_usable(told: Option<&CommonStatus>) -> bool {
    told.is_some_and(|told| told.conditions.iter().any(|condition| condition.type_ == conditions::READY && condition.status == "True"))
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// The merge patch (RFC 7396) that turns one value into another, with a null for what is to go; `None` if they are equal.
pub fn difference(from: &Value, to: &Value) -> Option<Value> {
    match (from, to) {
        (Value::Object(from), Value::Object(to)) => {
            let gone = from.keys().filter(|key| !to.contains_key(*key)).map(|key| (key.clone(), Value::Null));
            let changed =
                to.iter().filter_map(|(key, value)| Some((key.clone(), difference(from.get(key).unwrap_or(&Value::Null), value)?)));
            let patch: Map<_, _> = gone.chain(changed).collect();
            (!patch.is_empty()).then_some(Value::Object(patch))
        }
        _ if from == to => None,
        _ => Some(to.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_changed_is_patched_and_what_is_gone_is_nulled() {
        let from = json!({"a": 1, "b": {"c": 1, "d": 2}, "list": [1]});
        let to = json!({"a": 1, "b": {"c": 3}, "list": [1, 2], "new": {"x": 1}});
        assert_eq!(difference(&from, &to), Some(json!({"b": {"c": 3, "d": null}, "list": [1, 2], "new": {"x": 1}})));
        assert_eq!(difference(&to, &to), None);
    }

    fn inputs(standing: &Standing, usable: bool, now: i64) -> ConditionInputs<'_> {
        let now = Timestamp::from_second(now).expect("in range");
        ConditionInputs {
            goal: Goal::Present,
            standing,
            usable,
            ready: "It works".to_owned(),
            drift: Drift::None,
            warnings: &[],
            generation: Some(3),
            now,
        }
    }

    fn words(conditions: &[Condition]) -> Vec<String> {
        conditions.iter().map(|c| format!("{}={}/{}", c.type_, c.status, c.reason)).collect()
    }

    #[test]
    fn conditions_say_where_it_stands_as_kstatus_reads_them() {
        let met = inputs(&Standing::Met, true, 0).conditions(&[]);
        assert_eq!(words(&met), ["Ready=True/Ready", "Reconciling=False/Ready", "Stalled=False/Ready", "Drifted=False/Ready"]);

        let away = Standing::Reconciling(Why::new(Reason::DependencyUnavailable, "away"));
        let degraded = inputs(&away, true, 0).conditions(&[]);
        assert_eq!(words(&degraded)[..3], ["Ready=True/Ready", "Reconciling=True/DependencyUnavailable", "Stalled=False/Ready"]);

        let stuck = Standing::Stalled(Why::new(Reason::NotGranted, "no"));
        let stalled = inputs(&stuck, false, 0).conditions(&[]);
        assert_eq!(words(&stalled)[..3], ["Ready=False/NotGranted", "Reconciling=False/NotGranted", "Stalled=True/NotGranted"]);
    }

    #[test]
    fn drift_is_a_condition_of_its_own_and_stays_until_somebody_has_looked_again() {
        let left = ConditionInputs { drift: Drift::Left("the sku"), ..inputs(&Standing::Met, true, 10) }.conditions(&[]);
        assert_eq!(words(&left), ["Ready=True/Ready", "Reconciling=False/Ready", "Stalled=False/Ready", "Drifted=True/Drifted"]);
        let away = Standing::Reconciling(Why::new(Reason::Unavailable, "away"));
        let unseen = ConditionInputs { drift: Drift::Unseen, ..inputs(&away, true, 20) }.conditions(&left);
        assert_eq!(unseen[3], left[3]);
        let mended = inputs(&Standing::Met, true, 30).conditions(&unseen);
        assert_eq!(words(&mended)[3], "Drifted=False/Ready");
        assert_eq!(mended[3].last_transition_time.0.as_second(), 30);
    }

    #[test]
    fn a_warning_is_a_condition_of_its_own_for_as_long_as_it_holds() {
        let skewed = [Why::new(Reason::ClockSkewed, "two hours")];
        let warned = ConditionInputs { warnings: &skewed, ..inputs(&Standing::Met, true, 10) }.conditions(&[]);
        assert_eq!(words(&warned)[4..], ["ClockSkewed=True/ClockSkewed"]);
        let again = ConditionInputs { warnings: &skewed, ..inputs(&Standing::Met, true, 20) }.conditions(&warned);
        assert_eq!(again, warned);
        assert_eq!(inputs(&Standing::Met, true, 30).conditions(&warned).len(), 4);
    }

    #[test]
    fn a_condition_keeps_the_time_at_which_it_turned() {
        let first = inputs(&Standing::Met, true, 10).conditions(&[]);
        let second = inputs(&Standing::Met, true, 20).conditions(&first);
        assert_eq!(first, second);
        let away = Standing::Reconciling(Why::new(Reason::Unavailable, "away"));
        let third = inputs(&away, true, 30).conditions(&second);
        assert_eq!(third[0].last_transition_time.0.as_second(), 10);
        assert_eq!(third[1].last_transition_time.0.as_second(), 30);
    }
}
