//! Holding an object until nothing is left to undo, and letting it go.

use moorage_crds::annotations;
use moorage_plan::{Reason, Target};
use serde_json::json;

use super::{Next, Reconciliation};
use crate::{cluster::Place, controller::kind::Kind, error::Error, object::Dependency};

impl<K: Kind> Reconciliation<'_, K> {
    /// Lets the object go with the cloud as it is. What is written down of it is struck out: a later object of its name must not
    /// believe that things are there, or have vanished, of which its owner said to forget them. What takes room in a grant is still there,
    /// and stays written down as that alone.
    pub(super) async fn orphan(&self) -> Result<Next, Error> {
        let ledger = &self.ctx.ledger;
        if ledger.says_made(self.key) {
            let effect = self.controller.effects.begin(self.key, Target::Cluster, Reason::DropClaim)?;
            effect.perform(ledger.let_go(effect.api(), self.key)).await?;
        }
        self.set_finalizer(false).await?;
        Ok(None)
    }

    /// Puts our finalizer on the object, or takes it off: the last thing that is done for it.
    pub(super) async fn set_finalizer(&self, wanted: bool) -> Result<(), Error> {
        let (meta, key) = (self.object.meta(), self.key);
        let mut finalizers = meta.finalizers.clone().unwrap_or_default();
        finalizers.retain(|finalizer| finalizer != annotations::FINALIZER);
        if wanted {
            finalizers.push(annotations::FINALIZER.to_owned());
        }
        // With the version: a list is replaced whole, and somebody may have added theirs meanwhile.
        let changes = json!({ "metadata": { "finalizers": finalizers, "resourceVersion": meta.resource_version } });
        let (reason, verb) = if wanted { (Reason::AddFinalizer, "add") } else { (Reason::RemoveFinalizer, "remove") };
        let step = format!("failed to {verb} the finalizer of {key}");
        let effect = self.controller.effects.begin(key, Target::Cluster, reason)?;
        let version = effect.perform(effect.api().merge(&step, &Place::of::<K>(&key.name), &changes)).await?;
        self.controller.expect(key, &Dependency::Object(key.clone()), version);
        Ok(())
    }
}
