//! What a kind is to the operator.

use std::collections::BTreeMap;
use std::fmt::Debug;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::NamespaceResourceScope;
use kube::{Resource, core::object::HasStatus};
use moorage_crds::{CommonStatus, Listed};
use moorage_plan::{Act, Goal, Plan, Standing, Why};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    cache::objects::{Cached, Objects},
    clock::Clock,
    controller::{
        context::{Caches, Context},
        effects::writer::Writer,
    },
    error::{Error, ObserveError},
    object::{Dependency, Keyed, ObjectKey},
};

/// Entries of the ledger that those read who rest on an object; their names begin with [`entries::FACT`](crate::ledger::entries::FACT).
pub type Facts = BTreeMap<String, String>;

/// The clients of a cloud.
pub trait CloudClients: Send + Sync + 'static {
    /// The right to write through them.
    type WriteAccess: Send + Sync;
}

/// How an action ended, and whom to wake because of it: also after a failure, for its effect may have taken place all the same.
#[derive(Debug)]
#[must_use]
pub struct Performed {
    /// How it ended.
    pub result: Result<(), Error>,
    /// Objects that are to look again.
    pub woken: Vec<ObjectKey>,
}

impl Performed {
    /// The same, with one object more to wake.
    pub fn waking(mut self, key: ObjectKey) -> Self {
        self.woken.push(key);
        self
    }
}

impl From<Result<(), Error>> for Performed {
    fn from(result: Result<(), Error>) -> Self {
        Self { result, woken: Vec::new() }
    }
}

/// A kind: it observes, plans and performs. Everything else is the same for all kinds.
pub trait Kind:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + HasStatus<Status: PartialEq + Serialize>
    + Listed
    + Cached
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// How often the cloud is looked at for drift when nothing else happens.
    const DRIFT_PERIOD: SignedDuration;

    /// The clients of its cloud.
    type Clients: CloudClients;
    /// What was asked for, once it is known to be well-formed, granted and nobody else's.
    type Admitted: Send + Sync;
    /// What was seen of the world.
    type Observed: Send + Sync;
    /// What can be done.
    type Action: Act;

    /// The things whose change wakes this object.
    fn references(&self) -> Vec<Dependency>;

    /// What its status says that every status says, if anything was said yet.
    fn common_status(&self) -> Option<&CommonStatus>;

    /// Whether there is something to undo when the object goes.
    fn has_something_to_undo(&self) -> bool;

    /// What others can see of this object that could change what they do.
    fn visible_to_dependents(&self) -> serde_json::Value;

    /// Where in a cloud its things are, as far as the objects tell it now: for people who have lost the objects, and with them the names.
    fn cloud_path(&self, _: &Objects) -> Option<String> {
        None
    }

    /// Whether, while it is there, it needs an object that it refers to so that it can undo what it made through that, which the ledger says.
    fn still_needs(&self, caches: &Caches, _: &ObjectKey) -> bool {
        self.has_finalizer() && caches.ledger.says_made(&self.key())
    }

    /// Whether what was made for it works whether or not we may look at it, or change it.
    const WORKS_BY_ITSELF: bool = true;

    /// Until when what was made for it can be used, as far as that is known without a look; a time that has passed if it cannot.
    fn usable_until(&self, _: &Caches) -> Timestamp {
        Timestamp::MAX
    }

    /// Whether a change of a Secret that it refers to concerns those who refer to it.
    const RELAYS_SECRETS: bool = false;

    /// Judges what was asked for, before anything is read for it: its form, what its owners granted, and who else wants the same.
    ///
    /// # Errors
    /// Where that leaves the object.
    fn admit(&self, caches: &Caches, goal: Goal) -> Result<Self::Admitted, Standing>;

    /// Looks at the world, for what was admitted.
    fn observe(
        &self,
        ctx: &Context<Self::Clients>,
        admitted: &Self::Admitted,
        goal: Goal,
    ) -> impl Future<Output = Result<Self::Observed, ObserveError>> + Send;

    /// Decides, from what was seen and the time and nothing else.
    fn plan(&self, seen: &Self::Observed, goal: Goal, now: Timestamp) -> Plan<Self::Action>;

    /// Performs one action, and gives whom to wake. May run twice, or be lost before or after its effect.
    fn perform(&self, writer: &Writer<'_, Self::Clients>, action: &Self::Action) -> impl Future<Output = Performed> + Send;

    /// What those need to know of it who rest on it, as far as that was seen, by entries of the ledger; `None` if nothing was seen, so that
    /// what is written down stays. They are woken when it changes, and read it instead of a status, which others may write.
    fn facts(&self, _: &Self::Observed) -> Option<Facts> {
        None
    }

    /// How many more of something its cloud allows, as far as that was seen; told as a gauge.
    fn headroom(&self, _: &Self::Observed) -> Vec<(&'static str, i64)> {
        Vec::new()
    }

    /// What is to be told beside where the object stands.
    fn warnings(&self, _: &Clock) -> Vec<Why> {
        Vec::new()
    }

    /// What can be used, and until when: what the condition `Ready` says while it holds.
    fn ready_message(&self, seen: &Self::Observed) -> String;

    /// The status that follows from what was seen, with the part that every status has.
    fn build_status(&self, seen: &Self::Observed, common: CommonStatus) -> Self::Status;

    /// Whether an annotation says `true`.
    fn is_annotated(&self, annotation: &str) -> bool {
        self.annotation(annotation) == Some("true")
    }

    /// The value of an annotation.
    fn annotation(&self, annotation: &str) -> Option<&str> {
        self.meta().annotations.as_ref()?.get(annotation).map(String::as_str)
    }

    /// What the object wants: to be there, or to be gone.
    fn goal(&self) -> Goal {
        if self.meta().deletion_timestamp.is_some() { Goal::Absent } else { Goal::Present }
    }

    /// Whether it has our finalizer.
    fn has_finalizer(&self) -> bool {
        self.meta().finalizers.iter().flatten().any(|finalizer| finalizer == moorage_crds::annotations::FINALIZER)
    }

    /// Whether deletion was confirmed with the object's uid.
    fn deletion_is_confirmed(&self) -> bool {
        let confirmed = self.annotation(moorage_crds::annotations::CONFIRM_DELETE);
        confirmed.is_some() && confirmed == self.meta().uid.as_deref()
    }

    /// The sentence that asks for a confirmation of a deletion by which something is lost.
    fn confirmation(&self, loss: &str) -> String {
        let key = self.key();
        let kind = key.kind.as_str().to_lowercase();
        format!(
            "{loss}; if you mean it: kubectl annotate {kind} -n {} {} {}={}",
            key.name.namespace,
            key.name.name,
            moorage_crds::annotations::CONFIRM_DELETE,
            self.meta().uid.as_deref().unwrap_or_default()
        )
    }
}
