//! All that touches the world. Whoever is given an `&Env` may read and write; whoever is not, decides.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use kube::Client;
use moorage_crds::with_kind;

use crate::{
    azure::clients::Clouds,
    cache::{expectations::Freshness, objects::Stores, secrets::Secrets},
    clock::Clock,
    cluster::Cluster,
    controller::{
        effects::Effects,
        events::Events,
        kind::Kind,
        leader_election::Leadership,
        metrics::Metrics,
        queue::{Lane, Queue},
    },
    error::Error,
    ledger::{Entries, Ledger},
    object::{KindName, ObjectKey, Thing},
};

/// Who this installation is, and where it lives.
#[derive(Clone, Debug)]
pub struct Installation {
    /// Id that marks what is ours in a cloud; the same after a restore or a move to another cluster.
    pub id: String,
    /// The operator's own namespace, where the ledger is.
    pub namespace: String,
}

/// All that touches the world.
pub struct Env {
    /// Who we are.
    pub installation: Installation,
    /// The API server, for writes.
    pub cluster: Cluster,
    /// The API server, for watches.
    pub client: Client,
    /// Clouds, by account.
    pub clouds: Clouds,
    /// Objects as the watches show them.
    pub stores: Stores,
    /// Secrets as the watches show them.
    pub secrets: Secrets,
    /// What the world cannot tell.
    pub ledger: Ledger,
    /// The door for effects.
    pub effects: Effects,
    /// News for users.
    pub events: Events,
    /// Writes that the watches have not shown yet.
    pub freshness: Freshness,
    /// Whether this replica leads.
    pub leadership: Leadership,
    /// The time.
    pub clock: Clock,
    /// What is looked at next.
    pub queue: Queue,
    /// Counters.
    pub metrics: Arc<Metrics>,
    memory: Mutex<HashMap<ObjectKey, Memory>>,
}

/// What is remembered of an object between passes; losing it costs a look, nothing else.
#[derive(Clone, Debug, Default)]
struct Memory {
    failures: u32,
    rounds: u32,
    /// Since when it waits for its turn.
    waits_since: Option<Timestamp>,
    own_status: Option<String>,
    repetition: Repetition,
}

/// Actions that succeeded and have to be done again: the world does not show them yet, or somebody undoes them.
#[derive(Clone, Debug, Default)]
struct Repetition {
    last: Option<u64>,
    times: u32,
    not_before: Option<Timestamp>,
}

impl Repetition {
    /// Until when to wait before the same actions as last time are performed again; `None` if these are others, or it is time.
    fn wait(&mut self, actions: u64, now: Timestamp, pause: impl Fn(u32) -> SignedDuration) -> Option<Timestamp> {
        if self.last != Some(actions) {
            *self = Self { last: Some(actions), ..Self::default() };
            return None;
        }
        let until = *self.not_before.get_or_insert_with(|| {
            self.times = self.times.saturating_add(1);
            now.saturating_add(pause(self.times)).unwrap_or(Timestamp::MAX)
        });
        if now < until {
            return Some(until);
        }
        self.not_before = None;
        None
    }
}

/// What an [`Env`] is made of.
pub struct Parts {
    /// See [`Env::installation`].
    pub installation: Installation,
    /// See [`Env::client`].
    pub client: Client,
    /// See [`Env::clouds`].
    pub clouds: Clouds,
    /// See [`Env::secrets`].
    pub secrets: Secrets,
    /// See [`Env::leadership`].
    pub leadership: Leadership,
    /// See [`Env::clock`].
    pub clock: Clock,
    /// See [`Env::metrics`].
    pub metrics: Arc<Metrics>,
}

impl Env {
    /// An environment in which nothing was seen yet.
    pub fn new(parts: Parts) -> Self {
        let Parts { installation, client, clouds, secrets, leadership, clock, metrics } = parts;
        let cluster = Cluster::new(client.clone(), &installation.namespace);
        Self {
            ledger: Ledger::new(cluster.clone(), &installation.id, &installation.namespace),
            effects: Effects::new(leadership.clone(), metrics.clone()),
            events: Events::new(client.clone(), leadership.clone()),
            queue: Queue::new(clock.clone()),
            freshness: Freshness::default(),
            stores: Stores::default(),
            memory: Mutex::default(),
            installation,
            cluster,
            client,
            clouds,
            secrets,
            leadership,
            clock,
            metrics,
        }
    }

    /// Who owns what is made for an object, as it is written into a cloud's tags.
    pub fn owner_tag(&self, owner: &ObjectKey) -> String {
        format!("{}/{}/{}", self.installation.id, owner.kind, owner.at)
    }

    /// Whether the object of an owner tag is one of this installation that exists.
    pub fn lives(&self, owner_tag: &str) -> bool {
        let parts: Vec<_> = owner_tag.split('/').collect();
        let [installation, kind, namespace, name] = parts[..] else { return false };
        let owner = KindName::parse(kind).map(|kind| ObjectKey::new(kind, namespace, name));
        installation == self.installation.id && owner.is_some_and(|owner| self.stores.version(&owner).is_some())
    }

    /// Whether nothing runs, nothing is due and every write of ours was seen; and when something is due next.
    pub fn rest(&self) -> (bool, Option<Timestamp>) {
        let (idle, next) = self.queue.rest();
        (idle && self.freshness.is_empty(), next)
    }

    /// Writes ledger entries, and holds the object's next pass until they are seen.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn record(&self, owner: &ObjectKey, entries: &[(String, Option<String>)]) -> Result<(), Error> {
        let entries = entries.iter().cloned().collect();
        let path = with_kind!(owner.kind, |K| self.stores.of::<K>().get(&owner.at).and_then(|owner| owner.cloud_path(&self.stores)));
        if let Some(version) = self.ledger.write(owner, path.as_deref(), &entries).await? {
            self.await_write(owner, &Thing::Ledger(owner.clone()), version);
        }
        Ok(())
    }

    /// What is written down for an object.
    pub fn recorded(&self, owner: &ObjectKey) -> Arc<Entries> {
        self.ledger.of(owner)
    }

    /// Until when an object has to wait for a write of its own to be seen.
    pub fn unseen_write(&self, object: &ObjectKey, now: Timestamp) -> Option<Timestamp> {
        self.freshness.wait_until(object, now, |thing| self.version(thing))
    }

    /// After a write on behalf of an object: holds its next pass until the watches have shown it.
    pub fn await_write(&self, object: &ObjectKey, thing: &Thing, version: String) {
        self.freshness.expect(object, thing.clone(), version, self.clock.now());
        // The watch may have been faster than the answer.
        if let Some(seen) = self.version(thing) {
            self.freshness.saw(object, thing, &seen);
        }
    }

    /// The version of a thing as last seen.
    fn version(&self, thing: &Thing) -> Option<String> {
        match thing {
            Thing::Object(key) => self.stores.version(key),
            Thing::Secret(at) => self.secrets.version(at),
            Thing::Ledger(owner) => self.ledger.version(owner),
            Thing::Registration(_) | Thing::Identity(_) => None,
        }
    }

    /// Wakes everything that refers to a thing.
    pub fn wake(&self, thing: &Thing, lane: Lane) {
        for key in self.stores.referrers(thing) {
            self.wake_one(key, lane);
        }
    }

    /// Wakes an object. An account that is to go no longer looks at its credential: those who still need it do.
    pub fn wake_one(&self, key: ObjectKey, lane: Lane) {
        if with_kind!(key.kind, |K| K::WAKES_INDIRECT_REFERRERS && self.stores.of::<K>().get(&key.at).is_some_and(|one| is_leaving(&*one)))
        {
            self.wake_indirect_referrers(&key, lane);
        }
        self.queue.push(key, lane);
    }

    /// Wakes all that call a cloud and refer to an object, themselves or through another one.
    pub fn wake_indirect_referrers(&self, used: &ObjectKey, lane: Lane) {
        let (mut woken, mut left) = (HashSet::new(), vec![used.clone()]);
        while let Some(key) = left.pop() {
            for user in self.stores.referrers(&Thing::Object(key)) {
                let calls = with_kind!(user.kind, |K| self.stores.of::<K>().get(&user.at).is_some_and(|user| user.calls_cloud()));
                if calls && woken.insert(user.clone()) {
                    left.push(user.clone());
                    self.queue.push(user, lane);
                }
            }
        }
    }

    /// Counts a failure and gives how many came in a row.
    pub fn failed(&self, object: &ObjectKey) -> u32 {
        self.remember(object, |memory| {
            (memory.waits_since, memory.repetition) = (None, Repetition::default());
            memory.failures = memory.failures.saturating_add(1);
            memory.failures
        })
    }

    /// Counts a pass that acted and gives how many came in a row.
    pub fn acted(&self, object: &ObjectKey) -> u32 {
        self.remember(object, |memory| {
            (memory.failures, memory.waits_since) = (0, None);
            memory.rounds = memory.rounds.saturating_add(1);
            memory.rounds
        })
    }

    /// Until when an object waits that would do again what it did last, with a pause that grows with the number of times.
    pub fn repeats(&self, object: &ObjectKey, actions: u64, now: Timestamp, pause: impl Fn(u32) -> SignedDuration) -> Option<Timestamp> {
        self.remember(object, |memory| memory.repetition.wait(actions, now, pause))
    }

    /// Notes that an object waits for its turn, and says since when it does.
    pub fn waits_since(&self, object: &ObjectKey, now: Timestamp) -> Timestamp {
        self.remember(object, |memory| *memory.waits_since.get_or_insert(now))
    }

    /// Ends every row, and waiting.
    pub fn settled(&self, object: &ObjectKey) {
        self.remember(object, |memory| {
            (memory.failures, memory.rounds, memory.waits_since) = (0, 0, None);
            memory.repetition = Repetition::default();
        });
    }

    /// Remembers the version that our own status patch made.
    pub fn told(&self, object: &ObjectKey, version: String) {
        self.remember(object, |memory| memory.own_status = Some(version));
    }

    /// Whether a version is the one that our own status patch made: such an event is no news.
    pub fn is_own_echo(&self, object: &ObjectKey, version: Option<&str>) -> bool {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        version.is_some() && memory.get(object).and_then(|memory| memory.own_status.as_deref()) == version
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, object: &ObjectKey) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).remove(object);
        self.freshness.forget(object);
        self.metrics.forget(&object.at.namespace, &object.at.name);
        self.clouds.forget(object);
        self.queue.forget(object);
    }

    fn remember<T>(&self, object: &ObjectKey, change: impl FnOnce(&mut Memory) -> T) -> T {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(memory) = memory.get_mut(object) {
            return change(memory);
        }
        change(memory.entry(object.clone()).or_default())
    }
}

fn is_leaving(object: &impl kube::ResourceExt) -> bool {
    object.meta().deletion_timestamp.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_done_again_only_after_a_pause_that_grows_and_what_is_new_at_once() {
        let at = |seconds: i64| Timestamp::from_second(seconds).expect("in range");
        let pause = |times: u32| SignedDuration::from_secs(i64::from(times) * 10);
        let mut repetition = Repetition::default();
        let mut waits = |actions, now| repetition.wait(actions, at(now), pause);
        assert_eq!(waits(1, 0), None);
        assert_eq!((waits(1, 0), waits(1, 9), waits(1, 10)), (Some(at(10)), Some(at(10)), None));
        assert_eq!((waits(1, 10), waits(1, 30)), (Some(at(30)), None));
        assert_eq!((waits(2, 30), waits(1, 30)), (None, None));
    }
}
