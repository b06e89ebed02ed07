//! A world: a cluster, a cloud and an operator in this thread, in paused time.
//!
//! Tokio's time moves by itself as soon as nothing else can: a millisecond of it is over when whatever could run has run. The
//! domain's time, by which the operator and the cloud decide, moves only when it is told to, from one thing that is due to the next.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use moorage_cloud::{Azure, Cloud, EndpointMap, Transport, TransportOptions};
use moorage_operator::clock::Clock;
use moorage_operator::controller::context::{Env, Installation};
use moorage_operator::controller::leader_election::Term;
use moorage_operator::controller::metrics::Metrics;
use moorage_operator::run::{Config, Operator};
use moorage_simulator::{
    Fault, IdentityLink, KeysLeftOut, Limits, MaskedLink, Match, Occurrence, Options, PoliciesOnGet, Reregistration, Rule, SecondKey,
    Simulator, Variants,
};
use moorage_tests::apiserver::ApiServer;
use moorage_tests::device::Network;
use moorage_tests::stage::cloud_options;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::case::{Case, CloudFault, CloudTrouble, Method, OPERATOR, PLATFORM, Quirks, TENANTS};

/// How often it is looked whether everything is still, at most.
const LOOKS: u32 = 900;
/// How many times the clock is moved on in one wait, at most.
const MOVES: u32 = 1500;
/// What is due sooner than this is waited for; later than this things are merely looked at again.
const SOON: SignedDuration = SignedDuration::from_secs(390);
/// Who the operator is.
pub const INSTALLATION: &str = "model";

/// A world.
pub struct World {
    pub cluster: ApiServer,
    pub cloud: Simulator,
    env: Arc<Env>,
    running: JoinHandle<()>,
    offset: watch::Sender<SignedDuration>,
    roles_barred: bool,
}

impl Drop for World {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl World {
    /// An empty world, with the namespaces of a case and an operator.
    pub async fn new(case: &Case) -> Self {
        let cloud = Simulator::start(options(&case.quirks)).await.expect("a simulator starts");
        let (offset, seen) = watch::channel(SignedDuration::ZERO);
        let clock = Clock::following(seen);
        let time = clock.clone();
        let cluster = ApiServer::new(move || time.now());
        for namespace in TENANTS.iter().chain(&[PLATFORM, OPERATOR]) {
            cluster.add_namespace(namespace);
        }
        cluster.lag(Duration::from_millis(u64::from(case.lag)));
        let (env, running) = operator(&cluster, &cloud, clock);
        let world = Self { cluster, cloud, env, running, offset, roles_barred: case.service.roles_barred };
        world.trouble(&[]);
        world
    }

    /// Kills the operator where it is, and starts another.
    pub fn restart(&mut self) {
        self.running.abort();
        self.cluster.forget_watches();
        let (env, running) = operator(&self.cluster, &self.cloud, self.env.clock.clone());
        (self.env, self.running) = (env, running);
    }

    /// The domain's time.
    pub fn now(&self) -> Timestamp {
        self.env.clock.now()
    }

    /// The network in which devices find the cloud.
    pub fn network(&self) -> Network {
        Network { address: self.cloud.address(), ca_pem: self.cloud.ca_pem().to_owned() }
    }

    /// What goes wrong from now on with the operator's requests to the cloud.
    pub fn trouble(&self, troubles: &[CloudTrouble]) {
        self.cloud.faults().clear();
        for rule in troubles.iter().map(|trouble| rule(*trouble)).chain(self.roles_barred.then(no_roles)) {
            self.cloud.faults().add(rule).expect("a rule whose path is a pattern");
        }
    }

    /// Ends all trouble, but not what the account may not do.
    pub fn peace(&self) {
        self.cluster.trouble(Vec::new());
        self.trouble(&[]);
    }

    fn is_still(&self, patience: bool) -> bool {
        let env = &self.env;
        env.stores.complete() && env.queue.rest().0 && self.cluster.everything_is_shown() && (patience || env.freshness.is_empty())
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
        let (still, next) = self.env.queue.rest();
        let (shown, seen) = (self.cluster.everything_is_shown(), self.env.freshness.is_empty());
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

    /// Lets time pass, from one thing that is due to the next.
    ///
    /// # Errors
    /// If there is no end of things.
    pub async fn pass(&self, span: SignedDuration) -> Result<(), String> {
        let until = self.now() + span;
        for _ in 0..MOVES {
            self.stillness().await?;
            let Some(next) = self.env.queue.rest().1.filter(|next| *next < until) else {
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
            match self.env.queue.rest().1.filter(|next| next.duration_since(self.now()) < SOON) {
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

fn operator(cluster: &ApiServer, cloud: &Simulator, clock: Clock) -> (Arc<Env>, JoinHandle<()>) {
    let endpoint_map = Some(EndpointMap { address: cloud.address(), ca_pem: cloud.ca_pem().to_owned() });
    let transport = Transport::new(&TransportOptions { endpoint_map, ..TransportOptions::default() }).expect("the simulator's authority");
    let time = clock.clone();
    let azure = Azure::new(Cloud::public(), transport, Arc::new(move || time.now()));
    let installation = Installation { id: INSTALLATION.to_owned(), namespace: OPERATOR.to_owned() };
    let metrics = Arc::new(Metrics::default());
    let config = Config { installation, namespaces: Vec::new(), concurrency: 8, replica: None, term: Term::DEFAULT, clock, azure, metrics };
    let operator = Operator::new(config, cluster.operators_client());
    let env = operator.env();
    (env, tokio::spawn(operator.run(None, CancellationToken::new())))
}

fn options(quirks: &Quirks) -> Options {
    let kept = |kept: bool| if kept { KeysLeftOut::Kept } else { KeysLeftOut::Regenerated };
    let variants = Variants {
        identity_link: match quirks.identity_link % 3 {
            0 => IdentityLink::Broken,
            1 => IdentityLink::Kept,
            _ => IdentityLink::Refused,
        },
        masked_link: if quirks.masked_link_is_stored { MaskedLink::StoredLiterally } else { MaskedLink::Kept },
        group_keys_left_out: kept(quirks.group_keys_are_kept),
        policy_keys_left_out: kept(quirks.policy_keys_are_kept),
        policies_on_get: if quirks.policies_are_listed { PoliciesOnGet::WithoutKeys } else { PoliciesOnGet::LeftOut },
        lists_begin_empty: quirks.lists_begin_empty,
        reregistration: match quirks.reregistration % 3 {
            0 => Reregistration::NothingUnlessMoved,
            1 => Reregistration::KeyUsed,
            _ => Reregistration::BothKeys,
        },
        second_key: if quirks.second_key_is_refused { SecondKey::Refused } else { SecondKey::Accepted },
        read_after_create: SignedDuration::from_secs(i64::from(quirks.read_after_create)),
    };
    let mut options = Options { variants, seed: Some("model".to_owned()), ..cloud_options() };
    options.latency.operation = SignedDuration::from_secs(i64::from(quirks.operation));
    // Devices poll in tokio's time, in which the domain stands still.
    options.latency.assignment = SignedDuration::ZERO;
    options.limits = Limits { polls_per_ten_seconds: 10_000, ..Limits::default() };
    options
}

fn rule(trouble: CloudTrouble) -> Rule {
    let method = match trouble.method {
        Method::Any => None,
        Method::Get => Some("GET"),
        Method::Put => Some("PUT"),
        Method::Post => Some("POST"),
        Method::Delete => Some("DELETE"),
    };
    let fault = match trouble.fault {
        CloudFault::Throttle(seconds) => Fault::Throttle { retry_after: u64::from(seconds) },
        CloudFault::Status(status) => Fault::Status(status),
        CloudFault::LostBefore => Fault::LostBefore,
        CloudFault::LostAfter => Fault::LostAfter,
        CloudFault::Slow => Fault::Slow(35_000),
        CloudFault::Truncated => Fault::Truncated,
    };
    let matching = Match { method: method.map(str::to_owned), ..Match::default() };
    Rule { matching, occurrence: Occurrence::Nth(u64::from(trouble.nth)), fault }
}

/// The account may do all but assign roles.
fn no_roles() -> Rule {
    let matching = Match { method: Some("PUT".to_owned()), path: Some("roleAssignments".to_owned()), ..Match::default() };
    Rule { matching, occurrence: Occurrence::Every, fault: Fault::Status(403) }
}
