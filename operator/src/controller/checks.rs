//! What is looked at again and again beside the objects: the cluster's definitions, and the machine's clock.

use std::sync::Arc;

use moorage_crds::{KindName, with_kind};

use crate::{
    cluster::ApiReader,
    controller::{
        Controller,
        definitions::{self, compare},
        queue::Priority,
    },
    object::Keyed,
};

/// Looks for ever.
pub async fn run(controller: Arc<Controller>, api: ApiReader) {
    tokio::join!(definitions(&controller, &api), clock(&controller));
}

/// Compares the cluster's definitions with ours, and tells of a change.
async fn definitions(controller: &Controller, api: &ApiReader) {
    loop {
        match api.served_description().await {
            Ok(Some(description)) => {
                for kind in KindName::ALL {
                    let warning = compare(*kind, &description);
                    controller.metrics.definition_is_outdated(*kind, warning.is_some());
                    if let Some(why) = &warning {
                        tracing::warn!(%kind, reason = %why.reason, "{}", why.note);
                    }
                    if controller.definitions.set(*kind, warning.as_ref()) {
                        controller.look_at_all(*kind);
                    }
                }
            }
            Ok(None) => tracing::debug!("the API server does not describe our kinds"),
            Err(error) => tracing::debug!(error = error.chain(), "the cluster's definitions were not compared"),
        }
        tokio::time::sleep(definitions::PERIOD.unsigned_abs()).await;
    }
}

/// Tells of a machine's clock that is off, as soon as that is known.
async fn clock(controller: &Controller) {
    loop {
        let behind = controller.clock.correction();
        controller.metrics.clock_is_behind(behind.as_secs());
        if !behind.is_zero() {
            tracing::warn!(
                behind_seconds = behind.as_secs(),
                "The machine's clock is off, by the Date of the clouds' replies; theirs is used"
            );
        }
        controller.clock.correction_changes(behind).await;
        for kind in KindName::ALL {
            controller.look_at_all(*kind);
        }
    }
}

impl Controller {
    /// Has all objects of a kind looked at.
    fn look_at_all(&self, kind: KindName) {
        let keys: Vec<_> = with_kind!(kind, |K| self.caches.objects.of::<K>().all().iter().map(|object| object.key()).collect());
        for key in keys {
            self.queue.push(key, Priority::Resync);
        }
    }
}
