//! Holding an object until nothing is left to undo, and letting it go.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_crds::annotations;
use moorage_plan::{Reason, Target};
use serde_json::json;

use super::{Next, Reconciliation};
use crate::{
    cluster::Place,
    controller::{Controller, kind::Kind},
    error::Error,
    object::{Dependency, ObjectKey},
};

impl<K: Kind> Reconciliation<'_, K> {
    /// Lets the object go with the cloud as it is.
    pub(super) async fn orphan(&self) -> Result<Next, Error> {
        self.controller.let_go::<K>(self.key, self.object.meta()).await?;
        Ok(None)
    }

    /// Puts our finalizer on the object, or takes it off: the last thing that is done for it.
    pub(super) async fn set_finalizer(&self, wanted: bool) -> Result<(), Error> {
        self.controller.set_finalizer::<K>(self.key, self.object.meta(), wanted).await
    }
}

impl Controller {
    /// Lets an object go with the cloud as it is. What is written down of it is struck out: a later object of its name must not believe that
    /// things are there, or have vanished, of which its owner said to forget them. What takes room in a grant is still there, and stays
    /// written down as that alone.
    pub(super) async fn let_go<K: Kind>(&self, key: &ObjectKey, meta: &ObjectMeta) -> Result<(), Error> {
        let ledger = &self.caches.ledger;
        if ledger.says_made(key) {
            let effect = self.effects.begin(key, Target::Cluster, Reason::DropClaim)?;
            effect.perform(ledger.let_go(effect.api(), key)).await?;
        }
        self.set_finalizer::<K>(key, meta, false).await
    }

    async fn set_finalizer<K: Kind>(&self, key: &ObjectKey, meta: &ObjectMeta, wanted: bool) -> Result<(), Error> {
        let mut finalizers = meta.finalizers.clone().unwrap_or_default();
        finalizers.retain(|finalizer| finalizer != annotations::FINALIZER);
        if wanted {
            finalizers.push(annotations::FINALIZER.to_owned());
        }
        // With the version: a list is replaced whole, and somebody may have added theirs meanwhile.
        let changes = json!({ "metadata": { "finalizers": finalizers, "resourceVersion": meta.resource_version } });
        let (reason, verb) = if wanted { (Reason::AddFinalizer, "add") } else { (Reason::RemoveFinalizer, "remove") };
        let step = format!("failed to {verb} the finalizer of {key}");
        let effect = self.effects.begin(key, Target::Cluster, reason)?;
        let version = effect.perform(effect.api().merge(&step, &Place::of::<K>(&key.name), &changes)).await?;
        self.expect(key, &Dependency::Object(key.clone()), version);
        Ok(())
    }
}
