//! The operator of a run, and the next one when it is killed.

use std::sync::Arc;

use moorage_operator::controller::Controller;
use tokio::sync::{Mutex, mpsc};
use tokio::task::AbortHandle;

use super::judge::Judge;
use super::log::Log;
use super::seam::Seam;
use super::upstream::Upstream;
use crate::operator::{Launch, Running};

/// An operator that is replaced when it is killed.
pub(super) struct OperatorProcess {
    aboard: Arc<Mutex<Aboard>>,
    watch: AbortHandle,
}

#[derive(Default)]
struct Aboard {
    operator: Option<Running>,
    seam: Option<Seam>,
}

impl Drop for OperatorProcess {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl OperatorProcess {
    /// Starts the first operator, behind proxies with a judge.
    ///
    /// # Errors
    /// It does not start.
    pub async fn aboard(launch: Launch, judge: Arc<Judge>, mut deaths: mpsc::UnboundedReceiver<()>, log: Log) -> anyhow::Result<Self> {
        let aboard = Arc::new(Mutex::new(start(&launch, &judge, &log).await?));
        let place = aboard.clone();
        let watch = tokio::spawn(async move {
            while deaths.recv().await.is_some() {
                let mut place = place.lock().await;
                let Aboard { operator, seam } = std::mem::take(&mut *place);
                if let Some(operator) = operator {
                    operator.kill();
                }
                // What the dead one had under way goes nowhere.
                drop(seam);
                log.note("the operator was killed; another one starts");
                judge.revive();
                match start(&launch, &judge, &log).await {
                    Ok(next) => *place = next,
                    Err(error) => log.note(&format!("no other operator starts: {error:#}")),
                }
            }
        });
        Ok(Self { aboard, watch: watch.abort_handle() })
    }

    /// What the operator of the moment works with.
    pub async fn controller(&self) -> Option<Arc<Controller>> {
        self.aboard.lock().await.operator.as_ref().map(|operator| operator.controller().clone())
    }
}

async fn start(launch: &Launch, judge: &Arc<Judge>, log: &Log) -> anyhow::Result<Aboard> {
    let (cluster, cloud) = (Upstream::cluster(&launch.kubeconfig)?, Upstream::cloud(launch.clouds.address, &launch.clouds.ca_pem)?);
    let seam = Seam::open(judge.clone(), cluster, cloud).await?;
    let through = Launch { kubeconfig: seam.kubeconfig(&launch.kubeconfig), clouds: seam.clouds()?, ..launch.clone() };
    let operator = Running::start_logging(through, log.dispatch()).await?;
    Ok(Aboard { operator: Some(operator), seam: Some(seam) })
}
