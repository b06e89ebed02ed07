//! A worker: takes what is due from the queue, one object after another.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt as _;
use moorage_plan::{Class, retry_in};
use tokio_util::sync::CancellationToken;

use crate::{
    controller::{
        Controller,
        queue::Priority,
        reconcile::{Next, schedule::seed},
    },
    object::ObjectKey,
};

/// Reconciles what is due, one object after another, until it is told to stop.
pub async fn work<F: Future<Output = Next>>(
    controller: Arc<Controller>,
    stop: CancellationToken,
    reconcile: impl Fn(ObjectKey, Priority) -> F,
) {
    while may_act(&controller, &stop).await {
        let Some((key, priority)) = controller.queue.next().await else { return };
        // It may have waited for something to do for longer than it led.
        if !may_act(&controller, &stop).await {
            return;
        }
        let began = Instant::now();
        let next = {
            let reconciling = pin!(async { reconcile(key.clone(), priority).await });
            contained(&controller, &key, priority, reconciling).await
        };
        controller.queue.done(key, began.elapsed(), next);
    }
}

/// Waits until a reconciliation could have effects. False if it is told to stop first.
async fn may_act(controller: &Controller, stop: &CancellationToken) -> bool {
    let ready = async {
        controller.caches.objects.synced().await;
        controller.leadership.until_it_may_act().await;
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => false,
        () = ready => true,
    }
}

/// Lets a fault of the program cost the object that met it a wait, and nobody else anything: neither the worker nor the object is lost.
async fn contained(controller: &Controller, key: &ObjectKey, priority: Priority, reconciling: impl Future<Output = Next>) -> Next {
    if let Ok(next) = AssertUnwindSafe(reconciling).catch_unwind().await {
        return next;
    }
    // The panic has said what and where on standard error.
    tracing::error!(object = %key, "the reconciliation panicked: this is a fault of the operator; the object is tried again later");
    controller.metrics.reconciliation(key.kind, priority, "Panicked");
    // It may have been in the midst of one; the object is looked at again in any case.
    controller.attempts.status_write_ends(key, None);
    let pause = retry_in(Class::Invalid, controller.attempts.failed(key), seed(key));
    Some((controller.clock.now() + pause, Priority::Changed))
}
