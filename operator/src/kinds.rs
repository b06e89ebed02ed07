//! The glue between the engine and the kinds, each of which has a folder of its own.

mod cloud_account;
mod device_credential;
mod enrollment_group;
mod provisioning_service;
mod tenant_hub_group;

use moorage_crds::with_kind;

use crate::{
    controller::{
        context::Env,
        queue::Lane,
        reconcile::{self, Next},
    },
    object::ObjectKey,
};

/// Reconciles one object, whatever its kind.
pub async fn reconcile(env: &Env, key: &ObjectKey, lane: Lane) -> Next {
    with_kind!(key.kind, |K| reconcile::reconcile::<K>(env, key, lane).await)
}
