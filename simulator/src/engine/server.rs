//! What the listener, the connections and the handle of a running simulator share.

use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;

use crate::engine::clock::Clock;
use crate::engine::clock::advance::{AdvanceError, Target};
use crate::engine::cloud::{Boxed, Cloud};
use crate::engine::faults::Faults;
use crate::engine::http::{Request, Response};
use crate::engine::log::Log;
use crate::engine::snapshot::Secrets;
use crate::engine::tls::Authority;
use crate::spec::Strictness;

/// Answers the simulator's own paths.
pub(crate) type Controls<C> = for<'a> fn(&'a Arc<Server<C>>, &'a Request) -> Boxed<'a, Response>;

/// A cloud with its clock, its fault plan and its log.
pub(crate) struct Server<C> {
    pub clock: Clock,
    pub faults: Faults,
    pub log: Log,
    /// Who is refused whatever breaks the vendor's description.
    pub strictness: Strictness,
    pub authority: Arc<Authority>,
    pub controls: Controls<C>,
    pub cloud: Mutex<C>,
}

impl<C: Cloud> Server<C> {
    /// The cloud; held only while nothing is awaited.
    pub fn cloud(&self) -> MutexGuard<'_, C> {
        self.cloud.lock().expect("nothing panics while the cloud is held")
    }

    /// Changes the cloud once everything has happened that is due.
    pub fn change<T>(&self, change: impl FnOnce(&mut C, Timestamp) -> T) -> T {
        let mut cloud = self.cloud();
        // Read under the lock, so that the cloud never sees time go back.
        let now = self.clock.now();
        cloud.settle(now);
        let outcome = change(&mut cloud, now);
        cloud.changed(now);
        outcome
    }

    /// Moves the domain clock.
    pub async fn advance(&self, target: Target) -> Result<Timestamp, AdvanceError> {
        self.clock.advance(target, |now| self.cloud().settle(now)).await
    }

    /// The cloud as text, with everything happened that is due.
    pub fn snapshot(&self, secrets: Secrets) -> String {
        let now = self.clock.now();
        let mut cloud = self.cloud();
        cloud.settle(now);
        cloud.snapshot(secrets)
    }
}
