//! The one place through which every effect goes.

use std::sync::Arc;
use std::time::Duration;

use moorage_plan::{Class, Reason};

use crate::{error::Error, key::ObjectKey, lease::Leadership, metrics::Metrics};

/// Where an effect takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// In the API server.
    Cluster,
    /// In a cloud.
    Cloud,
}

impl Target {
    /// The word under which it is counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Cloud => "cloud",
        }
    }
}

/// Lets effects through while this replica leads, one by one counted.
#[derive(Clone, Debug)]
pub struct Effects {
    leadership: Leadership,
    metrics: Arc<Metrics>,
}

/// How long an effect may take: the Lease must outlive it (see [`Leadership::may_act`]).
pub const LONGEST: Duration = Duration::from_secs(30);

impl Effects {
    /// Effects under a Lease.
    pub fn new(leadership: Leadership, metrics: Arc<Metrics>) -> Self {
        Self { leadership, metrics }
    }

    /// Performs one effect, if this replica still leads and will for as long as the effect may take.
    ///
    /// # Errors
    /// `Unavailable` if it does not lead; else what the effect says.
    pub async fn perform<T>(
        &self,
        object: &ObjectKey,
        target: Target,
        reason: Reason,
        effect: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        if !self.leadership.may_act() {
            return Err(Error::own("this replica does not lead now", Class::Unavailable));
        }
        let result = match tokio::time::timeout(LONGEST, effect).await {
            Ok(result) => result,
            Err(_) => Err(Error::own(format!("{reason} took longer than {} s", LONGEST.as_secs()), Class::Unavailable)),
        };
        let outcome = result.as_ref().map_or_else(|error| error.reason().as_str(), |_| "Done");
        self.metrics.effect(object.kind, target, reason, outcome);
        tracing::debug!(%object, %reason, target = target.as_str(), outcome, "effect");
        result
    }
}
