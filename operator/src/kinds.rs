//! The glue between the engine and the kinds, each of which has a folder of its own.

mod cloud_account;
mod device_credential;
mod enrollment_group;
mod provisioning_service;
mod tenant_hub_group;

use moorage_crds::with_kind;

use crate::{
    azure::{self, clients::Clients},
    controller::{
        Controller,
        context::Context,
        kind::CloudClients,
        queue::Priority,
        reconcile::{self, Next},
    },
    object::ObjectKey,
};

/// What kinds read, by the clients of their cloud.
pub struct Contexts {
    /// For kinds of Azure.
    pub azure: azure::Context,
}

/// Gives the context of kinds with clients of one type.
trait ContextFor<C: CloudClients> {
    fn context(&self) -> &Context<C>;
}

impl ContextFor<Clients> for Contexts {
    fn context(&self) -> &Context<Clients> {
        &self.azure
    }
}

/// Reconciles one object, whatever its kind.
pub async fn reconcile(controller: &Controller, contexts: &Contexts, key: &ObjectKey, priority: Priority) -> Next {
    with_kind!(key.kind, |K| Box::pin(reconcile::reconcile::<K>(controller, contexts.context(), key, priority)).await)
}
