//! A cluster, a cloud and an operator in this thread, in paused time.
//!
//! Tokio's time moves by itself as soon as nothing else can: a millisecond of it is over when whatever could run has run. The
//! domain's time, by which the operator and the cloud decide, moves only when it is told to, from one thing that is due to the next.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::Client;
use moorage_cloud::{Azure, Cloud, EndpointMap, Transport, TransportOptions};
use moorage_operator::clock::Clock;
use moorage_operator::controller::leader_election::Term;
use moorage_operator::controller::metrics::Metrics;
use moorage_operator::controller::{Controller, context::Installation};
use moorage_operator::run::{Config, Operator};
use moorage_simulator::{Options, Simulator};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::apiserver::ApiServer;
use crate::device::Network;

/// How often it is looked whether everything is still, at most.
const LOOKS: u32 = 900;
/// How many times the clock is moved on in one wait, at most.
const MOVES: u32 = 1500;
/// What is due sooner than this is waited for; later than this things are merely looked at again.
const SOON: SignedDuration = SignedDuration::from_secs(390);

/// How an operator reaches the cluster and the cloud.
pub type Reach = Box<dyn Fn(&ApiServer, Transport) -> (Client, Transport) + Send + Sync>;

/// What a world is made of.
pub struct Setup {
    /// The cloud.
    pub cloud: Options,
    /// Who the operator is.
    pub installation: Installation,
    /// The namespaces that the operator watches; all if empty.
    pub watched: Vec<String>,
    /// All other namespaces.
    pub namespaces: Vec<String>,
    /// How the operator reaches them.
    pub reach: Reach,
}

/// A world.
pub struct World {
    /// The cluster.
    pub cluster: ApiServer,
    /// The cloud.
    pub cloud: Arc<Simulator>,
    clock: Clock,
    offset: watch::Sender<SignedDuration>,
    installation: Installation,
    watched: Vec<String>,
    reach: Reach,
    operator: Mutex<Option<Running>>,
}

struct Running {
    controller: Arc<Controller>,
    work: JoinHandle<anyhow::Result<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.work.abort();
    }
}

/// Nothing between the operator and what it works with.
pub fn directly() -> Reach {
    Box::new(|cluster, transport| (cluster.operators_client(), transport))
}

impl World {
    /// An empty world, without an operator as yet.
    ///
    /// # Errors
    /// The cloud does not start.
    pub async fn new(setup: Setup) -> anyhow::Result<Self> {
        let Setup { cloud, installation, watched, namespaces, reach } = setup;
        let cloud = Arc::new(Simulator::start(cloud).await?);
        let (offset, seen) = watch::channel(SignedDuration::ZERO);
        let clock = Clock::following(seen);
        let time = clock.clone();
        let cluster = ApiServer::new(move || time.now());
        for namespace in watched.iter().chain(&namespaces).chain([&installation.namespace]) {
            cluster.add_namespace(namespace);
        }
        Ok(Self { cluster, cloud, clock, offset, installation, watched, reach, operator: Mutex::default() })
    }

    /// Kills the operator where it is, if there is one.
    pub fn kill(&self) {
        let before = self.operator.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(before);
        self.cluster.forget_watches();
    }

    /// Kills the operator where it is, if there is one, and starts another.
    pub fn restart(&self) {
        self.kill();
        let next = self.start();
        *self.operator.lock().unwrap_or_else(PoisonError::into_inner) = Some(next);
    }

    fn start(&self) -> Running {
        let endpoint_map = Some(EndpointMap { address: self.cloud.address(), ca_pem: self.cloud.ca_pem().to_owned() });
        let transport =
            Transport::new(&TransportOptions { endpoint_map, ..TransportOptions::default() }).expect("the simulator's authority");
        let (client, transport) = (self.reach)(&self.cluster, transport);
        let time = self.clock.clone();
        let azure = Azure::new(Cloud::public(), transport, Arc::new(move || time.now()));
        let config = Config {
            installation: self.installation.clone(),
            namespaces: self.watched.clone(),
            concurrency: 8,
            replica: None,
            term: Term::DEFAULT,
            clock: self.clock.clone(),
            azure,
            metrics: Arc::new(Metrics::default()),
        };
        let operator = Operator::new(config, client);
        Running { controller: operator.controller(), work: tokio::spawn(operator.run(None, CancellationToken::new())) }
    }

    /// What the operator of the moment works with.
    ///
    /// # Panics
    /// If none was started.
    pub fn controller(&self) -> Arc<Controller> {
        let operator = self.operator.lock().unwrap_or_else(PoisonError::into_inner);
        operator.as_ref().expect("an operator was started").controller.clone()
    }

    /// The domain's time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The network in which devices find the cloud.
    pub fn network(&self) -> Network {
        Network { address: self.cloud.address(), ca_pem: self.cloud.ca_pem().to_owned() }
    }

    fn is_still(&self, patience: bool) -> bool {
        let controller = self.controller();
        let idle = controller.caches.objects.is_synced() && controller.queue.rest().0 && self.cluster.everything_is_shown();
        idle && (patience || controller.expectations.is_empty())
    }

    /// Waits until nothing moves, at this time.
    ///
    /// # Errors
    /// If it never does.
    pub async fn stillness(&self) -> Result<(), String> {
        let mut calm = 0;
        for look in 0..LOOKS {
            let pause = match look {
                0..20 => 1,
                20..80 => 25,
                _ => 500,
            };
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let collected = self.cluster.collect_garbage();
            // A write that was lost is waited for in the domain's time, which stands still here.
            calm = if !collected && self.is_still(look > 120) { calm + 1 } else { 0 };
            if calm == 2 {
                return Ok(());
            }
        }
        let (still, next) = self.controller().queue.rest();
        let (shown, seen) = (self.cluster.everything_is_shown(), self.controller().expectations.is_empty());
        Err(format!("the operator does not come to stillness: queue {still}, next {next:?}, watches {shown}, writes seen {seen}"))
    }

    /// Lets pass what is waited for by the machine's clock, which is paused and stands almost still: a watch that broke off or was refused
    /// begins again, and a token that was refused may be another time.
    pub async fn machines_clock_moves(&self) {
        tokio::time::sleep(Duration::from_secs(31)).await;
    }

    async fn move_to(&self, when: Timestamp) {
        // It fails if that time has come by itself meanwhile.
        let _there = self.cloud.advance_to(when).await;
        self.offset.send_replace(self.cloud.clock_offset());
    }

    /// Waits until nothing moves, and then lets time pass until the next thing is due, but not longer than this.
    ///
    /// # Errors
    /// As [`World::stillness`].
    pub async fn step(&self, at_most: SignedDuration) -> Result<(), String> {
        self.stillness().await?;
        let until = self.now() + at_most;
        let next = self.controller().queue.rest().1.filter(|next| *next < until);
        self.move_to(next.unwrap_or(until)).await;
        Ok(())
    }

    /// Lets time pass, from one thing that is due to the next.
    ///
    /// # Errors
    /// If there is no end of things.
    pub async fn pass(&self, span: SignedDuration) -> Result<(), String> {
        let until = self.now() + span;
        for _ in 0..MOVES {
            self.stillness().await?;
            let Some(next) = self.controller().queue.rest().1.filter(|next| *next < until) else {
                self.move_to(until).await;
                return self.stillness().await;
            };
            self.move_to(next).await;
        }
        Err(format!("there is no end of things to do within {span:#}"))
    }

    /// Waits until nothing is due soon, or until nothing has been changed for a while: some things wait for people, and look.
    ///
    /// # Errors
    /// If there always is something to change.
    pub async fn rest(&self) -> Result<(), String> {
        let mut changed = (self.changes(), self.now());
        for _ in 0..MOVES {
            self.stillness().await?;
            if self.changes() != changed.0 {
                changed = (self.changes(), self.now());
            }
            match self.controller().queue.rest().1.filter(|next| next.duration_since(self.now()) < SOON) {
                Some(next) if self.now().duration_since(changed.1) < SOON => self.move_to(next).await,
                Some(_) | None => return Ok(()),
            }
        }
        Err(format!("there is no end of changes, and something is always due within {SOON:#}"))
    }

    /// How often the operator has tried to change something.
    fn changes(&self) -> usize {
        // What the account may not do is tried again from time to time.
        self.cluster.changes() + self.cloud.count_requests(|request| request.writes && request.status != Some(403))
    }
}
