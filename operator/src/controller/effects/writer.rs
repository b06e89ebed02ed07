//! What may write, and only while an effect is let through.

use std::ops::Deref;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use moorage_crds::with_kind;
use serde_json::Value;

use crate::{
    cache::expectations::Expectations,
    cluster::{SecretData, SecretType},
    controller::{
        context::Context,
        effects::Effect,
        kind::{CloudClients, Kind},
    },
    error::Error,
    object::{Dependency, NamespacedName, ObjectKey},
};

/// A context that may write on behalf of one object. The effects gate makes it, for the time of one action.
pub struct Writer<'a, C: CloudClients> {
    context: &'a Context<C>,
    effect: &'a Effect<'a>,
    expectations: &'a Expectations,
    owner: &'a ObjectKey,
}

impl<C: CloudClients> Deref for Writer<'_, C> {
    type Target = Context<C>;

    fn deref(&self) -> &Context<C> {
        self.context
    }
}

impl<'a, C: CloudClients> Writer<'a, C> {
    pub(crate) fn new(context: &'a Context<C>, effect: &'a Effect<'a>, expectations: &'a Expectations, owner: &'a ObjectKey) -> Self {
        Self { context, effect, expectations, owner }
    }

    /// The right to write through the clients of the cloud.
    pub fn access(&self) -> &C::WriteAccess {
        self.context.access(self.effect)
    }

    /// The context that it writes in.
    pub fn context(&self) -> &Context<C> {
        self.context
    }

    /// Writes entries of the object into the ledger, or strikes out those that are `None`, and holds its next reconciliation until they
    /// are seen.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn record(&self, entries: &[(String, Option<String>)]) -> Result<(), Error> {
        self.record_for(self.owner, entries).await
    }

    /// The same for another object, of which something is known through this one.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn record_for(&self, owner: &ObjectKey, entries: &[(String, Option<String>)]) -> Result<(), Error> {
        let entries = entries.iter().cloned().collect();
        let path = with_kind!(owner.kind, |K| self.objects.of::<K>().get(&owner.name).and_then(|owner| owner.cloud_path(&self.objects)));
        if let Some(version) = self.ledger.write(self.effect.api(), owner, path.as_deref(), &entries).await? {
            self.expect(owner, &Dependency::Ledger(owner.clone()), version);
        }
        Ok(())
    }

    /// Creates a Secret, and gives its version.
    ///
    /// # Errors
    /// `Conflict` if one of that name exists.
    pub async fn create_secret(&self, of: SecretType, metadata: &ObjectMeta, data: &SecretData) -> Result<String, Error> {
        let version = self.effect.api().create_secret(of, metadata, data).await?;
        self.expect_secret(metadata, &version);
        Ok(version)
    }

    /// Replaces a Secret that is still at the version in `metadata`, and gives the new version.
    ///
    /// # Errors
    /// `Conflict` if it has changed.
    pub async fn replace_secret(&self, of: SecretType, metadata: &ObjectMeta, data: &SecretData) -> Result<String, Error> {
        let version = self.effect.api().replace_secret(of, metadata, data).await?;
        self.expect_secret(metadata, &version);
        Ok(version)
    }

    /// Merges into the metadata of a Secret that is still at a version, and gives the new version; its content is not touched.
    ///
    /// # Errors
    /// `Conflict` if it has changed.
    pub async fn mark_secret(&self, name: &NamespacedName, version: &str, metadata: Value) -> Result<String, Error> {
        let version = self.effect.api().mark_secret(name, version, metadata).await?;
        self.expect(self.owner, &Dependency::Secret(name.clone()), version.clone());
        Ok(version)
    }

    /// Deletes a Secret that is still as it was seen; one that is gone already is fine.
    ///
    /// # Errors
    /// `Conflict` if it has changed.
    pub async fn delete_secret(&self, name: &NamespacedName) -> Result<(), Error> {
        match self.secrets.meta(name).ok().flatten() {
            Some(seen) => self.effect.api().delete_secret(name, &seen).await,
            None => Ok(()),
        }
    }

    /// Creates a Certificate.
    ///
    /// # Errors
    /// `Conflict` if one of that name exists.
    pub async fn create_certificate(&self, name: &NamespacedName, body: &Value) -> Result<(), Error> {
        self.effect.api().create_certificate(name, body).await
    }

    /// Applies a Certificate over the version that its body names.
    ///
    /// # Errors
    /// `Conflict` if it has changed.
    pub async fn apply_certificate(&self, name: &NamespacedName, body: &Value) -> Result<(), Error> {
        self.effect.api().apply_certificate(name, body).await
    }

    /// Deletes a Certificate that was seen; one that is gone already is fine.
    ///
    /// # Errors
    /// `Conflict` if another has taken its place.
    pub async fn delete_certificate(&self, name: &NamespacedName, seen: &ObjectMeta) -> Result<(), Error> {
        self.effect.api().delete_certificate(name, seen).await
    }

    fn expect_secret(&self, metadata: &ObjectMeta, version: &str) {
        let name = NamespacedName::new(metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default());
        self.expect(self.owner, &Dependency::Secret(name), version.to_owned());
    }

    fn expect(&self, object: &ObjectKey, thing: &Dependency, version: String) {
        self.expectations.expect_unless_seen(object, thing, version, self.clock.now(), |thing| self.version(thing));
    }
}
