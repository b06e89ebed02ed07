//! What reconciling may read. Nothing here can write, neither to the API server nor to a cloud, without an effect that was let through.

use std::ops::Deref;
use std::sync::Arc;

use crate::{
    cache::{derived::Derived, objects::Objects, secrets::Secrets, verdicts::Verdicts},
    clock::Clock,
    cluster::ApiReader,
    controller::{effects::Effect, kind::CloudClients},
    ledger::Ledger,
    object::{Dependency, KindName, ObjectKey},
};

/// Who this installation is, and where it lives.
#[derive(Clone, Debug)]
pub struct Installation {
    /// Id that marks what is ours in a cloud; the same after a restore or a move to another cluster.
    pub id: String,
    /// The operator's own namespace, where the ledger is.
    pub namespace: String,
    /// The cluster that it acts for: the uid of its namespace `kube-system`.
    pub cluster: String,
    /// The cluster whose things it takes over, because nobody acts for that any more.
    pub takes_over_from: Option<String>,
}

impl Installation {
    /// One that takes over from no other cluster.
    pub fn new(id: String, namespace: String, cluster: &str) -> Self {
        Self { id, namespace, cluster: cluster.to_owned(), takes_over_from: None }
    }

    /// Whether the name of a cluster is that of another one, which has not given up what it manages.
    pub fn is_another_cluster(&self, cluster: Option<&str>) -> bool {
        cluster.is_some_and(|cluster| cluster != self.cluster && self.takes_over_from.as_deref() != Some(cluster))
    }
}

/// What the watches have shown.
pub struct Caches {
    /// Who we are.
    pub installation: Installation,
    /// Objects, and who refers to whom.
    pub objects: Objects,
    /// Secrets.
    pub secrets: Secrets,
    /// What the world cannot tell.
    pub ledger: Ledger,
    verdicts: Verdicts,
    derived: Derived,
}

impl Caches {
    /// Caches that have seen nothing yet.
    pub fn new(installation: Installation, secrets: Secrets) -> Self {
        let ledger = Ledger::new(&installation.id, &installation.namespace, &installation.cluster);
        Self { installation, objects: Objects::default(), secrets, ledger, verdicts: Verdicts::default(), derived: Derived::default() }
    }

    /// What `judge` says of an object, asked only if something has changed of its kind, or of those that it rests on, since it was last.
    pub fn verdict(&self, object: &ObjectKey, judge: impl Fn() -> bool) -> bool {
        let state = || [self.objects.changes().up_to(object.kind), self.ledger.changes_up_to(object.kind)];
        self.verdicts.of(object, state, judge)
    }

    /// What follows from all objects of a kind, and of those that it rests on, and from their pages; worked out once until one changes.
    pub fn derived<T: Send + Sync + 'static>(&self, kind: KindName, work_out: impl FnOnce() -> T) -> Arc<T> {
        self.derived.of(|| [self.objects.changes().up_to(kind), self.ledger.changes_up_to(kind)], work_out)
    }

    /// Forgets what was judged of an object that is gone.
    pub fn forget_verdict(&self, object: &ObjectKey) {
        self.verdicts.forget(object);
    }

    /// Who owns what is made for an object, as it is written into a cloud's tags.
    pub fn owner_tag(&self, owner: &ObjectKey) -> String {
        format!("{}/{}/{}", self.installation.id, owner.kind, owner.name)
    }

    /// Whether the object of an owner tag is one of this installation that exists.
    pub fn is_living_owner(&self, owner_tag: &str) -> bool {
        let parts: Vec<_> = owner_tag.split('/').collect();
        let [installation, kind, namespace, name] = parts[..] else { return false };
        let owner = KindName::parse(kind).map(|kind| ObjectKey::new(kind, namespace, name));
        installation == self.installation.id && owner.is_some_and(|owner| self.objects.version(&owner).is_some())
    }

    /// The version of a thing as last seen.
    pub fn version(&self, thing: &Dependency) -> Option<String> {
        match thing {
            Dependency::Object(key) => self.objects.version(key),
            Dependency::Secret(name) => self.secrets.version(name),
            Dependency::Ledger(owner) => self.ledger.version(owner),
            Dependency::Claim { .. } => None,
        }
    }
}

/// What a kind reads: the caches, the API server where they do not suffice, the time, and the clients of its cloud.
///
/// A write does not compile where there is only a context:
///
/// ```compile_fail
/// # use moorage_operator::azure::Context;
/// async fn observe(ctx: &Context, arm: &moorage_cloud::Arm) {
///     let _ = arm.delete_resource_group(ctx.access(), "iot").await;
/// }
/// ```
///
/// It does with the writer that an effect lends:
///
/// ```
/// # use moorage_operator::azure::Writer;
/// async fn perform(writer: &Writer<'_>, arm: &moorage_cloud::Arm) {
///     let _ = arm.delete_resource_group(writer.access(), "iot").await;
/// }
/// ```
pub struct Context<C: CloudClients> {
    caches: Arc<Caches>,
    access: C::WriteAccess,
    /// The API server, for reads.
    pub api: ApiReader,
    /// The time.
    pub clock: Clock,
    /// The clients of the kind's cloud, and what was seen through them.
    pub clients: Arc<C>,
}

impl<C: CloudClients> Context<C> {
    /// A context over caches that watches fill.
    pub fn new(caches: Arc<Caches>, api: ApiReader, clock: Clock, clients: Arc<C>, access: C::WriteAccess) -> Self {
        Self { caches, access, api, clock, clients }
    }

    /// The right to write through the clients, for the time of an effect.
    pub fn access(&self, _: &Effect<'_>) -> &C::WriteAccess {
        &self.access
    }

    /// The caches alone.
    pub fn caches(&self) -> &Caches {
        &self.caches
    }
}

impl<C: CloudClients> Deref for Context<C> {
    type Target = Caches;

    fn deref(&self) -> &Caches {
        &self.caches
    }
}
