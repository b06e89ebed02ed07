//! The running operator: watches, workers, Lease and admin endpoints, and how they end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use kube::Client;
use moorage_crds::{KindName, with_kind};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    azure,
    cache::secrets::Secrets,
    clock::Clock,
    cluster::ApiReader,
    controller::{
        Controller,
        admin::{self, Endpoints},
        checks,
        context::{Caches, Context, Installation},
        kind::Kind,
        leader_election::{Election, Leadership, Term},
        metrics::Metrics,
        reconcile::worker::work,
        watch,
    },
    kinds::{self, Contexts},
    object::ObjectKey,
};

/// How long the Lease and the endpoints have to end in, once nothing is under way any more.
const LONGEST_FAREWELL: Duration = Duration::from_secs(20);

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
    /// How Azure is reached, and the right to write there.
    pub azure: (moorage_cloud::Azure, moorage_cloud::WriteAccess),
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// An operator that is wired up and not yet running.
pub struct Operator {
    controller: Arc<Controller>,
    contexts: Arc<Contexts>,
    client: Client,
    azure: moorage_cloud::Azure,
    replica: Option<String>,
    watched: Vec<String>,
    concurrency: u16,
    namespaces: mpsc::UnboundedReceiver<Arc<str>>,
}

impl Operator {
    /// Wires an operator up.
    pub fn new(config: Config, client: Client) -> Self {
        let Config { installation, namespaces: watched, concurrency, replica, term, clock, azure: (azure, access), metrics } = config;
        let leadership = if replica.is_some() { Leadership::contested(term) } else { Leadership::always() };
        let api = ApiReader::new(client.clone(), &installation.namespace);
        let (secrets, namespaces) = Secrets::new(api.clone(), metrics.live_reads());
        let caches = Arc::new(Caches::new(installation, secrets));
        let clients = Arc::new(azure::clients::Clients::new(azure.clone()));
        let contexts = Contexts { azure: Context::new(caches.clone(), api, clock.clone(), clients.clone(), access) };
        let forget = Arc::new(move |object: &_| clients.forget(object));
        let controller = Controller::new(caches, client.clone(), leadership, clock, metrics, forget);
        Self { controller: Arc::new(controller), contexts: Arc::new(contexts), client, azure, replica, watched, concurrency, namespaces }
    }

    /// The engine; for looking at it from outside.
    pub fn controller(&self) -> Arc<Controller> {
        self.controller.clone()
    }

    /// What kinds read; for looking at it from outside.
    pub fn contexts(&self) -> Arc<Contexts> {
        self.contexts.clone()
    }

    /// Runs until `stop`, then lets what is under way come to its end and hands the Lease back. It ends in the same good order when one
    /// of its tasks has ended by itself: whoever started the process starts it anew, with all of them.
    ///
    /// # Errors
    /// Which task ended.
    pub async fn run(self, endpoints: Option<Endpoints>, stop: CancellationToken) -> anyhow::Result<()> {
        let Self { controller, contexts, client, azure, replica, watched, concurrency, namespaces } = self;
        let mut watches = watches(&controller, &client, &watched, namespaces);

        let stood_down = CancellationToken::new();
        let mut background = JoinSet::new();
        if let Some(endpoints) = endpoints {
            let api = ApiReader::new(client.clone(), &controller.caches.installation.namespace);
            let sample = Arc::new(move |metrics: &Metrics| metrics.clouds(azure.headroom(), azure.not_answering().len()));
            let serving = admin::serve(endpoints, controller.clone(), api, sample, stood_down.clone());
            background.spawn(async move {
                if let Err(error) = serving.await {
                    tracing::error!(%error, "the endpoints broke off");
                }
            });
        }
        let checks = checks::run(controller.clone(), ApiReader::new(client.clone(), &controller.caches.installation.namespace));
        let ends = stood_down.clone();
        background.spawn(async move {
            ends.run_until_cancelled(checks).await;
        });
        if let Some(replica) = replica {
            let installation = &controller.caches.installation;
            let name = format!("moorage-{}", installation.id);
            let (clock, leadership) = (controller.clock.clone(), controller.leadership.clone());
            let election = Election::new(client, &installation.namespace, name, replica, clock, leadership);
            background.spawn(election.run(stood_down.clone()));
        }

        controller.queue.staff(usize::from(concurrency));
        let retire = stop.child_token();
        let mut workers = JoinSet::new();
        let engine = controller.clone();
        let reconcile = move |key: ObjectKey, priority| {
            let (controller, contexts) = (engine.clone(), contexts.clone());
            async move { kinds::reconcile(&controller, &contexts, &key, priority).await }
        };
        for _ in 0..concurrency {
            workers.spawn(work(controller.clone(), retire.clone(), reconcile.clone()));
        }
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => Ok(()),
            ended = any_ends([("a watch", &mut watches), ("the endpoints or the election", &mut background), ("a worker", &mut workers)]) =>
                Err(ended),
        };
        if let Err(fault) = &ended {
            tracing::error!(error = %fault, "the operator ends");
        }
        retire.cancel();
        controller.queue.close();
        while workers.join_next().await.is_some() {}
        // Only now: an effect that is under way is still under the Lease.
        stood_down.cancel();
        let last = async { while background.join_next().await.is_some() {} };
        // A client of the endpoints may leave a request unfinished for ever.
        if tokio::time::timeout(LONGEST_FAREWELL, last).await.is_err() {
            tracing::warn!("the endpoints were still in use and are closed");
        }
        ended
    }
}

/// Waits until one task of these ends that has no end of its own, and says which.
async fn any_ends<const N: usize>(sets: [(&str, &mut JoinSet<()>); N]) -> anyhow::Error {
    let mut ends: FuturesUnordered<_> = sets
        .into_iter()
        .filter(|(_, tasks)| !tasks.is_empty())
        .map(|(name, tasks)| async move { tasks.join_next().await.map(|ended| (name, ended)) })
        .collect();
    match ends.next().await.flatten() {
        // A panic has said what and where on standard error.
        Some((name, Err(_))) => anyhow!("{name} panicked: this is a fault of the operator"),
        Some((name, Ok(()))) => anyhow!("{name} ended before it was told to"),
        None => std::future::pending().await,
    }
}

/// A watch for each kind and namespace, one for the ledger, and those of Secrets as they are asked for. They end when this is dropped.
fn watches(
    controller: &Arc<Controller>,
    client: &Client,
    namespaces: &[String],
    with_secrets: mpsc::UnboundedReceiver<Arc<str>>,
) -> JoinSet<()> {
    let mut watches = JoinSet::new();
    for kind in KindName::ALL {
        with_kind!(*kind, |K| watch_kind::<K>(&mut watches, controller, client, namespaces));
    }
    controller.caches.objects.expect_watch();
    watches.spawn(watch::ledger(controller.clone(), client.clone()));
    watches.spawn(watch::secrets(controller.clone(), client.clone(), with_secrets));
    watches
}

fn watch_kind<K: Kind>(watches: &mut JoinSet<()>, controller: &Arc<Controller>, client: &Client, namespaces: &[String]) {
    let scopes = if namespaces.is_empty() { vec![None] } else { namespaces.iter().cloned().map(Some).collect() };
    for scope in scopes {
        controller.caches.objects.expect_watch();
        watches.spawn(watch::objects::<K>(controller.clone(), client.clone(), scope));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_by_itself_is_named_and_those_that_were_never_begun_are_not_waited_for() {
        let (mut first, mut second, mut none) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
        first.spawn(std::future::pending());
        second.spawn(async { panic!("on purpose") });
        let ended = any_ends([("a", &mut first), ("b", &mut second), ("c", &mut none)]).await;
        assert_eq!(ended.to_string(), "b panicked: this is a fault of the operator");
        first.spawn(async {});
        let ended = any_ends([("a", &mut first), ("b", &mut second)]).await;
        assert_eq!(ended.to_string(), "a ended before it was told to");
    }
}
