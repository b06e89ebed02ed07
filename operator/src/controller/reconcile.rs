//! One reconciliation, for every kind: admit, observe, plan, perform, report.

pub mod attempts;
mod conditions;
pub mod dependents;
mod failures;
mod finalizer;
mod report;
pub mod schedule;
mod step;
mod unreadable;
pub mod worker;

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::{SignedDuration, Timestamp};
use moorage_crds::annotations;
use moorage_plan::{Act, Class, Goal, Plan, retry_in};

use crate::{
    controller::{
        Controller,
        context::Context,
        effects::writer::Writer,
        kind::{Kind, Performed},
        queue::Priority,
        reconcile::{
            conditions::Sight,
            failures::Failed,
            schedule::{next_look, seed},
            step::{Hold, Step},
        },
    },
    error::{Error, ObserveError, Wait},
    object::{Dependency, ObjectKey},
};

/// Reconciliations that act without ever coming to rest before they are slowed down: a world that does not move when pushed.
const RESTLESS: u32 = 12;

/// When an object is reconciled again, and how urgently; `None` leaves it to whatever wakes it.
pub type Next = Option<(Timestamp, Priority)>;

/// One object, and what it is reconciled with.
struct Reconciliation<'a, K: Kind> {
    controller: &'a Controller,
    ctx: &'a Context<K::Clients>,
    object: &'a K,
    key: &'a ObjectKey,
    priority: Priority,
    now: Timestamp,
}

/// Reconciles one object.
pub async fn reconcile<K: Kind>(controller: &Controller, ctx: &Context<K::Clients>, key: &ObjectKey, priority: Priority) -> Next {
    let now = controller.clock.now();
    if let Some(unreadable) = ctx.objects.unreadable().get(key) {
        return unreadable::report::<K>(controller, key, &unreadable, now).await;
    }
    let object = ctx.objects.of::<K>().get(&key.name)?;
    if let Some(until) = controller.expectations.wait_until(key, now, |thing| ctx.version(thing)) {
        return Some((until, Priority::Changed));
    }
    if object.goal() == Goal::Absent && !object.has_finalizer() {
        return None;
    }
    let this = Reconciliation { controller, ctx, object: &*object, key, priority, now };
    let (outcome, next) = match this.run().await {
        Ok(next) => ("Done", next),
        Err(failed) if failed.error.wait == Wait::Backpressure => ("Waiting", Some(this.wait_for_backpressure(&failed).await)),
        Err(failed) => ("Failed", Some(this.after_failure(&failed).await)),
    };
    controller.metrics.reconciliation(key.kind, priority, outcome);
    if ctx.objects.of::<K>().get(&key.name).is_none() {
        // It went meanwhile: what was written for it will not be seen.
        controller.forget(key);
        return None;
    }
    next
}

impl<K: Kind> Reconciliation<'_, K> {
    async fn run(&self) -> Result<Next, Failed> {
        let Self { controller, ctx, object, key, now, .. } = *self;
        let goal = object.goal();
        if goal == Goal::Absent && object.is_annotated(annotations::ORPHAN) {
            return Ok(self.orphan().await?);
        }

        // Pure, over the caches.
        let admitted = match object.admit(ctx.caches(), goal) {
            Ok(admitted) => admitted,
            Err(standing) => return Ok(self.blocked(&self.with_a_way_out(standing)).await?),
        };

        // Reads only.
        let seen = match object.observe(ctx, &admitted, goal).await {
            Ok(seen) => seen,
            Err(ObserveError::CacheNotSynced(namespace)) => return Ok(Some(self.until_synced(&namespace))),
            Err(ObserveError::Failed(error)) => return Err(error.into()),
            Err(ObserveError::Blocked(standing)) => return Ok(self.blocked(&self.with_a_way_out(standing)).await?),
        };
        self.tell_headroom(&seen);

        // Pure.
        let plan = object.plan(&seen, goal, now);
        match Hold::of(object).step(&plan) {
            Step::AddFinalizer => {
                self.set_finalizer(true).await?;
                Ok(None)
            }
            Step::Act => {
                let Some(until) = self.repeats(&plan) else {
                    let sight = || Some(Sight::of(&plan, object.ready_message(&seen)));
                    return self.act(&plan).await.map_err(|error| Failed { error, sight: sight() });
                };
                self.report(&seen, &plan, Vec::new()).await?;
                Ok(Some((until, Priority::Changed)))
            }
            Step::RemoveFinalizer => {
                controller.attempts.settled(key);
                self.set_finalizer(false).await?;
                Ok(None)
            }
            Step::Report => {
                controller.attempts.settled(key);
                self.report(&seen, &plan, plan.actions.iter().map(Act::note).collect()).await?;
                Ok(Some(next_look::<K>(key, plan.look_again, &plan.standing, now)))
            }
        }
    }

    fn until_synced(&self, namespace: &std::sync::Arc<str>) -> (Timestamp, Priority) {
        let is_woken = self.controller.wake_when_synced(namespace, self.key, self.priority);
        let patience = SignedDuration::from_secs(if is_woken { 5 } else { 1 });
        (self.now + patience, self.priority)
    }

    fn tell_headroom(&self, seen: &K::Observed) {
        let name = &self.key.name;
        for (quota, left) in self.object.headroom(seen) {
            self.controller.metrics.headroom(&name.namespace, &name.name, quota, left);
        }
    }

    /// Until when to wait with actions that were performed just so a moment ago: what was made may not be shown yet.
    fn repeats<A: Act>(&self, plan: &Plan<A>) -> Option<Timestamp> {
        let mut hasher = DefaultHasher::new();
        plan.actions.iter().map(Act::note).for_each(|note| note.hash(&mut hasher));
        let pause = |times| retry_in(Class::Conflict, times, seed(self.key));
        self.controller.attempts.repeats(self.key, hasher.finish(), self.now, pause)
    }

    /// Performs the actions in order and ends at the first that fails.
    async fn act(&self, plan: &Plan<K::Action>) -> Result<Next, Error> {
        let Self { controller, ctx, object, key, now, .. } = *self;
        for action in &plan.actions {
            let (reason, note) = (action.reason(), action.note());
            let effect = controller.effects.begin(key, action.target(), reason)?;
            let writer = Writer::new(ctx, &effect, &controller.expectations, key);
            let mut woken = None;
            let performing = effect.perform(async {
                let Performed { result, woken: after } = object.perform(&writer, action).await;
                woken = Some(after);
                result
            });
            let result = performing.await;
            // Whom an action would wake that took too long is lost with it: then all look again that it may have concerned.
            for other in woken.unwrap_or_else(|| self.referred_objects()) {
                controller.queue.push(other, Priority::Resync);
            }
            result?;
            tracing::info!(%reason, object = %key, "{note}");
            if action.is_news() {
                controller.events.news(object, reason, &note).await;
            }
        }
        let rounds = controller.attempts.acted(key);
        let pause = if rounds > RESTLESS { retry_in(Class::Conflict, rounds - RESTLESS, seed(key)) } else { SignedDuration::ZERO };
        Ok(Some((now + pause, Priority::Changed)))
    }

    fn referred_objects(&self) -> Vec<ObjectKey> {
        let objects = self.object.references().into_iter().filter_map(|thing| match thing {
            Dependency::Object(key) => Some(key),
            Dependency::Secret(_) | Dependency::Ledger(_) | Dependency::Claim { .. } => None,
        });
        objects.collect()
    }
}

#[cfg(test)]
mod tests;
