//! Who leads: one of the replicas, by a Lease that is renewed with a guarded PUT.
//!
//! Being leader is no matter of correctness: two that act at the same time still converge. It saves calls and keeps Events single.
//! The deadline is monotonic and checked before each effect, so that a replica that slept through its Lease does nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{clock::Clock, error::Error};

/// How long a Lease holds without being renewed, and what follows from that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term(Duration);

impl Term {
    /// The term unless another is asked for.
    pub const DEFAULT: Self = Self(Duration::from_secs(45));
    const SHORTEST: Duration = Duration::from_secs(6);
    const LONGEST: Duration = Duration::from_mins(1);

    /// How long the Lease holds.
    pub fn holds(self) -> Duration {
        self.0
    }

    /// How long an effect may take: with the third that is left, every effect is over before another replica can lead.
    pub fn longest_effect(self) -> Duration {
        self.0 * 2 / 3
    }

    /// How often the Lease is renewed.
    pub fn renew(self) -> Duration {
        self.0 / 9
    }

    /// How long a Lease holds by its holder's word, which may be of another version or configuration than ours: never less than
    /// ours, nor more than anybody's can.
    fn of_holder(self, spec: &LeaseSpec) -> Duration {
        let told = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
        told.unwrap_or_default().clamp(self.0, Self::LONGEST.max(self.0))
    }
}

impl std::str::FromStr for Term {
    type Err = String;

    /// Reads `15s`.
    fn from_str(text: &str) -> Result<Self, String> {
        let term = moorage_plan::parse_duration(text).map_err(|error| error.to_string())?;
        let term = Duration::try_from(term).map_err(|error| error.to_string())?;
        if (Self::SHORTEST..=Self::LONGEST).contains(&term) { Ok(Self(term)) } else { Err("a Lease holds for 6s to 60s".to_owned()) }
    }
}

/// Whether this replica leads, and until when.
#[derive(Clone, Debug)]
pub struct Leadership {
    until: Arc<watch::Sender<Option<Instant>>>,
    always: bool,
    term: Term,
}

impl Leadership {
    /// A replica that never asks: for a single replica, and for tests.
    pub fn always() -> Self {
        Self { until: Arc::default(), always: true, term: Term::DEFAULT }
    }

    /// A replica that does not lead yet.
    pub fn contested(term: Term) -> Self {
        Self { until: Arc::default(), always: false, term }
    }

    /// How long an effect may take.
    pub fn longest_effect(&self) -> Duration {
        self.term.longest_effect()
    }

    /// Whether an effect that begins now is over before another replica can lead.
    pub fn may_act(&self) -> bool {
        self.always || self.left() > self.longest_effect()
    }

    /// Whether this replica leads now.
    pub fn leads(&self) -> bool {
        self.always || !self.left().is_zero()
    }

    /// Waits until an effect may begin. A standby that is told the same again and again is not woken by it.
    pub async fn until_it_may_act(&self) {
        let mut until = self.until.subscribe();
        while !self.may_act() {
            // The sender lives as long as `self`.
            let _ = until.changed().await;
        }
    }

    fn left(&self) -> Duration {
        self.until.borrow().map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }

    fn set(&self, until: Option<Instant>) {
        self.until.send_if_modified(|before| std::mem::replace(before, until) != until);
    }
}

/// The Lease of an installation.
pub struct Election {
    api: Api<Lease>,
    name: String,
    identity: String,
    clock: Clock,
    leadership: Leadership,
    /// What the Lease looked like when it was last seen to change, and when that was: a holder's own times are not believed.
    seen: Option<(LeaseSpec, Instant)>,
}

impl Election {
    /// An election for `leadership` over the Lease `name`, in which this replica is called `identity`.
    pub fn new(client: Client, namespace: &str, name: String, identity: String, clock: Clock, leadership: Leadership) -> Self {
        Self { api: Api::namespaced(client, namespace), name, identity, clock, leadership, seen: None }
    }

    /// Takes part until `stop`, then hands the Lease back so that another replica need not wait.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            // The deadline counts from before the request: the answer may be slow.
            let asked = Instant::now();
            match tokio::time::timeout(self.term().renew() * 2, self.round()).await {
                Ok(Ok(true)) => self.leadership.set(Some(asked + self.term().holds())),
                Ok(Ok(false)) => self.leadership.set(None),
                Ok(Err(error)) => tracing::warn!(error = error.chain(), "the Lease was not renewed"),
                Err(_) => tracing::warn!("the Lease was not renewed in time"),
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(if self.leadership.leads() { self.term().renew() } else { self.term().renew() / 5 }) => {}
            }
        }
        if self.leadership.leads() {
            self.leadership.set(None);
            match tokio::time::timeout(self.term().renew() * 2, self.hand_back()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(error = error.chain(), "the Lease was not handed back"),
                Err(_) => tracing::warn!("the Lease was not handed back in time"),
            }
        }
    }

    fn term(&self) -> Term {
        self.leadership.term
    }

    async fn round(&mut self) -> Result<bool, Error> {
        let failed = |step: &'static str| move |error| Error::cluster(step, error);
        let Some(lease) = self.api.get_opt(&self.name).await.map_err(failed("failed to read the Lease"))? else {
            let fresh =
                Lease { metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() }, spec: Some(self.held(None)) };
            return settled(self.api.create(&PostParams::default(), &fresh).await, "failed to create the Lease");
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let ours = spec.holder_identity.as_deref() == Some(&self.identity);
        if !ours && !self.is_free(&spec) {
            return Ok(false);
        }
        // `metadata` carries the resourceVersion: a PUT that raced with another replica's is refused.
        let taken = Lease { spec: Some(self.held(Some(&spec))), ..lease };
        settled(self.api.replace(&self.name, &PostParams::default(), &taken).await, "failed to renew the Lease")
    }

    /// Free if nobody holds it, or if it has not changed for as long as it holds, by our own watch.
    fn is_free(&mut self, spec: &LeaseSpec) -> bool {
        if spec.holder_identity.as_deref().unwrap_or_default().is_empty() {
            return true;
        }
        match &self.seen {
            Some((before, since)) if before == spec => since.elapsed() > self.term().of_holder(spec),
            Some(_) | None => {
                self.seen = Some((spec.clone(), Instant::now()));
                false
            }
        }
    }

    fn held(&self, before: Option<&LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(self.clock.now());
        let ours = before.is_some_and(|before| before.holder_identity.as_deref() == Some(&self.identity));
        let transitions = before.and_then(|before| before.lease_transitions).unwrap_or(0);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.term().holds().as_secs()).ok(),
            acquire_time: before.filter(|_| ours).and_then(|before| before.acquire_time.clone()).or_else(|| Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(if ours { transitions } else { transitions + 1 }),
            ..LeaseSpec::default()
        }
    }

    async fn hand_back(&self) -> Result<(), Error> {
        let failed = |error| Error::cluster("failed to hand the Lease back", error);
        let Some(mut lease) = self.api.get_opt(&self.name).await.map_err(failed)? else { return Ok(()) };
        let Some(spec) = lease.spec.as_mut().filter(|spec| spec.holder_identity.as_deref() == Some(&self.identity)) else {
            return Ok(());
        };
        spec.holder_identity = None;
        self.api.replace(&self.name, &PostParams::default(), &lease).await.map(|_| ()).map_err(failed)
    }
}

/// A conflict means that another replica was faster.
fn settled(answer: kube::Result<Lease>, step: &'static str) -> Result<bool, Error> {
    match answer {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(Error::cluster(step, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_that_could_outlive_the_lease_is_not_begun() {
        let leadership = Leadership::contested(Term::DEFAULT);
        assert!(!leadership.may_act());
        leadership.set(Some(Instant::now() + Duration::from_secs(35)));
        assert!(leadership.may_act());
        leadership.set(Some(Instant::now() + Duration::from_secs(30)));
        assert!(!leadership.may_act() && leadership.leads());
        leadership.set(Some(Instant::now()));
        assert!(!leadership.leads());
    }

    #[test]
    fn an_effect_and_two_missed_renewals_fit_into_every_term() {
        for text in ["6s", "15s", "45s", "1m"] {
            let term: Term = text.parse().expect("a term");
            assert!(term.longest_effect() + term.renew() * 2 < term.holds(), "{text}");
        }
        assert_eq!("45s".parse(), Ok(Term::DEFAULT));
        assert_eq!("5s".parse::<Term>(), Err("a Lease holds for 6s to 60s".to_owned()));
        assert_eq!("2m".parse::<Term>(), Err("a Lease holds for 6s to 60s".to_owned()));
    }

    #[test]
    fn a_lease_of_another_length_is_waited_for_as_its_holder_says() {
        let (short, long) = (Term(Duration::from_secs(10)), Term(Duration::from_secs(40)));
        let of = |seconds| LeaseSpec { lease_duration_seconds: seconds, ..LeaseSpec::default() };
        assert_eq!(short.of_holder(&of(Some(40))), Duration::from_secs(40));
        assert_eq!(long.of_holder(&of(Some(10))), Duration::from_secs(40));
        assert_eq!(short.of_holder(&of(None)), Duration::from_secs(10));
        assert_eq!(short.of_holder(&of(Some(86_400))), Duration::from_mins(1));
    }

    #[tokio::test]
    async fn a_standby_is_woken_when_it_begins_to_lead_and_not_each_time_that_it_is_told_that_it_does_not() {
        let leadership = Leadership::contested(Term::DEFAULT);
        let polls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (waits, counted) = (leadership.clone(), polls.clone());
        let standby = tokio::spawn(async move {
            let mut waiting = Box::pin(waits.until_it_may_act());
            std::future::poll_fn(|context| {
                counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                waiting.as_mut().poll(context)
            })
            .await;
        });
        for _ in 0..100 {
            leadership.set(None);
            tokio::task::yield_now().await;
        }
        assert_eq!(polls.load(std::sync::atomic::Ordering::Relaxed), 1, "it was woken for nothing");
        leadership.set(Some(Instant::now() + Term::DEFAULT.holds()));
        standby.await.expect("it leads");
    }
}
