//! What was seen and decided, written into the object's status where it differs.

use jiff::{SignedDuration, Timestamp};
use moorage_crds::{CommonStatus, conditions};
use moorage_plan::{Goal, Plan, Reason, Standing, Target};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Next, Reconciliation, conditions::Sight};
use crate::{
    cluster::Place,
    controller::{Controller, effects::writer::Writer, kind::Kind, queue::Priority, reconcile::schedule::next_look, status::difference},
    error::Error,
    ledger::entries,
    object::{Dependency, ObjectKey},
};

/// When somebody is judged again who was refused for the sake of others.
const REFUSED: SignedDuration = SignedDuration::from_mins(2);

impl<K: Kind> Reconciliation<'_, K> {
    /// Reports what was seen, and where that leaves the object.
    pub(super) async fn report(&self, seen: &K::Observed, plan: &Plan<K::Action>, planned: Vec<String>) -> Result<(), Error> {
        self.record_facts(seen).await?;
        let common = self.common(&plan.standing, &Sight::of(plan, self.object.ready_message(seen)), planned);
        let status = self.object.build_status(seen, common);
        if self.object.status() == Some(&status) {
            return Ok(());
        }
        self.write_status(value_of(&status)).await
    }

    /// Writes down what those need to know who rest on the object, where that has changed.
    async fn record_facts(&self, seen: &K::Observed) -> Result<(), Error> {
        let Self { controller, ctx, object, key, .. } = *self;
        let Some(facts) = object.facts(seen).filter(|_| object.goal() == Goal::Present) else { return Ok(()) };
        let page = ctx.ledger.of(key);
        let gone = entries::facts(&page).filter(|(entry, _)| !facts.contains_key(*entry)).map(|(entry, _)| (entry.clone(), None));
        let new = facts.iter().filter(|(entry, fact)| page.get(*entry) != Some(fact));
        let changes: Vec<_> = gone.chain(new.map(|(entry, fact)| (entry.clone(), Some(fact.clone())))).collect();
        if changes.is_empty() {
            return Ok(());
        }
        let effect = controller.effects.begin(key, Target::Cluster, Reason::RecordClaim)?;
        let writer = Writer::new(ctx, &effect, &controller.expectations, key);
        effect.perform(writer.record(&changes)).await
    }

    /// Nothing to look at, or nothing that may be looked at: only the conditions are told.
    pub(super) async fn blocked(&self, standing: &Standing) -> Result<Next, Error> {
        self.controller.attempts.settled(self.key);
        self.report_conditions(&self.common_unseen(standing)).await?;
        // What others have may go without a word to whoever was refused for it; asking costs the cloud nothing.
        let is_refused = matches!(standing, Standing::Stalled(why) if why.reason.is_refusal());
        let soon = is_refused.then(|| self.now.saturating_add(REFUSED).unwrap_or(Timestamp::MAX));
        let next = [soon, self.end_of_use()].into_iter().flatten().min();
        Ok(Some(next_look::<K>(self.key, next, standing, self.now)))
    }

    /// Reports where an object stands: the rest of its status stays as it is.
    pub(super) async fn report_conditions(&self, common: &CommonStatus) -> Result<(), Error> {
        self.write_status(with_common(current_status(self.object), common)).await
    }

    /// Patches the status, if there is anything to patch.
    async fn write_status(&self, status: Value) -> Result<(), Error> {
        let Self { controller, object, key, .. } = *self;
        let version = object.meta().resource_version.as_deref();
        if controller.write_status::<K>(key, version, &current_status(object), &status).await? {
            self.count_the_first_ready(&status);
            self.warn_of_what_is_new(&status).await;
        }
        Ok(())
    }

    fn count_the_first_ready(&self, status: &Value) {
        let is_ready = condition_of(status, conditions::READY).is_some_and(|(holds, ..)| holds);
        let first = self.object.common_status().is_none_or(|status| status.conditions.is_empty());
        if let (true, true, Some(created)) = (is_ready, first, self.object.meta().creation_timestamp.as_ref()) {
            self.controller.metrics.ready_after(self.now.duration_since(created.0).as_secs_f64().max(0.0));
        }
    }

    async fn warn_of_what_is_new(&self, status: &Value) {
        let before = current_status(self.object);
        for (reason, note) in conditions::WARNED_OF.into_iter().filter_map(|type_| news_of(type_, &before, status)) {
            self.controller.events.warning(self.object, reason, &note).await;
        }
    }
}

impl Controller {
    /// Patches the status of an object of a version, if there is anything to patch; whether there was.
    pub(super) async fn write_status<K: Kind>(
        &self,
        key: &ObjectKey,
        version: Option<&str>,
        before: &Value,
        status: &Value,
    ) -> Result<bool, Error> {
        let Some(changes) = difference(before, status) else { return Ok(false) };
        let step = format!("failed to write the status of {key}");
        // With the version: what was seen of an older object must not be told of a newer one, however late it comes.
        let changes = json!({ "metadata": { "resourceVersion": version }, "status": changes });
        let effect = self.effects.begin(key, Target::Cluster, Reason::ReportStatus)?;
        self.attempts.status_write_begins(key);
        let written = effect.perform(effect.api().merge(&step, &Place::of::<K>(&key.name).status(), &changes)).await;
        if self.attempts.status_write_ends(key, written.as_deref().ok()) {
            self.queue.push(key.clone(), Priority::Changed);
        }
        self.expect(key, &Dependency::Object(key.clone()), written?);
        Ok(true)
    }
}

/// Why a condition holds, if it did not before for that reason.
pub(super) fn news_of(type_: &str, before: &Value, status: &Value) -> Option<(Reason, String)> {
    let (_, reason, note) = condition_of(status, type_).filter(|(holds, ..)| *holds)?;
    let is_known = condition_of(before, type_).is_some_and(|(held, why, _)| held && why == reason);
    let reason = Reason::ALL.iter().find(|one| one.as_str() == reason).filter(|_| !is_known)?;
    Some((*reason, note))
}

/// A status with the part that every status has replaced.
pub(super) fn with_common(mut status: Value, common: &CommonStatus) -> Value {
    if let (Value::Object(status), Ok(Value::Object(common))) = (&mut status, serde_json::to_value(common)) {
        status.remove("planned");
        status.remove("syncRequestedAt");
        status.extend(common);
    }
    status
}

fn current_status<K: Kind>(object: &K) -> Value {
    object.status().map_or_else(|| json!({}), value_of)
}

fn value_of(status: &impl Serialize) -> Value {
    serde_json::to_value(status).expect("a status serializes")
}

fn condition_of(status: &Value, type_: &str) -> Option<(bool, String, String)> {
    let condition = status["conditions"].as_array()?.iter().find(|condition| condition["type"] == type_)?;
    let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
    Some((condition["status"] == "True", text("reason"), text("message")))
}
