//! What a kind is to the operator.

use std::fmt::Debug;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use moorage_crds::{CommonStatus, Listed};
use moorage_plan::{Act, Goal, Plan};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    cache::objects::{Cached, Stores},
    controller::context::Env,
    error::{Error, Halt},
    object::{Keyed, Thing},
};

/// A kind: it looks, decides, acts and tells. Everything else is the same for all kinds and lives in `pass`.
pub trait Kind:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
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

    /// What was seen of the world.
    type Observed: Send + Sync;
    /// What can be done.
    type Action: Act;

    /// The things whose change wakes this object.
    fn references(&self) -> Vec<Thing>;

    /// What is told to everyone, if anything was told yet.
    fn told(&self) -> Option<&CommonStatus>;

    /// Whether there is something to undo when the object goes.
    fn has_something_to_undo(&self) -> bool;

    /// What others can see of this object that could change what they do.
    fn outlook(&self) -> serde_json::Value;

    /// Where in a cloud its things are, as far as the objects tell it now: for people who have lost the objects, and with them the names.
    fn cloud_path(&self, _: &Stores) -> Option<String> {
        None
    }

    /// Whether, while it is there, it needs what it refers to so that it can undo what it made.
    fn still_needs(&self, _: &Stores) -> bool {
        self.has_finalizer()
    }

    /// Whether reconciling it takes calls to a cloud; one that does not is made of what is in memory.
    fn calls_cloud(&self) -> bool {
        true
    }

    /// Whether whoever uses it through another object is woken with those who refer to it.
    const WAKES_INDIRECT_REFERRERS: bool = false;

    /// Whether a change of a Secret that it refers to concerns those who refer to it.
    const RELAYS_SECRETS: bool = false;

    /// Looks at the world. Reads only.
    fn observe(&self, env: &Env, goal: Goal) -> impl Future<Output = Result<Self::Observed, Halt>> + Send;

    /// Decides, from what was seen and the time and nothing else.
    fn plan(&self, seen: &Self::Observed, goal: Goal, now: Timestamp) -> Plan<Self::Action>;

    /// Performs one action. May run twice, or be lost before or after its effect.
    fn perform(&self, env: &Env, action: &Self::Action) -> impl Future<Output = Result<(), Error>> + Send;

    /// What is told of what was seen, beside conditions.
    fn tell(&self, seen: &Self::Observed, common: CommonStatus) -> serde_json::Value;

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
            key.at.namespace,
            key.at.name,
            moorage_crds::annotations::CONFIRM_DELETE,
            self.meta().uid.as_deref().unwrap_or_default()
        )
    }
}
