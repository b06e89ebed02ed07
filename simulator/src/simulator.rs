//! The handle of a running simulator.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use crate::azure::iot_hub::telemetry::Telemetry;
use crate::azure::options::Options;
use crate::azure::state::Azure;
use crate::azure::{SERVICES, hosts_elsewhere};
use crate::control;
use crate::engine::clock::Clock;
use crate::engine::clock::advance::{AdvanceError, Target};
use crate::engine::faults::Faults;
use crate::engine::log::{Log, LoggedRequest};
use crate::engine::server::Server;
use crate::engine::tls::Authority;
use crate::engine::{keys, listener, snapshot};

/// A running simulator; dropping it closes the listener and every connection.
pub struct Simulator {
    server: Arc<Server<Azure>>,
    address: SocketAddr,
    mqtt_address: Option<SocketAddr>,
    running: Vec<AbortHandle>,
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.running.iter().for_each(AbortHandle::abort);
    }
}

impl Simulator {
    /// Opens the listener; it is served by the runtime that this is called on.
    ///
    /// # Errors
    /// The address cannot be bound, or the fault plan holds a bad regular expression.
    pub async fn start(options: Options) -> io::Result<Self> {
        let authority = Arc::new(Authority::new()?.without(hosts_elsewhere(options.cloud)));
        let tls = TlsAcceptor::from(Arc::new(authority.server_config()?));
        let listener = listener::listen(options.listen).await?;
        let address = listener.local_addr()?;
        let mqtt = listener::listen_for_mqtt(options.mqtt).await?;
        let mqtt_address = mqtt.as_ref().map(TcpListener::local_addr).transpose()?;
        let seed = keys::seed(options.seed.as_deref());
        let faults = Faults::new(seed, options.faults.clone()).map_err(io::Error::other)?;
        let server = Arc::new(Server {
            clock: Clock::new(options.patience),
            faults,
            log: Log::default(),
            strictness: options.strictness.clone(),
            authority,
            controls: control::answer,
            cloud: Mutex::new(Azure::new(SERVICES, options, seed)),
        });
        let mut background = Vec::new();
        for service in SERVICES {
            background.extend(service.background(&server)?);
        }
        let serve = |listener| tokio::spawn(listener::serve(listener, tls.clone(), Arc::clone(&server)));
        let running = std::iter::once(listener).chain(mqtt).map(serve).chain(background.into_iter().map(tokio::spawn));
        let running = running.map(|task| task.abort_handle()).collect();
        Ok(Self { server, address, mqtt_address, running })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens at the port of MQTT, if it does; it speaks MQTT at [`Simulator::address`] too.
    pub fn mqtt_address(&self) -> Option<SocketAddr> {
        self.mqtt_address
    }

    /// The certificate of the simulator's own authority, in PEM.
    pub fn ca_pem(&self) -> &str {
        self.server.authority.pem()
    }

    /// The domain time.
    pub fn now(&self) -> Timestamp {
        self.server.clock.now()
    }

    /// How far the domain clock is ahead of the real one.
    pub fn clock_offset(&self) -> SignedDuration {
        self.server.clock.read().offset
    }

    /// Moves the domain clock on, in steps, each waiting for every follower to be idle; returns the
    /// domain time reached.
    ///
    /// # Errors
    /// A follower stayed busy for a minute of real time, or the span is negative.
    pub async fn advance(&self, by: SignedDuration) -> Result<Timestamp, AdvanceError> {
        self.server.advance(Target::By(by)).await
    }

    /// Moves the domain clock to a time, like [`Simulator::advance`].
    ///
    /// # Errors
    /// A follower stayed busy for a minute of real time, or the time lies in the past.
    pub async fn advance_to(&self, time: Timestamp) -> Result<Timestamp, AdvanceError> {
        self.server.advance(Target::To(time)).await
    }

    /// The fault plan.
    pub fn faults(&self) -> &Faults {
        &self.server.faults
    }

    /// Every request to a simulated host so far.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.server.log.requests()
    }

    /// How many requests to a simulated host there were of some kind.
    pub fn count_requests(&self, which: impl Fn(&LoggedRequest) -> bool) -> usize {
        self.server.log.count(which)
    }

    /// Every message that devices have sent to their hubs so far.
    pub fn telemetry(&self) -> Vec<Telemetry> {
        self.server.cloud().telemetry().to_vec()
    }

    /// Every breach of the OpenAPI by a request so far, one line each.
    pub fn violations(&self) -> Vec<String> {
        self.server.log.violations()
    }

    /// Every breach of the OpenAPI by the simulator's own answers, one line each.
    pub fn answer_violations(&self) -> Vec<String> {
        self.server.log.answer_violations()
    }

    /// Every secret value that was made or taken so far.
    pub fn secrets_ever_held(&self) -> Vec<String> {
        self.server.cloud().keyring.held()
    }

    /// The state of the cloud as sorted text, secrets as fingerprints: equal for equal states.
    pub fn snapshot(&self) -> String {
        self.server.snapshot(snapshot::Secrets::Fingerprints)
    }

    /// Like [`Simulator::snapshot`], but secrets are named by where they occur first (`k1`, `k2`, …),
    /// so that two runs with different random keys compare equal when their relations are.
    pub fn snapshot_by_relation(&self) -> String {
        self.server.snapshot(snapshot::Secrets::Names)
    }

    /// Reads or changes the cloud past its API: what is there before a test, or what somebody else does.
    pub fn seed<T>(&self, change: impl FnOnce(&mut Azure) -> T) -> T {
        self.server.change(|azure, _| change(azure))
    }
}
