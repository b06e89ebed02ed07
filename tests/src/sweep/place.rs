//! Where a run happens: on the real API server in real time, or on the in-memory one in paused time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::fixture::Fixture;
use super::judge::Judge;
use super::log::Log;
use super::memory::Memory;
use super::operator_process::OperatorProcess;
use crate::controlplane::ControlPlane;
use crate::harness::{Harness, cloud_options};
use crate::test_env::TestEnv;
use tokio::sync::mpsc;

/// How long, in real time, a real world may take to a checkpoint.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long, in real time, a real world that is not known beforehand must last.
const LASTING: Duration = Duration::from_secs(2);
/// How long one stride of the clock may take, in real time, before it is looked again.
const STRIDE_PATIENCE: Duration = Duration::from_secs(1);
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
/// How far the clock is moved on when a real operator waits for a time.
const STRIDE: SignedDuration = SignedDuration::from_secs(2);

/// The same in memory, in the domain's time.
const PATIENCE_IN_MEMORY: Duration = Duration::from_mins(40);
const LASTING_IN_MEMORY: Duration = Duration::from_mins(4);
const STRIDE_IN_MEMORY: SignedDuration = SignedDuration::from_secs(30);
/// Longer than the signer in the place of cert-manager waits between two looks, in tokio's time.
const SIGNERS_TURN: Duration = Duration::from_millis(150);

/// Longer than any kind leaves a cloud unlooked at.
const DRIFT: SignedDuration = SignedDuration::from_mins(31);

/// Which API server.
#[derive(Clone, Copy)]
pub enum Server {
    /// The real one.
    Real(&'static ControlPlane),
    /// The one in memory; the runtime's time must be paused.
    Memory,
}

/// A cluster, a cloud, and an operator that is replaced when it is killed.
pub(super) enum Place {
    Real { harness: Box<Harness>, crew: Option<OperatorProcess> },
    Memory(Memory),
}

/// When a wait began.
pub(super) enum Since {
    Real(Instant),
    Memory(Timestamp),
}

impl Place {
    /// A place for a run, with what is in the cloud before, and without an operator.
    ///
    /// # Errors
    /// The control plane refuses, or the cloud does not start.
    pub async fn new(server: Server, name: &str, fixture: &Fixture, judge: &Arc<Judge>) -> anyhow::Result<Self> {
        let namespaces = fixture.namespaces();
        let place = match server {
            Server::Real(control) => {
                let options = moorage_simulator::Options { patience: STRIDE_PATIENCE, ..cloud_options() };
                Self::Real { harness: Box::new(Harness::set(control, name, &namespaces, options).await?), crew: None }
            }
            Server::Memory => Self::Memory(Memory::new(name, &namespaces, judge.clone()).await?),
        };
        place.env().cloud().seed(|azure| fixture.past(azure));
        Ok(place)
    }

    /// Starts the first operator.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(&mut self, judge: &Arc<Judge>, deaths: mpsc::UnboundedReceiver<()>, log: &Log) -> anyhow::Result<()> {
        match self {
            Self::Real { harness, crew } => {
                let mut launch = harness.launch();
                // As the cluster in memory is called.
                "here".clone_into(&mut launch.installation.cluster);
                *crew = Some(OperatorProcess::aboard(launch, judge.clone(), deaths, log.clone()).await?);
            }
            Self::Memory(memory) => memory.start(judge.clone(), deaths, log.clone()),
        }
        Ok(())
    }

    /// The cluster and the cloud.
    pub fn env(&self) -> &TestEnv {
        match self {
            Self::Real { harness, .. } => harness.env(),
            Self::Memory(memory) => &memory.env,
        }
    }

    /// The operator's name in the audit log.
    pub fn operator_user(&self) -> &str {
        match self {
            Self::Real { harness, .. } => harness.operator_user(),
            Self::Memory(_) => "",
        }
    }

    /// The moment by which waits are measured.
    pub fn moment(&self) -> Since {
        match self {
            Self::Real { .. } => Since::Real(Instant::now()),
            Self::Memory(memory) => Since::Memory(memory.world.now()),
        }
    }

    fn elapsed(&self, since: &Since) -> Duration {
        match (self, since) {
            (_, Since::Real(since)) => since.elapsed(),
            (Self::Memory(memory), Since::Memory(since)) => memory.world.now().duration_since(*since).unsigned_abs(),
            (Self::Real { .. }, Since::Memory(_)) => Duration::ZERO,
        }
    }

    /// Whether a world that was not known beforehand has lasted since a moment.
    pub fn has_lasted(&self, since: &Since) -> bool {
        self.elapsed(since) > if matches!(self, Self::Real { .. }) { LASTING } else { LASTING_IN_MEMORY }
    }

    /// How long a wait is too long if it began at a moment; `None` if it is not.
    pub fn too_long(&self, since: &Since) -> Option<Duration> {
        let patience = if matches!(self, Self::Real { .. }) { PATIENCE } else { PATIENCE_IN_MEMORY };
        (self.elapsed(since) > patience).then_some(patience)
    }

    /// Whether the operator is at rest; in memory, everybody is given the time to come to it.
    pub async fn is_at_rest(&self) -> bool {
        match self {
            Self::Real { crew, .. } => {
                let Some(crew) = crew else { return false };
                let Some(controller) = crew.controller().await else { return false };
                controller.is_at_rest()
            }
            Self::Memory(memory) => {
                let still = memory.world.stillness().await.is_ok();
                tokio::time::sleep(SIGNERS_TURN).await;
                still && memory.world.stillness().await.is_ok()
            }
        }
    }

    /// Moves the clock on.
    pub async fn stride(&self) {
        match self {
            // It fails when the operator is busy, or dead: then there is no need to hurry time.
            Self::Real { harness, .. } => drop(harness.cloud().advance(STRIDE).await),
            Self::Memory(memory) => drop(memory.world.step(STRIDE_IN_MEMORY).await),
        }
    }

    /// Lets a moment pass between two looks.
    pub async fn pause(&self) {
        if let Self::Real { .. } = self {
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    /// Lets so much time pass that everything is looked at for drift.
    pub async fn drift(&self) {
        match self {
            Self::Real { harness, .. } => {
                // It ends early when the operator is busy, and is not begun anew then.
                let (deadline, until) = (Instant::now() + PATIENCE, harness.cloud().now() + DRIFT);
                while harness.cloud().now() < until && Instant::now() < deadline {
                    drop(harness.cloud().advance_to(until).await);
                }
            }
            Self::Memory(memory) => drop(memory.world.pass(DRIFT).await),
        }
    }
}
