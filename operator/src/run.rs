//! The running operator: watches, workers, Lease and admin endpoints, and how they end.

use std::sync::Arc;

use kube::Client;
use moorage_crds::{KindName, with_kind};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    azure::clients::Clouds,
    cache::secrets::Secrets,
    clock::Clock,
    cluster::Cluster,
    controller::{
        admin,
        context::{Env, Installation, Parts},
        kind::Kind,
        leader_election::{Election, Leadership, Term},
        metrics::Metrics,
        watch,
    },
    kinds,
};

/// How an operator is to run.
pub struct Config {
    /// Who it is.
    pub installation: Installation,
    /// Namespaces to watch; all if empty.
    pub namespaces: Vec<String>,
    /// How many objects are worked on at the same time.
    pub concurrency: u16,
    /// Name of this replica in the Lease; no Lease if `None`.
    pub replica: Option<String>,
    /// How long the Lease holds.
    pub term: Term,
    /// The time.
    pub clock: Clock,
    /// How clouds are reached.
    pub azure: moorage_cloud::Azure,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// An operator that is wired up and not yet running.
pub struct Operator {
    env: Arc<Env>,
    config: Config,
    namespaces: mpsc::UnboundedReceiver<Arc<str>>,
}

impl Operator {
    /// Wires an operator up.
    pub fn new(config: Config, client: Client) -> Self {
        let leadership = if config.replica.is_some() { Leadership::contested(config.term) } else { Leadership::always() };
        let (secrets, namespaces) = Secrets::new(Cluster::new(client.clone(), &config.installation.namespace), config.metrics.clone());
        let env = Env::new(Parts {
            installation: config.installation.clone(),
            client,
            clouds: Clouds::new(config.azure.clone()),
            secrets,
            leadership,
            clock: config.clock.clone(),
            metrics: config.metrics.clone(),
        });
        Self { env: Arc::new(env), config, namespaces }
    }

    /// What it works with; for looking at it from outside.
    pub fn env(&self) -> Arc<Env> {
        self.env.clone()
    }

    /// Runs until `stop`, then lets what is under way come to its end and hands the Lease back.
    pub async fn run(self, admin: Option<TcpListener>, stop: CancellationToken) {
        let Self { env, config, namespaces } = self;
        let mut watches = JoinSet::new();
        for kind in KindName::ALL {
            with_kind!(*kind, |K| watch_kind::<K>(&mut watches, &env, &config.namespaces));
        }
        env.stores.expect_watch();
        watches.spawn(watch::ledger(env.clone()));
        watches.spawn(watch::secrets(env.clone(), namespaces));

        let stood_down = CancellationToken::new();
        let mut background = JoinSet::new();
        if let Some(listener) = admin {
            let serving = admin::serve(listener, env.clone(), stood_down.clone());
            background.spawn(async move {
                if let Err(error) = serving.await {
                    tracing::error!(%error, "the admin endpoints broke off");
                }
            });
        }
        if let Some(replica) = config.replica {
            let name = format!("moorage-{}", env.installation.id);
            let (client, clock, leadership) = (env.client.clone(), env.clock.clone(), env.leadership.clone());
            let election = Election::new(client, &env.installation.namespace, name, replica, clock, leadership);
            background.spawn(election.run(stood_down.clone()));
        }

        env.queue.staff(usize::from(config.concurrency));
        let mut workers = JoinSet::new();
        for _ in 0..config.concurrency {
            workers.spawn(work(env.clone(), stop.clone()));
        }
        stop.cancelled().await;
        env.queue.close();
        while workers.join_next().await.is_some() {}
        // Only now: an effect that is under way is still under the Lease.
        stood_down.cancel();
        while background.join_next().await.is_some() {}
    }
}

fn watch_kind<K: Kind>(watches: &mut JoinSet<()>, env: &Arc<Env>, namespaces: &[String]) {
    let scopes = if namespaces.is_empty() { vec![None] } else { namespaces.iter().cloned().map(Some).collect() };
    for scope in scopes {
        env.stores.expect_watch();
        watches.spawn(watch::objects::<K>(env.clone(), scope));
    }
}

async fn work(env: Arc<Env>, stop: CancellationToken) {
    while its_turn(&env, &stop).await {
        let Some((key, lane)) = env.queue.next().await else { return };
        // It may have waited for something to do for longer than it led.
        if !its_turn(&env, &stop).await {
            return;
        }
        let next = kinds::reconcile(&env, &key, lane).await;
        env.queue.done(key, next);
    }
}

/// Waits until a pass could have effects. False if it is told to stop first.
async fn its_turn(env: &Env, stop: &CancellationToken) -> bool {
    while !(env.stores.complete() && env.leadership.may_act()) {
        tokio::select! {
            () = stop.cancelled() => return false,
            () = tokio::time::sleep(std::time::Duration::from_millis(20)) => {}
        }
    }
    true
}
